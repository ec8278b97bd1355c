"""Thresholds reached by each risk: the one place where risks and thresholds are compared."""

from __future__ import annotations

import numpy as np

__all__ = ["RESOLUTION", "reaches", "threshold_bins"]

RESOLUTION = 1e-7
"""Risks nearer to a threshold than this are at it.

A risk of 0.35 held in single precision is 0.34999999404, and 1 − 0.9 is 0.09999999999999998: neither is below its
threshold. Numbers in [0, 1] are within 3e-8 of what they mean in single precision, and within 6e-8 after 1 − (1 − p).
"""


def reaches(risk: np.ndarray, threshold: np.ndarray | float, strict: bool = False) -> np.ndarray:
    """Say where a risk is at or above the threshold, or above it when ``strict``; up to `RESOLUTION`.

    Parameters
    ----------
    risk, threshold : ndarray or float
        Of shapes that broadcast; a missing risk reaches nothing.
    strict : bool, default False
        A risk at the threshold does not reach it.
    """
    with np.errstate(invalid="ignore"):
        return np.asarray(risk) > threshold + RESOLUTION if strict else np.asarray(risk) >= threshold - RESOLUTION


def threshold_bins(risk: np.ndarray, thresholds: np.ndarray, strict: bool = False) -> np.ndarray:
    """Return how many of the increasing thresholds each risk `reaches`."""
    if strict:
        return np.searchsorted(thresholds + RESOLUTION, risk, side="left").astype(np.int64, copy=False)
    return np.searchsorted(thresholds - RESOLUTION, risk, side="right").astype(np.int64, copy=False)
