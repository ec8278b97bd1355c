"""Distinct times and step functions: what every curve stands on."""

from __future__ import annotations

import numpy as np

__all__ = ["distinct_times", "order_of_times", "step_at"]

_SMALLEST_TABLE = 1 << 16


def distinct_times(time: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the increasing distinct times and, for each row, the position of its own.

    Whole numbers of moderate size (days) are counted into a table in O(n) instead of being sorted.

    Parameters
    ----------
    time : ndarray of shape (n,)
        Finite, ≥ 0.

    Returns
    -------
    times : ndarray of shape (m,)
    codes : ndarray of int of shape (n,)
    """
    if time.size:
        top = time.max()
        if top < max(_SMALLEST_TABLE, 2 * time.size):
            days = time.astype(np.int64)
            if (days == time).all():
                seen = np.bincount(days) > 0
                return np.flatnonzero(seen).astype(float), (np.cumsum(seen) - 1)[days]
    times, codes = np.unique(time, return_inverse=True)
    return times, codes


def order_of_times(time: np.ndarray) -> np.ndarray:
    """Return the stable order of ``time`` (n,), finite and ≥ 0: digit by digit where all are days of a few decades."""
    if time.size and time.max() < _SMALLEST_TABLE:
        days = time.astype(np.uint16)
        if (days == time).all():
            return np.argsort(days, kind="stable")
    return np.argsort(time, kind="stable")


def step_at(
    grid: np.ndarray, values: np.ndarray, at: np.ndarray | float, *, left: float, before: bool = False
) -> np.ndarray:
    """Read a right-continuous step function.

    Parameters
    ----------
    grid : ndarray of shape (m,)
        Increasing jump times.
    values : ndarray of shape (m,) or (m, k)
        Value from each jump on.
    at : float or ndarray of any shape
        Where to read.
    left : float
        Value before the first jump (1 for a survival curve, 0 for an incidence or a cumulative hazard).
    before : bool, default False
        Read the limit from the left, f(t−), instead of f(t).

    Returns
    -------
    ndarray of the shape of ``at`` (and one more axis of length k for 2-D values)
    """
    place = np.searchsorted(grid, at, side="left" if before else "right")
    start = np.full((1, *values.shape[1:]), left, dtype=float)
    return np.concatenate([start, values])[place]
