"""Smallest value of a convex function of a few weights that may not be negative and, if wanted, have a given sum.

`quadratic_minimum` is exact (an active set of weights that are 0); `convex_minimum` is Newton's method with such a
quadratic problem in each step. Weights that are 0 are exactly 0.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
from scipy.linalg import lapack

__all__ = ["convex_minimum", "quadratic_minimum"]

_FLAT = 1e-12  # share of all curvature below which a direction has none
_GROUND = 1e-8  # share of it that tells such directions apart
_SLACK = 1e-12  # of the size of the slopes: what rounding leaves of a slope that is 0


def quadratic_minimum(
    H: np.ndarray, c: np.ndarray, *, total: float | None = 1.0, free: np.ndarray | None = None
) -> np.ndarray:
    """Minimise ``½ xᵀ H x − cᵀ x`` over ``x ≥ 0`` with ``Σ x = total``.

    Parameters
    ----------
    H : ndarray of shape (k, k)
        Symmetric and positive semidefinite, with ``c`` in its range, as ``AᵀWA`` and ``AᵀWy`` are.
    c : ndarray of shape (k,)
        Linear part.
    total : float or None, default 1.0
        Sum of the weights; None leaves it free.
    free : ndarray of bool of shape (k,), optional
        Weights that may be negative.

    Returns
    -------
    ndarray of shape (k,)
        The minimum; where it is not unique (collinear columns of A) the one of least sum of squares, so
        that the order of the weights does not matter.
    """
    bounded = np.ones(c.size, dtype=bool) if free is None else ~free
    x = _active_set(H, c, bounded, total)
    basis = np.eye(c.size) if total is None else _sum_zero(c.size)
    values, vectors = np.linalg.eigh(basis.T @ H @ basis)
    size = max(float(np.trace(H)), 1e-300)
    flat = values <= _FLAT * size
    if not flat.any():
        return x
    # a little curvature says which weights are 0 at the minimum of least squares; the others follow from what is known
    ridge = _GROUND * size * np.eye(c.size)
    held = ~bounded | (_active_set(H + ridge, c, bounded, total) > _FLAT)
    known = vectors[:, ~flat].T @ basis.T
    if total is not None:
        known = np.vstack([known, np.ones(c.size)])
    out = np.zeros(c.size)
    out[held] = np.linalg.lstsq(known[:, held], known @ x, rcond=1e-10)[0]
    return out


def _active_set(H: np.ndarray, c: np.ndarray, bounded: np.ndarray, total: float | None) -> np.ndarray:
    """Walk from corner to corner of the weights that are 0 until no slope is against it."""
    k = c.size
    x = np.zeros(k)
    if total is not None:
        # from the best corner the value only falls: no corner is better than the answer
        x[int(np.argmin(0.5 * total * np.diag(H) - c))] = total
    moving = ~bounded | (x > 0)
    size = max(float(np.abs(c).max(initial=0.0)), float(np.abs(H).max(initial=0.0)), 1e-300)
    for _ in range(50 * (k + 1)):
        step = _newton_step(H, H @ x - c, moving, total is not None)
        falling = bounded & moving & (step < 0)
        room = np.where(falling, x, np.inf) / np.where(falling, -step, 1.0)
        share = min(1.0, float(room.min(initial=np.inf)))
        x = x + share * step
        if share < 1.0:
            hit = falling & (room <= share)
            x[hit] = 0.0
            moving &= ~hit
            continue
        slope = H @ x - c  # the moving weights are at their minimum: is another one wanted?
        level = float(slope[moving].mean()) if total is not None else 0.0
        surplus = np.where(moving, 0.0, slope - level)
        worst = int(np.argmin(surplus))
        if surplus[worst] >= -_SLACK * size:
            break
        moving[worst] = True
    x[bounded] = np.maximum(x[bounded], 0.0)
    return x


def _newton_step(H: np.ndarray, slope: np.ndarray, moving: np.ndarray, summing: bool) -> np.ndarray:
    """Step to the minimum among the moving weights, of least length where several are."""
    step = np.zeros(slope.size)
    m = int(moving.sum())
    if m == 0 or (summing and m == 1):
        return step
    basis = _sum_zero(m) if summing else np.eye(m)
    inner, against = basis.T @ H[np.ix_(moving, moving)] @ basis, basis.T @ slope[moving]
    factor, failed = lapack.dpotrf(inner, lower=1)
    if failed or np.diag(factor).min() ** 2 <= _FLAT * inner.trace():
        step[moving] = -basis @ np.linalg.lstsq(inner, against, rcond=_FLAT)[0]
    else:
        step[moving] = -basis @ lapack.dpotrs(factor, against, lower=1)[0]
    return step


@cache
def _sum_zero(m: int) -> np.ndarray:
    """Orthonormal directions that change no sum, shape (m, m − 1)."""
    out = np.zeros((m, m - 1))
    for j in range(1, m):
        out[:j, j - 1], out[j, j - 1] = 1.0, -j
        out[:, j - 1] /= np.sqrt(j * (j + 1.0))
    return out


def convex_minimum(
    at: Callable[[np.ndarray], tuple[float, np.ndarray, np.ndarray]],
    start: np.ndarray,
    *,
    total: float | None = 1.0,
    free: np.ndarray | None = None,
    max_iter: int = 100,
) -> tuple[np.ndarray, bool]:
    """Minimise a smooth convex function over ``x ≥ 0`` with ``Σ x = total``.

    Parameters
    ----------
    at : callable
        From x (k,) to the value, its slopes (k,) and its curvature (k, k). Where the value is not finite the step is
        halved.
    start : ndarray of shape (k,)
        Where the search begins; it has to keep the bounds.
    total, free
        As for `quadratic_minimum`.
    max_iter : int, default 100
        Steps.

    Returns
    -------
    x : ndarray of shape (k,)
    converged : bool
        Whether no step wins anything any more.
    """
    x = np.asarray(start, dtype=float)
    value, slope, H = at(x)
    for _ in range(max_iter):
        target = quadratic_minimum(H, H @ x - slope, total=total, free=free)
        step = target - x
        gain = -float(slope @ step)
        if gain <= 1e-12 * (1 + abs(value)):  # what the last step leaves is the square of it
            return target, True
        share = 1.0
        while True:
            fresh = at(x + share * step)
            if np.isfinite(fresh[0]) and fresh[0] <= value - 1e-4 * share * gain:
                break
            share /= 2
            if share < 1e-10:
                return x, False
        x = target if share == 1.0 else x + share * step
        value, slope, H = fresh
    return x, False
