"""Random-effects pooling of k estimates with known sampling variances: y_s ~ N(θ, v_s + τ²)."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.optimize import brentq
from scipy.special import chdtri, gammaincinv, ndtr

__all__ = ["NewSite", "RandomEffects", "dersimonian_laird", "new_site", "q_profile", "reml"]


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


class NewSite(NamedTuple):
    """Predictive distribution of a new site's true value: normal distributions (m,) with weights that sum to 1."""

    mean: np.ndarray
    sd: np.ndarray
    weight: np.ndarray

    def below(self, at: float) -> float:
        """Probability of a value of at most ``at``."""
        return float(self.weight @ ndtr((at - self.mean) / self.sd))

    def quantile(self, share: float) -> float:
        """Return the value that is not exceeded with the probability ``share``."""
        centre, step = float(np.median(self.mean)), float(np.median(self.sd))
        while not self.below(centre - step) < share < self.below(centre + step):
            step *= 2
        limits = (centre - step, centre + step)
        return float(brentq(lambda at: self.below(at) - share, *limits, xtol=1e-12 * step, rtol=1e-13))


_REACH, _NODES, _HALVINGS = 8.0, 401, 60


def new_site(y: np.ndarray, v: np.ndarray) -> NewSite:
    """Distribution of a new site's value from the confidence distribution of τ².

    At the true τ² the generalised Q(τ²) = Σ w (y − μ̂)² with w = 1/(v + τ²) has χ² with k − 1 degrees of freedom and is
    independent of (μ̂ − μ) √Σw, a standard normal variable. Each quantile q of χ² therefore gives a value of τ² (where
    Q(τ²) = q; 0 where Q(0) is smaller) and N(μ̂, 1/Σw + τ²) for a new site's value. The mean over the quantiles is taken
    by the trapezoid rule on the normal scale.
    """
    z = np.linspace(-_REACH, _REACH, _NODES)
    weight = np.exp(-(z**2) / 2)
    half = (y.size - 1) / 2
    q = np.where(z <= 0, chdtri(2 * half, ndtr(z)), 2 * gammaincinv(half, ndtr(-z)))
    spread = float(np.sum((y - y.mean()) ** 2))

    def at(tau2: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        w = 1 / (v + tau2[:, None])
        total = w.sum(axis=1)
        mean = (w @ y) / total
        return np.sum(w * (y - mean[:, None]) ** 2, axis=1), mean, total

    # Q lies between the sums of squares over the largest and over the smallest v + τ²
    low, high = (np.maximum(spread / q - float(edge), 0.0) for edge in (v.max(), v.min()))
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        above = at(middle)[0] > q
        low, high = np.where(above, middle, low), np.where(above, high, middle)
    tau2 = np.where(at(np.zeros(q.size))[0] <= q, 0.0, (low + high) / 2)
    _, mean, total = at(tau2)
    return NewSite(mean, np.sqrt(tau2 + 1 / total), weight / weight.sum())
