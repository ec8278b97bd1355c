"""Influence values of net benefit summed while they arise, for tables of rows too long to hold one per threshold.

One walk through time makes the values of all models at all thresholds, as `incidence_by_threshold_influence` does, but
keeps sums only: of squares of values and of their differences (standard errors), and of blocks of rows (resamples).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from lbp_prognosis._kernels._compiled import compiled, inner
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


@inner()
def _from_the_top(tables, number):  # pragma: no cover - compiled
    """Sums over all later columns, in place: what is counted at its highest threshold counts at the lower ones too."""
    for c in range(number):
        for m in range(tables.shape[1]):
            for k in range(tables.shape[2] - 2, -1, -1):
                tables[c, m, k] += tables[c, m, k + 1]


@inner()
def _clear(tables):  # pragma: no cover - compiled
    for c in range(tables.shape[0]):
        for m in range(tables.shape[1]):
            for k in range(tables.shape[2]):
                tables[c, m, k] = 0.0


@inner()
def _advance(
    low, high, bins, code, weights, terms, at_risk, rounding, survival, sums, values, moved
):  # pragma: no cover - compiled
    """Move all groups over the rows of one time; ``values`` (3, n_models, k) are those of codes 0, 1, 2 in a group.

    Without ``outside``, which every row has. ``moved`` (3, n_models, k) is room for the weights that leave, of those
    the events, and of those the first kind.
    """
    incidence, gain, inside, _ = terms
    models, k = at_risk.shape
    _clear(moved)
    any_event = False
    for row in range(low, high):
        w = weights[row]
        for m in range(models):
            b = bins[m, row]
            if b > 0:
                moved[0, m, b - 1] += w
                if code[row] > 0:
                    any_event = True
                    moved[1, m, b - 1] += w
                    if code[row] == 1:
                        moved[2, m, b - 1] += w
    _from_the_top(moved, 3 if any_event else 1)
    if any_event:
        for m in range(models):
            for j in range(k):
                d, y, jump, q = moved[1, m, j], at_risk[m, j], 0.0, 0.0
                if d > 0:
                    if y - d <= rounding[m, j]:
                        y = d
                        at_risk[m, j] = d
                    lam, lam1 = d / y, moved[2, m, j] / y
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
            at_risk[m, j] -= moved[0, m, j]


@inner()
def _end(low, stop, time):  # pragma: no cover - compiled
    """End of the rows that share the time of ``low``; those beyond the horizon are one block."""
    if low >= stop:
        return time.size
    high = low + 1
    while high < stop and time[high] == time[low]:
        high += 1
    return high


@inner()
def _counted(low, high, known, bins, code, outside, pairs, values, squares, counts):  # pragma: no cover - compiled
    """Add the squares of rows of one time and factor 1, counted by code and by which of a pair's groups they are in.

    Only whole numbers are subtracted: of two equal groups nothing is left. ``counts`` (3, n_models + n_pairs + 1, k) is
    room for them by code: of each model, of each pair, and of all rows in the first place of the last line.
    """
    models, k = outside.shape
    everyone = models + pairs.shape[0]
    _clear(counts)
    for row in range(low, high):
        kind = code[row] if known else 0
        counts[kind, everyone, 0] += 1.0
        for m in range(models):
            if bins[m, row] > 0:
                counts[kind, m, bins[m, row] - 1] += 1.0
        for p in range(pairs.shape[0]):
            if pairs[p, 1] >= 0:
                b = min(bins[pairs[p, 0], row], bins[pairs[p, 1], row])
                if b > 0:
                    counts[kind, models + p, b - 1] += 1.0
    _from_the_top(counts, counts.shape[0])  # the count of all rows stays, for later places of its line are 0
    for p in range(pairs.shape[0]):
        i, j = pairs[p, 0], pairs[p, 1]
        for kind in range(3):
            total = counts[kind, everyone, 0]
            if total > 0.0:
                for t in range(k):
                    mine, flat, theirs, other = values[kind, i, t], outside[i, t], 0.0, 0.0
                    if j >= 0:
                        flat -= outside[j, t]
                        theirs, other = values[kind, j, t], counts[kind, j, t]
                    shared = counts[kind, models + p, t]
                    alone, other = counts[kind, i, t] - shared, other - shared
                    rest = total - alone - other - shared
                    squares[p, t] += shared * (flat + mine - theirs) ** 2 + rest * flat**2
                    squares[p, t] += alone * (flat + mine) ** 2 + other * (flat - theirs) ** 2


@compiled()
def _walk(
    bins, time, code, weights, stop, factor, few, terms, state, rooms, pairs, squares, block, sums_of_blocks
):  # pragma: no cover - compiled
    """Fill the squares of ``pairs`` and the sums of each ``block``, these without what every row has; compiled once.

    More than ``few`` rows of one time are counted, which takes factors of 1. ``state`` and ``rooms`` are of `_summed`.
    """
    at_risk, rounding, survival = state
    sums, values, moved, counts = rooms
    outside, k = terms[3], terms[3].shape[1]
    low = np.int64(0)  # a literal 0 would have what takes it compiled once more
    while low < time.size:
        high = _end(low, stop, time)
        if low < stop:
            _advance(low, high, bins, code, weights, terms, at_risk, rounding, survival, sums, values, moved)
        if pairs.shape[0] > 0 and high - low > few:
            _counted(low, high, low < stop, bins, code, outside, pairs, values, squares, counts)
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


def _summed(
    bins: np.ndarray,
    time: np.ndarray,
    code: np.ndarray,
    weights: np.ndarray,
    stop: int,
    factor: np.ndarray,
    few: int,
    terms: NetBenefitTerms,
    pairs: np.ndarray,
    squares: np.ndarray,
    block: np.ndarray,
    sums_of_blocks: np.ndarray,
) -> None:
    """Take the walk with numbers at risk and the state of `_advance` before the first time, and with its rooms."""
    models, k = terms.inside.shape
    counts = np.array([np.bincount(row, weights=weights, minlength=k + 1)[1:] for row in bins]).reshape(models, k)
    at_risk = np.ascontiguousarray(np.cumsum(counts[:, ::-1], axis=1)[:, ::-1])
    state = (at_risk, NEGLIGIBLE * at_risk, np.ones((models, k)))
    values = np.repeat(terms.inside[None], 3, axis=0)
    rooms = (np.zeros((4, models, k)), values, np.zeros((3, models, k)), np.zeros((3, models + len(pairs) + 1, k)))
    given = (bins, time, code, weights, stop, factor, few)
    _walk(*given, tuple(terms), state, rooms, pairs, squares, block, sums_of_blocks)


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
    _summed(bins, time, code, w, stop, factor, few, terms, pairs, out, np.empty(0, dtype=np.int64), nothing)
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
    _summed(bins, time, code, w, stop, factor, _FEW, terms, nothing, np.empty((0, 0)), block, out)
    out += np.bincount(block, weights=factor, minlength=n_blocks)[:, None, None] * terms.outside
    return out
