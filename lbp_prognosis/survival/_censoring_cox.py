"""Censoring distribution given covariates, by a Cox model."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from lbp_prognosis._base import (
    EstimationError,
    argument_error,
    check_choice,
    check_number,
    check_vector,
    describe,
    read_matrix,
    takes_rows,
)
from lbp_prognosis._kernels import cox_baseline, cox_fit, distinct_times, step_at
from lbp_prognosis.survival._curve_rows import curve_rows

__all__ = ["CensoringCox"]


class CensoringCox:
    """Cox model of the censoring distribution: probability of remaining uncensored given covariates.

    Parameters
    ----------
    columns : sequence of str, optional
        Columns of ``X`` to use; by default all.
    ties : {"efron", "breslow"}, default "efron"
        Treatment of tied censorings, in the fit and in the baseline.

    Attributes
    ----------
    coef_ : ndarray of shape (p,)
        Log hazard ratios of being censored.
    feature_names_in_ : tuple of str
        Columns used.

    Notes
    -----
    Events leave the risk set before censorings at the same time. G(t | x) = exp(−H(t) exp(x'β)), where H is the
    baseline for the chosen treatment of ties.
    """

    def __init__(self, columns: Any = None, *, ties: str = "efron") -> None:
        self.columns = columns
        self.ties = ties

    def __repr__(self) -> str:
        return f"CensoringCox(columns={self.columns!r}, ties={self.ties!r})"

    @takes_rows()
    def fit(self, y: np.ndarray, X: Any = None, *, sample_weight: Any = None) -> CensoringCox:
        """Fit the hazard of being censored.

        Parameters
        ----------
        y : ndarray of shape (n,)
            Made by `Surv.right`.
        X : DataFrame or array-like of shape (n, p)
            Numeric covariates without missing values.
        sample_weight : Weights or array-like of shape (n,), optional
            Row weights.

        Raises
        ------
        EstimationError
            If the likelihood has no maximum, because a covariate separates the censored patients.
        """
        check_choice("ties", self.ties, ("efron", "breslow"))
        self.feature_names_in_: tuple[str, ...] = self._names(X)
        matrix = self._matrix(X, y.shape[0])
        self._fitted = matrix
        rows = curve_rows(y, sample_weight, caller="CensoringCox")
        if rows.time.size != matrix.shape[0]:  # rows of weight zero were removed
            matrix = matrix[np.asarray(getattr(sample_weight, "values", sample_weight), dtype=float) > 0]
        self._times, place = distinct_times(rows.time)
        lost = rows.event == 0
        # two places per time: events at the first, censorings at the second
        order = 2.0 * place + lost
        entry = None
        if rows.entry is not None:
            entry = 2.0 * np.searchsorted(self._times, rows.entry, side="right") - 1.0
        self._center = matrix.mean(axis=0)
        centred = matrix - self._center
        self.coef_ = np.zeros(matrix.shape[1])
        self._grid, self._hazard = np.zeros(0), np.zeros(0)
        if lost.any():
            copies = rows.counts is not None
            found = cox_fit(centred, order, lost, entry=entry, weights=rows.weights, ties=self.ties, frequency=copies)
            if not found.converged:
                raise EstimationError("The Cox model of the censoring times did not converge: is a column separating?")
            self.coef_ = found.coef
            self._grid, self._hazard = cox_baseline(
                order, lost, centred @ self.coef_, entry=entry, weights=rows.weights, ties=self.ties, frequency=copies
            )[0]
        return self

    def _names(self, X: Any) -> tuple[str, ...]:
        if X is None:
            raise argument_error("X", "given: censoring is modelled on it", "nothing")
        if self.columns is not None:
            return tuple(self.columns)
        if isinstance(X, pd.DataFrame):
            return tuple(X.columns)
        return tuple(f"x{j}" for j in range(np.atleast_2d(np.asarray(X)).shape[1]))

    def _matrix(self, X: Any, n: int) -> np.ndarray:
        if isinstance(X, pd.DataFrame):
            absent = [name for name in self.feature_names_in_ if name not in X.columns]
            if absent:
                raise argument_error(
                    "X", f"with the columns {list(self.feature_names_in_)}", f"a frame without {absent}"
                )
            X = X[list(self.feature_names_in_)]
        elif self.columns is not None:
            raise argument_error("X", "a DataFrame when `columns` are named", describe(X))
        matrix = read_matrix(X)
        if matrix.shape != (n, len(self.feature_names_in_)):
            raise argument_error("X", f"of shape ({n}, {len(self.feature_names_in_)})", f"shape {matrix.shape}")
        return matrix

    def _survival(self, place: np.ndarray, X: Any) -> np.ndarray:
        matrix = self._fitted if X is None else self._matrix(X, len(X))
        if place.size not in (1, matrix.shape[0]):
            raise argument_error("times", f"of length {matrix.shape[0]}, one time a row", f"length {place.size}")
        hazard = step_at(self._grid, self._hazard, 2.0 * place - 0.5, left=0.0)
        return np.exp(-hazard * np.exp((matrix - self._center) @ self.coef_))

    @takes_rows(times="numbers")
    def survival_before(self, times: np.ndarray, X: Any = None) -> np.ndarray:
        """Return G(t− | x) at each row's own time, for the fitted rows or for ``X``."""
        at = check_vector("times", times, low=0)
        return self._survival(np.searchsorted(self._times, at, side="left"), X)

    @takes_rows()
    def survival_at(self, horizon: float, X: Any = None) -> np.ndarray:
        """Return G(horizon | x) for each fitted row or each row of ``X``, of shape (n,)."""
        time = check_number("horizon", horizon, low=0)
        return self._survival(np.array([np.searchsorted(self._times, time, side="right")]), X)
