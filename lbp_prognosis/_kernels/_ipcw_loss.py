"""Mean loss of predicted risks at many horizons, its variance and that of the event frequency, in one pass.

The rows are walked backwards in time. At each horizon the influence value of a row is a part known on the way minus a
constant known at the end, so that the squares can be summed without keeping a value a row and a horizon; they are
written out only where they are asked for.
"""

from __future__ import annotations

import numpy as np
from numba import njit

__all__ = ["BRIER", "LOG_SCORE", "ipcw_loss", "ipcw_loss_combined"]

BRIER, LOG_SCORE = 0, 1


@njit(cache=True)
def _loss(kind, miss):
    """Loss of a prediction that gave ``miss`` to what did not happen."""
    if kind == 0:
        return miss * miss
    return -np.log(1.0 - miss)


@njit(cache=True)
def _finish(kind, risk, case, times, order, starts, before, beyond, horizons, censored, influence, shift):
    """Add each row's own weighted loss to what the walk left in ``influence``, and centre."""
    for g in range(times.size):
        for position in range(starts[g], starts[g + 1]):
            i = order[position]
            for h in range(horizons.size):
                if times[g] > horizons[h]:
                    influence[i, h] = beyond[h] * _loss(kind, risk[i, h]) - shift[h]
                elif censored[i]:
                    influence[i, h] -= shift[h]
                else:
                    miss = 1.0 - risk[i, h] if case[i] else risk[i, h]
                    influence[i, h] += before[i] * _loss(kind, miss) - shift[h]


@njit(cache=True, error_model="numpy")
def ipcw_loss(
    kind,
    risk,
    case,
    times,
    order,
    starts,
    hazard,
    slope,
    before,
    beyond,
    horizons,
    censored,
    row_weight,
    square_weight,
    influence,
):
    """Score risks against an outcome by horizons, every row weighted for censoring.

    Parameters
    ----------
    kind : int
        ``BRIER`` or ``LOG_SCORE``.
    risk : ndarray of shape (n, k)
        Predicted risks, a column a horizon.
    case : ndarray of bool of shape (n,)
        The row's event is the one of interest.
    times, order, starts, hazard, slope
        From `censoring_process`.
    before : ndarray of shape (n,)
        1 / G(T−) of each row.
    beyond : ndarray of shape (k,)
        1 / G(τ).
    horizons : ndarray of shape (k,)
        Ascending.
    censored : ndarray of bool of shape (n,)
    row_weight, square_weight : ndarray of shape (n,)
        Weight of a row in sums, and in sums of squared influence values.
    influence : ndarray of shape (n, k) or (0, 0)
        Filled with the influence values of the mean loss, unless empty.

    Returns
    -------
    ndarray of shape (6, k)
        Mean loss, weighted event frequency, mean weight, and the sums of ``square_weight`` times: squared influence of
        the loss, of the frequency, and their product.
    """
    k = horizons.size
    total = row_weight.sum()
    keep = influence.shape[0] > 0
    # of the loss (l) and of the event frequency (f): contribution of rows that leave later, and Σ f λ over later times
    ahead_l, ahead_f = np.zeros(k), np.zeros(k)
    tail_l, tail_f = np.zeros(k), np.zeros(k)
    mass = np.zeros(k)
    sum_l, sum_f, sum_ll, sum_ff, sum_lf = np.zeros(k), np.zeros(k), np.zeros(k), np.zeros(k), np.zeros(k)
    lost, squares = np.zeros(k), np.zeros(k)  # of one time: Σ own · loss, Σ square · loss²
    seen = np.zeros((2, k))  # of one time: Σ square · loss, cases apart
    own_gone, square_gone = np.zeros(2), np.zeros(2)
    past = k
    for g in range(times.size - 1, -1, -1):
        # horizons before this time: its rows are followed beyond them; ``past`` is the first that they are not
        while past > 0 and horizons[past - 1] >= times[g]:
            past -= 1
        own_all, square_censored = 0.0, 0.0
        own_gone[:] = 0.0
        square_gone[:] = 0.0
        lost[:] = 0.0
        squares[:] = 0.0
        seen[:] = 0.0
        weight = 0.0
        for position in range(starts[g], starts[g + 1]):
            i = order[position]
            own, square, row = row_weight[i], square_weight[i], risk[i]
            own_all += own
            for h in range(past):
                value = beyond[h] * _loss(kind, row[h])
                lost[h] += own * value
                seen[0, h] += square * value
                squares[h] += square * value * value
            if censored[i]:
                square_censored += square
            else:
                kept = 1 if case[i] else 0
                weight = before[i]
                own_gone[kept] += own
                square_gone[kept] += square
                sums = seen[kept]
                for h in range(past, k):
                    value = weight * _loss(kind, (1.0 - row[h]) if kept == 1 else row[h])
                    lost[h] += own * value
                    sums[h] += square * value
                    squares[h] += square * value * value
        for h in range(past):
            ahead_l[h] += lost[h] / total
            mass[h] += own_all * beyond[h]
            sum_l[h] += seen[0, h]
            sum_ll[h] += squares[h]
        for h in range(past, k):
            factor_l, factor_f = ahead_l[h] * slope[g], ahead_f[h] * slope[g]
            value, frequency = tail_l[h] + factor_l, tail_f[h] + factor_f
            sum_l[h] += square_censored * value
            sum_f[h] += square_censored * frequency
            sum_ll[h] += square_censored * value * value
            sum_ff[h] += square_censored * frequency * frequency
            sum_lf[h] += square_censored * value * frequency
            tail_l[h] += factor_l * hazard[g]
            tail_f[h] += factor_f * hazard[g]
            ahead_l[h] += lost[h] / total
            ahead_f[h] += own_gone[1] * weight / total
            mass[h] += (own_gone[0] + own_gone[1]) * weight
            base = tail_l[h]
            sum_ll[h] += squares[h] + 2 * base * (seen[0, h] + seen[1, h])
            sum_ll[h] += (square_gone[0] + square_gone[1]) * base * base
            for kept in range(2):
                total_l = seen[kept, h] + square_gone[kept] * base
                frequency = tail_f[h] + kept * weight
                sum_l[h] += total_l
                sum_f[h] += square_gone[kept] * frequency
                sum_ff[h] += square_gone[kept] * frequency * frequency
                sum_lf[h] += total_l * frequency
            if keep:
                # the value of the censored rows, then what is common to the events, until the losses are added
                for position in range(starts[g], starts[g + 1]):
                    i = order[position]
                    influence[i, h] = value if censored[i] else base
    square_total = square_weight.sum()
    out = np.empty((6, k))
    for h in range(k):
        shift_l, shift_f = ahead_l[h] + tail_l[h], ahead_f[h] + tail_f[h]
        out[0, h], out[1, h], out[2, h] = ahead_l[h], ahead_f[h], mass[h] / total
        out[3, h] = max(sum_ll[h] - 2 * shift_l * sum_l[h] + square_total * shift_l * shift_l, 0.0)
        out[4, h] = max(sum_ff[h] - 2 * shift_f * sum_f[h] + square_total * shift_f * shift_f, 0.0)
        out[5, h] = sum_lf[h] - shift_l * sum_f[h] - shift_f * sum_l[h] + square_total * shift_l * shift_f
    if keep:
        _finish(kind, risk, case, times, order, starts, before, beyond, horizons, censored, influence, ahead_l + tail_l)
    return out


@njit(cache=True, error_model="numpy")
def ipcw_loss_combined(
    kind, risk, case, times, order, starts, hazard, slope, before, beyond, horizons, censored, row_weight, share
):
    """Return Σ share · mean loss over the horizons and its influence values, without a matrix of them.

    Parameters
    ----------
    kind, risk, case, times, order, starts, hazard, slope, before, beyond, horizons, censored, row_weight
        As in `ipcw_loss`.
    share : ndarray of shape (k,)
        What each horizon counts.

    Returns
    -------
    theta : float
    psi : ndarray of shape (n,)
        For one copy of a row.
    """
    k = horizons.size
    total = row_weight.sum()
    ahead, tail, lost = np.zeros(k), np.zeros(k), np.zeros(k)
    psi = np.empty(case.size)
    past = k
    for g in range(times.size - 1, -1, -1):
        while past > 0 and horizons[past - 1] >= times[g]:
            past -= 1
        lost[:] = 0.0
        for position in range(starts[g], starts[g + 1]):
            i = order[position]
            own, row, value = row_weight[i], risk[i], 0.0
            for h in range(past):
                loss = beyond[h] * _loss(kind, row[h])
                lost[h] += own * loss
                value += share[h] * loss
            if not censored[i]:
                for h in range(past, k):
                    loss = before[i] * _loss(kind, (1.0 - row[h]) if case[i] else row[h])
                    lost[h] += own * loss
                    value += share[h] * loss
            psi[i] = value
        of_censored, of_events = 0.0, 0.0
        for h in range(k):
            if h >= past:
                factor = ahead[h] * slope[g]
                of_censored += share[h] * (tail[h] + factor)
                tail[h] += factor * hazard[g]
                of_events += share[h] * tail[h]
            ahead[h] += lost[h] / total
        for position in range(starts[g], starts[g + 1]):
            i = order[position]
            psi[i] += of_censored if censored[i] else of_events
    theta = (share * ahead).sum()
    return theta, psi - (theta + (share * tail).sum())
