"""``time_dependent_auc``: discrimination between patients with and without the event by the horizon."""

from __future__ import annotations

from typing import Any

import numpy as np

from lbp_prognosis._base import (
    MetricResult,
    Objection,
    check_beside,
    check_risk,
    check_vector,
    takes_rows,
)
from lbp_prognosis._kernels import auc_placements, perfect_order_limits, rising_order, row_parts
from lbp_prognosis.evaluation.prognostic._known import Known, known_at_horizons
from lbp_prognosis.evaluation.prognostic._over_horizons import OverHorizons
from lbp_prognosis.evaluation.prognostic._prediction_doubts import below_half, likely_inversion
from lbp_prognosis.evaluation.prognostic._setting import Setting, known_order, shaped

__all__ = ["time_dependent_auc"]

_METHODS = {
    "right": "cumulative/dynamic, IPCW",
    "interval": "cumulative/dynamic, state as known at the visit, IPCW",
    "status": "DeLong",
}


@takes_rows()
def time_dependent_auc(
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
    """Return the probability that a patient with the event by the horizon had a higher risk than one without it.

    Parameters
    ----------
    y : ndarray of shape (n,)
        Outcome made by `Surv.right` (cumulative cases, dynamic controls), `Surv.interval` (at visit times, by the state
        known then) or `Status.at` (the ordinary AUC with DeLong's variance).
    risk : array-like of shape (n, n_horizons) or (n,)
        P(event of ``cause`` by the horizon), or a marker that is higher if the event is more likely; only the order
        matters. A column of NaN gives NaN there. One marker (n,) is used for all horizons.
    horizons : float or array-like of shape (n_horizons,), optional
        Prediction horizons, in the unit of ``y``; a `Status` contains its own.
    cause : int, default 1
        Event of interest. Patients with a competing event by the horizon are controls.
    target : {"event", "no_event"}, default "event"
        Predicted target; the value is the same, because cases and controls change places.
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
    MetricResult
        Metric ``"auc"``, of the shape of ``horizons``, with influence values.

    Raises
    ------
    ArgumentError
        If an argument is not accepted, e.g. an outcome with delayed entry.

    See Also
    --------
    lbp_prognosis.evaluation.concordance : Are patients ranked in the right order?
    lbp_prognosis.evaluation.evaluate : How good are these predictions?

    Notes
    -----
    With weights w (1/G(T−) for an event by τ, 1/G(τ) beyond τ) the AUC is Σ w_i w_j (1{r_i > r_j} + ½·1{r_i = r_j})
    over pairs of a case i and a control j, divided by Σ w_i w_j. The influence values account for the estimation of G.
    For a `Status` the variance has DeLong's divisors, cases − 1 and controls − 1. If Wald limits would exceed 0 or 1,
    logit limits are used; an AUC of exactly 0 or 1 has Newcombe's limits (doi:10.1002/sim.2324).

    References
    ----------
    Blanche P, Dartigues JF, Jacqmin-Gadda H (2013). Statistics in Medicine 32:5381–5397. doi:10.1002/sim.5958
    DeLong ER, DeLong DM, Clarke-Pearson DL (1988). Biometrics 44:837–845. doi:10.2307/2531595

    Examples
    --------
    >>> import numpy as np
    >>> from lbp_prognosis.survival import Status
    >>> from lbp_prognosis.evaluation.prognostic import time_dependent_auc
    >>> y = Status.at(12, [0, 0, 1, 1])
    >>> time_dependent_auc(y, [0.1, 0.4, 0.3, 0.8], min_at_risk=0).value
    0.75
    """
    setting = Setting.check(
        y,
        horizons,
        accepted=("right", "interval", "status"),
        caller="time_dependent_auc",
        cause=cause,
        target=target,
        censoring=censoring,
        sample_weight=sample_weight,
        clusters=clusters,
        confidence=confidence,
        min_at_risk=min_at_risk,
        min_censoring_survival=min_censoring_survival,
        instead="For a reference standard at the time of the test use the diagnostic tier.",
    )
    check_beside("risk", risk, sample_weight=sample_weight, clusters=clusters)
    risks = _scores(risk, setting)
    observed = np.full(setting.horizons.size, np.nan)
    values = np.full(setting.horizons.size, np.nan)
    influence = np.full((setting.n, setting.horizons.size), np.nan)
    reasons: list[str] = []
    objections: list[Objection] = []
    order = None
    for k, known in enumerate(known_at_horizons(setting)):
        column = np.ascontiguousarray(risks[:, k])
        reason = known.reason
        if not reason and np.isnan(column[0]):
            reason = "the risk is missing at this horizon"
        if not reason:
            order = rising_order(column, known_order(column) if order is None else order)
            observed[k] = np.sum(setting.row_weight * known.weight * known.case) / setting.row_weight.sum()
            values[k], psi, reason = _auc(setting, known, column, order)
            influence[:, k] = setting.scale(psi)
        reasons.append(reason)
        objections.extend(known.objections)
    objections.extend(below_half("AUC", values))
    one_marker = np.ndim(risk) == 1 and setting.horizons.size > 1
    if not one_marker and np.nanmin(risks, initial=0) >= 0 and np.nanmax(risks, initial=1) <= 1:
        mean_risk = (setting.row_weight @ risks) / setting.row_weight.sum()
        objections.extend(likely_inversion(mean_risk, observed, setting.horizons, lambda k: float(values[k])))
    result: MetricResult = setting.result(
        "auc",
        values,
        method=setting.named(_METHODS[setting.kind]),
        influence=influence,
        reasons=reasons,
        objections=objections,
        kind=OverHorizons,
    )
    return _with_perfect_order(setting, result)


def _with_perfect_order(setting: Setting, result: MetricResult) -> MetricResult:
    """Return limits for an AUC of exactly 0 or 1 (with zero influence values) that depend on the number of patients."""
    values, low, high = (np.atleast_1d(np.array(part, dtype=float)) for part in (result.value, result.low, result.high))
    perfect = np.flatnonzero((values == 0) | (values == 1))
    if perfect.size == 0 or (np.atleast_1d(result.se)[perfect] > 0).all():
        return result
    for k, known in enumerate(known_at_horizons(setting)):
        if k in perfect and np.atleast_1d(result.se)[k] == 0:
            cases, controls = (_units(setting, (known.weight > 0) & part) for part in (known.case, ~known.case))
            low[k], high[k] = perfect_order_limits(values[k], cases, controls, result.confidence)
    return result.labelled(
        low=shaped(low, setting.scalar),
        high=shaped(high, setting.scalar),
        method=f"{result.method}; Newcombe's limits of a perfect order",
    )


def _units(setting: Setting, rows: np.ndarray) -> float:
    """Count the patients (clusters) in a subset of rows."""
    return float(setting.copies[rows].sum() if setting.clusters is None else np.unique(setting.clusters[rows]).size)


def _scores(risk: Any, setting: Setting) -> np.ndarray:
    """Return markers (n, k); any scale is accepted, because only the order matters."""
    n, k = setting.n, setting.horizons.size
    if np.ndim(risk) == 1 and k > 1:
        return np.broadcast_to(check_vector("risk", risk, n=n)[:, None], (n, k))
    scores = np.asarray(risk, dtype=float)
    whole = scores.size > 0 and np.isfinite(scores.min()) and np.isfinite(scores.max())
    finite = scores if whole else scores[np.isfinite(scores)]
    if scores.ndim > 2 or scores.size != n * k or (finite.size and 0 <= finite.min() and finite.max() <= 1):
        return check_risk("risk", risk, n=n, n_horizons=k)
    columns = scores.reshape(n, -1)
    for column in columns.T:
        if not np.isnan(column).all():
            check_vector("risk", column, n=n)
    return columns


def _auc(setting: Setting, known: Known, risk: np.ndarray, order: np.ndarray) -> tuple[float, np.ndarray, str]:
    row = setting.row_weight
    auc, placement, cases, controls = auc_placements(order, risk, known.case, known.weight, row)
    if not np.isfinite(auc):
        lacking = (
            "no event of interest by this horizon"
            if cases <= 0
            else "no patient is known to be event-free at this horizon"
        )
        return np.nan, np.full(setting.n, np.nan), lacking
    total, weighted = row.sum(), np.empty(setting.n)
    for rows in row_parts(setting.n):
        case, weight = known.case[rows], known.weight[rows]
        share = np.where(case, weight, 0.0) / cases + np.where(case, 0.0, weight) / controls
        weighted[rows] = share * total * np.where(weight > 0, placement[rows] - auc, 0.0)
    _, psi = known.influence(weighted)
    if setting.kind == "status":
        psi = psi * _delong_factor(setting, known)
    return auc, psi, ""


def _delong_factor(setting: Setting, known: Known) -> np.ndarray:
    """Divisors m − 1 in each class instead of m."""
    counted = setting.copies * (known.weight > 0)
    sizes = np.array([counted[~known.case].sum(), counted[known.case].sum()])
    with np.errstate(divide="ignore", invalid="ignore"):
        factors = np.where(sizes > 1, np.sqrt(sizes / (sizes - 1)), np.nan)  # one patient has no variance
    return factors[known.case.astype(int)]
