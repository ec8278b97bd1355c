"""Confidence limits of the distances between a calibration curve and the diagonal, which cannot be negative."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from lbp_prognosis._kernels import quantiles_of_sorted

__all__ = ["Distances", "distance_limits"]


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
    than it does. Percentiles of such draws alone exclude the true distance of a nearly perfect model in almost every
    sample. The lower limit is therefore zero unless the distance is larger than that of perfect models, drawn with the
    same errors around the diagonal, in all but (1 − confidence)/2 of the draws. Otherwise limits are percentiles.

    Parameters
    ----------
    diagonal, curve : ndarray of shape (n_cells,)
        Transformed predicted risk, and the fitted linear predictor there.
    error : ndarray of shape (n_draws, n_cells)
        Draws of the error of the linear predictor.
    inverse : callable
        Risk from a linear predictor.
    observed : ndarray of shape (4,)
        Distances of the fitted curve at all patients; the interval contains them.
    confidence : float
        Level of the interval.
    """
    risk = inverse(diagonal)
    seen, null = _of(inverse(curve)[None], risk)[0], _of(inverse(diagonal + error), risk)
    drawn = _of(inverse(curve + error), risk)
    tails = [(1 - confidence) / 2, (1 + confidence) / 2]
    low, high = quantiles_of_sorted(np.sort(drawn, axis=0).T, tails).T
    perfect = quantiles_of_sorted(np.sort(null, axis=0).T, tails)[:, 1]
    low = np.where(seen > perfect, np.minimum(low, observed), 0.0)
    return Distances(low, np.maximum(high, observed), drawn.std(axis=0), null[:, 0])


def _of(at: np.ndarray, risk: np.ndarray) -> np.ndarray:
    """Return mean, median, 90 % quantile and maximum of |at − risk| in each row of ``at``, (rows, 4)."""
    gap = np.abs(at - risk)
    mean = gap.mean(axis=1)
    gap.sort(axis=1)
    return np.column_stack([mean, quantiles_of_sorted(gap, [0.5, 0.9]), gap[:, -1]])
