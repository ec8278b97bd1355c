"""``on_schedule``: assignment of visits to the planned visit times."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from lbp_prognosis._base import Result, argument_error, check_vector
from lbp_prognosis.survival._outcome import check_outcome
from lbp_prognosis.survival._surv import Surv

__all__ = ["ScheduledOutcome", "on_schedule"]


@dataclass(frozen=True, repr=False)
class ScheduledOutcome(Result):
    """An interval-censored outcome whose ends are visits of the schedule.

    Attributes
    ----------
    y : ndarray of shape (n,)
        Made by `Surv.interval`.
    visits : ndarray of shape (k,)
        The schedule, in the unit of ``y``.
    n_moved : int
        Number of interval ends that were moved.
    median_move, largest_move : float
        Median and largest shift of the moved ends.
    n_same_visit : int
        Number of intervals whose ends are both nearest to the same visit; they begin at the previous visit.
    """

    y: np.ndarray
    visits: np.ndarray
    n_moved: int
    median_move: float
    largest_move: float
    n_same_visit: int

    def to_frame(self) -> pd.DataFrame:
        """Return one row: ``n_moved, median_move, largest_move, n_same_visit``."""
        return pd.DataFrame(
            [
                {
                    "n_moved": self.n_moved,
                    "median_move": self.median_move,
                    "largest_move": self.largest_move,
                    "n_same_visit": self.n_same_visit,
                }
            ]
        )

    def _summary(self) -> str:
        return f"{self.y.shape[0]} patients, {self.n_moved} visits moved by at most {self.largest_move:.3g}"


def on_schedule(y: np.ndarray, visits: Any) -> ScheduledOutcome:
    """Assign each visit to the nearest planned visit.

    Parameters
    ----------
    y : ndarray of shape (n,)
        Made by `Surv.interval`. An event known exactly (``lower == upper``) goes into the period between the planned
        visits around it.
    visits : array-like of shape (k,)
        Planned visits after time zero, increasing, in the unit of ``y``.

    Returns
    -------
    ScheduledOutcome
        ``y`` with ends at 0 or at planned visits, and the size of the shifts. A last visit after the end of the
        schedule counts as the last planned visit; an exactly known event after the schedule is censored there.

    Notes
    -----
    A patient observed event-free at 11.6 months then counts as event-free at the visit of month 12, as with visit
    windows in trials. Dates are coarsened; findings are unchanged.

    Examples
    --------
    >>> from lbp_prognosis import Surv
    >>> from lbp_prognosis.survival import on_schedule
    >>> y = Surv.interval([2.8, 11.6], [6.3, float("inf")])
    >>> on_schedule(y, [3, 6, 12]).y.tolist()
    [(3.0, 6.0, 1), (12.0, inf, 0)]
    """
    check_outcome(y, ("interval",), caller="on_schedule")
    planned = check_vector("visits", visits, low=0)
    if planned.size == 0 or (np.diff(planned) <= 0).any() or planned[0] <= 0:
        raise argument_error("visits", "increasing times after 0", planned.tolist())
    grid = np.concatenate([[0.0], planned])
    exact = y["lower"] == y["upper"]
    found = np.isfinite(y["upper"])

    def nearest(times: np.ndarray) -> np.ndarray:
        right = np.clip(np.searchsorted(grid, times), 1, grid.size - 1)
        return np.where(times - grid[right - 1] < grid[right] - times, right - 1, right)

    low = nearest(y["lower"])
    high = nearest(np.where(found, y["upper"], 0.0))
    # something was found at a visit after time zero, so it is at least the first planned one
    high = np.where(found, np.maximum(high, 1), high)
    same = found & ~exact & (low >= high)
    low = np.where(same, high - 1, low)
    # an event between two visits is in no other state at the visits than one found at the second of them
    after = np.searchsorted(grid, y["upper"], side="left")
    late = exact & (after >= grid.size)
    low = np.where(exact, np.minimum(after, grid.size) - 1, low)
    high = np.where(exact, np.minimum(after, grid.size - 1), high)
    found &= ~late
    lower, upper = grid[low], np.where(found, grid[high], np.inf)
    seen = ~exact
    ends = seen & found
    moved = np.concatenate([np.abs(lower - y["lower"])[seen], np.abs(upper[ends] - y["upper"][ends])])
    moved = moved[moved > 1e-9]
    entry = y["entry"] if "entry" in (y.dtype.names or ()) else None
    return ScheduledOutcome(
        Surv.interval(lower, upper, np.where(found, y["event"], 0), entry=entry),
        planned,
        int(moved.size),
        float(np.median(moved)) if moved.size else 0.0,
        float(moved.max()) if moved.size else 0.0,
        int(same.sum()),
    )
