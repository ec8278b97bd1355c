"""``DatedAtVisit``: fits a model of exact times to an outcome known at visits, with an objection."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, clone

from lbp_prognosis._base import objection
from lbp_prognosis.study._with_earlier_visits import WithEarlierVisits
from lbp_prognosis.survival import Surv

__all__ = ["DATED_AT_VISIT", "DatedAtVisit", "unwrapped_model"]

DATED_AT_VISIT = objection("dated-at-visit")


class DatedAtVisit(BaseEstimator):
    """Fit an estimator of right-censored times to an interval-censored outcome, with events dated at the visit.

    Parameters
    ----------
    estimator : estimator
        With ``fit(X, y)`` and ``predict_risk``.
    """

    def __init__(self, estimator: Any) -> None:
        self.estimator = estimator

    def fit(self, X: Any, y: np.ndarray, **keywords: Any) -> DatedAtVisit:
        """Fit to `Surv.interval_to_right(y, at="visit")`."""
        self.estimator_ = clone(self.estimator).fit(X, Surv.interval_to_right(y, at="visit"), **keywords)
        return self

    def predict_risk(self, X: Any, horizons: Any, cause: int = 1, **keywords: Any) -> np.ndarray:
        """Return the risks of the fitted estimator, shape (n, n_horizons)."""
        return np.asarray(self.estimator_.predict_risk(X, horizons, cause, **keywords))


def unwrapped_model(model: Any) -> Any:
    """Return the fitted model inside a wrapper that changes the outcome of its fit."""
    return model.estimator_ if isinstance(model, DatedAtVisit | WithEarlierVisits) else model
