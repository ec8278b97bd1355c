"""Calibration-in-the-large, intercepts and slopes at one horizon."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from scipy.special import ndtri

from lbp_prognosis._kernels import (
    CoxData,
    MeanFit,
    cox_data,
    cox_fit_near,
    cox_pieces,
    hazard_influence,
    logistic_fit,
    logistic_level,
    logistic_line,
    observed_over_expected,
    poisson_fit,
    pseudo_fit_influence,
    pseudo_levels,
    subdistribution_fit,
)
from lbp_prognosis.evaluation.prognostic._calibration_rows import CalibrationRows

__all__ = [
    "Estimate",
    "cox_slope",
    "fine_gray_slope",
    "followup_levels",
    "mean_levels",
    "observed_expected",
    "undefined",
]


class Estimate(NamedTuple):
    """An estimate with its uncertainty.

    Influence values cover all rows of ``y``, or are a function that returns them. ``draws`` is a function that returns
    the key of the resamples and the resampled values.
    """

    value: float
    se: float
    low: float
    high: float
    influence: np.ndarray | Callable[[], np.ndarray] | None = None
    reason: str = ""
    draws: Callable[[], tuple[str, np.ndarray]] | None = None


def undefined(reason: str) -> Estimate:
    """Return NaN with a reason."""
    return Estimate(np.nan, np.nan, np.nan, np.nan, None, reason)


def _z(rows: CalibrationRows) -> float:
    return float(ndtri(0.5 + rows.setting.confidence / 2))


def _wald(rows: CalibrationRows, value: float, se: float, influence: Any) -> Estimate:
    z = _z(rows)
    return Estimate(float(value), float(se), float(value - z * se), float(value + z * se), influence)


def _ratio(rows: CalibrationRows, value: float, se_log: float, influence: np.ndarray | None) -> Estimate:
    half = np.exp(_z(rows) * se_log)
    return Estimate(float(value), float(value * se_log), float(value / half), float(value * half), influence)


def observed_expected(rows: CalibrationRows, interval: str) -> Estimate:
    """Observed risk over mean predicted risk at the horizon.

    The interval takes the expectation as given. The influence values account for its sampling variation, because a
    difference between two models depends only on the expectation.
    """
    observed, psi = rows.incidence
    everyone = rows.everyone
    expected = everyone.mean(everyone.risk)
    if np.isnan(observed):
        return undefined("the visits do not determine the risk at this horizon")
    total = float(everyone.index.size if everyone.weight is None else everyone.weight.sum())
    psi_expected = everyone.influence((everyone.risk - expected) / total)
    if rows.setting.target == "no_event":
        observed, expected, psi, psi_expected = 1 - observed, 1 - expected, -psi, -psi_expected
    if expected <= 0:
        return undefined("the mean predicted risk is zero")
    if observed <= 0:
        return undefined("no patient is known to have had the event by this horizon")
    if interval == "events":
        events = rows.events_by_horizon
        if rows.setting.target == "no_event":
            return undefined("an interval from the count of events is for target='event'")
        if not events > 0:
            return undefined("no patient is known to have had the event by this horizon")
        se_log = 1 / np.sqrt(events)
    else:
        se_log = float(rows.se(psi)) / observed
    ratio = observed_over_expected(observed, expected)
    return _ratio(rows, ratio, se_log, (psi - ratio * psi_expected) / expected)


def _fits_of_means(rows: CalibrationRows) -> tuple[MeanFit, MeanFit | None]:
    """Fit the intercept at slope one, and the joint intercept and slope (None if all risks are equal)."""
    if rows.state is None:
        return pseudo_levels(rows.line, rows.pseudo, rows.weight, rows.risk, not rows.by_squares)
    design = rows.line
    level = logistic_level(rows.x, rows.state, rows.weight)[0]
    large = _at_point(rows, design[:, :1], rows.x, np.array([level]))
    if rows.constant:
        return large, None
    line = logistic_line(rows.x, rows.state, rows.weight)[:2]
    return large, _at_point(rows, design, None, np.array(line))


def _at_point(rows: CalibrationRows, design: np.ndarray, offset: np.ndarray | None, coef: np.ndarray) -> MeanFit:
    """Return standard errors and influence values of a logistic regression at its point estimates."""
    assert rows.state is not None
    found = bool(np.isfinite(coef).all())
    start, rounds = (coef, 50) if found else (None, 0)  # without a point estimate nothing converges
    fit = logistic_fit(design, rows.state, offset=offset, weights=rows.weight, start=start, max_iter=rounds)
    return fit._replace(coef=coef)


def _covariance(rows: CalibrationRows, fit: MeanFit) -> np.ndarray:
    if rows.state is not None and rows.model_based:
        return fit.covariance
    return rows.covariance_of(fit)


def _of_pseudo_values(rows: CalibrationRows, design: np.ndarray, fit: MeanFit, offset: np.ndarray | None) -> np.ndarray:
    assert rows.time is not None
    assert rows.code is not None
    held = None if offset is None else np.clip(offset, -30, 3.5)  # same limits as in the fit
    return rows.influence(pseudo_fit_influence(design, fit.coef, held, rows.pseudo, rows.cells, rows.tau, rows.weight))


def mean_levels(rows: CalibrationRows) -> dict[str, object]:
    """Intercept at slope one, joint intercept and slope, and their Wald test of (0, 1).

    Logistic regression of a state on the logit of the risk; quasi-likelihood of pseudo-values on its complementary
    log-log, with a sandwich variance, for censored times. The sandwich variance takes the pseudo-values as given, as
    other software does. The influence values, which give the standard errors of differences between models, do not.
    """
    line = rows.line
    scale = "logistic regression" if rows.state is not None else "pseudo-value regression"
    out: dict[str, object] = {}
    large, both = _fits_of_means(rows)
    if large.converged:
        se = np.sqrt(np.diag(_covariance(rows, large)))
        states = rows.time is None
        psi = rows.influence(large.influence) if states else _of_pseudo_values(rows, line[:, :1], large, rows.x)
        out["citl"] = _wald(rows, large.coef[0], se[0], psi[:, 0])
    else:
        out["citl"] = undefined(f"the {scale} did not converge")
    nothing = undefined("all predictions are equal" if rows.constant else f"the {scale} did not converge")
    if both is None or not both.converged:
        return {**out, "intercept": nothing, "slope": nothing, "joint": (np.nan, np.nan)}
    covariance = _covariance(rows, both)
    se = np.sqrt(np.diag(covariance))
    full = rows.influence(both.influence) if rows.time is None else _of_pseudo_values(rows, line, both, None)
    out["intercept"] = _wald(rows, both.coef[0], se[0], full[:, 0])
    out["slope"] = _wald(rows, both.coef[1], se[1], full[:, 1])
    moved = both.coef - np.array([0.0, 1.0])
    if not np.isfinite(covariance).all():  # no test without a standard error
        return {**out, "joint": (np.nan, np.nan)}
    with np.errstate(all="ignore"):
        statistic = float(moved @ np.linalg.pinv(covariance) @ moved)
    out["joint"] = (statistic, float(np.exp(-statistic / 2)))  # χ² with two degrees of freedom
    return out


def cox_slope(rows: CalibrationRows, linear_predictor: np.ndarray | None) -> Estimate:
    """Cox coefficient of the linear predictor or the complementary log-log of the risk, over the whole follow-up."""
    assert rows.time is not None
    assert rows.code is not None
    x = (rows.x if linear_predictor is None else linear_predictor[rows.index])[:, None]
    if np.ptp(x) <= 1e-12:
        return undefined("all predictions are equal")
    event = rows.code == 1
    if not event.any():
        return undefined("no patient had the event")
    data = cox_data(x, rows.time, event)
    fit = cox_fit_near(data, weights=rows.weight, frequency=rows.setting.frequency)
    if not fit.converged or fit.aliased.any():
        return undefined("the Cox regression did not converge")
    deferred = partial(_cox_slope_influence, rows, data, fit.coef, fit.information)
    if rows.model_based:  # influence values are then used only for paired differences
        return _wald(rows, fit.coef[0], float(np.sqrt(fit.covariance[0, 0])), deferred)
    psi = deferred()
    return _wald(rows, fit.coef[0], float(rows.se(psi)), psi)


def _cox_slope_influence(rows: CalibrationRows, data: CoxData, coef: np.ndarray, information: np.ndarray) -> np.ndarray:
    pieces = cox_pieces(data, coef, weights=rows.weight, frequency=rows.setting.frequency)
    return rows.influence((pieces.score() @ np.linalg.pinv(information))[:, 0])


def fine_gray_slope(rows: CalibrationRows) -> Estimate:
    """Coefficient of the complementary log-log of the risk in a model of the subdistribution hazard."""
    assert rows.time is not None
    assert rows.code is not None
    if rows.constant:
        return undefined("all predictions are equal")
    x = rows.x[:, None]
    fit = subdistribution_fit(x, rows.time, rows.code, weights=rows.weight)
    if not fit.converged:
        return undefined("the Fine–Gray regression did not converge")
    slope = hazard_influence(x, rows.time, rows.code, fit.coef, fit.information, rows.tau, weights=rows.weight)
    psi = rows.influence(slope[:, 1])
    return _wald(rows, fit.coef[0], float(rows.se(psi)), psi)


def followup_levels(
    rows: CalibrationRows, cumulative_hazard: np.ndarray, linear_predictor: np.ndarray | None, truncated: bool
) -> dict[str, Estimate]:
    """Observed over expected events during follow-up, and joint intercept and slope of the Poisson regression.

    ``cumulative_hazard`` (n,) is each patient's predicted hazard up to the end of follow-up, or (``truncated``) up to
    the horizon if that is earlier.
    """
    assert rows.time is not None
    assert rows.code is not None
    hazard = cumulative_hazard[rows.index]
    event = ((rows.code == 1) & ((rows.time <= rows.tau) | (not truncated))).astype(float)
    used = hazard > 0
    weight = None if rows.weight is None else rows.weight[used]
    one = np.ones((int(used.sum()), 1))
    out = {}

    def whole(influence: np.ndarray) -> np.ndarray:
        full = np.zeros((used.size, influence.shape[1]))
        full[used] = influence
        return rows.influence(full)

    total = float(np.sum(event[used] if weight is None else weight * event[used]))
    if total <= 0:
        nothing = undefined("no patient had the event")
        return {"ratio": nothing, "intercept": nothing, "slope": nothing}
    fit = poisson_fit(one, event[used], offset=np.log(hazard[used]), weights=weight)
    psi = whole(fit.influence)[:, 0]
    se = float(np.sqrt(fit.covariance[0, 0]) if rows.model_based else rows.se(psi))
    ratio = float(np.exp(fit.coef[0]))
    out["ratio"] = _ratio(rows, ratio, se, psi * ratio)
    if linear_predictor is None:
        missing = undefined("needs linear_predictor")
        return {**out, "intercept": missing, "slope": missing}
    lp = linear_predictor[rows.index][used]
    both = poisson_fit(np.column_stack([one, lp]), event[used], offset=np.log(hazard[used]) - lp, weights=weight)
    if not both.converged:
        failed = undefined("the Poisson regression did not converge")
        return {**out, "intercept": failed, "slope": failed}
    psi2 = whole(both.influence)
    errors = np.sqrt(np.diag(both.covariance)) if rows.model_based else np.atleast_1d(rows.se(psi2))
    out["intercept"] = _wald(rows, both.coef[0], errors[0], psi2[:, 0])
    out["slope"] = _wald(rows, both.coef[1], errors[1], psi2[:, 1])
    return out
