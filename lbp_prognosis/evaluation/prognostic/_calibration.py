"""``calibration``: agreement of predicted with observed risks."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from lbp_prognosis._base import (
    MetricResult,
    RandomState,
    argument_error,
    check_beside,
    check_choice,
    check_number,
    check_risk,
    check_vector,
    generator,
    objection,
    takes_rows,
)
from lbp_prognosis._kernels import logistic_fit
from lbp_prognosis.evaluation.prognostic._calibration_curve import (
    SMOOTHERS,
    STATISTICS,
    CalibrationCurve,
    agreement,
    calibration_curve,
    no_curve,
)
from lbp_prognosis.evaluation.prognostic._calibration_levels import (
    Estimate,
    cox_slope,
    fine_gray_slope,
    followup_levels,
    mean_levels,
    observed_expected,
    undefined,
)
from lbp_prognosis.evaluation.prognostic._calibration_result import Calibration
from lbp_prognosis.evaluation.prognostic._calibration_rows import CalibrationRows, calibration_rows
from lbp_prognosis.evaluation.prognostic._prediction_doubts import likely_inversion
from lbp_prognosis.evaluation.prognostic._resampled_distances import ResampledDistances
from lbp_prognosis.evaluation.prognostic._setting import Setting, shaped

__all__ = ["calibration"]


@takes_rows()
def calibration(
    y: np.ndarray,
    risk: Any,
    horizons: Any = None,
    *,
    cause: int = 1,
    target: str = "event",
    linear_predictor: Any = None,
    cumulative_hazard: Any = None,
    knots: Any = None,
    smoother: str = "rcs",
    span: float = 0.75,
    degree: int | None = None,
    oe_interval: str = "greenwood",
    sample_weight: Any = None,
    clusters: Any = None,
    confidence: float = 0.95,
    n_resamples: int = 200,
    random_state: RandomState = 0,
    min_at_risk: float = 10,
    min_censoring_survival: float = 0.02,
) -> Calibration:
    """Calibration of predicted risks: in the large, by the slope, and along a smooth curve.

    Parameters
    ----------
    y : ndarray of shape (n,)
        `Surv.right` (with competing events if there are any), `Surv.interval` (evaluate at visit times) or `Status.at`.
    risk : array-like of shape (n, n_horizons) or (n,)
        P(event of ``cause`` by the horizon).
    horizons : float or sequence of float, optional
        Prediction horizons, in the unit of ``y``; a `Status` contains its own.
    cause : int, default 1
        Event of interest.
    target : {"event", "no_event"}, default "event"
        Target of O/E and groups. Intercepts, slopes and the curve are regressions of the event. The distances ICI, E50,
        E90 and Emax are the same for both targets.
    linear_predictor : array-like of shape (n,), optional
        Log-hazard linear predictor of the model; the slopes are then its coefficient. By default the complementary
        log-log of the risk.
    cumulative_hazard : array-like of shape (n,) or (n, n_horizons), optional
        Predicted cumulative hazard of each patient at the end of that patient's follow-up (one column), or at the end
        of follow-up or the horizon, whichever is earlier (one column per horizon). Gives O/E over the follow-up, and
        (one column) A- and D-calibration.
    knots : int or array-like, optional
        Number of knots of the spline, or their positions on the transformed scale (complementary log-log; logit for
        states). 4 by default, 3 under 50 events.
    smoother : {"rcs", "loess", "loess_direct", "lowess"}, default "rcs"
        ``"rcs"``: a Cox model (Fine–Gray with competing events, logistic for states) on a restricted cubic spline of
        the transformed risk. The others are local regressions of states or pseudo-values: ``"loess"`` is R's
        interpolated default, ``"loess_direct"`` its exact version, ``"lowess"`` R's without robustness iterations (and
        without weights).
    span : float, default 0.75
        Proportion of patients in a neighbourhood of loess.
    degree : int, optional
        Degree of loess; 2 for states, 1 for pseudo-values.
    oe_interval : {"greenwood", "events"}, default "greenwood"
        Interval of O/E at the horizon: from the variance of the observed risk, or exp(± z / √events).
    sample_weight : array-like of shape (n,) or Weights, optional
        Row weights; a bare array is taken as sampling weights. For interval-censored outcomes, attrition weights
        replace Turnbull's estimate and the attendance weights: rows with a known state represent all rows.
    clusters : array-like of shape (n,), optional
        Cluster of each row, for the standard errors.
    confidence : float, default 0.95
        Level of intervals.
    n_resamples : int, default 200
        Curves drawn from the distribution of the spline's coefficients, for the intervals of ICI, E50, E90, Emax and
        for the null ICI.
    random_state : int, SeedSequence, Generator or None, default 0
        Seed of these draws.
    min_at_risk : float, default 10
        Smallest accepted number of patients with ``time >= horizon`` (for states, of known states); below it the value
        is NaN with a reason.
    min_censoring_survival : float, default 0.02
        Limit for interval-censored outcomes, whose states at the visit are weighted; see `brier`.

    Returns
    -------
    Calibration
        With ``observed_expected``, ``citl``, ``calibration_intercept``, ``calibration_slope``, ``ici``, ``ici_null``,
        ``e50``, ``e90``, ``emax``, curves, and methods ``groups``, ``gnd``, ``a_calibration``, ``plot`` …

    Raises
    ------
    ArgumentError
        If an argument is not accepted, e.g. an outcome with delayed entry.

    See Also
    --------
    lbp_prognosis.evaluation.evaluate : How good are these predictions?
    lbp_prognosis.evaluation.decision_curve : Would decisions be better with the model?

    Notes
    -----
    Censored outcomes: O is one minus Kaplan–Meier (Aalen–Johansen with competing events). The slope of a single cause
    is a Cox coefficient; intercepts, and the slope with competing events, come from regressing pseudo-values on the
    complementary log-log of the risk with a sandwich variance. The curve at τ is 1 − exp(−H₀(τ) exp(spline)). None of
    them depends on the unit of time. A fit that does not converge gives NaN, a reason and an objection, never a number.

    ICI is above zero even for a perfect model; ``ici_null`` estimates its value for these data, from curves drawn
    around the diagonal with the covariance of influence values. The intervals of the distances are percentiles of
    curves drawn around the fitted one; the lower limit is 0 where a perfect model reaches the distance in more than
    (1 − ``confidence``)/2 of the draws.

    References
    ----------
    Austin PC, Harrell FE, van Klaveren D. Graphical calibration curves and the integrated calibration index (ICI) for
    survival models. Stat Med 2020;39:2714–2742. doi:10.1002/sim.8570.
    Crowson CS, Atkinson EJ, Therneau TM. Assessing calibration of prognostic risk scores. Stat Methods Med Res
    2016;25:1692–1706. doi:10.1177/0962280213497434.
    Austin PC, Steyerberg EW. The Integrated Calibration Index (ICI) and related metrics for quantifying the calibration
    of logistic regression models. Stat Med 2019;38:4051–4065. doi:10.1002/sim.8281.

    Examples
    --------
    >>> import numpy as np
    >>> from lbp_prognosis import Surv, calibration
    >>> rng = np.random.default_rng(0)
    >>> x = rng.normal(size=300)
    >>> t, c = rng.exponential(12 * np.exp(-x)), rng.uniform(6, 24, 300)
    >>> y = Surv.right(np.minimum(t, c), t <= c)
    >>> found = calibration(y, 1 - np.exp(-np.exp(x) * 6 / 12), 6)
    >>> round(found.observed_expected.value, 2), round(found.calibration_slope.value, 2)
    (0.99, 0.97)
    """
    setting = Setting.check(
        y,
        horizons,
        accepted=("right", "interval", "status"),
        caller="calibration",
        cause=cause,
        target=target,
        censoring="marginal",
        sample_weight=sample_weight,
        clusters=clusters,
        confidence=confidence,
        min_at_risk=min_at_risk,
        min_censoring_survival=min_censoring_survival,
    )
    check_choice("smoother", smoother, SMOOTHERS)
    check_choice("oe_interval", oe_interval, ("greenwood", "events"))
    check_number("span", span, low=0, high=10, open_low=True)
    draws = int(check_number("n_resamples", n_resamples, low=0, whole=True))
    places = _check_knots(knots)
    check_beside("risk", risk, linear_predictor=linear_predictor, sample_weight=sample_weight, clusters=clusters)
    risks = check_risk("risk", risk, n=setting.n, n_horizons=setting.horizons.size)
    score = None if linear_predictor is None else check_vector("linear_predictor", linear_predictor, n=setting.n)
    hazard = _check_hazard(cumulative_hazard, setting)
    rows = calibration_rows(setting, risks)
    rng = generator(random_state)
    resamples = _seed_of_resamples(rng)
    found: list[dict[str, Estimate]] = []
    curves: list[CalibrationCurve] = []
    joint: list[tuple[float, float]] = []
    slopes: list[Estimate] = []
    for at in rows:
        if at.reason:
            found.append({})
            joint.append((np.nan, np.nan))
            curves.append(no_curve(at))
            continue
        curve = calibration_curve(at, smoother, places, span, degree, curves[-1] if curves else None)
        values, test = _levels(at, score, hazard, oe_interval, slopes)
        distances = agreement(at, curve, draws, rng)
        if draws and curve.influence is not None and not curve.reason:
            distances = _with_resamples(distances, ResampledDistances(at, curve, draws, resamples))
        found.append({**values, **distances})
        curves.append(curve)
        joint.append(test)
    return _assemble(setting, rows, found, curves, joint, hazard, smoother, oe_interval)


def _seed_of_resamples(rng: np.random.Generator) -> np.random.SeedSequence:
    """Return a seed that depends only on ``random_state``, not on previous draws, so that models can be compared."""
    given = rng.bit_generator.seed_seq
    assert isinstance(given, np.random.SeedSequence)
    return np.random.SeedSequence(given.entropy, spawn_key=(*given.spawn_key, 0x1C1))


def _with_resamples(found: dict[str, Estimate], resampled: ResampledDistances) -> dict[str, Estimate]:
    return {
        name: part._replace(draws=partial(resampled.column, name)) if name in STATISTICS else part
        for name, part in found.items()
    }


def _check_knots(knots: Any) -> Any:
    if knots is None or isinstance(knots, int | np.integer):
        if knots is not None:
            check_number("knots", int(knots), low=3, high=10, whole=True)
        return knots
    places = check_vector("knots", knots)
    if places.size < 3 or (np.diff(places) <= 0).any():
        raise argument_error("knots", "a number of at least 3, or at least three increasing places", knots)
    return places


def _check_hazard(cumulative_hazard: Any, setting: Setting) -> np.ndarray | None:
    if cumulative_hazard is None:
        return None
    if setting.kind != "right":
        raise argument_error("cumulative_hazard", "given for Surv.right only", f"an outcome of kind {setting.kind}")
    array = np.asarray(cumulative_hazard, dtype=float)
    if array.ndim == 2:
        if array.shape != (setting.n, setting.horizons.size):
            raise argument_error(
                "cumulative_hazard",
                f"of shape ({setting.n},) or ({setting.n}, {setting.horizons.size})",
                f"shape {array.shape}",
            )
        for column in array.T:
            check_vector("cumulative_hazard", column, n=setting.n, low=0)
        return array
    return check_vector("cumulative_hazard", array, n=setting.n, low=0)


def _levels(
    rows: CalibrationRows,
    score: np.ndarray | None,
    hazard: np.ndarray | None,
    oe_interval: str,
    slopes: list[Estimate],
) -> tuple[dict[str, Estimate], tuple[float, float]]:
    out = {"observed_expected": observed_expected(rows, oe_interval)}
    means: dict[str, Any] = mean_levels(rows)
    out["citl"], out["calibration_intercept"] = means["citl"], means["intercept"]
    if rows.state is not None:
        out["calibration_slope"] = means["slope"]
        out.update(_states(rows))
    elif rows.competing:
        out["calibration_slope"] = means["slope"]
        out["calibration_slope_finegray"] = fine_gray_slope(rows)
    else:
        if score is None or not slopes:
            slopes.append(cox_slope(rows, score))
        out["calibration_slope"] = slopes[-1]  # linear predictor over the whole follow-up: one slope for all horizons
        out["calibration_slope_pseudo"] = means["slope"]
    if hazard is not None:
        column = hazard if hazard.ndim == 1 else hazard[:, rows.h]
        follow = followup_levels(rows, column, score, hazard.ndim == 2)
        out["observed_expected_followup"] = follow["ratio"]
        out["calibration_intercept_followup"] = follow["intercept"]
        out["calibration_slope_followup"] = follow["slope"]
    return out, means["joint"]


def _states(rows: CalibrationRows) -> dict[str, Estimate]:
    """Spiegelhalter's z, and Harrell's indices of discrimination, unreliability and quality."""
    if rows.weight is not None and not rows.counted:
        return {}
    assert rows.state is not None
    w = np.ones(rows.risk.size) if rows.weight is None else rows.weight
    p, y = rows.risk, rows.state
    n = float(w.sum())
    out, nothing = {}, (np.nan, np.nan, None, "no interval: none is defined for this measure")
    spread = float(np.sqrt(w @ ((1 - 2 * p) ** 2 * p * (1 - p))))
    if spread > 0:
        out["spiegelhalter_z"] = Estimate(float(w @ ((y - p) * (1 - 2 * p))) / spread, 1.0, *nothing)

    def likelihood(eta: np.ndarray) -> float:
        return float(w @ (y * eta - np.logaddexp(0, eta)))

    share = float(np.average(y, weights=w))
    if not 0 < share < 1:
        return out
    null = likelihood(np.full(p.size, np.log(share / (1 - share))))
    given = likelihood(rows.x)
    fit = None if rows.constant else logistic_fit(np.column_stack([np.ones(p.size), rows.x]), y, weights=rows.weight)
    discrimination = (2 * (given - null) - 1) / n
    out["discrimination_index"] = Estimate(discrimination, np.nan, *nothing)
    if fit is not None and fit.converged:
        unreliability = (2 * (fit.loglik - given) - 2) / n
        out["unreliability_index"] = Estimate(unreliability, np.nan, *nothing)
        out["quality_index"] = Estimate(discrimination - unreliability, np.nan, *nothing)
    return out


_REQUIRED = (
    "observed_expected",
    "citl",
    "calibration_intercept",
    "calibration_slope",
    "ici",
    "e50",
    "e90",
    "emax",
    "ici_null",
)


def _assemble(
    setting: Setting,
    rows: list[CalibrationRows],
    found: list[dict[str, Estimate]],
    curves: list[CalibrationCurve],
    joint: list[tuple[float, float]],
    hazard: np.ndarray | None,
    smoother: str,
    oe_interval: str,
) -> Calibration:
    objections = [*setting.doubts, *(o for at in rows for o in at.objections)]
    names = list(dict.fromkeys([*_REQUIRED, *(name for part in found for name in part)]))
    methods = _methods(rows, curves, smoother, oe_interval)
    mean = np.array([np.nan if at.reason else at.everyone.mean(at.everyone.risk) for at in rows])
    seen = np.array([np.nan if at.reason else at.incidence[0] for at in rows])
    objections += likely_inversion(mean, seen, setting.horizons, lambda h: rows[h].area)
    for at in rows:
        if at.clipped and not at.reason:
            objections.append(objection("risks-at-the-bounds", clipped=at.clipped, n=at.ascending.size, horizon=at.tau))
    results: dict[str, MetricResult] = {}
    for name in names:
        parts = [part.get(name, undefined(at.reason or "not defined here")) for at, part in zip(rows, found)]
        results[name] = _metric(setting, name, parts, methods.get(name, methods["citl"]))
        objections += [
            objection("no-convergence", metric=name, reason=part.reason)
            for part in parts
            if "did not converge" in part.reason
        ]
    shared = tuple(dict.fromkeys(objections))
    results = {name: result.labelled(objections=shared) for name, result in results.items()}
    named: dict[str, Any] = {name: results.pop(name) for name in _REQUIRED}
    followup = results.pop("observed_expected_followup", None)
    return Calibration(
        **named,
        observed_expected_followup=followup,
        others=results,
        curves=tuple(curves),
        horizons=setting.horizons,
        objections=shared,
        _rows=tuple(rows),
        _joint=tuple(joint),
        _hazard=hazard if hazard is not None and hazard.ndim == 1 else None,
    )


def _stacked(influences: tuple[Any, ...], n: int, scalar: bool) -> np.ndarray:
    """Influence values by horizon, NaN without an estimate."""
    made: dict[int, np.ndarray] = {}  # several horizons may share one function
    for values in influences:
        if id(values) not in made:
            made[id(values)] = np.full(n, np.nan) if values is None else (values() if callable(values) else values)
    columns = [made[id(values)] for values in influences]
    return columns[0] if scalar else np.stack(columns).T


def _stacked_draws(draws: tuple[Any, ...], scalar: bool) -> tuple[str, np.ndarray]:
    """Resampled values by horizon, NaN without an estimate."""
    made = [None if one is None else one() for one in draws]
    mark, first = next(one for one in made if one is not None)
    columns = [np.full(first.shape, np.nan) if one is None else one[1] for one in made]
    return mark, columns[0] if scalar else np.stack(columns, axis=1)


def _metric(setting: Setting, name: str, parts: list[Estimate], method: str) -> MetricResult:
    influences = tuple(part.influence for part in parts)
    influence = None
    if any(values is not None for values in influences):
        influence = partial(_stacked, influences, setting.n, setting.scalar)
    result = setting.result(
        name,
        [part.value for part in parts],
        se=[part.se for part in parts],
        method=method,
        influence=influence,
        reasons=[part.reason for part in parts],
    )
    low, high = (shaped([getattr(part, side) for part in parts], setting.scalar) for side in ("low", "high"))
    draws = tuple(part.draws for part in parts)
    if any(one is not None for one in draws):
        result = result.labelled(draws=partial(_stacked_draws, draws, setting.scalar))
    return result.labelled(low=low, high=high)


def _methods(
    rows: list[CalibrationRows], curves: list[CalibrationCurve], smoother: str, oe_interval: str
) -> dict[str, str]:
    setting = rows[0].setting
    competing = any(at.competing for at in rows)
    if setting.kind == "status":
        observed = "observed states"
    elif setting.kind == "interval":
        observed = "Turnbull's estimate" if rows[0].by_turnbull else "states known at the visit, attrition weights"
    else:
        observed = "Aalen–Johansen" if competing else "Kaplan–Meier"
    error = "count of events" if oe_interval == "events" else "variance of the observed risk, on the log scale"
    means = (
        "logistic regression on the logit" if setting.kind != "right" else "pseudo-values, complementary log-log link"
    )
    cox = "Cox coefficient over the whole follow-up"
    curve = next((c.smoother for c in curves if c.smoother), smoother)
    poisson = "Poisson regression with the expected events as offset"
    out = {
        "observed_expected": f"{observed}; {error}",
        "citl": f"{means}, slope held at 1",
        "calibration_intercept": f"{means}, jointly with the slope",
        "calibration_slope": means if setting.kind != "right" or competing else cox,
        "calibration_slope_pseudo": means,
        "calibration_slope_finegray": "Fine–Gray coefficient",
        "observed_expected_followup": poisson,
        "calibration_intercept_followup": poisson,
        "calibration_slope_followup": poisson,
        "spiegelhalter_z": "Spiegelhalter's z",
    }
    for name in ("discrimination_index", "unreliability_index", "quality_index"):
        out[name] = "likelihood ratios per patient"
    for name in ("ici", "e50", "e90", "emax"):
        out[name] = curve
    out["ici_null"] = f"{curve}; the same errors on the diagonal"
    return out
