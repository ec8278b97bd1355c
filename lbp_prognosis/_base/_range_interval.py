"""Limits inside the range of a metric: where Wald's leave it, those of a scale without border."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.special import expit, logit

from lbp_prognosis._base._metric_registry import METRICS

__all__ = ["NEAR_BORDER", "clip_to_range", "inside_bounds", "inside_range"]

NEAR_BORDER = {
    "both": "logit limits where Wald's leave the range",
    "low": "log limits where Wald's leave the range",
    "high": "log limits of the distance to the maximum where Wald's leave the range",
}
"""Method text of a result, by the finite ends of the range."""


def inside_range(name: str, value: Any, low: Any, high: Any) -> tuple[np.ndarray, np.ndarray, str]:
    """Return limits that lie in the range of a metric, and what was done in words ("" if nothing).

    Parameters
    ----------
    name : str
        Metric.
    value, low, high : float or ndarray
        As in `inside_bounds`.
    """
    return inside_bounds(METRICS[name].low, METRICS[name].high, value, low, high)


def inside_bounds(least: float, most: float, value: Any, low: Any, high: Any) -> tuple[np.ndarray, np.ndarray, str]:
    """Return limits that lie between two ends, and what was done in words ("" if nothing).

    Limits that lie inside stay as they are. Others are made symmetric on the logit of the position in the range, or on
    the log of the distance to its one end, with their half width carried there by the delta method; an estimate on the
    border itself has no such scale, and its limits are cut.

    Parameters
    ----------
    least, most : float
        Ends of the range; one of them may be infinite.
    value, low, high : float or ndarray
        Estimate, and limits that are symmetric about it (Wald's, by quantiles of the normal or of t).
    """
    value, low, high = np.broadcast_arrays(*(np.asarray(part, dtype=float) for part in (value, low, high)))
    with np.errstate(invalid="ignore"):
        outside = (low < least) | (high > most)
    if not outside.any():
        return low, high, ""
    low, high = low.copy(), high.copy()
    at, half = value[outside], (high[outside] - low[outside]) / 2
    # on the border, and beyond it, there is no other scale: the limits are cut
    free = (at > least) & (at < most)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        if np.isfinite(least) and np.isfinite(most):
            width = most - least
            share = (at - least) / width
            centre, reach = logit(share), half / (width * share * (1 - share))
            lower, upper = least + width * expit(centre - reach), least + width * expit(centre + reach)
            words = NEAR_BORDER["both"]
        elif np.isfinite(least):
            reach = half / (at - least)
            lower, upper = least + (at - least) * np.exp(-reach), least + (at - least) * np.exp(reach)
            words = NEAR_BORDER["low"]
        else:
            reach = half / (most - at)
            lower, upper = most - (most - at) * np.exp(reach), most - (most - at) * np.exp(-reach)
            words = NEAR_BORDER["high"]
    low[outside] = np.where(free, lower, np.clip(low[outside], least, most))
    high[outside] = np.where(free, upper, np.clip(high[outside], least, most))
    return low, high, words


def clip_to_range(name: str, limits: Any) -> np.ndarray:
    """Cut limits that belong to no estimate on a scale of its own (percentiles, bands) to the range of a metric.

    Parameters
    ----------
    name : str
        Metric.
    limits : float or ndarray
        Limits; NaN stays.
    """
    return np.clip(np.asarray(limits, dtype=float), METRICS[name].low, METRICS[name].high)
