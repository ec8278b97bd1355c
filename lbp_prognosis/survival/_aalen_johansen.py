"""Aalen–Johansen cumulative incidence of one cause with competing causes."""

from __future__ import annotations

from typing import Any

import numpy as np

from lbp_prognosis._base import (
    argument_error,
    check_choice,
    describe,
    takes_rows,
)
from lbp_prognosis._kernels import (
    aalen_johansen_aalen_variance,
    aalen_johansen_robust_variance,
    aalen_johansen_steps,
    aalen_johansen_variance,
)
from lbp_prognosis.survival._build_curve import Branch, build_curve
from lbp_prognosis.survival._curve_interval import INTERVALS, curve_interval
from lbp_prognosis.survival._curve_rows import CurveRows
from lbp_prognosis.survival._step_curve import StepCurve

__all__ = ["aalen_johansen"]


@takes_rows()
def aalen_johansen(
    y: Any,
    *,
    cause: int = 1,
    strata: Any = None,
    sample_weight: Any = None,
    clusters: Any = None,
    variance: str = "greenwood",
    interval: str = "log-log",
    confidence: float = 0.95,
    min_at_risk: float = 10,
) -> StepCurve:
    """Estimate the cumulative incidence of each cause (Aalen–Johansen).

    Parameters
    ----------
    y : ndarray of shape (n,)
        Outcome made by `Surv.right`; delayed entry is taken into account.
    cause : int, default 1
        Code of the event.
    strata : array-like of shape (n,), optional
        Stratum of each row; one curve is estimated per stratum.
    sample_weight : Weights or array-like of shape (n,), optional
        Frequency weights count as copies; with sampling or attrition weights (a bare array) the variance is the
        infinitesimal jackknife, which treats each row as one patient.
    clusters : array-like of shape (n,), optional
        Cluster of each row, e.g. the patient of several rows, for the variance; each row is independent by default.
    variance : {"greenwood", "aalen"}, default "greenwood"
        ``"greenwood"`` is the delta-method variance (prodlim and survfit in R), ``"aalen"`` Aalen's with a
        finite-population factor for ties (cmprsk in R; unweighted data only).
    interval : {"log-log", "log", "plain", "logit", "arcsin"}, default "log-log"
        Scale on which the pointwise limits are symmetric.
    confidence : float, default 0.95
        Level of the limits.
    min_at_risk : float, default 10
        With delayed entry, the curve starts when the risk set first contains this many patients, if events occurred
        earlier.

    Returns
    -------
    StepCurve
        ``quantity="incidence"``.

    Raises
    ------
    OutcomeError
        If ``y`` was not made by `Surv.right`.
    ArgumentError
        If an argument is not accepted, e.g. ``variance="aalen"`` with weights or clusters.

    See Also
    --------
    lbp_prognosis.survival.kaplan_meier : How many patients are free of the event over time?
    lbp_prognosis.survival.Surv : How are times and events entered?

    Notes
    -----
    F(t) = Σ_{u≤t} S(u−) d_cause/Y with S the Kaplan–Meier survival of all events together, so that the incidences of
    all causes and S sum to 1.

    References
    ----------
    Aalen OO, Johansen S. An empirical transition matrix for non-homogeneous Markov chains based on censored
    observations. Scand J Stat 1978;5:141–150.

    Examples
    --------
    >>> from lbp_prognosis.survival import Surv, aalen_johansen
    >>> curve = aalen_johansen(Surv.right([1, 2, 3, 4], [1, 2, 1, 0]), cause=1)
    >>> curve.at(3).value
    0.5
    """
    check_choice("interval", interval, INTERVALS)
    check_choice("variance", variance, ("greenwood", "aalen"))
    if variance == "aalen" and (sample_weight is not None or clusters is not None):
        raise argument_error("variance", "'greenwood' when rows are weighted or clustered", describe(variance))

    def estimate(rows: CurveRows) -> Branch:
        present = np.unique(np.append(rows.event[rows.event > 0], cause))
        steps = aalen_johansen_steps(rows.time, rows.event, causes=present, entry=rows.entry, weights=rows.weights)
        counted = steps
        if rows.robust or rows.clusters is not None:
            squared = aalen_johansen_robust_variance(
                steps, rows.time, rows.event, rows.full_weights, entry=rows.entry, clusters=rows.clusters
            )
            counted = aalen_johansen_steps(rows.time, rows.event, causes=present, entry=rows.entry, weights=rows.counts)
        elif variance == "aalen":
            squared = aalen_johansen_aalen_variance(steps)
        else:
            squared = aalen_johansen_variance(steps)
        k = int(np.searchsorted(present, cause))
        value, se = steps.cif[:, k], np.sqrt(squared[:, k])
        low, high = curve_interval(value, se, confidence, interval)
        mine = counted.events[:, k]
        return Branch(
            steps.times,
            value,
            se,
            low,
            high,
            counted.at_risk,
            mine,
            counted.events.sum(axis=1) - mine,
            counted.censored,
        )

    return build_curve(
        y,
        estimate,
        caller="aalen_johansen",
        quantity="incidence",
        strata=strata,
        sample_weight=sample_weight,
        confidence=confidence,
        interval=interval,
        method="Aalen–Johansen",
        variance=variance.capitalize(),
        min_at_risk=min_at_risk,
        cause=cause,
        clusters=clusters,
    )
