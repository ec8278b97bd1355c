"""A model adapted to new patients: the original inside, the adaptation and its ledger outside."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from lbp_prognosis._base import (
    argument_error,
    check_horizons,
    linear_predictor_scale,
    stated_score,
    takes_rows,
)
from lbp_prognosis._kernels import row_products, step_at

__all__ = ["UpdatedModel", "original_score"]


@dataclass(frozen=True)
class UpdatedModel:
    """An immutable new version of a fitted model.

    Attributes
    ----------
    model : object
        The original (or, after a refit, the refitted) model.
    method : {"original", "intercept", "baseline", "slope", "refit", "bayes"}
        How it was adapted.
    scale : {"logit", "hazard"}
        Scale of the adaptation.
    intercept : float
        Added to the log odds, or to the log cumulative hazard.
    slope : float
        Factor on the linear predictor.
    baseline_times, baseline_hazard : ndarray or None
        New cumulative baseline hazard (for ``"slope"`` of a time to event), for a linear predictor of zero.
    coefficients, covariance : ndarray or None
        (Intercept and) coefficients after a Bayesian update, and their posterior covariance.
    horizon : float or None
        Where the original is judged by its risk, because it states no linear predictor on this scale: the time of
        that risk.
    ledger : dict
        ``parent, data, n, n_events, method, test``: what this version comes from.
    baseline_events : ndarray of int or None
        Events at each of those times: how many patients are behind a step. A locked model has none.
    """

    model: Any
    method: str
    scale: str
    intercept: float = 0.0
    slope: float = 1.0
    baseline_times: np.ndarray | None = field(default=None, repr=False)
    baseline_hazard: np.ndarray | None = field(default=None, repr=False)
    coefficients: np.ndarray | None = field(default=None, repr=False)
    covariance: np.ndarray | None = field(default=None, repr=False)
    horizon: float | None = None
    ledger: dict[str, Any] = field(default_factory=dict)
    baseline_events: np.ndarray | None = field(default=None, repr=False)

    @takes_rows()
    def fit(self, X: Any, y: Any) -> None:
        """Refuse: an updated model is a version, not an estimator."""
        raise argument_error(
            "model", "an unfitted estimator", "an updated model", "Update the original again with update_model."
        )

    @takes_rows()
    def predict_risk(self, X: Any, horizons: Any, cause: int = 1) -> np.ndarray:
        """Return updated risks of shape (n, n_horizons).

        Parameters
        ----------
        X : DataFrame or array of shape (n, p)
            Predictors.
        horizons : float or sequence of float
            Prediction times.
        cause : int, default 1
            Event code; adaptations know cause 1.
        """
        times, _ = check_horizons(horizons)
        if self.method in ("original", "refit"):
            return self.model.predict_risk(X, times, cause=cause)
        if self.coefficients is not None and self.scale == "logit":
            lp = self.linear_predictor(X)
            return np.where(np.isnan(self.model.predict_risk(X, times)), np.nan, 1 / (1 + np.exp(-lp))[:, None])
        if self.baseline_times is not None and self.baseline_hazard is not None:
            lp = self.linear_predictor(X)
            hazard = step_at(self.baseline_times, self.baseline_hazard, times, left=0.0)
            risk = -np.expm1(-np.exp(lp)[:, None] * hazard)
            risk[:, times > self.baseline_times[-1]] = np.nan
            return risk
        risk = self.model.predict_risk(X, times, cause=cause)
        if self.scale == "logit":
            with np.errstate(divide="ignore"):
                return 1 / (1 + np.exp(-(self.intercept + self.slope * np.log(risk / (1 - risk)))))
        return 1 - (1 - risk) ** np.exp(self.intercept)

    @takes_rows()
    def linear_predictor(self, X: Any) -> np.ndarray:
        """Return the updated linear predictor (log odds or log hazard)."""
        if self.coefficients is not None:
            names = getattr(self.model, "feature_names_in_", None)
            matrix = np.asarray(X[list(names)] if hasattr(X, "columns") and names is not None else X, dtype=float)
            if self.scale == "hazard":
                return row_products(matrix, self.coefficients)
            return self.coefficients[0] + row_products(matrix, self.coefficients[1:])
        if self.method in ("original", "refit"):
            return np.asarray(self.model.linear_predictor(X), dtype=float)
        return self.intercept + self.slope * original_score(self.model, X, self.scale, self.horizon)

    @property
    def linear_predictor_scale(self) -> str | None:
        """Scale of the linear predictor: that of the original until it was changed."""
        if self.method in ("original", "refit"):
            return linear_predictor_scale(self.model)
        if self.scale == "logit":
            return "log_odds"
        return "log_hazard" if self.horizon is None else "log_cumulative_hazard"


def original_score(model: Any, X: Any, scale: str, horizon: float | None) -> np.ndarray:
    """Return a model's score on the scale of an update: its linear predictor if it states that scale, else its risk.

    Parameters
    ----------
    model : fitted model
        With ``predict_risk``.
    X : DataFrame or array of shape (n, p)
        Predictors.
    scale : {"logit", "hazard"}
        Of the update.
    horizon : float or None
        Time of the risk that stands in for the linear predictor.
    """
    kind = "status" if scale == "logit" else "right"
    score = stated_score(model, X, kind)
    if score is not None:
        return score
    if horizon is None:
        raise argument_error(
            "model", f"a model with a linear predictor on the {scale} scale", type(model).__name__, "Ask for its risk."
        )
    risk = np.clip(np.asarray(model.predict_risk(X, [horizon]), dtype=float)[:, 0], 1e-12, 1 - 1e-12)
    return np.log(risk / (1 - risk)) if scale == "logit" else np.log(-np.log1p(-risk))
