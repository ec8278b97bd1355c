"""``ReportingForm``: the items of a reporting or appraisal tool, with the answers of a run."""

from __future__ import annotations

from dataclasses import dataclass, field

import pandas as pd

from lbp_prognosis._base import DocumentResult

__all__ = ["ReportingForm", "banners"]


@dataclass(frozen=True, repr=False)
class ReportingForm(DocumentResult):
    """Base of the forms; each form documents its table.

    Attributes
    ----------
    title : str
        Name of the study, and of the model if the form is about one.
    table : DataFrame
        One row per item.
    released : bool
        Whether all numbers passed the disclosure gate, so that the form may be released.
    synthetic : bool
        Whether the data were simulated.
    """

    title: str
    table: pd.DataFrame = field(repr=False)
    released: bool = False
    synthetic: bool = False

    def to_frame(self) -> pd.DataFrame:
        """Return one row per item."""
        return self.table.copy()

    def _shows_patients(self) -> bool:
        return not self.released


def banners(*, released: bool, synthetic: bool) -> tuple[str, ...]:
    """Return the banners of a form or text: simulated data, not for release.

    Parameters
    ----------
    released, synthetic : bool
        See `ReportingForm`.
    """
    simulated = ("Simulated data: not evidence about any patient.",) if synthetic else ()
    return simulated if released else (*simulated, "Not for release: shows counts of single patients.")
