"""Regression of a mean on a few columns: logistic, Poisson, and pseudo-values with a complementary log-log link."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from scipy.special import expit

__all__ = ["MeanFit", "cloglog_pseudo_fit", "logistic_fit", "poisson_fit"]


_Parts = tuple[np.ndarray, np.ndarray, np.ndarray]
"""Derivative of the mean by the coefficients (n, p), working variance (n,), residual (n,)."""


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
    X: np.ndarray, y: np.ndarray, *, offset: np.ndarray | None = None, weights: np.ndarray | None = None,
    max_iter: int = 50, tol: float = 1e-11,
) -> MeanFit:  # fmt: skip
    """Maximise a logistic likelihood by Newton's method with step halving.

    Parameters
    ----------
    X : ndarray of shape (n, p)
        Columns, the intercept included if wanted.
    y : ndarray of shape (n,)
        0 or 1.
    offset, weights : ndarray of shape (n,), optional
        Fixed part of the linear predictor; row weights.
    max_iter, tol
        Newton steps; converged when no linear predictor moves by more than ``tol`` (relative to its size). Separated
        data never do.
    """

    def likelihood(eta: np.ndarray, w: np.ndarray) -> float:
        return float(w @ (y * eta - np.logaddexp(0, eta)))

    def parts(eta: np.ndarray) -> _Parts:
        mu = expit(eta)
        return X, mu * (1 - mu), y - mu

    return _newton(X, likelihood, parts, offset, weights, max_iter, tol)


def cloglog_pseudo_fit(
    X: np.ndarray, y: np.ndarray, *, offset: np.ndarray | None = None, weights: np.ndarray | None = None,
    max_iter: int = 100, tol: float = 1e-11,
) -> MeanFit:  # fmt: skip
    """Regress pseudo-values on columns: mean 1 − exp(−exp(η)), constant working variance, Fisher scoring.

    Arguments as for `logistic_fit`; ``y`` may lie outside [0, 1]; ``loglik`` is minus half the residual sum of squares.
    """

    def criterion(eta: np.ndarray, w: np.ndarray) -> float:
        return -0.5 * float(w @ (y + np.expm1(-np.exp(np.minimum(eta, 50.0)))) ** 2)

    def parts(eta: np.ndarray) -> _Parts:
        hazard = np.exp(np.minimum(eta, 50.0))
        return X * (hazard * np.exp(-hazard))[:, None], np.ones(y.size), y + np.expm1(-hazard)

    # beyond these bounds the mean is 0 or 1 to the last digit, and has no slope to climb
    held = None if offset is None else np.clip(offset, -30, 3.5)
    return _newton(X, criterion, parts, held, weights, max_iter, tol)


def poisson_fit(
    X: np.ndarray, y: np.ndarray, *, offset: np.ndarray | None = None, weights: np.ndarray | None = None,
    max_iter: int = 50, tol: float = 1e-11,
) -> MeanFit:  # fmt: skip
    """Maximise a Poisson likelihood with log link by Newton's method; arguments as for `logistic_fit`."""

    def likelihood(eta: np.ndarray, w: np.ndarray) -> float:
        return float(w @ (y * eta - np.exp(np.minimum(eta, 700.0))))

    def parts(eta: np.ndarray) -> _Parts:
        mu = np.exp(eta)
        return X, mu, y - mu

    return _newton(X, likelihood, parts, offset, weights, max_iter, tol)


def _newton(
    X: np.ndarray, criterion: Callable[[np.ndarray, np.ndarray], float], parts: Callable[[np.ndarray], _Parts],
    offset: np.ndarray | None, weights: np.ndarray | None, max_iter: int, tol: float,
) -> MeanFit:  # fmt: skip
    """Raise the criterion by Newton (Fisher) steps, halved while they lower it."""
    w = np.ones(X.shape[0]) if weights is None else weights
    beta = np.zeros(X.shape[1])
    eta = np.zeros(X.shape[0]) if offset is None else offset
    value, converged, iterations = criterion(eta, w), False, 0
    inverse = np.full((beta.size, beta.size), np.nan)
    while iterations < max_iter:
        iterations += 1
        slope, variance, residual = parts(eta)
        try:
            inverse = np.linalg.inv((slope * (w * variance)[:, None]).T @ slope)
        except np.linalg.LinAlgError:
            break
        step = inverse @ (slope.T @ (w * residual))
        move = X @ step
        if not np.isfinite(move).all():
            break
        if np.abs(move).max(initial=0.0) <= tol * (1 + np.abs(eta).max(initial=0.0)):
            beta, eta, converged = beta + step, eta + move, True
            break
        for _ in range(40):
            new = criterion(eta + move, w)
            if new >= value - 1e-12 * (1 + abs(value)):
                break
            step, move = step / 2, move / 2
        beta, eta, value = beta + step, eta + move, new
    slope, _, residual = parts(eta)
    return MeanFit(beta, inverse, (slope * residual[:, None]) @ inverse, criterion(eta, w), converged, iterations)
