"""``coarse_curve``: a curve over time with enough events in each step and no corner at a patient's time."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

__all__ = ["coarse_curve", "quiet_grid"]

_PIECES = (12, 8, 6, 4, 3, 2)
_NEAR = 1e-4  # nearer to a patient's time a corner would be taken for it
_SHIFTS = (0.0, 0.137, 0.271, 0.389, 0.443)


def coarse_curve(
    times: Any,
    value: Any,
    low: Any,
    high: Any,
    events: Any,
    *,
    end: float,
    smallest: int,
    start: float = 0.0,
    others: Any = (),
) -> pd.DataFrame:
    """Return a step curve read at a few round times.

    Parameters
    ----------
    times : array-like of shape (m,)
        Distinct observed times, increasing: those of patients.
    value, low, high : array-like of shape (m,)
        Height from each time on, with limits.
    events : array-like of shape (m,)
        Patients whose event moves the curve at each time.
    end : float
        Declared time (the horizon), at which the curve ends.
    smallest : int
        k: smallest number of events between two corners of the curve.
    start : float, default 0.0
        Height at time zero.
    others : array-like of shape (q,), default ()
        Times of patients of other curves, to which no corner may be near either.

    Returns
    -------
    DataFrame
        ``time, value, low, high``, from time zero to ``end``; only these two times if there are fewer than 2 k events.
    """
    seen = np.asarray(times, dtype=float)
    moved = np.asarray(events, dtype=float)
    every = np.concatenate([seen, np.asarray(others, dtype=float)])
    inside = seen <= end
    total = float(moved[inside].sum())
    corners = [0.0]
    for pieces in _PIECES:
        grid = quiet_grid(end, pieces, every)
        found, last = [0.0], 0.0
        for time in grid:
            passed = float(moved[(seen > found[-1]) & (seen <= time)].sum())
            left = total - last - passed
            if passed >= smallest and left >= smallest:
                found.append(time)
                last += passed
        if len(found) > len(corners):
            corners = found
    heights = {
        name: [start if time == 0 else _height(seen, np.asarray(part, dtype=float), time, start) for time in corners]
        for name, part in (("value", value), ("low", low), ("high", high))
    }
    ends = {
        name: _height(seen, np.asarray(part, dtype=float), end, start)
        for name, part in (("value", value), ("low", low), ("high", high))
    }
    return pd.DataFrame(
        {"time": [*corners, end], **{name: [*heights[name], ends[name]] for name in ("value", "low", "high")}}
    )


def quiet_grid(end: float, pieces: int, seen: np.ndarray) -> list[float]:
    """Return times that divide an interval into equal parts, shifted slightly if one is a patient's time.

    Parameters
    ----------
    end : float
        Length of the interval, which begins at 0.
    pieces : int
        Number of parts.
    seen : ndarray of shape (q,)
        Times of patients. Times that are near one of them for every shift are left out.
    """
    step, grids = end / pieces, []
    for shift in _SHIFTS:
        grid = [float(f"{step * (k + shift):.4g}") for k in range(1, pieces)]
        grids.append([time for time in grid if not np.isclose(seen, time, rtol=0, atol=_NEAR * end).any()])
        if len(grids[-1]) == len(grid):
            break
    return max(grids, key=len)


def _height(times: np.ndarray, part: np.ndarray, at: float, start: float) -> float:
    place = int(np.searchsorted(times, at, side="right")) - 1
    return start if place < 0 else float(part[place])
