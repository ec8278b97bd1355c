"""Covariance of several AUCs on the same findings: DeLong, or Obuchowski for findings clustered in patients."""

from __future__ import annotations

import numpy as np

from lbp_prognosis._kernels import auc_placements

__all__ = ["auc_covariance"]


def auc_covariance(
    truth: np.ndarray, scores: np.ndarray, clusters: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return AUCs, their covariance and placement values.

    Parameters
    ----------
    truth : ndarray of bool of shape (n,)
        Reference state.
    scores : ndarray of shape (n, m)
        One column per test.
    clusters : ndarray of int of shape (n,) or None
        Patient of each finding.

    Returns
    -------
    auc : ndarray of shape (m,)
    covariance : ndarray of shape (m, m)
    placements : ndarray of shape (n, m)
        Proportion of the other class with a lower score (for positives) or a higher score (for negatives).

    Notes
    -----
    The covariance is NaN if all positive, or all negative, findings belong to one patient.
    """
    n, m = scores.shape
    ones = np.ones(n)
    auc, placements = np.empty(m), np.empty((n, m))
    for k in range(m):
        column = np.ascontiguousarray(scores[:, k])
        auc[k], placements[:, k] = auc_placements(np.argsort(column), column, truth, ones, ones)[:2]
    x, y = placements[truth] - auc, placements[~truth] - auc
    nx, ny = x.shape[0], y.shape[0]
    if clusters is None:
        return auc, x.T @ x / ((nx - 1) * nx) + y.T @ y / ((ny - 1) * ny), placements
    codes = int(clusters.max()) + 1
    sx, sy = np.zeros((codes, m)), np.zeros((codes, m))
    np.add.at(sx, clusters[truth], x)
    np.add.at(sy, clusters[~truth], y)
    ix, iy = np.unique(clusters[truth]).size, np.unique(clusters[~truth]).size
    if min(ix, iy) < 2:
        return auc, np.full((m, m), np.nan), placements
    every = np.unique(clusters).size
    s10 = ix / ((ix - 1) * nx) * (sx.T @ sx)
    s01 = iy / ((iy - 1) * ny) * (sy.T @ sy)
    s11 = every / (every - 1) * (sx.T @ sy)
    return auc, s10 / nx + s01 / ny + (s11 + s11.T) / (nx * ny), placements
