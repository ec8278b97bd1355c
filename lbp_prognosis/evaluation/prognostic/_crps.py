"""``crps``: distance of the predicted distribution of a score from the observed score."""

from __future__ import annotations

from typing import Any

import numpy as np

from lbp_prognosis._base import MetricResult, argument_error, check_choice, takes_rows
from lbp_prognosis._kernels import ranked_losses
from lbp_prognosis.evaluation.prognostic._score_setting import ScoreSetting

__all__ = ["crps"]


@takes_rows()
def crps(
    y: np.ndarray,
    forecast: Any,
    *,
    spacing: str = "points",
    sample_weight: Any = None,
    clusters: Any = None,
    confidence: float = 0.95,
    min_at_risk: float = 10,
) -> MetricResult:
    """Return the mean (continuous) ranked probability score; lower is better.

    Parameters
    ----------
    y : ndarray of shape (n,)
        `Measured.at`; rows with a missing score are excluded.
    forecast : ScoreForecast
        Predicted distributions of the n patients.
    spacing : {"points", "levels"}, default "points"
        ``"points"``: the distance between two levels is the difference of their scores (CRPS, in points). ``"levels"``:
        neighbouring levels are one unit apart (RPS), for categories without a distance; each score must be a level.
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
        Metric ``"crps"`` or ``"rps"``, with influence values; the difference of two results is paired.

    Raises
    ------
    ArgumentError
        If ``forecast`` is not a `ScoreForecast`, or a score is not a level under ``spacing="levels"``.

    Notes
    -----
    mean ∫ (P(Y ≤ s) − 1{y ≤ s})² ds: the Brier score of P(Y ≤ s), integrated over all cuts s. The score is proper. For
    a point forecast it equals the absolute error.

    References
    ----------
    Gneiting T, Raftery AE (2007). J Am Stat Assoc 102:359–378. doi:10.1198/016214506000001437
    Epstein ES (1969). J Appl Meteorol 8:985–987. doi:10.1175/1520-0450(1969)008<0985:ASSFPF>2.0.CO;2

    Examples
    --------
    >>> from lbp_prognosis.survival import Measured, ScoreForecast
    >>> from lbp_prognosis.evaluation.prognostic import crps
    >>> y = Measured.at(12, [0, 2], lower=0, upper=2)
    >>> round(crps(y, ScoreForecast([0, 1, 2], [[0.5, 0.5, 0], [0, 0, 1]]), min_at_risk=0).value, 4)
    0.125
    """
    check_choice("spacing", spacing, ("points", "levels"))
    setting = ScoreSetting.check(
        y,
        caller="crps",
        sample_weight=sample_weight,
        clusters=clusters,
        confidence=confidence,
        min_at_risk=min_at_risk,
    )
    found = setting.forecast(forecast)
    levels, value = found.levels, setting.value
    if spacing == "levels":
        place = np.clip(np.searchsorted(levels, value), 0, levels.size - 1)
        strange = np.unique(value[levels[place] != value])
        if strange.size:
            raise argument_error(
                "forecast",
                "one with a level for every score, where levels are counted",
                f"no level for {strange[:5].tolist()}",
                'Use spacing="points".',
            )
        levels, value = np.arange(levels.size, dtype=float), place.astype(float)
    loss = ranked_losses(levels, found.cumulative(), value)
    mean = np.nan if setting.reason else setting.mean(loss)
    return setting.result(
        "crps" if spacing == "points" else "rps",
        mean,
        loss - mean,
        method="patients whose score is known",
        reason=setting.reason,
    )
