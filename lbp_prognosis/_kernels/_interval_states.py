"""State probabilities at the end of intervals of piecewise constant intensities, with their derivatives."""

from __future__ import annotations

import numpy as np

from lbp_prognosis._kernels._compiled import inner
from lbp_prognosis._kernels._tiers import tiered

__all__ = ["interval_states"]

_TERMS = 16  # of the exponential series, for a step of norm at most 1/2


@inner()
def _turn(row, rates, origin, target, out):  # pragma: no cover - compiled
    """Set ``out`` to row · Q."""
    for b in range(row.size):
        out[b] = 0.0
    for t in range(rates.size):
        flow = row[origin[t]] * rates[t]
        out[origin[t]] -= flow
        out[target[t]] += flow


@tiered(lambda *a: 4 * a[0].size * a[0].shape[1] * _TERMS * (a[0].shape[2] + a[2].shape[1]))
def interval_states(rates, length, first, origin, target):  # pragma: no cover - compiled
    """Return state probabilities after all pieces, and their derivatives by each intensity.

    Parameters
    ----------
    rates : ndarray of shape (n, g, q)
        Intensity of each transition in each piece.
    length : ndarray of shape (n, g)
        Time spent in each piece, in order; 0 for pieces that are not passed.
    first : ndarray of shape (n, s)
        State probabilities at the start.
    origin, target : ndarray of int of shape (q,)
        States of the transitions.

    Returns
    -------
    state : ndarray of shape (n, s)
        Rows sum to as much as those of ``first``.
    slope : ndarray of shape (n, g, q, s)
        Derivatives by the intensities.

    Notes
    -----
    A row vector is multiplied by the series of the exponential, in steps of norm at most 1/2, and its derivative with
    it: d(v Q) = dv Q + v dQ.
    """
    n, g, q = rates.shape
    s = first.shape[1]
    state = np.empty((n, s))
    slope = np.zeros((n, g, q, s))
    term, work = np.empty(s), np.empty(s)
    moved, sums = np.empty((g, q, s)), np.empty(s)
    leaving = np.empty(s)
    for i in range(n):  # cell by cell: what an assignment of arrays may raise takes seconds to compile
        for b in range(s):
            state[i, b] = first[i, b]
        for p in range(g):
            if length[i, p] <= 0:
                continue
            for b in range(s):
                leaving[b] = 0.0
            fastest = 0.0
            for t in range(q):
                leaving[origin[t]] += rates[i, p, t]
            for b in range(s):
                fastest = max(fastest, leaving[b])
            steps = max(1, int(np.ceil(2 * fastest * length[i, p])))
            unit = length[i, p] / steps
            for _ in range(steps):
                for b in range(s):
                    term[b] = state[i, b]
                    for h in range(g):
                        for t in range(q):
                            moved[h, t, b] = slope[i, h, t, b]
                for order in range(1, _TERMS + 1):
                    share = unit / order
                    for h in range(p + 1):
                        for t in range(q):
                            _turn(moved[h, t], rates[i, p], origin, target, work)
                            if h == p:
                                work[origin[t]] -= term[origin[t]]
                                work[target[t]] += term[origin[t]]
                            for b in range(s):
                                moved[h, t, b] = work[b] * share
                                slope[i, h, t, b] += moved[h, t, b]
                    _turn(term, rates[i, p], origin, target, sums)
                    for b in range(s):
                        term[b] = sums[b] * share
                        state[i, b] += term[b]
    return state, slope
