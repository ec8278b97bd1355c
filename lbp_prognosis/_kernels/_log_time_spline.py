"""Royston and Parmar's natural cubic spline in log time, and its derivative."""

from __future__ import annotations

import numpy as np

__all__ = ["log_time_knots", "log_time_spline"]


def log_time_knots(log_time: np.ndarray, df: int, weights: np.ndarray | None = None) -> np.ndarray:
    """Return df + 1 knots: the extremes and equally spaced centiles (type 7) of the log event times.

    With weights, a weight of w counts as w copies: the quantile at probability p is read at position 1 + (W − 1) p.
    """
    order = np.argsort(log_time, kind="stable")
    x = log_time[order]
    w = np.ones(x.size) if weights is None else weights[order]
    x, w = x[w > 0], w[w > 0]
    end = np.cumsum(w)
    position = (end[-1] - 1) * np.linspace(0, 1, df + 1)
    low, rest = np.floor(position + 1e-9), np.clip(position - np.floor(position + 1e-9), 0, None)
    last = x.size - 1
    first = x[np.minimum(np.searchsorted(end, low, side="right"), last)]
    second = x[np.minimum(np.searchsorted(end, low + 1, side="right"), last)]
    return first + rest * (second - first)


def log_time_spline(x: np.ndarray, knots: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the basis ``(n, m)`` = [1, x, v₁, …, v₍ₘ₋₂₎] for m knots, and its derivative in x.

    v_j = (x − k_j)³₊ − λ_j (x − k_min)³₊ − (1 − λ_j)(x − k_max)³₊ with λ_j = (k_max − k_j) / (k_max − k_min): linear
    beyond the boundary knots.
    """
    low, high, inner = knots[0], knots[-1], knots[1:-1]
    share = (high - inner) / (high - low)
    inside, below, above = (np.maximum(x[:, None] - k, 0) for k in (inner, low, high))
    basis = inside**3 - share * below**3 - (1 - share) * above**3
    slope = 3 * (inside**2 - share * below**2 - (1 - share) * above**2)
    ones = np.ones((x.size, 1))
    return np.hstack([ones, x[:, None], basis]), np.hstack([0 * ones, ones, slope])
