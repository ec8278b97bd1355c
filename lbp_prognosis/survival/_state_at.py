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

__all__ = ["known_states", "state_at", "state_pseudo_values"]


def state_at(courses: MultiState, time: float, state: str, *, min_at_risk: float = 10) -> tuple[np.ndarray, Weights]:
    """Return whether each patient is in a state at a time, with weights to represent patients with unknown state.

    Parameters
    ----------
    courses : MultiState
        Courses, with late entry if there is any.
    time : float
        Time after the earliest start.
    state : str
        Name of the state.
    min_at_risk : float, default 10
        With late entry, smallest accepted number of patients under observation whenever a patient enters an absorbing
        state by ``time``.

    Returns
    -------
    tuple of (ndarray, Weights)
        `Status.at` of the patients in the order of ``courses.ids``: 1 in the state, 0 in another, −1 if follow-up ended
        earlier or begins later; and weights of kind ``"attrition"``, the inverse probability of being under observation
        at the time, or at entry into an absorbing state. Pass both to `brier`, `calibration`, `decision_curve` or
        `evaluate`.

    Raises
    ------
    ArgumentError
        If no patient is under observation at the time, though not all have entered absorbing states by then, or
        patients enter late and too few are under observation before.

    Notes
    -----
    With a the time, or that of entry into an absorbing state if earlier, the weight is n Ŝ(a−) / R(a): R(a) patients
    are under observation just before a, and Ŝ is the product-limit estimate of having entered no absorbing state, over
    the same risk sets. If all patients start together, this is 1 / Ĝ(a−), with Ĝ the Kaplan–Meier estimate of not being
    censored. The weights are valid if censoring and entry are independent of the course and of the predictors; weighted
    patients represent all who had entered no absorbing state at the earliest start, also those who had by the time at
    which they would have been enrolled. Without censoring and late entry all weights are 1. If each patient has one
    event, the weighted share is the Aalen–Johansen estimate.

    Examples
    --------
    >>> from lbp_prognosis.survival import MultiState, state_at
    >>> courses = MultiState.from_long([1, 2, 2, 3], [0, 0, 4, 0], [6, 4, 9, 3], ["b", "b", None, None], initial="a")
    >>> state, weights = state_at(courses, 5, "b")
    >>> state["status"].tolist(), weights.values.round(3).tolist()
    ([0, 1, -1], [1.5, 1.5, 0.0])
    """
    _check(courses)
    at = check_number("time", time, low=0)
    k = courses.code(state)
    begin = float(courses.start.min())
    if at <= begin:
        raise argument_error("time", f"after the start, {begin:g}", f"{at:g}")
    end, done = _ends(courses)
    now = known_states(courses, at)
    known = now >= 0
    status = Status.at(at, np.where(known, now == k, -1))
    weights = np.zeros(courses.n_patients)
    if known.any():
        weights[known] = _weights_of(courses, np.sort(end[done]), np.minimum(end, at)[known], at, min_at_risk)
    # the weights sum to n less n Ŝ where no patient is under observation
    if weights.sum() < courses.n_patients * (1 - 1e-9):
        raise argument_error(
            "time",
            "a time at which a patient is under observation",
            f"{at:g}; the last follow-up ends at {courses.stop.max():g}",
            "At other times only patients in absorbing states have a known state: they do not represent the others.",
        )
    return status, Weights(weights, "attrition")


def known_states(courses: MultiState, time: float) -> np.ndarray:
    """Return the state in which each patient is at a time.

    Parameters
    ----------
    courses : MultiState
        Courses.
    time : float
        At least 0.

    Returns
    -------
    ndarray of int of shape (n_patients,)
        Position in ``courses.states``, in the order of ``courses.ids``; −1 if the patient is not under observation and
        has entered no absorbing state. At the time of a transition it is the state that is entered, and at the earliest
        start the state of those who start there.

    Examples
    --------
    >>> from lbp_prognosis.survival import MultiState, known_states
    >>> courses = MultiState.from_long([1, 2, 2, 3], [0, 0, 4, 0], [6, 4, 9, 3], ["b", "b", None, None], initial="a")
    >>> known_states(courses, 5).tolist()
    [0, 1, -1]
    """
    _check(courses)
    at = check_number("time", time, low=0)
    end, done = _ends(courses)
    now = np.full(courses.n_patients, -1, dtype=np.int64)
    under = (courses.start < at) & (courses.stop >= at)
    if at == courses.start.min():
        under = courses.start == at
    moved = (courses.stop == at) & (courses.target >= 0)
    now[courses.patient[under]] = np.where(moved, courses.target, courses.origin)[under]
    before = (courses.stop == end[courses.patient]) & done[courses.patient] & (courses.stop < at)
    now[courses.patient[before]] = courses.target[before]
    return now


def _check(courses: MultiState) -> None:
    if not isinstance(courses, MultiState):
        raise argument_error("courses", "made by MultiState.from_long or from_visits", describe(courses))


def _ends(courses: MultiState) -> tuple[np.ndarray, np.ndarray]:
    """Return when each course ends, and whether in an absorbing state; each of shape (n_patients,)."""
    end = np.full(courses.n_patients, -np.inf)
    np.maximum.at(end, courses.patient, courses.stop)
    stays = np.isin(courses.target, [courses.code(name) for name in courses.absorbing()])
    done = np.zeros(courses.n_patients, dtype=bool)
    done[courses.patient[(courses.stop == end[courses.patient]) & stays]] = True
    return end, done


def _weights_of(
    courses: MultiState, absorbed: np.ndarray, places: np.ndarray, at: float, min_at_risk: float
) -> np.ndarray:
    """Return n Ŝ(a−) / R(a) at each place a; ``absorbed`` are the sorted times of entry into absorbing states."""
    times, moved = np.unique(absorbed[absorbed <= at], return_counts=True)
    seen = _under_observation(courses, times)
    if courses.late_entry and (seen < min_at_risk).any():
        few = float(times[seen < min_at_risk].max())
        raise argument_error(
            "courses",
            f"at least {min_at_risk:g} patients under observation at each entry into an absorbing state",
            f"{int(seen[seen < min_at_risk].min())} at {few:g}, with late entry",
            "Take those under observation at a landmark: courses.after(time).",
        )
    curve = np.concatenate([[1.0], np.cumprod(1 - moved / seen)])
    return np.asarray(
        courses.n_patients * curve[np.searchsorted(times, places, side="left")] / _under_observation(courses, places)
    )


def _under_observation(courses: MultiState, times: np.ndarray) -> np.ndarray:
    """Return the numbers of patients under observation just before some times."""
    begun = np.searchsorted(np.sort(courses.start), times, side="left")
    return np.asarray(begun - np.searchsorted(np.sort(courses.stop), times, side="left"))


def state_pseudo_values(courses: MultiState, times: Any) -> np.ndarray:
    """Return jackknife pseudo-values of the state probabilities.

    Parameters
    ----------
    courses : MultiState
        Courses with a common start.
    times : float or sequence of float
        At least 0, increasing.

    Returns
    -------
    ndarray of shape (n_patients, n_times, n_states)
        P(t) + n · derivative with respect to the patient's weight; without censoring, an indicator of the state. Their
        conditional mean given predictors is the state probability, so they can be regressed on predictions.

    Raises
    ------
    ArgumentError
        If patients enter late.

    Notes
    -----
    With late entry, the mean of a pseudo-value given predictors x, among the patients who entered, is
    P(t) + (P(t | x) − P(t)) α / α(x), with α(x) the probability of entering before an absorbing state: a regression on
    predictions would be biased. `state_at` has weights that account for late entry.

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
    _check(courses)
    taus = check_times(times)
    if courses.late_entry:
        raise argument_error(
            "courses",
            "patients who all start at one time",
            "late entry, under which the mean of pseudo-values given predictors is not the state probability",
            "Use the weights of `state_at`, or those under observation at a landmark: courses.after(time).",
        )
    process = state_process_of(courses)
    own = state_influence(process, taus, False)
    each = np.zeros((courses.n_patients, taus.size, len(courses.states)))
    np.add.at(each, courses.patient, own)
    value = process.probability[np.searchsorted(process.times, taus, side="right")]
    return value[None] + courses.n_patients * each
