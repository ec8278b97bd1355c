"""Restricted cubic splines with Harrell's knots: linear beyond the outer knots, cubic between them."""

from __future__ import annotations

import numpy as np

__all__ = ["rcs_basis", "rcs_knots"]


def rcs_knots(x: np.ndarray, k: int) -> np.ndarray:
    """Place ``k`` knots at Harrell's quantiles (type 7) of the observed values of ``x``.

    Outer quantiles 0.10 and 0.90 for three knots, 0.05 and 0.95 for four to six, 0.025 and 0.975 from seven on, the
    rest equally spaced; under 100 values the outer knots are the fifth smallest and fifth largest value.

    Returns
    -------
    ndarray of shape (k,)
        Knots in increasing order; ties in ``x`` can make some coincide, which the caller has to look at.
    """
    values = np.sort(x[~np.isnan(x)])
    outer = 0.10 if k == 3 else (0.05 if k <= 6 else 0.025)
    knots = np.quantile(values, np.linspace(outer, 1 - outer, k))
    if 9 < values.size < 100:  # below ten values the fifth from each end would cross
        knots[0], knots[-1] = values[4], values[-5]
    return np.asarray(knots, dtype=float)


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
    cube = np.maximum(x[:, None] - t[None, :], 0.0) ** 3
    basis = np.empty((x.size, k - 1))
    basis[:, 0] = x
    last = t[-1] - t[-2]
    scale = (t[-1] - t[0]) ** 2
    for j in range(k - 2):
        before, after = (t[-1] - t[j]) / last, (t[-2] - t[j]) / last
        basis[:, j + 1] = (cube[:, j] - before * cube[:, -2] + after * cube[:, -1]) / scale
    return basis
