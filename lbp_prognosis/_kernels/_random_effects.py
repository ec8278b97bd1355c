"""Random-effects pooling of k estimates with known sampling variances: y_s ~ N(θ, v_s + τ²)."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.optimize import brentq

__all__ = ["RandomEffects", "dersimonian_laird", "q_profile", "reml"]


class RandomEffects(NamedTuple):
    """Pooled mean, its Wald standard error, τ², the scaled residual sum of squares q, and Cochran's Q."""

    mean: float
    se: float
    tau2: float
    q: float
    cochran_q: float
    converged: bool


def _generalised_q(y: np.ndarray, v: np.ndarray, tau2: float) -> float:
    w = 1 / (v + tau2)
    return float(np.sum(w * (y - np.sum(w * y) / np.sum(w)) ** 2))


def reml(y: np.ndarray, v: np.ndarray, max_iter: int = 500, tol: float = 1e-13) -> RandomEffects:
    """Restricted maximum likelihood by Fisher scoring, τ² kept at or above zero."""
    k = y.size
    tau2, converged = max(0.0, float(np.var(y, ddof=1) - v.mean())), False
    for _ in range(max_iter):
        w = 1 / (v + tau2)
        total = w.sum()
        residual = y - np.sum(w * y) / total
        trace_p = total - np.sum(w**2) / total
        trace_pp = np.sum(w**2) - 2 * np.sum(w**3) / total + (np.sum(w**2) / total) ** 2
        step = (np.sum(w**2 * residual**2) - trace_p) / trace_pp
        new = max(0.0, tau2 + step)
        converged = abs(new - tau2) <= tol * max(1.0, tau2)
        tau2 = new
        if converged:
            break
    w = 1 / (v + tau2)
    mean = float(np.sum(w * y) / w.sum())
    q = float(np.sum(w * (y - mean) ** 2) / (k - 1))
    return RandomEffects(mean, float(1 / np.sqrt(w.sum())), tau2, q, _generalised_q(y, v, 0.0), converged)


def dersimonian_laird(y: np.ndarray, v: np.ndarray) -> float:
    """Moment estimate of τ²."""
    w = 1 / v
    scale = w.sum() - np.sum(w**2) / w.sum()
    return max(0.0, (_generalised_q(y, v, 0.0) - (y.size - 1)) / scale)


def q_profile(y: np.ndarray, v: np.ndarray, confidence: float) -> tuple[float, float]:
    """Interval for τ² by inverting the generalised Q statistic, χ² with k−1 degrees of freedom at the truth."""
    from scipy.stats import chi2

    df = y.size - 1

    def solve(target: float) -> float:
        if _generalised_q(y, v, 0.0) <= target:
            return 0.0
        upper = max(1.0, 100 * float(np.var(y)), 100 * float(v.max()))
        while _generalised_q(y, v, upper) > target:
            upper *= 10
        return float(brentq(lambda tau2: _generalised_q(y, v, tau2) - target, 0.0, upper, xtol=1e-14, rtol=1e-13))

    tail = (1 - confidence) / 2
    return solve(float(chi2.isf(tail, df))), solve(float(chi2.ppf(tail, df)))
