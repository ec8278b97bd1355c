"""``evaluate``: all metrics that the outcome allows, for each model and each pair of models."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from itertools import combinations
from types import MappingProxyType
from typing import Any

import numpy as np

from lbp_prognosis._base import (
    ArgumentError,
    EstimationError,
    MetricResult,
    Objection,
    RandomState,
    argument_error,
    check_beside,
    check_choice,
    check_horizons,
    check_risks,
    check_vector,
    objection,
    side_by_side,
    spawn,
    takes_rows,
)
from lbp_prognosis.evaluation._evaluate_scores import cut_risks, forecasts_in, score_metrics
from lbp_prognosis.evaluation._evaluation import Evaluation
from lbp_prognosis.evaluation._screen_predictions import screen_predictions
from lbp_prognosis.evaluation.prognostic import (
    Calibration,
    brier,
    calibration,
    concordance,
    integrated_brier,
    log_score,
    nagelkerke_r2,
    royston_d,
    time_dependent_auc,
)
from lbp_prognosis.evaluation.prognostic._setting import shared_settings
from lbp_prognosis.evaluation.utility import DecisionCurve, NetBenefitDifference, decision_curve
from lbp_prognosis.survival import (
    ScoreForecast,
    check_outcome,
    has_competing,
    measured_spec,
    measured_to_status,
    outcome_screen,
    status_horizon,
)

__all__ = ["evaluate"]


@takes_rows()
@shared_settings()
def evaluate(
    y: np.ndarray,
    risks: Any,
    horizons: Any = None,
    thresholds: Any = None,
    *,
    linear_predictors: Any = None,
    cumulative_hazards: Any = None,
    cause: int = 1,
    target: str = "event",
    censoring: Any = "marginal",
    estimator: str = "km",
    knots: Any = None,
    smoother: str = "rcs",
    sample_weight: Any = None,
    clusters: Any = None,
    confidence: float = 0.95,
    n_resamples: int = 200,
    random_state: RandomState = 0,
    min_at_risk: int = 10,
    min_censoring_survival: float = 0.02,
) -> Evaluation:
    """Evaluate predictions: discrimination, overall performance, calibration, clinical utility, and paired differences.

    Parameters
    ----------
    y : ndarray of shape (n,)
        `Surv.right` (with competing events if there are any), `Surv.interval` (at visit times), `Status.at` or
        `Measured.at`.
    risks : array-like of shape (n, n_horizons) or (n,), or mapping from name to such arrays
        P(event of ``cause`` by the horizon). For a measured score, a `ScoreForecast` (or a mapping from name to
        forecasts): the distribution is evaluated, and also the risk at the declared cut, if any. Risks given without a
        forecast are risks at the cut.
    horizons : float or sequence of float, optional
        Prediction horizons, in the unit of ``y``; a `Status` contains its own.
    thresholds : array-like or ThresholdRange, optional
        Decision thresholds on the risk of the target. Without thresholds, no decision curve is computed.
    linear_predictors : array-like of shape (n,), or mapping from name to such arrays, optional
        Log-hazard scores, for concordance, D and slopes; by default the risk at the last horizon. With competing
        events, patients are always ranked by that risk (the cumulative incidence), because a cause-specific hazard can
        order patients differently (Wolbers et al. 2014, doi:10.1093/biostatistics/kxt059).
    cumulative_hazards : array-like, or mapping from name to arrays, optional
        Predicted cumulative hazards; see ``cumulative_hazard`` of `calibration`.
    cause : int, default 1
        Event of interest.
    target : {"event", "no_event"}, default "event"
        Target of decisions. O/E and net benefit refer to the target.
    censoring : "marginal" or object, default "marginal"
        Censoring model for AUC, Brier score and log score; see `brier`.
    estimator : {"km", "ipcw"}, default "km"
        Estimator of net benefit; see `decision_curve`.
    knots, smoother
        Options of the calibration curve; see `calibration`.
    sample_weight : array-like of shape (n,) or Weights, optional
        Row weights.
    clusters : array-like of shape (n,), optional
        Cluster of each row, for the standard errors.
    confidence : float, default 0.95
        Level of intervals.
    n_resamples : int, default 200
        Number of resamples for simultaneous bands of net benefit and for intervals of calibration distances.
    random_state : int, SeedSequence, Generator or None, default 0
        Seed of the resamples.
    min_at_risk : int, default 10
        Smallest accepted number of patients followed to a horizon; below it the value is NaN with a reason.
    min_censoring_survival : float, default 0.02
        Smallest accepted probability of being uncensored; below it, weighted values are NaN with a reason.

    Returns
    -------
    Evaluation
        ``to_frame()`` returns all metrics of all models and all paired differences; ``calibrations`` and ``decision``
        contain the curves; ``figure()`` draws a page.

    Raises
    ------
    ArgumentError
        If an argument is not accepted. A metric that cannot be estimated is NaN with a reason.

    Notes
    -----
    From 200,000 patients on, calibration is computed in a second thread, except on one core, in a worker, and under
    ``joblib.parallel_config(backend="threading")``. The numbers are the same.

    See Also
    --------
    lbp_prognosis.evaluation.calibration : Do predicted risks agree with observed ones?
    lbp_prognosis.evaluation.decision_curve : Would decisions be better with the model?
    lbp_prognosis.report.evaluation_page : How do results become a page?

    Examples
    --------
    >>> import numpy as np
    >>> from lbp_prognosis import Surv, evaluate
    >>> rng = np.random.default_rng(0)
    >>> x = rng.normal(size=300)
    >>> t, c = rng.exponential(12 * np.exp(-x)), rng.uniform(6, 24, 300)
    >>> y = Surv.right(np.minimum(t, c), t <= c)
    >>> found = evaluate(y, {"score": 1 - np.exp(-np.exp(x) * 6 / 12)}, 6, [0.2, 0.3, 0.4])
    >>> sorted(found.metrics["score"])[:4]
    ['auc', 'brier', 'calibration_intercept', 'calibration_slope']
    """
    smooth: dict[str, Any] = {"knots": knots, "smoother": smoother, "n_resamples": n_resamples}
    rows: dict[str, Any] = {"sample_weight": sample_weight, "clusters": clusters, "confidence": confidence}
    if check_outcome(y, ("right", "interval", "status", "measured"), caller="evaluate") == "measured":
        forecasts = forecasts_in(risks, y.shape[0])
        if forecasts:
            given = {"linear_predictors": linear_predictors, "target": target, "estimator": estimator, **smooth}
            given["random_state"] = random_state
            return _of_scores(y, forecasts, horizons, thresholds, given, {**rows, "min_at_risk": min_at_risk})
        y = measured_to_status(y)  # state at the declared cut
    kind = check_outcome(y, ("right", "interval", "status"), caller="evaluate")
    horizons = _stated_horizon(y) if kind == "status" and horizons is None else horizons
    times, scalar = check_horizons(horizons)
    models = check_risks(risks, n=y.shape[0], n_horizons=times.size)
    check_beside("risks", risks, linear_predictors=linear_predictors, sample_weight=sample_weight, clusters=clusters)
    scores = _by_model("linear_predictors", linear_predictors, models, y.shape[0])
    hazards = _by_model("cumulative_hazards", cumulative_hazards, models, None)
    seeds = spawn(random_state, len(models) + 1)
    ask = times[0] if scalar else times
    shared = {"cause": cause, **rows}
    guards: dict[str, Any] = {"min_at_risk": min_at_risk, "min_censoring_survival": min_censoring_survival}
    metrics: dict[str, dict[str, MetricResult]] = {}
    calibrations: dict[str, Calibration] = {}
    objections: list[Objection] = []
    asked = _Question(kind, y, ask, times, {"target": target, "censoring": censoring}, shared, guards)

    def calibrate() -> dict[str, Calibration]:
        return {
            name: calibration(
                y,
                risk,
                ask,
                target=target,
                linear_predictor=scores.get(name),
                cumulative_hazard=hazards.get(name),
                random_state=seeds[0],  # shared by all models: distances are compared in the same resamples
                **smooth,
                **shared,
                **guards,
            )
            for name, risk in models.items()
        }

    def decide() -> DecisionCurve | None:
        if thresholds is None or kind == "interval":
            return None
        return decision_curve(
            y,
            models,
            ask,
            thresholds,
            target=target,
            estimator=estimator,
            n_resamples=n_resamples,
            random_state=seeds[-1],
            **shared,
            **guards,
        )

    def others() -> tuple[dict[str, dict[str, MetricResult]], DecisionCurve | None, tuple[NetBenefitDifference, ...]]:
        found = {
            name: _discrimination(asked, risk, scores.get(name), objections, name) for name, risk in models.items()
        }
        decision = decide()
        return found, decision, () if decision is None else _net_benefit_pairs(decision, tuple(models))

    (found, decision, gains), fitted = side_by_side(others, calibrate, y.shape[0])
    calibrations = {name: replace(fit, model=name) for name, fit in fitted.items()}
    agreements = {name: {result.metric: result for result in fit.metrics} for name, fit in fitted.items()}
    for name in models:
        whole = found[name] | agreements[name]
        metrics[name] = {key: value.labelled(model=name) for key, value in whole.items()}
    differences = _differences(metrics, objections, agreements, y.shape[0])
    if decision is not None:
        # each model's own metrics already object to an inversion
        objections += [o for o in decision.objections if o.code != "risk-looks-inverted"]
    elif thresholds is not None:
        objections.append(objection("no-decision-curve"))
    objections += _said(metrics)
    objections += screen_predictions(y, models, times, metrics, cause=cause, target=target, clusters=clusters)
    first = next(iter(calibrations.values())).observed_expected
    return Evaluation(
        models=tuple(models),
        horizons=times,
        metrics=metrics,
        differences=differences,
        calibrations=calibrations,
        decision=decision,
        net_benefit_differences=gains,
        target=target,
        cause=cause,
        n=int(first.n or y.shape[0]),
        n_events=int(first.n_events or 0),
        objections=tuple(dict.fromkeys(objections)),
    )


def _of_scores(
    y: np.ndarray,
    forecasts: dict[str, ScoreForecast],
    horizons: Any,
    thresholds: Any,
    given: dict[str, Any],
    shared: dict[str, Any],
) -> Evaluation:
    """Evaluate predicted distributions of a score, and the risks at its cut if declared."""
    spec = measured_spec(y)
    risks = cut_risks(forecasts, spec)
    if thresholds is not None and not risks:
        measured_to_status(y)  # raises an error: decisions need a cut
    metrics, calibrations, transforms = score_metrics(y, forecasts, shared)
    objections: list[Objection] = []
    said = dict.fromkeys(o for part in metrics.values() for result in part.values() for o in result.objections)
    objections += said
    objections += [*outcome_screen(y), *(o for forecast in forecasts.values() for o in forecast.objections)]
    if not risks:
        times, _ = check_horizons(spec.horizon if horizons is None else horizons)
        if times.size != 1 or times[0] != spec.horizon:
            raise argument_error("horizons", f"the time of the visit, {spec.horizon:g}", str(times.tolist()))
        first = next(iter(metrics.values()))["crps"]
        return Evaluation(
            models=tuple(forecasts),
            horizons=times,
            metrics=metrics,
            differences=_differences(metrics, objections),
            calibrations={},
            decision=None,
            net_benefit_differences=(),
            target=check_choice("target", given["target"], ("event", "no_event")),
            cause=1,
            n=int(first.n or 0),
            n_events=0,
            objections=tuple(dict.fromkeys(objections)),
            mean_calibrations=calibrations,
            pits=transforms,
        )
    at_cut = evaluate(measured_to_status(y), risks, horizons, thresholds, **given, **shared)
    merged = {name: {**metrics[name], **at_cut.metrics[name]} for name in forecasts}
    return replace(
        at_cut,
        metrics=merged,
        differences=(*_differences(metrics, objections), *at_cut.differences),
        objections=tuple(dict.fromkeys((*objections, *at_cut.objections))),
        mean_calibrations=calibrations,
        pits=transforms,
    )


def _stated_horizon(y: np.ndarray) -> float:
    horizon = status_horizon(y)
    if horizon is None:
        raise argument_error("horizons", "given: this Status has lost its own", "None")
    return horizon


def _said(metrics: Mapping[str, Mapping[str, MetricResult]]) -> list[Objection]:
    """Objections of the metrics, once per model, with the model's name if there are several models."""
    out: list[Objection] = []
    for name, part in metrics.items():
        whose = f"{name}: " if len(metrics) > 1 else ""
        once = dict.fromkeys(o for result in part.values() for o in result.objections)
        out += [replace(o, sentence=f"{whose}{o.sentence}") for o in once]
    return out


def _by_model(argument: str, given: Any, models: Mapping[str, np.ndarray], n: int | None) -> dict[str, Any]:
    if given is None:
        return {}
    if not isinstance(given, Mapping):
        if len(models) != 1:
            raise argument_error(argument, "a mapping from model name, as there are several models", given)
        given = {next(iter(models)): given}
    unknown = [name for name in given if str(name) not in models]
    if unknown:
        raise argument_error(argument, f"named as the models {list(models)}", f"{unknown}")
    if n is None:
        return {str(name): value for name, value in given.items()}
    return {str(name): check_vector(f"{argument}[{name!r}]", value, n=n) for name, value in given.items()}


@dataclass(frozen=True)
class _Question:
    """Outcome and keyword arguments shared by all models and metrics."""

    kind: str
    y: np.ndarray
    ask: Any  # the horizons as given: a number or an array
    times: np.ndarray
    of_risks: dict[str, Any]  # arguments of metrics that use only the risk
    shared: dict[str, Any]
    guards: dict[str, Any]


def _discrimination(
    asked: _Question, risk: np.ndarray, score: np.ndarray | None, objections: list[Objection], name: str
) -> dict[str, MetricResult]:
    """All metrics except calibration; patients are ranked by the linear predictor, or by the last known risk."""
    kind, y, ask, times, shared = asked.kind, asked.y, asked.ask, asked.times, asked.shared
    weighted = {**asked.shared, **asked.guards, **asked.of_risks}
    out: dict[str, MetricResult] = {}

    def add(key: str, compute: Callable[[], MetricResult]) -> MetricResult | None:
        # AUC, Brier and log score are always defined here, so a refused argument is an error of the caller
        expected = EstimationError if key in ("auc", "brier", "log_score") else (EstimationError, ArgumentError)
        try:
            out[key] = compute()
        except expected as error:
            # a metric that is undefined for this outcome must not hide the others
            objections.append(objection("metric-not-computed", metric=key, model=name, reason=error))
            return None
        return out[key]

    known = np.flatnonzero(~np.isnan(risk).all(axis=0))
    by_risk = bool(known.size) and (score is None or has_competing(y, shared["cause"]))
    if by_risk:  # with competing events, cause-specific hazards do not order the incidence (Wolbers)
        score = risk[:, known[-1]]
    if kind != "status" and score is not None:
        add("concordance", lambda: concordance(y, score, **shared))
    if kind == "right" and score is not None:
        add(
            "uno_concordance",
            lambda: concordance(
                y, score, weighting="uno", tau=float(times[known[-1]] if known.size else times[-1]), **shared
            ),
        )
    add("auc", lambda: time_dependent_auc(y, risk, ask, **weighted))
    found: Any = add("brier", lambda: brier(y, risk, ask, **weighted))
    if found is not None and found.ipa is not None:
        out["ipa"] = found.ipa
    add("log_score", lambda: log_score(y, risk, ask, **weighted))
    if kind != "status" and times.size > 1 and not np.isnan(risk).any():
        add("ibs_step", lambda: integrated_brier(y, risk, times, rule="step", **weighted))
        add("ibs_trapezoid", lambda: integrated_brier(y, risk, times, **weighted))
    if kind == "right" and score is not None:
        d: Any = add("royston_d", lambda: royston_d(y, score, **shared))
        if d is not None and d.r2 is not None:
            out["r2_d"] = d.r2
    if kind == "status":
        keep = {key: shared[key] for key in ("sample_weight", "clusters", "confidence")}
        add("nagelkerke_r2", lambda: nagelkerke_r2(y, risk, ask, min_at_risk=weighted["min_at_risk"], **keep))
    return out


def _differences(
    metrics: dict[str, dict[str, MetricResult]],
    objections: list[Objection],
    agreements: Mapping[str, Mapping[str, MetricResult]] = MappingProxyType({}),
    rows: int = 0,
) -> tuple[MetricResult, ...]:
    """Difference (later minus earlier model) for each metric with influence values in both models.

    Those of ``agreements``, metrics of calibration by model, are computed with the others in long tables.
    """
    pairs, beside = [], []
    for first, second in combinations(metrics, 2):
        for name, result in metrics[second].items():
            other = metrics[first].get(name)
            if other is None or not result.comparable(other):
                continue
            if name == "uno_concordance" and result.horizon != other.horizon:
                objections.append(
                    objection(
                        "difference-not-computed",
                        metric=name,
                        second=second,
                        second_last=result.horizon,
                        first=first,
                        first_last=other.horizon,
                    )
                )
                continue
            pairs.append((result, other))
            beside.append(name in agreements.get(second, ()))

    def of(calibration: bool) -> Iterator[MetricResult]:
        return iter([one.minus(other) for (one, other), mine in zip(pairs, beside) if mine is calibration])

    found = dict(zip((False, True), side_by_side(partial(of, False), partial(of, True), rows)))
    return tuple(next(found[mine]) for mine in beside)


def _net_benefit_pairs(decision: DecisionCurve, models: tuple[str, ...]) -> tuple[NetBenefitDifference, ...]:
    pairs = [(second, first) for first, second in combinations(models, 2)]
    *_, treat_all = decision.models
    return tuple(decision.differences([*pairs, *((name, treat_all) for name in models)]))
