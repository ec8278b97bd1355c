"""Values of curves at given times, with uncertainty and numbers at risk."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from lbp_prognosis._base import Objection, Result, metric_frame

__all__ = ["CurveValues"]


@dataclass(frozen=True, repr=False)
class CurveValues(Result):
    """Values of a curve, or of one curve per stratum, at given times.

    ``numpy.asarray(values)`` gives ``value``. Without strata, arrays have the shape of the times asked for (floats for
    a single number); with strata they are (n_strata, n_times).

    Attributes
    ----------
    quantity : {"survival", "incidence", "cumulative_hazard", "censoring_survival"}
        Quantity of the curve.
    horizon : float or ndarray of shape (n_times,)
        Times, in the unit of the outcome.
    value, se, low, high : float or ndarray
        Estimate, standard error and pointwise confidence limits; NaN with an explanation in ``reason``.
    at_risk : float or ndarray
        Number at risk: patients who entered before the time and were followed at least to it (``entry < t <= time``).
    reason : str or ndarray of str
        Reason for a NaN value; empty otherwise.
    strata : tuple
        Labels of the strata, empty without strata.
    confidence : float
        Level of the limits.
    method : str
        Estimator, variance and kind of interval.
    cause : int or None
        Cause of an incidence.
    n, n_events : ndarray of int of shape (n_strata,)
        Patients and events.
    """

    quantity: str
    horizon: Any
    value: Any
    se: Any
    low: Any
    high: Any
    at_risk: Any
    reason: Any
    strata: tuple[Any, ...]
    confidence: float
    method: str
    cause: int | None
    n: np.ndarray
    n_events: np.ndarray
    objections: tuple[Objection, ...] = ()
    synthetic: bool = False

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.array(self.value, dtype=dtype)

    def __float__(self) -> float:
        return float(self.value)

    def to_frame(self) -> pd.DataFrame:
        """Return one row per stratum and time, with `METRIC_COLUMNS` (``group`` is the stratum), then ``at_risk``."""
        times = np.atleast_1d(np.asarray(self.horizon, dtype=float))
        labels = self.strata or ("",)

        def grid(values: Any) -> np.ndarray:
            return np.asarray(values).reshape(len(labels), times.size)

        value, se, low, high = grid(self.value), grid(self.se), grid(self.low), grid(self.high)
        at_risk, reason = grid(self.at_risk), grid(self.reason)
        rows = [
            {
                "metric": self.quantity,
                "cause": self.cause,
                "horizon": times[j],
                "group": str(label),
                "value": value[k, j],
                "se": se[k, j],
                "low": low[k, j],
                "high": high[k, j],
                "confidence": self.confidence,
                "method": self.method,
                "n": int(self.n[k]),
                "n_events": int(self.n_events[k]),
                "reason": str(reason[k, j]),
                "at_risk": at_risk[k, j],
            }
            for k, label in enumerate(labels)
            for j in range(times.size)
        ]
        return metric_frame(rows, extra=("at_risk",))

    def _summary(self) -> str:
        if np.ndim(self.value) == 0:
            if self.reason and np.isnan(self.value):
                return f"{self.quantity} at {self.horizon:g} not estimable: {self.reason}"
            return f"{self.quantity} at {self.horizon:g} {self.value:.4g} ({self.low:.4g} to {self.high:.4g})"
        if np.ndim(self.value) > 1 or np.size(self.value) > 3:
            return f"{self.quantity} at {np.size(self.horizon)} times"
        rows = zip(self.value, self.low, self.high, np.broadcast_to(self.horizon, np.shape(self.value)))
        return f"{self.quantity} " + "; ".join(
            f"{value:.4g} ({low:.4g} to {high:.4g}) at {time:g}" for value, low, high, time in rows
        )
