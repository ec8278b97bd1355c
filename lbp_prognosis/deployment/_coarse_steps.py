"""Steps of a baseline with several events each, and what is cumulated or multiplied over them."""

from __future__ import annotations

import numpy as np

from lbp_prognosis.deployment._short_numbers import digits

__all__ = ["coarse_line", "coarse_steps", "coarse_values", "merged_factors", "merged_increments"]


def coarse_steps(times: np.ndarray, events: np.ndarray, least: int) -> tuple[np.ndarray, np.ndarray]:
    """Group jump times so that each group has at least ``least`` events.

    Returns
    -------
    times : ndarray of shape (g,)
        One per group. A time with at least ``least`` events is kept; other groups get the midpoint between two event
        times near the group's median, at three digits.
    last : ndarray of int of shape (g,)
        Index of the last jump of each group.
    """
    ends: list[int] = []
    count = least  # the last jump ends a group
    for k, number in zip(range(times.size - 1, -1, -1), reversed(events.tolist())):
        if count >= least:
            ends.append(k)
            count = 0
        count += int(number)
    if count < least and len(ends) > 1:
        ends.pop()  # too few events for a group join the next group: early, where many patients are at risk
    ends.reverse()
    starts = [0, *(end + 1 for end in ends[:-1])][: len(ends)]
    raw, exact = _places(times, events, np.array(starts, dtype=int), np.array(ends, dtype=int))
    made: list[float] = []
    kept: list[int] = []
    for at, end in zip(np.where(exact, raw, digits(raw, 3)).tolist(), ends):
        if made and at <= made[-1]:  # two groups at the same time become one
            kept[-1] = end
        else:
            made.append(at)
            kept.append(end)
    return np.array(made), np.array(kept, dtype=int)


def _places(
    times: np.ndarray, events: np.ndarray, starts: np.ndarray, ends: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the time of each group, and whether it may stay as exact as it is: several events are no one patient's."""
    alone = starts == ends
    if np.issubdtype(events.dtype, np.floating):  # expected events: a difference of cumulated sums is no sum to the bit
        half = np.array([start + _middle(events[start : end + 1]) for start, end in zip(starts, ends)], dtype=int)
    else:
        reached = np.cumsum(events, dtype=np.int64)
        before = reached[starts] - events[starts]
        half = np.maximum(np.searchsorted(reached, before + (reached[ends] - before) / 2), starts)
    other = np.where(half < ends, half + 1, half - 1)
    raw = np.where(alone, times[starts], (times[half] + times[other]) / 2)
    return raw, alone & (events[starts] > 1)


def _middle(events: np.ndarray) -> int:
    return int(np.searchsorted(np.cumsum(events), events.sum() / 2))


def coarse_values(
    times: np.ndarray, events: np.ndarray | None, values: list[np.ndarray], least: int, notes: list[str]
) -> tuple[np.ndarray, list[np.ndarray]]:
    """Return coarse times and the cumulated values there; a step without a count of events counts as one event."""
    if events is None:
        events = np.ones(times.size, dtype=int)
        notes.append("the events behind the steps of a baseline are not known: each step counts as one")
    if events.size and events.sum() < least:
        notes.append(f"a baseline has fewer than {least} events: its one step represents all of them")
    grid, last = coarse_steps(times, events, least)
    return grid, [each[last] for each in values]


def coarse_line(
    times: np.ndarray, events: np.ndarray | None, values: np.ndarray, least: int, notes: list[str]
) -> tuple[np.ndarray, np.ndarray]:
    """Return a broken line through fewer points, with ``least`` expected events in each rise.

    A line needs its height at the beginning and the end of a group of intervals, not in the middle. Both are ends of a
    patient's interval, regardless of the expected events inside, and are rounded to three digits.
    """
    rises = np.flatnonzero(np.diff(values, prepend=0.0) > 1e-12)
    counts = None if events is None else np.diff(np.cumsum(events)[rises], prepend=0)
    coarse_values(times[rises], counts, [], least, notes)  # for its notes
    _, last = coarse_steps(times[rises], np.ones(rises.size, dtype=int) if counts is None else counts, least)
    first = np.append(0, last[:-1] + 1)[: last.size]
    places = np.column_stack([np.maximum(rises[first] - 1, 0), rises[last]]).ravel()
    grid, levels = digits(times[places], 3), values[places]
    kept = np.append((np.diff(grid) > 0) | (np.diff(levels) > 1e-12), True)[: grid.size]
    return grid[kept], levels[kept]


def merged_increments(increments: np.ndarray, times: np.ndarray, events: np.ndarray, least: int) -> np.ndarray:
    """Return increments on the coarse times."""
    _, last = coarse_steps(times, events, least)
    return np.diff(np.cumsum(increments)[last], prepend=0.0)


def merged_factors(increments: np.ndarray, times: np.ndarray, events: np.ndarray, least: int) -> np.ndarray:
    """Return increments (g, p + 1) whose factors 1 − a − x·b are the products of those of each group, linear in x."""
    _, last = coarse_steps(times, events, least)
    merged = np.zeros((last.size, increments.shape[1]))
    for group, start, end in zip(merged, np.append(0, last[:-1] + 1), last + 1):
        for step in increments[start:end]:
            left, rest = 1.0 - group[0], 1.0 - step[0]
            group[1:] = group[1:] * rest + step[1:] * left
            group[0] = 1.0 - left * rest
    return merged
