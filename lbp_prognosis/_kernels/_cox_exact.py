"""Exact treatment of ties: the discrete partial likelihood by recursion over the risk set.

The denominator of a tied group of ``d`` events is the sum, over all subsets of size ``d`` of the risk set, of the
product of their risks: an elementary symmetric polynomial, built row by row together with its first and second
derivatives.
"""

from __future__ import annotations

import numba as nb
import numpy as np

from lbp_prognosis._kernels._cox_data import CoxData

__all__ = ["evaluate_exact"]


@nb.njit(cache=True, nogil=True)
def _group(X, risk, rows, d):  # pragma: no cover - compiled
    """Log, gradient and Hessian of the log of the symmetric polynomial of degree ``d``."""
    p = X.shape[1]
    total = 0.0
    for i in rows:
        total += risk[i]
    scale = d / total  # keeps the polynomial between 0 and e^d
    e = np.zeros(d + 1)
    g = np.zeros((d + 1, p))
    h = np.zeros((d + 1, p, p))
    e[0] = 1.0
    for i in rows:
        r = risk[i] * scale
        for k in range(d, 0, -1):
            for a in range(p):
                xa = X[i, a]
                for b in range(a + 1):
                    xb = X[i, b]
                    h[k, a, b] += r * (h[k - 1, a, b] + xa * g[k - 1, b] + xb * g[k - 1, a] + xa * xb * e[k - 1])
            for a in range(p):
                g[k, a] += r * (g[k - 1, a] + X[i, a] * e[k - 1])
            e[k] += r * e[k - 1]
    gradient = g[d] / e[d]
    hessian = np.empty((p, p))
    for a in range(p):
        for b in range(a + 1):
            hessian[a, b] = h[d, a, b] / e[d] - gradient[a] * gradient[b]
            hessian[b, a] = hessian[a, b]
    return np.log(e[d]) - d * np.log(scale), gradient, hessian


def evaluate_exact(
    data: CoxData, weights: np.ndarray, offset: np.ndarray | None, coef: np.ndarray
) -> tuple[float, np.ndarray, np.ndarray]:
    """Return the discrete log partial likelihood, its gradient and the information; rows of weight 0 are left out."""
    eta = data.X @ coef
    if offset is not None:
        eta = eta + offset
    p = coef.size
    loglik, gradient, information = 0.0, np.zeros(p), np.zeros((p, p))
    inside = weights > 0
    start = 0
    for end in data.ends:
        for k in range(start, end):
            member = inside & (data.last >= k) & (data.last < end)
            if data.before is not None:
                member &= data.before < k
            rows = np.flatnonzero(member)
            events = rows[data.event[rows] & (data.last[rows] == k)]
            if events.size == 0:
                continue
            shift = eta[rows].max()
            with np.errstate(all="ignore"):
                risk = np.exp(eta - shift)
            log_sum, first, second = _group(data.X, risk, rows, events.size)
            loglik += float((eta[events] - shift).sum()) - log_sum
            gradient += data.X[events].sum(axis=0) - first
            information += second
        start = end
    return loglik, gradient, information
