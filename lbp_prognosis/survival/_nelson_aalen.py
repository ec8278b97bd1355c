"""Nelson–Aalen cumulative hazard."""

from __future__ import annotations

from typing import Any

import numpy as np

from lbp_prognosis._base import (
    check_choice,
    takes_rows,
)
from lbp_prognosis._kernels import kaplan_meier_steps, step_at
from lbp_prognosis.survival._build_curve import Branch, build_curve
from lbp_prognosis.survival._curve_interval import hazard_interval
from lbp_prognosis.survival._curve_rows import CurveRows
from lbp_prognosis.survival._step_curve import StepCurve

__all__ = ["nelson_aalen"]


@takes_rows()
def nelson_aalen(
    y: Any,
    *,
    cause: int | None = None,
    strata: Any = None,
    sample_weight: Any = None,
    interval: str = "log",
    confidence: float = 0.95,
    min_at_risk: float = 10,
) -> StepCurve:
    """Estimate the cumulative hazard (Nelson–Aalen).

    Parameters
    ----------
    y : ndarray of shape (n,)
        Outcome made by `Surv.right`; delayed entry is taken into account.
    cause : int, optional
        Cause of the cumulative hazard; by default all events.
    strata : array-like of shape (n,), optional
        Stratum of each row; one curve is estimated per stratum.
    sample_weight : Weights or array-like of shape (n,), optional
        Frequency weights count as copies; otherwise the variance treats each row as one patient.
    interval : {"log", "plain"}, default "log"
        Scale on which the pointwise limits are symmetric.
    confidence : float, default 0.95
        Level of the limits.
    min_at_risk : float, default 10
        With delayed entry, the curve starts when the risk set first contains this many patients, if events occurred
        earlier.

    Returns
    -------
    StepCurve
        ``quantity="cumulative_hazard"``.

    Notes
    -----
    H(t) = Σ_{u≤t} d/Y, Var H = Σ d/Y².

    References
    ----------
    Aalen O. Nonparametric inference for a family of counting processes. Ann Stat 1978;6:701–726.
    https://doi.org/10.1214/aos/1176344247
    """
    check_choice("interval", interval, ("log", "plain"))

    def estimate(rows: CurveRows) -> Branch:
        mine = rows.event > 0 if cause is None else rows.event == cause
        steps = kaplan_meier_steps(rows.time, mine, entry=rows.entry, weights=rows.weights)
        safe = np.where(steps.at_risk > 0, steps.at_risk, 1.0)
        hazard = np.cumsum(steps.events / safe)
        if rows.robust and rows.weights is not None:
            variance = _robust_variance(rows, mine, steps.times, steps.events / safe**2, 1.0 / safe)
            counted = kaplan_meier_steps(rows.time, mine, entry=rows.entry)
        else:
            variance, counted = np.cumsum(steps.events / safe**2), steps
        se = np.sqrt(variance)
        low, high = hazard_interval(hazard, se, confidence, interval)
        other = np.bincount(
            np.searchsorted(steps.times, rows.time),
            weights=((rows.event > 0) & ~mine) * _unit(rows),
            minlength=steps.times.size,
        )
        return Branch(
            steps.times, hazard, se, low, high, counted.at_risk, counted.events, other, counted.censored - other
        )

    return build_curve(
        y,
        estimate,
        caller="nelson_aalen",
        quantity="cumulative_hazard",
        strata=strata,
        sample_weight=sample_weight,
        confidence=confidence,
        interval=interval,
        method="Nelson–Aalen",
        variance="Aalen",
        min_at_risk=min_at_risk,
        cause=cause,
    )


def _unit(rows: CurveRows) -> np.ndarray:
    return np.ones(rows.time.size) if rows.counts is None else rows.counts


def _robust_variance(
    rows: CurveRows, mine: np.ndarray, times: np.ndarray, slope: np.ndarray, jump: np.ndarray
) -> np.ndarray:
    """Σ w² (δ/Y(T) − A(T ∧ t) + A(entry))² with A = Σ d/Y², at each time, by cumulative sums."""
    assert rows.weights is not None
    square, grown = rows.weights**2, np.cumsum(slope)
    codes = np.searchsorted(times, rows.time)
    m = times.size
    begin = np.zeros(codes.size) if rows.entry is None else step_at(times, grown, rows.entry, left=0.0)
    final = mine * jump[codes] - grown[codes] + begin
    total: np.ndarray = np.cumsum(np.bincount(codes, weights=square * final**2, minlength=m))
    for power, factor in ((0, grown**2), (1, -2 * grown), (2, np.ones(m))):
        value = square * begin**power
        gone = np.cumsum(np.bincount(codes, weights=value, minlength=m))
        if rows.entry is None:
            come = np.full(m, gone[-1])
        else:
            order = np.argsort(rows.entry, kind="stable")
            come = step_at(rows.entry[order], np.cumsum(value[order]), times, left=0.0, before=True)
        total = total + factor * (come - gone)
    return np.maximum(total, 0.0)
