"""``WithEarlierVisits``: a model of a score at several visits, for an outcome that is the score at the last visit."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, clone

from lbp_prognosis._base import content_hash
from lbp_prognosis.survival import Measured, ScoreForecast, measured_spec

__all__ = ["EarlierScores", "WithEarlierVisits"]


@dataclass(frozen=True, repr=False)
class EarlierScores:
    """Scores at visits before the horizon, by the label of the patient.

    Attributes
    ----------
    frame : DataFrame of shape (n, n_visits)
        Columns are the times of the visits; missing means not observed.
    """

    frame: pd.DataFrame = field(repr=False)

    def __repr__(self) -> str:  # enters the hash of a checkpoint
        values = [[None if np.isnan(value) else value for value in row] for row in self.frame.to_numpy().tolist()]
        told = {"visits": self.frame.columns.tolist(), "rows": list(map(str, self.frame.index)), "values": values}
        return f"EarlierScores({content_hash(told)})"


class WithEarlierVisits(BaseEstimator):
    """Fit a model of several visits, and predict one visit.

    Parameters
    ----------
    estimator : estimator
        Accepts `Measured.at_visits`.
    earlier : EarlierScores
        Courses of all patients; each fit finds those of its rows by label. Predictions do not use them.
    visit : float, optional
        Visit whose distribution is predicted; the last by default. Risks are always those of the last visit.
    """

    def __init__(self, estimator: Any, earlier: EarlierScores, visit: float | None = None) -> None:
        self.estimator = estimator
        self.earlier = earlier
        self.visit = visit

    def fit(self, X: pd.DataFrame, y: np.ndarray) -> WithEarlierVisits:
        """Fit to the scores of all visits of the rows of ``X``."""
        spec = measured_spec(y)
        rows = self.earlier.frame.loc[X.index]
        scores = {float(time): rows[time].to_numpy(dtype=float) for time in rows.columns}
        whole = Measured.at_visits(
            {**scores, spec.horizon: y["value"]},
            lower=spec.lower,
            upper=spec.upper,
            kind=spec.kind,
            at_most=spec.at_most,
            at_least=spec.at_least,
        )
        self.estimator_ = clone(self.estimator).fit(X, whole)
        return self

    def predict_forecast(self, X: Any) -> ScoreForecast:
        """Return the distributions at the visit."""
        found: ScoreForecast = self.estimator_.predict_forecast(X, self.visit)
        return found

    def predict_risk(self, X: Any, horizons: Any = None, cause: int = 1) -> np.ndarray:
        """Return the risks of the declared cut, shape (n, n_horizons)."""
        return np.asarray(self.estimator_.predict_risk(X, horizons, cause))
