"""Restricted cubic splines with Harrell's knots: linear beyond the outer knots, cubic between them."""

from __future__ import annotations

import numpy as np

from lbp_prognosis._kernels._row_parts import row_parts

__all__ = ["rcs_basis", "rcs_knots"]


_PILE = 0.05  # share of all values at the smallest or largest of them that quantiles do not get past


def rcs_knots(x: np.ndarray, k: int) -> np.ndarray:
    """Place ``k`` knots at Harrell's quantiles (type 7) of the observed values of ``x``.

    Outer quantiles 0.10 and 0.90 for three knots, 0.05 and 0.95 for four to six, 0.025 and 0.975 from seven on, the
    rest equally spaced; under 100 values the outer knots are the fifth smallest and fifth largest value. Where 5 % of
    the values or more are the smallest (or the largest) and no other value is as common, that pile is left out, the
    outer knot is its neighbour, and the other knots are quantiles of what is left. Where there are no more than
    ``k + 2`` distinct values, the knots are those between the smallest and the largest.

    Returns
    -------
    ndarray of shape (k,) or less
        Distinct knots in increasing order: ties in ``x`` leave fewer than ``k``, which the caller has to look at.
    """
    values = x[~np.isnan(x)]
    if not (values[1:] >= values[:-1]).all():  # callers that need the order themselves bring it along
        values = np.sort(values)
    first = np.flatnonzero(np.concatenate([np.ones(min(values.size, 1), dtype=bool), values[1:] != values[:-1]]))
    distinct, count = values[first], np.diff(first, append=values.size)
    if distinct.size <= k + 2:
        return distinct[1:-1]
    outer = 0.10 if k == 3 else (0.05 if k <= 6 else 0.025)
    common = count >= _PILE * values.size
    piled = bool((common[0] or common[-1]) and not common[1:-1].any())
    low, high = piled and bool(common[0]), piled and bool(common[-1])
    bottom, top = distinct[1:2][:low], distinct[-2:-1][:high]
    inner = values[values > bottom[0]] if low else values
    inner = inner[inner < top[0]] if high else inner
    m = k - low - high
    shares = np.linspace(outer, 1 - outer, m) if m > 2 else np.array([0.5, 1 - outer][:m])
    knots = np.array([*bottom, *np.quantile(inner, shares), *top])
    if 9 < inner.size < 100:  # below ten values the fifth from each end would cross
        if not low:
            knots[0] = inner[4]
        if not high:
            knots[-1] = inner[-5]
    return np.unique(knots)


def rcs_basis(x: np.ndarray, knots: np.ndarray) -> np.ndarray:
    """Evaluate the truncated power basis at ``x``: first column ``x`` itself, then ``len(knots) − 2`` cubic terms.

    The cubic terms are divided by the squared range of the knots (Harrell's ``norm=2``), so that all columns have the
    unit of ``x``.

    Returns
    -------
    ndarray of shape (n, len(knots) − 1)
        Basis; NaN in ``x`` stays NaN.
    """
    x = np.asarray(x, dtype=float)
    t = np.asarray(knots, dtype=float)
    k = t.size
    basis = np.empty((x.size, k - 1))
    last = t[-1] - t[-2]
    scale = (t[-1] - t[0]) ** 2
    for rows in row_parts(x.size):
        some, part = x[rows], basis[rows]
        part[:, 0] = some
        next_to_last, outermost = _cube(some, t[-2]), _cube(some, t[-1])
        for j in range(k - 2):
            before, after = (t[-1] - t[j]) / last, (t[-2] - t[j]) / last
            part[:, j + 1] = (_cube(some, t[j]) - before * next_to_last + after * outermost) / scale
    return basis


def _cube(x: np.ndarray, knot: float) -> np.ndarray:
    beyond = np.maximum(x - knot, 0.0)
    return beyond * beyond * beyond  # a general power is many times slower
