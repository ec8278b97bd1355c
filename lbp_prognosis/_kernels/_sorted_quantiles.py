"""Quantiles of values that are in order already."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

__all__ = ["quantiles_of_sorted"]


def quantiles_of_sorted(values: np.ndarray, shares: Sequence[float]) -> np.ndarray:
    """Interpolate between neighbours (type 7, the default of R and NumPy), without a second look for the order.

    Parameters
    ----------
    values : ndarray of shape (..., n)
        Increasing along the last axis, n ≥ 1.
    shares : sequence of float of length k
        Between 0 and 1.

    Returns
    -------
    ndarray of shape (..., k)
    """
    place = np.asarray(shares, dtype=float) * (values.shape[-1] - 1)
    below = np.floor(place).astype(np.int64)
    above = np.minimum(below + 1, values.shape[-1] - 1)
    low, high = values[..., below], values[..., above]
    return low + (high - low) * (place - below)
