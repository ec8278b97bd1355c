"""``state_occupancy``: state occupancy probabilities, mean sojourn times and probabilities of ever being in a state."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd
from scipy.sparse import csr_array

from lbp_prognosis._base import (
    Objection,
    Result,
    argument_error,
    check_choice,
    check_clusters,
    check_confidence,
    check_number,
    check_times,
    describe,
    interval,
    takes_rows,
)
from lbp_prognosis._kernels import StateProcess, state_influence, state_process, state_sojourn, sum_of_patients
from lbp_prognosis.survival._multi_state import MultiState
from lbp_prognosis.survival._weights import check_weights, of_patients

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["StateOccupancy", "mean_sojourn", "probability_ever", "state_occupancy", "state_process_of"]

_MOST_TIMES = 200


@dataclass(frozen=True, repr=False)
class StateOccupancy(Result):
    """State probabilities, or mean times in states, at given times.

    Attributes
    ----------
    quantity : {"occupancy", "sojourn", "ever"}
        P(in the state at t), mean time in the state by t, or P(in the state at any time by t).
    states : tuple of str
        Names.
    times : ndarray of shape (k,)
        In the unit of the courses.
    value, se, low, high : ndarray of shape (k, s)
        Estimates, standard errors and limits; NaN beyond the last time at which a patient was followed.
    at_risk : ndarray of shape (k, s)
        Patients under observation in each state just before each time.
    n : int
        Patients.
    confidence : float
        Level of the limits.
    method : str
        Estimator in a few words.
    influence : ndarray of shape (units, k, s)
        Derivatives with respect to the weight of a patient (or cluster), whose cross product is the covariance of the
        estimates. For a frequency weight f, the derivative is multiplied by √f.
    scale : float
        Factor of the covariance: m/(m − 1) for m given clusters, otherwise 1.
    """

    quantity: str
    states: tuple[str, ...]
    times: np.ndarray
    value: np.ndarray
    se: np.ndarray
    low: np.ndarray
    high: np.ndarray
    at_risk: np.ndarray
    n: int
    confidence: float
    method: str
    influence: np.ndarray = field(repr=False, compare=False)
    objections: tuple[Objection, ...] = ()
    synthetic: bool = False
    scale: float = 1.0

    def __getitem__(self, state: str) -> np.ndarray:
        """Return the estimates of one state, shape (k,)."""
        if state not in self.states:
            raise argument_error("state", f"one of {list(self.states)}", describe(state))
        return self.value[:, self.states.index(state)]

    def joined(self, merged: Mapping[str, Sequence[str]]) -> StateOccupancy:
        """Return the results of groups of states, whose probabilities or times are sums.

        Parameters
        ----------
        merged : mapping of str to sequence of str
            Name of each group to its states; each state is in one group.

        Raises
        ------
        ArgumentError
            If a state is in no group or in two, or the probability of ever having been in a state is asked for: it is
            no sum.
        """
        if self.quantity == "ever":
            raise argument_error(
                "merged", "of states whose probabilities add up", "the probability of ever having been"
            )
        named = [name for group in merged.values() for name in group] if isinstance(merged, Mapping) else None
        if named is None or sorted(map(str, named)) != sorted(self.states):
            raise argument_error("merged", f"a division of {list(self.states)}, a list for each name", describe(merged))
        member = np.zeros((len(self.states), len(merged)))
        for k, group in enumerate(merged.values()):
            member[[self.states.index(name) for name in group], k] = 1.0
        value, influence = self.value @ member, self.influence @ member
        limits = _with_limits(self.quantity, value, influence, self.scale, self.confidence)
        value, se, low, high = (np.where(np.isnan(value), np.nan, part) for part in limits)
        return replace(
            self,
            states=tuple(merged),
            value=value,
            se=se,
            low=low,
            high=high,
            at_risk=self.at_risk @ member,
            influence=influence,
        )

    def to_frame(self) -> pd.DataFrame:
        """Return one row per time and state: ``quantity, time, state, value, se, low, high, at_risk``."""
        k, s = self.value.shape
        return pd.DataFrame(
            {
                "quantity": self.quantity,
                "time": np.repeat(self.times, s),
                "state": np.tile(np.array(self.states, dtype=object), k),
                "value": self.value.ravel(),
                "se": self.se.ravel(),
                "low": self.low.ravel(),
                "high": self.high.ravel(),
                "at_risk": self.at_risk.ravel(),
            }
        )

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw one line per state, with its band.

        Parameters
        ----------
        ax : Axes, optional
            Axes to draw on; a new figure by default.
        """
        from lbp_prognosis._draw import draw_states

        labels = {"sojourn": "mean time in the state", "ever": "probability of ever having been in the state"}
        return draw_states(self.to_frame(), label=labels.get(self.quantity, "probability of the state"), ax=ax)

    def _summary(self) -> str:
        last = ", ".join(f"{name} {value:.3g}" for name, value in zip(self.states, self.value[-1]))
        return f"{self.quantity} of {self.n} patients at {self.times[-1]:g}: {last}"


@takes_rows(courses="outcome")
def state_occupancy(
    courses: MultiState,
    times: Any = None,
    *,
    initial: str | Mapping[str, float] = "estimated",
    sample_weight: Any = None,
    clusters: Any = None,
    confidence: float = 0.95,
) -> StateOccupancy:
    """Estimate the probability of each state over time (Aalen–Johansen).

    Parameters
    ----------
    courses : MultiState
        Courses, with late entry if there is any; ``courses.after(s)`` starts at a landmark.
    times : float or sequence of float, optional
        Times of evaluation, 0 among them; by default all transition times, or 200 of them if there are more.
    initial : {"estimated", "known"} or mapping of str to float, default "estimated"
        Initial distribution: that of patients at the earliest start or, with late entry, of patients at risk at the
        first transition. ``"known"`` ignores its standard error, as ``survfit`` in R does; a mapping gives another
        distribution.
    sample_weight : array-like of shape (n,) or Weights, optional
        One weight per row of ``courses``.
    clusters : array-like of shape (n,), optional
        One label per row: the unit of the standard errors, with the factor m/(m − 1) for m clusters; patients by
        default.
    confidence : float, default 0.95
        Level of the limits, which are symmetric on the logit scale.

    Returns
    -------
    StateOccupancy
        Quantity ``"occupancy"``.

    Notes
    -----
    p(t) = p(0) Π (I + dΛ̂), with infinitesimal jackknife standard errors from the derivative of p(t) with respect to
    each patient's weight. State occupancy needs no Markov assumption if censoring is independent of the course.

    References
    ----------
    Aalen OO, Johansen S (1978). Scand J Stat 5:141–150.
    Datta S, Satten GA (2001). Stat Probab Lett 55:403–411. doi:10.1016/S0167-7152(01)00155-9

    Examples
    --------
    >>> from lbp_prognosis.survival import MultiState, state_occupancy
    >>> courses = MultiState.from_long([1, 2, 2, 3], [0, 0, 4, 0], [6, 4, 9, 8], ["b", "b", None, None], initial="a")
    >>> state_occupancy(courses, [5, 7]).value.round(3).tolist()
    [[0.667, 0.333], [0.333, 0.667]]
    """
    check_confidence(confidence)
    process, _, weights, units = _process(courses, initial, sample_weight, clusters)
    taus = _times(times, process)
    own = state_influence(process, taus, initial != "estimated")
    value = process.probability[np.searchsorted(process.times, taus, side="right")]
    return _result(
        courses, "occupancy", taus, value, own, weights, units, confidence, "Aalen–Johansen, infinitesimal jackknife"
    )


@takes_rows(courses="outcome")
def mean_sojourn(
    courses: MultiState,
    times: Any,
    *,
    initial: str | Mapping[str, float] = "estimated",
    sample_weight: Any = None,
    clusters: Any = None,
    confidence: float = 0.95,
) -> StateOccupancy:
    """Estimate the mean time spent in each state by some times (restricted mean).

    Parameters
    ----------
    courses, initial, sample_weight, clusters, confidence
        As in `state_occupancy`; limits are symmetric.
    times : float or sequence of float
        At least 0, increasing: end of each time interval, which begins at the earliest start.

    Returns
    -------
    StateOccupancy
        Quantity ``"sojourn"``, in the unit of time; the sum over states is the total time.

    Examples
    --------
    >>> from lbp_prognosis.survival import MultiState, mean_sojourn
    >>> courses = MultiState.from_long([1, 2], [0, 0], [6, 8], ["b", None], initial="a")
    >>> mean_sojourn(courses, 8).value.tolist()
    [[7.0, 1.0]]
    """
    check_confidence(confidence)
    process, start, weights, units = _process(courses, initial, sample_weight, clusters)
    taus = check_times(times)
    value, own = state_sojourn(process, start, taus, initial != "estimated")
    words = "area under Aalen–Johansen curves, infinitesimal jackknife"
    return _result(courses, "sojourn", taus, value, own, weights, units, confidence, words)


@takes_rows(courses="outcome")
def probability_ever(
    courses: MultiState,
    times: Any = None,
    *,
    states: Any = None,
    sample_weight: Any = None,
    clusters: Any = None,
    confidence: float = 0.95,
) -> StateOccupancy:
    """Estimate the probability of having been in a state at any time by t (unlike current occupancy).

    Parameters
    ----------
    courses : MultiState
        Courses.
    times : float or sequence of float, optional
        As in `state_occupancy`.
    states : sequence of str, optional
        States to include; all by default.
    sample_weight, clusters, confidence
        As in `state_occupancy`.

    Returns
    -------
    StateOccupancy
        Quantity ``"ever"``: for each state the occupancy if it were never left.

    Examples
    --------
    >>> from lbp_prognosis.survival import MultiState, probability_ever
    >>> courses = MultiState.from_long([1, 1, 2], [0, 4, 0], [4, 6, 8], ["b", "a", None], initial="a")
    >>> probability_ever(courses, 7, states=["b"]).value.tolist()
    [[0.5]]
    """
    check_confidence(confidence)
    chosen = courses.states if states is None else tuple(np.atleast_1d(np.asarray(states, dtype=object)))
    every, _, weights, units = _process(courses, "estimated", sample_weight, clusters)
    taus = _times(times, every)
    value = np.empty((taus.size, len(chosen)))
    own = np.zeros((len(courses), taus.size, len(chosen)))
    for place, name in enumerate(chosen):
        k = courses.code(name)
        rows, cut = _until(courses, k)
        process = state_process(
            courses.start[rows],
            courses.stop[rows],
            courses.origin[rows],
            cut,
            weights[rows],
            np.where(every.initial > 0, weights, 0.0)[rows],
            len(courses.states),
        )
        value[:, place] = process.probability[np.searchsorted(process.times, taus, side="right"), k]
        own[rows, :, place] = state_influence(process, taus, False)[:, :, k]
    words = "Aalen–Johansen with the state made absorbing, infinitesimal jackknife"
    return _result(
        courses, "ever", taus, value, own, weights, units, confidence, words, states=tuple(str(s) for s in chosen)
    )


def state_process_of(courses: MultiState) -> StateProcess:
    """Return the estimates for all patients with weight 1."""
    return _process(courses, "estimated", None, None)[0]


class _Units(NamedTuple):
    """Cluster of each row for the variance: the given clusters (possibly few) or patients; see `of_patients`."""

    codes: np.ndarray
    clusters: bool
    number: np.ndarray
    factor: np.ndarray


def _until(courses: MultiState, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows up to the first entry into a state, and the entered states."""
    entry = np.full(courses.n_patients, np.inf)
    np.minimum.at(entry, courses.patient, np.where(courses.target == k, courses.stop, np.inf))
    first = np.full(courses.n_patients, np.inf)
    np.minimum.at(first, courses.patient, courses.start)
    there = (courses.origin == k) & (courses.start == first[courses.patient])
    begins = np.zeros(courses.n_patients, dtype=bool)
    begins[courses.patient[there]] = True
    rows = np.flatnonzero(np.where(begins[courses.patient], there, courses.stop <= entry[courses.patient]))
    return rows, np.where(there[rows], -1, courses.target[rows])


def _process(
    courses: MultiState, initial: str | Mapping[str, float], sample_weight: Any, clusters: Any
) -> tuple[StateProcess, float, np.ndarray, _Units]:
    """Return the estimates, the earliest start, row weights, and the variance cluster of each row."""
    if not isinstance(courses, MultiState):
        raise argument_error("courses", "made by MultiState.from_long or from_visits", describe(courses))
    n = len(courses)
    checked = check_weights(sample_weight, n)
    weights = np.ones(n) if checked is None else checked.values
    codes = check_clusters("clusters", clusters, n=n)
    units = courses.patient if codes is None else codes
    begin = float(courses.start.min())
    first = np.full(courses.n_patients, np.inf)
    np.minimum.at(first, courses.patient, courses.start)
    counted = courses.start == begin
    if (first > begin).any():
        moves = courses.stop[(courses.target >= 0) & (courses.target != courses.origin)]
        at = float(moves.min()) if moves.size else float(courses.stop.min())
        counted = (courses.start < at) & (courses.stop >= at)
    given = None if isinstance(initial, str) else initial
    if given is None:
        check_choice("initial", initial, ("estimated", "known"))
    elif not isinstance(given, Mapping):
        raise argument_error(
            "initial", "'estimated', 'known', or a mapping of states to probabilities", describe(given)
        )
    part = np.where(counted | (given is not None), weights, 0.0)
    if given is not None:
        wanted = np.zeros(len(courses.states))
        for name, share in given.items():
            wanted[courses.code(name)] = check_number(f"initial[{name!r}]", share, low=0, high=1)
        if abs(wanted.sum() - 1) > 1e-9:
            raise argument_error("initial", "probabilities that sum to 1", str(dict(given)))
        have = np.bincount(courses.origin, weights=part, minlength=wanted.size)
        if ((wanted > 0) & (have == 0)).any():
            raise argument_error("initial", "of states in which a patient was seen", str(dict(given)))
        part = part * np.divide(wanted, have, out=np.zeros_like(wanted), where=have > 0)[courses.origin]
    process = state_process(
        courses.start, courses.stop, courses.origin, courses.target, weights, part, len(courses.states)
    )
    return (
        process,
        begin,
        weights,
        _Units(units, codes is not None, *of_patients(checked, courses.patient, codes is not None)),
    )


def _times(times: Any, process: StateProcess) -> np.ndarray:
    if times is not None:
        return check_times(times)
    found = process.times
    if found.size == 0:
        raise argument_error("times", "given where no patient changes state", "None")
    if found.size > _MOST_TIMES:
        found = found[np.unique(np.linspace(0, found.size - 1, _MOST_TIMES).round().astype(int))]
    return found


def _result(
    courses: MultiState,
    quantity: str,
    taus: np.ndarray,
    value: np.ndarray,
    own: np.ndarray,
    weights: np.ndarray,
    units: _Units,
    confidence: float,
    method: str,
    states: tuple[str, ...] | None = None,
) -> StateOccupancy:
    names = courses.states if states is None else states
    count = int(units.codes.max()) + 1
    members = csr_array((units.factor, (units.codes, np.arange(units.codes.size))), shape=(count, units.codes.size))
    by_time = np.empty((taus.size, count, own.shape[2]))  # a time at once stays together in memory
    for t in range(taus.size):
        by_time[t] = members @ own[:, t]
    influence = np.moveaxis(by_time, 0, 1)
    scale = (count / (count - 1) if count > 1 else np.nan) if units.clusters else 1.0
    value, se, low, high = _with_limits(quantity, value, influence, scale, confidence)
    at_risk = np.zeros((taus.size, len(names)))
    for t, tau in enumerate(taus):
        began = (courses.start < tau) | (courses.start == 0)  # at 0 those who start there
        under = began & (courses.stop >= tau) & (weights > 0)
        counts = np.bincount(courses.origin[under], weights=units.number[under], minlength=len(courses.states))
        at_risk[t] = [counts[courses.code(name)] for name in names]
    beyond = taus > courses.stop.max()
    moving = np.array([name not in courses.absorbing() for name in courses.states])
    if quantity == "occupancy":  # once all patients are in an absorbing state, later occupancy is known
        beyond &= value[:, moving].sum(axis=1) > 1e-12
    value, se, low, high = (np.where(beyond[:, None], np.nan, part) for part in (value, se, low, high))
    return StateOccupancy(
        quantity,
        names,
        taus,
        value,
        se,
        low,
        high,
        at_risk,
        sum_of_patients(units.number, courses.patient),
        confidence,
        method,
        influence,
        courses.objections,
        scale=scale,
    )


def _with_limits(
    quantity: str, value: np.ndarray, influence: np.ndarray, scale: float, confidence: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return the values within their range, standard errors and limits, each of shape (k, s)."""
    se = np.sqrt(scale * np.einsum("uks,uks->ks", influence, influence))
    if quantity == "sojourn":
        value = np.clip(value, 0.0, None)
        return value, se, *interval(value, se, confidence)
    value = np.clip(value, 0.0, 1.0)
    low, high = interval(value, se, confidence, "logit")
    sure = (value <= 0) | (value >= 1)
    return value, se, np.where(sure, value, low), np.where(sure, value, high)
