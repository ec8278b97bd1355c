"""Cumulative link models: likelihood, and Newton steps whose cost grows with the number of levels, not its square."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np
from scipy.linalg import solveh_banded
from scipy.special import expit, log_ndtr, ndtr, ndtri

__all__ = [
    "OrdinalFit",
    "ordinal_fit",
    "ordinal_inverse",
    "ordinal_link",
    "ordinal_rows",
    "ordinal_score_test",
    "solve_tridiagonal",
    "tridiagonal_inverse_diagonal",
]

_MAX_STEPS = 100
_TINY = 1e-300
_ROOT = np.sqrt(2 * np.pi)


@dataclass(frozen=True)
class OrdinalFit:
    """Estimates of one cumulative link model P(Y ≤ k | x) = F(α_k − xβ).

    Attributes
    ----------
    alpha : ndarray of shape (K − 1,)
        Thresholds, increasing.
    beta : ndarray of shape (p,)
        Coefficients.
    loglik : float
        Without the penalty.
    band : ndarray of shape (2, K − 1)
        Information of the thresholds, superdiagonal over diagonal.
    cross : ndarray of shape (K − 1, p)
        Information between thresholds and coefficients.
    inner : ndarray of shape (p, p)
        Information of the coefficients, penalty included.
    iterations : int
        Newton steps.
    converged : bool
        False if the likelihood has no finite maximum within reach.
    """

    alpha: np.ndarray
    beta: np.ndarray
    loglik: float
    band: np.ndarray
    cross: np.ndarray
    inner: np.ndarray
    iterations: int
    converged: bool


def ordinal_link(x: np.ndarray, link: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return distribution function F, density f and its derivative f′ of a link at x (±∞ allowed).

    Parameters
    ----------
    x : ndarray
        Points.
    link : {"logit", "probit", "cloglog"}
        Inverse of F: logistic, normal, or 1 − exp(−e^x).
    """
    if link == "logit":
        value = expit(x)
        density = value * expit(-x)
        return value, density, density * (1 - 2 * value)
    if link == "probit":
        density = np.exp(-0.5 * x * x) / _ROOT
        with np.errstate(invalid="ignore"):
            slope = np.where(np.isfinite(x), -x * density, 0.0)
        return ndtr(x), density, slope
    with np.errstate(over="ignore", invalid="ignore"):
        hazard = np.exp(x)
        survival = np.exp(-hazard)
        density = np.where(survival > 0, hazard * survival, 0.0)
        slope = np.where(survival > 0, density * (1 - hazard), 0.0)
    return -np.expm1(-hazard), density, slope


def ordinal_inverse(p: np.ndarray, link: str) -> np.ndarray:
    """Return the link function, the inverse of F, at probabilities."""
    p = np.asarray(p, dtype=float)
    with np.errstate(divide="ignore"):
        if link == "logit":
            return np.log(p) - np.log1p(-p)
        return ndtri(p) if link == "probit" else np.log(-np.log1p(-p))


def _between(lower: np.ndarray, upper: np.ndarray, link: str) -> np.ndarray:
    """F(upper) − F(lower) for lower < upper, without cancellation in either tail."""
    with np.errstate(over="ignore", invalid="ignore"):
        if link == "logit":
            return expit(upper) * expit(-lower) * -np.expm1(lower - upper)
        if link == "cloglog":
            width = np.where(np.isneginf(lower), np.exp(upper), np.exp(lower) * np.expm1(upper - lower))
            return np.exp(-np.exp(lower)) * -np.expm1(-width)
        flip = lower > 0  # the upper tail by symmetry
        low, high = np.where(flip, -upper, lower), np.where(flip, -lower, upper)
        tail = log_ndtr(high)
        return np.exp(tail) * -np.expm1(np.minimum(log_ndtr(low) - tail, 0.0))


def ordinal_rows(
    lower: np.ndarray, upper: np.ndarray, link: str
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return log-likelihood and its derivatives of rows whose level lies between two limits on the link's scale.

    Parameters
    ----------
    lower, upper : ndarray of shape (n,)
        α_{k−1} − η and α_k − η; −∞ below the first and ∞ above the last level.
    link : str
        As in `ordinal_link`.

    Returns
    -------
    tuple of ndarray of shape (n,)
        Log-probability; first derivatives by lower and upper; second by lower, by upper, and mixed.
    """
    p = np.maximum(_between(lower, upper, link), _TINY)
    _, low, low_slope = ordinal_link(lower, link)
    _, high, high_slope = ordinal_link(upper, link)
    by_low, by_high = -low / p, high / p
    return (
        np.log(p),
        by_low,
        by_high,
        -low_slope / p - by_low**2,
        high_slope / p - by_high**2,
        -by_low * by_high,
    )


def _parts(
    alpha: np.ndarray,
    beta: np.ndarray,
    X: np.ndarray,
    level: np.ndarray,
    weights: np.ndarray,
    offset: np.ndarray,
    ridge: np.ndarray,
    link: str,
) -> tuple[float, np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray, float]:
    """Penalised log-likelihood, gradients, banded information; last the log-likelihood without the penalty."""
    cuts = alpha.size
    padded = np.concatenate([[-np.inf], alpha, [np.inf]])
    eta = X @ beta + offset
    value, d_low, d_high, d_ll, d_hh, d_lh = (
        weights * part for part in ordinal_rows(padded[level] - eta, padded[level + 1] - eta, link)
    )
    count = partial(np.bincount, minlength=cuts + 2)
    # threshold k is the upper limit of level k and the lower limit of level k + 1; the padded ends drop out
    g_alpha = (count(level + 1, weights=d_high) + count(level, weights=d_low))[1:-1]
    diagonal = -(count(level + 1, weights=d_hh) + count(level, weights=d_ll))[1:-1]
    above = -count(level, weights=d_lh)[: cuts + 1]
    band = np.zeros((2, cuts))
    band[1] = diagonal
    if cuts > 1:
        band[0, 1:] = above[1:cuts]  # rows of level k lie between thresholds k − 1 and k
    d_eta = -(d_low + d_high)
    loglik = float(value.sum())
    g_beta = X.T @ d_eta - ridge * beta
    curvature = -(d_ll + d_hh + 2 * d_lh)
    inner = (X * curvature[:, None]).T @ X + np.diag(ridge)
    cross = np.zeros((cuts + 2, X.shape[1]))
    for j in range(X.shape[1]):
        cross[:, j] = count(level + 1, weights=(d_hh + d_lh) * X[:, j]) + count(level, weights=(d_ll + d_lh) * X[:, j])
    penalised = loglik - 0.5 * float(ridge @ beta**2)
    return penalised, g_alpha, g_beta, band, cross[1:-1], inner, loglik


def ordinal_fit(
    X: np.ndarray,
    level: np.ndarray,
    levels: int,
    *,
    link: str = "logit",
    weights: np.ndarray | None = None,
    offset: np.ndarray | None = None,
    ridge: np.ndarray | None = None,
    start: np.ndarray | None = None,
    tol: float = 1e-10,
) -> OrdinalFit:
    """Maximise the likelihood of a cumulative link model by Newton's method.

    Parameters
    ----------
    X : ndarray of shape (n, p)
        Predictors without an intercept, on similar scales.
    level : ndarray of int of shape (n,)
        0 … levels − 1; every level occurs.
    levels : int
        Number of levels K, at least 2.
    link : {"logit", "probit", "cloglog"}, default "logit"
        Link; all three log-likelihoods are concave.
    weights, offset : ndarray of shape (n,), optional
        Row weights; fixed part of xβ.
    ridge : ndarray of shape (p,), optional
        Subtract ½ Σ ridge_j β_j².
    start : ndarray of shape (K − 1,), optional
        Thresholds to begin from, increasing; by default those of the observed shares.
    tol : float, default 1e-10
        Converged when half the squared Newton decrement is smaller.

    Notes
    -----
    The information of the thresholds is tridiagonal, so a step costs O(n p² + K p + p³).
    """
    n, p = X.shape
    w = np.ones(n) if weights is None else weights
    shift = np.zeros(n) if offset is None else offset
    theta = np.zeros(p) if ridge is None else ridge
    share = np.cumsum(np.bincount(level, weights=w, minlength=levels))[:-1] / w.sum()
    marginal = ordinal_inverse(share, link) + float(w @ shift) / w.sum()
    alpha, beta = marginal if start is None else start, np.zeros(p)
    now = _parts(alpha, beta, X, level, w, shift, theta, link)
    for iteration in range(1, _MAX_STEPS + 1):
        value, g_alpha, g_beta, band, cross, inner, loglik = now
        try:
            solved = solve_tridiagonal(band, np.column_stack([cross, g_alpha]))
            schur = inner - cross.T @ solved[:, :p]
            step_b = np.linalg.solve(schur, g_beta - cross.T @ solved[:, p]) if p else np.zeros(0)
        except np.linalg.LinAlgError:
            return OrdinalFit(alpha, beta, loglik, band, cross, inner, iteration, False)
        step_a = solved[:, p] - solved[:, :p] @ step_b
        decrement = float(g_alpha @ step_a + g_beta @ step_b)
        if decrement < 2 * tol:
            # one full step more is free of a test and squares the error
            alpha, beta = alpha + step_a, beta + step_b
            value, g_alpha, g_beta, band, cross, inner, loglik = _parts(alpha, beta, X, level, w, shift, theta, link)
            done = bool(np.all(np.diff(alpha) > 0)) and np.isfinite(loglik)
            return OrdinalFit(alpha, beta, loglik, band, cross, inner, iteration, done)
        scale = 1.0
        while scale > 1e-10:
            tried_a = alpha + scale * step_a
            if np.all(np.diff(tried_a) > 0):
                tried = _parts(tried_a, beta + scale * step_b, X, level, w, shift, theta, link)
                if tried[0] >= value + 1e-4 * scale * decrement:
                    break
            scale *= 0.5
        else:
            return OrdinalFit(alpha, beta, loglik, band, cross, inner, iteration, False)
        alpha, beta, now = tried_a, beta + scale * step_b, tried
    return OrdinalFit(alpha, beta, now[6], now[3], now[4], now[5], _MAX_STEPS, False)


def ordinal_score_test(
    alpha: np.ndarray, X: np.ndarray, level: np.ndarray, link: str, offset: np.ndarray | None = None
) -> float:
    """Return Rao's score statistic of β = 0 at the thresholds of the model without predictors.

    Parameters
    ----------
    alpha : ndarray of shape (K − 1,)
        Thresholds of that model.
    X : ndarray of shape (n, p)
        Predictors.
    level : ndarray of int of shape (n,)
        0 … K − 1.
    link : str
        As in `ordinal_link`.
    offset : ndarray of shape (n,), optional
        Fixed part of xβ.
    """
    n, p = X.shape
    shift = np.zeros(n) if offset is None else offset
    centred = X - X.mean(axis=0)
    parts = _parts(alpha, np.zeros(p), centred, level, np.ones(n), shift, np.zeros(p), link)
    _, g_alpha, g_beta, band, cross, inner, _ = parts
    solved = solve_tridiagonal(band, np.column_stack([cross, g_alpha]))
    schur = inner - cross.T @ solved[:, :p]
    gradient = g_beta - cross.T @ solved[:, p]
    return float(gradient @ np.linalg.solve(schur, gradient))


def solve_tridiagonal(band: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Solve with a positive definite tridiagonal matrix, given as superdiagonal over diagonal; right (m, k)."""
    if band.shape[1] == 1:  # LAPACK asks for a superdiagonal
        if band[1, 0] <= 0:
            raise np.linalg.LinAlgError("not positive definite")
        return right / band[1, 0]
    return solveh_banded(band, right)


def tridiagonal_inverse_diagonal(band: np.ndarray) -> np.ndarray:
    """Return the diagonal of the inverse of a positive definite tridiagonal matrix.

    Parameters
    ----------
    band : ndarray of shape (2, m)
        Superdiagonal (from the second entry on) over diagonal.

    Notes
    -----
    With forward pivots δ and backward pivots η, (A⁻¹)_ii = 1 / (δ_i + η_i − a_i); no m × m matrix is formed.
    """
    diagonal, squared = band[1], band[0, 1:] ** 2
    forward, backward = diagonal.copy(), diagonal.copy()
    for i in range(1, diagonal.size):
        forward[i] -= squared[i - 1] / forward[i - 1]
    for i in range(diagonal.size - 2, -1, -1):
        backward[i] -= squared[i] / backward[i + 1]
    return 1 / (forward + backward - diagonal)
