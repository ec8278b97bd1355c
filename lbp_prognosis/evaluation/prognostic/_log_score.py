"""``log_score``: negative log likelihood of predicted risks."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from lbp_prognosis._base import (
    MetricResult,
    check_beside,
    check_risk,
    objection,
    takes_rows,
)
from lbp_prognosis.evaluation.prognostic._mean_loss import LOG_SCORE, combined_influences, mean_losses
from lbp_prognosis.evaluation.prognostic._over_horizons import OverHorizons
from lbp_prognosis.evaluation.prognostic._setting import Setting

__all__ = ["log_score"]

_SMALLEST = 1e-8


@takes_rows()
def log_score(
    y: np.ndarray,
    risk: Any,
    horizons: Any = None,
    *,
    cause: int = 1,
    target: str = "event",
    censoring: Any = "marginal",
    sample_weight: Any = None,
    clusters: Any = None,
    confidence: float = 0.95,
    min_at_risk: float = 10,
    min_censoring_survival: float = 0.02,
) -> MetricResult:
    """Return the mean negative log of the probability predicted for the observed outcome; lower is better.

    Parameters
    ----------
    y : ndarray of shape (n,)
        Outcome made by `Surv.right`, `Surv.interval` (at visit times, by the state known then) or `Status.at`.
    risk : array-like of shape (n, n_horizons) or (n,)
        P(event of ``cause`` by the horizon). Risks of 0 and 1 are scored as 1e-8 from them, and an objection
        counts them.
    horizons : float or array-like of shape (n_horizons,), optional
        Prediction horizons, in the unit of ``y``; a `Status` contains its own.
    cause : int, default 1
        Event of interest; a competing event by the horizon is "no event of interest".
    target : {"event", "no_event"}, default "event"
        Predicted target; the value is the same for an event and its complement.
    censoring : "marginal" or object, default "marginal"
        Kaplan–Meier curve of the censoring times on these rows (events first), or a fitted model with
        ``survival_before`` and ``survival_at``.
    sample_weight : array-like of shape (n,) or Weights, optional
        Row weights; a bare array is taken as sampling weights.
    clusters : array-like of shape (n,), optional
        Cluster of each row, e.g. patient or site, for the standard error.
    confidence : float, default 0.95
        Level of the interval.
    min_at_risk : float, default 10
        Smallest accepted number of patients with ``time >= horizon``; below it the value is NaN with a reason.
    min_censoring_survival : float, default 0.02
        Smallest accepted probability of being uncensored at the horizon. If it is lower and a patient is followed
        beyond the horizon, the value is NaN with a reason.

    Returns
    -------
    MetricResult
        Metric ``"log_score"`` of the shape of ``horizons``, with influence values.

    Notes
    -----
    mean(w (−y log r − (1 − y) log(1 − r))), weighted for censoring as in `brier`. The score is proper. Unlike the Brier
    score, it heavily penalises confident predictions that are wrong.

    Examples
    --------
    >>> from lbp_prognosis.survival import Status
    >>> from lbp_prognosis.evaluation.prognostic import log_score
    >>> round(log_score(Status.at(12, [0, 1]), [0.5, 0.5], min_at_risk=0).value, 6)
    0.693147
    """
    setting = Setting.check(
        y,
        horizons,
        accepted=("right", "interval", "status"),
        caller="log_score",
        cause=cause,
        target=target,
        censoring=censoring,
        sample_weight=sample_weight,
        clusters=clusters,
        confidence=confidence,
        min_at_risk=min_at_risk,
        min_censoring_survival=min_censoring_survival,
    )
    check_beside("risk", risk, sample_weight=sample_weight, clusters=clusters)
    risks = check_risk("risk", risk, n=setting.n, n_horizons=setting.horizons.size)
    inside = np.clip(risks, _SMALLEST, 1 - _SMALLEST)
    certain = int(np.sum((inside != risks) & ~np.isnan(risks)))
    inside = inside if certain else risks  # one array shared by all losses is sorted by time once
    found = mean_losses(setting, inside, LOG_SCORE)
    objections = list(found.objections)
    if certain:
        objections.append(objection("certain-risks", predictions=f"{certain} prediction{'s' if certain > 1 else ''}"))
    size = setting.horizons.size
    return setting.result(
        "log_score",
        found.loss,
        kind=OverHorizons,
        se=found.loss_se,
        method=setting.named("patients whose state is known" if setting.kind == "status" else "IPCW"),
        reasons=found.reasons,
        objections=objections,
        influence=partial(combined_influences, setting, inside, LOG_SCORE, np.ones(size), np.zeros(size)),
    )
