"""Known state of each patient at one time, as an outcome accepted by all measures of a state."""

from __future__ import annotations

from typing import Any

import numpy as np

from lbp_prognosis._base import argument_error, check_number, check_times, describe
from lbp_prognosis._kernels import state_influence
from lbp_prognosis.survival._multi_state import MultiState
from lbp_prognosis.survival._state_occupancy import state_process_of
from lbp_prognosis.survival._status import Status
from lbp_prognosis.survival._weights import Weights

__all__ = ["state_at", "state_pseudo_values"]


def state_at(courses: MultiState, time: float, state: str) -> tuple[np.ndarray, Weights]:
    """Return whether each patient is in a state at a time, with weights to represent patients with unknown state.

    Parameters
    ----------
    courses : MultiState
        Courses with a common start time.
    time : float
        Time after the start.
    state : str
        Name of the state.

    Returns
    -------
    tuple of (ndarray, Weights)
        `Status.at` of the patients in the order of ``courses.ids``: 1 in the state, 0 in another, −1 if follow-up ended
        earlier; and weights of kind ``"attrition"``, the inverse probability of not being censored before the time, or
        before entry into an absorbing state. Pass both to `brier`, `calibration`, `decision_curve` or `evaluate`.

    Raises
    ------
    ArgumentError
        If patients enter late, or no patient's state is known at the time.

    Notes
    -----
    The weights are valid if censoring is independent of the course. Without censoring all weights are 1. If each
    patient has one event, the weighted share is the Aalen–Johansen estimate.

    Examples
    --------
    >>> from lbp_prognosis.survival import MultiState, state_at
    >>> courses = MultiState.from_long([1, 2, 2, 3], [0, 0, 4, 0], [6, 4, 9, 3], ["b", "b", None, None], initial="a")
    >>> state, weights = state_at(courses, 5, "b")
    >>> state["status"].tolist(), weights.values.round(3).tolist()
    ([0, 1, -1], [1.5, 1.5, 0.0])
    """
    at = check_number("time", time, low=0)
    k = courses.code(state)
    begin = float(courses.start.min())
    first = np.full(courses.n_patients, np.inf)
    np.minimum.at(first, courses.patient, courses.start)
    if (first > begin).any():
        raise argument_error(
            "courses",
            "patients who all start at one time",
            "late entry",
            "Take those under observation at a landmark: courses.after(time).",
        )
    if at <= begin:
        raise argument_error("time", f"after the start, {begin:g}", f"{at:g}")
    end = np.full(courses.n_patients, -np.inf)
    np.maximum.at(end, courses.patient, courses.stop)
    last = courses.stop == end[courses.patient]
    stays = np.isin(courses.target, [courses.code(name) for name in courses.absorbing()])
    done = np.zeros(courses.n_patients, dtype=bool)
    done[courses.patient[last & stays]] = True
    now = np.full(courses.n_patients, -1, dtype=np.int64)
    under = (courses.start < at) & (courses.stop >= at)
    moved = (courses.stop == at) & (courses.target >= 0)
    now[courses.patient[under]] = np.where(moved, courses.target, courses.origin)[under]
    before = last & stays & (courses.stop < at)
    now[courses.patient[before]] = courses.target[before]
    known = now >= 0
    if not known.any():
        raise argument_error("time", f"at most the last follow-up, {courses.stop.max():g}", f"{at:g}")
    status = Status.at(at, np.where(known, now == k, -1))
    free = _uncensored_before(end, done, np.minimum(end, at))
    return status, Weights(np.where(known, 1 / np.where(known, free, 1.0), 0.0), "attrition")


def _uncensored_before(end: np.ndarray, done: np.ndarray, at: np.ndarray) -> np.ndarray:
    """Kaplan–Meier probability of not being censored before each time; events leave first."""
    times = np.unique(end[~done])
    lost = np.searchsorted(np.sort(end[~done]), times, side="right") - np.searchsorted(
        np.sort(end[~done]), times, side="left"
    )
    there = end.size - np.searchsorted(np.sort(end), times, side="left")
    events = np.searchsorted(np.sort(end[done]), times, side="right") - np.searchsorted(
        np.sort(end[done]), times, side="left"
    )
    curve = np.concatenate([[1.0], np.cumprod(1 - lost / (there - events))])
    return curve[np.searchsorted(times, at, side="left")]


def state_pseudo_values(courses: MultiState, times: Any) -> np.ndarray:
    """Return jackknife pseudo-values of the state probabilities.

    Parameters
    ----------
    courses : MultiState
        Courses, late entry allowed.
    times : float or sequence of float
        At least 0, increasing.

    Returns
    -------
    ndarray of shape (n_patients, n_times, n_states)
        P(t) + n · derivative with respect to the patient's weight; without censoring, an indicator of the state. Their
        conditional mean given predictors is the state probability, so they can be regressed on predictions.

    References
    ----------
    Andersen PK, Klein JP, Rosthøj S (2003). Biometrika 90:15–27. doi:10.1093/biomet/90.1.15

    Examples
    --------
    >>> from lbp_prognosis.survival import MultiState, state_pseudo_values
    >>> courses = MultiState.from_long([1, 2], [0, 0], [6, 9], ["b", None], initial="a")
    >>> state_pseudo_values(courses, 7)[:, 0].tolist()
    [[0.0, 1.0], [1.0, 0.0]]
    """
    if not isinstance(courses, MultiState):
        raise argument_error("courses", "made by MultiState.from_long or from_visits", describe(courses))
    taus = check_times(times)
    process = state_process_of(courses)
    own = state_influence(process, taus, False)
    each = np.zeros((courses.n_patients, taus.size, len(courses.states)))
    np.add.at(each, courses.patient, own)
    value = process.probability[np.searchsorted(process.times, taus, side="right")]
    return value[None] + courses.n_patients * each
