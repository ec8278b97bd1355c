"""Cumulative incidence of competing causes and its variance, at all distinct times, in linear memory."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from lbp_prognosis._kernels._cluster_products import cluster_products
from lbp_prognosis._kernels._kaplan_meier import few_clusters, risk_table
from lbp_prognosis._kernels._steps import distinct_times

__all__ = [
    "AJSteps",
    "aalen_johansen_aalen_variance",
    "aalen_johansen_robust_variance",
    "aalen_johansen_steps",
    "aalen_johansen_variance",
]


class AJSteps(NamedTuple):
    """One row per distinct observed time, one column per cause.

    ``events`` and ``cif`` are (m, n_causes); ``survival`` is P(no event of any cause by t).
    """

    times: np.ndarray
    causes: np.ndarray
    at_risk: np.ndarray
    events: np.ndarray
    censored: np.ndarray
    survival: np.ndarray
    cif: np.ndarray


def _before(survival: np.ndarray) -> np.ndarray:
    return np.concatenate([[1.0], survival[:-1]])


def _difference(plus: np.ndarray, minus: np.ndarray) -> np.ndarray:
    """A variance from its expanded square, exactly 0 where only rounding is left of it."""
    total = plus - minus
    return np.where(total > 1e-14 * plus, total, 0.0)


def aalen_johansen_steps(
    time: np.ndarray,
    event: np.ndarray,
    *,
    causes: np.ndarray | None = None,
    entry: np.ndarray | None = None,
    weights: np.ndarray | None = None,
) -> AJSteps:
    """Aalen–Johansen estimate for competing risks.

    Parameters
    ----------
    time : ndarray of shape (n,)
        Follow-up times.
    event : ndarray of int of shape (n,)
        0 censored, otherwise the cause.
    causes : ndarray of int, optional
        Codes of the columns, which must hold every code present; by default the codes present, in order.
    entry, weights : ndarray of shape (n,), optional
        At risk on (entry, time]; row weights.
    """
    times, codes = distinct_times(time)
    m = times.size
    event = np.asarray(event).astype(np.int64)
    columns = np.unique(event[event > 0]) if causes is None else np.asarray(causes, dtype=np.int64)
    leaving, at_risk = risk_table(time, codes, m, times, entry, weights)
    events = np.empty((m, columns.size))
    for k, cause in enumerate(columns):
        rows = event == cause
        events[:, k] = np.bincount(codes[rows], weights=None if weights is None else weights[rows], minlength=m)
    every = events.sum(axis=1)
    safe = np.where(at_risk > 0, at_risk, 1.0)
    survival = np.cumprod(1.0 - np.minimum(every / safe, 1.0))
    cif = np.cumsum((_before(survival) / safe)[:, None] * events, axis=0)
    return AJSteps(times, columns, at_risk, events, np.maximum(leaving - every, 0.0), survival, cif)


def aalen_johansen_variance(steps: AJSteps) -> np.ndarray:
    """Greenwood-type (delta-method) variance of each incidence, of shape (m, n_causes).

    With F the incidence of the cause, d_1 its events, d all events, Y at risk::

        Var F(t) = Σ_{u≤t} (F(t) − F(u))² d/(Y(Y − d)) + Σ S(u−)² d_1(Y − d_1)/Y³ − 2 Σ (F(t) − F(u)) S(u−) d_1/Y²

    Squares are expanded so that sums over u become cumulative sums. What ``prodlim`` and ``survfit`` report in R; for
    one cause it is Greenwood's variance.
    """
    risk = np.where(steps.at_risk > 0, steps.at_risk, 1.0)
    every = steps.events.sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        # at a time where no patient stays F(t) − F(u) is 0 from then on: the term vanishes
        g = np.where((every > 0) & (risk > every), every / (risk * (risk - every)), 0.0)
    before = _before(steps.survival)
    out = np.empty_like(steps.cif)
    for k in range(steps.causes.size):
        cif, mine = steps.cif[:, k], steps.events[:, k]
        own = np.cumsum(before**2 * mine * (risk - mine) / risk**3)
        cross = before * mine / risk**2
        plus = own + cif**2 * np.cumsum(g) + np.cumsum(g * cif**2) + 2 * np.cumsum(cross * cif)
        minus = 2 * cif * (np.cumsum(g * cif) + np.cumsum(cross))
        out[:, k] = _difference(plus, minus)
    return out


def aalen_johansen_aalen_variance(steps: AJSteps) -> np.ndarray:
    """Aalen's variance of each incidence with a finite-population factor for ties, of shape (m, n_causes).

    With d_1 events of the cause, d_2 of the others, and v_j = (Y − d_j)/(Y − 1)::

        Var F(t) = Σ_{u≤t} S(u−)²/Y² { v_1 d_1 [1 − (F(t) − F(u))/S(u)]² + v_2 d_2 [(F(t) − F(u))/S(u)]² }

    What ``cmprsk::cuminc`` reports in R. Counts must be whole numbers (no weights).
    """
    risk = np.where(steps.at_risk > 0, steps.at_risk, 1.0)
    before = _before(steps.survival)
    alive = steps.survival > 0
    inverse = np.where(alive, 1.0 / np.where(alive, steps.survival, 1.0), 0.0)
    scale = before**2 / risk**2
    rest = np.maximum(risk - 1.0, 1.0)
    out = np.empty_like(steps.cif)
    for k in range(steps.causes.size):
        cif, mine = steps.cif[:, k], steps.events[:, k]
        others = steps.events.sum(axis=1) - mine
        own = scale * mine * np.where(mine > 1, (risk - mine) / rest, 1.0)
        other = np.where(alive, scale * others * np.where(others > 1, (risk - others) / rest, 1.0), 0.0)
        level = 1.0 + inverse * cif
        first = np.cumsum(own * level**2 + other * (inverse * cif) ** 2)
        second = np.cumsum(inverse * (own * level + other * inverse * cif))
        third = np.cumsum(inverse**2 * (own + other))
        out[:, k] = _difference(first + cif**2 * third, 2 * cif * second)
    return out


def aalen_johansen_robust_variance(
    steps: AJSteps,
    time: np.ndarray,
    event: np.ndarray,
    weights: np.ndarray,
    *,
    entry: np.ndarray | None = None,
    clusters: np.ndarray | None = None,
) -> np.ndarray:
    """Infinitesimal-jackknife variance of each incidence at ``steps.times``, of shape (m, n_causes).

    The derivative of F(t) by the weight of a row is, while the row is at risk, h(t) + α + β F(t) with α, β of its
    entry, and κ − B F(t) after it left; sums of squares of both are cumulative sums, so the cost is linear. With unit
    weights and no delayed entry it equals `aalen_johansen_variance`. ``clusters`` as in `kaplan_meier_robust_variance`.
    """
    m = steps.times.size
    codes = np.searchsorted(steps.times, time)
    risk = np.where(steps.at_risk > 0, steps.at_risk, 1.0)
    every = steps.events.sum(axis=1)
    stays = risk > every
    with np.errstate(divide="ignore", invalid="ignore"):
        g = np.cumsum(np.where(stays, every / (risk * (risk - every)), 0.0))
        jump = np.where(stays, 1.0 / (risk - every), 0.0)
    before, g_before = _before(steps.survival), np.concatenate([[0.0], g[:-1]])
    any_event = np.asarray(event) != 0
    if entry is None:
        place = np.zeros(time.size, dtype=np.int64)
    else:
        place = np.searchsorted(steps.times, entry, side="right")
    g_in = np.concatenate([[0.0], g])[place]
    left = np.where(any_event, jump[codes], 0.0) - (g[codes] - g_in)
    square = weights**2
    order = None if entry is None else np.argsort(entry, kind="stable")
    out = np.empty_like(steps.cif)
    for k, cause in enumerate(steps.causes):
        cif, share = steps.cif[:, k], before * steps.events[:, k] / risk
        h = np.cumsum((g_before - 1.0 / risk) * share)
        h_in = np.concatenate([[0.0], h])[place]
        cif_in = np.concatenate([[0.0], cif])[place]
        alpha, beta = g_in * cif_in - h_in, -g_in
        own = np.where(np.asarray(event) == cause, (before / risk)[codes], 0.0)
        kappa = own + h[codes] + alpha + beta * cif[codes] + left * cif[codes]
        if clusters is not None:
            # (N, A, B): the derivative summed over a cluster is h N + A + F B
            zero = np.zeros(time.size)
            change = np.concatenate(
                [
                    weights[:, None] * np.stack([zero + 1, alpha, beta], axis=1),
                    weights[:, None] * np.stack([zero - 1, kappa - alpha, -left - beta], axis=1),
                ]
            )
            sums = cluster_products(np.tile(clusters, 2), np.concatenate([place, codes]), change, m)
            form = np.stack([h, np.ones(m), cif], axis=1)
            out[:, k] = np.maximum(np.einsum("ti,tij,tj->t", form, sums, form), 0.0) * few_clusters(clusters)
            continue
        after = [
            np.cumsum(np.bincount(codes, weights=square * value, minlength=m))
            for value in (kappa**2, kappa * left, left**2)
        ]
        now = []
        for v in (np.ones_like(alpha), alpha, beta, alpha**2, alpha * beta, beta**2):
            value = square * v
            gone = np.cumsum(np.bincount(codes, weights=value, minlength=m))
            if entry is None or order is None:
                come = np.full(m, gone[-1])
            else:
                come = np.concatenate([[0.0], np.cumsum(value[order])])
                come = come[np.searchsorted(entry[order], steps.times, side="left")]
            now.append(come - gone)
        one, a, b, aa, ab, bb = now
        plus = after[0] + cif**2 * after[2] + h**2 * one + aa + cif**2 * bb
        out[:, k] = _difference(plus, 2 * (cif * after[1] - h * a - h * cif * b - cif * ab))
    return out
