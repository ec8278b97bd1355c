"""``Screening``: suspicious findings in predictors and outcome, one row per finding."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

from lbp_prognosis._base import Objection, Result

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["Finding", "Screening"]


@dataclass(frozen=True)
class Finding:
    """One suspicious fact found by `screen`.

    Attributes
    ----------
    code : str
        Code of the objection.
    column : str
        Predictor concerned; empty if it is the outcome or the rows.
    value : float
        The figure that gave it away: an area under the curve, a correlation, a share or a count.
    sentence : str
        What was found, and what it may mean.
    """

    code: str
    column: str
    value: float
    sentence: str


@dataclass(frozen=True, repr=False)
class Screening(Result):
    """Findings of `screen`, and the strength of every predictor by itself.

    Attributes
    ----------
    findings : tuple of Finding
        Empty for a clean table.
    strengths : Series
        Area under the curve of each predictor alone, the largest over the horizons.
    n : int
        Patients.
    objections : tuple of Objection
        One per code; each blocks the claims that the finding threatens.
    """

    findings: tuple[Finding, ...]
    strengths: pd.Series
    n: int
    objections: tuple[Objection, ...] = ()
    synthetic: bool = False

    def to_frame(self) -> pd.DataFrame:
        """Return one row per finding: ``code, column, value, sentence``."""
        rows = [(f.code, f.column, f.value, f.sentence) for f in self.findings]
        return pd.DataFrame(rows, columns=["code", "column", "value", "sentence"])

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the area under the curve of each predictor alone, the thirty strongest, suspicious ones marked.

        Parameters
        ----------
        ax : Axes, optional
            Axes to draw on; a new figure by default.
        """
        from lbp_prognosis._draw import draw_strengths

        return draw_strengths(self.strengths, {f.column for f in self.findings}, ax)

    def _summary(self) -> str:
        if not self.findings:
            return f"nothing suspicious in {self.strengths.size} predictors of {self.n} patients"
        codes = ", ".join(dict.fromkeys(f.code for f in self.findings))
        return f"{len(self.findings)} findings in {self.n} patients: {codes}"
