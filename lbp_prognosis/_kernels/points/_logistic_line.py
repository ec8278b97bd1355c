"""Recalibration of log odds: intercept alone, or intercept and slope, by Newton's method."""

from __future__ import annotations

import numpy as np
from scipy.special import expit

__all__ = ["logistic_level", "logistic_line"]


def _loglik(eta: np.ndarray, y: np.ndarray, copies: np.ndarray) -> float:
    return float(copies @ (y * eta - np.logaddexp(0.0, eta)))


def _counted(
    lp: np.ndarray, y: np.ndarray, copies: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray, np.ndarray, float]:
    """Leave out rows without copies, of which nothing is known."""
    if copies is None:
        return lp, y, np.ones(y.size), float(y.size)
    some = copies > 0
    return lp[some], y[some], copies[some], float(copies.sum())


def logistic_level(
    lp: np.ndarray, y: np.ndarray, copies: np.ndarray | None = None, max_iter: int = 100
) -> tuple[float, float]:
    """Return the intercept a of logit p = a + lp, and the log-likelihood; ±inf if all outcomes are alike.

    ``copies`` (n,) says how many identical rows each row stands for, possibly 0.
    """
    lp, y, copies, n = _counted(lp, y, copies)
    share = float(copies @ y) / n
    if share in (0.0, 1.0):
        return (np.inf if share else -np.inf), 0.0
    a = 0.0
    for _ in range(max_iter):
        p = expit(a + lp)
        curvature = float(copies @ (p * (1 - p)))
        step = float(copies @ (y - p)) / max(curvature, 1e-12)
        a += float(np.clip(step, -4, 4))
        if abs(step) < 1e-12:
            break
    return a, _loglik(a + lp, y, copies)


def logistic_line(
    lp: np.ndarray, y: np.ndarray, copies: np.ndarray | None = None, max_iter: int = 100
) -> tuple[float, float, float]:
    """Return a, b of logit p = a + b lp, and the log-likelihood; NaN where separated or constant.

    ``copies`` (n,) says how many identical rows each row stands for, possibly 0.
    """
    lp, y, copies, n = _counted(lp, y, copies)
    centre = float(copies @ lp) / n
    spread = float(np.sqrt(copies @ (lp - centre) ** 2 / n))
    if spread < 1e-12 or y.min() == y.max():
        return np.nan, np.nan, np.nan
    x = (lp - centre) / spread
    share = float(copies @ y) / n
    a = float(np.log(share / (1 - share)))
    b = 0.0
    current = _loglik(a + b * x, y, copies)
    for _ in range(max_iter):
        p = expit(a + b * x)
        v, rest = copies * p * (1 - p), copies * (y - p)
        g0, g1 = float(np.sum(rest)), float(np.sum(rest * x))
        h00, h01, h11 = float(v.sum()), float(np.sum(v * x)), float(np.sum(v * x * x))
        det = h00 * h11 - h01**2
        if det <= 1e-300:
            return np.nan, np.nan, np.nan
        s0, s1 = (h11 * g0 - h01 * g1) / det, (h00 * g1 - h01 * g0) / det
        factor = 1.0
        while True:
            trial = _loglik(a + factor * s0 + (b + factor * s1) * x, y, copies)
            if trial >= current - 1e-12 * (1 + abs(current)) or factor < 1e-8:
                break
            factor /= 2
        a, b, current = a + factor * s0, b + factor * s1, trial
        if abs(b) > 1e4:
            return np.nan, np.nan, np.nan
        if max(abs(s0), abs(s1)) < 1e-11:
            break
    return a - b * centre / spread, b / spread, current
