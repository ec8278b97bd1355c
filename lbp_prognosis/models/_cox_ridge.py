"""Ridge penalty of a Cox model: given, or chosen by cross-validated partial likelihood."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from lbp_prognosis._kernels import CoxData, cox_fit_prepared, cox_loglik
from lbp_prognosis.models._cox_checks import column_factors, column_sd
from lbp_prognosis.models._design import Design
from lbp_prognosis.models._ridge_choice import chosen_ridge, fold_labels, fold_share, ridge_grid, saturated_loglik

__all__ = ["CoxRidge"]


class CoxRidge:
    """Methods of `CoxPH` about its penalty."""

    penalty: Any
    penalty_factors: Any
    standardize: bool
    ties: str
    choose: str
    cv: int
    max_iter: int
    random_state: Any
    penalty_: float
    cv_: pd.DataFrame | None

    @property
    def folds_keep_clusters(self) -> bool:
        """Whether resampling must identify copies of patients, so that folds keep them together."""
        return self.penalty == "cv"

    def _choose_penalty(self, X: Any, design: Design, data: CoxData, folds: Any) -> None:
        """Set ``penalty_`` and ``cv_``; ``data`` are the risk sets of all rows of ``X``."""
        model: Any = self
        self.penalty_, self.cv_ = 0.0, None
        if self.penalty != "cv" or design.X.shape[1] == 0:
            self.penalty_ = 0.0 if self.penalty == "cv" else float(self.penalty)
            return
        event = design.y["event"] == model._own_cause
        weights = np.ones(event.size) if design.weights is None else design.weights
        labels = fold_labels(folds, self.cv, event, design.clusters, self.random_state)
        grid = ridge_grid(float(weights[event].sum()))

        def deviance(train: np.ndarray) -> np.ndarray:
            part, own = design.part(train), weights[train]
            inner = model._risk_sets(_cut(X, train), part.X, part.y, part.strata, part.weights)
            share = fold_share(weights, train, standardize=self.standardize, frequency=design.frequency)
            unit = share * self._unit_ridge(part.X, part.weights if design.frequency else None)
            coef = self._path(inner, part, grid[:, None] * unit)
            both = []
            for rows, sets, w in ((design, data, weights), (part, inner, own)):
                eta = (rows.X - data.centre) @ np.nan_to_num(coef).T
                eta = eta if rows.offset is None else eta + rows.offset[:, None]
                value = cox_loglik(sets, eta, weights=w, ties=self.ties, frequency=design.frequency)
                happened = rows.y["event"] == model._own_cause
                both.append(value - saturated_loglik(rows.y["time"], happened, w, rows.strata))
            return np.where(np.isnan(coef).any(axis=1), np.nan, -2 * (both[0] - both[1]))

        self.penalty_, self.cv_ = chosen_ridge(grid, labels, weights * event, deviance, self.choose)

    def _path(self, data: CoxData, design: Design, ridges: np.ndarray) -> np.ndarray:
        """Coefficients at each row of ``ridges`` (k, p), from strong to weak; NaN without a maximum."""
        out, start = np.full(ridges.shape, np.nan), None
        for k, ridge in enumerate(ridges):
            fit = cox_fit_prepared(
                data,
                weights=design.weights,
                offset=design.offset,
                ties=self.ties,
                start=start,
                penalty=ridge,
                frequency=design.frequency,
                max_iter=self.max_iter,
                tol=1e-7,
                null=False,
            )
            if fit.converged:
                out[k] = start = fit.coef
        return out

    def _ridge(self, X: np.ndarray, counts: np.ndarray | None) -> np.ndarray | None:
        """Return the penalty of each column, for rows that represent ``counts`` (n,) copies, by default one each."""
        unit = self._unit_ridge(X, counts)
        return None if self.penalty_ == 0 else self.penalty_ * unit

    def _unit_ridge(self, X: np.ndarray, counts: np.ndarray | None) -> np.ndarray:
        model: Any = self
        factors = column_factors(self.penalty_factors, model._names(), "penalty_factors")
        scale = column_sd(X, counts, "n-1") if self.standardize else np.ones(factors.size)
        return factors * scale**2


def _cut(X: Any, rows: np.ndarray) -> Any:
    return X[rows] if hasattr(X, "iloc") else np.asarray(X)[rows]
