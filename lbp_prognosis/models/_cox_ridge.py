"""Ridge penalty of a Cox model: given, or chosen by cross-validated partial likelihood."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from lbp_prognosis._kernels import CoxData, cox_fit_prepared, cox_loglik, cox_ridge_path
from lbp_prognosis.models._cox_checks import check_events, column_factors, column_sd
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

        def deviances(train: np.ndarray) -> Iterator[float]:
            part, own = design.part(train), weights[train]
            share = fold_share(weights, train, standardize=self.standardize, frequency=design.frequency)
            unit = share * self._unit_ridge(part.X, part.weights if design.frequency else None)
            saturated = 0.0
            for sign, rows, w in ((1, design, weights), (-1, part, own)):
                happened = rows.y["event"] == model._own_cause
                saturated += sign * saturated_loglik(rows.y["time"], happened, w, rows.strata)
            for coef, trained in self._path(X, design, data, train, grid[:, None] * unit):
                eta = (design.X - data.centre) @ coef
                eta = eta if design.offset is None else eta + design.offset
                everyone = cox_loglik(data, eta[:, None], weights=weights, ties=self.ties, frequency=design.frequency)
                yield -2 * (float(everyone[0]) - trained - saturated)

        self.penalty_, self.cv_ = chosen_ridge(grid, labels, weights * event, deviances, self.choose)

    def _tuned(self, X: Any, y: np.ndarray, factors: list[np.ndarray], folds: Any, **given: Any) -> list[pd.DataFrame]:
        """Return the table ``cv_`` for each of several sets of penalty factors; ``given`` as to ``_start_fit``."""
        model: Any = self
        design = model._start_fit(X, y, given["sample_weight"], given["strata"], given["offset"], given["clusters"])
        check_events(y["event"] == model._own_cause, design.weights)
        data = model._risk_sets(X, design.X, design.y, design.strata, design.weights)
        tables = []
        for own in factors:
            self.penalty_factors = own
            self._choose_penalty(X, design, data, folds)
            assert self.cv_ is not None
            tables.append(self.cv_)
        return tables

    def _fold_sets(
        self, X: Any, design: Design, data: CoxData, train: np.ndarray
    ) -> tuple[CoxData, np.ndarray, np.ndarray | None]:
        """Return risk sets for the rows ``train`` with their weights and offset: all rows, the others with weight 0."""
        weights = train.astype(float) if design.weights is None else design.weights * train
        return data, weights, design.offset

    def _path(
        self, X: Any, design: Design, data: CoxData, train: np.ndarray, ridges: np.ndarray
    ) -> Iterator[tuple[np.ndarray, float]]:
        """Yield coefficients and their log-likelihood at each row of ``ridges`` (k, p); NaN without a maximum."""
        sets, weights, offset = self._fold_sets(X, design, data, train)
        given: dict[str, Any] = {
            "weights": weights,
            "offset": offset,
            "ties": self.ties,
            "frequency": design.frequency,
        }
        start = None
        for ridge, found in zip(ridges, cox_ridge_path(sets, ridges, **given)):
            if found is None:  # Newton's method can also leave out columns without penalty that are combinations
                fit = cox_fit_prepared(
                    sets, start=start, penalty=ridge, max_iter=self.max_iter, tol=1e-7, null=False, **given
                )
                found = (fit.coef, fit.loglik) if fit.converged else (np.full(ridge.size, np.nan), float("nan"))
            if np.isfinite(found[1]):
                start = found[0]
            yield found

    def _ridge(self, X: np.ndarray, counts: np.ndarray | None) -> np.ndarray | None:
        """Return the penalty of each column, for rows that represent ``counts`` (n,) copies, by default one each."""
        unit = self._unit_ridge(X, counts)
        return None if self.penalty_ == 0 else self.penalty_ * unit

    def _unit_ridge(self, X: np.ndarray, counts: np.ndarray | None) -> np.ndarray:
        model: Any = self
        factors = column_factors(self.penalty_factors, model._names(), "penalty_factors")
        scale = column_sd(X, counts, "n-1") if self.standardize else np.ones(factors.size)
        return factors * scale**2
