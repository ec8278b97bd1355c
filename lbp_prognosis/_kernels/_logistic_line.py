"""Recalibration of log odds: intercept alone, or intercept and slope, by Newton's method."""

from __future__ import annotations

import numpy as np
from scipy.special import expit

__all__ = ["logistic_level", "logistic_line"]


def _loglik(eta: np.ndarray, y: np.ndarray) -> float:
    return float(np.sum(y * eta - np.logaddexp(0.0, eta)))


def logistic_level(lp: np.ndarray, y: np.ndarray, max_iter: int = 100) -> tuple[float, float]:
    """Return the intercept a of logit p = a + lp, and the log-likelihood; ±inf if all outcomes are alike."""
    share = y.mean()
    if share in (0.0, 1.0):
        return (np.inf if share else -np.inf), 0.0
    a = 0.0
    for _ in range(max_iter):
        p = expit(a + lp)
        curvature = float(np.sum(p * (1 - p)))
        step = float(np.sum(y - p)) / max(curvature, 1e-12)
        a += float(np.clip(step, -4, 4))
        if abs(step) < 1e-12:
            break
    return a, _loglik(a + lp, y)


def logistic_line(lp: np.ndarray, y: np.ndarray, max_iter: int = 100) -> tuple[float, float, float]:
    """Return a, b of logit p = a + b lp, and the log-likelihood; NaN where separated or constant."""
    spread = lp.std()
    if spread < 1e-12 or y.min() == y.max():
        return np.nan, np.nan, np.nan
    centre = lp.mean()
    x = (lp - centre) / spread
    a = float(np.log(y.mean() / (1 - y.mean())))
    b = 0.0
    current = _loglik(a + b * x, y)
    for _ in range(max_iter):
        p = expit(a + b * x)
        v = p * (1 - p)
        g0, g1 = float(np.sum(y - p)), float(np.sum((y - p) * x))
        h00, h01, h11 = float(v.sum()), float(np.sum(v * x)), float(np.sum(v * x * x))
        det = h00 * h11 - h01**2
        if det <= 1e-300:
            return np.nan, np.nan, np.nan
        s0, s1 = (h11 * g0 - h01 * g1) / det, (h00 * g1 - h01 * g0) / det
        factor = 1.0
        while True:
            trial = _loglik(a + factor * s0 + (b + factor * s1) * x, y)
            if trial >= current - 1e-12 * (1 + abs(current)) or factor < 1e-8:
                break
            factor /= 2
        a, b, current = a + factor * s0, b + factor * s1, trial
        if abs(b) > 1e4:
            return np.nan, np.nan, np.nan
        if max(abs(s0), abs(s1)) < 1e-11:
            break
    return a - b * centre / spread, b / spread, current
