"""Small risk models for tests of what wraps a model: closed forms, no dependence on the models' room."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.special import expit
from sklearn.base import BaseEstimator
from sklearn.linear_model import LogisticRegression


class Logit(BaseEstimator):
    """Unpenalised logistic regression of the state at a horizon; reads `Status` or `Surv.right` without censoring."""

    def __init__(self, horizon: float = 12.0, strata: Any = None, scale: float = 1.0) -> None:
        self.horizon = horizon
        self.strata = strata
        self.scale = scale

    def _matrix(self, X: Any) -> np.ndarray:
        frame = X.drop(columns=[self.strata]) if self.strata is not None else X
        return np.asarray(frame, dtype=float)

    def fit(self, X: Any, y: Any, *, sample_weight: Any = None) -> Logit:
        event = y["status"] if "status" in y.dtype.names else (y["time"] <= self.horizon) & (y["event"] == 1)
        matrix = self._matrix(X)
        self.columns_ = list(getattr(X, "columns", range(matrix.shape[1])))
        fitted = LogisticRegression(C=np.inf, tol=1e-12, max_iter=5000).fit(matrix, event, sample_weight)
        self.coef_, self.intercept_ = fitted.coef_[0], float(fitted.intercept_[0])
        self.max_time_, self.causes_ = 100.0, np.array([1])
        return self

    def linear_predictor(self, X: Any, *, offset: Any = None) -> np.ndarray:
        eta = self.scale * (self.intercept_ + self._matrix(X) @ self.coef_)
        return eta if offset is None else eta + np.asarray(offset)

    def predict_risk(
        self, X: Any, horizons: Any, cause: int = 1, *, strata: Any = None, offset: Any = None
    ) -> np.ndarray:
        return np.repeat(expit(self.linear_predictor(X, offset=offset))[:, None], np.size(horizons), axis=1)


class Hazard(BaseEstimator):
    """A proportional-hazards model with given coefficients: nothing is estimated."""

    def __init__(self, coef: Any = (), rate: float = 0.04) -> None:
        self.coef = coef
        self.rate = rate

    def fit(self, X: Any, y: Any = None) -> Hazard:
        self.coef_ = np.asarray(self.coef, dtype=float)
        return self

    def linear_predictor(self, X: Any) -> np.ndarray:
        return np.asarray(X, dtype=float) @ np.asarray(self.coef, dtype=float)

    def predict_risk(self, X: Any, horizons: Any, cause: int = 1) -> np.ndarray:
        times = np.atleast_1d(np.asarray(horizons, dtype=float))
        return -np.expm1(-self.rate * times[None, :] * np.exp(self.linear_predictor(X))[:, None])
