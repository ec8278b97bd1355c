"""States over time for release: states joined and times left out until no small group of patients can be derived."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations, pairwise

import numpy as np

from lbp_prognosis.disclosure import Release, quiet_grid
from lbp_prognosis.report._page_states import PageStates, moves_by
from lbp_prognosis.survival import MultiState, known_states

__all__ = ["STATE_METRICS", "released_states"]

STATE_METRICS = (
    "auc",
    "observed_occupancy",
    "observed_expected",
    "calibration_slope",
    "ipa",
    "calibration_slope_pseudo",
    "brier",
)
"""Metrics of a page of states, the most wanted first: few, so that occupancy fits into the budget too."""
_PIECES = 8
_LATE, _ANY = -2, -3
_Groups = list[list[int]]
"""Positions of the states of each group."""


def released_states(shown: PageStates, release: Release) -> PageStates:
    """Return occupancy at a few times, transitions and mean times of states that are releasable, or empty tables.

    Without censoring, shares at two times are counts of the patients who moved in between, and transitions minus these
    are counts of those who came back, or who moved later. States are therefore joined, and times left out, until for
    every pair of times the patients in each pair of states are none or enough; so are transitions between two times,
    the patients who made each, and all follow-ups that began later or ended earlier. Results of joined states are sums.

    The patients who began in a state, plus transitions into it, minus those out of it, minus those known to be in it at
    the horizon (the events of the page) are the follow-ups that ended in it: transitions leave only if these are none
    or enough in each state.

    Parameters
    ----------
    shown : PageStates
        With the courses.
    release : Release
        Release through which all numbers pass.
    """
    where, courses = "states over time", shown.courses
    assert courses is not None
    nothing = _without_numbers(shown)
    if not release.apart(where):
        return nothing
    if release.patients.clusters is not None or release.patients.state.size != courses.n_patients:
        release.note(where, "dropped", "a row is not a single patient")
        return nothing
    found = _joined(shown, courses, release)
    if found is None:
        release.note(where, "dropped", "too few patients in a state, or between two times, even with two states")
        return nothing
    groups, times = found
    size = 3 * len(groups)
    if not release.take(f"states at {shown.horizon:g}", size):
        return nothing
    if len(groups) < len(shown.states):
        release.note(where, "merged", "states with few patients, or few transitions")
    named = {" or ".join(courses.states[k] for k in group): [courses.states[k] for k in group] for group in groups}
    made = PageStates.of(courses, shown.state, shown.horizon, times=times, merged=named)
    counts = made.transitions.iloc[:, :-1]
    release.note("follow-ups that ended, by state", "dropped", "they are counted over all states")
    if not release.keeps(made.transitions["(ended)"]):
        release.note("transitions", "dropped", "follow-ups that ended in a state could be derived, and are few")
        counts = nothing.transitions
    elif not release.take("transitions", counts.size):
        counts = nothing.transitions
    spent = _times_are_means(courses, shown.horizon, groups, release) and release.take("mean time in each state", size)
    while len(times) > 1 and size * (len(times) - 1) > release.budget.most - release.budget.spent:
        times = times[::-2][::-1]  # half of the times, the horizon among them
    release.take("states at other times", size * (len(times) - 1))
    release.note("numbers of patients in each state", "dropped", "no numbers at risk leave with a curve")
    if shown.earlier:
        release.note("predictions of the state at other times", "dropped", "counts at two times could be subtracted")
    numbers = made.numbers[made.numbers["time"].isin(times)].drop(columns=["n", "unknown"]).reset_index(drop=True)
    digits = dict.fromkeys(("value", "low", "high"), min(2, release.count_digits))
    return replace(
        nothing,
        states=made.states,
        curve=numbers.round(digits),
        numbers=numbers.round(digits),
        transitions=counts,
        sojourn=made.sojourn.round(digits) if spent else nothing.sojourn,
    )


def _without_numbers(shown: PageStates) -> PageStates:
    return replace(
        shown,
        n=None,
        curve=shown.curve.iloc[:0],
        numbers=shown.numbers.drop(columns=["n", "unknown"]).iloc[:0],
        transitions=shown.transitions.iloc[:0],
        sojourn=shown.sojourn.iloc[:0],
        earlier=(),
        courses=None,
    )


def _joined(shown: PageStates, courses: MultiState, release: Release) -> tuple[_Groups, list[float]] | None:
    """Return the finest groups of states that are releasable at a time before the horizon too, and the times.

    If there are none, the finest ones that are releasable at the horizon.
    """
    begin, end = float(courses.start.min()), shown.horizon
    of_patients = np.unique(np.concatenate([courses.start, courses.stop]))
    grid = [begin + time for time in quiet_grid(end - begin, _PIECES, of_patients - begin)]
    middle = begin + (end - begin) / 2
    first = [] if courses.late_entry else [begin]  # the earliest entry is a patient's time
    groups: _Groups = [[k] for k in range(len(courses.states))]
    best: tuple[_Groups, list[float]] | None = None
    while len(groups) > 1:
        place, times = _place(groups), [*first, end]
        if _moves_are_safe(courses, times, place, release) and _times_are_safe(courses, times, place, release):
            for time in sorted(grid, key=lambda at: (abs(at - middle), at)):
                more = sorted([*times, time])
                if _times_are_safe(courses, more, place, release) and _moves_are_safe(courses, more, place, release):
                    times = more
            if len(times) > len(first) + 1:
                return groups, times
            best = best or (groups, times)
        groups = _with_two_joined(groups, courses, shown.state, end)
    return best


def _place(groups: _Groups) -> np.ndarray:
    """Return the position of the group of each state."""
    of_state = {k: g for g, group in enumerate(groups) for k in group}
    return np.array([of_state[k] for k in range(len(of_state))])


def _codes(courses: MultiState, time: float) -> np.ndarray:
    """Return the known state of each patient, −1 if follow-up has ended and −2 if it has not begun."""
    first = np.full(courses.n_patients, np.inf)
    np.minimum.at(first, courses.patient, courses.start)
    now = known_states(courses, time)
    return np.where((now < 0) & (first >= time), _LATE, now)


def _times_are_safe(courses: MultiState, times: Sequence[float], place: np.ndarray, release: Release) -> bool:
    """Return whether patients in each pair of states at each pair of times are none or enough.

    Those whose follow-up had ended, or had not begun, are counted over all states at the other time: shares of states
    are then estimates, from which no count of these patients by state follows.
    """
    known = [_codes(courses, time) for time in times]
    codes = [np.where(now < 0, now, place[now]) for now in known]
    for now in codes:
        if not release.keeps(np.unique(now, return_counts=True)[1]):
            return False
    for one, other in combinations(codes, 2):
        pair = np.stack([np.where(other < 0, _ANY, one), np.where(one < 0, _ANY, other)])
        if not release.keeps(np.unique(pair, axis=1, return_counts=True)[1]):
            return False
    return True


def _moves_are_safe(courses: MultiState, times: Sequence[float], place: np.ndarray, release: Release) -> bool:
    """Return whether transitions between two times, and patients who made each, are none or enough.

    So are the patients who were ever in a state. All transitions minus occupancy at a time are transitions after it
    plus returns before it: with each part none or enough, so is every such sum.
    """
    for after, by in pairwise([-np.inf, *times]):
        moves = np.stack(moves_by(courses, by, place, after=after))
        counts = np.unique(moves[:2], axis=1, return_counts=True)[1]
        patients = np.unique(np.unique(moves, axis=1)[:2], axis=1, return_counts=True)[1]
        if not (release.keeps(counts) and release.keeps(patients)):
            return False
    return release.keeps(_ever(courses, times[-1], place))


def _ever(courses: MultiState, end: float, place: np.ndarray) -> np.ndarray:
    """Return the number of patients who were in each group of states by a time."""
    begun, moved = courses.start < end, (courses.target >= 0) & (courses.stop <= end)
    there = place[np.concatenate([courses.origin[begun], courses.target[moved]])]
    who = np.concatenate([courses.patient[begun], courses.patient[moved]])
    return np.bincount(np.unique(np.stack([there, who]), axis=1)[0], minlength=place.max() + 1)


def _with_two_joined(groups: _Groups, courses: MultiState, state: str, end: float) -> _Groups:
    """Return the groups with the two of the fewest patients joined, of those without the declared state."""
    patients = _ever(courses, end, _place(groups))
    kept = [courses.code(state)]
    others = [g for g in np.argsort(patients, kind="stable") if groups[g] != kept]
    if len(others) < 2:
        return []
    one, other = sorted(others[:2])
    joined = [sorted(groups[one] + groups[other]) if g == one else group for g, group in enumerate(groups)]
    return [group for g, group in enumerate(joined) if g != other]


def _times_are_means(courses: MultiState, end: float, groups: _Groups, release: Release) -> bool:
    """Return whether no patient makes up most of the mean time in a state."""
    spent = np.zeros((len(courses.states), courses.n_patients))
    length = np.clip(np.minimum(courses.stop, end) - courses.start, 0, None)
    np.add.at(spent, (courses.origin, courses.patient), length)
    last = np.full(courses.n_patients, -1)
    ended = np.full(courses.n_patients, -np.inf)
    np.maximum.at(ended, courses.patient, courses.stop)
    final = (courses.stop == ended[courses.patient]) & (courses.target >= 0) & (courses.stop < end)
    last[courses.patient[final]] = courses.target[final]
    stay = np.flatnonzero(last >= 0)
    spent[last[stay], stay] += end - ended[stay]
    means = [spent[group].sum(axis=0) for group in groups]
    return all(release.mean("mean time in a state", courses.n_patients, part) for part in means if part.any())
