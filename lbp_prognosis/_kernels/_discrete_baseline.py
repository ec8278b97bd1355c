"""Baseline increments that fit a product limit, whatever the ties."""

from __future__ import annotations

import numpy as np

from lbp_prognosis._kernels._cox_data import cox_data
from lbp_prognosis._kernels._cox_sums import group_sums, tied_events

__all__ = ["discrete_baseline"]


def _solve(relative: np.ndarray, weight: np.ndarray, starts: np.ndarray, at_risk: np.ndarray) -> np.ndarray:
    """Return the h of each event time that solves Σ w r/(1 − exp(−h r)) = at_risk; events of a time lie together."""
    own = np.add.reduceat(weight * relative, starts)
    total = np.add.reduceat(weight, starts)
    out = np.full(starts.size, np.inf)  # where all patients at risk had the event
    some = at_risk > own * (1.0 + 1e-12)
    out[some] = -np.log1p(-own[some] / at_risk[some]) * (total / own)[some]
    alike = np.maximum.reduceat(relative, starts) == np.minimum.reduceat(relative, starts)
    open_ = some & ~alike  # alike relative hazards are solved by the line above
    if not open_.any():
        return out
    sizes = np.diff(np.append(starts, relative.size))
    mine = np.repeat(open_, sizes)
    r, w, sizes, goal, h = relative[mine], weight[mine], sizes[open_], at_risk[open_], out[open_]
    first = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    low, high = np.zeros(h.size), np.full(h.size, np.inf)
    for _ in range(200):
        x = np.repeat(h, sizes) * r
        share = r / -np.expm1(-x)
        excess = np.add.reduceat(w * share, first) - goal
        slope = -np.add.reduceat(w * share**2 * np.exp(-x), first)
        low, high = np.where(excess > 0, h, low), np.where(excess > 0, high, h)
        step = h - np.divide(excess, slope, out=np.full(h.size, np.nan), where=slope < 0)
        inside = (step > low) & (step < high)  # Newton's step, or a safe one
        step = np.where(inside, step, np.where(np.isinf(high), 2.0 * h, low + (high - low) / 2))
        moved = np.abs(step - h) > 1e-14 * h
        h = step
        if not moved.any():
            break
    out[open_] = h
    return out


def discrete_baseline(
    time: np.ndarray,
    event: np.ndarray,
    eta: np.ndarray,
    *,
    entry: np.ndarray | None = None,
    strata: np.ndarray | None = None,
    weights: np.ndarray | None = None,
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return, for each stratum code 0…S−1, the event times and the increments of a row with ``eta = 0``.

    The increment ``h`` of Kalbfleisch and Prentice solves ``Σ_events w r/(1 − exp(−h r)) = Σ_at risk w r`` with
    ``r = exp(eta)``; a row has the event at that time with probability ``1 − exp(−h r)``. Where ``eta`` is the same for
    all that is d/n, so that a product limit of these probabilities is the Kaplan–Meier or Aalen–Johansen estimate.
    Where all patients at risk had the event it is infinite.

    Parameters
    ----------
    time, event : ndarray of shape (n,)
        Time and whether it ends with the event.
    eta : ndarray of shape (n,)
        Linear predictor, offsets included.
    entry, strata, weights
        As for `cox_fit`.

    References
    ----------
    Kalbfleisch JD, Prentice RL (1973). Marginal likelihoods based on Cox's regression and life model. Biometrika
    60:267–278. doi:10.1093/biomet/60.2.267
    """
    n = np.size(time)
    data = cox_data(np.empty((n, 0)), time, event, entry=entry, strata=strata)
    w = data.sorted(np.ones(n) if weights is None else np.asarray(weights, dtype=float))
    shifted = data.sorted(np.asarray(eta, dtype=float))
    sums = group_sums(data, tied_events(data, w, False), shifted, False)
    with np.errstate(under="ignore"):
        relative = np.exp(shifted - sums.shift)
    mine = np.flatnonzero(data.event & (w > 0))
    mine = mine[np.argsort(data.last[mine], kind="stable")]
    place = data.last[mine]
    starts = np.flatnonzero(np.diff(place, prepend=-1))
    out = np.zeros(data.times.size)
    out[place[starts]] = _solve(relative[mine], w[mine], starts, sums.s0[place[starts]])
    out *= np.exp(-sums.shift)
    pairs, start = [], 0
    for end in data.ends:
        pairs.append((data.times[start:end], out[start:end]))
        start = end
    return pairs
