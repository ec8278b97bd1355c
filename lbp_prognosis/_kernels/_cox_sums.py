"""Sums over risk sets: the partial likelihood, its gradient and its information at given coefficients.

Everything a tied group of events adds to them is a closed form in the four sums ``S0, S1`` (rows at risk) and ``D0,
D1`` (its own events), so no sum of outer products over risk sets is ever formed:

information = Xᵀ diag(w·r·A) X − Σ_groups [c0·S1S1ᵀ − c1·(S1D1ᵀ + D1S1ᵀ) + c2·D1D1ᵀ]

with ``A`` the hazard a row has lived through and ``c0, c1, c2`` scalars of the group. The first term is one weighted
cross product at BLAS speed, the second one over event times.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.sparse import csc_array

from lbp_prognosis._kernels._cox_data import CoxData, Tail

__all__ = [
    "GroupSums",
    "Scatter",
    "TiedEvents",
    "cumulative_hazards",
    "evaluate",
    "group_sums",
    "group_terms",
    "information_matrix",
    "lived_hazard",
    "lived_rows",
    "risk_totals",
    "tail_sum",
    "tied_events",
]

_BLOCK = 8192  # rows of X scaled at a time, so that the copy stays in the cache


@dataclass(frozen=True)
class TiedEvents:
    """What the events at each distinct time weigh; fixed while coefficients move.

    ``event_weights`` are the rows' weights, 0 where there was no event; ``count`` is the number of terms of the tied
    group, ``mean_weight`` the weight of each term. Of the groups with more terms than one (``several``), ``term`` is
    the position of each term's group, ``first`` where each group begins, and ``share`` the part l/d of its events that
    has left before the term.
    """

    weights: np.ndarray
    event_weights: np.ndarray
    count: np.ndarray
    mean_weight: np.ndarray
    weighted_x: np.ndarray
    ties: bool
    scatter: Scatter
    several: np.ndarray
    term: np.ndarray
    first: np.ndarray
    share: np.ndarray


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


@dataclass(frozen=True)
class Scatter:
    """Which sums each row is added to: 0 … m−1 are those at risk at each event time, m … 2m−1 the events tied there.

    Entries ``starts[i]`` to ``starts[i + 1]`` are of row i: ``place`` is the sum, ``sign`` −1 where a late entry is
    taken off. ``source`` is the row of each entry; None where every row has one entry, with a plus.
    """

    place: np.ndarray
    starts: np.ndarray
    source: np.ndarray | None
    sign: np.ndarray | None
    with_d: bool

    def amounts(self, risk: np.ndarray) -> np.ndarray:
        """Return what each entry adds for relative hazards ``risk`` (n,)."""
        if self.source is None:
            return risk
        amounts = risk[self.source]
        if self.sign is not None:
            amounts *= self.sign
        return amounts

    def table(self, amounts: np.ndarray, X: np.ndarray, m: int) -> np.ndarray:
        """Return the sums of ``amounts · X``, of shape (m or 2m, p): one pass over the rows, compiled in SciPy."""
        rows = 2 * m if self.with_d else m
        if X.shape[1] == 0 or m == 0:
            return np.zeros((rows, X.shape[1]))
        return csc_array((amounts, self.place, self.starts), shape=(rows, X.shape[0])) @ X


def _scatter(data: CoxData, with_d: bool) -> Scatter:
    n, m = data.last.size, data.times.size
    inside = data.last >= 0
    late = inside & (data.before >= 0) if data.before is not None else None
    if inside.all() and not with_d and (late is None or not late.any()):
        return Scatter(data.last, np.arange(n + 1, dtype=np.int32), None, None, False)
    starts = np.zeros(n + 1, dtype=np.int64)
    parts = [inside] + ([data.event & inside] if with_d else []) + ([late] if late is not None else [])
    places: list[Any] = [data.last] + ([data.last + m] if with_d else []) + ([data.before] if late is not None else [])
    np.cumsum(sum(part.astype(np.int8) for part in parts), out=starts[1:])
    place, free = np.empty(starts[-1], dtype=np.int64), starts[:-1].copy()
    sign = None if late is None else np.ones(place.size)
    for part, where in zip(parts, places):
        rows = np.flatnonzero(part)
        place[free[rows]] = where[rows]
        if sign is not None and part is late:
            sign[free[rows]] = -1.0
        free[rows] += 1
    return Scatter(place, starts, np.repeat(np.arange(n), np.diff(starts)), sign, with_d)


def _backwards(values: np.ndarray, ends: np.ndarray) -> None:
    """Turn sums at each event time into sums over it and all later ones of its stratum, in place."""
    start = 0
    for end in ends:
        part = values[start:end][::-1]
        np.cumsum(part, axis=0, out=part)
        start = end


def risk_totals(
    data: CoxData, tied: TiedEvents, amounts: np.ndarray, risk: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return ``S0`` and ``D0`` (m,): the relative hazards at risk at each event time, and of its own events."""
    m = data.times.size
    if tied.scatter.with_d:
        both = np.asarray(np.bincount(tied.scatter.place, weights=amounts, minlength=2 * m), dtype=float)
        s0, d0 = both[:m], both[m:]
    else:
        s0 = np.asarray(np.bincount(tied.scatter.place, weights=amounts, minlength=m), dtype=float)
        d0 = np.zeros(m)
        if data.before is not None:
            events = data.event & (data.last >= 0)
            d0 = np.asarray(np.bincount(data.last[events], weights=risk[events], minlength=m), dtype=float)
    _backwards(s0, data.ends)
    if data.before is not None:
        np.maximum(s0, d0, out=s0)  # differences of sums may fall a rounding short of the events themselves
    return s0, d0


def group_terms(
    s0: np.ndarray, d0: np.ndarray, tied: TiedEvents, efron: bool
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray, float]:
    """Return ``hazard, own_hazard, c0, c1, c2`` of each tied group, and their part of the log-likelihood."""
    hazard, c1, c2 = np.zeros((3, s0.size))
    with np.errstate(all="ignore"):
        total = tied.mean_weight * tied.count
        some = tied.count > 0
        inverse = np.divide(1.0, s0, out=np.zeros_like(s0), where=some)
        np.multiply(total, inverse, out=hazard, where=some)
        own, c0 = hazard.copy(), hazard * inverse
        logs = np.log(s0, out=np.zeros_like(s0), where=some)
        logs *= total
        if efron and tied.ties:
            several, share = tied.several, tied.share
            inverse = 1.0 / (s0[several][tied.term] - share * d0[several][tied.term])
            each = tied.mean_weight[several][tied.term]
            term = each * inverse

            def summed(values: np.ndarray) -> np.ndarray:
                return np.add.reduceat(values, tied.first)

            logs[several] = -summed(each * np.log(inverse))
            hazard[several] = summed(term)
            own[several] = hazard[several] - summed(share * term)
            term *= inverse
            c0[several] = summed(term)
            term *= share
            c1[several] = summed(term)
            term *= share
            c2[several] = summed(term)
        return hazard, own, c0, c1, c2, -float(logs.sum())


def lived_rows(data: CoxData, cumulative: np.ndarray, correction: np.ndarray) -> np.ndarray:
    """Return the hazard each row has lived through: ``cumulative`` (m,) at its last event time.

    From it are taken ``correction`` (m,), where the row ends with the event, and what came before its entry.
    """
    if cumulative.size == 0:
        return np.zeros(data.last.size)
    place = np.maximum(data.last, 0)
    lived = cumulative[place]
    if correction.any():
        lived = np.where(data.event, lived - correction[place], lived)
    if data.before is not None:
        lived = np.where(data.before >= 0, lived - cumulative[np.maximum(data.before, 0)], lived)
    return np.where(data.last >= 0, lived, 0.0)


def _add_tails(X: np.ndarray, risk: np.ndarray, ends: np.ndarray, tail: Tail, s0: np.ndarray, s1: np.ndarray) -> None:
    """Add the rows with an earlier competing event to later risk sets, with their fading weight."""
    m = s0.size
    rows = np.flatnonzero((tail.factor != 0.0) & (tail.start < m))
    amount = risk[rows] * tail.factor[rows]
    for c, curve in enumerate(tail.curve):
        mine = tail.group[rows] == c
        some, weights = rows[mine], amount[mine]
        place = tail.start[some]
        ahead0 = np.bincount(place, weights=weights, minlength=m)
        ahead1 = np.zeros_like(s1)
        if s1.shape[1]:
            every = np.arange(some.size + 1)
            ahead1 = csc_array((weights, place, every), shape=(m, some.size)) @ X[some]
        low = 0
        for end in ends:
            part = slice(low, int(end))
            s0[part] += curve[part] * np.cumsum(ahead0[part])
            s1[part] += curve[part, None] * np.cumsum(ahead1[part], axis=0)
            low = int(end)


def tied_events(data: CoxData, weights: np.ndarray, frequency: bool) -> TiedEvents:
    """Count and weigh the events at each distinct time.

    Under ``frequency`` a weight of three is three tied events; else a row is one event and the terms of a tied
    group share its mean weight.
    """
    m = data.times.size
    ends = np.flatnonzero(data.event & (weights > 0.0))
    place, weight = data.last[ends], weights[ends]
    total = np.bincount(place, weights=weight, minlength=m)
    count = np.bincount(place, weights=np.floor(weight) if frequency else None, minlength=m).astype(np.int64)
    mean = np.divide(total, count, out=np.zeros(m), where=count > 0)
    event_weights = weights * data.event
    several = np.flatnonzero(count > 1)
    sizes = count[several]
    first = np.cumsum(sizes) - sizes
    term = np.repeat(np.arange(several.size), sizes)
    share = (np.arange(term.size) - first[term]) / sizes[term]
    ties = several.size > 0
    return TiedEvents(
        weights,
        event_weights,
        count,
        mean,
        event_weights @ data.X,
        ties,
        _scatter(data, ties),
        several,
        term,
        first,
        share,
    )


def group_sums(data: CoxData, tied: TiedEvents, eta: np.ndarray, efron: bool) -> GroupSums:
    """Return the sums over risk sets for linear predictors ``eta`` (rows in the order of ``data``)."""
    m = data.times.size
    shift = float(eta.mean()) if eta.size else 0.0
    with np.errstate(over="ignore", invalid="ignore"):
        risk = np.exp(eta - shift)
        risk *= tied.weights
        amounts = tied.scatter.amounts(risk)
        s0, d0 = risk_totals(data, tied, amounts, risk)
        table = tied.scatter.table(amounts, data.X, m)
        s1, d1 = table[:m], table[m:] if tied.scatter.with_d else table[:1]
        _backwards(s1, data.ends)
        if data.tail is not None:
            _add_tails(data.X, risk, data.ends, data.tail, s0, s1)
    hazard, own, c0, c1, c2, loglik = group_terms(s0, d0, tied, efron)
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
    out = lived_rows(data, cumulative_hazards(sums.hazard, data.ends), sums.hazard - sums.own_hazard)
    if data.tail is not None:
        out += tail_sum(data, data.tail, sums.hazard)
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
    centred = sums.s1
    if efron and tied.ties:
        # a sum of two squares, the second only where events are tied: products of a matrix with itself cost half
        share = np.divide(sums.c1, sums.c0, out=np.zeros_like(sums.c0), where=sums.c0 > 0)
        centred = sums.s1 - share[:, None] * sums.d1
        several = np.flatnonzero(tied.count > 1)
        rest = np.sqrt(np.maximum(sums.c2 - share * sums.c1, 0.0)[several])[:, None] * sums.d1[several]
    with np.errstate(invalid="ignore"):  # a baseline that no number can hold is refused where it is used
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
        block = np.multiply(data.X[low:high], factor[low:high, None], out=buffer[: high - low])
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
