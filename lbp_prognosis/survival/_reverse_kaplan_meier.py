"""Reverse Kaplan–Meier curve of follow-up, with events and censorings exchanged."""

from __future__ import annotations

from typing import Any

import numpy as np

from lbp_prognosis._base import (
    check_choice,
    takes_rows,
)
from lbp_prognosis._kernels import kaplan_meier_robust_variance, kaplan_meier_steps, reverse_kaplan_meier_steps
from lbp_prognosis.survival._build_curve import Branch, build_curve
from lbp_prognosis.survival._curve_interval import INTERVALS, curve_interval
from lbp_prognosis.survival._curve_rows import CurveRows
from lbp_prognosis.survival._step_curve import StepCurve

__all__ = ["reverse_kaplan_meier"]


@takes_rows()
def reverse_kaplan_meier(
    y: Any,
    *,
    strata: Any = None,
    sample_weight: Any = None,
    interval: str = "log-log",
    confidence: float = 0.95,
    min_at_risk: float = 10,
) -> StepCurve:
    """Estimate the distribution of follow-up by the reverse Kaplan–Meier method.

    Parameters
    ----------
    y : ndarray of shape (n,)
        Outcome made by `Surv.right`; an event of any cause censors the follow-up time.
    strata : array-like of shape (n,), optional
        Stratum of each row; one curve is estimated per stratum.
    sample_weight : Weights or array-like of shape (n,), optional
        Row weights; frequency weights count as copies.
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
        ``quantity="censoring_survival"``; ``events`` are censorings, ``competing`` the events of the outcome.

    Notes
    -----
    Events leave the risk set before censorings at the same time: G(t) = Π_{u≤t} (1 − c/(Y − d)) with c censored, d
    events and Y at risk. Only then do inverse-probability-of-censoring weights average 1 under ties.
    """
    check_choice("interval", interval, INTERVALS)

    def estimate(rows: CurveRows) -> Branch:
        steps = reverse_kaplan_meier_steps(rows.time, rows.event, entry=rows.entry, weights=rows.weights)
        counted = steps
        if rows.robust and rows.weights is not None:
            lost = rows.event == 0
            # events leave first: censorings get a separate time just after the events
            late = 2.0 * np.searchsorted(steps.times, rows.time) + lost
            entry = None
            if rows.entry is not None:
                entry = 2.0 * np.searchsorted(steps.times, rows.entry, side="right") - 1.0
            split = kaplan_meier_steps(late, lost, entry=entry, weights=rows.weights)
            variance = kaplan_meier_robust_variance(split, late, lost, rows.weights, entry=entry)
            place = np.searchsorted(split.times, 2.0 * np.arange(steps.times.size) + 1.0, side="right") - 1
            se = np.sqrt(variance[place])
            counted = reverse_kaplan_meier_steps(rows.time, rows.event, entry=rows.entry)
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
            counted.at_risk + counted.censored,
            counted.events,
            counted.censored,
            np.zeros(steps.times.size),
        )

    return build_curve(
        y,
        estimate,
        caller="reverse_kaplan_meier",
        quantity="censoring_survival",
        strata=strata,
        sample_weight=sample_weight,
        confidence=confidence,
        interval=interval,
        method="reverse Kaplan–Meier, events first",
        min_at_risk=min_at_risk,
    )
