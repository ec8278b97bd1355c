"""``RecurrentEvents`` and ``mean_cumulative``: recurrent events and their expected number."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from lbp_prognosis._base import (
    Objection,
    OutcomeError,
    Result,
    aligned,
    argument_error,
    as_labels,
    as_numbers,
    check_choice,
    check_clusters,
    check_confidence,
    check_number,
    check_times,
    describe,
    interval,
    takes_rows,
)
from lbp_prognosis._kernels import sum_of_patients
from lbp_prognosis.survival._course_failures import course_failures, raise_failures
from lbp_prognosis.survival._surv import Surv
from lbp_prognosis.survival._weights import check_weights, of_patients

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["MeanCumulative", "RecurrentEvents", "mean_cumulative"]


@dataclass(frozen=True, repr=False)
class RecurrentEvents:
    """Recurrent events (flare-ups, visits to care): one row per spell at risk, in the given order.

    Attributes
    ----------
    patient : ndarray of int of shape (n,)
        Position in ``ids`` of each row.
    ids : tuple
        Labels of the patients.
    start, stop : ndarray of shape (n,)
        The row is at risk at t if start < t ≤ stop.
    event : ndarray of int of shape (n,)
        Status at the stop: 0 no event, 1 the event, 2 a terminal event.
    episode : ndarray of int of shape (n,)
        Number of the event for which the row is at risk, from 1.
    label : ndarray of shape (n,) or None
        Codes of the labels of the rows, if ``index`` was given.

    Examples
    --------
    >>> from lbp_prognosis.survival import RecurrentEvents, mean_cumulative
    >>> events = RecurrentEvents.from_long([1, 1, 2], [0, 3, 0], [3, 9, 6], [1, 0, 1])
    >>> events.episode.tolist()
    [1, 2, 1]
    >>> mean_cumulative(events, [3, 6]).value.tolist()
    [[0.5, 1.0]]
    """

    patient: np.ndarray
    ids: tuple[Any, ...]
    start: np.ndarray
    stop: np.ndarray
    event: np.ndarray
    episode: np.ndarray
    label: np.ndarray | None = None

    @classmethod
    def from_long(
        cls, id: Any, start: Any, stop: Any, event: Any, *, gaps: bool = False, index: Any = None
    ) -> RecurrentEvents:
        """Build recurrent events from rows (start, stop] in any order.

        Parameters
        ----------
        id : array-like of shape (n,)
            Patient of each row.
        start, stop : array-like of shape (n,)
            Times, finite and at least 0.
        event : array-like of shape (n,)
            0 nothing, 1 the event, 2 a terminal event (death, an operation after which none is counted) at ``stop``.
        gaps : bool, default False
            Whether a patient may be unobserved, or not at risk, for a while.
        index : Index, Series, DataFrame or array-like of shape (n,), optional
            Labels of the rows that the events carry, as in `Surv.right`.

        Raises
        ------
        DataError
            With ``failures``: ``not-finite``, ``backward-time``, ``overlap``, ``gap``, ``after-terminal``.
        """
        given, label = aligned({"id": id, "start": start, "stop": stop, "event": event}, index)
        begin, end, code = (as_numbers(name, given[name]) for name in ("start", "stop", "event"))
        patient, ids = pd.factorize(np.asarray(as_labels("id", given["id"]), dtype=object))
        if patient.size == 0:
            raise argument_error("id", "rows of at least one patient", "no row")
        for name, part in (("start", begin), ("stop", end), ("event", code)):
            if part.shape != patient.shape:
                raise argument_error(name, f"of length {patient.size}, as `id`", describe(part))
        if not np.isin(code, (0, 1, 2)).all():
            raise argument_error("event", "codes 0, 1, and 2 for a terminal event", "others", kind=OutcomeError)
        order = np.lexsort((end, begin, patient))
        nowhere = np.full(patient.size, -1, dtype=np.int64)
        _, failures = course_failures(patient, begin, end, nowhere, nowhere, None, order, gaps=gaps, states=())
        p = patient[order]
        for k in np.flatnonzero((p[1:] == p[:-1]) & (code[order][:-1] == 2)):
            row = int(order[k + 1])
            message = f"a row from {begin[row]:g} on, after the terminal event."
            failures.append(
                {
                    "table": "courses",
                    "row": row,
                    "field": "start",
                    "reason": "after-terminal",
                    "value": begin[row],
                    "message": message,
                }
            )
        if failures:
            raise_failures("RecurrentEvents", failures, np.asarray(ids, dtype=object)[patient])
        before = np.cumsum(code[order] == 1) - (code[order] == 1)
        first = np.append(True, p[1:] != p[:-1])
        episode = np.empty(patient.size, dtype=np.int64)
        episode[order] = before - np.repeat(before[first], np.diff(np.append(np.flatnonzero(first), p.size))) + 1
        if label is not None and label.size != patient.size:
            raise argument_error("index", f"of length {patient.size}, as `id`", f"length {label.size}")
        return cls(patient, tuple(ids), begin, end, code.astype(np.int64), episode, label)

    @property
    def shape(self) -> tuple[int]:
        """Number of rows."""
        return (int(self.patient.size),)

    @property
    def n_patients(self) -> int:
        """Number of patients."""
        return len(self.ids)

    def __len__(self) -> int:
        return int(self.patient.size)

    def __repr__(self) -> str:
        ends = int((self.event == 2).sum())
        told = f", {ends} terminal" if ends else ""
        return f"<RecurrentEvents: {self.n_patients} patients, {int((self.event == 1).sum())} events{told}>"

    def to_right(self, clock: str = "total") -> np.ndarray:
        """Return the rows as `Surv.right`, for models that take one event per row.

        Parameters
        ----------
        clock : {"total", "gap"}, default "total"
            ``"total"``: time since the origin, with late entry. ``"gap"``: each row starts at 0, which requires one row
            per episode.
        """
        check_choice("clock", clock, ("total", "gap"))
        if clock == "total":
            return Surv.right(self.stop, self.event == 1, entry=self.start)
        units = np.column_stack([self.patient, self.episode])
        if np.unique(units, axis=0).shape[0] < len(self):
            raise argument_error(
                "clock", '"total" where an episode has several rows', "gap", "A new row would set the clock to 0."
            )
        return Surv.right(self.stop - self.start, self.event == 1)


@dataclass(frozen=True, repr=False)
class MeanCumulative(Result):
    """Expected number of events by some times.

    Attributes
    ----------
    groups : tuple
        Labels; one empty label without groups.
    times : ndarray of shape (k,)
        Times, in the unit of the rows.
    value, se, low, high : ndarray of shape (g, k)
        Expected numbers, robust standard errors and limits (symmetric on the log scale); NaN beyond follow-up.
    at_risk : ndarray of shape (g, k)
        Patients at risk just before each time.
    n, n_events : ndarray of shape (g,)
        Patients and events.
    """

    groups: tuple[Any, ...]
    times: np.ndarray
    value: np.ndarray
    se: np.ndarray
    low: np.ndarray
    high: np.ndarray
    at_risk: np.ndarray
    n: np.ndarray
    n_events: np.ndarray
    confidence: float
    method: str
    influence: tuple[np.ndarray, ...] = field(repr=False, compare=False)
    objections: tuple[Objection, ...] = ()
    synthetic: bool = False

    def to_frame(self) -> pd.DataFrame:
        """Return one row per group and time: ``group, time, value, se, low, high, at_risk``."""
        g, k = self.value.shape
        return pd.DataFrame(
            {
                "group": np.repeat(np.array([str(label) for label in self.groups], dtype=object), k),
                "time": np.tile(self.times, g),
                "value": self.value.ravel(),
                "se": self.se.ravel(),
                "low": self.low.ravel(),
                "high": self.high.ravel(),
                "at_risk": self.at_risk.ravel(),
            }
        )

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw one line per group, with its band.

        Parameters
        ----------
        ax : Axes, optional
            Axes to draw on; a new figure by default.
        """
        from lbp_prognosis._draw import draw_states

        frame = self.to_frame().rename(columns={"group": "state"})
        return draw_states(frame, label="expected number of events", ax=ax)

    def _summary(self) -> str:
        last = ", ".join(
            f"{label}: {value:.3g}" if label != "" else f"{value:.3g}"
            for label, value in zip(self.groups, self.value[:, -1])
        )
        return f"{int(self.n_events.sum())} events of {int(self.n.sum())} patients; by {self.times[-1]:g} {last}"


@takes_rows(events="outcome")
def mean_cumulative(
    events: RecurrentEvents,
    times: Any,
    *,
    groups: Any = None,
    sample_weight: Any = None,
    clusters: Any = None,
    confidence: float = 0.95,
    min_at_risk: float = 1,
) -> MeanCumulative:
    """Estimate the expected number of events by some times (mean cumulative function).

    Parameters
    ----------
    events : RecurrentEvents
        Rows at risk.
    times : float or sequence of float
        At least 0, increasing, in the unit of the rows.
    groups : array-like of shape (n,), optional
        Group of each row; one curve is estimated per group.
    sample_weight : array-like of shape (n,) or Weights, optional
        One weight per row.
    clusters : array-like of shape (n,), optional
        One label per row: the unit of the standard errors, with the factor m/(m − 1); patients by default.
    confidence : float, default 0.95
        Level of the limits.
    min_at_risk : float, default 1
        Smallest accepted number of patients at risk at a time; below it the value is NaN.

    Returns
    -------
    MeanCumulative
        ``value`` (groups, times).

    Notes
    -----
    Without a terminal event Σ dN(t)/Y(t) (Nelson 2003). With a terminal event, patients who had it cannot have further
    events but remain in the denominator: Σ S(t−) dN(t)/Y(t), where S is the survival curve of the terminal event (Ghosh
    and Lin). Standard errors are the infinitesimal jackknife over patients, because events of one patient are
    correlated.

    References
    ----------
    Lawless JF, Nadeau C (1995). Technometrics 37:158–168. doi:10.1080/00401706.1995.10484300
    Ghosh D, Lin DY (2000). Biometrics 56:554–562. doi:10.1111/j.0006-341X.2000.00554.x

    Examples
    --------
    >>> from lbp_prognosis.survival import RecurrentEvents, mean_cumulative
    >>> events = RecurrentEvents.from_long([1, 1, 2, 3], [0, 2, 0, 0], [2, 8, 5, 9], [1, 1, 2, 0])
    >>> mean_cumulative(events, 8).value.round(4).tolist()
    [[0.6667]]
    """
    if not isinstance(events, RecurrentEvents):
        raise argument_error("events", "made by RecurrentEvents.from_long", describe(events))
    taus = check_times(times)
    check_confidence(confidence)
    check_number("min_at_risk", min_at_risk, low=0)
    n = len(events)
    checked = check_weights(sample_weight, n)
    weights = np.ones(n) if checked is None else checked.values
    codes = check_clusters("clusters", clusters, n=n)
    units = events.patient if codes is None else codes
    number, factor = of_patients(checked, events.patient, codes is not None)
    labels: tuple[Any, ...] = ("",)
    place = np.zeros(n, dtype=np.int64)
    if groups is not None:
        place, found = pd.factorize(np.asarray(as_labels("groups", groups), dtype=object), sort=True)
        labels = tuple(found)
        if (place < 0).any() or place.size != n:
            raise argument_error("groups", f"{n} labels, none missing", describe(groups))
    parts = []
    for g in range(len(labels)):
        rows = np.flatnonzero(place == g)
        value, own = _one(events, rows, weights[rows], taus)
        local = np.unique(units[rows], return_inverse=True)[1]
        influence = np.zeros((int(local.max()) + 1, taus.size))
        np.add.at(influence, local, factor[rows][:, None] * own)
        count = influence.shape[0]
        scale = 1.0 if codes is None else (count / (count - 1) if count > 1 else np.nan)
        began = (events.start[rows, None] < taus) | (events.start[rows, None] == 0)  # at 0 those who start there
        under = began & (events.stop[rows, None] >= taus) & (weights[rows, None] > 0)
        at_risk = number[rows] @ under
        se = np.sqrt(scale * np.sum(influence**2, axis=0))
        few = at_risk < min_at_risk
        parts.append((np.where(few, np.nan, value), np.where(few, np.nan, se), at_risk, influence, rows))
    value, se = np.stack([part[0] for part in parts]), np.stack([part[1] for part in parts])
    low, high = interval(value, se, confidence, "log")
    none = value == 0
    low, high = np.where(none, 0.0, low), np.where(none, np.where(taus == 0, 0.0, np.nan), high)
    ended = (events.event == 2).any()
    return MeanCumulative(
        labels,
        taus,
        value,
        se,
        low,
        high,
        np.stack([part[2] for part in parts]),
        np.array([sum_of_patients(number[part[4]], events.patient[part[4]]) for part in parts]),
        np.array([int(number[part[4]][events.event[part[4]] == 1].sum()) for part in parts]),
        confidence,
        ("Ghosh–Lin, the terminal event counted" if ended else "Nelson–Aalen of events") + ", infinitesimal jackknife",
        tuple(part[3] for part in parts),
    )


def _one(
    events: RecurrentEvents, rows: np.ndarray, weights: np.ndarray, taus: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Mean cumulative function of a subset of rows, and its derivative with respect to each weight, (rows, k)."""
    start, stop, event = events.start[rows], events.stop[rows], events.event[rows]
    times = np.unique(stop[(event > 0) & (weights > 0)])
    place = np.searchsorted(times, stop)
    counts = [
        np.bincount(place[event == code], weights=weights[event == code], minlength=times.size + 1)[: times.size]
        for code in (1, 2)
    ]
    at_risk = _before(start, weights, times) - _before(stop, weights, times)
    rate, end = counts[0] / at_risk, counts[1] / at_risk
    stays = at_risk > counts[1] * (1 + 1e-12)
    survival = np.cumprod(np.where(stays, 1 - end, 0.0))
    before = np.concatenate([[1.0], survival[:-1]])
    step = before * rate

    def total(part: np.ndarray) -> np.ndarray:
        return np.concatenate([[0.0], np.cumsum(part)])

    mu, spent = total(step), total(step / at_risk)
    left = np.divide(1.0, at_risk - counts[1], out=np.zeros_like(end), where=stays)
    lost = total(end * left)
    moved = total(lost[:-1] * step)
    begin, finish = np.searchsorted(times, start, side="right"), np.searchsorted(times, stop, side="right")
    out = np.empty((rows.size, taus.size))
    value = np.empty(taus.size)
    for t, tau in enumerate(taus):
        last = int(np.searchsorted(times, tau, side="right"))
        a, b = np.minimum(begin, last), np.minimum(finish, last)
        value[t] = mu[last]
        done = (stop <= tau) & (weights > 0)
        at = np.where(done & (event > 0), finish - 1, 0)
        jump = np.where(done & (event == 1), before[at] / at_risk[at], 0.0)
        direct = jump - (spent[b] - spent[a])
        died = np.where(done & (event == 2), left[at] * (mu[last] - mu[b]), 0.0)
        exposed = (moved[b] - moved[a]) - lost[a] * (mu[b] - mu[a]) + (lost[b] - lost[a]) * (mu[last] - mu[b])
        out[:, t] = direct - died + exposed
    return value, out


def _before(at: np.ndarray, weights: np.ndarray, times: np.ndarray) -> np.ndarray:
    order = np.argsort(at, kind="stable")
    return np.concatenate([[0.0], np.cumsum(weights[order])])[np.searchsorted(at[order], times, side="left")]
