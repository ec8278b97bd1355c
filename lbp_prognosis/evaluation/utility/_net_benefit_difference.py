"""``NetBenefitDifference``: one strategy minus another, paired over patients."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from lbp_prognosis._base import Objection, Result, metric_frame, why_missing
from lbp_prognosis.evaluation.utility._drawn_horizon import drawn_horizon, grid_words, risk_words
from lbp_prognosis.evaluation.utility._threshold_range import ThresholdRange

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["NetBenefitDifference"]


@dataclass(frozen=True, repr=False)
class NetBenefitDifference(Result):
    """Difference of two net benefits; arrays have the shape (n_horizons, n_thresholds).

    Attributes
    ----------
    model, reference : str
        The difference is model − reference.
    horizons, thresholds : ndarray
        Axes.
    value, se, low, high : ndarray
        Estimate, standard error and pointwise limits.
    band_low, band_high : ndarray
        Simultaneous limits for all thresholds of a horizon; NaN without resamples.
    reason : tuple of str
        Why a horizon's values are NaN.
    """

    model: str
    reference: str
    horizons: np.ndarray
    thresholds: np.ndarray
    value: np.ndarray = field(repr=False)
    se: np.ndarray = field(repr=False)
    low: np.ndarray = field(repr=False)
    high: np.ndarray = field(repr=False)
    band_low: np.ndarray = field(repr=False)
    band_high: np.ndarray = field(repr=False)
    confidence: float
    method: str
    cause: int | None
    target: str
    n: int
    n_events: int
    reason: tuple[str, ...]
    threshold_range: ThresholdRange | None = None
    objections: tuple[Objection, ...] = ()
    synthetic: bool = False

    def to_frame(self) -> pd.DataFrame:
        """Return one row per horizon and threshold: evaluation columns, then threshold, target, reference, band."""
        rows = [
            {
                "model": self.model,
                "tier": "utility",
                "metric": "net_benefit",
                "cause": self.cause,
                "horizon": horizon,
                "value": self.value[h, k],
                "se": self.se[h, k],
                "low": self.low[h, k],
                "high": self.high[h, k],
                "confidence": self.confidence,
                "method": f"{self.method}; paired difference",
                "n": self.n,
                "n_events": self.n_events,
                "reason": self.reason_at(h, k),
                "threshold": threshold,
                "target": self.target,
                "reference": self.reference,
                "band_low": self.band_low[h, k],
                "band_high": self.band_high[h, k],
            }
            for h, horizon in enumerate(self.horizons)
            for k, threshold in enumerate(self.thresholds)
        ]
        return metric_frame(rows, extra=("threshold", "target", "reference", "band_low", "band_high"))

    def reason_at(self, h: int, k: int) -> str:
        """Return why the difference, or its interval, is missing at one threshold; empty if neither is.

        Parameters
        ----------
        h, k : int
            Places of the horizon and the threshold.
        """
        return why_missing(self.reason[h], self.value[h, k], self.low[h, k])

    def plot(self, ax: Axes | None = None, *, horizon: float | None = None, label: str = "") -> Axes:
        """Draw the difference at one horizon with its interval and band.

        Parameters
        ----------
        ax : Axes, optional
            Axes to draw on; a new figure by default.
        horizon : float, optional
            One of the horizons; the first with an estimate by default.
        label : str, default ""
            Name of the risk for the axis: "no recovery by 12 months"; event and horizon by default.
        """
        from lbp_prognosis._draw import draw_net_benefit_difference

        h = drawn_horizon(self.horizons, horizon, self.reason)
        frame = self.to_frame().sort_values("threshold", kind="stable")
        declared = self.threshold_range
        shade = None if declared is None else (declared.low, declared.high, declared.primary)
        return draw_net_benefit_difference(
            frame[frame["horizon"] == self.horizons[h]],
            shade=shade,
            ax=ax,
            label=label or risk_words(self.target, float(self.horizons[h])),
        )

    def _summary(self) -> str:
        return f"{self.model} − {self.reference}; {grid_words(self.thresholds, self.horizons)}"
