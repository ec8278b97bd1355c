"""Kaplan–Meier survival."""

from __future__ import annotations

from typing import Any

import numpy as np

from lbp_prognosis._base import (
    OutcomeError,
    argument_error,
    check_choice,
    takes_rows,
)
from lbp_prognosis._kernels import kaplan_meier_robust_variance, kaplan_meier_steps
from lbp_prognosis.survival._build_curve import Branch, build_curve
from lbp_prognosis.survival._curve_interval import INTERVALS, curve_interval
from lbp_prognosis.survival._curve_rows import CurveRows
from lbp_prognosis.survival._outcome import check_outcome
from lbp_prognosis.survival._step_curve import StepCurve

__all__ = ["kaplan_meier"]


@takes_rows()
def kaplan_meier(
    y: Any,
    *,
    cause: int | None = None,
    strata: Any = None,
    sample_weight: Any = None,
    clusters: Any = None,
    interval: str = "log-log",
    confidence: float = 0.95,
    min_at_risk: float = 10,
) -> StepCurve:
    """Estimate event-free survival (Kaplan–Meier).

    Parameters
    ----------
    y : ndarray of shape (n,)
        Outcome made by `Surv.right`; delayed entry is taken into account.
    cause : int, optional
        Event code; by default events of all causes. A single cause is accepted only if no other cause occurs, because
        the complement of a curve that censors competing events is not a risk; use `aalen_johansen` instead.
    strata : array-like of shape (n,), optional
        Stratum of each row; one curve is estimated per stratum.
    sample_weight : Weights or array-like of shape (n,), optional
        Frequency weights count as copies; with sampling or attrition weights (a bare array) the variance is the
        infinitesimal jackknife, which treats each row as one patient.
    clusters : array-like of shape (n,), optional
        Cluster of each row, e.g. the patient of several rows, for the variance; each row is independent by default.
    interval : {"log-log", "log", "plain", "logit", "arcsin"}, default "log-log"
        Scale on which the pointwise limits are symmetric.
    confidence : float, default 0.95
        Level of the limits.
    min_at_risk : float, default 10
        With delayed entry, the curve starts when the risk set first contains this many patients, if events occurred
        earlier (``start`` of the result).

    Returns
    -------
    StepCurve
        ``quantity="survival"``.

    Raises
    ------
    OutcomeError
        If ``y`` is not right-censored, or ``cause`` is given and competing events occur.

    See Also
    --------
    lbp_prognosis.survival.aalen_johansen : How many have each of several competing events?
    lbp_prognosis.survival.log_rank : Do groups differ in their outcome?

    Notes
    -----
    S(t) = Π_{u≤t} (1 − d/Y), Var S = S² Σ d/(Y(Y − d)) (Greenwood), with d events and Y at risk (entry < u ≤ time).
    Events precede censorings at the same time.

    References
    ----------
    Kaplan EL, Meier P. Nonparametric estimation from incomplete observations. J Am Stat Assoc 1958;53:457–481.
    https://doi.org/10.1080/01621459.1958.10501452

    Examples
    --------
    >>> from lbp_prognosis.survival import Surv, kaplan_meier
    >>> curve = kaplan_meier(Surv.right([1, 2, 2, 3], [1, 1, 0, 0]))
    >>> curve.at([1, 2]).value.tolist()
    [0.75, 0.5]
    """
    check_choice("interval", interval, INTERVALS)
    check_outcome(y, ("right",), caller="kaplan_meier", instead="Use turnbull for an outcome seen only at visits.")
    if cause is not None:
        others = sorted({int(code) for code in np.unique(y["event"])} - {0, cause})
        if others:
            raise argument_error(
                "cause",
                f"left out, or the only cause of `y`; it also contains {others}",
                cause,
                f"1 − Kaplan–Meier overstates a risk under competing events: use aalen_johansen(y, cause={cause}).",
                kind=OutcomeError,
            )

    def estimate(rows: CurveRows) -> Branch:
        steps = kaplan_meier_steps(rows.time, rows.event, entry=rows.entry, weights=rows.weights)
        counted = steps
        if rows.robust or rows.clusters is not None:
            se = np.sqrt(
                kaplan_meier_robust_variance(
                    steps, rows.time, rows.event, rows.full_weights, entry=rows.entry, clusters=rows.clusters
                )
            )
            counted = kaplan_meier_steps(rows.time, rows.event, entry=rows.entry, weights=rows.counts)
        else:
            with np.errstate(invalid="ignore"):
                se = np.where(steps.survival > 0, steps.survival * np.sqrt(steps.greenwood), np.nan)
        low, high = curve_interval(steps.survival, se, confidence, interval)
        return Branch(
            steps.times,
            steps.survival,
            se,
            low,
            high,
            counted.at_risk,
            counted.events,
            np.zeros(steps.times.size),
            counted.censored,
        )

    return build_curve(
        y,
        estimate,
        caller="kaplan_meier",
        quantity="survival",
        strata=strata,
        sample_weight=sample_weight,
        confidence=confidence,
        interval=interval,
        method="Kaplan–Meier",
        min_at_risk=min_at_risk,
        cause=cause,
        clusters=clusters,
    )
