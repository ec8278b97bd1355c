"""Conversion of outcomes observed at visits to one row per person and period."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from lbp_prognosis._base import OutcomeError, argument_error, check_vector
from lbp_prognosis.survival import outcome_kind

__all__ = ["PersonPeriods", "begun_periods", "check_visits", "person_periods", "visit_grid"]

_MOST_VISITS = 60


@dataclass(frozen=True)
class PersonPeriods:
    """One row per person and period; period k (from 0) is (visit k−1, visit k].

    Attributes
    ----------
    person, period, response, span : ndarray of shape (N,)
        Row of ``y``; period; 0 or the cause; −1, or the number of the span of periods in which the event lies (these
        rows last, together, in order of time; ``response`` is then the cause).
    n_mapped, n_floored, n_spans, n_uninformative : int
        Times moved to a visit within the tolerance; censoring times moved back to the last visit; events known only up
        to several periods because visits were missed; rows that add nothing.
    """

    person: np.ndarray
    period: np.ndarray
    response: np.ndarray
    span: np.ndarray
    n_mapped: int
    n_floored: int
    n_spans: int
    n_uninformative: int

    def where(self, mask: np.ndarray) -> PersonPeriods:
        """Keep some rows (whole persons)."""
        span = self.span[mask]
        left = np.unique(span[span >= 0])
        return replace(
            self,
            person=self.person[mask],
            period=self.period[mask],
            response=self.response[mask],
            span=np.where(span >= 0, np.searchsorted(left, span), -1),
        )


def check_visits(y: np.ndarray, visits: Any) -> None:
    """Refuse a schedule that is absent though needed, or not one; how many visits an outcome has is left to the fit."""
    kind = outcome_kind(y)
    if kind == "right" or (kind == "interval" and visits is not None):
        visit_grid(y, kind, visits)


def visit_grid(y: np.ndarray, kind: str, visits: Any) -> np.ndarray:
    """Return the schedule of visits: the one given, or the distinct endpoints of an interval outcome."""
    if visits is not None:
        grid = check_vector("visits", np.atleast_1d(visits), low=0)
        if grid.size == 0 or grid[0] <= 0 or (np.diff(grid) <= 0).any():
            raise argument_error("visits", "increasing times above 0", str(grid.tolist()))
        return grid
    if kind == "right":
        raise argument_error(
            "visits",
            "given with an outcome made by Surv.right",
            "None",
            "Say at which visits the state is known, in the unit of `y`, e.g. visits=[3, 6, 12].",
        )
    ends = np.concatenate([y["lower"], y["upper"]])
    grid = np.unique(ends[np.isfinite(ends) & (ends > 0)])
    if grid.size > _MOST_VISITS:
        raise argument_error(
            "visits",
            f"given when visits are irregular (more than {_MOST_VISITS} distinct times)",
            f"{grid.size} distinct endpoints",
            "Give the schedule and a tolerance, e.g. visits=[3, 6, 12], tolerance=1; or use RoystonParmar or "
            "ParametricAFT, which take any interval.",
        )
    return grid


def person_periods(y: np.ndarray, kind: str, visits: np.ndarray, tolerance: float, causes: np.ndarray) -> PersonPeriods:
    """Lay out person-periods; causes are renumbered 1 … J in the order of ``causes``.

    Raises
    ------
    OutcomeError
        If an interval does not begin and end at visits (within the tolerance): its rows are named.
    """
    n, count = y.shape[0], visits.size
    codes = np.where(y["event"] > 0, np.searchsorted(causes, y["event"]) + 1, 0)
    if kind == "right":
        at = np.searchsorted(visits, y["time"], side="left")  # event in (visit at−1, visit at]
        known = np.searchsorted(visits, y["time"], side="right")  # visits passed without event
        found = (codes > 0) & (at < count)
        free = np.where(found, at, np.where(codes > 0, count, known))
        last = at
        mapped = 0
        floored = int(((codes == 0) & (y["time"] > 0) & ~np.isin(y["time"], visits)).sum())
        codes = np.where(found, codes, 0)
    else:
        free, last, codes, mapped, floored = _interval_places(y, codes, visits, tolerance)
        found = codes > 0
    entered = np.zeros(n, dtype=np.int64)
    if "entry" in (y.dtype.names or ()):
        # a period is observed whole or not at all: a row enters with the first period that begins at or after its entry
        entered = np.searchsorted(np.concatenate([[0.0], visits]), y["entry"], side="left")
    lost = found & (entered > free)  # found in a period that was under way at entry
    found = found & ~lost
    certain = np.maximum(np.minimum(free, count) - entered, 0)
    certain[lost] = 0
    single = found & (last == free)
    several = found & (last > free)
    person = np.repeat(np.arange(n), certain)
    period = np.arange(person.size) - np.repeat(np.cumsum(certain) - certain, certain) + entered[person]
    ones = np.flatnonzero(single)
    spans = np.flatnonzero(several)
    length = last[spans] - free[spans] + 1
    owner = np.repeat(np.arange(spans.size), length)
    inside = np.arange(owner.size) - np.repeat(np.cumsum(length) - length, length)
    return PersonPeriods(
        person=np.concatenate([person, ones, spans[owner]]),
        period=np.concatenate([period, last[ones], free[spans][owner] + inside]),
        response=np.concatenate([np.zeros(person.size, dtype=np.int64), codes[ones], codes[spans][owner]]),
        span=np.concatenate([np.full(person.size + ones.size, -1), owner]),
        n_mapped=mapped,
        n_floored=floored,
        n_spans=int(spans.size),
        n_uninformative=int(((certain == 0) & ~found).sum()),
    )


def _interval_places(
    y: np.ndarray, codes: np.ndarray, visits: np.ndarray, tolerance: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray, int, int]:
    """Return the number of visits passed free of the event, the index of the visit that found it, and the codes."""
    grid = np.concatenate([[0.0], visits])
    found = codes > 0
    exact = found & (y["lower"] == y["upper"])

    def nearest(times: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        right = np.clip(np.searchsorted(grid, times), 1, grid.size - 1)
        place = np.where(times - grid[right - 1] <= grid[right] - times, right - 1, right)
        return place, np.abs(grid[place] - times)

    low, low_gap = nearest(y["lower"])
    high, high_gap = nearest(np.where(found, y["upper"], 0.0))
    slack = tolerance + 1e-9 * grid[-1]
    floor = np.searchsorted(grid, y["lower"], side="right") - 1
    beyond = found & ~exact & (y["upper"] > grid[-1] + slack) & (low_gap <= slack) & (low == grid.size - 1)
    bad = found & ~exact & ~beyond & ((low_gap > slack) | (high_gap > slack) | (low >= high))
    if bad.any():
        rows = np.flatnonzero(bad)
        shown = [(int(row), float(y["lower"][row]), float(y["upper"][row])) for row in rows[:5]]
        raise argument_error(
            "y",
            f"of intervals that begin and end at different visits {visits.tolist()[:12]} or at 0",
            f"{rows.size} other intervals, (row, lower, upper): {shown}",
            "Give the schedule in visits= and how far a visit may lie from it in tolerance=; or use RoystonParmar or "
            "ParametricAFT, which take any interval.",
            kind=OutcomeError,
        )
    codes = np.where(beyond, 0, codes)
    censored_low = np.where(low_gap <= slack, low, floor)
    free = np.where(found & ~exact, low, censored_low)
    last = high - 1
    if exact.any():
        place = np.searchsorted(visits, y["upper"][exact] - slack, side="left")
        late = place >= visits.size
        free[exact] = np.where(late, visits.size, place)
        last[exact] = place
        codes[np.flatnonzero(exact)[late]] = 0
    moved = (low_gap > 1e-9 * grid[-1]) & (low_gap <= slack) & ~exact
    moved_high = found & ~exact & (high_gap > 1e-9 * grid[-1]) & (high_gap <= slack)
    floored = int((~found & (low_gap > slack)).sum())
    return free, last, codes, int(moved.sum() + moved_high.sum()), floored


def begun_periods(rows: PersonPeriods, y: np.ndarray, grid: np.ndarray) -> tuple[PersonPeriods, np.ndarray]:
    """Add the period in which a row was censored, by the share of it that was passed; return rows and shares."""
    place = np.searchsorted(grid, y["time"], side="right")
    censored = np.flatnonzero((y["event"] == 0) & (place < grid.size))
    starts = np.concatenate([[0.0], grid])[place[censored]]
    if "entry" in (y.dtype.names or ()):
        # a period is observed whole or not at all from its beginning on
        late = y["entry"][censored] > starts
        censored, starts = censored[~late], starts[~late]
    share = (y["time"][censored] - starts) / (grid[place[censored]] - starts)
    begun = share > 0
    censored, share = censored[begun], share[begun]
    none = np.zeros(censored.size, dtype=np.int64)
    # certain rows come first
    return (
        replace(
            rows,
            person=np.concatenate([censored, rows.person]),
            period=np.concatenate([place[censored], rows.period]),
            response=np.concatenate([none, rows.response]),
            span=np.concatenate([none - 1, rows.span]),
        ),
        np.concatenate([share, np.ones(rows.person.size)]),
    )
