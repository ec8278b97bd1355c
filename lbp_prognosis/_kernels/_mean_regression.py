"""Regression of a mean on a few columns: logistic, Poisson, and pseudo-values with a complementary log-log link."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

__all__ = ["MeanFit", "cloglog_pseudo_fit", "logistic_fit", "poisson_fit"]


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
    w = np.ones(y.size) if weights is None else weights
    shift = np.zeros(y.size) if offset is None else offset
    beta = np.zeros(X.shape[1])

    def likelihood(eta: np.ndarray) -> float:
        return float(w @ (y * eta - np.logaddexp(0, eta)))

    eta = shift + X @ beta
    value, converged, iterations = likelihood(eta), False, 0
    inverse = np.full((beta.size, beta.size), np.nan)
    while iterations < max_iter:
        iterations += 1
        mu = 1 / (1 + np.exp(-eta))
        information = (X * (w * mu * (1 - mu))[:, None]).T @ X
        try:
            inverse = np.linalg.inv(information)
        except np.linalg.LinAlgError:
            break
        step = inverse @ (X.T @ (w * (y - mu)))
        move = X @ step
        if not np.isfinite(move).all():
            break
        if np.abs(move).max(initial=0.0) <= tol * (1 + np.abs(eta).max(initial=0.0)):
            beta, eta, converged = beta + step, eta + move, True
            break
        for _ in range(30):
            new = likelihood(eta + move)
            if new >= value - 1e-12 * (1 + abs(value)):
                break
            step, move = step / 2, move / 2
        beta, eta, value = beta + step, eta + move, new
    mu = 1 / (1 + np.exp(-eta))
    influence = (X * (y - mu)[:, None]) @ inverse
    return MeanFit(beta, inverse, influence, likelihood(eta), converged, iterations)


def cloglog_pseudo_fit(
    X: np.ndarray, y: np.ndarray, *, offset: np.ndarray | None = None, weights: np.ndarray | None = None,
    max_iter: int = 100, tol: float = 1e-11,
) -> MeanFit:  # fmt: skip
    """Regress pseudo-values on columns: mean 1 − exp(−exp(η)), constant working variance, Fisher scoring.

    Arguments as for `logistic_fit`; ``y`` may lie outside [0, 1]; ``loglik`` is minus half the residual sum of squares.
    """
    w = np.ones(y.size) if weights is None else weights
    shift = np.zeros(y.size) if offset is None else offset
    beta = np.zeros(X.shape[1])
    eta = np.clip(shift + X @ beta, -30, 3.5)

    def loss(eta: np.ndarray) -> float:
        return float(w @ (y + np.expm1(-np.exp(np.minimum(eta, 50.0)))) ** 2)

    value, converged, iterations = loss(eta), False, 0
    inverse = np.full((beta.size, beta.size), np.nan)
    slope = X
    while iterations < max_iter:
        iterations += 1
        hazard = np.exp(np.minimum(eta, 50.0))
        slope = X * (hazard * np.exp(-hazard))[:, None]
        residual = y + np.expm1(-hazard)
        try:
            inverse = np.linalg.inv((slope * w[:, None]).T @ slope)
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
            new = loss(eta + move)
            if new <= value * (1 + 1e-14) + 1e-300:
                break
            step, move = step / 2, move / 2
        beta, eta, value = beta + step, eta + move, new
    hazard = np.exp(np.minimum(eta, 50.0))
    slope = X * (hazard * np.exp(-hazard))[:, None]
    residual = y + np.expm1(-hazard)
    return MeanFit(beta, inverse, (slope * residual[:, None]) @ inverse, -0.5 * loss(eta), converged, iterations)


def poisson_fit(
    X: np.ndarray, y: np.ndarray, *, offset: np.ndarray | None = None, weights: np.ndarray | None = None,
    max_iter: int = 50, tol: float = 1e-11,
) -> MeanFit:  # fmt: skip
    """Maximise a Poisson likelihood with log link by Newton's method; arguments as for `logistic_fit`."""
    w = np.ones(y.size) if weights is None else weights
    shift = np.zeros(y.size) if offset is None else offset
    beta = np.zeros(X.shape[1])
    eta = shift + X @ beta

    def likelihood(eta: np.ndarray) -> float:
        return float(w @ (y * eta - np.exp(eta)))

    value, converged, iterations = likelihood(eta), False, 0
    inverse = np.full((beta.size, beta.size), np.nan)
    while iterations < max_iter:
        iterations += 1
        mu = np.exp(eta)
        try:
            inverse = np.linalg.inv((X * (w * mu)[:, None]).T @ X)
        except np.linalg.LinAlgError:
            break
        step = inverse @ (X.T @ (w * (y - mu)))
        move = X @ step
        if not np.isfinite(move).all():
            break
        if np.abs(move).max(initial=0.0) <= tol * (1 + np.abs(eta).max(initial=0.0)):
            beta, eta, converged = beta + step, eta + move, True
            break
        for _ in range(40):
            new = likelihood(np.minimum(eta + move, 700.0))
            if new >= value - 1e-12 * (1 + abs(value)):
                break
            step, move = step / 2, move / 2
        beta, eta, value = beta + step, eta + move, new
    return MeanFit(beta, inverse, (X * (y - np.exp(eta))[:, None]) @ inverse, likelihood(eta), converged, iterations)
