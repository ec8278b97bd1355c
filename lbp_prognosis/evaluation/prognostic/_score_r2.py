"""``score_r2``: proportion of the variance of the scores that the predictions explain."""

from __future__ import annotations

from typing import Any

import numpy as np

from lbp_prognosis._base import MetricResult, takes_rows
from lbp_prognosis.evaluation.prognostic._score_setting import ScoreSetting

__all__ = ["score_r2"]


@takes_rows()
def score_r2(
    y: np.ndarray,
    predicted: Any,
    *,
    sample_weight: Any = None,
    clusters: Any = None,
    confidence: float = 0.95,
    min_at_risk: float = 10,
) -> MetricResult:
    """Return 1 − mean squared error / variance of the scores, without recalibration.

    Parameters
    ----------
    y : ndarray of shape (n,)
        `Measured.at`; rows with a missing score are excluded.
    predicted : array-like of shape (n,) or ScoreForecast
        Predicted scores; for a forecast, its mean.
    sample_weight : array-like of shape (n,) or Weights, optional
        Row weights; `Weights` of kind ``"attrition"`` (see ``validation.attrition_weights``) weight the observed
        patients to represent all patients.
    clusters : array-like of shape (n,), optional
        Cluster of each row, e.g. patient or site, for the standard error.
    confidence : float, default 0.95
        Level of the interval.
    min_at_risk : float, default 10
        Smallest accepted number of observed scores; below it the value is NaN with a reason.

    Returns
    -------
    MetricResult
        Metric ``"score_r2"``, with influence values; negative if the predictions are worse than the overall mean.

    Notes
    -----
    The predictions are not recalibrated, so the value is not a squared correlation. In the development sample of a
    linear model, the value is the usual R².

    Examples
    --------
    >>> from lbp_prognosis.survival import Measured
    >>> from lbp_prognosis.evaluation.prognostic import score_r2
    >>> y = Measured.at(12, [0, 2, 4], lower=0, upper=10)
    >>> score_r2(y, [1, 2, 3], min_at_risk=0).value, score_r2(y, [2, 2, 2], min_at_risk=0).value
    (0.75, 0.0)
    """
    setting = ScoreSetting.check(
        y,
        caller="score_r2",
        sample_weight=sample_weight,
        clusters=clusters,
        confidence=confidence,
        min_at_risk=min_at_risk,
    )
    squared = (setting.value - setting.predicted(predicted, "mean")) ** 2
    value, own, reason = np.nan, None, setting.reason
    if not reason:
        spread = (setting.value - setting.mean(setting.value)) ** 2
        variance = setting.mean(spread)
        if variance > 0:
            value = 1 - setting.mean(squared) / variance
            own = ((1 - value) * spread - squared) / variance
        else:
            reason = "all scores are equal"
    return setting.result("score_r2", value, own, method="predictions as given", reason=reason)
