"""Exact treatment of ties: the discrete partial likelihood by recursion over the risk set.

The denominator of a tied group of ``d`` events is the sum, over all subsets of size ``d`` of the risk set, of the
product of their risks: an elementary symmetric polynomial, built row by row together with its first and second
derivatives. Divided by ``Π (1 + risk/c)`` and by ``c^d`` it is the probability that ``d`` rows are drawn, each with
probability ``risk/(c + risk)``; with ``c`` such that about ``d`` are expected, no number on the way is too large or too
small.
"""

from __future__ import annotations

import math

import numpy as np

from lbp_prognosis._kernels._compiled import inner
from lbp_prognosis._kernels._cox_data import CoxData
from lbp_prognosis._kernels._tiers import exponential, natural_log, tiered

__all__ = ["evaluate_exact"]

_MOVES = 200
_FAR = 5.0


@inner()
def _level(eta, rows, d):  # pragma: no cover - compiled
    """Level ``t`` at which about ``d`` of these rows are expected, row i with the probability expit(eta_i − t)."""
    total = 0.0
    for i in rows:
        total += exponential(eta[i])
    level = natural_log(total / d)
    for _ in range(_MOVES):
        mean, variance = 0.0, 0.0
        for i in rows:
            p = 1.0 / (1.0 + exponential(level - eta[i]))
            mean += p
            variance += p * (1.0 - p)
        if abs(mean - d) <= 4.0 * np.sqrt(variance) + 0.25:
            break
        level += min(max((mean - d) / max(variance, 1e-10), -_FAR), _FAR)
    return level


@tiered(lambda *a: a[2].size * (2 + min(a[3], a[2].size - a[3]) * a[0].shape[1] ** 2))
def _group(X, eta, rows, d):  # pragma: no cover - compiled
    """Log, gradient and Hessian of the log of the symmetric polynomial of degree ``d`` in exp(eta)."""
    p = X.shape[1]
    gradient, hessian = np.zeros(p), np.zeros((p, p))
    log_sum = 0.0
    if d == rows.size:
        for i in rows:
            log_sum += eta[i]
            for a in range(p):
                gradient[a] += X[i, a]
        return log_sum, gradient, hessian
    if d == 1:  # the mean and the covariance over the risk set
        total = 0.0
        for i in rows:
            r = exponential(eta[i])
            total += r
            for a in range(p):
                gradient[a] += r * X[i, a]
                for b in range(a + 1):
                    hessian[a, b] += r * X[i, a] * X[i, b]
        for a in range(p):
            gradient[a] /= total
        for a in range(p):
            for b in range(a + 1):
                hessian[a, b] = hessian[a, b] / total - gradient[a] * gradient[b]
                hessian[b, a] = hessian[a, b]
        return natural_log(total), gradient, hessian
    level = _level(eta, rows, d)
    e = np.zeros(d + 1)
    g = np.zeros((d + 1, p))
    h = np.zeros((d + 1, p, p))
    e[0] = 1.0
    seen = 0
    for i in rows:
        z = eta[i] - level
        r, rest = 1.0 / (1.0 + exponential(-z)), 1.0 / (1.0 + exponential(z))
        log_sum += max(z, 0.0) + math.log1p(exponential(-abs(z)))
        seen += 1
        for k in range(min(d, seen), 0, -1):
            for a in range(p):
                xa = X[i, a]
                for b in range(a + 1):
                    xb = X[i, b]
                    h[k, a, b] = rest * h[k, a, b] + r * (
                        h[k - 1, a, b] + xa * g[k - 1, b] + xb * g[k - 1, a] + xa * xb * e[k - 1]
                    )
            for a in range(p):
                g[k, a] = rest * g[k, a] + r * (g[k - 1, a] + X[i, a] * e[k - 1])
            e[k] = rest * e[k] + r * e[k - 1]
        e[0] *= rest
    for a in range(p):
        gradient[a] = g[d, a] / e[d]
    for a in range(p):
        for b in range(a + 1):
            hessian[a, b] = h[d, a, b] / e[d] - gradient[a] * gradient[b]
            hessian[b, a] = hessian[a, b]
    return log_sum + natural_log(e[d]) + d * level, gradient, hessian


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
            log_sum, first, second = _group(data.X, eta - shift, rows, events.size)
            if not np.isfinite(log_sum):
                return float("nan"), np.full(p, np.nan), np.full((p, p), np.nan)
            loglik += float((eta[events] - shift).sum()) - log_sum
            gradient += data.X[events].sum(axis=0) - first
            information += second
        start = end
    return loglik, gradient, information
