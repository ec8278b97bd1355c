"""Inverse probability of censoring weights, and influence values that know the censoring curve was estimated.

Conventions: at a tied time events leave the risk set before censorings ("events first"), an event at T weighs 1/G(T−),
a row still under observation after τ weighs 1/G(τ), a row censored by τ weighs 0. The weights then average exactly 1 as
long as a patient is followed beyond τ, and the weighted event frequency is one minus Kaplan–Meier.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.sparse import csc_array

from lbp_prognosis._kernels._compiled import compiled
from lbp_prognosis._kernels._row_parts import row_parts
from lbp_prognosis._kernels._steps import distinct_times, step_at

__all__ = [
    "CensoringProcess",
    "censoring_curve",
    "censoring_process",
    "counted_ipcw",
    "influence_from_process",
    "ipcw_influence",
    "ipcw_weights",
    "weights_from_process",
]


class CensoringProcess(NamedTuple):
    """Censoring seen as the event, one entry per distinct time unless said otherwise.

    ``code`` (n,) is each row's position among ``times``; ``order`` (n,) are the rows by time and ``starts`` (m + 1,)
    where each time begins in it. ``hazard`` is censored / at risk, ``slope`` is total weight / (at risk · (1 − hazard))
    where a patient is censored and another stays, otherwise 0; ``left`` is G(t−), ``right`` G(t).
    """

    times: np.ndarray
    code: np.ndarray
    order: np.ndarray
    starts: np.ndarray
    hazard: np.ndarray
    slope: np.ndarray
    left: np.ndarray
    right: np.ndarray


def group_order(code: np.ndarray, groups: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the rows in ascending order of group (stable), and where each group starts (length groups + 1)."""
    # a matrix with one entry per row, kept by columns: turned over, its rows are counted into groups in O(n)
    entries = csc_array((np.empty(code.size, np.int8), code, np.arange(code.size + 1)), shape=(groups, code.size))
    by_group = entries.tocsr()
    return by_group.indices.astype(np.int64), by_group.indptr.astype(np.int64)


def censoring_process(time: np.ndarray, event: np.ndarray, weights: np.ndarray | None = None) -> CensoringProcess:
    """Count who is censored out of whom at every distinct time, events leaving first.

    Parameters
    ----------
    time : ndarray of shape (n,)
        Follow-up times.
    event : ndarray of shape (n,)
        0 where censored, anything else for any event.
    weights : ndarray of shape (n,), optional
        Row weights.
    """
    times, code = distinct_times(time)
    code = np.ascontiguousarray(code, dtype=np.int64)
    order, starts = group_order(code, times.size)
    out = np.asarray(event) == 0
    leaving = np.bincount(code, weights=weights, minlength=times.size).astype(float)
    censored = np.bincount(code[out], weights=None if weights is None else weights[out], minlength=times.size)
    # events at the same time have left: at risk of being censored are the later ones and the censored themselves
    at_risk = np.concatenate([np.cumsum(leaving[::-1])[::-1][1:], [0.0]]) + censored
    total = float(time.size) if weights is None else float(weights.sum())
    with np.errstate(divide="ignore", invalid="ignore"):
        hazard = np.where(censored > 0, censored / at_risk, 0.0)
        slope = np.where((censored > 0) & (hazard < 1), total / (at_risk * (1 - hazard)), 0.0)
    right = np.cumprod(1 - hazard)
    left = np.concatenate([[1.0], right[:-1]])
    return CensoringProcess(times, code, order, starts, hazard, slope, left, right)


def censoring_curve(
    time: np.ndarray, event: np.ndarray, weights: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the distinct times, G(t−) and G(t): the probability to be still uncensored, events leaving first.

    Parameters
    ----------
    time, event, weights
        See `censoring_process`.

    Returns
    -------
    times, left, right : ndarray of shape (m,)
    """
    process = censoring_process(time, event, weights)
    return process.times, process.left, process.right


def ipcw_weights(
    time: np.ndarray, event: np.ndarray, tau: np.ndarray | float, weights: np.ndarray | None = None
) -> np.ndarray:
    """Return 1/G(T−) for events by τ, 1/G(τ) for rows followed beyond τ, 0 for rows censored by τ.

    Parameters
    ----------
    time, event : ndarray of shape (n,)
        Follow-up and event code (0 censored, any other code an event).
    tau : float or ndarray of shape (k,)
        Horizon(s).
    weights : ndarray of shape (n,), optional
        Row weights, used in the censoring curve only.

    Returns
    -------
    ndarray of shape (n,) or (n, k)
        Infinite where G is 0.
    """
    process = censoring_process(time, event, weights)
    return weights_from_process(process, time, event, tau)


def weights_from_process(
    process: CensoringProcess, time: np.ndarray, event: np.ndarray, tau: np.ndarray | float
) -> np.ndarray:
    """`ipcw_weights` from a censoring process that is already counted."""
    horizons = np.atleast_1d(np.asarray(tau, dtype=float))
    with np.errstate(divide="ignore"):
        own = np.where(np.asarray(event) != 0, 1 / process.left[process.code], 0.0)
        beyond = 1 / step_at(process.times, process.right, horizons, left=1.0)
    later = time[:, None] > horizons
    out = np.where(later, beyond, own[:, None])
    return out if np.ndim(tau) else out[:, 0]


@compiled()
def counted_ipcw(place, out, copies, groups, reached):
    """Return the weights of `weights_from_process` for rows that each stand for some copies.

    Parameters
    ----------
    place : ndarray of int of shape (n,)
        Position of the row's time among the distinct times.
    out : ndarray of bool of shape (n,)
        Whether the row is censored.
    copies : ndarray of shape (n,)
        Copies of each row, possibly 0.
    groups : int
        Number of distinct times.
    reached : ndarray of int of shape (k,)
        Number of distinct times up to each horizon.

    Returns
    -------
    ndarray of shape (k, n)
        0 where the censoring curve is.
    """
    leaving, censored = np.zeros(groups + 1), np.zeros(groups)
    for i in range(place.size):
        leaving[place[i]] += copies[i]
        if out[i]:
            censored[place[i]] += copies[i]
    for g in range(groups - 1, -1, -1):
        leaving[g] += leaving[g + 1]  # now all who leave then or later
    left = np.empty(groups + 1)  # G(t−) at each time, and past the last
    left[0] = 1.0
    for g in range(groups):
        at_risk = leaving[g + 1] + censored[g]  # events at the same time have left
        left[g + 1] = left[g] * (1.0 - censored[g] / at_risk) if censored[g] > 0.0 else left[g]
    weights = np.zeros((reached.size, place.size))
    for k in range(reached.size):
        beyond = 1.0 / left[reached[k]] if left[reached[k]] > 0.0 else 0.0
        for i in range(place.size):
            if place[i] >= reached[k]:
                weights[k, i] = beyond
            elif not out[i] and left[place[i]] > 0.0:
                weights[k, i] = 1.0 / left[place[i]]
    return weights


def influence_from_process(
    process: CensoringProcess,
    event: np.ndarray,
    tau: float,
    weighted: np.ndarray,
    weights: np.ndarray | None = None,
) -> tuple[float, np.ndarray]:
    """`ipcw_influence` from a counted censoring process and the products w h (n,) of one horizon."""
    own = weighted if weights is None else weights * weighted
    total = float(weighted.size) if weights is None else float(weights.sum())
    gone = np.bincount(process.code, weights=own, minlength=process.times.size) / total
    theta = float(own.sum()) / total
    ahead = np.zeros(gone.size)  # of rows that leave later
    ahead[:-1] = np.cumsum(gone[:0:-1])[::-1]
    factor = np.where(process.times <= tau, ahead * process.slope, 0.0)
    step = factor * process.hazard
    tail = np.zeros(step.size)  # Σ f λ over later times up to τ
    tail[:-1] = np.cumsum(step[:0:-1])[::-1]
    level = tail - (theta + float(step.sum()))
    psi, left, happened = np.empty(weighted.size), level + factor, level + step
    for rows in row_parts(psi.size):
        code = process.code[rows]
        psi[rows] = np.where(np.asarray(event[rows]) == 0, left[code], happened[code])
        psi[rows] += weighted[rows]
    return theta, psi


def ipcw_influence(
    time: np.ndarray, event: np.ndarray, tau: float, h: np.ndarray, weights: np.ndarray | None = None
) -> tuple[float | np.ndarray, np.ndarray]:
    """Return mean(w h) at a horizon and its influence values, the censoring curve being estimated from the same rows.

    With λ_k the censoring hazard and y_k the number at risk at time s_k ≤ τ, f_k = Q_k / ((y_k / n)(1 − λ_k)) and Q_k
    the part of the estimate that rows leaving after s_k contribute,
    ψ_i = w_i h_i − θ + f(T_i)·1{censored} − Σ f_k λ_k, the sum running over s_k ≤ T_i (censored rows) or s_k < T_i
    (events).
    For h = 1{event by τ} the standard error is Greenwood's, exactly.

    Parameters
    ----------
    time, event : ndarray of shape (n,)
        Follow-up and event code (0 censored).
    tau : float
        Horizon.
    h : ndarray of shape (n,) or (n, k)
        Values to average, e.g. a loss or an event indicator; not read where the weight is 0.
    weights : ndarray of shape (n,), optional
        Row weights v: the estimate is Σ v w h / Σ v and ψ is that of one copy of a row.

    Returns
    -------
    theta : float or ndarray of shape (k,)
    psi : ndarray of the shape of ``h``
        ``sqrt(Σ ψ²) / n`` is the standard error of the unweighted estimate.
    """
    process = censoring_process(time, event, weights)
    factor = weights_from_process(process, time, event, float(tau))
    columns = np.atleast_2d(np.asarray(h, dtype=float).T)
    known = factor > 0
    products = [np.where(known, factor * np.where(known, column, 0.0), 0.0) for column in columns]
    parts = [influence_from_process(process, event, tau, product, weights) for product in products]
    if np.ndim(h) == 1:
        return parts[0]
    return np.array([part[0] for part in parts]), np.stack([part[1] for part in parts], axis=1)
