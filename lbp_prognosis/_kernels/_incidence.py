"""Cumulative incidence of each row from cause-specific hazard increments, without a rows × times array."""

from __future__ import annotations

import numpy as np

from lbp_prognosis._kernels._compiled import compiled

__all__ = ["exponential_incidence", "product_limit_incidence"]


@compiled()
def product_limit_incidence(increments, relative, places, fitted):  # pragma: no cover - compiled
    """Return incidences and survival at each horizon by the product limit.

    Parameters
    ----------
    increments : ndarray of shape (m, k)
        Baseline hazard of each cause at each event time.
    relative : ndarray of shape (n, k)
        Relative hazard of each row for each cause.
    places : ndarray of int of shape (h,)
        Number of event times at or before each horizon, increasing.
    fitted : bool
        Whether increments are those of `discrete_baseline`: a row leaves with probability ``1 − exp(−h r)``. Otherwise
        ``h r`` is taken for that probability.

    Returns
    -------
    ndarray of shape (n, h, k + 1)
        Incidence of each cause, then survival; they sum to 1. Where the hazards of a time exceed 1 together, all
        survivors leave then, to the causes in proportion.
    """
    n, k = relative.shape
    out = np.zeros((n, places.size, k + 1))
    incidence = np.zeros(k)
    step = np.zeros(k)
    for i in range(n):
        survival = 1.0
        for c in range(k):
            incidence[c] = 0.0
        at = 0
        for h in range(places.size):
            while at < places[h]:
                total = 0.0
                for c in range(k):
                    some = increments[at, c] > 0.0 and relative[i, c] > 0.0
                    step[c] = increments[at, c] * relative[i, c] if some else 0.0
                    if fitted:
                        step[c] = -np.expm1(-step[c])
                    total += step[c]
                if total > 1.0:
                    for c in range(k):
                        share = step[c] / total if np.isfinite(step[c]) else 1.0
                        incidence[c] += survival * share
                    survival = 0.0
                else:
                    for c in range(k):
                        incidence[c] += survival * step[c]
                    survival *= 1.0 - total
                at += 1
            for c in range(k):
                out[i, h, c] = incidence[c]
            out[i, h, k] = survival
    return out


@compiled()
def exponential_incidence(increments, relative, places, shares):  # pragma: no cover - compiled
    """As `product_limit_incidence` with survival ``exp(−ΣH)``.

    With ``shares`` what survival loses at a time, ``S(u−)(1 − exp(−ΣdH))``, goes to the causes in proportion, and all
    sum to 1. Without, each cause takes ``S(u−) dH``, and the sum can pass 1, far where many events are tied.
    """
    n, k = relative.shape
    out = np.zeros((n, places.size, k + 1))
    incidence = np.zeros(k)
    for i in range(n):
        hazard = 0.0
        for c in range(k):
            incidence[c] = 0.0
        at = 0
        for h in range(places.size):
            while at < places[h]:
                survival = np.exp(-hazard)
                total = 0.0
                for c in range(k):
                    if increments[at, c] > 0.0:
                        total += increments[at, c] * relative[i, c]
                lost = -np.expm1(-total) / total if shares and total > 0.0 else 1.0
                for c in range(k):
                    if increments[at, c] > 0.0 and survival > 0.0:
                        step = increments[at, c] * relative[i, c]
                        if shares and not np.isfinite(step):
                            incidence[c] += survival
                        else:
                            incidence[c] += survival * step * lost
                hazard += total
                at += 1
            for c in range(k):
                out[i, h, c] = incidence[c]
            out[i, h, k] = np.exp(-hazard)
    return out
