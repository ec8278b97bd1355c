"""Concordant, discordant and tied pairs of every row, with weights, in O(n log n).

The rows are walked in ascending order of the score while two Fenwick trees are kept over the distinct event times: one
of the rows that can be the later member of a pair, one of the events. With follow-up in days the trees have a few
thousand cells and stay in the fastest cache, which is why the walk goes over the scores and not over the times.
"""

from __future__ import annotations

import math

import numpy as np

from lbp_prognosis._kernels._compiled import inner
from lbp_prognosis._kernels._tiers import tiered

__all__ = ["concordance_index", "concordance_pairs", "concordance_totals", "number_events"]


@inner()
def _add(tree, index, value):
    while index < tree.size:
        tree[index] += value
        index += index & -index


@inner()
def _sum(tree, index):
    total = 0.0
    while index > 0:
        total += tree[index]
        index -= index & -index
    return total


@inner()
def _totals(event, first, last, early, late, events):
    """Comparable weight of every row in each of its two roles, which does not depend on the score."""
    later = np.zeros(events + 2)
    earlier = np.zeros(events + 1)
    for i in range(event.size):
        if late[i] != 0.0:
            later[last[i]] += late[i]
            later[first[i]] -= late[i]
        if event[i] > 0:
            earlier[event[i]] += early[i]
    for k in range(events, -1, -1):
        later[k] += later[k + 1]
    for k in range(events):
        earlier[k + 1] += earlier[k]
    return later, earlier


@tiered(lambda *a: (6 + 4 * math.log2(a[9] + 2)) * a[0].size)
def _walk(order, score, event, first, last, early_factor, late_factor, early, late, events, pairs):
    """Return concordant, discordant and tied weight, each pair once; fill ``pairs`` (3, n) unless it is empty.

    Rows that can be compared from the first event on are only counted, so that the tree need not know where they begin.
    """
    n = order.size
    keep = pairs.shape[1] > 0
    later, earlier = _totals(event, first, last, early, late, events)
    # Cell k of the tree is number k − 1 for the later members (numbers start at 0) and number k for the events.
    late_tree = np.zeros(events + 2)
    event_tree = np.zeros(events + 1)
    whole = 0.0
    below_late = np.empty(n if keep else 0)  # of the current block of tied scores only
    below_early = np.empty(n if keep else 0)
    concordant, tied, comparable = 0.0, 0.0, 0.0
    start = 0
    while start < n:
        stop = start + 1
        value = score[order[start]]
        while stop < n and score[order[stop]] == value:
            stop += 1
        under = 0.0
        for k in range(start, stop):
            i = order[k]
            if event[i] > 0 and (early[i] != 0.0 or (keep and early_factor[i] != 0.0)):
                below = whole - _sum(late_tree, event[i])
                under += early[i] * below
                comparable += early[i] * later[event[i]]
                if keep:
                    below_late[k - start] = below
                    pairs[0, i] += early_factor[i] * below
                    pairs[2, i] += early_factor[i] * later[event[i]]
            if keep and late_factor[i] != 0.0 and last[i] > first[i]:
                every = earlier[last[i]] - earlier[first[i]]
                below = _sum(event_tree, last[i]) - _sum(event_tree, first[i])
                below_early[k - start] = below
                pairs[0, i] += late_factor[i] * (every - below)
                pairs[2, i] += late_factor[i] * every
        concordant += under
        for k in range(start, stop):
            i = order[k]
            if late[i] != 0.0 and last[i] > first[i]:
                if first[i] == 0:
                    whole += late[i]
                else:
                    _add(late_tree, first[i] + 1, -late[i])
                if last[i] < events:  # the end of those who outlast all events is never asked for
                    _add(late_tree, last[i] + 1, late[i])
            if keep and event[i] > 0 and early[i] != 0.0:
                _add(event_tree, event[i], early[i])
        if stop - start > 1:
            for k in range(start, stop):
                i = order[k]
                if event[i] > 0 and (early[i] != 0.0 or (keep and early_factor[i] != 0.0)):
                    reached = whole - _sum(late_tree, event[i])
                    tied += early[i] * reached
                    if keep:
                        pairs[1, i] += early_factor[i] * (reached - below_late[k - start])
                if keep and late_factor[i] != 0.0 and last[i] > first[i]:
                    same = _sum(event_tree, last[i]) - _sum(event_tree, first[i]) - below_early[k - start]
                    pairs[1, i] += late_factor[i] * same
                    pairs[0, i] -= late_factor[i] * same
            tied -= under
        start = stop
    return concordant, comparable - concordant - tied, tied


def concordance_pairs(
    order: np.ndarray,
    score: np.ndarray,
    event: np.ndarray,
    first: np.ndarray,
    last: np.ndarray,
    weight: np.ndarray,
    early_factor: np.ndarray,
    late_factor: np.ndarray,
    events: int,
) -> tuple[np.ndarray, tuple[float, float, float]]:
    """Count the pairs of every row.

    Row i is the earlier member of a pair with row j if ``first[j] < event[i] <= last[j]``: event times are numbered
    1 … ``events``, and row j can be compared with the events numbered above ``first[j]`` (delayed entry, strata) up to
    ``last[j]``. A pair weighs ``weight[i] early_factor[i] weight[j] late_factor[j]``.

    Parameters
    ----------
    order : ndarray of shape (n,), int64
        Rows in ascending order of ``score``.
    score : ndarray of shape (n,)
        Higher means sooner.
    event : ndarray of shape (n,), int64
        Number of the row's event time; 0 where it cannot be the earlier member.
    first, last : ndarray of shape (n,), int64
        See above.
    weight, early_factor, late_factor : ndarray of shape (n,)
        Weight of the row, and factors of the pair weight by role (0 excludes the row from a role).
    events : int
        Number of distinct event times.

    Returns
    -------
    pairs : ndarray of shape (3, n)
        For one copy of each row, weight of its pairs, in either role, that are concordant, tied in the score, and
        comparable.
    totals : tuple of float
        Concordant, discordant, tied weight, each pair once: those of `concordance_totals`.
    """
    pairs = np.zeros((3, order.size))
    score = np.ascontiguousarray(score)  # a column of a table of risks would compile the walk once more
    early, late = weight * early_factor, weight * late_factor
    totals = _walk(order, score, event, first, last, early_factor, late_factor, early, late, events, pairs)
    return pairs, totals


def concordance_totals(
    order: np.ndarray,
    score: np.ndarray,
    event: np.ndarray,
    first: np.ndarray,
    last: np.ndarray,
    copies: np.ndarray,
    events: int,
) -> tuple[float, float, float]:
    """Return the concordant, discordant and tied pairs of rows that each stand for some copies, possibly none.

    The walk of `concordance_pairs`, without what each row contributes. Arguments as there.
    """
    nothing, score = np.empty((3, 0)), np.ascontiguousarray(score)
    return _walk(order, score, event, first, last, copies, copies, copies, copies, events, nothing)


def concordance_index(totals: tuple[float, ...]) -> float:
    """Return (concordant + ½ tied) / comparable, NaN where no pair can be ordered."""
    pairs = sum(totals)
    return (totals[0] + totals[2] / 2) / pairs if pairs > 0 else float("nan")


def number_events(
    event_key: np.ndarray, first_key: np.ndarray, last_key: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, int]:
    """Number the distinct event keys 1, 2, … and say, for every row, above and up to which number it can be compared.

    Parameters
    ----------
    event_key : ndarray of int of shape (n,)
        Ordered key of the row's event time, ≥ 0; −1 where the row cannot be the earlier member of a pair.
    first_key, last_key : ndarray of int of shape (n,)
        The row can be compared with events whose key lies in (first_key, last_key]; −1 is before all.

    Returns
    -------
    event, first, last : ndarray of int64 of shape (n,)
    events : int
        Number of distinct event keys.
    """
    chosen = event_key[event_key >= 0]
    top = int(max(event_key.max(), first_key.max(), last_key.max(), 0)) + 1
    if top <= 8 * event_key.size + 65536:
        seen = np.zeros(top + 1, dtype=np.int64)
        seen[chosen + 1] = 1
        count = np.cumsum(seen)  # number of distinct event keys < index
        event = np.where(event_key >= 0, count[event_key + 1], 0)
        return event, count[first_key + 1], count[last_key + 1], int(count[-1])
    keys = np.unique(chosen)
    event = np.where(event_key >= 0, np.searchsorted(keys, event_key, side="right"), 0)
    first = np.searchsorted(keys, first_key, side="right")
    return event, first, np.searchsorted(keys, last_key, side="right"), int(keys.size)
