"""One working call of each method that takes rows; models are fitted when they are first asked."""

from __future__ import annotations

import functools
import re
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression

from lbp_prognosis import evaluation, explain, models, survival, validation
from lbp_prognosis.cohort import table_one_of
from lbp_prognosis.deployment import (
    PublishedModel,
    SilentLog,
    lock,
    membership_inference,
    predict_rows,
    save_model,
)
from lbp_prognosis.evaluation import diagnostic, technical, utility
from lbp_prognosis.federation import FederatedCox, Policy, combat_moments, pool_combat
from lbp_prognosis.fusion import (
    ComBat,
    CovBat,
    FormulaTerms,
    LevelMap,
    MultipleImputation,
    OneHot,
    PatternSubmodels,
    RegressionCalibration,
    RestrictedCubicSpline,
    RiskPipeline,
    Standardise,
    pool_likelihood_ratio,
)
from lbp_prognosis.survival import ScoreForecast
from tests.contract.intake_calls import (
    COMMON,
    COMPETING_FORMULA,
    COURSES,
    COX,
    EVENTS,
    FORMULA,
    HISTORY,
    INDEX,
    INTERVALS,
    REFERENCE,
    REPEATED,
    SCORES,
    SHORT,
    STAGES,
    STATUS,
    N,
    R,
    Y,
    repeatable,
)

__all__ = ["METHODS", "SLOW_METHODS"]

Spec = tuple[Any, dict[str, Any], dict[str, Any]]


def numbers(result: Any) -> np.ndarray:
    """What a method gave, sorted: rows come in the order in which they were asked for."""
    for part in ("values", "risk", "frame"):
        if not isinstance(result, pd.DataFrame | pd.Series) and hasattr(result, part):
            result = getattr(result, part)
    if isinstance(result, pd.DataFrame):
        result = result.select_dtypes("number")
    cells = np.asarray(result)
    if cells.dtype.kind not in "fiub":
        cells = np.unique(cells.astype(str), return_counts=True)[1]
    return np.sort(cells.astype(float), axis=None)


def of(method: Any, *args: Any, **fixed: Any) -> Any:
    """Return a call of a method with its rows as keywords."""
    return lambda X, **rows: numbers(method(X, *args, **fixed, **rows))


class Later:
    """A fitted model that is made when one of its methods is first called: collecting tests costs nothing."""

    def __init__(self, make: Callable[[], Any]) -> None:
        self.make = make

    @functools.cached_property
    def made(self) -> Any:
        return self.make()

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return lambda *args, **kwargs: getattr(self.made, name)(*args, **kwargs)


def fit(model: Any, y: Any = Y, X: Any = R.X, **rows: Any) -> Later:
    """Return a model that is fitted when it is asked."""
    return Later(lambda: model.fit(X, y, **rows))


X1 = {"X": R.X}
LEVELS = LevelMap({"a": ("l4", "height"), "b": ("l5", "height")})
XA = {"X": R.X[["a"]]}
FULL = {"sample_weight": R.weight, "strata": R.label, "offset": R.offset}
LATER = {"strata": R.label, "offset": R.offset}
OFFSET = {"offset": R.offset}
WEIGHT = {"sample_weight": R.weight}
HOLES = R.X.mask(np.arange(N)[:, None] % np.array([7, 9, 5]) == 3)
BLOCKS = R.X.assign(c=R.X["c"].where(np.arange(N) % 3 > 0))
SITES = R.X.assign(site=(R.label == "north").astype(float))
PARTS = {"one": ["a"], "two": ["b", "c"]}
OPEN = Policy(min_cell=2, min_n=20, min_events=5, events_per_parameter=2, digits=12, release_budget=1.0)
MISSED_SCORES = survival.Measured.at(6.0, (R.finding + 2 * R.state).where(R.weight > 1), lower=0, upper=4, index=INDEX)
MISSED = survival.Status.at(6.0, R.state.where(R.weight > 1), index=INDEX)
FORECAST = ScoreForecast([0.0, 1.0, 2.0, 3.0, 4.0], np.random.default_rng(3).dirichlet(np.ones(5), N), INDEX)

COX_FULL = fit(models.CoxPH(), **FULL)
CAUSES = fit(models.CauseSpecificCox(), **OFFSET)
SUBDISTRIBUTION = fit(models.FineGray(), **OFFSET)
AFT = fit(models.ParametricAFT(), **OFFSET)
SPLINE = fit(models.RoystonParmar(), **OFFSET)
LOGISTIC = fit(models.LogisticRisk(), STATUS, **OFFSET)
HAZARD = fit(models.DiscreteTimeHazard([3.0, 6.0, 12.0, 24.0]), **OFFSET)
LINEAR = fit(models.LinearOutcome(), SCORES, **OFFSET)
PLAIN_LINEAR = fit(models.LinearOutcome(), SCORES)
ORDINAL = fit(models.OrdinalRegression(), SCORES, R.X[["a"]], **OFFSET)
STATES = fit(models.MultiStateCox(), COURSES)
SCALED_COX = fit(RiskPipeline([("scale", Standardise())], models.CoxPH()), **OFFSET)
SCORED_PIPELINE = fit(RiskPipeline([("scale", Standardise())], models.LinearOutcome()), SCORES, **OFFSET)
LINES = {"line": models.LinearOutcome(), "robust": models.LinearOutcome(variance="robust")}
SCORE_STACK = fit(models.StackedRisk(LINES, cv=2), SCORES)
PANEL = fit(models.PanelMarkov(), INTERVALS)
RECURRENT = fit(models.RecurrentCox(), EVENTS, **OFFSET)
PRIORITY = fit(models.PriorityCox(PARTS, cv=2, cross_fit=2))
ELASTIC = fit(models.ElasticNetCox(random_state=0), **OFFSET)
DYNAMIC = fit(models.DynamicRisk([0.0, 2.0], 6.0))
NULL = fit(models.NullModel(), strata=R.label)
STACK = Later(lambda: models.landmark_supermodel(Y, R.X, [0.0, 2.0], 6.0, interactions=["a"]))
GROUPS = fit(models.RiskStratifier(models.CoxPH(), horizon=6.0, cuts=[0.4]), **OFFSET)
ADAPTED = fit(models.as_risk_model(LogisticRegression()), STATUS)
TREES = fit(models.BoostedCox(rounds=3, select_rounds=False, random_state=0), **OFFSET)
TREE_TIMES = fit(models.BoostedAFT(rounds=3, select_rounds=False, random_state=0), **OFFSET)
TREE_SCORES = fit(models.BoostedOutcome(rounds=3, select_rounds=False, folds=2), SCORES, **OFFSET)
TWO_PARTS = fit(models.TwoPartOutcome(), SCORES, R.X[["a"]])
PLAIN_TREES = fit(models.BoostedCox(rounds=3, select_rounds=False, random_state=0))
NET = fit(models.MultimodalNet(PARTS, seeds=1, max_epochs=2, bins=3))
REPEATED_SCORES = fit(models.LongitudinalOutcome(covariance="exchangeable"), REPEATED)
AALEN = fit(models.AalenAdditive())
CURE = fit(models.MixtureCure())
PIECES = fit(models.PiecewiseExponential())
UNTREATED = Later(lambda: validation.without_treatment(Y, R.time.where(R.state == 1) / 2, HISTORY, ids=np.arange(N)))
BY_THREE = Later(lambda: validation.under_strategy(Y, R.time / 3, HISTORY, validation.StartBy(3.0), ids=np.arange(N)))
PIPELINE = fit(RiskPipeline([("scale", Standardise())], models.CoxPH()), **OFFSET)
PLAIN_PIPELINE = fit(RiskPipeline([("scale", Standardise())], models.CoxPH()))
FILLED = fit(RiskPipeline([("fill", MultipleImputation(m=2, random_state=0))], models.CoxPH()), X=HOLES)
HARMONISED = fit(RiskPipeline([("site", ComBat("site", unseen="calibrate"))], models.CoxPH()), X=SITES)
IMPUTATION = fit(MultipleImputation(m=2, random_state=0), X=HOLES)
COMBAT = fit(ComBat("site", unseen="calibrate"), None, SITES)
COVBAT = fit(CovBat("site", min_batch=10), None, SITES)
ONE_HOT = fit(OneHot(["b"]))
CALIBRATED = fit(RegressionCalibration({"a": 0.3}))
REPEATABLE = fit(repeatable())
CUBIC = fit(RestrictedCubicSpline(["a", "c"]))
SCALED = fit(Standardise())
TERMS = fit(FormulaTerms("rcs(a, 3) + b * c"))
SCORED_PATTERNS = Later(lambda: submodels().set_params(estimator=models.LinearOutcome()).fit(BLOCKS, SCORES))
PATTERNS = Later(lambda: submodels().fit(BLOCKS, Y, offset=R.offset))
CENSORING = Later(lambda: survival.CensoringCox(["a"]).fit(Y, R.X))
CURVES = Later(lambda: survival.CensoringKaplanMeier().fit(Y, R.X))
UPDATED = Later(lambda: validation.update_model(COX, R.X, Y, method="slope", horizon=6.0).model)
NARROWED = fit(validation.OnColumns(models.CoxPH(), ["a", "b"]))
LOCKED = Later(lambda: lock(COX))


def recorded(X: Any) -> np.ndarray:
    """Risks that a silent-mode log has recorded, sorted."""
    with tempfile.TemporaryDirectory() as folder:
        made = save_model(COX, Path(folder) / "a.lbpm", reason="silent mode")
        log = SilentLog(Path(folder) / "silent.jsonl")
        log.record(made.path, X, 6.0, ids=[f"p{k}" for k in range(len(X))])
        return np.sort(log.risks([f"p{k}" for k in range(len(X))])["risk"].to_numpy())


COMBINED = Later(
    lambda: pool_combat(
        [
            combat_moments(R.X.iloc[:45], ["a", "b", "c"], site="north", policy=OPEN),
            combat_moments(R.X.iloc[45:], ["a", "b", "c"], site="south", policy=OPEN),
        ]
    )
)
FEDERATED = FederatedCox(["a", "b", "c"])
BASELINE = Later(lambda: FEDERATED.baseline(R.X, Y, COX.coef_, 6.0, site="s", policy=OPEN))
PUBLISHED = PublishedModel("swespine_disc_satisfaction")
RULE = PublishedModel("start_back")
ANSWERS = pd.DataFrame({name: (R.finding + k % 2) % 2 for k, name in enumerate(PUBLISHED.feature_names_in_)})
ITEMS = pd.DataFrame({name: (R.state + k % 2) % 2 for k, name in enumerate(RULE.feature_names_in_)})


def submodels() -> PatternSubmodels:
    """Return unfitted submodels of two patterns."""
    return PatternSubmodels(models.CoxPH(), {"clinical": ["a", "b"], "imaging": ["c"]}, min_patients=10, min_events=5)


def stretched(X: Any, y: Any, model: Any = None) -> np.ndarray:
    """Fit a pipeline, or another model, to two stretches of follow-up per patient, and return its risks."""
    rows, half = np.repeat(np.arange(N), 2), Y["time"] / 2
    start, stop = np.column_stack([0 * half, half]).ravel(), np.column_stack([half, Y["time"]]).ravel()
    event = np.column_stack([np.zeros(N), Y["event"] == 1]).ravel()
    parts, weights = survival.Surv.right(stop, event, entry=start), survival.Weights(np.ones(2 * N), "sampling")
    fitted = RiskPipeline([("scale", Standardise())], models.CoxPH()) if model is None else model
    return numbers(fitted.fit_stretches(X, y, rows, parts, weights=weights).predict_risk(R.X, 6.0))


def resampled(model: Any, y: Any = Y) -> Any:
    """Return a call that fits a model and lets its resampler refit it to the same rows."""

    def call(X: Any, **rows: Any) -> np.ndarray:
        fitted = type(model)(**model.get_params(deep=False)).fit(X, y, **rows)
        return np.sort(fitted.resampler(X, y, **rows)(np.ones(N)).coef_)

    return call


def readings(y: Any, score: Any) -> Any:
    """Two readers with two modalities; the scores of one of them are given."""
    others = {"ct": {"r1": score, "r2": R.risk}, "mr": {"r1": R.risk_2, "r2": R.finding}}
    return diagnostic.reader_study(y, others)


def words(result: Any) -> np.ndarray:
    """All numbers in a printed table, sorted."""
    return np.sort([float(word) for word in re.findall(r"\d+\.?\d*", result.to_frame().to_string())])


def after_a_visit(method: Any, *args: Any, **fixed: Any) -> Any:
    """Return a call of a method that predicts a later score from an earlier one."""
    return lambda X, observed: numbers(method(X, *args, **fixed, observed={3.0: observed}))


SEEN = {"X": R.X, "observed": R.state}
METHODS: dict[str, Spec] = {
    "models.LongitudinalOutcome.predict_distribution": (
        after_a_visit(REPEATED_SCORES.predict_distribution, 6.0),
        SEEN,
        {},
    ),
    "models.LongitudinalOutcome.predict_forecast": (
        lambda X, observed: np.sort(REPEATED_SCORES.predict_forecast(X, 6.0, observed={3.0: observed}).mean()),
        SEEN,
        {},
    ),
    "models.LongitudinalOutcome.predict_quantile": (
        after_a_visit(REPEATED_SCORES.predict_quantile, 0.5, visit=6.0),
        SEEN,
        {},
    ),
    "models.LongitudinalOutcome.predict_sd": (
        lambda X: numbers(REPEATED_SCORES.predict_sd(X, 6.0)),
        X1,
        {},
    ),
    "models.LongitudinalOutcome.score": (REPEATED_SCORES.score, {**X1, **WEIGHT}, {"y": REPEATED}),
    # ---- predictions of fitted models
    "models.CoxPH.predict_risk": (of(COX_FULL.predict_risk, 6.0), {**X1, **LATER}, {}),
    "models.CoxPH.linear_predictor": (of(COX_FULL.linear_predictor), {**X1, **OFFSET}, {}),
    "models.CoxPH.predict": (of(COX_FULL.predict), {**X1, **OFFSET}, {}),
    "models.CoxPH.predict_survival": (of(COX_FULL.predict_survival, 6.0), {**X1, **LATER}, {}),
    "models.CoxPH.predict_incidence": (of(COX_FULL.predict_incidence, 6.0), {**X1, **LATER}, {}),
    "models.CoxPH.risk_se": (of(COX_FULL.risk_se, 6.0), {**X1, **LATER}, {}),
    "models.CoxPH.average_prediction": (
        lambda X, groups, **later: COX_FULL.average_prediction(X, 6.0, groups=groups, **later)[0],
        {**X1, "groups": R.label, **LATER},
        {},
    ),
    "models.CoxPH.residuals": (COX_FULL.residuals, {**X1, **FULL}, {"y": Y}),
    "models.CoxPH.schoenfeld_residuals": (COX_FULL.schoenfeld_residuals, {**X1, **FULL}, {"y": Y}),
    "models.CoxPH.proportional_hazards_test": (COX_FULL.proportional_hazards_test, {**X1, **FULL}, {"y": Y}),
    "models.CoxPH.score": (COX.score, {**X1, "sample_weight": R.weight}, {"y": Y}),
    "models.CauseSpecificCox.linear_predictor": (of(CAUSES.linear_predictor), {**X1, **OFFSET}, {}),
    "models.CauseSpecificCox.predict_incidence": (of(CAUSES.predict_incidence, 6.0), {**X1, **OFFSET}, {}),
    "models.CauseSpecificCox.predict_survival": (of(CAUSES.predict_survival, 6.0), {**X1, **OFFSET}, {}),
    "models.ParametricAFT.linear_predictor": (of(AFT.linear_predictor), {**X1, **OFFSET}, {}),
    "models.ParametricAFT.predict_quantile": (of(AFT.predict_quantile, 0.5), {**X1, **OFFSET}, {}),
    "models.ParametricAFT.predict_survival": (of(AFT.predict_survival, 6.0), {**X1, **OFFSET}, {}),
    "models.RoystonParmar.linear_predictor": (of(SPLINE.linear_predictor), {**X1, **OFFSET}, {}),
    "models.RoystonParmar.predict_survival": (of(SPLINE.predict_survival, 6.0), {**X1, **OFFSET}, {}),
    "models.LogisticRisk.predict_risk": (of(LOGISTIC.predict_risk, 6.0), {**X1, **OFFSET}, {}),
    "models.LogisticRisk.predict": (of(LOGISTIC.predict), {**X1, **OFFSET}, {}),
    "models.LogisticRisk.average_prediction": (
        lambda X, groups, offset: LOGISTIC.average_prediction(X, 6.0, groups=groups, offset=offset)[0],
        {**X1, "groups": R.label, **OFFSET},
        {},
    ),
    "models.LinearOutcome.average_prediction": (
        lambda X, groups, offset: LINEAR.average_prediction(X, groups=groups, offset=offset)[0],
        {**X1, "groups": R.label, **OFFSET},
        {},
    ),
    "models.CauseSpecificCox.average_prediction": (
        lambda X, groups, offset: CAUSES.average_prediction(X, 6.0, groups=groups, offset=offset)[0],
        {**X1, "groups": R.label, **OFFSET},
        {},
    ),
    "models.FineGray.average_prediction": (
        lambda X, groups, offset: SUBDISTRIBUTION.average_prediction(X, 6.0, groups=groups, offset=offset)[0],
        {**X1, "groups": R.label, **OFFSET},
        {},
    ),
    "models.ParametricAFT.average_prediction": (
        lambda X, groups, offset: AFT.average_prediction(X, 6.0, groups=groups, offset=offset)[0],
        {**X1, "groups": R.label, **OFFSET},
        {},
    ),
    "models.RoystonParmar.average_prediction": (
        lambda X, groups, offset: SPLINE.average_prediction(X, 6.0, groups=groups, offset=offset)[0],
        {**X1, "groups": R.label, **OFFSET},
        {},
    ),
    "models.OrdinalRegression.average_prediction": (
        lambda X, groups, offset: ORDINAL.average_prediction(X, groups=groups, quantity="mean", offset=offset)[0],
        {**XA, "groups": R.label, **OFFSET},
        {},
    ),
    "models.LogisticRisk.linear_predictor": (of(LOGISTIC.linear_predictor), {**X1, **OFFSET}, {}),
    "models.DiscreteTimeHazard.linear_predictor": (of(HAZARD.linear_predictor), {**X1, **OFFSET}, {}),
    "models.LinearOutcome.linear_predictor": (of(LINEAR.linear_predictor), {**X1, **OFFSET}, {}),
    "models.LinearOutcome.predict_distribution": (of(LINEAR.predict_distribution), {**X1, **OFFSET}, {}),
    "models.LinearOutcome.predict_forecast": (
        lambda X, **rows: np.sort(LINEAR.predict_forecast(X, **rows).mean()),
        {**X1, **OFFSET},
        {},
    ),
    "models.LinearOutcome.predict_mean": (of(LINEAR.predict_mean), {**X1, **OFFSET}, {}),
    "models.LinearOutcome.predict_quantile": (of(LINEAR.predict_quantile, 0.5), {**X1, **OFFSET}, {}),
    "models.LinearOutcome.predict_risk": (of(LINEAR.predict_risk, at_most=2.0), {**X1, **OFFSET}, {}),
    "models.LinearOutcome.score": (PLAIN_LINEAR.score, {**X1, "sample_weight": R.weight}, {"y": SCORES}),
    "models.OrdinalRegression.linear_predictor": (of(ORDINAL.linear_predictor), {**XA, **OFFSET}, {}),
    "models.OrdinalRegression.predict_distribution": (
        of(ORDINAL.predict_distribution),
        {**XA, **OFFSET},
        {},
    ),
    "models.OrdinalRegression.predict_mean": (of(ORDINAL.predict_mean), {**XA, **OFFSET}, {}),
    "models.MultiStateCox.predict_occupancy": (of(STATES.predict_occupancy, 6.0), X1, {}),
    "models.MultiStateCox.predict_risk": (of(STATES.predict_risk, 6.0, state="recovered"), X1, {}),
    "fusion.RiskPipeline.predict_forecast": (
        lambda X, **rows: np.sort(SCORED_PIPELINE.predict_forecast(X, **rows).mean()),
        {**X1, **OFFSET},
        {},
    ),
    "fusion.RiskPipeline.predict": (of(SCALED_COX.predict), {**X1, **OFFSET}, {}),
    "fusion.RiskPipeline.predict_survival_function": (
        of(SCALED_COX.predict_survival_function, return_array=True),
        {**X1, **OFFSET},
        {},
    ),
    "fusion.RiskPipeline.predict_mean": (of(SCORED_PIPELINE.predict_mean), {**X1, **OFFSET}, {}),
    "models.StackedRisk.predict_distribution": (of(SCORE_STACK.predict_distribution), X1, {}),
    "models.StackedRisk.predict_mean": (of(SCORE_STACK.predict_mean), X1, {}),
    "models.StackedRisk.predict_risk": (of(SCORE_STACK.predict_risk, at_most=2.0), X1, {}),
    "models.StackedRisk.score": (SCORE_STACK.score, {**X1, "sample_weight": R.weight}, {"y": SCORES}),
    "models.PanelMarkov.predict_occupancy": (of(PANEL.predict_occupancy, 6.0, from_state="start"), X1, {}),
    "models.PanelMarkov.predict_risk": (of(PANEL.predict_risk, 6.0), X1, {}),
    "models.RecurrentCox.predict_mean": (of(RECURRENT.predict_mean, 6.0), {**X1, **OFFSET}, {}),
    "models.RecurrentCox.predict_risk": (of(RECURRENT.predict_risk, 6.0), {**X1, **OFFSET}, {}),
    "models.PriorityCox.block_scores": (of(PRIORITY.block_scores), X1, {}),
    "models.PriorityCox.linear_predictor": (of(PRIORITY.linear_predictor), X1, {}),
    "models.PriorityCox.predict_incidence": (of(PRIORITY.predict_incidence, 6.0), X1, {}),
    "models.PriorityCox.predict_survival": (of(PRIORITY.predict_survival, 6.0), X1, {}),
    "models.DynamicRisk.predict_risk": (of(DYNAMIC.predict_risk, 6.0), X1, {}),
    "models.NullModel.predict_risk": (of(NULL.predict_risk, 6.0), {"X": R.X, "strata": R.label}, {}),
    "models.LandmarkStack.design": (of(STACK.design, at=2.0), X1, {}),
    "models.RiskStratifier.predict_group": (of(GROUPS.predict_group), {**X1, **OFFSET}, {}),
    "models.RiskStratifier.predict_risk": (of(GROUPS.predict_risk, 6.0), {**X1, **OFFSET}, {}),
    "models.RiskStratifier.learner_risks": (
        lambda X, **rows: numbers(GROUPS.learner_risks(X, 6.0, **rows)),
        {**X1, **OFFSET},
        {},
    ),
    "models.CoxPH.predict_survival_function": (
        lambda X, **rows: np.sort([float(curve(6.0)) for curve in COX_FULL.predict_survival_function(X, **rows)]),
        {**X1, **LATER},
        {},
    ),
    "models.CoxPH.predict_cumulative_hazard_function": (
        lambda X, **rows: np.sort(
            [float(curve(6.0)) for curve in COX_FULL.predict_cumulative_hazard_function(X, **rows)]
        ),
        {**X1, **LATER},
        {},
    ),
    "models.AalenAdditive.predict": (of(AALEN.predict), X1, {}),
    "models.AalenAdditive.predict_survival_function": (
        lambda X: np.sort([float(curve(6.0)) for curve in AALEN.predict_survival_function(X)]),
        X1,
        {},
    ),
    "models.AalenAdditive.predict_cumulative_hazard_function": (
        lambda X: np.sort([float(curve(6.0)) for curve in AALEN.predict_cumulative_hazard_function(X)]),
        X1,
        {},
    ),
    "models.AalenAdditive.predict_cumulative_hazard": (of(AALEN.predict_cumulative_hazard, 6.0), X1, {}),
    "models.AalenAdditive.predict_survival": (of(AALEN.predict_survival, 6.0), X1, {}),
    "models.MixtureCure.predict_cured": (of(CURE.predict_cured), X1, {}),
    "models.MixtureCure.predict_survival": (of(CURE.predict_survival, 6.0), X1, {}),
    "models.PiecewiseExponential.predict_survival": (of(PIECES.predict_survival, 6.0), X1, {}),
    "models.AdaptedModel.predict_risk": (of(ADAPTED.predict_risk, 6.0), X1, {}),
    # ---- fits and tests of their own
    "models.AdaptedModel.fit": (
        lambda X, y: models.as_risk_model(LogisticRegression()).fit(X, y).predict_risk(R.X, 6.0).mean(axis=0),
        X1,
        {"y": STATUS},
    ),
    "models.CoxPH.resampler": (resampled(models.CoxPH()), {**X1, "strata": R.label, **OFFSET}, {}),
    "models.landmark_supermodel": (
        lambda X, y: np.sort(models.landmark_supermodel(y, X, [0.0, 2.0], 6.0).X.mean(numeric_only=True)),
        X1,
        {"y": Y},
    ),
    "models.landmark_effects_test": (
        lambda X, y: np.sort(models.landmark_effects_test(models.DynamicRisk([0.0, 2.0], 6.0), X, y)["chi2"]),
        X1,
        {"y": Y},
    ),
    "models.ordinal_indices": (
        lambda X, **rows: models.ordinal_indices(ORDINAL.made, X, SCORES, **rows),
        {**XA, **OFFSET},
        {},
    ),
    "models.proportional_odds_test": (
        lambda X, **rows: models.proportional_odds_test(ORDINAL.made, X, SCORES, min_count=5, **rows),
        {**XA, **OFFSET},
        {},
    ),
    # ---- steps and pipelines
    "fusion.ComBat.fit_transform": (lambda X: numbers(ComBat("site").fit_transform(X)), {"X": SITES}, {}),
    "fusion.ComBat.transform": (of(COMBAT.transform), {"X": SITES}, {}),
    "fusion.ComBat.calibrate": (
        lambda X: numbers(COMBAT.calibrate(X).transform(X)),
        {"X": SITES.assign(site=SITES["site"] + 2)},
        {},
    ),
    "fusion.CovBat.fit_transform": (lambda X: numbers(CovBat("site", min_batch=10).fit_transform(X)), {"X": SITES}, {}),
    "fusion.MultipleImputation.complete_training": (
        lambda X, y: [
            np.sort(table.mean()) for table in MultipleImputation(m=2, random_state=0).complete_training(X, y)
        ],
        {"X": HOLES},
        {"y": Y},
    ),
    "fusion.MultipleImputation.completer": (
        lambda X: numbers(IMPUTATION.completer(X)().frame),
        {"X": HOLES},
        {},
    ),
    "fusion.MultipleImputation.completions": (lambda X: numbers(IMPUTATION.completions(X).frame), {"X": HOLES}, {}),
    "fusion.MultipleImputation.fit_transform": (
        lambda X, y: numbers(MultipleImputation(m=2, random_state=0).fit_transform(X, y)),
        {"X": HOLES},
        {"y": Y},
    ),
    "fusion.FormulaTerms.fit": (
        lambda X: numbers(FormulaTerms("rcs(a, 3) + b * c").fit(X).transform(R.X)),
        X1,
        {},
    ),
    "fusion.FormulaTerms.transform": (of(TERMS.transform), X1, {}),
    "fusion.LevelMap.cube": (of(LEVELS.cube), X1, {}),
    "fusion.LevelMap.to_long": (lambda X: numbers(LEVELS.to_long(X)["value"]), X1, {}),
    "fusion.OneHot.transform": (of(ONE_HOT.transform), X1, {}),
    "fusion.RegressionCalibration.transform": (of(CALIBRATED.transform), X1, {}),
    "fusion.RepeatableColumns.transform": (of(REPEATABLE.transform), X1, {}),
    "fusion.RepeatableColumns.fit_transform": (lambda X: numbers(repeatable().fit_transform(X)), X1, {}),
    "fusion.RestrictedCubicSpline.transform": (of(CUBIC.transform), X1, {}),
    "fusion.Standardise.transform": (of(SCALED.transform), X1, {}),
    "fusion.Standardise.fit_transform": (lambda X: numbers(Standardise().fit_transform(X)), X1, {}),
    "fusion.PatternSubmodels.fit": (
        lambda X, **rows: numbers(submodels().fit(X, Y, **rows).predict_risk(BLOCKS, 6.0)),
        {"X": BLOCKS, "sample_weight": R.weight},
        {},
    ),
    "fusion.PatternSubmodels.predict_risk": (of(PATTERNS.predict_risk, 6.0), {"X": BLOCKS, **OFFSET}, {}),
    "fusion.PatternSubmodels.predict_distribution": (of(SCORED_PATTERNS.predict_distribution), {"X": BLOCKS}, {}),
    "fusion.PatternSubmodels.predict_mean": (of(SCORED_PATTERNS.predict_mean), {"X": BLOCKS}, {}),
    "fusion.PatternSubmodels.pattern_of": (of(PATTERNS.pattern_of), {"X": BLOCKS}, {}),
    "fusion.RiskPipeline.predict_risk": (of(PIPELINE.predict_risk, 6.0), {**X1, **OFFSET}, {}),
    "fusion.RiskPipeline.fit_stretches": (stretched, X1, {"y": Y}),
    "fusion.RiskPipeline.predict_distribution": (of(SCORED_PIPELINE.predict_distribution), {**X1, **OFFSET}, {}),
    "fusion.RiskPipeline.predict_quantile": (of(SCORED_PIPELINE.predict_quantile), {**X1, **OFFSET}, {}),
    "models.AverageRisk.fit_stretches": (
        lambda X, y: stretched(X, y, models.AverageRisk({"cox": models.CoxPH(), "null": models.NullModel()}, cv=2)),
        X1,
        {"y": Y},
    ),
    "models.StackedRisk.fit_stretches": (
        lambda X, y: stretched(X, y, models.StackedRisk({"cox": models.CoxPH(), "null": models.NullModel()}, cv=2)),
        X1,
        {"y": Y},
    ),
    "models.RiskStratifier.fit_stretches": (
        lambda X, y: stretched(X, y, models.RiskStratifier(models.CoxPH(), horizon=6.0, cuts=[0.4])),
        X1,
        {"y": Y},
    ),
    "fusion.PatternSubmodels.fit_stretches": (
        lambda X, y: stretched(
            X, y, PatternSubmodels(models.CoxPH(), {"clinical": ["a", "b", "c"]}, min_patients=5, min_events=5)
        ),
        X1,
        {"y": Y},
    ),
    "fusion.RiskPipeline.score": (PLAIN_PIPELINE.score, X1, {"y": Y}),
    "fusion.RiskPipeline.calibrate": (
        lambda X: numbers(HARMONISED.calibrate(X).predict_risk(X, 6.0)),
        {"X": SITES.assign(site=SITES["site"] + 2)},
        {},
    ),
    "fusion.RiskPipeline.predict_risk_band": (of(FILLED.predict_risk_band, 6.0), {"X": HOLES}, {}),
    "fusion.RiskPipeline.seen_by_model": (lambda X: numbers(PIPELINE.seen_by_model(X)[1]), X1, {}),
    "fusion.RiskPipeline.seen_by_models": (lambda X: numbers(PLAIN_PIPELINE.seen_by_models(X)[0][1]), X1, {}),
    "fusion.pool_likelihood_ratio": (
        lambda X, y: pool_likelihood_ratio([COX, COX], None, [X, R.X], y).statistic,
        X1,
        {"y": Y},
    ),
    "survival.CensoringCox.survival_at": (lambda X: np.sort(CENSORING.survival_at(6.0, X)), X1, {}),
    "survival.CensoringCox.survival_before": (
        lambda X, times: np.sort(CENSORING.survival_before(times, X)),
        {**X1, "times": R.time},
        {},
    ),
    "survival.CensoringKaplanMeier.survival_before": (
        lambda X, times: np.sort(CURVES.survival_before(times, X)),
        {**X1, "times": R.time},
        {},
    ),
    "survival.CensoringKaplanMeier.survival_at": (lambda X: np.sort(CURVES.survival_at(6.0, X)), X1, {}),
    "survival.CensoringKaplanMeier.fit": (
        lambda y, **rows: survival.CensoringKaplanMeier().fit(y, R.X, **rows).survival_at(6.0),
        {"sample_weight": R.weight},
        {"y": Y},
    ),
    "cohort.table_one_of": (lambda X: words(table_one_of(X)), X1, {}),
    # ---- a model in use
    "deployment.Equation.linear_predictor": (of(FORMULA.linear_predictor), X1, {}),
    "deployment.Equation.baselines": (of(FORMULA.baselines), X1, {}),
    "deployment.Equation.outside": (lambda X: FORMULA.outside(X)["row"].size, {"X": R.X * 2}, {}),
    "deployment.CompetingEquation.predict_risk": (of(COMPETING_FORMULA.predict_risk), X1, {}),
    "deployment.CompetingEquation.linear_predictor": (of(COMPETING_FORMULA.linear_predictor), X1, {}),
    "deployment.CompetingEquation.outside": (lambda X: COMPETING_FORMULA.outside(X)["row"].size, {"X": R.X * 2}, {}),
    "validation.trial_effect": (
        lambda value, clusters, exposed, periods: (
            validation.trial_effect(
                value, clusters=clusters, exposed=exposed, periods=periods, model="a", n_permutations=200
            ).difference
        ),
        {"value": R.state, "clusters": R.cluster, "exposed": R.cluster % 2, "periods": R.label},
        {},
    ),
    "deployment.SilentLog.record": (recorded, X1, {}),
    "deployment.membership_inference": (
        lambda X, y: membership_inference(models.CoxPH(), X, y, n_models=4).auc,
        X1,
        {"y": Y},
    ),
    "deployment.LockedModel.predict_risk": (of(LOCKED.predict_risk, 6.0), X1, {}),
    "deployment.predict_rows": (lambda X: numbers(predict_rows(LOCKED.made, X, 6.0).frame["risk_6"]), X1, {}),
    "deployment.PublishedModel.predict_risk": (of(PUBLISHED.predict_risk, PUBLISHED.max_time_), {"X": ANSWERS}, {}),
    "deployment.PublishedModel.linear_predictor": (of(PUBLISHED.linear_predictor), {"X": ANSWERS}, {}),
    "deployment.PublishedModel.rounding_error": (of(PUBLISHED.rounding_error), {"X": ANSWERS}, {}),
    "deployment.PublishedModel.groups": (of(RULE.groups), {"X": ITEMS}, {}),
    "federation.FederatedCombat.adjust": (of(COMBINED.adjust, site="north"), X1, {}),
    "federation.FederatedCox.baseline": (
        lambda X, y, **rows: FEDERATED.baseline(X, y, COX.coef_, 6.0, site="s", policy=OPEN, **rows).hazard,
        {**X1, **WEIGHT},
        {"y": Y},
    ),
    "federation.SiteBaseline.predict_risk": (
        of(BASELINE.predict_risk, 6.0),
        {"X": R.X.set_axis(["x0", "x1", "x2"], axis=1)},
        {},
    ),
    # ---- metrics
    "evaluation.crps": (evaluation.crps, COMMON, {"y": SCORES, "forecast": FORECAST}),
    "evaluation.score_tenths": (
        lambda **rows: evaluation.score_tenths(SCORES, FORECAST, n_groups=2, important=1.0, **rows).to_numpy(),
        {"baseline": 2.0 * R.state, "sample_weight": R.weight},
        {},
    ),
    "evaluation.pit": (evaluation.pit, COMMON, {"y": SCORES, "forecast": FORECAST, "bins": 4}),
    "evaluation.integrated_brier": (
        evaluation.integrated_brier,
        {"risk": pd.concat({3.0: R.risk * 0.7, 6.0: R.risk}, axis=1), **COMMON},
        {"y": Y, "horizons": [3.0, 6.0]},
    ),
    "diagnostic.reader_study": (readings, {"score": R.risk}, {"y": REFERENCE}),
    "technical.reliability_filter": (
        lambda X: technical.reliability_filter({"a": X}),
        {"X": R.X[["a", "c"]]},
        {},
    ),
    "utility.development_value": (
        lambda risk: utility.development_value(risk, np.stack([R.risk, R.risk_2]), STAGES),
        {"risk": R.risk},
        {},
    ),
    "utility.expected_value_of_imaging": (
        lambda risk: np.sort(utility.expected_value_of_imaging(risk, 0.6, 0.4)),
        {"risk": R.risk},
        {},
    ),
    # ---- explanations
    "explain.observational_shap": (lambda X: numbers(explain.observational_shap(COX, X, R.X)), X1, {}),
    "explain.prediction_shapley": (
        lambda X: numbers(
            explain.prediction_shapley(COX, X, {"one": ["a"], "two": ["b", "c"]}, R.X.iloc[:10], horizons=6.0)
        ),
        X1,
        {},
    ),
    "explain.shap_interactions": (
        lambda X: numbers(explain.shap_interactions(COX, X, R.X.iloc[:10])),
        X1,
        {},
    ),
    "explain.survival_shap": (lambda X: numbers(explain.survival_shap(COX, X, R.X.iloc[:10], [3.0, 6.0])), X1, {}),
    # ---- validation
    "validation.OnColumns.fit": (
        lambda X, y: validation.OnColumns(models.CoxPH(), ["a", "b"]).fit(X, y).predict_risk(R.X, 6.0),
        X1,
        {"y": Y},
    ),
    "validation.OnColumns.predict_risk": (
        of(NARROWED.predict_risk, 6.0),
        X1,
        {},
    ),
    "validation.update_model": (
        lambda X, y: validation.update_model(COX, X, y, method="slope", horizon=6.0).model.predict_risk(R.X, 6.0),
        X1,
        {"y": Y},
    ),
    "validation.WithoutTreatment.evaluate": (
        lambda risks, y: UNTREATED.evaluate(risks, 6.0, n_resamples=0),
        {"risks": R.risk},
        {"y": Y},
    ),
    "validation.WithoutTreatment.fit": (
        lambda X, y: UNTREATED.fit(models.CoxPH(), X).predict_risk(R.X, 6.0).mean(axis=0),
        X1,
        {"y": Y},
    ),
    "validation.WithoutTreatment.survival_before": (
        lambda times, y: UNTREATED.survival_before(times),
        {"times": R.time},
        {"y": Y},
    ),
    "validation.UnderStrategy.evaluate": (
        lambda risks, y: BY_THREE.evaluate(risks, 6.0, n_resamples=0),
        {"risks": R.risk},
        {"y": Y},
    ),
    "validation.UnderStrategy.fit": (
        lambda X, y: BY_THREE.fit(models.CoxPH(), X).predict_risk(R.X, 6.0).mean(axis=0),
        X1,
        {"y": Y},
    ),
    "validation.UpdatedModel.predict_risk": (of(UPDATED.predict_risk, 6.0), X1, {}),
    "validation.UpdatedModel.linear_predictor": (of(UPDATED.linear_predictor), X1, {}),
    "validation.screen": (
        lambda X, y, **rows: validation.screen(X, y, 6.0, **rows).strengths.sort_index(),
        {**X1, "groups": R.cluster},
        {"y": Y},
    ),
    "validation.impute_outcomes": (
        lambda X, y, **rows: validation.impute_outcomes(y, X, imputations=2, **rows).mean(),
        {**X1, "clusters": R.cluster},
        {"y": MISSED_SCORES},
    ),
    "validation.delta_sensitivity": (
        lambda X, y, risk: validation.delta_sensitivity(y, X, risk, imputations=2, deltas=(0.0, 0.5)),
        {**X1, "risk": R.risk},
        {"y": MISSED},
    ),
}

SLOW_METHODS: dict[str, Spec] = {
    "models.BoostedCox.predict_risk": (of(TREES.predict_risk, 6.0), {**X1, **OFFSET}, {}),
    "models.BoostedCox.linear_predictor": (of(TREES.linear_predictor), {**X1, **OFFSET}, {}),
    "models.BoostedCox.margin_contributions": (of(TREES.margin_contributions), X1, {}),
    "models.BoostedAFT.linear_predictor": (of(TREE_TIMES.linear_predictor), {**X1, **OFFSET}, {}),
    "models.BoostedOutcome.linear_predictor": (of(TREE_SCORES.linear_predictor), {**X1, **OFFSET}, {}),
    "models.BoostedOutcome.predict_distribution": (of(TREE_SCORES.predict_distribution), {**X1, **OFFSET}, {}),
    "models.TwoPartOutcome.predict_distribution": (of(TWO_PARTS.predict_distribution), XA, {}),
    "models.TwoPartOutcome.predict_mean": (of(TWO_PARTS.predict_mean), XA, {}),
    "models.BoostedAFT.margin": (of(TREE_TIMES.margin), X1, {}),
    "models.BoostedAFT.log_likelihood": (TREE_TIMES.log_likelihood, {**X1, **WEIGHT, **OFFSET}, {"y": Y}),
    "models.ElasticNetCox.linear_predictor": (of(ELASTIC.linear_predictor), {**X1, **OFFSET}, {}),
    "models.ElasticNetCox.predict_survival": (of(ELASTIC.predict_survival, 6.0), {**X1, **OFFSET}, {}),
    "models.MultimodalNet.gates": (of(NET.gates), X1, {}),
    "explain.tree_shap": (lambda X: numbers(explain.tree_shap(PLAIN_TREES.made, X)), X1, {}),
    "explain.shap_stability": (
        lambda X, y: numbers(
            explain.shap_stability(
                models.CoxPH(), X, y, R.X.iloc[:3], R.X.iloc[:10], n_bootstrap=3, random_state=0
            ).to_frame()
        ),
        X1,
        {"y": Y},
    ),
    "evaluation.evaluate_state": (
        lambda risks, courses, **rows: evaluation.evaluate_state(courses, risks, 6.0, "recovered", **SHORT, **rows),
        {"risks": R.risk, "clusters": R.cluster},
        {"courses": COURSES},
    ),
    "validation.dynamic_performance": (
        lambda X, y: validation.dynamic_performance(DYNAMIC.made, X, y, n_resamples=0),
        X1,
        {"y": Y},
    ),
    "validation.added_value": (
        lambda X, y, **rows: validation.added_value(
            models.CoxPH(), X, y, {"clinical": ["a", "b"], "imaging": ["c"]}, 6.0, n_splits=3, n_repeats=1, **rows
        ),
        {**X1, "groups": R.cluster},
        {"y": Y},
    ),
    "validation.added_value of sites": (
        lambda X, y, **rows: validation.added_value(
            models.CoxPH(), X, y, {"clinical": ["a", "b"], "imaging": ["c"]}, 6.0, n_repeats=1, **rows
        ),
        {**X1, "sites": R.label},
        {"y": Y},
    ),
}
