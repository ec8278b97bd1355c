"""``PageStates``: who was in which state over time, as the page shows it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from lbp_prognosis._base import argument_error, check_number, check_times, describe
from lbp_prognosis.evaluation import Evaluation
from lbp_prognosis.survival import MultiState, StateOccupancy, known_states, mean_sojourn, state_occupancy

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["PageStates", "is_of_state", "moves_by"]

_MOST_TIMES = 200
_QUARTERS = np.array([0.0, 0.25, 0.5, 0.75, 1.0])


@dataclass(frozen=True)
class PageStates:
    """State occupancy, transitions and mean times in states by a horizon; made by `of`.

    Attributes
    ----------
    state : str
        The declared state, whose probability is predicted.
    horizon : float
        End of all results.
    states : tuple of str
        States that are shown; on a page for release those with few patients are joined.
    n : int or None
        Patients; None on a page for release.
    curve : DataFrame
        Occupancy over time: ``time, state, value, low, high``.
    numbers : DataFrame
        At a few times: ``time, state, value, low, high, n`` (patients known to be in the state), ``unknown`` (patients
        whose state at that time is not known). Without counts on a page for release.
    transitions : DataFrame
        Counts by the horizon: one row per state, one column per state entered, and ``(ended)``, the follow-ups that
        ended in the state before the horizon, or have a gap there (not on a page for release). Empty if not released.
    sojourn : DataFrame
        Mean time in each state by the horizon: ``state, value, low, high``. Empty if not released.
    earlier : tuple of Evaluation
        Evaluations of the declared state at other times; empty on a page for release.
    panel, late_entry : bool
        Whether states were observed at visits only; whether patients came under observation at different times.
    courses : MultiState or None
        The courses, used only by the gate.

    Examples
    --------
    >>> from lbp_prognosis.report import PageStates
    >>> from lbp_prognosis.survival import MultiState
    >>> courses = MultiState.from_long([1, 2, 2, 3], [0, 0, 4, 0], [6, 4, 9, 8], ["b", "b", None, None], initial="a")
    >>> found = PageStates.of(courses, "a", 8)
    >>> int(found.transitions.loc["a", "b"])
    2
    """

    state: str
    horizon: float
    states: tuple[str, ...]
    n: int | None
    curve: pd.DataFrame = field(repr=False)
    numbers: pd.DataFrame = field(repr=False)
    transitions: pd.DataFrame = field(repr=False)
    sojourn: pd.DataFrame = field(repr=False)
    earlier: tuple[Evaluation, ...] = field(default=(), repr=False)
    panel: bool = False
    late_entry: bool = False
    courses: MultiState | None = field(default=None, repr=False)

    @classmethod
    def of(
        cls,
        courses: MultiState,
        state: str,
        horizon: float,
        *,
        times: Iterable[float] | None = None,
        earlier: Iterable[Evaluation] = (),
        merged: Mapping[str, Sequence[str]] | None = None,
    ) -> PageStates:
        """Estimate what the page shows.

        Parameters
        ----------
        courses : MultiState
            The courses of the patients who were evaluated.
        state : str
            The declared state, e.g. ``"pain"``.
        horizon : float
            The time at which `evaluate_state` judged predictions of it.
        times : iterable of float, optional
            Times of the table of occupancy, up to the horizon; quarters of the horizon by default.
        earlier : iterable of Evaluation
            Results of `evaluate_state` of the same courses and state at other times, which the page shows in a table.
        merged : mapping of str to sequence of str, optional
            States that are shown as one: name of each group to its states. Each state is in one group, and the declared
            one alone in a group of its name.

        Raises
        ------
        ArgumentError
            If there is no such state, a time is beyond the horizon or the follow-up, ``merged`` does not divide the
            states, or an argument is of another kind.
        """
        if not isinstance(courses, MultiState):
            raise argument_error("courses", "made by MultiState.from_long or from_visits", describe(courses))
        if merged is not None and not isinstance(merged, Mapping):
            raise argument_error("merged", "a mapping of names to lists of states", describe(merged))
        judged = [earlier] if isinstance(earlier, Evaluation) else earlier
        judged = tuple(judged) if isinstance(judged, Iterable) else (judged,)
        if wrong := [one for one in judged if not isinstance(one, Evaluation)]:
            raise argument_error("earlier", "results of evaluate_state at other times", describe(wrong[0]))
        name = courses.states[courses.code(state)]
        groups = {one: [one] for one in courses.states} if merged is None else merged
        if list(groups.get(name, ())) != [name]:
            raise argument_error("merged", f"in which {name!r} is a group of its own", describe(dict(groups)))
        begin, end = float(courses.start.min()), check_number("horizon", horizon, low=0, open_low=True)
        if not begin < end <= courses.stop.max():
            raise argument_error("horizon", f"within follow-up, {begin:g} to {courses.stop.max():g}", f"{end:g}")
        for one in judged:
            at = float(one.horizons[-1])
            if np.isclose(at, end) or not is_of_state(one, courses.n_patients, state_occupancy(courses, at)[name][0]):
                raise argument_error(
                    "earlier",
                    f"results of evaluate_state of these courses and of {name!r}, at other times than {end:g}",
                    f"one at {at:g} of another state, of other patients or of that time",
                )
        grid = check_times(times) if times is not None else begin + (end - begin) * _QUARTERS
        if grid[0] < begin or grid[-1] > end:
            raise argument_error("times", f"from {begin:g} to {end:g}, the horizon", f"{grid[0]:g} to {grid[-1]:g}")
        moves = np.unique(courses.stop[(courses.target >= 0) & (courses.stop < end)])
        if moves.size > _MOST_TIMES:
            moves = moves[np.unique(np.linspace(0, moves.size - 1, _MOST_TIMES).round().astype(int))]
        numbers = _occupied(state_occupancy(courses, grid).joined(groups))
        place = _places(courses, groups)
        known = [known_states(courses, time) for time in grid]
        numbers["n"] = np.concatenate([np.bincount(place[now[now >= 0]], minlength=len(groups)) for now in known])
        numbers["unknown"] = np.repeat([int((now < 0).sum()) for now in known], len(groups))
        return cls(
            state=name,
            horizon=end,
            states=tuple(groups),
            n=courses.n_patients,
            curve=_occupied(state_occupancy(courses, np.unique([begin, *moves, end])).joined(groups)),
            numbers=numbers,
            transitions=_transitions(courses, end, place, tuple(groups)),
            sojourn=_occupied(mean_sojourn(courses, end).joined(groups)).drop(columns="time"),
            earlier=judged,
            panel=courses.panel,
            late_entry=courses.late_entry,
            courses=courses,
        )

    def plot(self, ax: Axes | None = None, *, steps: bool = True, unit: str = "") -> Axes:
        """Draw the shares of patients in each state, stacked.

        Parameters
        ----------
        ax : Axes, optional
            Axes to draw on; a new figure by default.
        steps : bool, default True
            Whether shares change in steps at the times of ``curve``; otherwise straight lines join them.
        unit : str, default ""
            Of time.
        """
        from lbp_prognosis._draw import draw_stacked_states

        return draw_stacked_states(self.curve, steps=steps, unit=unit, ax=ax)

    def to_frame(self) -> pd.DataFrame:
        """Return one row per number, with columns of the evidence: ``metric`` is state_occupancy or mean_sojourn."""
        occupied = self.numbers.rename(columns={"time": "horizon"}).assign(metric="state_occupancy")
        spent = self.sojourn.assign(horizon=self.horizon, metric="mean_sojourn")
        parts = [
            part.reindex(columns=["metric", "horizon", "state", "value", "low", "high", "n"])
            for part in (occupied, spent)
        ]
        out = pd.concat([part.astype(object) for part in parts], ignore_index=True)
        out["group"] = "state " + out.pop("state").astype(str)
        return out.assign(tier="prognostic", reference="")


def is_of_state(found: Evaluation, n: int, value: float) -> bool:
    """Return whether an evaluation is one by `evaluate_state`, of n patients with that occupancy of the state.

    Parameters
    ----------
    found : Evaluation
        The evaluation.
    n : int
        Patients.
    value : float
        Probability of the state at the time of the evaluation.
    """
    known = [of.get("observed_occupancy") for of in found.metrics.values()]
    return all(one is not None and one.n == n and np.isclose(one.value, value, rtol=1e-9) for one in known)


def _occupied(found: StateOccupancy) -> pd.DataFrame:
    return found.to_frame()[["time", "state", "value", "low", "high"]]


def _places(courses: MultiState, groups: Mapping[str, Sequence[str]]) -> np.ndarray:
    """Return the position of the group of each state."""
    of_state = {name: k for k, group in enumerate(groups.values()) for name in group}
    return np.array([of_state[name] for name in courses.states])


def moves_by(
    courses: MultiState, horizon: float, place: np.ndarray, *, after: float = -np.inf
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return group from, group to, and patient of each transition between groups of states by a horizon.

    Parameters
    ----------
    courses : MultiState
        The courses.
    horizon : float
        Last time that counts.
    place : ndarray of int of shape (n_states,)
        Group of each state.
    after : float, default -inf
        Transitions at this time and before do not count.
    """
    rows = np.flatnonzero((courses.target >= 0) & (courses.stop > after) & (courses.stop <= horizon))
    one, other = place[courses.origin[rows]], place[courses.target[rows]]
    moved = one != other
    return one[moved], other[moved], courses.patient[rows[moved]]


def _transitions(courses: MultiState, horizon: float, place: np.ndarray, names: tuple[str, ...]) -> pd.DataFrame:
    """Return counts of transitions by a horizon: rows from, columns to, and ``(ended)`` for follow-up that ended."""
    counts = np.zeros((len(names), len(names) + 1), dtype=np.int64)
    one, other, _ = moves_by(courses, horizon, place)
    np.add.at(counts, (one, other), 1)
    np.add.at(counts[:, -1], place[_ended(courses, horizon)], 1)
    return pd.DataFrame(counts, index=list(names), columns=[*names, "(ended)"])


def _ended(courses: MultiState, horizon: float) -> np.ndarray:
    """Return the last known state of each patient who was observed before the horizon, with an unknown state then.

    It is the state entered last, also where follow-up ends with that entry.
    """
    begun = np.flatnonzero(courses.start < horizon)
    begun = begun[np.lexsort((courses.start[begun], courses.patient[begun]))]
    last = begun[np.append(np.diff(courses.patient[begun]) != 0, True)]
    last = last[known_states(courses, horizon)[courses.patient[last]] < 0]
    return np.where(courses.target[last] >= 0, courses.target[last], courses.origin[last])
