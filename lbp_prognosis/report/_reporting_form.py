"""``ReportingForm``: the items of a reporting or appraisal tool beside what a run says to them."""

from __future__ import annotations

from dataclasses import dataclass, field

import pandas as pd

from lbp_prognosis._base import DocumentResult

__all__ = ["ReportingForm", "banners"]


@dataclass(frozen=True, repr=False)
class ReportingForm(DocumentResult):
    """What forms have in common; a form says what its table contains.

    Attributes
    ----------
    title : str
        Which study, and which model of it where the form is of one.
    table : DataFrame
        One row per item.
    released : bool
        Whether all numbers came through the gate, so that the form may leave.
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


def banners(*, released: bool, synthetic: bool) -> tuple[str, ...]:
    """Return what stands on top of a form or text: that data are simulated, and that it is not for release.

    Parameters
    ----------
    released, synthetic : bool
        See `ReportingForm`.
    """
    simulated = ("Simulated data: no evidence about anyone.",) if synthetic else ()
    return simulated if released else (*simulated, "Not for release: shows counts of single patients.")
