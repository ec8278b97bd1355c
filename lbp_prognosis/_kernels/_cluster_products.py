"""Sums of squares over clusters of quantities that change when members come and go."""

from __future__ import annotations

import numpy as np

__all__ = ["cluster_products"]


def cluster_products(cluster: np.ndarray, place: np.ndarray, change: np.ndarray, m: int) -> np.ndarray:
    """Return Σ_c v_c(k) v_c(k)ᵀ for k = 0…m−1, where v_c(k) sums the changes of cluster c at places up to k.

    Only the clusters that change at a place are touched there, so the cost is that of sorting the changes.

    Parameters
    ----------
    cluster, place : ndarray of int of shape (e,)
        Cluster and place (0…m, m being beyond the last) of each change.
    change : ndarray of shape (e, q)
        Change to add.
    m : int
        Number of places.

    Returns
    -------
    ndarray of shape (m, q, q)
    """
    order = np.lexsort((place, cluster))
    cluster, place, change = cluster[order], place[order], change[order]
    new = np.append(True, (np.diff(cluster) != 0) | (np.diff(place) != 0))
    begin = np.flatnonzero(new)
    cluster, place = cluster[begin], place[begin]
    added = np.add.reduceat(change, begin, axis=0)
    total = np.cumsum(added, axis=0)
    first = np.append(True, np.diff(cluster) != 0)
    # running sums restart with each cluster: take away what had been summed before it
    base = np.concatenate([np.zeros((1, change.shape[1])), total[:-1]])[np.flatnonzero(first)]
    after = total - base[np.cumsum(first) - 1]
    before = np.where(first[:, None], 0.0, np.concatenate([np.zeros((1, change.shape[1])), after[:-1]]))
    q = change.shape[1]
    out = np.empty((m, q, q))
    for i in range(q):
        for j in range(i, q):
            gain = after[:, i] * after[:, j] - before[:, i] * before[:, j]
            out[:, i, j] = out[:, j, i] = np.cumsum(np.bincount(place, weights=gain, minlength=m + 1)[:m])
    return out
