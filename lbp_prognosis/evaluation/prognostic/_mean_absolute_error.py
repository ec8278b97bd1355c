"""``mean_absolute_error``: mean distance of predicted from observed scores."""

from __future__ import annotations

from typing import Any

import numpy as np

from lbp_prognosis._base import MetricResult, takes_rows
from lbp_prognosis.evaluation.prognostic._score_setting import ScoreSetting

__all__ = ["mean_absolute_error"]


@takes_rows()
def mean_absolute_error(
    y: np.ndarray,
    predicted: Any,
    *,
    sample_weight: Any = None,
    clusters: Any = None,
    confidence: float = 0.95,
    min_at_risk: float = 10,
) -> MetricResult:
    """Return the mean absolute difference between predicted and observed scores, in points; lower is better.

    Parameters
    ----------
    y : ndarray of shape (n,)
        `Measured.at`; rows with a missing score are excluded.
    predicted : array-like of shape (n,) or ScoreForecast
        Predicted scores. For a forecast, the median is used, which minimises the expected error.
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
        Metric ``"mae"``, with influence values; the difference of two results is paired.

    Examples
    --------
    >>> from lbp_prognosis.survival import Measured
    >>> from lbp_prognosis.evaluation.prognostic import mean_absolute_error
    >>> mean_absolute_error(Measured.at(12, [0, 5, None], lower=0, upper=10), [1, 3, 9], min_at_risk=0).value
    1.5
    """
    setting = ScoreSetting.check(
        y,
        caller="mean_absolute_error",
        sample_weight=sample_weight,
        clusters=clusters,
        confidence=confidence,
        min_at_risk=min_at_risk,
    )
    error = np.abs(setting.value - setting.predicted(predicted, "median"))
    mean = np.nan if setting.reason else setting.mean(error)
    return setting.result("mae", mean, error - mean, method="patients whose score is known", reason=setting.reason)
