"""``analysis_plan``: the protocol as an analysis plan, written before the data are read."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from lbp_prognosis._base import Document, DocumentResult, argument_error
from lbp_prognosis.study._plan_sections import plan_sections
from lbp_prognosis.study._protocol_fields import protocol_fields, shown_value
from lbp_prognosis.study._study import Study

__all__ = ["AnalysisPlan", "analysis_plan"]


@dataclass(frozen=True, repr=False)
class AnalysisPlan(DocumentResult):
    """Analysis plan of a study, made from its protocol.

    Attributes
    ----------
    study : Study
        The protocol.
    sha256 : str
        Digest of the protocol; it does not depend on the protocol's folder.
    sections : tuple
        Headings, paragraphs and tables.
    """

    study: Study
    sha256: str
    sections: tuple[Any, ...] = field(repr=False)

    def to_frame(self) -> pd.DataFrame:
        """Return one row per field of the protocol: ``field, value``."""
        found = protocol_fields(self.study.to_dict())
        return pd.DataFrame([(path, shown_value(value)) for path, value in found.items()], columns=["field", "value"])

    def document(self) -> Document:
        """Return the plan as a text."""
        declared = "yes" if self.study.prespecified else "not said"
        facts = [
            ["what", "how"],
            ["protocol (SHA-256)", self.sha256],
            ["declared before the data were seen", declared],
            ["made from", "the protocol alone; no data were read"],
        ]
        return Document(f"Analysis plan: {self.study.title}", (facts, *self.sections))

    def _summary(self) -> str:
        return f"{self.study.title!r}, protocol {self.sha256[:12]}"


def analysis_plan(study: Study) -> AnalysisPlan:
    """Return the analysis plan of a study, made from its protocol before the data are read.

    Parameters
    ----------
    study : Study
        The protocol.

    Returns
    -------
    AnalysisPlan
        ``to_word(path)``, ``to_html()``, ``to_markdown()``; the same protocol gives the same bytes. The plan contains
        every field of the protocol, and lists what the protocol does not state.

    See Also
    --------
    deviations : Differences between the plan and the protocol that ran.
    """
    if not isinstance(study, Study):
        raise argument_error("study", "a Study", study, "Study.from_toml reads study.toml.")
    return AnalysisPlan(study, study.spec_hash, tuple(plan_sections(study)))
