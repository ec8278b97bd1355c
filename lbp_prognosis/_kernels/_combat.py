"""Location and scale of batches, shrunken towards their distribution over features (ComBat).

Y = α + Xβ + γ_s + δ_s ε by feature: OLS on batch dummies and X gives α = Σ (n_s/n) × batch coefficient (or that of the
reference batch), β and the mean squared residual σ²; Z = (Y − α − Xβ)/σ has batch means γ̂ and variances δ̂².
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.special import logsumexp

__all__ = ["CombatFit", "combat_adjust", "combat_fit", "combat_shrink", "inverse_gamma_prior"]


class CombatFit(NamedTuple):
    """Estimates; p features, B batches, q covariates.

    ``mean`` (p,), ``coefficients`` (q, p), ``variance`` (p,), ``gamma_hat``, ``delta_hat``, ``gamma``, ``delta``
    (B, p; deltas are variances), ``counts`` (B, p).
    """

    mean: np.ndarray
    coefficients: np.ndarray
    variance: np.ndarray
    gamma_hat: np.ndarray
    delta_hat: np.ndarray
    gamma: np.ndarray
    delta: np.ndarray
    counts: np.ndarray
    iterations: int


def combat_fit(
    Y: np.ndarray,
    batch: np.ndarray,
    X: np.ndarray,
    *,
    reference: int | None = None,
    mean_only: bool = False,
    prior: str = "parametric",
    tol: float = 1e-10,
    max_iter: int = 10_000,
) -> CombatFit:
    """Estimate batch effects.

    Parameters
    ----------
    Y : ndarray of shape (n, p)
        Features; NaN is missing.
    batch : ndarray of shape (n,)
        Codes 0 … B − 1.
    X : ndarray of shape (n, q)
        Covariates, complete, without an intercept.
    reference : int, optional
        Batch on whose mean and variance all others are put.
    mean_only : bool
        Leave the variances.
    prior : {"parametric", "nonparametric", "none"}
        Shrinkage of the estimates of a batch over its features.
    tol : float
        Largest relative change at which the parametric iteration stops.
    max_iter : int
        Most iterations.
    """
    n_batches = int(batch.max()) + 1
    average, spread = (np.nanmean, np.nanvar) if np.isnan(Y).any() else (np.mean, np.var)
    dummies = (batch[:, None] == np.arange(n_batches)).astype(float)
    beta, residual = _least_squares(np.column_stack([dummies, X]), Y)
    per_batch, coefficients = beta[:n_batches], beta[n_batches:]
    if reference is None:
        mean = dummies.mean(axis=0) @ per_batch
        variance = average(residual**2, axis=0)
    else:
        mean = per_batch[reference]
        variance = average(residual[batch == reference] ** 2, axis=0)
    Z = Y - X @ coefficients if X.shape[1] else Y - mean
    if X.shape[1]:
        Z -= mean
    Z /= np.sqrt(variance)
    shape = (n_batches, Y.shape[1])
    gamma_hat, delta_hat, counts = np.empty(shape), np.ones(shape), np.empty(shape)
    for s in range(n_batches):
        rows = Z[batch == s]
        counts[s] = np.isfinite(rows).sum(axis=0)
        gamma_hat[s] = average(rows, axis=0)
        if not mean_only:
            delta_hat[s] = spread(rows, axis=0, ddof=1)
    gamma, delta, iterations = combat_shrink(
        gamma_hat, delta_hat, counts, reference=reference, mean_only=mean_only, prior=prior, tol=tol, max_iter=max_iter
    )
    return CombatFit(mean, coefficients, variance, gamma_hat, delta_hat, gamma, delta, counts, iterations)


def combat_shrink(
    gamma_hat: np.ndarray,
    delta_hat: np.ndarray,
    counts: np.ndarray,
    *,
    reference: int | None = None,
    mean_only: bool = False,
    prior: str = "parametric",
    tol: float = 1e-10,
    max_iter: int = 10_000,
) -> tuple[np.ndarray, np.ndarray, int]:
    """Return shrunken means and variances of the batches (B, p) and the most iterations used.

    Parameters
    ----------
    gamma_hat, delta_hat, counts : ndarray of shape (B, p)
        Means and variances (divisor n − 1) of the standardised features in each batch, and their numbers.
    reference, mean_only, prior, tol, max_iter
        As for `combat_fit`.
    """
    gamma, delta, iterations = gamma_hat.copy(), delta_hat.copy(), 0
    for s in range(gamma_hat.shape[0]) if prior != "none" else ():
        if s == reference:
            continue  # its own scale: nothing to shrink
        if prior == "nonparametric":
            within = (counts[s] - 1) * delta_hat[s]
            gamma[s], delta[s] = _nonparametric(gamma_hat[s], delta_hat[s], counts[s], within)
        elif mean_only:
            tau2 = gamma_hat[s].var(ddof=1)
            gamma[s] = (tau2 * gamma_hat[s] + gamma_hat[s].mean()) / (tau2 + 1)
        else:
            gamma[s], delta[s], used = _parametric(gamma_hat[s], delta_hat[s], counts[s], tol, max_iter)
            iterations = max(iterations, used)
    if mean_only:
        delta[:] = 1.0
    if reference is not None:
        gamma[reference], delta[reference] = 0.0, 1.0
    return gamma, delta, iterations


def combat_adjust(
    Y: np.ndarray, batch: np.ndarray, X: np.ndarray, fit: CombatFit, gamma: np.ndarray, delta: np.ndarray
) -> np.ndarray:
    """Return σ(Z − γ)/√δ + α + Xβ; rows whose batch code is −1 pass."""
    expected = fit.mean + X @ fit.coefficients
    sigma = np.sqrt(fit.variance)
    out = np.array(Y, dtype=float)
    for s in np.unique(batch[batch >= 0]):
        rows = batch == s
        out[rows] = (out[rows] - expected[rows] - sigma * gamma[s]) / np.sqrt(delta[s]) + expected[rows]
    return out


def inverse_gamma_prior(delta: np.ndarray, axis: int = -1) -> tuple[np.ndarray, np.ndarray]:
    """Return shape and scale of the inverse gamma with the mean and variance of ``delta``."""
    m, s2 = delta.mean(axis=axis), delta.var(axis=axis, ddof=1)
    return (2 * s2 + m**2) / s2, (m * s2 + m**3) / s2


def _least_squares(design: np.ndarray, Y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return coefficients and residuals; features that miss the same rows are solved together."""
    present = np.isfinite(Y)
    if present.all():
        q, r = np.linalg.qr(design)
        beta = np.linalg.solve(r, q.T @ Y)
        return beta, Y - design @ beta
    beta, residual = np.empty((design.shape[1], Y.shape[1])), np.full(Y.shape, np.nan)
    patterns, which = np.unique(present, axis=1, return_inverse=True)
    for k in range(patterns.shape[1]):
        columns, rows = np.flatnonzero(which.ravel() == k), patterns[:, k]
        q, r = np.linalg.qr(design[rows])
        beta[:, columns] = np.linalg.solve(r, q.T @ Y[np.ix_(rows, columns)])
        residual[np.ix_(rows, columns)] = Y[np.ix_(rows, columns)] - design[rows] @ beta[:, columns]
    return beta, residual


def _parametric(
    gamma_hat: np.ndarray, delta_hat: np.ndarray, n: np.ndarray, tol: float, max_iter: int
) -> tuple[np.ndarray, np.ndarray, int]:
    centre, tau2 = gamma_hat.mean(), gamma_hat.var(ddof=1)
    a, b = inverse_gamma_prior(delta_hat)
    gamma, delta = gamma_hat, delta_hat
    within = (n - 1) * delta_hat
    for step in range(1, max_iter + 1):
        gamma_new = (n * tau2 * gamma_hat + delta * centre) / (n * tau2 + delta)
        # Σ(Z − γ)² from the mean and variance of Z: no pass over the rows in the loop
        delta_new = (b + (within + n * (gamma_hat - gamma_new) ** 2) / 2) / (n / 2 + a - 1)
        # a shift is measured against the residual SD where it is itself near zero
        shift = np.abs(gamma_new - gamma) / np.maximum(np.abs(gamma), 1e-8)
        change = max(shift.max(), (np.abs(delta_new - delta) / delta).max())
        gamma, delta = gamma_new, delta_new
        if change <= tol:
            return gamma, delta, step
    return gamma, delta, max_iter + 1


def _nonparametric(
    gamma_hat: np.ndarray, delta_hat: np.ndarray, n: np.ndarray, within: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Average the other features' estimates, weighted by the likelihood they give to this feature's values."""
    p = gamma_hat.size
    gamma, delta = np.empty(p), np.empty(p)
    log_delta = np.log(2 * np.pi * delta_hat)
    block = max(1, 4_000_000 // p)
    for start in range(0, p, block):
        own = np.arange(start, min(start + block, p))
        squares = within[own, None] + n[own, None] * (gamma_hat[own, None] - gamma_hat) ** 2
        log_likelihood = -0.5 * (n[own, None] * log_delta + squares / delta_hat)
        log_likelihood[np.arange(own.size), own] = -np.inf
        weight = np.exp(log_likelihood - logsumexp(log_likelihood, axis=1, keepdims=True))
        gamma[own], delta[own] = weight @ gamma_hat, weight @ delta_hat
    return gamma, delta
