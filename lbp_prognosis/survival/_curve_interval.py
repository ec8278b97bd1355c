"""Pointwise confidence limits of a curve on the scales R's ``survfit`` knows."""

from __future__ import annotations

import numpy as np

from lbp_prognosis._base import norm

__all__ = ["INTERVALS", "curve_interval", "hazard_interval"]

INTERVALS = ("log-log", "log", "plain", "logit", "arcsin")


def curve_interval(p: np.ndarray, se: np.ndarray, confidence: float, kind: str) -> tuple[np.ndarray, np.ndarray]:
    """Limits of a probability; both equal ``p`` before the first event and are NaN if ``se`` is NaN.

    With z the normal quantile: plain p ± z·se; log p·exp(±z·se/p); log-log p^exp(±z·se/(p log p)); logit; and arcsin,
    sin²(asin √p ± z·se/(2√(p(1−p)))). Limits are kept in [0, 1].
    """
    z = float(norm.ppf(0.5 + confidence / 2))
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        if kind == "plain":
            low, high = p - z * se, p + z * se
        elif kind == "log":
            low, high = p * np.exp(-z * se / p), p * np.exp(z * se / p)
        elif kind == "log-log":
            half = z * se / (p * np.log(p))
            low, high = p ** np.exp(-half), p ** np.exp(half)
        elif kind == "logit":
            odds, half = np.log(p) - np.log1p(-p), z * se / (p * (1 - p))
            low, high = 1 / (1 + np.exp(-odds + half)), 1 / (1 + np.exp(-odds - half))
        else:
            angle, half = np.arcsin(np.sqrt(p)), z * se / (2 * np.sqrt(p * (1 - p)))
            low = np.sin(np.maximum(angle - half, 0.0)) ** 2
            high = np.sin(np.minimum(angle + half, np.pi / 2)) ** 2
    still = se == 0
    # minimum/maximum of the pair: log-log half-widths are negative, because log p is negative
    lower = np.where(still, p, np.clip(np.minimum(low, high), 0.0, 1.0))
    upper = np.where(still, p, np.clip(np.maximum(low, high), 0.0, 1.0))
    return np.where(np.isnan(se), np.nan, lower), np.where(np.isnan(se), np.nan, upper)


def hazard_interval(h: np.ndarray, se: np.ndarray, confidence: float, kind: str) -> tuple[np.ndarray, np.ndarray]:
    """Limits for a cumulative hazard, plain (kept at 0 or above) or log: H·exp(±z·se/H)."""
    z = float(norm.ppf(0.5 + confidence / 2))
    if kind == "plain":
        return np.maximum(h - z * se, 0.0), h + z * se
    with np.errstate(divide="ignore", invalid="ignore"):
        factor = np.where(h > 0, np.exp(z * se / h), 1.0)
    return h / factor, h * factor
