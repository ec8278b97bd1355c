"""Kaplan–Meier curves of the censoring times by group, read just before a time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

__all__ = ["CensoringGroups", "censoring_groups"]


@dataclass(frozen=True)
class CensoringGroups:
    """Kaplan–Meier curves of the censoring times by group: at distinct times, hazard, numbers at risk and G(t−)."""

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
    time: np.ndarray, code: np.ndarray, groups: np.ndarray, weights: np.ndarray, events_first: bool
) -> CensoringGroups:
    """Estimate the censoring curves; with ``events_first`` any event at a time leaves before its censorings."""
    times, hazards, risks, lefts = [], [], [], []
    for group in range(int(groups.max(initial=0)) + 1):
        rows = groups == group
        grid, place = np.unique(time[rows], return_inverse=True)
        w, out = weights[rows], code[rows] == 0
        leaving = np.bincount(place, weights=w, minlength=grid.size)
        censored = np.bincount(place[out], weights=w[out], minlength=grid.size)
        at_risk = np.cumsum(leaving[::-1])[::-1]
        if events_first:
            at_risk = at_risk - (leaving - censored)
        hazard = np.divide(censored, at_risk, out=np.zeros(grid.size), where=at_risk > 0)
        times.append(grid)
        hazards.append(hazard)
        risks.append(at_risk)
        lefts.append(np.concatenate([[1.0], np.cumprod(1 - hazard)[:-1]]))
    return CensoringGroups(groups, times, hazards, risks, lefts, events_first)
