"""State probabilities of each row from transition hazards, without an array of rows times event times."""

from __future__ import annotations

import numpy as np

from lbp_prognosis._kernels._compiled import inner
from lbp_prognosis._kernels._tiers import exponential_minus_one, tiered

__all__ = ["occupancy_path"]

_TERMS = 18  # of the exponential series, for a step that is small


@inner()
def _exponential_step(state, rates, work, term):
    """Replace ``state`` by state · exp(rates), by its series in steps that are small."""
    s = state.size
    largest = 0.0
    for a in range(s):
        largest = max(largest, -rates[a, a])
    pieces = int(np.ceil(largest / 0.5)) if largest > 0.5 else 1
    for _ in range(pieces):
        for a in range(s):
            term[a] = state[a]
        for order in range(1, _TERMS):
            for b in range(s):
                total = 0.0
                for a in range(s):
                    total += term[a] * rates[a, b]
                work[b] = total / (order * pieces)
            for b in range(s):
                term[b] = work[b]
                state[b] += term[b]


@tiered(lambda *a: 4 * a[3].size * a[4].max(initial=0))
def occupancy_path(increments, origin, target, relative, places, first, exponential):  # pragma: no cover - compiled
    """Return the state probabilities of each row at each horizon.

    Parameters
    ----------
    increments : ndarray of shape (m, q)
        Baseline hazard of each transition at each event time.
    origin, target : ndarray of int of shape (q,)
        States of the transitions.
    relative : ndarray of shape (n, q)
        Relative hazard of each row for each transition.
    places : ndarray of int of shape (h,)
        Number of event times at or before each horizon, increasing.
    first : ndarray of shape (n, s)
        State probabilities before the first event time.
    exponential : bool
        Multiply by the matrix exponential of the hazards of a time. Otherwise by I + dP, where a row moves with
        probability ``1 − exp(−h r)``; where moves out of a state exceed 1 together, all leave in proportion.

    Returns
    -------
    ndarray of shape (n, h, s)
        Rows sum to 1.
    """
    n, q = relative.shape
    s = first.shape[1]
    out = np.empty((n, places.size, s))
    state, moved = np.empty(s), np.empty(s)
    step, leaves = np.empty(q), np.empty(s)
    rates, work, term = np.empty((s, s)), np.empty(s), np.empty(s)
    for i in range(n):
        for a in range(s):
            state[a] = first[i, a]
        at = 0
        for h in range(places.size):
            while at < places[h]:
                chained = False
                for a in range(s):
                    leaves[a] = 0.0
                for t in range(q):
                    some = increments[at, t] > 0.0 and relative[i, t] > 0.0
                    step[t] = increments[at, t] * relative[i, t] if some else 0.0
                    if not exponential:
                        step[t] = -exponential_minus_one(-step[t])
                    leaves[origin[t]] += step[t]
                for t in range(q):
                    chained = chained or (step[t] > 0.0 and leaves[target[t]] > 0.0)
                if exponential and chained:
                    for a in range(s):
                        for b in range(s):
                            rates[a, b] = 0.0
                        rates[a, a] = -leaves[a]
                    for t in range(q):
                        rates[origin[t], target[t]] += step[t]
                    _exponential_step(state, rates, work, term)
                else:
                    for a in range(s):
                        moved[a] = state[a]
                    for t in range(q):
                        total = leaves[origin[t]]
                        if total > 0.0:
                            share = step[t]
                            if exponential:
                                share *= -exponential_minus_one(-total) / total
                            elif total > 1.0:
                                share /= total
                            moved[target[t]] += state[origin[t]] * share
                            moved[origin[t]] -= state[origin[t]] * share
                    for a in range(s):
                        state[a] = max(moved[a], 0.0)
                at += 1
            for a in range(s):
                out[i, h, a] = state[a]
    return out
