"""Coarse ranges of training columns, each bound with several rows at it or beyond it."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.sparse import issparse

__all__ = ["MIN_BEYOND", "training_ranges"]

MIN_BEYOND = 5  # rows at or beyond a bound
_SHARE = 0.05
_FEW = 10  # distinct values of a column that is read as a scale with steps


def training_ranges(X: Any) -> np.ndarray:
    """Return low and high bounds of each column, and how many rows lie at or beyond them.

    The bounds are the 5 % and 95 % order statistics, `MIN_BEYOND` rows or more from the end (exactly so for a column
    of at most ten distinct values), rounded outwards to three digits of their distance: no bound is one row's value.

    Parameters
    ----------
    X : ndarray or csc_array of shape (n, p)
        Training rows; NaN is missing, and what a sparse array does not store is 0.

    Returns
    -------
    ndarray of shape (p, 4)
        Low, high, number of rows ≤ low, number of rows ≥ high; NaN for both bounds where there are too few rows.
    """
    if issparse(X):
        return _sparse_ranges(X)
    out = np.full((X.shape[1], 4), np.nan)
    ordered = np.sort(X, axis=0)
    known = (~np.isnan(X)).sum(axis=0)
    for j in range(X.shape[1]):
        m = int(known[j])
        values = ordered[:m, j]
        distinct = 1 + int((values[1:] > values[:-1]).sum()) if m else 0
        place = MIN_BEYOND if distinct <= _FEW else max(MIN_BEYOND, int(np.ceil(_SHARE * m)))
        if m < 2 * MIN_BEYOND or place > m - place + 1 or not np.isfinite(values[[0, -1]]).all():
            continue
        low, high = _outwards(float(values[place - 1]), float(values[m - place]))
        below = int(np.searchsorted(values, low, side="right"))
        above = m - int(np.searchsorted(values, high, side="left"))
        out[j] = low, high, max(below, place), max(above, place)
    return out


def _sparse_ranges(X: Any) -> np.ndarray:
    """Return the same of a sparse array: zeros stand, counted, between its sorted negative and positive values."""
    m = int(X.shape[0])
    out = np.full((X.shape[1], 4), np.nan)
    for j in range(X.shape[1]):
        stored = np.sort(X.data[X.indptr[j] : X.indptr[j + 1]])
        first, last = np.searchsorted(stored, 0.0, side="left"), np.searchsorted(stored, 0.0, side="right")
        gap = m - (stored.size - int(last - first))  # zeros, stored or not
        values = np.concatenate([stored[:first], stored[last:]])

        def at(place: int, values: np.ndarray = values, first: int = int(first), gap: int = gap) -> float:
            if place < first:
                return float(values[place])
            return 0.0 if place < first + gap else float(values[place - gap])

        distinct = int(np.count_nonzero(np.diff(values))) + int(values.size > 0) + int(gap > 0)
        place = MIN_BEYOND if distinct <= _FEW else max(MIN_BEYOND, int(np.ceil(_SHARE * m)))
        if m < 2 * MIN_BEYOND or place > m - place + 1 or not np.isfinite(values).all():
            continue
        low, high = _outwards(at(place - 1), at(m - place))
        below = int(np.searchsorted(values, low, side="right")) + (gap if low >= 0 else 0)
        above = m - int(np.searchsorted(values, high, side="left")) - (gap if high > 0 else 0)
        out[j] = low, high, max(below, place), max(above, place)
    return out


def _outwards(low: float, high: float) -> tuple[float, float]:
    """Round to three digits of the distance: down and up."""
    if high <= low:
        digits = 2 - int(np.floor(np.log10(abs(low)))) if low else 0
        return round(low, digits), round(high, digits)
    digits = 2 - int(np.floor(np.log10(high - low)))
    step = 10.0**-digits
    # a bound that is a multiple of the step but for its last bit stays where it is
    return (
        round(float(np.floor(round(low / step, 6))) * step, digits),
        round(float(np.ceil(round(high / step, 6))) * step, digits),
    )
