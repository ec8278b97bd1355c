"""``ScoreOptimism``: measures of a model of scores, corrected for optimism."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

from lbp_prognosis._base import METRICS, Objection, Result, metric

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["ScoreOptimism"]


@dataclass(frozen=True, repr=False)
class ScoreOptimism(Result):
    """Measures of a model of scores, in the sample of the fit and corrected for optimism.

    Attributes
    ----------
    table : DataFrame
        One row per measure, columns ``metric, apparent, training, test, optimism, se, corrected, n_resamples``.
    n : int
        Rows of the sample.
    n_resamples : int
        Bootstrap samples whose refits succeeded.
    objections : tuple of Objection
        To predictors and outcome, from `screen`.
    """

    table: pd.DataFrame
    n: int
    n_resamples: int
    objections: tuple[Objection, ...] = ()
    synthetic: bool = False

    def to_frame(self) -> pd.DataFrame:
        """Return one row per measure."""
        return self.table

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw every measure, corrected, and hollow as it is in the sample of the fit.

        Parameters
        ----------
        ax : Axes, optional
            Axes to draw on; a new figure by default.
        """
        from lbp_prognosis._draw import draw_estimates

        rows = self.table.dropna(subset=["corrected"])
        rows = rows.assign(label=rows["metric"].map(_readable), value=rows["corrected"], other=rows["apparent"])
        return draw_estimates(rows, axis="corrected for optimism", hollow="in the sample of the fit", ax=ax)

    def _summary(self) -> str:
        return f"{len(self.table)} measures, {self.n} rows, {self.n_resamples} resamples"


def _readable(name: str) -> str:
    return metric(name).short if name in METRICS else name.replace("_", " ")
