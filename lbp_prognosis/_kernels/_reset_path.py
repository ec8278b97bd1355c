"""State probabilities of each row where the clock starts anew at each entry into a state (a semi-Markov process)."""

from __future__ import annotations

import numpy as np

from lbp_prognosis._kernels._compiled import inner
from lbp_prognosis._kernels._tiers import exponential_minus_one, tiered

__all__ = ["reset_path"]


@inner()
def _stay(increments, relative, ends, origin, durations, after, exponential, mass, left):
    """Fill ``mass`` (q, m), the probability of each move at each duration, and ``left`` (m,), of the stay beyond it.

    Durations up to ``after`` are known to be without a move.
    """
    q = origin.size
    step = np.empty(q)
    begin = 0
    for a in range(ends.size):
        stay = 1.0
        for e in range(begin, ends[a]):
            total = 0.0
            for t in range(q):
                mass[t, e] = 0.0
                step[t] = 0.0
                if origin[t] == a and durations[e] > after and increments[e, t] > 0.0 and relative[t] > 0.0:
                    step[t] = increments[e, t] * relative[t]
                    if not exponential:
                        step[t] = -exponential_minus_one(-step[t])
                    total += step[t]
            if total > 0.0:
                leaves = -exponential_minus_one(-total) if exponential else min(total, 1.0)
                for t in range(q):
                    mass[t, e] = stay * leaves * step[t] / total
                stay *= 1.0 - leaves
            left[e] = stay
        begin = ends[a]


@tiered(lambda *a: a[6].shape[0] * (1 + a[7][-1]) * (a[1].size + a[3].size))
def reset_path(
    increments, durations, cells, ends, origin, target, relative, places, first, after, exponential
):  # pragma: no cover - compiled
    """Return the state probabilities of each row at each horizon, by convolution over a grid of equal steps.

    Parameters
    ----------
    increments : ndarray of shape (m, q)
        Baseline hazard of each transition at each duration of a stay; durations of the first state, then the second, …
    durations : ndarray of shape (m,)
        Increasing within a state.
    cells : ndarray of int of shape (m,)
        Durations as numbers of steps, at least 1.
    ends : ndarray of int of shape (s,)
        Where the durations of each state end.
    origin, target : ndarray of int of shape (q,)
        States of the transitions.
    relative : ndarray of shape (n, q)
        Relative hazard of each row for each transition.
    places : ndarray of int of shape (h,)
        Horizons as numbers of steps, increasing.
    first : ndarray of shape (n, s)
        Probability of each state that was entered at 0.
    after : float
        The stay in that state is known to have lasted so long.
    exponential : bool
        Leave a state with probability 1 − exp(−Σ h r) at a duration. Otherwise with Σ (1 − exp(−h r)), at most 1.

    Returns
    -------
    ndarray of shape (n, h, s)
        Rows sum to 1.
    """
    n, q = relative.shape
    s, m, last = ends.size, durations.size, places[-1]
    out = np.zeros((n, places.size, s))
    mass, left = np.empty((q, m)), np.empty(m)
    entries, stays = np.empty((s, last + 1)), np.empty((s, last + 1))
    for i in range(n):
        for a in range(s):
            for t in range(last + 1):
                entries[a, t] = 0.0
        for known in range(2):  # the first stay, then those that begin later
            spent = after if known == 0 else 0.0
            _stay(increments, relative[i], ends, origin, durations, spent, exponential, mass, left)
            begin = 0
            for a in range(s):
                level, e = 1.0, begin
                for c in range(last + 1):
                    while e < ends[a] and cells[e] <= c:
                        level = left[e]
                        e += 1
                    stays[a, c] = level
                if known == 0 and first[i, a] > 0.0:
                    for e in range(begin, ends[a]):
                        if cells[e] <= last:
                            for t in range(q):
                                entries[target[t], cells[e]] += first[i, a] * mass[t, e]
                    for h in range(places.size):
                        out[i, h, a] += first[i, a] * stays[a, places[h]]
                begin = ends[a]
        for c in range(1, last + 1):
            begin = 0
            for a in range(s):
                if entries[a, c] > 0.0:
                    for t in range(q):
                        if origin[t] != a:
                            continue
                        for e in range(begin, ends[a]):
                            if c + cells[e] > last:
                                break
                            entries[target[t], c + cells[e]] += entries[a, c] * mass[t, e]
                    for h in range(places.size):
                        if places[h] >= c:
                            out[i, h, a] += entries[a, c] * stays[a, places[h] - c]
                begin = ends[a]
    return out
