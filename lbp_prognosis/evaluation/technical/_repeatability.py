"""Repeatability of one method: within-subject spread in the unit of the measurement and in per cent."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from lbp_prognosis._base import (
    Result,
    argument_error,
    check_confidence,
    chi2,
    metric_frame,
    takes_rows,
)
from lbp_prognosis.evaluation.technical._ratings import check_ratings

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["Repeatability", "repeatability"]


@dataclass(frozen=True, repr=False)
class Repeatability(Result):
    """Within-subject standard deviation and coefficient of variation.

    Attributes
    ----------
    within_sd, within_sd_low, within_sd_high : float
        Pooled within-subject standard deviation with its χ² interval.
    repeatability_coefficient : float
        1.96 √2 times it: two readings of one patient differ by less in 95 %.
    within_cv : float
        Root mean square of the within-subject coefficients of variation; NaN unless all measurements are positive.
    n, k : int
        Subjects and readings a subject.
    """

    within_sd: float
    within_sd_low: float
    within_sd_high: float
    repeatability_coefficient: float
    within_cv: float
    confidence: float
    n: int
    k: int

    def to_frame(self) -> pd.DataFrame:
        """Return rows ``within_sd``, ``repeatability_coefficient``, ``within_cv``."""
        common = {"tier": "technical", "n": self.n, "confidence": self.confidence}
        ratio = 1.96 * np.sqrt(2)
        return metric_frame(
            [
                {
                    "metric": "within_sd",
                    "value": self.within_sd,
                    "low": self.within_sd_low,
                    "high": self.within_sd_high,
                    "method": "χ²",
                    **common,
                },
                {
                    "metric": "repeatability_coefficient",
                    "value": self.repeatability_coefficient,
                    "low": ratio * self.within_sd_low,
                    "high": ratio * self.within_sd_high,
                    "method": "χ²",
                    **common,
                },
                {
                    "metric": "within_cv",
                    "value": self.within_cv,
                    "method": "root mean square",
                    "reason": "" if np.isfinite(self.within_cv) else "measurements are not all positive",
                    **common,
                },
            ]
        )

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the within-subject standard deviation and the repeatability coefficient.

        Parameters
        ----------
        ax : Axes, optional
            Axes to draw on; a new figure by default.
        """
        from lbp_prognosis._draw import draw_estimates

        frame = self.to_frame().iloc[:2]  # the coefficient of variation has another unit
        return draw_estimates(
            frame.assign(label=["within-subject SD", "repeatability coefficient"]),
            axis="unit of the measurement",
            digits=".3g",
            ax=ax,
        )

    def _summary(self) -> str:
        return f"within-subject SD {self.within_sd:.3g}, coefficient {self.repeatability_coefficient:.3g}, n = {self.n}"


@takes_rows()
def repeatability(ratings: Any, *, confidence: float = 0.95) -> Repeatability:
    """Within-subject spread of repeated readings by one method.

    Parameters
    ----------
    ratings : array-like of shape (n_subjects, k)
        Repeated readings; one row per subject.
    confidence : float, default 0.95
        Level of the interval.

    Notes
    -----
    s_w² is the mean of the subjects' variances, with n (k − 1) degrees of freedom.
    """
    x = check_ratings(ratings)
    confidence = check_confidence(confidence)
    n, k = x.shape
    variances = x.var(axis=1, ddof=1)
    df = n * (k - 1)
    mean_square = float(variances.mean())
    if mean_square == 0:
        raise argument_error("ratings", "readings that differ at least once", "identical readings throughout")
    low, high = (
        float(np.sqrt(mean_square * df / chi2.ppf(q, df))) for q in (0.5 + confidence / 2, 0.5 - confidence / 2)
    )
    positive = bool((x > 0).all())
    cv = float(np.sqrt(np.mean(variances / x.mean(axis=1) ** 2))) if positive else float("nan")
    sd = float(np.sqrt(mean_square))
    return Repeatability(sd, low, high, float(1.96 * np.sqrt(2) * sd), cv, confidence, n, k)
