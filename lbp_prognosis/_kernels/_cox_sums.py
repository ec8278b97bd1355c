"""Sums over risk sets: the partial likelihood, its gradient and its information at given coefficients.

Everything a tied group of events adds to them is a closed form in the four sums ``S0, S1`` (rows at risk) and ``D0,
D1`` (its own events), so no sum of outer products over risk sets is ever formed:

information = Xᵀ diag(w·r·A) X − Σ_groups [c0·S1S1ᵀ − c1·(S1D1ᵀ + D1S1ᵀ) + c2·D1D1ᵀ]

with ``A`` the hazard a row has lived through and ``c0, c1, c2`` scalars of the group. The first term is one weighted
cross product at BLAS speed, the second one over event times.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lbp_prognosis._kernels._compiled import compiled
from lbp_prognosis._kernels._cox_data import CoxData, Tail
from lbp_prognosis._kernels._tiers import natural_log, tiered

__all__ = [
    "GroupSums",
    "TiedEvents",
    "cumulative_hazards",
    "evaluate",
    "group_sums",
    "information_matrix",
    "lived_hazard",
    "tail_sum",
    "tied_events",
]

_BLOCK = 8192  # rows of X scaled at a time, so that the copy stays in the cache
_FEW = 5  # up to so many columns a loop over the rows beats the call of a matrix product


@dataclass(frozen=True)
class TiedEvents:
    """Weights of the events at each distinct time; fixed while coefficients change.

    ``event_weights`` are the rows' weights, 0 where there was no event; ``count`` is the number of terms of the tied
    group, ``mean_weight`` the weight of each term.
    """

    weights: np.ndarray
    event_weights: np.ndarray
    count: np.ndarray
    mean_weight: np.ndarray
    weighted_x: np.ndarray
    ties: bool


@dataclass(frozen=True)
class GroupSums:
    """Sums at each distinct event time, and the scalars of its tied group.

    ``hazard`` = Σ_l w̄/(S0 − f_l·D0) and ``own_hazard`` the part that the group's own events live through.
    """

    risk: np.ndarray
    shift: float
    s0: np.ndarray
    s1: np.ndarray
    d0: np.ndarray
    d1: np.ndarray
    hazard: np.ndarray
    own_hazard: np.ndarray
    c0: np.ndarray
    c1: np.ndarray
    c2: np.ndarray
    loglik: float


@tiered(lambda *a: a[0].shape[0] * (1 + 0.3 * a[0].shape[1]))
def _accumulate(X, risk, event, last, before, ends, with_d, s0, s1, d0, d1):  # pragma: no cover - compiled
    n, p = X.shape
    delayed = before.size > 0
    for i in range(n):
        k = last[i]
        a = risk[i]
        if k < 0 or a == 0.0:
            continue
        s0[k] += a
        for j in range(p):
            s1[k, j] += a * X[i, j]
        if event[i]:
            d0[k] += a
            if with_d:
                for j in range(p):
                    d1[k, j] += a * X[i, j]
        if delayed:
            b = before[i]
            if b >= 0:
                s0[b] -= a
                for j in range(p):
                    s1[b, j] -= a * X[i, j]
    start = 0
    for end in ends:
        for k in range(end - 2, start - 1, -1):
            s0[k] += s0[k + 1]
            for j in range(p):
                s1[k, j] += s1[k + 1, j]
        start = end


@tiered(lambda *a: 2 * a[0].size + a[2].sum())
def _group_terms(s0, d0, count, weight, efron, hazard, own, c0, c1, c2):  # pragma: no cover - compiled
    loglik = 0.0
    for k in range(s0.size):
        d = count[k]
        if d == 0:
            continue
        w = weight[k]
        if d == 1 or not efron:
            total = w * d
            inverse = 1.0 / s0[k]
            loglik -= total * natural_log(s0[k])
            hazard[k] = total * inverse
            own[k] = hazard[k]
            c0[k] = hazard[k] * inverse
            continue
        for term in range(d):
            f = term / d
            rest = s0[k] - f * d0[k]
            inverse = 1.0 / rest
            h = w * inverse
            loglik -= w * natural_log(rest)
            hazard[k] += h
            own[k] += (1.0 - f) * h
            c0[k] += h * inverse
            c1[k] += f * h * inverse
            c2[k] += f * f * h * inverse
    return loglik


@tiered(lambda *a: a[0].size * (1 + 0.3 * a[6].shape[1]))
def _tie_counts(event, last, weights, frequency, count, total, X, weighted_x):  # pragma: no cover - compiled
    for i in range(event.size):
        if event[i] and weights[i] > 0.0:
            count[last[i]] += int(weights[i]) if frequency else 1
            total[last[i]] += weights[i]
            for j in range(X.shape[1]):
                weighted_x[j] += weights[i] * X[i, j]


@tiered(lambda *a: a[1].size)
def _lived(event, last, before, cumulative, correction, out):  # pragma: no cover - compiled
    delayed = before.size > 0
    for i in range(last.size):
        k = last[i]
        if k < 0:
            out[i] = 0.0
            continue
        a = cumulative[k]
        if event[i]:
            a -= correction[k]
        if delayed and before[i] >= 0:
            a -= cumulative[before[i]]
        out[i] = a


@tiered(lambda *a: a[6].shape[0] * (a[1].size + 2 * a[7].size) * (1 + 0.3 * a[0].shape[1]))
def _add_tails(X, risk, ends, factor, start, group, curve, s0, s1):  # pragma: no cover - compiled
    """Add the rows with an earlier competing event to later risk sets, with their fading weight."""
    p = X.shape[1]
    for c in range(curve.shape[0]):
        ahead0 = np.zeros(s0.size)
        ahead1 = np.zeros((s0.size, p))
        for i in range(risk.size):
            if factor[i] == 0.0 or group[i] != c:
                continue
            a = risk[i] * factor[i]
            ahead0[start[i]] += a
            for j in range(p):
                ahead1[start[i], j] += a * X[i, j]
        low = 0
        for end in ends:
            for k in range(low, end):
                if k > low:
                    ahead0[k] += ahead0[k - 1]
                    for j in range(p):
                        ahead1[k, j] += ahead1[k - 1, j]
                s0[k] += curve[c, k] * ahead0[k]
                for j in range(p):
                    s1[k, j] += curve[c, k] * ahead1[k, j]
            low = end


@tiered(lambda *a: (a[0].shape[0] + 2 * a[5].size) * (1 + 0.3 * a[0].shape[1] ** 2))
def _information_of_few(X, risk, lived, s1, d1, c0, c1, c2, with_d):  # pragma: no cover - compiled
    """Form the information of a few columns in one pass over rows and one over event times."""
    n, p = X.shape
    out = np.zeros((p, p))
    for i in range(n):
        a = lived[i]
        if not a > 0.0:
            continue
        a *= risk[i]
        for j in range(p):
            b = a * X[i, j]
            for q in range(j + 1):
                out[j, q] += b * X[i, q]
    first, second = np.empty(p), np.empty(p)
    for k in range(c0.size):
        root = np.sqrt(c0[k])
        tied = with_d and c1[k] > 0.0
        if tied:  # a sum of two squares, as for many columns
            share = c1[k] / c0[k]
            rest = np.sqrt(max(c2[k] - share * c1[k], 0.0))
        for j in range(p):
            first[j] = root * (s1[k, j] - share * d1[k, j] if tied else s1[k, j])
            if tied:
                second[j] = rest * d1[k, j]
            for q in range(j + 1):
                out[j, q] -= first[j] * first[q]
                if tied:
                    out[j, q] -= second[j] * second[q]
    for j in range(p):
        for q in range(j):
            out[q, j] = out[j, q]
    return out


@compiled()
def _scale_rows(X, factor, low, high, out):  # pragma: no cover - compiled
    for i in range(low, high):
        f = factor[i]
        for j in range(X.shape[1]):
            out[i - low, j] = f * X[i, j]


_NONE = np.empty(0, dtype=np.int32)


def _before(data: CoxData) -> np.ndarray:
    return _NONE if data.before is None else data.before


def tied_events(data: CoxData, weights: np.ndarray, frequency: bool) -> TiedEvents:
    """Count and weigh the events at each distinct time.

    Under ``frequency`` a weight of three is three tied events; else a row is one event and the terms of a tied
    group share its mean weight.
    """
    m, p = data.times.size, data.X.shape[1]
    count, total, weighted_x = np.zeros(m, dtype=np.int64), np.zeros(m), np.zeros(p)
    _tie_counts(data.event, data.last, weights, frequency, count, total, data.X, weighted_x)
    mean = np.divide(total, count, out=np.zeros(m), where=count > 0)
    return TiedEvents(weights, weights * data.event, count, mean, weighted_x, bool(m and count.max() > 1))


def group_sums(data: CoxData, tied: TiedEvents, eta: np.ndarray, efron: bool) -> GroupSums:
    """Return the sums over risk sets for linear predictors ``eta`` (rows in the order of ``data``)."""
    m, p = data.times.size, data.X.shape[1]
    shift = float(eta.mean()) if eta.size else 0.0
    with np.errstate(over="ignore"):
        risk = np.exp(eta - shift)
    risk *= tied.weights
    s0, d0, s1 = np.zeros(m), np.zeros(m), np.zeros((m, p))
    with_d = efron and tied.ties
    d1 = np.zeros((m, p) if with_d else (1, p))
    _accumulate(data.X, risk, data.event, data.last, _before(data), data.ends, with_d, s0, s1, d0, d1)
    if data.tail is not None:
        t = data.tail
        _add_tails(data.X, risk, data.ends, t.factor, t.start, t.group, t.curve, s0, s1)
    if data.before is not None:
        np.maximum(s0, d0, out=s0)  # differences of sums may fall a rounding short of the events themselves
    hazard, own, c0, c1, c2 = np.zeros((5, m))
    with np.errstate(all="ignore"):
        loglik = _group_terms(s0, d0, tied.count, tied.mean_weight, efron, hazard, own, c0, c1, c2)
    return GroupSums(risk, shift, s0, s1, d0, d1, hazard, own, c0, c1, c2, loglik)


def cumulative_hazards(hazard: np.ndarray, ends: np.ndarray) -> np.ndarray:
    """Return running sums of the increments, restarting in each stratum."""
    out = np.cumsum(hazard)
    if ends.size > 1:
        start = 0
        for end in ends:
            if start:
                out[start:end] = np.cumsum(hazard[start:end])
            start = end
    return out


def lived_hazard(data: CoxData, sums: GroupSums) -> np.ndarray:
    """Return the baseline hazard each row has lived through, its own tied group counted the way of the ties method."""
    out = lived_sum(data, sums.hazard, sums.hazard - sums.own_hazard)
    if data.tail is not None:
        out += tail_sum(data, data.tail, sums.hazard)
    return out


def lived_sum(data: CoxData, increments: np.ndarray, correction: np.ndarray) -> np.ndarray:
    """Return Σ increments (m,) over each row's risk sets; of an event's own time less the ``correction`` (m,)."""
    out = np.empty(data.last.size)
    _lived(data.event, data.last, _before(data), cumulative_hazards(increments, data.ends), correction, out)
    return out


def tail_sum(data: CoxData, tail: Tail, increments: np.ndarray) -> np.ndarray:
    """Return what each row collects of ``increments`` (m,) in the risk sets after its competing event."""
    out = np.zeros(tail.factor.size)
    rows = np.flatnonzero(tail.factor > 0)
    for c, curve in enumerate(tail.curve):
        backwards = np.empty(curve.size)
        low = 0
        for end in data.ends:
            backwards[low:end] = np.cumsum((curve[low:end] * increments[low:end])[::-1])[::-1]
            low = int(end)
        mine = rows[tail.group[rows] == c]
        out[mine] = tail.factor[mine] * backwards[tail.start[mine]]
    return out


def information_matrix(data: CoxData, tied: TiedEvents, sums: GroupSums, efron: bool) -> np.ndarray:
    """Return the information that belongs to the sums (whose increments may carry non-negative factors by time)."""
    p = data.X.shape[1]
    if data.times.size == 0:
        return np.zeros((p, p))
    factor = lived_hazard(data, sums)
    if p <= _FEW:
        return _information_of_few(
            data.X, sums.risk, factor, sums.s1, sums.d1, sums.c0, sums.c1, sums.c2, efron and tied.ties
        )
    centred = sums.s1
    if efron and tied.ties:
        # a sum of two squares, the second only where events are tied: products of a matrix with itself cost half
        share = np.divide(sums.c1, sums.c0, out=np.zeros_like(sums.c0), where=sums.c0 > 0)
        centred = sums.s1 - share[:, None] * sums.d1
        several = np.flatnonzero(tied.count > 1)
        rest = np.sqrt(np.maximum(sums.c2 - share * sums.c1, 0.0)[several])[:, None] * sums.d1[several]
    centred = np.sqrt(sums.c0)[:, None] * centred
    information = -(centred.T @ centred)
    if efron and tied.ties:
        information -= rest.T @ rest
    # a row that lived through no hazard adds nothing, however large its relative hazard has grown in a trial step
    np.multiply(factor, sums.risk, out=factor, where=factor > 0)
    np.sqrt(np.maximum(factor, 0.0, out=factor), out=factor)
    n = data.X.shape[0]
    buffer = np.empty((min(n, _BLOCK), p))
    for low in range(0, n, _BLOCK):
        high = min(low + _BLOCK, n)
        _scale_rows(data.X, factor, low, high, buffer)
        block = buffer[: high - low]
        information += block.T @ block
    return information


def evaluate(
    data: CoxData, tied: TiedEvents, offset: np.ndarray | None, coef: np.ndarray, efron: bool
) -> tuple[float, np.ndarray, np.ndarray]:
    """Return the log partial likelihood, its gradient and the information at ``coef``."""
    eta = data.X @ coef
    if offset is not None:
        eta += offset
    sums = group_sums(data, tied, eta, efron)
    eta -= sums.shift
    loglik = sums.loglik + float(tied.event_weights @ eta)
    if not np.isfinite(loglik):  # a trial step so long that hazards vanish or overflow
        p = coef.size
        return float("nan"), np.full(p, np.nan), np.full((p, p), np.nan)
    gradient = tied.weighted_x - sums.hazard @ sums.s1
    if efron and tied.ties:
        gradient += (sums.hazard - sums.own_hazard) @ sums.d1
    return loglik, gradient, information_matrix(data, tied, sums, efron)
