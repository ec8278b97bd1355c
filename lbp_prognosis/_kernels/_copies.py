"""Sums over rows that each stand for some copies, possibly none: a resample without copying."""

from __future__ import annotations

import numpy as np

from lbp_prognosis._kernels._compiled import compiled

__all__ = ["centred_copies", "mean_difference"]


@compiled()
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


@compiled()
def mean_difference(order, values, copies):
    """Return the mean absolute difference of two copies' values (Gini), rows being in ascending ``order``."""
    total, done, out = 0.0, 0.0, 0.0
    for i in range(copies.size):
        total += copies[i]
    for i in order:
        if copies[i] > 0.0:
            out += copies[i] * (2.0 * done + copies[i] - total) * values[i]
            done += copies[i]
    return 2.0 * out / (total * (total - 1.0))
