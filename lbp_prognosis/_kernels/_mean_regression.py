"""Regression of a mean on a few columns: logistic, Poisson, and pseudo-values with a complementary log-log link."""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from typing import NamedTuple

import numpy as np
from scipy.special import expit

__all__ = ["MeanFit", "cloglog_pseudo_fit", "logistic_fit", "poisson_fit"]

_LEVEL = 1e-10  # a mean that moves less with its linear predictor does not move


class _State(NamedTuple):
    """State at a linear predictor: the criterion, and by row dμ/dη, the inverse working variance and y − μ.

    ``None`` stands for ones.
    """

    value: float
    slope: np.ndarray | None
    weight: np.ndarray | None
    residual: np.ndarray


class MeanFit(NamedTuple):
    """Solution of Σ w D (y − μ) = 0.

    ``covariance`` (p, p) is the inverse information (of a likelihood: its variance); ``influence`` (n, p) holds the
    derivative of the coefficients by the weight of each row, whose squares sum to the sandwich variance.
    """

    coef: np.ndarray
    covariance: np.ndarray
    influence: np.ndarray
    loglik: float
    converged: bool
    iterations: int


def logistic_fit(
    X: np.ndarray,
    y: np.ndarray,
    *,
    offset: np.ndarray | None = None,
    weights: np.ndarray | None = None,
    start: np.ndarray | None = None,
    max_iter: int = 50,
    tol: float = 1e-11,
) -> MeanFit:
    """Maximise a logistic likelihood by Newton's method with step halving.

    Parameters
    ----------
    X : ndarray of shape (n, p)
        Columns, the intercept included if wanted.
    y : ndarray of shape (n,)
        0 or 1.
    offset, weights : ndarray of shape (n,), optional
        Fixed part of the linear predictor; row weights.
    start : ndarray of shape (p,), optional
        First coefficients, zeros by default.
    max_iter, tol
        Newton steps; converged when no linear predictor moves by more than ``tol`` (relative to its size). Separated
        data never do.
    """

    def state(eta: np.ndarray, w: np.ndarray) -> _State:
        mu = expit(eta)
        return _State(float(w @ (y * eta - np.logaddexp(0, eta))), None, mu * (1 - mu), y - mu)

    return _newton(X, state, offset, weights, start, max_iter, tol)


def cloglog_pseudo_fit(
    X: np.ndarray,
    y: np.ndarray,
    *,
    offset: np.ndarray | None = None,
    weights: np.ndarray | None = None,
    start: np.ndarray | None = None,
    max_iter: int = 100,
    tol: float = 1e-11,
) -> MeanFit:
    """Regress pseudo-values on columns: mean 1 − exp(−exp(η)), constant working variance, Fisher scoring.

    Arguments as for `logistic_fit`; ``y`` may lie outside [0, 1]; ``loglik`` is minus half the residual sum of squares.
    """

    def state(eta: np.ndarray, w: np.ndarray) -> _State:
        hazard = np.exp(np.minimum(eta, 50.0))
        survival = np.exp(-hazard)
        residual = y - 1 + survival
        return _State(-0.5 * float(w @ residual**2), hazard * survival, None, residual)

    # beyond these bounds the mean is 0 or 1 to the last digit, and has no slope to climb
    held = None if offset is None else np.clip(offset, -30, 3.5)
    fit = _newton(X, state, held, weights, start, max_iter, tol)
    if not fit.converged:
        return fit
    w = np.ones(y.size) if weights is None else weights
    slope = state(X @ fit.coef if held is None else held + X @ fit.coef, w).slope
    # separated: with every mean at 0 or 1 the sum of squares is level, and any larger coefficient does as well
    carries = int(((slope > _LEVEL) & (w > 0)).sum()) >= X.shape[1]  # type: ignore[operator]
    return fit if carries else fit._replace(converged=False)


def poisson_fit(
    X: np.ndarray,
    y: np.ndarray,
    *,
    offset: np.ndarray | None = None,
    weights: np.ndarray | None = None,
    start: np.ndarray | None = None,
    max_iter: int = 50,
    tol: float = 1e-11,
) -> MeanFit:
    """Maximise a Poisson likelihood with log link by Newton's method; arguments as for `logistic_fit`."""

    def state(eta: np.ndarray, w: np.ndarray) -> _State:
        mu = np.exp(np.minimum(eta, 700.0))
        return _State(float(w @ (y * eta - mu)), None, mu, y - mu)

    return _newton(X, state, offset, weights, start, max_iter, tol)


def _newton(
    X: np.ndarray,
    at: Callable[[np.ndarray, np.ndarray], _State],
    offset: np.ndarray | None,
    weights: np.ndarray | None,
    start: np.ndarray | None,
    max_iter: int,
    tol: float,
) -> MeanFit:
    """Raise the criterion by Newton (Fisher) steps, halved while they lower it."""
    w = np.ones(X.shape[0]) if weights is None else weights
    beta = np.zeros(X.shape[1]) if start is None else np.asarray(start, dtype=float)
    eta = X @ beta if offset is None else offset + X @ beta
    now, converged, iterations = at(eta, w), False, 0
    inverse = np.full((beta.size, beta.size), np.nan)
    while iterations < max_iter:
        iterations += 1
        try:
            inverse = np.linalg.inv((X * _product(w, now.weight, now.slope, now.slope)[:, None]).T @ X)
        except np.linalg.LinAlgError:
            break
        step = inverse @ (_product(w, now.slope, now.residual) @ X)
        move = X @ step
        if not np.isfinite(move).all():
            break
        if np.abs(move).max(initial=0.0) <= tol * (1 + np.abs(eta).max(initial=0.0)):
            beta, now, converged = beta + step, at(eta + move, w), True
            break
        for _ in range(40):
            new = at(eta + move, w)
            if new.value >= now.value - 1e-12 * (1 + abs(now.value)):
                break
            step, move = step / 2, move / 2
        beta, eta, now = beta + step, eta + move, new
    influence = (X @ inverse) * _product(now.slope, now.residual)[:, None]
    return MeanFit(beta, inverse, influence, now.value, converged, iterations)


def _product(*factors: np.ndarray | None) -> np.ndarray:
    given = [factor for factor in factors if factor is not None]
    return reduce(np.multiply, given)
