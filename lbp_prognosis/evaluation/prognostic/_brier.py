"""``brier`` and ``ipa``: Brier score, and its proportional reduction relative to a null model."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from lbp_prognosis._base import (
    MetricResult,
    check_beside,
    check_risk,
    takes_rows,
)
from lbp_prognosis._kernels import skill
from lbp_prognosis.evaluation.prognostic._mean_loss import BRIER, combined_influences, mean_losses
from lbp_prognosis.evaluation.prognostic._over_horizons import OverHorizons
from lbp_prognosis.evaluation.prognostic._setting import Setting

__all__ = ["BrierResult", "brier", "ipa"]

_METHODS = {
    "right": "IPCW",
    "interval": "state as known at the visit, IPCW",
    "status": "patients whose state is known",
}


@dataclass(frozen=True, repr=False)
class BrierResult(OverHorizons):
    """A `MetricResult` of the Brier score with its null model and the index of prediction accuracy (IPA).

    Attributes
    ----------
    null : MetricResult or None
        Brier score of the null model, which predicts the Kaplan–Meier (Aalen–Johansen) risk for all patients.
    ipa : MetricResult or None
        1 − Brier / null, with its own standard error and interval.
    """

    null: MetricResult | None = None
    ipa: MetricResult | None = None

    def minus(self, other: MetricResult) -> MetricResult:
        """Paired difference of the Brier scores; ``ipa`` becomes the paired difference of the indices."""
        difference = super().minus(other)
        if self.ipa is None or not isinstance(other, BrierResult) or other.ipa is None:
            return difference
        return replace(difference, null=None, ipa=self.ipa.minus(other.ipa))  # type: ignore[call-arg]


@takes_rows()
def brier(
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
) -> BrierResult:
    """Return the mean squared difference between risk and outcome (Brier score), its null model and the IPA.

    Parameters
    ----------
    y : ndarray of shape (n,)
        Outcome made by `Surv.right`, `Surv.interval` (at visit times, by the state known then) or `Status.at`.
    risk : array-like of shape (n, n_horizons) or (n,)
        P(event of ``cause`` by the horizon). A column of NaN gives NaN there.
    horizons : float or array-like of shape (n_horizons,), optional
        Prediction horizons, in the unit of ``y``; a `Status` contains its own.
    cause : int, default 1
        Event of interest; a competing event by the horizon is "no event of interest".
    target : {"event", "no_event"}, default "event"
        Predicted target; the value is the same for an event and its complement.
    censoring : "marginal" or object, default "marginal"
        Kaplan–Meier curve of the censoring times on these rows (events first), or a model fitted on them with
        ``survival_before`` and ``survival_at``. The standard error accounts for the estimation of a curve, also by
        stratum; any other model is taken as known.
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
    BrierResult
        Metric ``"brier"`` of the shape of ``horizons``, with ``null`` and ``ipa``, each with influence values.

    Raises
    ------
    ArgumentError
        If an argument is not accepted, e.g. an outcome with delayed entry.

    See Also
    --------
    lbp_prognosis.evaluation.ipa : How much better than a null model is that?
    lbp_prognosis.evaluation.evaluate : How good are these predictions?

    Notes
    -----
    mean(w (1{event by τ} − r)²) with w = 1/G(T−) for an event (of any kind) by τ, 1/G(τ) beyond τ and 0 for a patient
    censored by τ. These weights have mean 1, so the null model's score is F(1 − F) with F the Kaplan–Meier or
    Aalen–Johansen risk. Under a censoring model the mean can differ from 1, and F is scored with the same weights as
    the risks. The influence values account for the estimation of G.

    References
    ----------
    Graf E, Schmoor C, Sauerbrei W, Schumacher M (1999). Statistics in Medicine 18:2529–2545.
    Gerds TA, Schumacher M (2006). Biometrical Journal 48:1029–1040. doi:10.1002/bimj.200610301

    Examples
    --------
    >>> from lbp_prognosis.survival import Status
    >>> from lbp_prognosis.evaluation.prognostic import brier
    >>> result = brier(Status.at(12, [0, 0, 1, 1]), [0.0, 0.5, 0.5, 1.0], min_at_risk=0)
    >>> result.value, result.null.value, result.ipa.value
    (0.125, 0.25, 0.5)
    """
    setting = Setting.check(
        y,
        horizons,
        accepted=("right", "interval", "status"),
        caller="brier",
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
    found = mean_losses(setting, risks, BRIER)
    method = setting.named(_METHODS[setting.kind])
    ones, zeros = np.ones(setting.horizons.size), np.zeros(setting.horizons.size)
    null = found.null
    deferred = partial(partial, combined_influences, setting, risks, BRIER)
    null_reasons = [reason if "risk is missing" not in reason else "" for reason in found.reasons]
    baseline = setting.result(
        "brier",
        null,
        method=f"{method}; null model",
        se=found.null_se,
        reasons=null_reasons,
        influence=deferred(zeros, ones),
        model="null",
    )
    with np.errstate(divide="ignore", invalid="ignore"):
        index = skill(found.loss, null)
        by_loss, by_null = (np.where(null > 0, by, np.nan) for by in (-1 / null, found.loss / null**2))
        variance = (
            (by_loss * found.loss_se) ** 2 + (by_null * found.null_se) ** 2 + 2 * by_loss * by_null * found.covariance
        )
    empty = [
        reason or ("" if spread > 0 else "the null model is perfect: all or none of the patients had the event")
        for reason, spread in zip(found.reasons, null)
    ]
    scaled = setting.result(
        "ipa",
        index,
        kind=OverHorizons,
        method=method,
        se=np.sqrt(np.maximum(variance, 0)),
        reasons=empty,
        objections=found.objections,
        influence=deferred(by_loss, by_null),
    )
    return setting.result(
        "brier",
        found.loss,
        method=method,
        se=found.loss_se,
        reasons=found.reasons,
        objections=found.objections,
        influence=deferred(ones, zeros),
        kind=BrierResult,
        null=baseline,
        ipa=scaled,
    )


@takes_rows()
def ipa(
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
    """Return the index of prediction accuracy: the proportional reduction in Brier score from a null model.

    Parameters
    ----------
    y, risk, horizons, cause, target, censoring, sample_weight, clusters
        As in `brier`.
    confidence : float, default 0.95
        Level of the interval.
    min_at_risk : float, default 10
        Smallest accepted number of patients with ``time >= horizon``; below it the value is NaN with a reason.
    min_censoring_survival : float, default 0.02
        Smallest accepted probability of being uncensored at the horizon; below it the value is NaN with a reason.

    Returns
    -------
    MetricResult
        Metric ``"ipa"``: 0 is as good as the Kaplan–Meier (Aalen–Johansen) risk, negative is worse, 1 is perfect.

    Raises
    ------
    OutcomeError
        If `brier` does not accept the kind of ``y``.
    ArgumentError
        If an argument is not accepted, e.g. a risk outside [0, 1] or no horizon.

    See Also
    --------
    lbp_prognosis.evaluation.brier : How far are the risks from the outcomes?
    lbp_prognosis.evaluation.evaluate : How good are these predictions?

    References
    ----------
    Kattan MW, Gerds TA (2018). Diagnostic and Prognostic Research 2:7. doi:10.1186/s41512-018-0029-2

    Examples
    --------
    >>> import numpy as np
    >>> from lbp_prognosis import Status
    >>> from lbp_prognosis.evaluation import ipa
    >>> y = Status.at(12, [1, 0, 0, 1] * 10)
    >>> found = ipa(y, np.tile([0.8, 0.2, 0.2, 0.8], 10))
    >>> round(float(found.value), 3)
    0.84
    """
    result = brier(
        y,
        risk,
        horizons,
        cause=cause,
        target=target,
        censoring=censoring,
        sample_weight=sample_weight,
        clusters=clusters,
        confidence=confidence,
        min_at_risk=min_at_risk,
        min_censoring_survival=min_censoring_survival,
    )
    assert result.ipa is not None
    return result.ipa
