"""``MultiState``: courses of patients through states."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd

from lbp_prognosis._base import (
    Objection,
    aligned,
    argument_error,
    as_labels,
    as_numbers,
    describe,
    objection,
    plain_label,
)
from lbp_prognosis.survival._course_failures import course_failures, raise_failures, visit_failures

__all__ = ["MultiState"]


@dataclass(frozen=True, repr=False)
class MultiState:
    """Courses through states: one row per spell of a patient, in the order in which they were given.

    Made by `from_long` or `from_visits`.

    Attributes
    ----------
    patient : ndarray of int of shape (n,)
        Position in ``ids`` of each row.
    ids : tuple
        Labels of the patients.
    start, stop : ndarray of shape (n,)
        The row is at risk at t if start < t ≤ stop.
    origin, target : ndarray of int of shape (n,)
        State between start and stop, and state entered at ``stop`` (−1: the row is censored there), as positions in
        ``states``.
    states : tuple of str
        Names.
    panel : bool
        Whether states were observed only at visits, so that a transition is dated at the visit that detected it.
    objections : tuple of Objection
        Code ``panel-observed``.
    label : ndarray of shape (n,) or None
        Codes of the labels of the rows, if ``index`` was given: other arguments are brought into their order.
    dated : tuple of str
        States with known entry times (e.g. an operation), in courses observed at visits.

    Examples
    --------
    >>> from lbp_prognosis.survival import MultiState
    >>> course = MultiState.from_long(
    ...     id=[1, 1, 2, 3], start=[0, 3, 0, 0], stop=[3, 9, 12, 6], state=["recovered", "relapsed", None, "recovered"],
    ...     initial="pain",
    ... )
    >>> int(course.transitions().loc["pain", "recovered"])
    2
    """

    patient: np.ndarray
    ids: tuple[Any, ...]
    start: np.ndarray
    stop: np.ndarray
    origin: np.ndarray
    target: np.ndarray
    states: tuple[str, ...]
    panel: bool = False
    objections: tuple[Objection, ...] = field(default=())
    label: np.ndarray | None = None
    dated: tuple[str, ...] = ()

    # ---- construction ------------------------------------------------------------------------------------------

    @classmethod
    def from_long(
        cls,
        id: Any,
        start: Any,
        stop: Any,
        state: Any,
        *,
        initial: Any = "start",
        states: Sequence[str] | None = None,
        censored: str = "censored",
        gaps: bool = False,
        index: Any = None,
    ) -> MultiState:
        """Build courses from rows (start, stop] and the state that is entered at ``stop``.

        Parameters
        ----------
        id : array-like of shape (n,)
            Patient of each row.
        start, stop : array-like of shape (n,)
            Times, finite and at least 0, in any order of rows.
        state : array-like of shape (n,)
            State entered at ``stop``; missing or ``censored`` if none, in which case the previous state continues.
        initial : str or array-like of shape (n,), default "start"
            Initial state of all patients; or the state between start and stop of each row, which is compared with the
            previous row.
        states : sequence of str, optional
            Names in order, including states that no patient enters; by default the states that occur.
        censored : str, default "censored"
            Label for censoring.
        gaps : bool, default False
            Whether a patient may be temporarily unobserved. The state before the gap is then assumed to continue.
        index : Index, Series, DataFrame or array-like of shape (n,), optional
            Labels of the rows that the courses carry, as in `Surv.right`.

        Raises
        ------
        DataError
            With ``failures``, a row each: ``backward-time`` (stop is not after start), ``not-finite``, ``overlap``,
            ``gap``, ``teleport`` (the state of a row is not the one that the row before entered), ``unknown-state``.
        """
        given, label = aligned({"id": id, "start": start, "stop": stop, "state": state}, index)
        times = {name: as_numbers(name, given[name]) for name in ("start", "stop")}
        entered = _state_labels("state", given["state"], censored)
        patient, ids = pd.factorize(np.asarray(as_labels("id", given["id"]), dtype=object))
        n = patient.size
        if n == 0:
            raise argument_error("id", "rows of at least one patient", "no row")
        for name, part in (("start", times["start"]), ("stop", times["stop"]), ("state", entered)):
            if part.shape != (n,):
                raise argument_error(name, f"of length {n}, as `id`", describe(part))
        each = not isinstance(initial, str) and np.ndim(initial) > 0
        occupied = _state_labels("initial", initial, "") if each else None
        if occupied is not None and (occupied.shape != (n,) or any(name is None for name in occupied)):
            raise argument_error("initial", f"a state for each of the {n} rows, or one for all", describe(initial))
        order = np.lexsort((times["stop"], times["start"], patient))
        begins = "" if each or initial is None or initial is pd.NA or initial != initial else _state_name(initial)
        if not each and begins in ("", censored.strip()):
            raise argument_error("initial", "the name of a state", repr(initial))
        known = _names(states, [begins] if occupied is None else list(occupied), list(entered))
        place = {name: k for k, name in enumerate(known)}
        target = np.array([-1 if name is None else place.get(name, -2) for name in entered], dtype=np.int64)
        stated = None
        if occupied is not None:
            stated = np.array([place.get(name, -2) for name in occupied], dtype=np.int64)
        first = np.full(n, place.get(begins, -2), dtype=np.int64) if stated is None else stated
        origin, failures = course_failures(
            patient, times["start"], times["stop"], target, first, stated, order, gaps=gaps, states=known
        )
        if failures:
            raise_failures("MultiState", failures, np.asarray(ids, dtype=object)[patient])
        if label is not None and label.size != n:
            raise argument_error("index", f"of length {n}, as `id`", f"length {label.size}")
        return cls(patient, tuple(ids), times["start"], times["stop"], origin, target, known, label=label)

    @classmethod
    def from_visits(
        cls,
        id: Any,
        time: Any,
        state: Any,
        *,
        absorbing: Sequence[str] = (),
        states: Sequence[str] | None = None,
    ) -> MultiState:
        """Build courses from states observed at visits, in any order of rows.

        Parameters
        ----------
        id : array-like of shape (n,)
            Patient of each visit.
        time : array-like of shape (n,)
            Time of the visit, at least 0. The first visit of a patient is the start of the course.
        state : array-like of shape (n,)
            Observed state; missing if the visit was not attended. Missing visits are ignored.
        absorbing : sequence of str
            States that are never left. Their entry times are treated as exact (e.g. an operation), not as detected at a
            visit.
        states : sequence of str, optional
            Names in order.

        Returns
        -------
        MultiState
            Marked ``panel``: a transition is dated late, at the visit that detected it, and a transition reversed
            between two visits is not observed. Results carry the objection ``panel-observed``.

        Raises
        ------
        DataError
            With ``failures``: ``not-finite``, ``two-states-at-once``, ``after-absorbing``, ``unknown-state``.
        """
        given, _ = aligned({"id": id, "time": time, "state": state}, None)
        when = as_numbers("time", given["time"])
        seen = _state_labels("state", given["state"], "")
        patient, ids = pd.factorize(np.asarray(as_labels("id", given["id"]), dtype=object))
        for name, part in (("time", when), ("state", seen)):
            if part.shape != patient.shape:
                raise argument_error(name, f"of length {patient.size}, as `id`", describe(part))
        if isinstance(absorbing, str):
            raise argument_error("absorbing", "a list of states", describe(absorbing), f"[{absorbing!r}]")
        final = [_state_name(name) for name in absorbing]
        known = _names(states, list(seen), final)
        if strange := [name for name in final if name not in known]:
            raise argument_error("absorbing", f"among the states {list(known)}", repr(strange[0]))
        attended = np.array([name is not None for name in seen], dtype=bool)
        place = {name: k for k, name in enumerate(known)}
        code = np.array([place.get(name, -2) if name is not None else -1 for name in seen], dtype=np.int64)
        ends = {place[name] for name in final}
        failures = visit_failures(patient, when, code, attended, ends, states=known)
        if failures:
            raise_failures("MultiState", failures, np.asarray(ids, dtype=object)[patient])
        order = np.lexsort((when, patient))
        order = order[attended[order]]
        p, t, s = patient[order], when[order], code[order]
        same = np.append(False, (p[1:] == p[:-1]) & (t[1:] == t[:-1]))
        p, t, s = p[~same], t[~same], s[~same]
        follows = np.flatnonzero(p[1:] == p[:-1])
        if follows.size == 0:
            raise argument_error("time", "two visits of at least one patient", "one visit each")
        kept, codes = np.unique(p[follows], return_inverse=True)
        moved = s[follows + 1] != s[follows]
        names = {known[k] for k in ends}
        only_dated = set(np.asarray(known, dtype=object)[s[follows + 1][moved]]) <= names
        return cls(
            codes,
            tuple(np.asarray(ids, dtype=object)[kept]),
            t[follows],
            t[follows + 1],
            s[follows],
            np.where(moved, s[follows + 1], -1),
            known,
            panel=not only_dated,
            dated=tuple(name for k, name in enumerate(known) if k in ends),
            objections=() if only_dated else (objection("panel-observed"),),
        )

    # ---- looking at it -----------------------------------------------------------------------------------------

    @property
    def shape(self) -> tuple[int]:
        """Number of rows."""
        return (int(self.patient.size),)

    @property
    def n_patients(self) -> int:
        """Number of patients."""
        return len(self.ids)

    @property
    def late_entry(self) -> bool:
        """Whether patients came under observation at different times."""
        first = np.full(self.n_patients, np.inf)
        np.minimum.at(first, self.patient, self.start)
        return bool(first.max() > first.min())

    def __len__(self) -> int:
        return int(self.patient.size)

    def __repr__(self) -> str:
        seen = " seen at visits" if self.panel else ""
        moves = int((self.target >= 0).sum())
        return f"<MultiState: {self.n_patients} patients, {moves} transitions, states {', '.join(self.states)}{seen}>"

    def code(self, state: Any) -> int:
        """Return the position of a state.

        Parameters
        ----------
        state : str
            Its name.
        """
        if _state_name(state) not in self.states:
            raise argument_error("state", f"one of {list(self.states)}", describe(state))
        return self.states.index(_state_name(state))

    def transitions(self) -> pd.DataFrame:
        """Return counts of transitions from each state (index) to each other state or censoring (columns)."""
        counts = np.zeros((len(self.states), len(self.states) + 1), dtype=np.int64)
        np.add.at(counts, (self.origin, self.target), 1)  # −1 is the last column
        return pd.DataFrame(counts, index=list(self.states), columns=[*self.states, "(censored)"])

    def absorbing(self) -> tuple[str, ...]:
        """Return the absorbing states: no patient was observed in them afterwards."""
        return tuple(name for k, name in enumerate(self.states) if not (self.origin == k).any())

    def take(self, patients: Any) -> MultiState:
        """Return the courses of the chosen patients.

        Parameters
        ----------
        patients : ndarray of bool or int of shape (k,)
            Positions in ``ids``, or a mask.
        """
        chosen = np.arange(self.n_patients)[np.asarray(patients)]
        rows = np.flatnonzero(np.isin(self.patient, chosen))
        return self._rows(rows)

    def _rows(self, rows: np.ndarray, **changed: np.ndarray) -> MultiState:
        kept, codes = np.unique(self.patient[rows], return_inverse=True)
        parts = {name: getattr(self, name)[rows] for name in ("start", "stop", "origin", "target")}
        if self.label is not None:
            parts["label"] = self.label[rows]
        return replace(self, patient=codes, ids=tuple(self.ids[k] for k in kept), **{**parts, **changed})

    def after(self, time: float) -> MultiState:
        """Return the courses after a landmark, for patients under observation just after ``time``.

        Parameters
        ----------
        time : float
            Landmark time.
        """
        rows = np.flatnonzero(self.stop > time)
        under = np.zeros(self.n_patients, dtype=bool)
        under[self.patient[(self.start <= time) & (self.stop > time)]] = True
        rows = rows[under[self.patient[rows]]]
        if rows.size == 0:
            raise argument_error("time", "a time at which a patient is under observation", f"{time:g}")
        return self._rows(rows, start=np.maximum(self.start[rows], time))


def _state_labels(name: str, value: Any, censored: str) -> np.ndarray:
    """Names of states as text; None if there is no state."""
    raw = np.asarray(as_labels(name, value, "states"), dtype=object)
    if raw.ndim != 1:
        raise argument_error(name, "one-dimensional", f"shape {raw.shape}")
    gone = pd.isna(raw)
    out = np.empty(raw.size, dtype=object)
    for k, cell in enumerate(raw):
        text = "" if gone[k] else _state_name(cell)
        out[k] = None if text in (censored.strip(), "") else text
    return out


def _state_name(label: Any) -> str:
    """Return the name of a state: a blank before or after it makes no other state, and 1.0 is the code 1."""
    return str(plain_label(label)).strip()


def _names(states: Sequence[str] | None, *seen: list[Any]) -> tuple[str, ...]:
    if states is not None:
        names = () if isinstance(states, str) else tuple(_state_name(name) for name in states)
        if not names or "" in names or len(set(names)) != len(names):
            raise argument_error("states", "different names", describe(states))
        return names
    return tuple(dict.fromkeys(str(name) for part in seen for name in part if name is not None))
