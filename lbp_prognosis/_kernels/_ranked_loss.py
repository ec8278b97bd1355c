"""Ranked probability scores of forecasts that step at levels."""

from __future__ import annotations

import numpy as np

__all__ = ["ranked_losses"]

_CELLS = 4_000_000  # of a block of rows


def ranked_losses(levels: np.ndarray, below: np.ndarray, value: np.ndarray) -> np.ndarray:
    """Return ∫ (F(s) − 1{value ≤ s})² ds of each row.

    Parameters
    ----------
    levels : ndarray of shape (K,)
        Where the forecasts step, increasing.
    below : ndarray of shape (n, K)
        F at the levels; the last column is 1.
    value : ndarray of shape (n,)
        Observed values; they need not be levels.

    Returns
    -------
    ndarray of shape (n,)
        In the unit of the levels.
    """
    width = np.diff(levels)
    out = np.empty(value.size)
    block = max(1, _CELLS // max(levels.size, 1))
    for start in range(0, value.size, block):
        rows = slice(start, start + block)
        out[rows] = _block(levels, width, below[rows], value[rows])
    return out


def _block(levels: np.ndarray, width: np.ndarray, below: np.ndarray, value: np.ndarray) -> np.ndarray:
    inner = below[:, :-1]
    zero = np.zeros((value.size, 1))
    under = np.concatenate([zero, np.cumsum(inner**2 * width, axis=1)], axis=1)
    over = np.concatenate([zero, np.cumsum((1 - inner) ** 2 * width, axis=1)], axis=1)
    held = np.searchsorted(levels, value, side="right") - 1  # the level at or under the value; −1 under all of them
    at = np.clip(held, 0, max(levels.size - 2, 0))
    row = np.arange(value.size)
    outside = np.maximum(levels[0] - value, 0) + np.maximum(value - levels[-1], 0)
    if levels.size == 1:
        return outside
    here = np.clip(value, levels[at], levels[at + 1])
    step = inner[row, at]
    return (
        under[row, at]
        + step**2 * (here - levels[at])
        + (1 - step) ** 2 * (levels[at + 1] - here)
        + over[:, -1]
        - over[row, at + 1]
        + outside
    )
