"""Intervals of measures that a fit determines, whose apparent values hardly vary between resamples."""

from __future__ import annotations

from typing import Any

import numpy as np

from lbp_prognosis._base import LBPError, interval
from lbp_prognosis.evaluation import calibration
from lbp_prognosis.survival import outcome_kind

__all__ = ["FIXED_BY_FIT", "limits_of_calibration"]

FIXED_BY_FIT = ("observed_expected", "citl", "calibration_intercept", "calibration_slope", "u_index")
"""A model fitted by maximum likelihood has slope 1 and O/E near 1 in every resample it was fitted to."""


def limits_of_calibration(
    names: list[tuple[str, float, float]],
    corrected: np.ndarray,
    y: np.ndarray,
    risk: np.ndarray,
    lp: np.ndarray | None,
    *,
    cause: int,
    clusters: np.ndarray | None,
    confidence: float,
) -> tuple[np.ndarray, np.ndarray]:
    """Return limits around the corrected values as wide as those of these predictions, taken as given.

    Standard errors are those of `evaluation.calibration` (O/E on the log scale); NaN where there is none.
    """
    low, high = np.full(len(names), np.nan), np.full(len(names), np.nan)
    times = np.array(sorted({h for name, h, _ in names if name in FIXED_BY_FIT and np.isfinite(h)}))
    if not times.size or not np.isfinite(risk).all():
        return low, high
    given: dict[str, Any] = {} if lp is None or outcome_kind(y) != "right" else {"linear_predictor": lp}
    try:
        found = calibration(y, risk, times, cause=cause, clusters=clusters, n_resamples=0, **given)
    except LBPError:
        return low, high
    for k, (name, horizon, _) in enumerate(names):
        result = getattr(found, name, None) if name in FIXED_BY_FIT else None
        if result is None:
            continue
        place = int(np.flatnonzero(times == horizon)[0])
        value, se = (float(np.atleast_1d(getattr(result, part))[place]) for part in ("value", "se"))
        if name == "observed_expected":
            low[k], high[k] = interval(corrected[k], se * corrected[k] / value, confidence, "log")
        else:
            low[k], high[k] = interval(corrected[k], se, confidence)
    return low, high
