"""Confidence limits of the distances between a calibration curve and the diagonal, which cannot be negative."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from lbp_prognosis._kernels import quantiles_of_sorted

__all__ = ["Distances", "distance_limits"]

_STEPS = np.array([-8, -6, -4, -3, -2.5, -2, -1.5, -1, -0.5, 0, 0.5, 1, 1.5, 2, 2.5, 3, 4, 6, 9, 14])
"""Curves that are tried: with the mean distance of the fitted one and so many mean distances of a perfect model."""


class Distances(NamedTuple):
    """Limits and standard deviation of the four distances (4,), and the mean distance of perfect models (n_draws,)."""

    low: np.ndarray
    high: np.ndarray
    deviation: np.ndarray
    null: np.ndarray


def distance_limits(
    diagonal: np.ndarray,
    curve: np.ndarray,
    error: np.ndarray,
    inverse: Callable[[np.ndarray], np.ndarray],
    observed: np.ndarray,
    confidence: float,
) -> Distances:
    """Return limits of the mean, median, 90 % quantile and maximum of |observed − predicted|.

    Sampling error moves a distance away from zero: curves drawn around the fitted one lie farther from the diagonal
    than it does, and it lies farther than the true one. Percentiles of such draws exclude the true distance of a nearly
    perfect model in almost every sample. The limits therefore invert a test. The curves that are tried deviate from the
    diagonal as the fitted one does, s times as far, and the same errors are added to each. The lower limit is the
    distance of the curve around which (1 − confidence)/2 of the draws lie as far as the fitted curve; it is zero if
    more do so around the diagonal itself. The upper limit is the distance of the curve around which as few lie as near,
    or as near as half of those around the diagonal.

    Parameters
    ----------
    diagonal, curve : ndarray of shape (n_cells,)
        Transformed predicted risk, and the fitted linear predictor there.
    error : ndarray of shape (n_draws, n_cells)
        Draws of the error of the linear predictor.
    inverse : callable
        Risk from a linear predictor.
    observed : ndarray of shape (4,)
        Distances of the fitted curve at all patients; limits found at the cells are moved by what differs.
    confidence : float
        Level of the interval.

    References
    ----------
    .. [1] Chuang C-S, Lai TL. Hybrid resampling methods for confidence intervals. Statistica Sinica 2000;10:1-50.
    """
    risk, shape = inverse(diagonal), curve - diagonal
    null = _of(inverse(diagonal + error), risk)
    if not (shape != 0).any():  # a curve on the diagonal has no shape of its own: errors in one direction
        shape = error.std(axis=0)
        times, fitted = np.concatenate([[0.0], _STEPS[_STEPS > 0]]), 0
    else:
        unit = float(null[:, 0].mean()) / _of(inverse(curve)[None], risk)[0, 0]
        times = np.unique(np.maximum(1 + _STEPS * unit, 0.0))
        times = times if times[0] == 0 else np.concatenate([[0.0], times])
        fitted = int(np.argmin(np.abs(times - 1)))
    tried = [_of(inverse(diagonal + s * shape + error), risk) for s in times]
    true = np.concatenate([_of(inverse(diagonal + s * shape)[None], risk) for s in times])
    # the k-th of B draws cuts off k / (B + 1)
    count = error.shape[0]
    tails = [
        min(max((p * (count + 1) - 1) / max(count - 1, 1), 0.0), 1.0)
        for p in (0.5 - confidence / 2, 0.5 + confidence / 2)
    ]
    # (curves tried, 4, two quantiles of the draws)
    reached = np.stack([quantiles_of_sorted(np.sort(draws, axis=0).T, tails) for draws in tried])
    seen = true[fitted]
    low, high = np.empty(4), np.empty(4)
    for k in range(4):
        low[k] = _crossing(times, reached[:, k, 1], true[:, k], seen[k])
        # a curve nearer than half of those of a perfect model says no more than one of these: luck narrows no interval
        high[k] = _crossing(times, reached[:, k, 0], true[:, k], max(seen[k], float(np.median(null[:, k]))))
    shift = observed - seen  # all patients and the cells differ most in the largest distance
    low = np.where(low > 0, np.clip(low + shift, 0.0, observed), 0.0)
    high = np.maximum(high + shift, observed)
    return Distances(low, high, tried[fitted].std(axis=0), null[:, 0])


def _of(at: np.ndarray, risk: np.ndarray) -> np.ndarray:
    """Return mean, median, 90 % quantile and maximum of |at − risk| in each row of ``at``, (rows, 4)."""
    gap = np.abs(at - risk)
    mean = gap.mean(axis=1)
    gap.sort(axis=1)
    return np.column_stack([mean, quantiles_of_sorted(gap, [0.5, 0.9]), gap[:, -1]])


def _crossing(times: np.ndarray, reached: np.ndarray, true: np.ndarray, seen: float) -> float:
    """Return the true distance of the first curve whose quantile of draws ``reached`` is the observed distance."""
    above = np.flatnonzero(reached >= seen)
    first = int(above[0]) if above.size else times.size - 1
    if first == 0:
        return 0.0
    share = min((seen - reached[first - 1]) / (reached[first] - reached[first - 1]), 1.0) if above.size else 1.0
    return float(true[first - 1] + share * (true[first] - true[first - 1]))
