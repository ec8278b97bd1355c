"""Risk sets of a Cox likelihood, prepared once: every row becomes two indices into the table of event times.

A row is at risk at the event times ``t`` of its stratum with ``entry < t <= time``. With the event times of all
strata laid end to end, that is the range ``(before, last]`` of their indices, so sums over risk sets are
differences of suffix sums, and the hazard a row has lived through is a difference of prefix sums. Weights and
coefficients change neither index.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lbp_prognosis._kernels._censoring_groups import CensoringGroups

__all__ = ["CoxData", "Tail", "cox_data"]

_SORT_BYTES = 1 << 20  # a table of sums larger than the cache is walked in order of time, a smaller one in any order
_LOOKUP = 1 << 22


@dataclass(frozen=True)
class Tail:
    """Rows that had a competing event and stay in later risk sets with the weight G(t−)/G(T−).

    Attributes
    ----------
    factor : ndarray of shape (n,)
        1/G(T−) for these rows, 0 for all others.
    start : ndarray of int of shape (n,)
        Index of the first event time after the competing event.
    group : ndarray of int of shape (n,)
        Censoring group.
    curve : ndarray of shape (number of groups, m)
        G(t−) at the event times.
    censoring : CensoringGroups
        Where the curves come from.
    """

    factor: np.ndarray
    start: np.ndarray
    group: np.ndarray
    curve: np.ndarray
    censoring: CensoringGroups


@dataclass(frozen=True)
class CoxData:
    """Rows of a Cox likelihood with their places among the event times.

    Attributes
    ----------
    X : ndarray of shape (n, p)
        Centred columns, C order, rows in the order ``order``.
    centre : ndarray of shape (p,)
        Means that were subtracted.
    scale : ndarray of shape (p,)
        Standard deviation of each column (1 for a constant one).
    event : ndarray of shape (n,)
        Whether the row ends with the event.
    last : ndarray of shape (n,)
        Index of the last event time at or before the row's time, −1 if there is none.
    before : ndarray of shape (n,) or None
        Index of the last event time at or before the row's entry, −1 if there is none; None without delayed entry.
    order : ndarray of shape (n,) or None
        Row of the caller for each row here; None if rows were left as they came.
    times : ndarray of shape (m,)
        Distinct event times, stratum after stratum.
    ends : ndarray of shape (number of strata,)
        One past the last event time of each stratum.
    tail : Tail or None
        Rows that stay in later risk sets with a fading weight (subdistribution hazards).
    """

    X: np.ndarray
    centre: np.ndarray
    scale: np.ndarray
    event: np.ndarray
    last: np.ndarray
    before: np.ndarray | None
    order: np.ndarray | None
    times: np.ndarray
    ends: np.ndarray
    tail: Tail | None = None

    def sorted(self, values: np.ndarray) -> np.ndarray:
        """Bring the caller's row vector into the order of the rows here."""
        return values if self.order is None else values[self.order]

    def unsorted(self, values: np.ndarray) -> np.ndarray:
        """Bring a row vector or matrix back into the caller's order."""
        if self.order is None:
            return values
        out = np.empty_like(values)
        out[self.order] = values
        return out


def _whole_days(values: np.ndarray) -> bool:
    """Say whether there are many values and all are small whole numbers, so that counting beats sorting."""
    if values.size <= 4096 or values.min() < 0 or values.max() >= _LOOKUP:
        return False
    return bool((values[:64] == np.floor(values[:64])).all() and (values == np.floor(values)).all())


def _places(grid: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Index of the last element of the sorted ``grid`` that is ≤ each value, −1 if none."""
    if grid.size and _whole_days(values) and (grid == np.floor(grid)).all():
        size = int(grid[-1]) + 1
        table = np.zeros(size, dtype=np.int32)
        table[grid.astype(np.int64)] = 1
        return (np.cumsum(table, dtype=np.int32) - 1)[np.minimum(values.astype(np.int64), size - 1)]
    return (np.searchsorted(grid, values, side="right") - 1).astype(np.int32)


def _grid(values: np.ndarray) -> np.ndarray:
    """Sorted distinct values; whole days are counted, not sorted."""
    if _whole_days(values):
        return np.flatnonzero(np.bincount(values.astype(np.int64))).astype(float)
    return np.unique(values)


def _index(
    time: np.ndarray, event: np.ndarray, entry: np.ndarray | None, strata: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray | None, np.ndarray, np.ndarray]:
    """Return ``last``, ``before``, event times and the end of each stratum, for rows as they come."""
    if strata is None:
        grid = _grid(time[event]) if event.any() else np.empty(0)
        before = None if entry is None else _places(grid, entry)
        return _places(grid, time), before, grid, np.array([grid.size])
    last = np.empty(time.size, dtype=np.int32)
    before = None if entry is None else np.empty(time.size, dtype=np.int32)
    grids, ends, offset = [], [], 0
    for code in range(int(strata.max()) + 1):
        rows = np.flatnonzero(strata == code)
        grid = np.unique(time[rows][event[rows]])
        place = _places(grid, time[rows])
        last[rows] = np.where(place >= 0, place + offset, -1)
        if before is not None and entry is not None:
            place = _places(grid, entry[rows])
            before[rows] = np.where(place >= 0, place + offset, -1)
        grids.append(grid)
        offset += grid.size
        ends.append(offset)
    return last, before, np.concatenate(grids), np.array(ends)


def cox_data(
    X: np.ndarray,
    time: np.ndarray,
    event: np.ndarray,
    *,
    entry: np.ndarray | None = None,
    strata: np.ndarray | None = None,
) -> CoxData:
    """Prepare risk sets once for any number of fits with other weights, offsets or penalties.

    Parameters
    ----------
    X : ndarray of shape (n, p)
        Columns; copied, centred.
    time, event : ndarray of shape (n,)
        Time and whether it ends with the event (bool or 0/1).
    entry : ndarray of shape (n,), optional
        Start of observation: a row is at risk in ``(entry, time]``.
    strata : ndarray of int of shape (n,), optional
        Codes 0…S−1.
    """
    time = np.ascontiguousarray(time, dtype=float)
    event = np.ascontiguousarray(event, dtype=bool)
    if entry is not None:
        entry = np.asarray(entry, dtype=float)
        if (entry <= min(0.0, time.min(initial=0.0))).all():
            entry = None
    X = np.asarray(X, dtype=float)
    n, p = X.shape
    order, ascending = None, strata is None and bool((time[1:] >= time[:-1]).all())
    if strata is None and not ascending and not _whole_days(time) and int(event.sum()) * p * 8 > _SORT_BYTES:
        order = np.argsort(time)  # sorted queries make the search for places cheap
        time, event = time[order], event[order]
        entry = None if entry is None else entry[order]
        X = X[order]
    last, before, times, ends = _index(time, event, entry, strata)
    if order is None and not ascending and times.size * p * 8 > _SORT_BYTES:
        order = np.argsort(last, kind="stable")
        X = X[order]
        last, event = last[order], event[order]
        before = None if before is None else before[order]
    centre = np.full(n, 1 / max(n, 1)) @ X  # many times faster than a mean over the rows of a narrow table
    X = np.ascontiguousarray(X - centre)
    scale = np.sqrt(np.einsum("ij,ij->j", X, X) / max(n, 1))
    scale[~(scale > 1e-12 * np.maximum(np.abs(centre), 1e-300))] = 1.0
    return CoxData(X, centre, scale, event, last, before, order, times, ends)
