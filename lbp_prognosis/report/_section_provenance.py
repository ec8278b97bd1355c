"""Section Provenance: protocol, versions, hashes, warnings."""

from __future__ import annotations

import pandas as pd

from lbp_prognosis.report._blocks import Block, Section, Table, Words
from lbp_prognosis.report._page import Page
from lbp_prognosis.report._wording import spoken

__all__ = ["section_provenance"]


def section_provenance(page: Page) -> Section:
    """Return the protocol, and the software and inputs of the page."""
    blocks: list[Block] = []
    if page.protocol:
        lines = [(what, spoken(how)) for what, how in page.protocol]
        blocks.append(Table("protocol", "The protocol.", pd.DataFrame(lines, columns=["what", "how"]), head=2))
    rows = [("seed", str(page.provenance.get("seed", "–")))]
    if page.provenance.get("spec_sha256"):
        rows.append(("protocol (SHA-256)", str(page.provenance["spec_sha256"])))
    rows += [(f"input {name} (SHA-256)", value) for name, value in page.provenance.get("input_sha256", {}).items()]
    rows += list(page.provenance.get("versions", {}).items())
    blocks.append(Table("provenance", "Seed, hashes, versions.", pd.DataFrame(rows, columns=["what", "value"]), head=2))
    for title, key in (("Notes on reading the data", "notes"), ("Warnings of the run", "warnings")):
        said = page.provenance.get(key, [])
        if said:
            blocks.append(Words(f"{title}: " + " ".join(str(line) for line in said)))
    return Section("provenance", "Which inputs and versions produced this page?", tuple(blocks))
