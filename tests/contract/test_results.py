"""Every result of evaluation, validation and explanation is printed, tabulated and drawn."""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import io
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from small_models import Logit
from syn import syn

from lbp_prognosis import CoxPH, Measured, Reference, Status, Surv
from lbp_prognosis._base import METRIC_COLUMNS, Result
from lbp_prognosis.evaluation import (
    calibration,
    concordance,
    decision_curve,
    evaluate,
    finding_to_outcome_ceiling,
    integrated_brier,
    mean_calibration,
    ordinal_concordance,
    pit,
    risk_groups,
    royston_d,
    time_dependent_auc,
)
from lbp_prognosis.evaluation.diagnostic import accuracy, reader_study, roc
from lbp_prognosis.evaluation.prognostic import brier
from lbp_prognosis.evaluation.technical import (
    agreement,
    concordance_correlation,
    icc,
    overlap,
    repeatability,
    scanner_effect,
    weighted_kappa,
)
from lbp_prognosis.evaluation.utility import sequential_policy, test_tradeoff, value_of_information
from lbp_prognosis.explain import feature_effect, shap_interactions, shap_stability, shap_values
from lbp_prognosis.models import DynamicRisk, LinearOutcome, OrdinalRegression, RiskStratifier
from lbp_prognosis.validation import (
    NeverStart,
    OnColumns,
    StartBy,
    added_value,
    anova,
    association_test,
    attrition_weights,
    bootstrap_validate,
    case_mix,
    censoring_sensitivity,
    contrast,
    contrast_strategies,
    cross_validate_risk,
    delta_sensitivity,
    dynamic_performance,
    e_value,
    external_validate,
    fairness,
    impute_outcomes,
    internal_external,
    likelihood_ratio,
    marginal_predictions,
    meta_analysis,
    pool_performance,
    probability_useful,
    reclassification,
    sample_size_development,
    sample_size_support,
    score_optimism,
    screen,
    subgroup_performance,
    trial_effect,
    under_strategy,
    update_model,
    validate_groups,
    without_treatment,
)

pytest.importorskip("matplotlib").use("Agg")

DOORS = (
    "evaluation",
    "evaluation.technical",
    "evaluation.diagnostic",
    "evaluation.prognostic",
    "evaluation.utility",
    "validation",
    "explain",
)
COLUMNS = ["c1", "c2", "p1", "m1"]
D = syn(240)
X, Y = D[COLUMNS], Surv.right(D["time"], D["event"])
STATE = Status.at(12, D["y"])
SEEN = Status.at(12, np.where(D["u15"] < 0.2, -1, D["y"]))
COX = CoxPH().fit(X, Y)
LOGIT = Logit().fit(X, STATE)
RISK = COX.predict_risk(X, [6.0, 12.0])
SMALL = CoxPH().fit(X[["c1"]], Y).predict_risk(X[["c1"]], 12.0)[:, 0]
RATINGS = np.column_stack([10 + D["c1"][:40], 10 + D["c1"][:40] + 0.3 * D["c2"][:40]])
GRADES = np.digitize(RATINGS, [9.5, 10, 10.8])
REFERENCE = Reference.now((D["c1"] + 0.6 * D["c2"] > 0).astype(int))
HALVES = Logit().fit(X[:120], STATE[:120])
MASK = np.zeros((8, 8), dtype=int)
MASK[2:6, 2:6] = 1
SCORES = Measured.at(12, np.clip(np.round(5 + 2 * D["c1"] + 6 * D["u15"]), 0, 10), lower=0, upper=10)
FORECAST = OrdinalRegression().fit(X, SCORES).predict_forecast(X)


STARTED = np.where(D["u15"] < 0.3, Y["time"] / 2, np.nan)


def _by(strategy: NeverStart | StartBy) -> Result:
    return under_strategy(Y, STARTED, X.assign(patient_id=range(240), time=0), strategy)


MAKE: dict[str, Callable[[], Result]] = {
    "ConcordanceCorrelation": lambda: concordance_correlation(*RATINGS.T),
    "OverHorizons": lambda: time_dependent_auc(Y, RISK, [6.0, 12.0]),
    "BrierResult": lambda: brier(Y, RISK, [6.0, 12.0]),
    "ConcordanceResult": lambda: concordance(Y, RISK[:, 1]),
    "MeanCalibration": lambda: mean_calibration(SCORES, FORECAST),
    "OrdinalConcordance": lambda: ordinal_concordance(SCORES, FORECAST),
    "Pit": lambda: pit(SCORES, FORECAST),
    "IntegratedBrier": lambda: integrated_brier(Y, RISK, [6.0, 12.0]),
    "RoystonD": lambda: royston_d(Y, COX.linear_predictor(X)),
    "Calibration": lambda: calibration(Y, RISK[:, 1], 12.0),
    "CalibrationTest": lambda: calibration(Y, RISK[:, 1], 12.0).gnd(),
    "DecisionCurve": lambda: decision_curve(Y, RISK[:, 1], 12.0, [0.2, 0.3]),
    "NetBenefitDifference": lambda: decision_curve(Y, {"a": RISK[:, 1], "b": SMALL}, 12.0, [0.2, 0.3]).difference(
        "a", "b"
    ),
    "Evaluation": lambda: evaluate(Y, {"a": RISK[:, 1], "b": SMALL}, 12.0, [0.2, 0.3], n_resamples=0),
    "FindingCeiling": lambda: finding_to_outcome_ceiling(0.4, 0.45, 0.2, 0.95),
    "RiskGroups": lambda: risk_groups(Y, RISK[:, 1], 12.0, [0.3, 0.5]),
    "ICC": lambda: icc(RATINGS),
    "Agreement": lambda: agreement(*RATINGS.T),
    "Kappa": lambda: weighted_kappa(*GRADES.T),
    "Overlap": lambda: overlap(MASK, np.roll(MASK, 1, axis=0), (1.0, 1.0)),
    "Repeatability": lambda: repeatability(RATINGS),
    "ScannerEffect": lambda: scanner_effect(D["m1"], D["site"]),
    "Accuracy": lambda: accuracy(REFERENCE, D["c1"] > 0.1),
    "Roc": lambda: roc(REFERENCE, D["c1"]),
    "ReaderStudy": lambda: reader_study(
        REFERENCE, {m: {r: D["c1"] + s * D[r] for r in ("p2", "g2", "m3")} for m, s in (("MRI", 0.4), ("CT", 1.2))}
    ),
    "SequentialPolicy": lambda: sequential_policy(STATE, SMALL, RISK[:, 1], 12, 0.4, band=(0.3, 0.5)),
    "TestTradeoff": lambda: test_tradeoff(STATE, SMALL, RISK[:, 1], 12, 0.4),
    "ValueOfInformation": lambda: value_of_information(STATE, RISK[:, 1], 12, [0.2, 0.3, 0.4], n_future=[200]),
    "CalibrationInstability": lambda: MAKE["BootstrapValidation"]().calibration_instability(thresholds=[0.2, 0.4]),
    "DevelopmentValue": lambda: MAKE["BootstrapValidation"]().development_value([0.2, 0.3, 0.4]),
    "AddedValue": lambda: added_value(
        CoxPH(),
        X,
        Y,
        {"clinical": ["c1", "c2"], "reported": ["p1"], "imaging": ["m1"]},
        12,
        [0.3],
        n_splits=3,
        n_repeats=1,
        random_state=0,
        sites=np.arange(240) % 2,
    ),
    "Anova": lambda: anova(COX),
    "AssociationTest": lambda: association_test(OnColumns(CoxPH(), ["c1"]), CoxPH(), X, Y),
    "AttritionWeights": lambda: attrition_weights(SEEN, X),
    "BootstrapValidation": lambda: bootstrap_validate(
        CoxPH(), X, Y, [6.0, 12.0], thresholds=[0.2, 0.3, 0.4], n_resamples=8, keep_predictions=True, random_state=0
    ),
    "CaseMix": lambda: case_mix(
        X[:120], STATE[:120], HALVES.linear_predictor(X[:120]), X[120:], STATE[120:], HALVES.linear_predictor(X[120:])
    ),
    "Contrast": lambda: contrast(COX, X, {"c1": [1.0, 2.0]}, {"c1": 0.0}),
    "MarginalPredictions": lambda: marginal_predictions(COX, X, {"c1": [1.0, 2.0]}, horizons=6.0),
    "TrialEffect": lambda: trial_effect(
        X["c1"], clusters=np.arange(240) // 20, exposed=np.arange(240) // 20 % 2, model="cox", n_permutations=200
    ),
    "WithoutTreatment": lambda: without_treatment(Y, STARTED, X.assign(patient_id=range(240), time=0)),
    "UnderStrategy": lambda: _by(StartBy(6.0)),
    "StrategyContrast": lambda: contrast_strategies({"never": _by(NeverStart()), "by 6": _by(StartBy(6.0))}, 12.0),
    "EValue": lambda: e_value(1.8, (1.2, 2.6), measure="hazard_ratio", rare=False),
    "CensoringSensitivity": lambda: censoring_sensitivity(Y, {"cox": RISK}, [6.0, 12.0], X),
    "CrossValidation": lambda: cross_validate_risk(CoxPH(), X, Y, 12, n_splits=3, n_repeats=2, random_state=0),
    "DeltaSensitivity": lambda: delta_sensitivity(SEEN, X, RISK[:, 1], deltas=(-1.0, 0.0, 1.0), imputations=5),
    "ImputedOutcomes": lambda: impute_outcomes(
        Measured.at(12, np.where(D["u15"] < 0.3, np.nan, SCORES["value"]), lower=0, upper=10),
        X,
        imputations=3,
        delta=1.0,
    ),
    "ExternalValidation": lambda: external_validate(
        CoxPH().fit(X[:120], Y[:120]), X[120:], Y[120:], 12, [0.2, 0.3], kind="temporal", n_resamples=0
    ),
    "GroupValidation": lambda: validate_groups(
        RiskStratifier(CoxPH(), horizon=12.0, n_groups=3, cv=2), X, Y, n_splits=3, n_resamples=3
    ),
    "Instability": lambda: MAKE["BootstrapValidation"]().instability([0.3]),
    "DynamicPerformance": lambda: dynamic_performance(
        DynamicRisk([0.0, 3.0], 6.0).fit(X[:120], Y[:120]), X[120:], Y[120:], n_resamples=0
    ),
    "InternalExternal": lambda: internal_external(CoxPH(), X, Y, D["site"], 12, n_resamples=0),
    "LikelihoodRatio": lambda: likelihood_ratio(CoxPH().fit(X[["c1"]], Y), COX, X[["c1"]], X, added="rest"),
    "MetaAnalysis": lambda: meta_analysis([0.7, 0.72, 0.69], [0.02, 0.03, 0.02]),
    "ModelUpdate": lambda: update_model(HALVES, X[120:], STATE[120:]),
    "PooledPerformance": lambda: pool_performance([evaluate(Y, r, 12.0, n_resamples=0) for r in (RISK[:, 1], SMALL)]),
    "ProbabilityUseful": lambda: probability_useful(MAKE["InternalExternal"](), 12),
    "Reclassification": lambda: reclassification(STATE, SMALL, RISK[:, 1]),
    "SampleSize": lambda: sample_size_development("binary", parameters=20, c_statistic=0.75, prevalence=0.3),
    "ScoreOptimism": lambda: score_optimism(LinearOutcome(), X, SCORES, n_resamples=3),
    "Screening": lambda: screen(X.assign(copy=D["event"]), Y, 12),
    "SampleSizeSupport": lambda: sample_size_support(STATE, {"clinical": 5, "imaging": 20}, c_statistic=0.75),
    "Fairness": lambda: fairness(Y, RISK[:, 1], {"sex": np.where(D["c3"] > 0, "f", "m")}, 12.0, n_draws=100),
    "SubgroupPerformance": lambda: subgroup_performance(
        Y, RISK[:, 1], {"half": np.where(D["c1"] > 0, "a", "b")}, 12.0, n_resamples=0
    ),
    "FeatureEffect": lambda: feature_effect(COX, X, "c1", horizons=12),
    "ShapAverages": lambda: shap_values(COX, X.head(5), X.head(40)).averages(),
    "ShapInteractions": lambda: shap_interactions(COX, X.head(5), X.head(40), scale="risk", horizons=12),
    "ShapResult": lambda: shap_values(COX, X.head(5), X.head(40)),
    "ShapStability": lambda: shap_stability(CoxPH(), X, Y, X.head(3), X.head(20), n_bootstrap=4),
}


def _public() -> dict[str, type]:
    found = {}
    for door in DOORS:
        room = importlib.import_module(f"lbp_prognosis.{door}")
        for name in room.__all__:
            thing = getattr(room, name)
            if inspect.isclass(thing) and issubclass(thing, Result) and not inspect.isabstract(thing):
                found[name] = thing
    return found


PUBLIC = _public()


def test_every_public_result_is_made_here() -> None:
    assert set(PUBLIC) == set(MAKE)


@pytest.fixture(scope="module")
def made() -> dict[str, Any]:
    return {}


@pytest.mark.parametrize("name", MAKE)
def test_protocol(name: str, made: dict[str, Any]) -> None:
    import matplotlib.pyplot as plt
    from matplotlib.axes import Axes

    result = made.setdefault(name, MAKE[name]())
    assert isinstance(result, PUBLIC[name])
    assert dataclasses.is_dataclass(result)
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(result, dataclasses.fields(result)[0].name, None)

    text = repr(result)
    assert text.startswith("<")
    assert "\n" not in text
    assert type(result).__name__ in text

    frame = result.to_frame()
    assert isinstance(frame, pd.DataFrame)
    assert len(frame)
    if set(METRIC_COLUMNS) <= set(frame.columns):
        assert tuple(frame.columns[: len(METRIC_COLUMNS)]) == METRIC_COLUMNS
        # text that is absent is empty, in every frame alike
        assert frame[["model", "tier", "group", "reason", "method"]].notna().all().all()
        # a reason says what is missing, so a number with its interval has none
        assert (frame.loc[frame["value"].notna() & frame["low"].notna(), "reason"] == "").all()
    assert "<table" in result._repr_html_()

    try:
        axes = result.plot()
        assert isinstance(axes, Axes)
        assert axes.has_data()
        axes.figure.savefig(io.BytesIO(), format="png", dpi=40)
        _, given = plt.subplots()
        assert result.plot(ax=given) is given
        if hasattr(result, "figure"):
            result.figure().savefig(io.BytesIO(), format="png", dpi=40)
    finally:
        plt.close("all")


def test_every_metric_of_an_evaluation_is_drawn() -> None:
    import matplotlib.pyplot as plt

    found = evaluate(Y, {"a": RISK, "b": RISK**1.1}, [6.0, 12.0], n_resamples=0)
    for metric in (*found.metrics["a"].values(), *found.differences):
        assert metric.plot().has_data(), metric.metric
        plt.close("all")
