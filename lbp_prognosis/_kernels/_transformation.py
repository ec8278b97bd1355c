"""Maximum likelihood of linear transformation models: S(t | x) = S₀(z), z linear in the parameters.

One likelihood holds the accelerated failure time models (z = γ₀ + γ₁ log t + xβ) and the Royston–Parmar models (z a
spline in log t, + xβ) for exact, right-, left- and interval-censored times with delayed entry. With a log-concave
density and without delayed entry it is concave in the parameters, so Newton's method with step-halving finds the one
maximum.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
from scipy import linalg, special

from lbp_prognosis._kernels._gamma_tails import gamma_tails

__all__ = [
    "TransformationDesign",
    "TransformationFit",
    "generalised_gamma_scale",
    "transformation_fit",
    "transformation_parts",
    "transformation_rows",
    "transformation_scale",
]

Scale = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]]
"""z -> log S₀(z), log p(z), (log p)′(z), (log p)″(z), with p = −S₀′."""

_HALF_LOG_2PI = 0.5 * np.log(2 * np.pi)


@dataclass(frozen=True)
class TransformationDesign:
    """Rows of z at the times that enter the likelihood, each ``(n, P)`` with an offset ``(n,)``.

    ``kind`` is 0 (right-censored at the time), 1 (exact) or 2 (interval: the time is the upper end). An offset of −inf
    stands for time 0, where S₀ = 1. ``slope`` is dz / d log t, used where kind is 1.
    """

    kind: np.ndarray
    time: np.ndarray
    time_offset: np.ndarray
    slope: np.ndarray
    slope_offset: np.ndarray
    lower: np.ndarray
    lower_offset: np.ndarray
    entry: np.ndarray | None = None
    entry_offset: np.ndarray | None = None


@dataclass(frozen=True)
class TransformationFit:
    """The maximum: parameters, observed information, log-likelihood and how it was reached."""

    coef: np.ndarray
    information: np.ndarray
    loglik: float
    iterations: int
    converged: bool


def _hazard(z: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    e = np.exp(z)
    return -e, z - e, 1 - e, -e


def _odds(z: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    log_survival = -np.logaddexp(0, z)
    p = special.expit(z)
    with np.errstate(invalid="ignore"):  # z = −inf stands for time 0; its density is never used
        density = z + 2 * log_survival
    return log_survival, density, 1 - 2 * p, -2 * p * (1 - p)


def _normal(z: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    return special.log_ndtr(-z), -0.5 * z * z - _HALF_LOG_2PI, -z, np.full_like(z, -1.0)


def _gamma(z: np.ndarray, q: float) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Log-gamma survival on Prentice's scale; q = 1 is the hazard scale, q → 0 the normal."""
    k = q**-2
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        e = np.exp(q * z)
        density = np.log(abs(q)) + _log_gamma_constant(k) + k * (q * z - np.expm1(q * z))
        rest, tail = gamma_tails(k, q * z)
        if q < 0:
            tail, rest = rest, tail
        # Far in the tail S underflows before its logarithm does: first term of the asymptotic expansion.
        slope = (1 - e) / q
        log_survival = np.where(
            tail > 0, np.log(np.maximum(tail, 5e-324)), density - np.log(np.maximum(-slope, 1e-300))
        )
        # an interval from 0 needs 1 − S to its last digit, however small
        log_survival = np.where(rest < 0.5, np.log1p(-rest), log_survival)
    return log_survival, density, slope, -e


def _log_gamma_constant(k: float) -> float:
    """log(kᵏ e⁻ᵏ / Γ(k)), by Stirling's series where its terms would cancel."""
    if k < 50:
        return float(k * np.log(k) - k - special.gammaln(k))
    return float(0.5 * np.log(k / (2 * np.pi)) - 1 / (12 * k) + 1 / (360 * k**3) - 1 / (1260 * k**5))


def transformation_scale(name: str) -> Scale:
    """Return the survival function S₀ of ``"hazard"`` (extreme value), ``"odds"`` (logistic) or ``"normal"``."""
    return {"hazard": _hazard, "odds": _odds, "normal": _normal}[name]


def generalised_gamma_scale(q: float) -> Scale:
    """Return S₀ of the log generalised gamma with shape q (Prentice); within 1e-6 of 0 it is the normal."""
    return _normal if abs(q) < 1e-6 else partial(_gamma, q=q)


def transformation_parts(design: TransformationDesign, scale: Scale, theta: np.ndarray) -> tuple[np.ndarray, ...]:
    """Per-row log-likelihood and its first and second derivatives in z(time), z(lower), slope and z(entry)."""
    kind = design.kind
    n = kind.size
    out = np.zeros((10, n))
    loglik, g_t, h_tt, g_l, h_ll, h_tl, g_s, h_ss, g_e, h_ee = out
    z = design.time @ theta + design.time_offset
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        log_s, log_p, d1, d2 = scale(z)
        finite = np.isfinite(z)

        right = (kind == 0) & finite
        mills = np.exp(log_p[right] - log_s[right])
        loglik[right], g_t[right], h_tt[right] = log_s[right], -mills, -mills * (d1[right] + mills)

        exact = kind == 1
        slope = design.slope[exact] @ theta + design.slope_offset[exact]
        loglik[exact] = log_p[exact] + np.log(np.where(slope > 0, slope, np.nan))
        g_t[exact], h_tt[exact] = d1[exact], d2[exact]
        g_s[exact], h_ss[exact] = 1 / slope, -1 / slope**2

        between = kind == 2
        low = design.lower[between] @ theta + design.lower_offset[between]
        log_sl, log_pl, e1, _ = scale(low)
        from_zero = np.isneginf(low)
        log_sl[from_zero] = 0.0
        gap = log_sl + np.log(-np.expm1(np.minimum(log_s[between] - log_sl, -5e-324)))
        # 1 − S(upper) below the smallest number: first term of its expansion
        early = from_zero & (log_s[between] > -1e-300)
        gap[early] = log_p[between][early] - np.log(d1[between][early])
        # S(lower) − S(upper) of a narrow interval is lost in rounding: density in its middle times its width
        narrow = ~from_zero & (log_sl - log_s[between] < 1e-7)
        if narrow.any():
            high = z[between][narrow]
            gap[narrow] = scale((low[narrow] + high) / 2)[1] + np.log(high - low[narrow])
        upper_ratio = np.exp(log_p[between] - gap)
        lower_ratio = np.where(from_zero, 0.0, np.exp(log_pl - gap))
        lower_slope = np.where(from_zero, 0.0, e1)
        loglik[between], g_t[between], g_l[between] = gap, upper_ratio, -lower_ratio
        h_tt[between] = upper_ratio * (d1[between] - upper_ratio)
        h_ll[between] = -lower_ratio * (lower_slope + lower_ratio)
        h_tl[between] = upper_ratio * lower_ratio

        if design.entry is not None and design.entry_offset is not None:
            ze = design.entry @ theta + design.entry_offset
            late = np.isfinite(ze)
            log_se, log_pe, f1, _ = scale(ze[late])
            mills = np.exp(log_pe - log_se)
            loglik[late] -= log_se
            g_e[late], h_ee[late] = mills, mills * (f1 + mills)
    return loglik, g_t, h_tt, g_l, h_ll, h_tl, g_s, h_ss, g_e, h_ee


def transformation_rows(design: TransformationDesign, scale: Scale, theta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the log-likelihood ``(n,)`` and score ``(n, P)`` of each row, unweighted."""
    loglik, g_t, _, g_l, _, _, g_s, _, g_e, _ = transformation_parts(design, scale, theta)
    score = g_t[:, None] * design.time + g_l[:, None] * design.lower + g_s[:, None] * design.slope
    if design.entry is not None:
        score += g_e[:, None] * design.entry
    return loglik, score


def _second_order(
    design: TransformationDesign, scale: Scale, theta: np.ndarray, weights: np.ndarray
) -> tuple[float, np.ndarray, np.ndarray]:
    parts = np.where(weights > 0, np.stack(transformation_parts(design, scale, theta)), 0.0) * weights
    if not np.isfinite(parts).all():
        return -np.inf, np.empty(0), np.empty(0)
    loglik, g_t, h_tt, g_l, h_ll, h_tl, g_s, h_ss, g_e, h_ee = parts
    score = g_t @ design.time + g_l @ design.lower + g_s @ design.slope
    information = -(
        design.time.T @ (h_tt[:, None] * design.time)
        + design.lower.T @ (h_ll[:, None] * design.lower)
        + design.slope.T @ (h_ss[:, None] * design.slope)
    )
    cross = design.time.T @ (h_tl[:, None] * design.lower)
    information -= cross + cross.T
    if design.entry is not None:
        score = score + g_e @ design.entry
        information -= design.entry.T @ (h_ee[:, None] * design.entry)
    return float(loglik.sum()), score, information


def _newton_step(information: np.ndarray, score: np.ndarray) -> tuple[np.ndarray, bool]:
    """Solve for the step after scaling the information to unit diagonal; damp it until it is positive definite."""
    size = np.sqrt(np.maximum(np.abs(np.diag(information)), 1e-300))
    scaled = information / np.outer(size, size)
    damping = 0.0
    while True:
        try:
            factor = linalg.cho_factor(scaled + damping * np.eye(size.size))
            return linalg.cho_solve(factor, score / size) / size, damping == 0.0
        except linalg.LinAlgError:
            damping = max(10 * damping, 1e-6)


def transformation_fit(
    design: TransformationDesign,
    scale: Scale,
    start: np.ndarray,
    *,
    weights: np.ndarray | None = None,
    max_iter: int = 100,
    tol: float = 1e-11,
) -> TransformationFit:
    """Maximise the weighted log-likelihood (in log time: without the Jacobian −log t of exact times).

    Parameters
    ----------
    design : TransformationDesign
        Rows of z at the times of the likelihood.
    scale : callable
        From `transformation_scale` or `generalised_gamma_scale`.
    start : ndarray of shape (P,)
        Must give positive slopes at exact times.
    weights : ndarray of shape (n,), optional
        Row weights.
    max_iter : int
        Newton iterations.
    tol : float
        Stop after the full step whose Newton decrement (twice the gain it predicts) is below it: the error that
        is left is of the order of its square.
    """
    weights = np.ones(design.kind.size) if weights is None else weights
    theta = np.array(start, dtype=float)
    loglik, score, information = _second_order(design, scale, theta, weights)
    converged = False
    iteration = 0
    for iteration in range(1, max_iter + 1 if np.isfinite(loglik) else 1):  # noqa: B007
        step, definite = _newton_step(information, score)
        decrement = float(score @ step)
        fraction = 1.0
        while True:
            candidate = theta + fraction * step
            new = _second_order(design, scale, candidate, weights)
            # Near the maximum the gain is lost in rounding: allow for it.
            if new[0] >= loglik - 1e-12 * abs(loglik) or fraction < 1e-10:
                break
            fraction /= 2
        if not np.isfinite(new[0]):
            break
        theta, (loglik, score, information) = candidate, new
        if definite and fraction == 1.0 and decrement < tol * max(1.0, abs(loglik)) and decrement < 1e-6:
            converged = True
            break
    return TransformationFit(theta, information, loglik, iteration, converged)
