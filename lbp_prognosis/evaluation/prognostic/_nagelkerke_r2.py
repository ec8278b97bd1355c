"""``nagelkerke_r2``: Nagelkerke's R² of predicted risks."""

from __future__ import annotations

from typing import Any

import numpy as np

from lbp_prognosis._base import (
    MetricResult,
    check_risk,
    takes_rows,
)
from lbp_prognosis.evaluation.prognostic._known import known_at_horizons
from lbp_prognosis.evaluation.prognostic._setting import Setting

__all__ = ["nagelkerke_r2"]


@takes_rows()
def nagelkerke_r2(
    y: np.ndarray,
    risk: Any,
    horizons: Any = None,
    *,
    sample_weight: Any = None,
    clusters: Any = None,
    confidence: float = 0.95,
    min_at_risk: float = 10,
) -> MetricResult:
    """Return Nagelkerke's R² of the risks, without recalibration, for a state at one visit.

    Parameters
    ----------
    y : ndarray of shape (n,)
        Outcome made by `Status.at`; rows with an unknown state are excluded.
    risk : array-like of shape (n,)
        P(state 1 at the visit).
    horizons : float, optional
        Time of the visit; a `Status` contains it.
    sample_weight : array-like of shape (n,) or Weights, optional
        Row weights; a bare array is taken as sampling weights.
    clusters : array-like of shape (n,), optional
        Cluster of each row, e.g. patient or site, for the standard error.
    confidence : float, default 0.95
        Level of the interval.
    min_at_risk : float, default 10
        Smallest accepted number of patients with a known state; below it the value is NaN with a reason.

    Returns
    -------
    MetricResult
        Metric ``"nagelkerke_r2"``, with influence values; the difference of two results is paired. The value is
        negative if the risks predict worse than a null model.

    Notes
    -----
    With L the mean log likelihood of the risks and L₀ that of the observed frequency, R² = (1 − e^{2(L₀ − L)}) / (1 −
    e^{2 L₀}). The risks are not recalibrated. Means instead of sums make the value independent of n. In the development
    sample of a logistic model, the value equals the usual index.

    References
    ----------
    Nagelkerke NJD (1991). Biometrika 78:691–692. doi:10.1093/biomet/78.3.691

    Examples
    --------
    >>> from lbp_prognosis.survival import Status
    >>> from lbp_prognosis.evaluation.prognostic import nagelkerke_r2
    >>> round(nagelkerke_r2(Status.at(12, [0, 0, 1, 1]), [0.2, 0.4, 0.6, 0.8], min_at_risk=0).value, 4)
    0.6389
    """
    setting = Setting.check(
        y,
        horizons,
        accepted=("status",),
        caller="nagelkerke_r2",
        cause=1,
        target="event",
        censoring="marginal",
        sample_weight=sample_weight,
        clusters=clusters,
        confidence=confidence,
        min_at_risk=min_at_risk,
        min_censoring_survival=0,
        instead="For a time to event use royston_d or ipa.",
    )
    risks = np.clip(check_risk("risk", risk, n=setting.n, n_horizons=1)[:, 0], 1e-8, 1 - 1e-8)
    (known,) = known_at_horizons(setting)
    value, influence, reason = np.nan, np.full(setting.n, np.nan), known.reason
    if not reason and np.isnan(risks).any():
        reason = "the risk is missing at this horizon"
    if not reason:
        loglik, own = known.influence(known.weight * np.where(known.case, np.log(risks), np.log1p(-risks)))
        share, counted = known.influence(known.weight * known.case)
        if not 0 < share < 1:
            reason = "all or none of the patients had the event"
        else:
            null = share * np.log(share) + (1 - share) * np.log1p(-share)
            slope = np.log(share / (1 - share))  # derivative of the null with respect to the share
            excess, room = np.exp(2 * (null - loglik)), 1 - np.exp(2 * null)
            value = (1 - excess) / room
            by_loglik = 2 * excess / room
            by_null = -2 * excess / room + value * 2 * np.exp(2 * null) / room
            influence = setting.scale(by_loglik * own + by_null * slope * counted)
    return setting.result(
        "nagelkerke_r2",
        value,
        method="risks as given",
        influence=influence[:, None],
        reasons=[reason],
        objections=known.objections,
    )
