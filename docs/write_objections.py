"""Write the page of objections from the registry, so that what an objection says is said once."""

from __future__ import annotations

import re
from pathlib import Path

HEAD = """---
html_theme.sidebar_secondary.remove: true
---

# Objections

Doubtful practice is computed where it has meaning, and the result carries an objection: a code, a sentence and its
source. Some objections keep a claim from being supported (`evidence.BLOCKING`); all others are printed beside the
number. Words in braces are filled in.

| code | sentence | tier | claims it blocks | source |
|---|---|---|---|---|
"""


def objections_page() -> str:
    """Return the page."""
    from lbp_prognosis._base import OBJECTIONS

    lines = []
    for fact in OBJECTIONS.values():
        sentences = "<br>".join(_plain(sentence) for sentence in (fact.sentence, *fact.variants.values()))
        blocks = ", ".join(f"`{kind}`" for kind in fact.blocks) or "–"
        cells = (f"`{fact.code}`", sentences, fact.tier or "any", blocks, _linked(fact.source) or "–")
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return HEAD + "\n".join(lines) + "\n"


def write_objections(folder: Path) -> None:
    """Write ``objections.md``; left alone if it would not change."""
    folder.mkdir(exist_ok=True)
    path, text = folder / "objections.md", objections_page()
    if not path.is_file() or path.read_text(encoding="utf-8") != text:
        path.write_text(text, encoding="utf-8")


def _plain(sentence: str) -> str:
    """The sentence with the names of its fields, without their formats."""
    return re.sub(r"\{(\w+)[^}]*\}", r"{\1}", sentence)


def _linked(source: str) -> str:
    """A DOI as a link."""
    found = re.search(r"(?:https://doi\.org/|doi:)(10\.\S+)", source)
    if not found:
        return source
    words = source[: found.start()].strip(" ,.") or f"doi:{found.group(1)}"
    return f"[{words}](https://doi.org/{found.group(1)})"
