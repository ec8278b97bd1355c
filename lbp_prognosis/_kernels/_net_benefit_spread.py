"""Influence values of net benefit summed while they arise, for tables of rows too long to hold one per threshold.

One walk through time makes the values of all models at all thresholds, as `incidence_by_threshold_influence` does, but
keeps sums only: of squares of values and of their differences (standard errors), and of blocks of rows (resamples).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit

from lbp_prognosis._kernels._net_benefit import NEGLIGIBLE

__all__ = ["NetBenefitTerms", "net_benefit_block_sums", "net_benefit_squares"]

_FEW = 8  # rows of one time that are taken one by one; more are counted


class NetBenefitTerms(NamedTuple):
    """The influence value of a row: factor · (outside + 1{bin > k} · (gain · its influence on the incidence + inside)).

    Each of shape (n_models, k), thresholds increasing; ``incidence`` is that of the group above the threshold.
    """

    incidence: np.ndarray
    gain: np.ndarray
    inside: np.ndarray
    outside: np.ndarray


@njit(cache=True, nogil=True)
def _from_the_top(table):  # pragma: no cover - compiled
    """Sums over all later columns, in place: what is counted at its highest threshold counts at the lower ones too."""
    for m in range(table.shape[0]):
        for k in range(table.shape[1] - 2, -1, -1):
            table[m, k] += table[m, k + 1]


@njit(cache=True, nogil=True, error_model="numpy")
def _advance(low, high, bins, code, weights, terms, at_risk, rounding, survival, sums, values):  # pragma: no cover
    """Move all groups over the rows of one time; ``values`` (3, n_models, k) are those of codes 0, 1, 2 in a group.

    Without ``outside``, which every row has.
    """
    incidence, gain, inside, _ = terms
    models, k = at_risk.shape
    events, first, leaving = np.zeros((models, k)), np.zeros((models, k)), np.zeros((models, k))
    any_event = False
    for row in range(low, high):
        w = weights[row]
        for m in range(models):
            b = bins[m, row]
            if b > 0:
                leaving[m, b - 1] += w
                if code[row] > 0:
                    any_event = True
                    events[m, b - 1] += w
                    if code[row] == 1:
                        first[m, b - 1] += w
    _from_the_top(leaving)
    if any_event:
        _from_the_top(events)
        _from_the_top(first)
        for m in range(models):
            for j in range(k):
                d, y, jump, q = events[m, j], at_risk[m, j], 0.0, 0.0
                if d > 0:
                    if y - d <= rounding[m, j]:
                        y = d
                        at_risk[m, j] = d
                    lam, lam1 = d / y, first[m, j] / y
                    jump = survival[m, j] / y
                    sums[0, m, j] += survival[m, j] * lam1
                    if lam < 1.0:
                        q = 1.0 / (y * (1.0 - lam))
                    sums[1, m, j] += jump * lam1
                    sums[2, m, j] += lam * q
                    sums[3, m, j] += sums[0, m, j] * lam * q
                    survival[m, j] *= 1.0 - lam
                slope = incidence[m, j] * sums[2, m, j] - sums[1, m, j] - sums[3, m, j]
                other = slope + (sums[0, m, j] - incidence[m, j]) * q
                values[0, m, j] = gain[m, j] * slope + inside[m, j]
                values[1, m, j] = gain[m, j] * (other + jump) + inside[m, j]
                values[2, m, j] = gain[m, j] * other + inside[m, j]
    for m in range(models):
        for j in range(k):
            at_risk[m, j] -= leaving[m, j]


@njit(cache=True, nogil=True, error_model="numpy")
def _start(bins, weights, terms):  # pragma: no cover - compiled
    """Numbers at risk and the state of `_advance` before the first time."""
    inside = terms[2]
    models, k = inside.shape
    at_risk = np.zeros((models, k))
    for row in range(bins.shape[1]):
        for m in range(models):
            if bins[m, row] > 0:
                at_risk[m, bins[m, row] - 1] += weights[row]
    _from_the_top(at_risk)
    rounding, survival, values = np.empty((models, k)), np.empty((models, k)), np.empty((3, models, k))
    for m in range(models):  # in loops: arithmetic and assignment of arrays take seconds to compile
        for j in range(k):
            rounding[m, j], survival[m, j] = NEGLIGIBLE * at_risk[m, j], 1.0
            for kind in range(3):
                values[kind, m, j] = inside[m, j]
    return at_risk, rounding, survival, np.zeros((4, models, k)), values


@njit(cache=True, nogil=True, error_model="numpy")
def _end(low, stop, time):  # pragma: no cover - compiled
    """End of the rows that share the time of ``low``; those beyond the horizon are one block."""
    if low >= stop:
        return time.size
    high = low + 1
    while high < stop and time[high] == time[low]:
        high += 1
    return high


@njit(cache=True, nogil=True, error_model="numpy")
def _counted(low, high, known, bins, code, outside, pairs, values, squares):  # pragma: no cover - compiled
    """Add the squares of rows of one time and factor 1, counted by code and by which of a pair's groups they are in.

    Only whole numbers are subtracted: of two equal groups nothing is left.
    """
    models, k = outside.shape
    total, own, both = np.zeros(3), np.zeros((3 * models, k)), np.zeros((3 * pairs.shape[0], k))
    for row in range(low, high):
        kind = code[row] if known else 0
        total[kind] += 1.0
        for m in range(models):
            if bins[m, row] > 0:
                own[3 * m + kind, bins[m, row] - 1] += 1.0
        for p in range(pairs.shape[0]):
            if pairs[p, 1] >= 0:
                b = min(bins[pairs[p, 0], row], bins[pairs[p, 1], row])
                if b > 0:
                    both[3 * p + kind, b - 1] += 1.0
    _from_the_top(own)
    _from_the_top(both)
    for p in range(pairs.shape[0]):
        i, j = pairs[p, 0], pairs[p, 1]
        for kind in range(3):
            if total[kind] > 0.0:
                for t in range(k):
                    mine, flat, theirs, other = values[kind, i, t], outside[i, t], 0.0, 0.0
                    if j >= 0:
                        flat -= outside[j, t]
                        theirs, other = values[kind, j, t], own[3 * j + kind, t]
                    shared = both[3 * p + kind, t]
                    alone, other = own[3 * i + kind, t] - shared, other - shared
                    rest = total[kind] - alone - other - shared
                    squares[p, t] += shared * (flat + mine - theirs) ** 2 + rest * flat**2
                    squares[p, t] += alone * (flat + mine) ** 2 + other * (flat - theirs) ** 2


@njit(cache=True, nogil=True, error_model="numpy")
def _summed(
    bins, time, code, weights, stop, factor, few, terms, pairs, squares, block, sums_of_blocks
):  # pragma: no cover - compiled
    """Fill the squares of ``pairs`` and the sums of each ``block``, these without what every row has; compiled once.

    More than ``few`` rows of one time are counted, which takes factors of 1.
    """
    at_risk, rounding, survival, sums, values = _start(bins, weights, terms)
    outside, k = terms[3], terms[3].shape[1]
    low = np.int64(0)  # a literal 0 would have what takes it compiled once more
    while low < time.size:
        high = _end(low, stop, time)
        if low < stop:
            _advance(low, high, bins, code, weights, terms, at_risk, rounding, survival, sums, values)
        if pairs.shape[0] > 0 and high - low > few:
            _counted(low, high, low < stop, bins, code, outside, pairs, values, squares)
        elif pairs.shape[0] > 0:
            for row in range(low, high):
                kind = code[row] if row < stop else 0
                f = factor[row]
                for p in range(pairs.shape[0]):
                    i, j = pairs[p, 0], pairs[p, 1]
                    b, c = bins[i, row], bins[j, row] if j >= 0 else 0
                    for t in range(k):
                        v = outside[i, t] - (outside[j, t] if j >= 0 else 0.0)
                        if t < b:
                            v += values[kind, i, t]
                        if t < c:
                            v -= values[kind, j, t]
                        squares[p, t] += f * v * f * v
        if block.size > 0:
            for row in range(low, high):
                kind = code[row] if row < stop else 0
                f, g = factor[row], block[row]
                for m in range(bins.shape[0]):
                    for t in range(bins[m, row]):
                        sums_of_blocks[g, m, t] += f * values[kind, m, t]
        low = high


def net_benefit_squares(
    bins: np.ndarray,
    time: np.ndarray,
    code: np.ndarray,
    tau: float,
    factor: np.ndarray,
    terms: NetBenefitTerms,
    pairs: np.ndarray,
    weights: np.ndarray | None = None,
) -> np.ndarray:
    """Sum the squares of influence values of net benefit, and of their differences between two models.

    Parameters
    ----------
    bins : ndarray of int of shape (n_models, n)
        From `threshold_bins`, rows in increasing order of time.
    time, code, tau, weights
        As for `incidence_by_threshold`.
    factor : ndarray of shape (n,)
        Multiple of each row's value.
    terms : NetBenefitTerms
    pairs : ndarray of int of shape (m, 2)
        Model and the model subtracted; −1 for none.

    Returns
    -------
    ndarray of shape (m, k)
    """
    out = np.zeros((len(pairs), terms.gain.shape[1]))
    w = np.ones(time.size) if weights is None else weights
    stop = int(np.searchsorted(time, tau, side="right"))
    nothing = np.empty((0, 0, 0))
    few = _FEW if (factor == 1).all() else time.size
    _summed(bins, time, code, w, stop, factor, few, tuple(terms), pairs, out, np.empty(0, dtype=np.int64), nothing)
    return out


def net_benefit_block_sums(
    bins: np.ndarray,
    time: np.ndarray,
    code: np.ndarray,
    tau: float,
    factor: np.ndarray,
    terms: NetBenefitTerms,
    block: np.ndarray,
    n_blocks: int,
    weights: np.ndarray | None = None,
) -> np.ndarray:
    """Sum influence values of net benefit in blocks of rows.

    Parameters
    ----------
    bins, time, code, tau, factor, terms, weights
        As for `net_benefit_squares`.
    block : ndarray of int of shape (n,)
        Block of each row.
    n_blocks : int

    Returns
    -------
    ndarray of shape (n_blocks, n_models, k)
    """
    out = np.zeros((n_blocks, *terms.gain.shape))
    w = np.ones(time.size) if weights is None else weights
    stop = int(np.searchsorted(time, tau, side="right"))
    nothing = np.empty((0, 2), dtype=np.int64)
    _summed(bins, time, code, w, stop, factor, _FEW, tuple(terms), nothing, np.empty((0, 0)), block, out)
    out += np.bincount(block, weights=factor, minlength=n_blocks)[:, None, None] * terms.outside
    return out
