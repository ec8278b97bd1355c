"""Rows that occur more often than chance allows: exactly, and nearly."""

from __future__ import annotations

import numpy as np

_FEW = 1_000  # rows up to which all distances are sooner worked out than scikit-learn is imported
_BLOCK = 256  # rows whose distances are kept at a time

__all__ = ["near_twins", "repeated_rows"]


def repeated_rows(codes: np.ndarray) -> np.ndarray:
    """Return for every row whether another row has the same codes.

    Parameters
    ----------
    codes : ndarray of int of shape (n, k)
        One column per variable; equal codes mean equal values.

    Returns
    -------
    ndarray of bool of shape (n,)
    """
    # one opaque value per row sorts faster than a lexicographic sort of k columns
    rows = np.ascontiguousarray(codes, dtype=np.int64)
    keys = rows.view([("", np.int64)] * rows.shape[1]).ravel()
    _, inverse, counts = np.unique(keys, return_inverse=True, return_counts=True)
    return counts[inverse.ravel()] > 1


def near_twins(values: np.ndarray, ratio: float) -> np.ndarray:
    """Return for every row whether its nearest neighbour is ``ratio`` times as far as the one after it, or nearer.

    Parameters
    ----------
    values : ndarray of float of shape (n, p)
        Coordinates on comparable scales.
    ratio : float
        Limit of (distance to the first neighbour) / (distance to the second).

    Returns
    -------
    ndarray of bool of shape (n,)

    Notes
    -----
    For points without twins in p dimensions the ratio is below r with a probability of about r^p.
    """
    distances = _to_neighbours(values)
    first, second = distances[:, 1], distances[:, 2]
    return (second > 0) & (first <= ratio * second)


def _to_neighbours(values: np.ndarray) -> np.ndarray:
    """Return the distances of every row to itself and its two nearest neighbours, of shape (n, 3)."""
    if 2 < values.shape[0] <= _FEW:
        from scipy.spatial.distance import cdist

        blocks = (values[low : low + _BLOCK] for low in range(0, values.shape[0], _BLOCK))
        return np.vstack([np.sort(np.partition(cdist(block, values), 2)[:, :3]) for block in blocks])
    from sklearn.neighbors import NearestNeighbors

    return np.asarray(NearestNeighbors(n_neighbors=3).fit(values).kneighbors(values)[0])
