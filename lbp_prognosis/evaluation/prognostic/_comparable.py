"""Comparable pairs of patients for each kind of outcome, as ordered keys for the concordance kernel."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from lbp_prognosis._kernels import distinct_times
from lbp_prognosis.evaluation.prognostic._setting import has_entry

__all__ = ["Keys", "comparable_keys", "earlier_competing_keys"]


class Keys(NamedTuple):
    """See `number_events`: a row is compared with the events whose key lies in (first, last]."""

    event: np.ndarray
    first: np.ndarray
    last: np.ndarray


def comparable_keys(
    y: np.ndarray, kind: str, earlier: np.ndarray, lasting: np.ndarray, strata: np.ndarray | None
) -> Keys:
    """Order the pairs.

    Parameters
    ----------
    y : ndarray of shape (n,)
        Right- or interval-censored outcome.
    kind : {"right", "interval"}
    earlier : ndarray of bool of shape (n,)
        Whether the row can be the earlier member of a pair: an event of interest by the truncation time.
    lasting : ndarray of bool of shape (n,)
        Whether the row is later than every event of interest, because a competing event precludes that event.
    strata : ndarray of int of shape (n,) or None
        Stratum of each row; only pairs within a stratum are compared.
    """
    n = y.shape[0]
    if kind == "right":
        times, code = distinct_times(y["time"])
        # An event precedes a censoring at the same time; two events at one time are not ordered.
        event, last = code, np.where(y["event"] == 0, code, code - 1)
        size = times.size
        first = np.searchsorted(times, y["entry"], side="right") - 1 if has_entry(y) else np.full(n, -1)
    else:
        lower, upper = y["lower"], y["upper"]
        found = np.isfinite(upper)
        exact = lower == upper
        times = np.unique(np.concatenate([lower, upper[found]]))
        # Two keys per time: an event found by then (interval), then an event at it (exact). An event is earlier than
        # a row only if its interval ends by the start of the other's; an exact row follows intervals ending there.
        event = np.where(found, 2 * np.searchsorted(times, np.where(found, upper, times[0])) + exact, 0)
        last = 2 * np.searchsorted(times, lower) + np.where(exact, 0, 1)
        size = 2 * times.size
        first = 2 * np.searchsorted(times, y["entry"], side="right") - 1 if has_entry(y) else np.full(n, -1)
    last = np.where(lasting, size - 1, last)
    offset = 0 if strata is None else strata * size
    return Keys(np.where(earlier, event + offset, -1), first + offset, last + offset)


def earlier_competing_keys(y: np.ndarray, earlier: np.ndarray, strata: np.ndarray | None) -> Keys:
    """Pairs of an event of interest with a competing event at or before it; time runs backwards in these keys."""
    times, code = distinct_times(y["time"])
    offset = 0 if strata is None else strata * times.size
    backwards = times.size - 1 - code + offset
    return Keys(np.where(earlier, backwards, -1), np.full(y.shape[0], -1) + offset, backwards)
