"""Intervals from states observed at visits, by the rule that an unattended visit never dates an event.

The event lies after the last attended visit without it and not after the first attended visit of the run with it. A
missed planned visit has no information, nor does a visit after a competing event or the end of follow-up.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from lbp_prognosis.cohort._timeline import Timeline

__all__ = ["Course", "VisitIntervals", "baseline_value", "competing_days", "first_run", "visit_intervals"]


@dataclass(frozen=True)
class VisitIntervals:
    """Intervals in days, one row per patient.

    Attributes
    ----------
    lower, upper : ndarray of shape (n,)
        The event lies in (lower, upper]; ``upper`` is infinite if it was not observed.
    code : ndarray of int, shape (n,)
        0 not observed, 1 the event, 2 … competing events.
    confirmed : ndarray of shape (n,)
        Day of the visit that confirmed a sustained run; NaN if there is none.
    unconfirmed : ndarray of bool, shape (n,)
        Whether a run had begun that no later visit confirmed.
    """

    lower: np.ndarray
    upper: np.ndarray
    code: np.ndarray
    confirmed: np.ndarray
    unconfirmed: np.ndarray


@dataclass(frozen=True)
class Course:
    """Observed values after time zero, sorted by patient and day, with the rows of each patient.

    Attributes
    ----------
    day, value : ndarray of shape (m,)
        Days since time zero and the values.
    start, stop : ndarray of shape (n,)
        Rows ``start[i]:stop[i]`` are those of patient i.
    """

    day: np.ndarray
    value: np.ndarray
    start: np.ndarray
    stop: np.ndarray

    @classmethod
    def of(cls, totals: pd.DataFrame, ids: pd.Index, after: float | np.ndarray = 0.0) -> Course:
        """Return the course of ``ids`` from totals sorted by patient and day, strictly after a day."""
        if not len(ids):  # no patient is at risk, so that there is no row from which to read a bound
            nothing = np.zeros(0)
            return cls(nothing, nothing, np.zeros(0, dtype=int), np.zeros(0, dtype=int))
        place = ids.get_indexer(pd.Index(totals["patient_id"]))
        bound = np.broadcast_to(np.asarray(after, dtype=float), (len(ids),))
        days = totals["day"].to_numpy(dtype=float)
        kept = (place >= 0) & (days > bound[place])
        order = np.lexsort((days[kept], place[kept]))
        place = place[kept][order]
        numbers = np.arange(len(ids))
        return cls(
            days[kept][order],
            totals["value"].to_numpy(dtype=float)[kept][order],
            np.searchsorted(place, numbers, "left"),
            np.searchsorted(place, numbers, "right"),
        )


def baseline_value(totals: pd.DataFrame, ids: pd.Index, before: float) -> np.ndarray:
    """Return the last value in the ``before`` days up to time zero; NaN if there is none."""
    held = totals[(totals["day"] <= 0) & (totals["day"] >= -before)]
    last = held.drop_duplicates("patient_id", keep="last").set_index("patient_id")["value"]
    return last.reindex(ids).to_numpy(dtype=float)


def first_run(day: np.ndarray, met: np.ndarray, sustained: float) -> tuple[int, int, int]:
    """Return (first visit of the first confirmed run, the visit that confirms it, first of an unconfirmed run).

    A run is confirmed by a visit at least ``sustained`` days after its first, all visits between meeting the
    condition. −1 means none.
    """
    k = 0
    while k < day.size:
        if not met[k]:
            k += 1
            continue
        j = k
        while True:
            if day[j] - day[k] >= sustained:
                return k, j, -1
            if j + 1 == day.size:
                return -1, -1, k
            if not met[j + 1]:
                break
            j += 1
        k = j + 1
    return -1, -1, -1


def competing_days(timeline: Timeline, ids: pd.Index, competing: tuple[str, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Return the day of the first competing event (infinite without one) and its code, 2, 3 … in the order named."""
    if not competing:
        return np.full(len(ids), np.inf), np.zeros(len(ids), dtype=int)
    first = timeline.first_event(competing).reindex(ids)
    code = first["event_type"].map({name: number for number, name in enumerate(competing, start=2)})
    return first["day"].astype(float).fillna(np.inf).to_numpy(), code.astype(float).fillna(0.0).to_numpy().astype(int)


def visit_intervals(
    course: Course, met: np.ndarray, sustained: float, rival_day: np.ndarray, rival_code: np.ndarray, end: np.ndarray
) -> VisitIntervals:
    """Return the interval of each patient.

    Parameters
    ----------
    course : Course
        Observed values.
    met : ndarray of bool, shape (m,)
        Whether each value meets the condition.
    sustained : float
        Days for which the condition must hold.
    rival_day, rival_code : ndarray of shape (n,)
        First competing event.
    end : ndarray of shape (n,)
        Administrative end of follow-up, in days.
    """
    n = course.start.size
    lower, upper = np.zeros(n), np.full(n, np.inf)
    code, confirmed = np.zeros(n, dtype=int), np.full(n, np.nan)
    unconfirmed = np.zeros(n, dtype=bool)
    for i in range(n):
        rows = slice(course.start[i], course.stop[i])
        day, state = course.day[rows], met[rows]
        counted = day <= min(rival_day[i], end[i])
        day, state = day[counted], state[counted]
        begin, proof, pending = first_run(day, state, sustained)
        if begin >= 0:
            lower[i] = day[begin - 1] if begin else 0.0
            upper[i], code[i], confirmed[i] = day[begin], 1, day[proof]
        elif rival_code[i] > 0 and rival_day[i] <= end[i]:
            lower[i] = upper[i] = rival_day[i]
            code[i] = rival_code[i]
        else:
            # a run that no visit confirms: the event-free time ends before the run, not at its last visit
            last = pending - 1 if pending >= 0 else day.size - 1
            lower[i] = day[last] if last >= 0 else 0.0
            unconfirmed[i] = pending >= 0
    return VisitIntervals(lower, upper, code, confirmed, unconfirmed)
