"""Risk sets of the subdistribution hazard, and what estimating the censoring curve adds to its variance.

A row with a competing event stays in the risk sets of later events with the weight G(t−)/G(T−), where G is the
Kaplan–Meier curve of the censoring times in its group. The sums over these rows are running sums times G(t−), so
nothing is expanded to one row per censoring time.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from lbp_prognosis._kernels._censoring_groups import CensoringGroups
from lbp_prognosis._kernels._cox_data import CoxData, Tail, cox_data
from lbp_prognosis._kernels._cox_residuals import CoxPieces

__all__ = ["fine_gray_data", "fine_gray_influence", "fine_gray_level"]


def fine_gray_data(
    X: np.ndarray,
    time: np.ndarray,
    code: np.ndarray,
    cause: int,
    censoring: CensoringGroups,
    strata: np.ndarray | None,
    entry: np.ndarray | None = None,
) -> CoxData:
    """Prepare the risk sets of the subdistribution hazard of ``cause``; arguments as for `cox_data`.

    With ``entry`` the curves of ``censoring`` have to know the entries, too.
    """
    data = cox_data(X, time, code == cause, entry=entry, strata=strata)
    ends = data.ends
    starts = np.concatenate([[0], ends[:-1]])
    stratum = data.sorted(np.zeros(time.size, dtype=np.int64) if strata is None else strata)
    start = np.where(data.last >= 0, data.last + 1, starts[stratum]).astype(np.int64)
    group, t, c = data.sorted(censoring.codes), data.sorted(time), data.sorted(code)
    competing = (c != 0) & (c != cause) & (start < ends[stratum])
    factor = np.zeros(time.size)
    curve = np.ones((len(censoring.times), data.times.size))
    for k in range(len(censoring.times)):
        mine = competing & (group == k)
        own = censoring.left(k, t[mine])
        # G(T−) can only be 0 for a row without weight, which takes no part
        factor[mine] = np.divide(1.0, own, out=np.zeros(own.size), where=own > 0)
        curve[k] = censoring.left(k, data.times)
    start[~competing] = 0
    return replace(data, tail=Tail(factor, start, group.astype(np.int64), curve, censoring))


def fine_gray_influence(pieces: CoxPieces, time: np.ndarray, code: np.ndarray) -> np.ndarray:
    """Return what each row adds to the score through the estimated censoring curve, shape (n, p), caller's order.

    ``ψ_i = ∫ q(u)/π(u) dM_i^c(u)`` with ``q(u) = Σ_{competing, T_j ≤ u} ∫_{t>u} (x_j − x̄(t)) w_j(t) r_j dΛ(t)``. Where
    events stay at risk of the censorings at their time, the sum is over ``T_j < u`` and the integral over ``t ≥ u``, as
    in the program that has this rule.
    """
    data, tail = pieces.data, pieces.data.tail
    assert tail is not None
    censoring = tail.censoring
    n, p = data.X.shape
    scale = np.exp(-pieces.sums.shift)
    hazard, mean = pieces.hazard, pieces.hazard_mean
    risk = pieces.sums.risk / scale * tail.factor  # at the scale of ``hazard``; weights are inside
    place = data.sorted(np.arange(n))
    sorted_time = time[place]
    out = np.zeros((n, p))
    starts = np.concatenate([[0], data.ends[:-1]])
    first = censoring.events_first
    for k, grid in enumerate(censoring.times):
        members = np.flatnonzero(censoring.codes == k)
        q = np.zeros((grid.size, p))
        for low, end in zip(starts, data.ends):
            rows = np.flatnonzero((risk > 0) & (tail.group == k) & (tail.start >= low) & (tail.start < end))
            if rows.size == 0:
                continue
            earlier = np.searchsorted(grid, sorted_time[rows], side="left" if first else "right")
            sum0 = np.cumsum(np.bincount(earlier, weights=risk[rows], minlength=grid.size + 1))[:-1]
            sum1 = np.zeros((grid.size + 1, p))
            np.add.at(sum1, earlier, risk[rows, None] * data.X[rows])
            sum1 = np.cumsum(sum1, axis=0)[:-1]
            after = low + np.searchsorted(data.times[low:end], grid, side="right" if first else "left")
            back0 = np.append(np.cumsum((tail.curve[k, low:end] * hazard[low:end])[::-1])[::-1], 0.0)
            weighted = tail.curve[k, low:end, None] * mean[low:end]
            back1 = np.concatenate([np.cumsum(weighted[::-1], axis=0)[::-1], np.zeros((1, p))])
            q += sum1 * back0[after - low, None] - sum0[:, None] * back1[after - low]
        share = np.divide(
            q, censoring.at_risk[k][:, None], out=np.zeros_like(q), where=censoring.at_risk[k][:, None] > 0
        )
        drift = np.cumsum(share * censoring.hazard[k][:, None], axis=0)
        before = np.concatenate([np.zeros((1, p)), drift[:-1]])
        own = np.searchsorted(grid, time[members])
        censored = code[members] == 0
        lived = drift[own]
        if first:
            lived = np.where(censored[:, None], lived, before[own])
        out[members] = np.where(censored[:, None], share[own], 0.0) - lived
    return out


def fine_gray_level(
    pieces: CoxPieces, time: np.ndarray, code: np.ndarray, slopes: np.ndarray, power: np.ndarray, estimated: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Return Σ c u² (m,) and Σ c u s (m, p), with u what each row does to the baseline H0(τ) at known coefficients.

    For one stratum without late entry, at each event time τ. While a row is under observation u is a multiple of ∫dH/S0
    plus a function of τ alone; afterwards it is linear in ∫G dH/S0, which its censoring curve and a competing event add
    to. So all τ are served by running sums over the rows, ordered by the event time at which they change.

    Parameters
    ----------
    pieces : CoxPieces
        At the estimates.
    time, code : ndarray of shape (n,)
        Outcome.
    slopes : ndarray of shape (n, p)
        What each row does to the coefficients.
    power : ndarray of shape (n,)
        c, the weight of a product of two influences.
    estimated : bool
        Whether the censoring curve is estimated.
    """
    data, tail = pieces.data, pieces.data.tail
    assert tail is not None
    m, p = data.times.size, slopes.shape[1]
    s, scale = pieces.sums, np.exp(-pieces.sums.shift)
    last = data.last.astype(np.int64)
    ends = data.event & (last >= 0)
    mine = last[ends]
    total = pieces.tied.mean_weight * pieces.tied.count
    each = np.divide(pieces.hazard, total, out=np.zeros(m), where=total > 0)
    part = (s.c1 if pieces._with_d() else np.zeros(m)) * scale**2
    lived = np.append(0.0, np.cumsum(pieces.hazard_variance))
    r = np.exp(pieces.eta)
    own_time, own_code = data.sorted(time), data.sorted(code)
    fixed = -r * lived[last + 1]
    fixed[ends] += r[ends] * part[mine] + each[mine]
    change = np.where(ends, last, last + 1)
    variance, cross = np.zeros(m), np.zeros((m, p))
    c, e = data.sorted(power), data.sorted(slopes)
    first = tail.censoring.events_first
    groups = data.sorted(tail.censoring.codes)
    for k, grid in enumerate(tail.censoring.times):
        rows = np.flatnonzero(groups == k)
        level = np.append(0.0, np.cumsum(tail.curve[k] * pieces.hazard_variance))
        rise = -r[rows] * tail.factor[rows]
        height = fixed[rows] - rise * level[last[rows] + 1]
        shared = np.zeros(m)
        if estimated:
            competing = np.flatnonzero((s.risk * tail.factor > 0) & (tail.group == k))
            earlier = np.searchsorted(grid, own_time[competing], side="left" if first else "right")
            weight = (s.risk * tail.factor)[competing] / scale
            summed = np.cumsum(np.bincount(earlier, weights=weight, minlength=grid.size + 1))[:-1]
            risk = tail.censoring.at_risk[k]
            share = np.divide(summed, risk, out=np.zeros(grid.size), where=risk > 0)
            after = np.searchsorted(data.times, grid, side="right" if first else "left")
            drift = np.append(0.0, np.cumsum(share * tail.censoring.hazard[k]))
            drop = np.append(0.0, np.cumsum(share * tail.censoring.hazard[k] * level[after]))
            passed = np.searchsorted(after, np.arange(m), side="right")  # censorings that τ has seen
            shared = drop[passed] - level[1:] * drift[passed]
            own = np.searchsorted(grid, own_time[rows])
            censored = own_code[rows] == 0
            until = own + (censored | (not first))
            rise = rise + np.where(censored, share[own], 0.0) - drift[until]
            height = height + drop[until] - np.where(censored, share[own] * level[after[own]], 0.0)
        at = np.argsort(change[rows], kind="stable")
        rows, rise, height = rows[at], rise[at], height[at]
        place = np.searchsorted(change[rows], np.arange(m), side="right")  # rows that have changed by τ

        def running(values: np.ndarray) -> np.ndarray:
            return np.concatenate([np.zeros((1, *values.shape[1:])), np.cumsum(values, axis=0)])

        w, x = c[rows], c[rows, None] * e[rows]
        still, now = r[rows], level[1:]
        done = [running(w * v)[place] for v in (height**2, height * rise, rise**2)]
        open_ = [(total_ := running(w * v))[-1] - total_[place] for v in (np.ones(rows.size), still, still**2)]
        variance += done[0] + 2 * now * done[1] + now**2 * done[2]
        variance += shared**2 * open_[0] - 2 * shared * lived[1:] * open_[1] + lived[1:] ** 2 * open_[2]
        by_height, by_rise, by_one, by_still = (
            running(v[:, None] * x) for v in (height, rise, np.ones(rows.size), still)
        )
        cross += by_height[place] + now[:, None] * by_rise[place]
        cross += shared[:, None] * (by_one[-1] - by_one[place])
        cross -= lived[1:, None] * (by_still[-1] - by_still[place])
    return variance, cross
