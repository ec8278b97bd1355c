"""Incidence among the rows above each of many thresholds, all thresholds in one walk through time.

The groups "risk at or above threshold k" are nested, so a row is described by how many thresholds it reaches (its
bin), and an event of a row in bin b moves the product limits of thresholds 0 … b−1 only. One walk over the rows sorted
by time therefore serves all thresholds at a cost of the sum of the bins; nothing is sorted or counted again for a
resample, which only changes the weights.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from lbp_prognosis._kernels._tiers import tiered

__all__ = [
    "NEGLIGIBLE",
    "ThresholdIncidence",
    "cell_counts",
    "incidence_by_threshold",
    "incidence_by_threshold_influence",
]

NEGLIGIBLE = 1e-12  # share of a group's weight below which what is left is the rounding of its subtractions


class ThresholdIncidence(NamedTuple):
    """One value per threshold: weight of the rows above it, their P(T ≤ τ, cause 1), its Greenwood-type variance."""

    weight: np.ndarray
    incidence: np.ndarray
    variance: np.ndarray


@tiered(lambda *a: 2 * a[0].size + a[0].sum())
def _walk_one_cause(bins, time, code, weights, at_risk, survival, first):  # pragma: no cover - compiled
    n = bins.size
    low = 0
    while low < n:
        high = low + 1
        while high < n and time[high] == time[low]:
            high += 1
        if high == low + 1:
            b, w = bins[low], weights[low]
            if w > 0:
                if code[low] > 0:
                    for k in range(b):
                        y = at_risk[k]
                        survival[k] *= max(1.0 - w / y, 0.0)
                        at_risk[k] = y - w
                else:
                    for k in range(b):
                        at_risk[k] -= w
        else:
            top = 0
            for row in range(low, high):
                if code[row] > 0 and weights[row] > 0:
                    top = max(top, bins[row])
                    for k in range(bins[row]):
                        first[k] += weights[row]
            for k in range(top):
                if first[k] > 0:
                    survival[k] *= max(1.0 - first[k] / at_risk[k], 0.0)
                    first[k] = 0.0
            for row in range(low, high):
                w = weights[row]
                if w > 0:
                    for k in range(bins[row]):
                        at_risk[k] -= w
        low = high


@tiered(lambda *a: 4 * a[0].size + 4 * a[0].sum())
def _walk(bins, time, code, weights, at_risk, survival, incidence, sums, first, other):  # pragma: no cover - compiled
    n = bins.size
    low = 0
    rounding = NEGLIGIBLE * at_risk
    while low < n:
        high = low + 1
        while high < n and time[high] == time[low]:
            high += 1
        top = 0
        for row in range(low, high):
            if code[row] > 0 and weights[row] > 0:
                top = max(top, bins[row])
                if code[row] == 1:
                    for k in range(bins[row]):
                        first[k] += weights[row]
                else:
                    for k in range(bins[row]):
                        other[k] += weights[row]
        for k in range(top):
            d1 = first[k]
            d = d1 + other[k]
            if d > 0:
                y = at_risk[k]
                if y - d <= rounding[k]:  # all leave: exactly one, whatever fractions of weights added up to
                    y = d
                lam, lam1, s = d / y, d1 / y, survival[k]
                alpha = s / y
                after = incidence[k] + s * lam1
                # at a time where no patient stays the incidence moves no more: the terms of later times vanish
                q = lam / (y * (1.0 - lam)) if lam < 1.0 else 0.0
                sums[0, k] += y * alpha * alpha * lam1 * (1.0 - lam1)
                sums[1, k] += alpha * lam1
                sums[2, k] += alpha * lam1 * after
                sums[3, k] += q
                sums[4, k] += q * after
                sums[5, k] += q * after * after
                incidence[k] = after
                survival[k] = s * (1.0 - lam)
                first[k] = 0.0
                other[k] = 0.0
        for row in range(low, high):
            w = weights[row]
            if w > 0:
                for k in range(bins[row]):
                    at_risk[k] -= w
        low = high


def incidence_by_threshold(
    bins: np.ndarray,
    time: np.ndarray,
    code: np.ndarray,
    tau: float,
    k: int,
    *,
    weights: np.ndarray | None = None,
    competing: bool = False,
    variance: bool = True,
) -> ThresholdIncidence:
    """Kaplan–Meier (or Aalen–Johansen) incidence at ``tau`` in each nested group ``bins > 0 … k−1``.

    The last value is carried forward where follow-up in a group ends before ``tau``.

    Parameters
    ----------
    bins : ndarray of int of shape (n,)
        From `threshold_bins`, rows in increasing order of time.
    time : ndarray of shape (n,)
        Increasing.
    code : ndarray of int of shape (n,)
        0 censored, 1 the cause of interest, 2 any other cause.
    tau : float
        Horizon.
    k : int
        Number of thresholds.
    weights : ndarray of shape (n,), optional
        Counts (frequencies, or a resample's); the variance is right for counts.
    competing : bool
        Whether code 2 occurs; without it one product is enough.
    variance : bool
        Leave the variance out (NaN) where only the point is wanted, as in a resample.
    """
    w = np.ones(bins.size) if weights is None else weights
    stop = int(np.searchsorted(time, tau, side="right"))
    per_bin = np.bincount(bins, weights=w, minlength=k + 1)
    group = np.cumsum(per_bin[::-1])[::-1][1:]  # rows in bin b belong to groups 0 … b−1
    at_risk, survival, first = group.copy(), np.ones(k), np.zeros(k)
    part = (bins[:stop], time[:stop], code[:stop], w[:stop])
    if not competing and not variance:
        _walk_one_cause(*part, at_risk, survival, first)
        return ThresholdIncidence(group, 1.0 - survival, np.full(k, np.nan))
    incidence, sums = np.zeros(k), np.zeros((6, k))
    _walk(*part, at_risk, survival, incidence, sums, first, np.zeros(k))
    if not competing:
        incidence = 1.0 - survival
        return ThresholdIncidence(group, incidence, survival**2 * sums[3])
    spread = incidence**2 * sums[3] - 2 * incidence * sums[4] + sums[5]
    return ThresholdIncidence(group, incidence, np.maximum(sums[0] - 2 * (incidence * sums[1] - sums[2]) + spread, 0.0))


def influence_of_all(time: np.ndarray, code: np.ndarray, stop: int, weights: np.ndarray) -> np.ndarray:
    """Derivative (n,) of the incidence of all rows, in increasing order of time, of which ``stop`` are by the horizon.

    The incidence that every value contains is known at the end of a first pass; a second one fills the values in.
    """
    whole = _influence_of_all(time, code, weights, stop, 0.0, np.empty(0))
    out = np.empty(time.size)
    _influence_of_all(time, code, weights, stop, whole, out)
    return out


@tiered(lambda *a: 2 * a[0].size)
def _influence_of_all(time, code, weights, stop, whole, out):  # pragma: no cover - compiled
    """Return the incidence, ``whole`` when ``out`` is filled with its derivatives by the weight of each row."""
    n = time.size
    y = 0.0
    for row in range(n):
        y += weights[row]
    s, f, p1, p2, p3, rounding = 1.0, 0.0, 0.0, 0.0, 0.0, NEGLIGIBLE * y
    low = 0
    while low < stop:
        high = low
        d, d1, leaving = 0.0, 0.0, 0.0
        while high < stop and time[high] == time[low]:
            w, c = weights[high], code[high]
            leaving += w
            d += w if c > 0 else 0.0
            d1 += w if c == 1 else 0.0
            high += 1
        jump, q = 0.0, 0.0
        if d > 0:
            if y - d <= rounding:
                y = d
            lam, lam1 = d / y, d1 / y
            jump = s / y
            f += s * lam1
            if lam < 1.0:
                q = 1.0 / (y * (1.0 - lam))
            p1 += jump * lam1
            p2 += lam * q
            p3 += f * lam * q
            s = s * (1.0 - lam)
        if out.size:
            level = -p1 - p3
            censored = level + whole * p2
            level += f * q
            other = level + whole * (p2 - q)
            mine = (level + jump) + whole * (p2 - q)
            for row in range(low, high):
                c = code[row]
                out[row] = mine if c == 1 else (other if c > 0 else censored)
        y -= leaving
        low = high
    if out.size:
        beyond = (-p1 - p3) + whole * p2
        for row in range(stop, n):
            out[row] = beyond
    return f


def incidence_by_threshold_influence(
    bins: np.ndarray, time: np.ndarray, code: np.ndarray, tau: float, k: int, weights: np.ndarray | None = None
) -> np.ndarray:
    """Derivative of each group's incidence at ``tau`` by the weight of each row, of shape (k, n); 0 outside the group.

    With unit weights the sum of squares over a group is the Greenwood-type variance exactly. Arguments as for
    `incidence_by_threshold`.
    """
    w = np.ones(bins.size) if weights is None else np.ascontiguousarray(weights, dtype=float)
    stop = int(np.searchsorted(time, tau, side="right"))
    if k == 1 and (bins > 0).all():
        return influence_of_all(time, code, stop, w)[None, :]
    out = np.zeros((k, bins.size))
    for place, values in enumerate(out):
        rows = np.flatnonzero(bins > place)
        values[rows] = influence_of_all(time[rows], code[rows], int(np.searchsorted(rows, stop)), w[rows])
    return out


def cell_counts(rng: np.random.Generator, sizes: np.ndarray, n: int) -> np.ndarray:
    """Draw how often each cell occurs when ``n`` rows are drawn with replacement: one multinomial over the cells.

    Parameters
    ----------
    rng : Generator
    sizes : ndarray of int of shape (m,)
        Rows in each cell, summing to ``n``.
    n : int
        Rows to draw.

    Returns
    -------
    ndarray of float of shape (m,)
    """
    if sizes.size * 8 > n:  # many small cells: drawing the rows is cheaper than one binomial a cell
        drawn = rng.integers(0, n, size=n)
        if sizes.size == n:
            return np.bincount(drawn, minlength=n).astype(float)
        owner = np.repeat(np.arange(sizes.size), sizes)
        return np.bincount(owner[drawn], minlength=sizes.size).astype(float)
    return rng.multinomial(n, sizes / n).astype(float)
