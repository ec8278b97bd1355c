"""Kaplan–Meier curves of the censoring times by group (and of late entries), read just before a time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

__all__ = ["CensoringGroups", "censoring_groups"]


@dataclass(frozen=True)
class CensoringGroups:
    """Curves of the censoring times by group, at distinct times: hazard, numbers at risk and G(t−).

    With late entry ``before`` is G(t−) H(t−), where H(t) is the probability of having entered by t.
    """

    codes: np.ndarray
    times: list[np.ndarray]
    hazard: list[np.ndarray]
    at_risk: list[np.ndarray]
    before: list[np.ndarray]
    events_first: bool

    def left(self, group: int, at: np.ndarray) -> np.ndarray:
        """Return G(t−) of one group."""
        curve = np.append(self.before[group], self.before[group][-1] * (1 - self.hazard[group][-1]))
        return curve[np.searchsorted(self.times[group], at, side="left")]


def censoring_groups(
    time: np.ndarray,
    code: np.ndarray,
    groups: np.ndarray,
    weights: np.ndarray,
    events_first: bool,
    entry: np.ndarray | None = None,
) -> CensoringGroups:
    """Estimate the censoring curves; with ``events_first`` any event at a time leaves before its censorings.

    With ``entry`` a row is at risk of being censored on (entry, time], and time runs backwards for the curve of the
    entries: the rows that could have entered at u are those with entry ≤ u < time (Geskus).
    """
    times, hazards, risks, lefts = [], [], [], []
    for group in range(int(groups.max(initial=0)) + 1):
        rows = groups == group
        moments = time[rows] if entry is None else np.concatenate([time[rows], entry[rows]])
        grid, place = np.unique(moments, return_inverse=True)
        w, out = weights[rows], code[rows] == 0
        end, start = place[: w.size], place[w.size :]
        leaving = np.bincount(end, weights=w, minlength=grid.size)
        censored = np.bincount(end[out], weights=w[out], minlength=grid.size)
        at_risk = np.cumsum(leaving[::-1])[::-1]
        entering = None
        if entry is not None:
            entering = np.bincount(start, weights=w, minlength=grid.size)
            at_risk = at_risk - np.cumsum(entering[::-1])[::-1]  # who enters at t or later is not at risk at t
        present = at_risk - leaving  # under observation after t, of those at risk at t
        if events_first:
            at_risk = at_risk - (leaving - censored)
        hazard = np.divide(censored, at_risk, out=np.zeros(grid.size), where=censored > 0)
        left = np.concatenate([[1.0], np.cumprod(1 - hazard)[:-1]])
        if entering is not None:
            # the first to enter find no one at risk: the curve is needed after their entry only
            late = np.divide(entering, entering + present, out=np.zeros(grid.size), where=entering > 0)
            late[np.flatnonzero(entering > 0)[0]] = 0.0
            left = left * np.cumprod((1 - late)[::-1])[::-1]
        times.append(grid)
        hazards.append(hazard)
        risks.append(at_risk)
        lefts.append(left)
    return CensoringGroups(groups, times, hazards, risks, lefts, events_first)
