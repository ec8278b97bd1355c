"""Which public parameter is a row of what, and one working call of each function that takes rows."""

from __future__ import annotations

from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd

from lbp_prognosis import evaluation, explain, models, survival, validation
from lbp_prognosis.deployment import equation, lock, nomogram
from lbp_prognosis.evaluation import diagnostic, technical, utility
from lbp_prognosis.federation import (
    FederatedCalibration,
    FederatedCox,
    FederatedLogistic,
    Policy,
    combat_moments,
    site_packet,
    table_one_sums,
)
from lbp_prognosis.fusion import (
    ComBat,
    MultipleImputation,
    OneHot,
    RegressionCalibration,
    RepeatableColumns,
    RestrictedCubicSpline,
    RiskPipeline,
    Standardise,
    site_confounding,
)
from lbp_prognosis.instruments import response
from lbp_prognosis.survival import Measured, Reference, Status, Surv

N = 90
_RNG = np.random.default_rng(8)
INDEX = pd.Index([f"p{k:03d}" for k in range(N)])
ORDER = _RNG.permutation(N)
_a, _b = _RNG.normal(size=N).round(3), _RNG.integers(0, 5, N).astype(float)
_t = (_RNG.exponential(10, N) * np.exp(-0.5 * _a)).round(2) + 0.01
_c = _RNG.uniform(3, 25, N).round(2)

ROWS = SimpleNamespace(
    X=pd.DataFrame({"a": _a, "b": _b, "c": _RNG.normal(size=N).round(3)}, index=INDEX),
    time=pd.Series(np.minimum(_t, _c), INDEX),
    event=pd.Series((_t <= _c).astype(int), INDEX),
    risk=pd.Series((1 / (1 + np.exp(-_a + _RNG.normal(0, 0.6, N)))).round(4), INDEX),
    risk_2=pd.Series((1 / (1 + np.exp(-_a))).round(4), INDEX),
    weight=pd.Series(_RNG.integers(1, 4, N).astype(float), INDEX),
    label=pd.Series(np.where(np.arange(N) % 3 == 0, "north", "south"), INDEX)
    .sample(frac=1, random_state=1)
    .set_axis(INDEX),
    cluster=pd.Series(np.arange(N) // 3, INDEX),
    offset=pd.Series(_RNG.normal(0, 0.1, N).round(3), INDEX),
    finding=pd.Series((_b > 2).astype(float), INDEX),
    tested=pd.Series(_RNG.uniform(size=N) < 0.8, INDEX),
    state=pd.Series((_RNG.uniform(size=N) < 1 / (1 + np.exp(-_a))).astype(int), INDEX),
)
Y = Surv.right(ROWS.time, ROWS.event, index=INDEX)
STATUS = Status.at(6.0, ROWS.state, index=INDEX)
REFERENCE = Reference.now(ROWS.state, index=INDEX)
SCORES = Measured.at(6.0, ROWS.finding + 2 * ROWS.state, lower=0, upper=4, index=INDEX)
REPEATED = Measured.at_visits(
    {3.0: ROWS.state + ROWS.finding, 6.0: ROWS.finding + 2 * ROWS.state}, lower=0, upper=4, index=INDEX
)
COURSES = survival.MultiState.from_long(
    np.arange(N),
    np.zeros(N),
    ROWS.time.to_numpy(),
    np.where(ROWS.event == 1, "recovered", "censored"),
    initial="pain",
    index=INDEX,
)
EVENTS = survival.RecurrentEvents.from_long(
    np.arange(N), np.zeros(N), ROWS.time.to_numpy(), ROWS.event.to_numpy(), index=INDEX
)
STAGES = [0.3, 0.5]
COX = models.CoxPH().fit(ROWS.X, Y)
FORMULA = equation(COX, horizons=6.0)
COMPETING_FORMULA = equation(lock(models.CauseSpecificCox().fit(ROWS.X, Y)), horizons=6.0)
HISTORY = ROWS.X[["a", "b"]].reset_index(drop=True).assign(patient_id=np.arange(len(ROWS.X)), time=0.0)
ARMS = {
    str(one): validation.under_strategy(
        Y,
        np.where(np.arange(len(ROWS.X)) % 3, np.nan, ROWS.time / 2),
        HISTORY.assign(patient_id=INDEX.to_numpy()),
        one,
        ids=INDEX.to_numpy(),
    )
    for one in (validation.NeverStart(), validation.StartBy(3.0))
}
NARROW = models.CoxPH().fit(ROWS.X[["a"]], Y)


def fitted(model: Any, y: np.ndarray = Y, horizon: float = 6.0, *, new: Any = None) -> Any:
    """Return a call that fits and predicts."""

    def call(X: Any, **rows: Any) -> np.ndarray:
        clone = type(model)(**model.get_params(deep=False))
        clone.fit(X, y, **rows)
        later = {name: value for name, value in rows.items() if name in ("strata", "offset")}
        return clone.predict_risk(X if isinstance(X, pd.DataFrame) else ROWS.X, horizon, **later).mean(axis=0)

    return call


def predicted(X: Any, **rows: Any) -> np.ndarray:
    """Predictions for rows that need not be in the order of the fit: compared as a sorted vector."""
    return np.sort(COX.predict_risk(X, 6.0)[:, 0])


def after_a_visit(X: Any, observed: Any) -> np.ndarray:
    """Predictions that know an earlier score, sorted: rows need not be in the order of the fit."""
    model = models.LongitudinalOutcome("gee", covariance="exchangeable").fit(R.X, REPEATED)
    return np.sort(model.predict_mean(X, 6.0, observed={3.0: observed}))


def transformed(step: Any) -> Any:
    """Return a call that fits a step and applies it, reading column means."""
    return lambda X: type(step)(**step.get_params()).fit(X, Y).transform(X).mean(numeric_only=True).sort_index()


R = ROWS
COMMON = {"sample_weight": R.weight, "clusters": R.cluster}
SHORT = {"n_resamples": 20, "random_state": 1}


def repeatable() -> RepeatableColumns:
    """An unfitted filter by readings of other patients: ``a`` repeats, ``b`` does not."""
    names = [f"other {k}" for k in range(N)]
    first = ROWS.X[["a", "b"]].set_axis(names, axis=0)
    return RepeatableColumns([first, first.assign(b=first["b"].to_numpy()[::-1])], external=True)


def pipeline() -> RiskPipeline:
    """An unfitted pipeline."""
    return RiskPipeline([("scale", Standardise())], models.CoxPH())


def attrition(X: Any) -> np.ndarray:
    """Weights against attrition, sorted: they come in the order of the rows."""
    y = Status.at(6.0, R.state.where(R.weight > 1), index=INDEX)
    return np.sort(validation.attrition_weights(y, X).weights.values)


def widths(lower: Any, upper: Any) -> np.ndarray:
    """Widths of intervals: wrong ones where ends are paired wrongly."""
    y = Surv.interval(lower, upper, index=INDEX)
    return np.sort(y["upper"] - y["lower"])


def score_of(model: Any, y: np.ndarray) -> Any:
    """Return a call that asks a site for its score."""
    policy = Policy(events_per_parameter=2, digits=12)
    return lambda X, **rows: model.round(X, y, model.start(), site="s", policy=policy, **rows).score


def sums_of(X: Any, subgroups: Any) -> list[float]:
    """Return the sums that a site sends, and means of its columns."""
    policy = Policy(min_cell=2, min_n=20, min_events=5, digits=12)
    packet = site_packet(COX, X, Y, site="s", policy=policy, horizon=6.0, subgroups=subgroups)
    levels = packet.content["subgroups"].get("group", {})
    return [*packet.content["sums"].values(), *(level["predicted"] for _, level in sorted(levels.items()))]


_SEEN = R.time - R.time % 3
INTERVALS = Surv.interval(_SEEN, (_SEEN + 3).where(R.event == 1, np.inf), index=INDEX)


def _landmark(X: Any) -> tuple[Any, np.ndarray]:
    """Rows still under observation at three, and their outcome."""
    found = models.landmark(Y, X, 3.0)
    return found.X, found.y


CALLS: dict[str, tuple[Any, dict[str, Any], dict[str, Any]]] = {
    # name: (call, row-wise arguments, others)
    "models.CoxPH": (fitted(models.CoxPH()), {"X": R.X, **COMMON, "strata": R.label, "offset": R.offset}, {}),
    "models.LogisticRisk": (fitted(models.LogisticRisk(), STATUS), {"X": R.X, **COMMON, "offset": R.offset}, {}),
    "models.FineGray": (fitted(models.FineGray()), {"X": R.X, "sample_weight": R.weight, "strata": R.label}, {}),
    "models.CauseSpecificCox": (fitted(models.CauseSpecificCox()), {"X": R.X, "sample_weight": R.weight}, {}),
    "models.ParametricAFT": (fitted(models.ParametricAFT()), {"X": R.X, "sample_weight": R.weight}, {}),
    "models.RoystonParmar": (fitted(models.RoystonParmar()), {"X": R.X, "offset": R.offset}, {}),
    "models.NullModel": (fitted(models.NullModel()), {"X": R.X, "sample_weight": R.weight, "strata": R.label}, {}),
    "federation.FederatedCox.round": (
        score_of(FederatedCox(["a", "b", "c"]), Y),
        {"X": R.X, "sample_weight": R.weight, "strata": R.label, "offset": R.offset},
        {},
    ),
    "federation.FederatedLogistic.round": (
        score_of(FederatedLogistic(["a", "b", "c"]), STATUS),
        {"X": R.X, "sample_weight": R.weight, "offset": R.offset},
        {},
    ),
    "federation.FederatedCalibration.round": (
        score_of(FederatedCalibration([0.2, 0.5, 0.8]), STATUS),
        {"X": R.risk.to_frame("risk"), "sample_weight": R.weight, "offset": R.offset},
        {},
    ),
    "federation.table_one_sums": (
        lambda X: [row for _, row in sorted(table_one_sums(X, site="s", policy=Policy(digits=12)).numbers.items())],
        {"X": R.X},
        {},
    ),
    "federation.site_packet": (
        lambda X, **rows: sums_of(X, **rows),
        {"X": R.X, "subgroups": R.label},
        {},
    ),
    "federation.combat_moments": (
        lambda X: combat_moments(X, ["a", "b", "c"], site="s", policy=Policy(release_budget=1.0)).mean_features,
        {"X": R.X},
        {},
    ),
    "validation.fairness": (
        validation.fairness,
        {"risk": R.risk, "groups": R.label},
        {"y": Y, "horizon": 6.0, "n_draws": 100},
    ),
    "models.MultiStateCox": (fitted(models.MultiStateCox(), COURSES), {"X": R.X, **COMMON}, {}),
    "validation.cross_validate_scores": (
        lambda X, groups: np.sort(
            validation.cross_validate_scores(models.LinearOutcome(), X, SCORES, n_splits=2, groups=groups)[
                "LinearOutcome"
            ].mean()
        ).sum(),
        {"X": R.X, "groups": R.cluster},
        {},
    ),
    "validation.score_optimism": (
        lambda X, groups: (
            validation.score_optimism(models.LinearOutcome(), X, SCORES, n_resamples=3, groups=groups)
            .table["corrected"]
            .to_numpy()
        ),
        {"X": R.X, "groups": R.cluster},
        {},
    ),
    "models.PanelMarkov": (
        fitted(models.PanelMarkov(variance="robust"), INTERVALS),
        {"X": R.X, "sample_weight": R.weight, "clusters": R.cluster},
        {},
    ),
    "models.RecurrentCox": (fitted(models.RecurrentCox(), EVENTS), {"X": R.X, **COMMON}, {}),
    "models.DynamicRisk": (fitted(models.DynamicRisk([0.0, 2.0], 6.0)), {"X": R.X, **COMMON}, {}),
    "survival.state_occupancy": (survival.state_occupancy, COMMON, {"courses": COURSES, "times": 6.0}),
    "survival.mean_sojourn": (survival.mean_sojourn, COMMON, {"courses": COURSES, "times": 6.0}),
    "survival.probability_ever": (survival.probability_ever, COMMON, {"courses": COURSES, "times": 6.0}),
    "survival.mean_cumulative": (
        survival.mean_cumulative,
        {**COMMON, "groups": R.label},
        {"events": EVENTS, "times": 6.0},
    ),
    "models.predict_risk": (predicted, {"X": R.X}, {}),
    "fusion.RiskPipeline": (
        lambda X, **k: (
            RiskPipeline([("scale", Standardise())], models.CoxPH()).fit(X, Y, **k).predict_risk(R.X, 6.0).mean(axis=0)
        ),
        {"X": R.X, "sample_weight": R.weight},
        {},
    ),
    "fusion.Standardise": (transformed(Standardise()), {"X": R.X}, {}),
    "fusion.RepeatableColumns": (transformed(repeatable()), {"X": R.X}, {}),
    "fusion.OneHot": (transformed(OneHot()), {"X": R.X}, {}),
    "fusion.RestrictedCubicSpline": (transformed(RestrictedCubicSpline(["a", "c"])), {"X": R.X}, {}),
    "fusion.MultipleImputation": (
        lambda X: MultipleImputation(m=2, random_state=0).fit(X, Y).transform(X).mean(numeric_only=True).sort_index(),
        {"X": R.X},
        {},
    ),
    "fusion.site_confounding": (site_confounding, {"site": R.label}, {"y": Y}),
    "survival.kaplan_meier": (survival.kaplan_meier, {"strata": R.label, **COMMON}, {"y": Y}),
    "survival.aalen_johansen": (survival.aalen_johansen, {"strata": R.label, **COMMON}, {"y": Y}),
    "survival.nelson_aalen": (survival.nelson_aalen, {"strata": R.label, "sample_weight": R.weight}, {"y": Y}),
    "survival.reverse_kaplan_meier": (
        survival.reverse_kaplan_meier,
        {"strata": R.label, "sample_weight": R.weight},
        {"y": Y},
    ),
    "survival.rmst": (survival.rmst, COMMON, {"y": Y, "horizons": 6.0}),
    "survival.median_follow_up": (survival.median_follow_up, {"sample_weight": R.weight}, {"y": Y, "min_at_risk": 0}),
    "survival.log_rank": (survival.log_rank, {"groups": R.label, "strata": R.finding}, {"y": Y}),
    "survival.gray_test": (survival.gray_test, {"groups": R.label, "strata": R.finding}, {"y": Y}),
    "survival.Surv.right": (
        lambda time, event, entry: survival.kaplan_meier(Surv.right(time, event, entry=entry, index=INDEX)),
        {"time": R.time, "event": R.event, "entry": R.time * 0},
        {},
    ),
    "survival.Surv.interval": (widths, {"lower": R.time, "upper": R.time + R.weight}, {}),
    "survival.Status.at": (
        lambda value: models.LogisticRisk().fit(R.X, Status.at(6.0, value, index=INDEX)).coef_,
        {"value": R.state},
        {},
    ),
    "evaluation.brier": (evaluation.brier, {"risk": R.risk, **COMMON}, {"y": Y, "horizons": 6.0}),
    "evaluation.ipa": (evaluation.ipa, {"risk": R.risk, **COMMON}, {"y": Y, "horizons": 6.0}),
    "evaluation.log_score": (evaluation.log_score, {"risk": R.risk, **COMMON}, {"y": Y, "horizons": 6.0}),
    "evaluation.time_dependent_auc": (
        evaluation.time_dependent_auc,
        {"risk": R.risk, **COMMON},
        {"y": Y, "horizons": 6.0},
    ),
    "evaluation.nagelkerke_r2": (
        evaluation.nagelkerke_r2,
        {"risk": R.risk, **COMMON},
        {"y": STATUS, "horizons": 6.0},
    ),
    "evaluation.mean_absolute_error": (
        evaluation.mean_absolute_error,
        {"predicted": R.risk, **COMMON},
        {"y": SCORES},
    ),
    "evaluation.score_r2": (evaluation.score_r2, {"predicted": R.risk, **COMMON}, {"y": SCORES}),
    "evaluation.mean_calibration": (evaluation.mean_calibration, {"predicted": R.risk, **COMMON}, {"y": SCORES}),
    "evaluation.ordinal_concordance": (
        evaluation.ordinal_concordance,
        {"predicted": R.risk, **COMMON},
        {"y": SCORES},
    ),
    "models.OrdinalRegression": (
        lambda X, **rows: models.OrdinalRegression().fit(X, SCORES, **rows).coef_[:1],
        {"X": R.X[["a"]], **COMMON, "offset": R.offset},
        {},
    ),
    "survival.Measured.at": (
        lambda value: models.OrdinalRegression().fit(R.X, Measured.at(6.0, value, lower=0, upper=1, index=INDEX)).coef_,
        {"value": R.state.astype(float)},
        {},
    ),
    "evaluation.concordance": (
        evaluation.concordance,
        {"score": R.risk, "strata": R.label, "clusters": R.cluster},
        {"y": Y},
    ),
    "evaluation.royston_d": (evaluation.royston_d, {"score": R.risk, **COMMON}, {"y": Y}),
    "evaluation.risk_groups": (
        evaluation.risk_groups,
        {"risk": R.risk, **COMMON},
        {"y": Y, "horizons": 6.0, "thresholds": [0.5]},
    ),
    "evaluation.decision_curve": (
        evaluation.decision_curve,
        {"risks": R.risk, **COMMON},
        {"y": Y, "horizons": 6.0, "thresholds": STAGES, **SHORT},
    ),
    "utility.test_tradeoff": (
        utility.test_tradeoff,
        {"risk_without": R.risk, "risk_with": R.risk_2, "clusters": R.cluster, "tested": R.tested},
        {"y": Y, "horizon": 6.0, "threshold": 0.4},
    ),
    "utility.sequential_policy": (
        utility.sequential_policy,
        {"risk_first": R.risk, "risk_second": R.risk_2, "clusters": R.cluster},
        {"y": Y, "horizon": 6.0, "threshold": 0.4, "band": (0.3, 0.6), "harm": 0.01},
    ),
    "utility.imaging_spread": (utility.imaging_spread, {"risk_first": R.risk, "risk_second": R.risk_2}, {}),
    "diagnostic.roc": (diagnostic.roc, {"score": R.risk, "clusters": R.cluster}, {"y": REFERENCE}),
    "diagnostic.accuracy": (diagnostic.accuracy, {"positive": R.finding, "clusters": R.cluster}, {"y": REFERENCE}),
    "diagnostic.begg_greenes": (diagnostic.begg_greenes, {"positive": R.finding, "reference": R.state}, {}),
    "technical.agreement": (technical.agreement, {"first": R.risk, "second": R.risk_2}, {}),
    "technical.concordance_correlation": (
        technical.concordance_correlation,
        {"first": R.risk, "second": R.risk_2},
        {},
    ),
    "technical.scanner_effect": (technical.scanner_effect, {"values": R.risk, "scanner": R.label}, {}),
    "technical.weighted_kappa": (technical.weighted_kappa, {"first": R.finding, "second": R.state}, {}),
    "instruments.response": (
        lambda baseline, follow_up: np.sort(response("odi", baseline, follow_up).change),
        {"baseline": R.risk * 50, "follow_up": R.risk_2 * 50},
        {},
    ),
    "validation.reclassification": (
        validation.reclassification,
        {"reference": R.risk, "risk": R.risk_2, "clusters": R.cluster},
        {"y": Y, "horizon": 6.0, "thresholds": [0.5]},
    ),
    "validation.censoring_sensitivity": (
        validation.censoring_sensitivity,
        {"risks": R.risk, "X": R.X},
        {"y": Y, "horizons": 6.0},
    ),
    "validation.external_validate": (
        validation.external_validate,
        {"X": R.X, "clusters": R.cluster},
        {"models": COX, "y": Y, "horizons": 6.0, "kind": "geographic", **SHORT},
    ),
    "validation.likelihood_ratio": (
        lambda X_without, X_with: validation.likelihood_ratio(NARROW, COX, X_without, X_with),
        {"X_without": R.X[["a"]], "X_with": R.X},
        {},
    ),
    "validation.attrition_weights": (
        attrition,
        {"X": R.X},
        {},
    ),
    "deployment.Equation.predict_risk": (lambda X: np.sort(FORMULA.predict_risk(X)[:, 0]), {"X": R.X}, {}),
    "deployment.Nomogram.total_points": (lambda X: np.sort(nomogram(FORMULA).total_points(X)), {"X": R.X}, {}),
    "explain.feature_effect": (
        explain.feature_effect,
        {"X": R.X},
        {"estimator": COX, "feature": "a", "horizons": 6.0},
    ),
}
CALLS |= {
    "models.DiscreteTimeHazard": (
        fitted(models.DiscreteTimeHazard([3.0, 6.0, 12.0, 24.0])),
        {"X": R.X, **COMMON, "strata": R.label, "offset": R.offset},
        {},
    ),
    "models.LinearOutcome": (
        lambda X, **rows: models.LinearOutcome().fit(X, SCORES, **rows).coef_[:1],
        {"X": R.X[["a"]], **COMMON, "offset": R.offset},
        {},
    ),
    "models.PriorityCox": (
        fitted(models.PriorityCox({"one": ["a"], "two": ["b", "c"]}, cv=2, cross_fit=2)),
        {"X": R.X, "sample_weight": R.weight},
        {},
    ),
    "models.simex": (
        lambda X, **rows: (
            models.simex(models.CoxPH(), X, Y, {"a": 0.2}, replicates=5, random_state=0, **rows)
            .to_frame()
            .sort_values(["group", "metric"], kind="stable")
        ),
        {"X": R.X, "sample_weight": R.weight},
        {},
    ),
    "models.landmark": (lambda X: np.sort(models.CoxPH().fit(*_landmark(X)).coef_), {"X": R.X}, {}),
    "survival.turnbull": (
        lambda **rows: survival.turnbull(INTERVALS, **rows),
        {"sample_weight": R.weight},
        {},
    ),
    "survival.CensoringCox": (
        lambda X, **rows: np.sort(survival.CensoringCox(["a"]).fit(Y, X, **rows).survival_at(6.0)),
        {"X": R.X, "sample_weight": R.weight},
        {},
    ),
    "fusion.ComBat": (
        lambda X: np.sort(ComBat("site").fit(X).transform(X).to_numpy(float), axis=None),
        {"X": R.X.assign(site=(R.label == "north").astype(float))},
        {},
    ),
    "fusion.RegressionCalibration": (transformed(RegressionCalibration({"a": 0.3})), {"X": R.X}, {}),
    "diagnostic.imperfect_reference": (
        diagnostic.imperfect_reference,
        {"positive": R.finding},
        {"y": REFERENCE, "reference_sensitivity": 0.9, "reference_specificity": 0.9},
    ),
    "utility.value_of_information": (
        utility.value_of_information,
        {"risk": R.risk, "clusters": R.cluster},
        {"y": Y, "horizon": 6.0, "thresholds": STAGES},
    ),
    "technical.icc": (technical.icc, {"ratings": R.X[["a", "c"]]}, {}),
    "technical.repeatability": (technical.repeatability, {"ratings": R.X[["a", "c"]]}, {}),
    "validation.association_test": (
        lambda X: validation.association_test(
            validation.OnColumns(models.CoxPH(), ["a"]), validation.OnColumns(models.CoxPH(), ["a", "b"]), X, Y
        ),
        {"X": R.X},
        {},
    ),
    "validation.contrast": (
        lambda X, groups: validation.contrast(
            COX, X, {"b": 1.0}, {"b": 0.0}, interval="bootstrap", y=Y, groups=groups, n_resamples=3
        ),
        {"X": R.X, "groups": R.cluster},
        {},
    ),
    "validation.marginal_predictions": (
        lambda X, groups: validation.marginal_predictions(
            COX, X, {"b": [0.0, 1.0]}, horizons=6, interval="bootstrap", y=Y, groups=groups, n_resamples=3
        ),
        {"X": R.X, "groups": R.cluster},
        {},
    ),
    "validation.without_treatment": (
        lambda treated_at: validation.without_treatment(Y, treated_at, HISTORY, ids=np.arange(ROWS.time.size)),
        {"treated_at": R.time / 2},
        {},
    ),
    "validation.under_strategy": (
        lambda treated_at: validation.under_strategy(
            Y, treated_at, HISTORY, validation.StartBy(3.0), ids=np.arange(ROWS.time.size)
        ),
        {"treated_at": R.time / 2},
        {},
    ),
    "validation.contrast_strategies": (
        lambda groups: validation.contrast_strategies(ARMS, 5.0, interval="bootstrap", groups=groups, n_resamples=3),
        {"groups": R.cluster},
        {},
    ),
    "validation.case_mix": (
        validation.case_mix,
        {
            "X_validation": R.X,
            "lp_validation": R.risk,
        },
        {"X_development": R.X, "y_development": Y, "lp_development": R.risk_2, "y_validation": Y},
    ),
    "explain.shap_interactions": (
        lambda X: np.sort(explain.shap_interactions(COX, X, R.X.iloc[:20]).values, axis=None),
        {"X": R.X},
        {},
    ),
    "explain.shap_values": (
        lambda X: np.sort(explain.shap_values(COX, X, R.X.iloc[:20]).values, axis=None),
        {"X": R.X},
        {},
    ),
}
SLOW_CALLS: dict[str, tuple[Any, dict[str, Any], dict[str, Any]]] = {
    "evaluation.calibration": (
        evaluation.calibration,
        {"risk": R.risk, "linear_predictor": R.offset, **COMMON},
        {"y": Y, "horizons": 6.0, **SHORT},
    ),
    "validation.subgroup_performance": (
        validation.subgroup_performance,
        {"risks": R.risk, "groups": R.label, **COMMON},
        {"y": Y, "horizons": 6.0, "min_events": 5, **SHORT},
    ),
    "evaluation.evaluate": (
        evaluation.evaluate,
        {"risks": R.risk, "linear_predictors": R.offset, **COMMON},
        {"y": Y, "horizons": 6.0, **SHORT},
    ),
    "models.RiskStratifier": (
        fitted(models.RiskStratifier(models.CoxPH(), horizon=6.0, n_groups=2, cv=2)),
        {"X": R.X, **COMMON},
        {},
    ),
    "validation.validate_groups": (
        lambda X, **k: validation.validate_groups(
            models.RiskStratifier(models.CoxPH(), horizon=6.0, cuts=[0.4]), X, Y, n_splits=3, n_resamples=2, **k
        ),
        {"X": R.X, "groups": R.cluster},
        {},
    ),
    "validation.validate_groups of sites": (
        lambda X, **k: validation.validate_groups(
            models.RiskStratifier(models.CoxPH(), horizon=6.0, cuts=[0.4]), X, Y, n_resamples=0, **k
        ),
        {"X": R.X, "sites": R.label},
        {},
    ),
    "models.StackedRisk": (
        fitted(models.StackedRisk({"cox": models.CoxPH(), "null": models.NullModel()}, cv=2)),
        {"X": R.X, **COMMON},
        {},
    ),
    "models.AverageRisk": (
        fitted(models.AverageRisk({"cox": models.CoxPH(), "null": models.NullModel()}, cv=2)),
        {"X": R.X, **COMMON},
        {},
    ),
    "models.LongitudinalOutcome": (
        lambda X, **rows: (
            models.LongitudinalOutcome("gee", covariance="independence").fit(X, REPEATED, **rows).intercept_
        ),
        {"X": R.X, "sample_weight": R.weight},
        {},
    ),
    "models.LongitudinalOutcome.predict_mean": (
        after_a_visit,
        {"X": R.X, "observed": R.state},
        {},
    ),
    "models.AalenAdditive": (fitted(models.AalenAdditive()), {"X": R.X, "sample_weight": R.weight}, {}),
    "models.PiecewiseExponential": (fitted(models.PiecewiseExponential(1)), {"X": R.X, **COMMON}, {}),
    "models.MixtureCure": (fitted(models.MixtureCure()), {"X": R.X, **COMMON}, {}),
    "models.BoostedCox": (
        fitted(models.BoostedCox(rounds=5, select_rounds=False, random_state=0)),
        {"X": R.X, "sample_weight": R.weight, "clusters": R.cluster},
        {},
    ),
    "models.BoostedAFT": (
        fitted(models.BoostedAFT(rounds=5, select_rounds=False, random_state=0)),
        {"X": R.X, "sample_weight": R.weight, "offset": R.offset},
        {},
    ),
    "models.BoostedHazard": (
        fitted(models.BoostedHazard((2.0, 4.0, 8.0, 20.0), rounds=5, select_rounds=False, random_state=0)),
        {"X": R.X, "sample_weight": R.weight, "clusters": R.cluster},
        {},
    ),
    "models.BoostedOutcome": (
        lambda X, **rows: (
            models.BoostedOutcome(rounds=3, select_rounds=False, folds=2).fit(X, SCORES, **rows).thresholds_
        ),
        {"X": R.X, "sample_weight": R.weight, "offset": R.offset},
        {},
    ),
    "models.TwoPartOutcome": (
        lambda X, **rows: models.TwoPartOutcome().fit(X, SCORES, **rows).above_.coef_[:1],
        {"X": R.X[["a"]], **COMMON},
        {},
    ),
    "models.MultimodalNet": (
        fitted(models.MultimodalNet(seeds=1, max_epochs=2, bins=3)),
        {"X": R.X, "sample_weight": R.weight, "clusters": R.cluster},
        {},
    ),
    "models.ElasticNetCox": (fitted(models.ElasticNetCox(random_state=0)), {"X": R.X, "clusters": R.cluster}, {}),
    "validation.cross_validate_risk": (
        lambda X, **k: validation.cross_validate_risk(COX_NEW(), X, Y, 6.0, n_splits=3, random_state=0, **k).evaluate(),
        {"X": R.X, "groups": R.cluster},
        {},
    ),
    "validation.cross_validate_risk of sites": (
        lambda X, **k: validation.cross_validate_risk(COX_NEW(), X, Y, 6.0, random_state=0, **k).evaluate(),
        {"X": R.X, "pooled_sites": R.label},
        {},
    ),
    "validation.internal_external": (
        lambda X, sites: validation.internal_external(COX_NEW(), X, Y, sites, 6.0, min_events=5, **SHORT),
        {"X": R.X, "sites": R.label},
        {},
    ),
    "validation.bootstrap_validate": (
        lambda X, **k: validation.bootstrap_validate(COX_NEW(), X, Y, 6.0, **SHORT, **k),
        {"X": R.X, "groups": R.cluster},
        {},
    ),
}


def COX_NEW() -> Any:
    """An unfitted model."""
    return models.CoxPH()


def as_decimal(value: Any) -> Any:
    """Numbers as a database gives them."""
    if isinstance(value, pd.DataFrame):
        return value.apply(as_decimal)
    return value.map(lambda cell: Decimal(str(cell))).astype(object)
