"""The multivariate normal with holes: maximum likelihood by EM, and what is known of the missing given the observed."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from lbp_prognosis._kernels._normal_em_fill import fill_conditional

__all__ = ["normal_conditional", "normal_em", "normal_quadrature"]


def normal_em(
    X: np.ndarray, *, ddof: int = 0, max_iter: int = 500, tol: float = 1e-8, ridge: float = 1e-10
) -> tuple[np.ndarray, np.ndarray, int]:
    """Return mean, covariance and the number of iterations for data with missing values (NaN).

    With complete data this is the sample mean and covariance (``ddof=1`` rescales the covariance by n/(n−1)). ``ridge``
    times the column variance is added to the diagonal, so that collinear columns do not stop the solve.
    """
    n, p = X.shape
    missing = np.isnan(X)
    patterns, which = np.unique(missing, axis=0, return_inverse=True)
    which = which.ravel()
    order = np.argsort(which, kind="stable")
    starts = np.concatenate([[0], np.cumsum(np.bincount(which, minlength=len(patterns)))])
    filled, extra = X[order], np.zeros((p, p))
    mean = np.nan_to_num(np.nanmean(X, axis=0))
    spread = np.nanvar(X, axis=0)
    covariance = np.diag(np.where(spread > 0, spread, 1.0))
    scale = np.where(spread > 0, np.sqrt(spread), 1.0)
    iterations = 0
    while iterations < max_iter:
        iterations += 1
        fill_conditional(filled, patterns, starts, mean, covariance, extra)
        new_mean = filled.mean(axis=0)
        centred = filled - new_mean
        new_covariance = (centred.T @ centred + extra) / n
        new_covariance[np.diag_indices(p)] += ridge * scale**2
        change = max(
            float(np.max(np.abs(new_mean - mean) / scale)),
            float(np.max(np.abs(new_covariance - covariance) / np.outer(scale, scale))),
        )
        mean, covariance = new_mean, new_covariance
        if change < tol or not missing.any():
            break
    return mean, covariance * (n / (n - ddof)), iterations


def normal_conditional(covariance: np.ndarray, missing: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return A = Σ_MO Σ_OO⁻¹ and Σ_M|O = Σ_MM − A Σ_OM for one pattern of missingness."""
    observed = ~missing
    cross = covariance[np.ix_(missing, observed)]
    inside = covariance[np.ix_(missing, missing)]
    if not observed.any():
        return np.zeros((int(missing.sum()), 0)), inside
    slope = np.linalg.solve(covariance[np.ix_(observed, observed)], cross.T).T
    residual = inside - slope @ cross.T
    return slope, (residual + residual.T) / 2


@lru_cache(maxsize=8)
def normal_quadrature(nodes: int) -> tuple[np.ndarray, np.ndarray]:
    """Return nodes and weights with ``Σ w g(z) ≈ E g(Z)``, Z standard normal (Gauss–Hermite); arrays to read only."""
    z, weights = np.polynomial.hermite_e.hermegauss(nodes)
    weights = weights / weights.sum()
    z.flags.writeable = weights.flags.writeable = False  # the same arrays are given to all that ask
    return z, weights
