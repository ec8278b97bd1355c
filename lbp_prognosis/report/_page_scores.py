"""``PageScores``: results on predicted scores that the page shows in addition to the metrics."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from lbp_prognosis.evaluation import Evaluation, score_tenths
from lbp_prognosis.survival import ScoreForecast

__all__ = ["PageScores"]


@dataclass(frozen=True)
class PageScores:
    """Observed and predicted scores of one model, and responses.

    Attributes
    ----------
    model : str
        Model of the groups.
    words : str
        Range and cut in words.
    tenths : DataFrame
        As `score_tenths` returns it; for a released page ``group, n, predicted, observed``.
    smallest_detectable, important : float or None
        In points.
    response : Evaluation or None
        Evaluation of predicted responses: a fall by at least ``important`` from the baseline.
    visits : mapping of float to Evaluation
        Evaluations of models of several visits, at visits before the horizon; empty for a released page.
    y, forecast : ndarray and ScoreForecast, or None
        The rows behind the numbers, used only by the gate.
    """

    model: str
    words: str
    tenths: pd.DataFrame = field(repr=False)
    smallest_detectable: float | None = None
    important: float | None = None
    response: Evaluation | None = field(default=None, repr=False)
    visits: Mapping[float, Evaluation] = field(default_factory=dict, repr=False)
    y: np.ndarray | None = field(default=None, repr=False)
    forecast: ScoreForecast | None = field(default=None, repr=False)

    def grouped(self, n_groups: int) -> pd.DataFrame:
        """Return predicted and observed means in a given number of groups.

        Parameters
        ----------
        n_groups : int
            Number of groups of about equal size by the predicted mean.
        """
        assert self.y is not None
        assert self.forecast is not None
        return score_tenths(self.y, self.forecast, n_groups=n_groups)[["group", "n", "predicted", "observed"]]
