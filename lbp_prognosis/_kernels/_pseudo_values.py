"""Pseudo-values of a cumulative incidence at one horizon: what each row adds to the estimate."""

from __future__ import annotations

import numpy as np

from lbp_prognosis._kernels._net_benefit import influence_of_all
from lbp_prognosis._kernels._steps import distinct_times, order_of_times

__all__ = ["incidence_influence", "pseudo_values", "pseudo_values_infinitesimal"]


def _products(at_risk: np.ndarray, any_event: np.ndarray, mine: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Survival after, and incidence at, each time, with a leading entry for the start."""
    safe = np.where(at_risk > 0, at_risk, 1.0)
    survival = np.concatenate([[1.0], np.cumprod(1.0 - np.minimum(any_event / safe, 1.0))])
    return survival, np.concatenate([[0.0], np.cumsum(survival[:-1] * mine / safe)])


def pseudo_values(time: np.ndarray, code: np.ndarray, tau: float) -> np.ndarray:
    """Jackknife pseudo-values ``n F(τ) − (n − 1) F_{−i}(τ)``, exactly, in O(n log n).

    F is one minus Kaplan–Meier, or the Aalen–Johansen incidence of code 1. Leaving a row out lowers the number at risk
    by one up to its time, so F_{−i} is a prefix of the curve with one fewer at risk, the row's own time, and an
    unchanged suffix; it depends on the row through its time and code only.

    Parameters
    ----------
    time : ndarray of shape (n,)
    code : ndarray of int of shape (n,)
        0 censored, 1 the cause of interest, 2 any other cause.
    tau : float
        Horizon.

    Returns
    -------
    ndarray of shape (n,)
        Their mean is close to F(τ), and equals it without censoring before τ.
    """
    n = time.size
    times, place = distinct_times(time)
    m = times.size
    leaving = np.bincount(place, minlength=m).astype(float)
    at_risk = np.cumsum(leaving[::-1])[::-1]
    one = np.bincount(place[code == 1], minlength=m).astype(float)
    every = np.bincount(place[code > 0], minlength=m).astype(float)
    stop = int(np.searchsorted(times, tau, side="right"))
    at_risk, one, every = at_risk[:stop], one[:stop], every[:stop]
    whole = float(_products(at_risk, every, one)[1][-1])
    fewer_survival, fewer_incidence = _products(at_risk - 1.0, every, one)
    # what is still to come after time j, given survival to it, on the unchanged numbers: backwards
    rest = np.zeros(stop + 1)
    for j in range(stop - 1, -1, -1):
        rest[j] = one[j] / at_risk[j] + (1.0 - every[j] / at_risk[j]) * rest[j + 1]
    without = np.full((stop + 1, 3), fewer_incidence[-1])
    for c in range(3):
        left = np.maximum(at_risk - 1.0, 1.0)
        d1 = np.where(at_risk > 1, one - (c == 1), 0.0)
        d = np.where(at_risk > 1, every - (c > 0), 0.0)
        s = fewer_survival[:-1]
        without[:stop, c] = fewer_incidence[:-1] + s * d1 / left + s * (1.0 - d / left) * rest[1:]
    return n * whole - (n - 1) * without[np.minimum(place, stop), np.minimum(code, 2)]


def incidence_influence(
    time: np.ndarray, code: np.ndarray, tau: float, weights: np.ndarray | None = None
) -> np.ndarray:
    """Derivative of the incidence of code 1 at ``tau`` by the weight of each row, of shape (n,), in O(n log n).

    The sum of squares is Greenwood's variance (with unit weights). Arguments as for `pseudo_values`.
    """
    w = np.ones(time.size) if weights is None else np.ascontiguousarray(weights, dtype=float)
    stop = int(np.count_nonzero(time <= tau))
    if (time[1:] >= time[:-1]).all():  # in order already, and the order of equal times is kept
        return influence_of_all(time, code, stop, w)
    order = order_of_times(time)
    values = influence_of_all(time[order], code[order], stop, w[order])
    out = np.empty(time.size)
    out[order] = values
    return out


def pseudo_values_infinitesimal(
    time: np.ndarray,
    code: np.ndarray,
    tau: float,
    weights: np.ndarray | None = None,
    first: np.ndarray | None = None,
) -> np.ndarray:
    """Pseudo-values by the infinitesimal jackknife, F(τ) + n × derivative; their (weighted) mean is F(τ) exactly.

    ``first`` (n,) is that derivative, `incidence_influence`, where it is known already.
    """
    w = np.ones(time.size) if weights is None else weights
    times, place = distinct_times(time)
    m = times.size
    at_risk = np.cumsum(np.bincount(place, weights=w, minlength=m)[::-1])[::-1]
    one = np.bincount(place, weights=w * (code == 1), minlength=m)
    every = np.bincount(place, weights=w * (code > 0), minlength=m)
    stop = int(np.searchsorted(times, tau, side="right"))
    whole = float(_products(at_risk[:stop], every[:stop], one[:stop])[1][-1])
    return whole + w.sum() * (incidence_influence(time, code, tau, w) if first is None else first)
