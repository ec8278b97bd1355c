"""Influence values of net benefit summed while they arise, for tables of rows too long to hold one per threshold.

One walk through time makes the values of all models at all thresholds, as `incidence_by_threshold_influence` does, but
keeps sums only: of squares of values and of their differences (standard errors), and of blocks of rows (resamples).
The walk stops every so many times, and what takes the values of these adds them up: kernels of their own, which are
compiled in two thirds of the time that one takes with all of them inside.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from lbp_prognosis._kernels._compiled import compiled, inner
from lbp_prognosis._kernels._net_benefit import NEGLIGIBLE

__all__ = ["NetBenefitTerms", "net_benefit_block_sums", "net_benefit_squares"]

_FEW = 8  # rows of one time that are taken one by one; more are counted
_ROOM = 2**15  # values of the times between two stops, which stay in the cache


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


@compiled()
def _advance(starts, bins, code, weights, terms, state, sums, moved, values, place):  # pragma: no cover - compiled
    """Move all groups over the times whose rows begin at ``starts``.

    ``values`` (·, 3, n_models, k) are those of codes 0, 1, 2 in a group, without ``outside``, which every row has. A
    time has the values at its ``place``; where nothing happens, these are the last ones. ``moved`` (3, n_models, k) is
    room for the weights that leave, of those the events, and of those the first kind.
    """
    incidence, gain, inside = terms
    at_risk, rounding, survival = state
    models, k = at_risk.shape
    used = 0
    for g in range(place.size):
        _clear(moved)
        any_event = False
        for row in range(starts[g], starts[g + 1]):
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
            used += 1
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
                    values[used, 0, m, j] = gain[m, j] * slope + inside[m, j]
                    values[used, 1, m, j] = gain[m, j] * (other + jump) + inside[m, j]
                    values[used, 2, m, j] = gain[m, j] * other + inside[m, j]
        place[g] = used
        for m in range(models):
            for j in range(k):
                at_risk[m, j] -= moved[0, m, j]
    return used


@compiled()
def _count_squares(
    times, starts, place, bins, code, outside, pairs, values, counts, squares
):  # pragma: no cover - compiled
    """Add the squares of rows of these times and factor 1, counted by code and by which of a pair's groups they are in.

    Only whole numbers are subtracted: of two equal groups nothing is left. ``counts`` (3, n_models + n_pairs + 1, k) is
    room for them by code: of each model, of each pair, and of all rows in the first place of the last line.
    """
    models, k = outside.shape
    everyone = models + pairs.shape[0]
    for g in times:
        here = place[g]
        _clear(counts)
        for row in range(starts[g], starts[g + 1]):
            kind = code[row]
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
                        mine, flat, theirs, other = values[here, kind, i, t], outside[i, t], 0.0, 0.0
                        if j >= 0:
                            flat -= outside[j, t]
                            theirs, other = values[here, kind, j, t], counts[kind, j, t]
                        shared = counts[kind, models + p, t]
                        alone, other = counts[kind, i, t] - shared, other - shared
                        rest = total - alone - other - shared
                        squares[p, t] += shared * (flat + mine - theirs) ** 2 + rest * flat**2
                        squares[p, t] += alone * (flat + mine) ** 2 + other * (flat - theirs) ** 2


@compiled()
def _add_squares(
    times, starts, place, bins, code, factor, outside, pairs, values, squares
):  # pragma: no cover - compiled
    """Add the squares of rows of these times, one by one."""
    for g in times:
        here = place[g]
        for row in range(starts[g], starts[g + 1]):
            kind, f = code[row], factor[row]
            for p in range(pairs.shape[0]):
                i, j = pairs[p, 0], pairs[p, 1]
                b, c = bins[i, row], bins[j, row] if j >= 0 else 0
                for t in range(outside.shape[1]):
                    v = outside[i, t] - (outside[j, t] if j >= 0 else 0.0)
                    if t < b:
                        v += values[here, kind, i, t]
                    if t < c:
                        v -= values[here, kind, j, t]
                    squares[p, t] += f * v * f * v


@compiled()
def _add_to_blocks(starts, place, bins, code, factor, block, values, sums):  # pragma: no cover - compiled
    """Add the values of rows of all these times to their blocks, without what every row has."""
    for g in range(place.size):
        here = place[g]
        for row in range(starts[g], starts[g + 1]):
            kind, f, own = code[row], factor[row], block[row]
            for m in range(bins.shape[0]):
                for t in range(bins[m, row]):
                    sums[own, m, t] += f * values[here, kind, m, t]


def _walk(
    bins: np.ndarray, starts: np.ndarray, code: np.ndarray, weights: np.ndarray, terms: NetBenefitTerms
) -> Iterator[tuple[slice, np.ndarray, np.ndarray]]:
    """Yield the times between two stops, and where which values of theirs are (see `_advance`).

    ``starts``, of shape (times + 1,), are the first rows of the times, and at last the number of rows.
    """
    models, k = terms.inside.shape
    counts = np.array([np.bincount(row, weights=weights, minlength=k + 1)[1:] for row in bins]).reshape(models, k)
    at_risk = np.ascontiguousarray(np.cumsum(counts[:, ::-1], axis=1)[:, ::-1])
    state = (at_risk, NEGLIGIBLE * at_risk, np.ones((models, k)))
    sums, moved = np.zeros((4, models, k)), np.empty((3, models, k))
    step = max(1, _ROOM // (3 * max(1, models * k)))
    values = np.empty((step + 1, 3, models, k))
    values[0] = terms.inside
    for low in range(0, starts.size - 1, step):
        here = slice(low, min(low + step, starts.size - 1))
        place = np.empty(here.stop - low, dtype=np.int64)
        given = (starts[low : here.stop + 1], bins, code, weights, (terms.incidence, terms.gain, terms.inside))
        used = _advance(*given, state, sums, moved, values, place)
        yield here, place, values
        values[0] = values[used]


def _times(time: np.ndarray, code: np.ndarray, tau: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the first rows of the times, those beyond the horizon being one, and the codes known by then."""
    stop = int(np.searchsorted(time, tau, side="right"))
    known = code.copy()
    known[stop:] = 0
    starts = np.concatenate([[0], np.flatnonzero(np.diff(time[:stop])) + 1, [stop, time.size]])
    return starts[np.append(True, np.diff(starts) > 0)], known


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
    starts, known = _times(time, code, tau)
    counted = (np.diff(starts) > _FEW) & (factor == 1).all()
    counts = np.empty((3, len(bins) + len(pairs) + 1, out.shape[1]))
    for here, place, values in _walk(bins, starts, known, w, terms):
        first, many = starts[here.start : here.stop + 1], counted[here]
        if many.any():
            _count_squares(np.flatnonzero(many), first, place, bins, known, terms.outside, pairs, values, counts, out)
        if not many.all():
            _add_squares(np.flatnonzero(~many), first, place, bins, known, factor, terms.outside, pairs, values, out)
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
    starts, known = _times(time, code, tau)
    for here, place, values in _walk(bins, starts, known, w, terms):
        _add_to_blocks(starts[here.start : here.stop + 1], place, bins, known, factor, block, values, out)
    out += np.bincount(block, weights=factor, minlength=n_blocks)[:, None, None] * terms.outside
    return out
