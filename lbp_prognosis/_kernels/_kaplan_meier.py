"""Product-limit survival in one pass over the distinct times, in linear memory."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from lbp_prognosis._kernels._cluster_products import cluster_products
from lbp_prognosis._kernels._steps import distinct_times, step_at

__all__ = [
    "KMSteps",
    "few_clusters",
    "kaplan_meier_robust_variance",
    "kaplan_meier_steps",
    "reverse_kaplan_meier_steps",
    "risk_table",
]


class KMSteps(NamedTuple):
    """One row per distinct observed time (event or censoring).

    ``survival`` is S(t), ``greenwood`` the sum Σ d/(Y(Y − d)), so that Var S = S² · greenwood (infinite where S = 0).
    """

    times: np.ndarray
    at_risk: np.ndarray
    events: np.ndarray
    censored: np.ndarray
    survival: np.ndarray
    greenwood: np.ndarray


def risk_table(
    time: np.ndarray, codes: np.ndarray, m: int, times: np.ndarray, entry: np.ndarray | None, weights: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray]:
    """Return the (weighted) number that leaves at each distinct time, and the number at risk there.

    At risk at t: entry < t ≤ time.
    """
    leaving = np.bincount(codes, weights=weights, minlength=m).astype(float)
    if entry is None:
        return leaving, np.cumsum(leaving[::-1])[::-1]
    order = np.argsort(entry, kind="stable")
    come = np.cumsum(np.ones(entry.size) if weights is None else weights[order])
    come = np.concatenate([[0.0], come])[np.searchsorted(entry[order], times, side="left")]
    gone = np.concatenate([[0.0], np.cumsum(leaving)[:-1]])
    stay = come - gone - leaving
    # whoever leaves at t was at risk there: the rest that rounding leaves of a difference of sums is no patient
    return leaving, leaving + np.where(stay > 1e-12 * come, stay, 0.0)


def kaplan_meier_steps(
    time: np.ndarray, event: np.ndarray, *, entry: np.ndarray | None = None, weights: np.ndarray | None = None
) -> KMSteps:
    """Kaplan–Meier curve at all distinct times, O(n log n) (O(n) for whole-number times).

    Parameters
    ----------
    time : ndarray of shape (n,)
        Follow-up times.
    event : ndarray of shape (n,)
        True or non-zero where the time is an event.
    entry : ndarray of shape (n,), optional
        At risk on (entry, time].
    weights : ndarray of shape (n,), optional
        Row weights; ``greenwood`` is then right for frequency weights.
    """
    times, codes = distinct_times(time)
    m = times.size
    leaving, at_risk = risk_table(time, codes, m, times, entry, weights)
    happened = np.asarray(event) != 0
    chosen = None if weights is None else weights[happened]
    events = np.bincount(codes[happened], weights=chosen, minlength=m).astype(float)
    with np.errstate(divide="ignore", invalid="ignore"):
        hazard = np.where(at_risk > 0, events / at_risk, 0.0)
        terms = np.where(events > 0, events / (at_risk * (at_risk - events)), 0.0)
    survival = np.cumprod(1.0 - np.minimum(hazard, 1.0))
    return KMSteps(times, at_risk, events, np.maximum(leaving - events, 0.0), survival, np.cumsum(terms))


def reverse_kaplan_meier_steps(
    time: np.ndarray, event: np.ndarray, *, entry: np.ndarray | None = None, weights: np.ndarray | None = None
) -> KMSteps:
    """Kaplan–Meier curve of the censoring times, events leaving the risk set before censorings at the same time.

    ``survival`` is G(t); ``events`` are censorings, ``censored`` the events of interest, ``at_risk`` who is left to be
    censored once the events at that time are gone.
    """
    times, codes = distinct_times(time)
    m = times.size
    leaving, at_risk = risk_table(time, codes, m, times, entry, weights)
    out = np.asarray(event) == 0
    lost = np.bincount(codes[out], weights=None if weights is None else weights[out], minlength=m).astype(float)
    happened = np.maximum(leaving - lost, 0.0)
    staying = np.maximum(at_risk - happened, lost)
    with np.errstate(divide="ignore", invalid="ignore"):
        hazard = np.where(lost > 0, lost / staying, 0.0)
        terms = np.where(lost > 0, lost / (staying * (staying - lost)), 0.0)
    return KMSteps(times, staying, lost, happened, np.cumprod(1.0 - np.minimum(hazard, 1.0)), np.cumsum(terms))


def few_clusters(clusters: np.ndarray) -> float:
    """Return M/(M − 1), undefined for a single cluster."""
    number = int(clusters.max()) + 1
    return number / (number - 1) if number > 1 else float("nan")


def kaplan_meier_robust_variance(
    steps: KMSteps,
    time: np.ndarray,
    event: np.ndarray,
    weights: np.ndarray,
    *,
    entry: np.ndarray | None = None,
    clusters: np.ndarray | None = None,
) -> np.ndarray:
    """Infinitesimal-jackknife variance of S at ``steps.times``: rows are patients, whatever their weight.

    The derivative of log S(t) by the weight of row i is −b_i(t), with b_i = δ_i/(Y − d)(T_i) − [g(T_i ∧ t) − g(E_i)]
    and g the Greenwood sum; Var S = S² Σ w_i² b_i². Expanding the square for the rows still at risk keeps it linear.
    With unit weights and no delayed entry it is Greenwood's variance exactly. With ``clusters`` (codes 0…M−1) the b_i
    of a cluster are summed before squaring, and the sum of squares is multiplied by M/(M − 1).
    """
    codes = np.searchsorted(steps.times, time)
    m = steps.times.size
    g = np.where(np.isfinite(steps.greenwood), steps.greenwood, 0.0)
    g_in = np.zeros(time.size) if entry is None else step_at(steps.times, g, entry, left=0.0)
    with np.errstate(divide="ignore"):
        jump = np.where(steps.at_risk > steps.events, 1.0 / (steps.at_risk - steps.events), 0.0)
    final = np.where(np.asarray(event) != 0, jump[codes], 0.0) - (g[codes] - g_in)
    if clusters is not None:
        come = np.zeros(time.size, dtype=np.int64)
        if entry is not None:
            come = np.searchsorted(steps.times, entry, side="right")
        # (A, N): b summed over a cluster is A − g N, with N the weight of the members still at risk
        change = np.concatenate(
            [
                np.stack([weights * g_in, weights], axis=1),
                np.stack([weights * (final - g_in), -weights], axis=1),
            ]
        )
        sums = cluster_products(np.tile(clusters, 2), np.concatenate([come, codes]), change, m)
        total = (sums[:, 0, 0] - 2 * g * sums[:, 0, 1] + g**2 * sums[:, 1, 1]) * few_clusters(clusters)
        return np.where(steps.survival > 0, steps.survival**2 * np.maximum(total, 0.0), np.nan)
    square = weights**2
    left = np.cumsum(np.bincount(codes, weights=square * final**2, minlength=m))
    staying = []
    for power in (0, 1, 2):
        value = square * g_in**power
        gone = np.cumsum(np.bincount(codes, weights=value, minlength=m))
        if entry is None:
            come = np.full(m, gone[-1])
        else:
            order = np.argsort(entry, kind="stable")
            come = np.concatenate([[0.0], np.cumsum(value[order])])
            come = come[np.searchsorted(entry[order], steps.times, side="left")]
        staying.append(np.maximum(come - gone, 0.0))
    total = left + g**2 * staying[0] - 2 * g * staying[1] + staying[2]
    return np.where(steps.survival > 0, steps.survival**2 * np.maximum(total, 0.0), np.nan)
