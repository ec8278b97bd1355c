"""Step functions of time, one a stratum, read at horizons."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

__all__ = ["steps_at"]


def steps_at(
    times: Sequence[np.ndarray], values: Sequence[np.ndarray], codes: np.ndarray | None, at: np.ndarray
) -> np.ndarray:
    """Read right-continuous step functions that are 0 before their first time.

    Parameters
    ----------
    times, values : sequence of ndarray
        One a stratum: jump times (m,) and values (m,) or (m, p).
    codes : ndarray of int of shape (n,) or None
        Stratum of each row; None reads the first function once.
    at : ndarray of shape (k,)
        Where to read.

    Returns
    -------
    ndarray of shape (n, k), (n, k, p); without codes the first axis has length 1
        Values.
    """
    read = []
    for grid, value in zip(times, values):
        place = np.searchsorted(grid, at, side="right")
        padded = np.concatenate([np.zeros((1, *value.shape[1:])), value])
        read.append(padded[place])
    stacked = np.stack(read)
    return stacked[:1] if codes is None else stacked[codes]
