"""Checks of an outcome before any model is fitted: units of time and repeated values."""

from __future__ import annotations

import numpy as np

from lbp_prognosis._base import Objection, objection
from lbp_prognosis.survival._horizon_unit import horizon_unit_doubt
from lbp_prognosis.survival._measured import measured_spec
from lbp_prognosis.survival._outcome import outcome_kind

__all__ = ["outcome_screen"]

# Horizons as people give them in months or years. The risk by day 12 is not asked for; days 7, 14, 28, 30, 42
# and 90 are meant, and are not here.
_MONTHS_OR_YEARS = (1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 9.0, 10.0, 12.0, 18.0, 24.0, 36.0, 48.0)
_LATER = 10.0  # upper quartile of the times in days, as a multiple of a horizon meant in months
_LONGEST = 40.0  # and the longest of them: 16 months; MGUS in months to 35 years stays below it at 12
_EARLY = 0.35  # share of the events of an acute course that may lie before it
_ONE_TIME = 0.9  # share of the events at one time above which the time says nothing
_PILE = 0.1  # share of all rows at one time that is neither a visit nor the end of the study
_LONE = 5.0  # times as many rows as at any other such time: visits come in several piles of similar height
_LEAST = 10  # events
_PILE_OF_SCORES = 0.2  # share of the scores at one that is not an end of the scale
_LONE_SCORE = 3.0  # times as many as at any other such score: rounding to tens makes several piles of similar height
_SCORES = 6  # distinct scores: "unchanged" is the commonest of five answers


def outcome_screen(y: np.ndarray, horizons: np.ndarray | None = None, cause: int = 1) -> tuple[Objection, ...]:
    """Return objections to an outcome that appears damaged; empty otherwise.

    Parameters
    ----------
    y : ndarray of shape (n,)
        Structured outcome.
    horizons : ndarray of shape (k,), optional
        Prediction times, for the comparison of units.
    cause : int, default 1
        Event of interest.

    Returns
    -------
    tuple of Objection
        Codes ``unit-of-time``, ``events-at-one-time``, ``outcome-values-piled``.

    Notes
    -----
    With at least ten events, ``events-at-one-time`` is raised if nine in ten of them share one time. ``unit-of-time``
    is raised if `horizon_unit_doubt` finds a doubt, and if all times are whole, the longest horizon is a usual number
    of months or years (12, 24), and times go beyond forty times it while a third of the events at most lie before it:
    in an acute course many recover within twelve days. ``outcome-values-piled`` is raised if a tenth of all rows share
    one time that is not the longest, and no other time but the longest has a fifth as many: this pattern suggests
    missing times filled with one value, not visits. Of scores, it is raised if a fifth of all are at one score that is
    neither the lowest nor the highest possible, and a third as many at most at any other such score, or if it alone is
    not whole. Scales with fewer than six scores and changes, where 0 is common, are left alone.
    """
    if outcome_kind(y) == "measured":
        return tuple(_piled_scores(y))
    found = [] if horizons is None else _unit(y, horizons, cause)
    if outcome_kind(y) == "right":
        found += _one_time(y) or _piled(y)
    return tuple(found)


def _unit(y: np.ndarray, horizons: np.ndarray, cause: int) -> list[Objection]:
    words = horizon_unit_doubt(y, horizons, cause)
    if words:
        return [objection("unit-of-time", words=words)]
    last = float(np.max(horizons))
    if outcome_kind(y) != "right" or y.shape[0] < 2 * _LEAST or last not in _MONTHS_OR_YEARS:
        return []
    time, happened = y["time"], y["event"] == cause
    longest = float(time.max())
    late = last * _LATER < float(np.quantile(time, 0.75)) and last * _LONGEST < longest
    early = float(np.mean(time[happened] <= last)) if happened.any() else 0.0
    if not late or early >= _EARLY or not np.all(time == np.round(time)):
        return []
    return [objection("unit-of-time", variant="days", last=last, longest=longest)]


def _one_time(y: np.ndarray) -> list[Objection]:
    times = y["time"][y["event"] > 0]
    if times.size < _LEAST:
        return []
    values, counts = np.unique(times, return_counts=True)
    share = counts.max() / times.size
    if share < _ONE_TIME:
        return []
    at = float(values[counts.argmax()])
    return [objection("events-at-one-time", share=share, events=times.size, time=at)]


def _piled(y: np.ndarray) -> list[Objection]:
    values, counts = np.unique(y["time"], return_counts=True)
    values, counts = values[:-1], counts[:-1]  # the longest time may be the planned end of follow-up
    if values.size < 2:
        return []
    *_, second, first = np.sort(counts)
    if first < max(_PILE * y.shape[0], 2 * _LEAST) or first < _LONE * second:
        return []
    at = float(values[counts.argmax()])
    return [objection("outcome-values-piled", count=int(first), n=y.shape[0], time=at)]


def _piled_scores(y: np.ndarray) -> list[Objection]:
    spec = measured_spec(y)
    seen = y["value"][~np.isnan(y["value"])]
    values, counts = np.unique(seen, return_counts=True)
    inside = (values > spec.lower) & (values < spec.upper)
    if values.size < _SCORES or inside.sum() < 2 or spec.lower < 0 < spec.upper:
        return []
    values, counts = values[inside], counts[inside]
    *_, second, first = np.sort(counts)
    at = float(values[counts.argmax()])
    alone = at != round(at) and np.all(values[values != at] % 1 == 0)  # a mean among whole scores
    if first < max(_PILE_OF_SCORES * seen.size, 2 * _LEAST) or (first < _LONE_SCORE * second and not alone):
        return []
    return [
        objection(
            "outcome-values-piled", variant="score", count=int(first), n=seen.size, score=at, times=first / second
        )
    ]
