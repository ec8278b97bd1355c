"""Sums over rows that each stand for some copies, possibly none: a resample without copying."""

from __future__ import annotations

import numpy as np
from numba import njit

__all__ = ["centred_copies", "horizon_sums", "mean_difference"]


@njit(cache=True, error_model="numpy")
def centred_copies(values, copies):
    """Return values minus their mean (0 where there is no copy), and their standard deviation (divisor n)."""
    total, mean, square = 0.0, 0.0, 0.0
    for i in range(values.size):
        if copies[i] > 0.0:
            total += copies[i]
            mean += copies[i] * values[i]
    mean /= total
    out = np.zeros(values.size)
    for i in range(values.size):
        if copies[i] > 0.0:
            out[i] = values[i] - mean
            square += copies[i] * out[i] ** 2
    return out, np.sqrt(square / total)


@njit(cache=True, error_model="numpy")
def horizon_sums(order, risk, event, weight, copies):
    """Return AUC, Brier score, that of the mean outcome, the share of events, and the mean risk, in one walk.

    Parameters
    ----------
    order : ndarray of shape (n,), int64
        Rows in ascending order of ``risk``.
    risk : ndarray of shape (n,)
        P(event by the horizon); not read where there is no copy.
    event : ndarray of bool of shape (n,)
        Whether the row had the event by the horizon.
    weight : ndarray of shape (n,)
        Inverse probability that this is known, 0 where it is not.
    copies : ndarray of shape (n,)
        Copies of each row, possibly 0.

    Returns
    -------
    auc, brier, null, share, mean : float
        Means are over all copies; the AUC is NaN without events or without others.
    """
    total, mean, brier, cases, controls = 0.0, 0.0, 0.0, 0.0, 0.0
    won, below = 0.0, 0.0
    start, n = 0, order.size
    while start < n:
        value = risk[order[start]]
        stop = start
        same_cases, same_controls = 0.0, 0.0
        while stop < n and (risk[order[stop]] == value or stop == start):
            i = order[stop]
            stop += 1
            if copies[i] == 0.0:
                continue
            total += copies[i]
            mean += copies[i] * value
            known = copies[i] * weight[i]
            if event[i]:
                same_cases += known
                brier += known * (1.0 - value) ** 2
            else:
                same_controls += known
                brier += known * value**2
        won += same_cases * (below + 0.5 * same_controls)
        below += same_controls
        cases += same_cases
        controls += same_controls
        start = stop
    share = cases / total
    auc = won / (cases * controls) if cases > 0.0 and controls > 0.0 else np.nan
    null = (cases * (1.0 - share) ** 2 + controls * share**2) / total
    return auc, brier / total, null, share, mean / total


@njit(cache=True, error_model="numpy")
def mean_difference(order, values, copies):
    """Return the mean absolute difference of two copies' values (Gini), rows being in ascending ``order``."""
    total, done, out = copies.sum(), 0.0, 0.0
    for i in order:
        if copies[i] > 0.0:
            out += copies[i] * (2.0 * done + copies[i] - total) * values[i]
            done += copies[i]
    return 2.0 * out / (total * (total - 1.0))
