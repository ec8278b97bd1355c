"""Calibration from a site's sums: the score of a recalibration and its first two derivatives at the predictions."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

__all__ = ["TaylorSums", "solve_taylor", "solve_taylor_level", "taylor_sums"]

_FAR = 5.0


class TaylorSums(NamedTuple):
    """``score`` (2,), ``information`` (2, 2) as (intercept, slope), ``third`` (4,): Σ v′ x^k for k = 0 … 3."""

    score: np.ndarray
    information: np.ndarray
    third: np.ndarray


def taylor_sums(x: np.ndarray, residual: np.ndarray, variance: np.ndarray, change: np.ndarray) -> TaylorSums:
    """Return the sums of a site at intercept 0 and slope 1.

    Parameters
    ----------
    x : ndarray of shape (n,)
        Linear predictor.
    residual : ndarray of shape (n,)
        Observed less predicted, weighted: y − q of a state, d − E of times.
    variance, change : ndarray of shape (n,)
        First and second derivative of the prediction by the linear predictor, weighted: q(1 − q) and
        q(1 − q)(1 − 2q) of a state, E and E of times.
    """
    powers = np.vander(x, 4, increasing=True)
    second = variance @ powers[:, :3]
    information = np.array([[second[0], second[1]], [second[1], second[2]]])
    return TaylorSums(residual @ powers[:, :2], information, change @ powers)


def solve_taylor(sums: TaylorSums, *, tol: float = 1e-13, max_iter: int = 100) -> tuple[np.ndarray, np.ndarray]:
    """Return (intercept, slope) and their covariance; NaN where the cubic has no root nearby.

    Solves g − H d − ½ (t₀α² + 2t₁αβ + t₂β², t₁α² + 2t₂αβ + t₃β²) = 0 for d = (α, β), the change from (0, 1), by Newton
    from H⁻¹ g; the covariance is (H + T·d)⁻¹.
    """
    g, H, t = sums
    outer = np.array([[t[0], t[1]], [t[1], t[2]]]), np.array([[t[1], t[2]], [t[2], t[3]]])
    nothing = np.full(2, np.nan), np.full((2, 2), np.nan)
    if not np.linalg.det(H) > 0:
        return nothing
    d = np.linalg.solve(H, g)
    for _ in range(max_iter):
        slope = H + d[0] * outer[0] + d[1] * outer[1]
        if not np.isfinite(slope).all() or abs(np.linalg.det(slope)) < 1e-300:
            return nothing
        rest = g - H @ d - 0.5 * (d[0] * outer[0] + d[1] * outer[1]) @ d
        step = np.linalg.solve(slope, rest)
        d = d + step
        if np.abs(d).max() > _FAR:
            return nothing
        if np.abs(step).max() < tol:
            break
    else:
        return nothing
    covariance = np.linalg.inv(H + d[0] * outer[0] + d[1] * outer[1])
    if not (np.diag(covariance) > 0).all():
        return nothing
    return np.array([0.0, 1.0]) + d, covariance


def solve_taylor_level(sums: TaylorSums) -> tuple[float, float]:
    """Return the intercept at slope 1 and its variance; NaN where the quadratic has no root.

    Solves g − H α − ½ t₀ α² = 0 of the first elements for the root that is g / H where t₀ is 0.
    """
    g, h, t = float(sums.score[0]), float(sums.information[0, 0]), float(sums.third[0])
    square = h**2 + 2 * t * g
    if not (h > 0 and square > 0):
        return float("nan"), float("nan")
    slope = float(np.sqrt(square))  # H + t₀ α at the root
    return 2 * g / (h + slope), 1 / slope
