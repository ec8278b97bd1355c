"""A linear predictor says on which scale it stands, and slopes are taken on a scale that has them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm
from sklearn.model_selection import GridSearchCV, KFold
from syn import park_miller, syn

from lbp_prognosis import Status, Surv
from lbp_prognosis import models as M
from lbp_prognosis._base import HAZARD_SCALES, ArgumentError, linear_predictor_scale
from lbp_prognosis.explain import shap_values
from lbp_prognosis.fusion import RiskPipeline, Standardise
from lbp_prognosis.models import CoxPH, ParametricAFT
from lbp_prognosis.models._base import RiskEstimator
from lbp_prognosis.validation import (
    OnColumns,
    bootstrap_validate,
    cross_validate_risk,
    external_validate,
    update_model,
)

SHAPES = (0.5, 1.0, 2.0, 4.0)
STATED = {
    "CoxPH": "log_hazard",
    "ElasticNetCox": "log_hazard",
    "PriorityCox": "log_hazard",
    "BoostedCox": "log_hazard",
    "BoostedAFT": "log_time",
    "CauseSpecificCox": "log_hazard",
    "FineGray": "log_subdistribution_hazard",
    "RecurrentCox": "log_hazard",
    "RoystonParmar": "log_cumulative_hazard",
    "DiscreteTimeHazard": "log_hazard",
    "ParametricAFT": "log_time",
    "LogisticRisk": "log_odds",
    "OrdinalRegression": "score",
    "LinearOutcome": "score",
    "BoostedOutcome": "score",
}


def weibull(shape: float, n: int = 600) -> tuple[pd.DataFrame, np.ndarray]:
    """The data of ``slope_scales.R``."""
    u = park_miller(77, 4 * n).reshape(n, 4)
    x, z = norm.ppf(u[:, 0]), norm.ppf(u[:, 1])
    t = 10 * (-np.log(u[:, 2]) / (0.25 * np.exp(0.8 * x - 0.5 * z))) ** (1 / shape)
    end = 10 * (1 + 5 * u[:, 3]) ** (1 / shape)
    return pd.DataFrame({"x": x, "z": z}), Surv.right(np.minimum(t, end), t <= end)


def slope(model, X, y, horizon: float = 10.0) -> float:
    found = external_validate({"m": model}, X, y, horizon, kind="temporal", n_resamples=0)
    return float(found.evaluation.metrics["m"]["calibration_slope"].value)


def by_cox(risk: np.ndarray, y: np.ndarray) -> float:
    return float(CoxPH().fit(np.log(-np.log1p(-risk)).reshape(-1, 1), y).coef_[0])


@pytest.mark.parametrize("name", [n for n in M.__all__ if isinstance(getattr(M, n), type)])
def test_every_class_states_a_scale_or_has_no_linear_predictor(name):
    kind = getattr(M, name)
    if not issubclass(kind, RiskEstimator) or name == "AdaptedModel":
        return
    if hasattr(kind, "linear_predictor"):
        assert linear_predictor_scale(kind()) == STATED[name]
    else:
        assert kind._linear_predictor_scale is None


def test_the_scale_of_some_depends_on_parameters_or_outcome():
    stated = [linear_predictor_scale(M.RoystonParmar(scale=scale)) for scale in ("hazard", "odds", "normal")]
    assert stated == ["log_cumulative_hazard", "log_odds", "probit"]
    cohort = syn(n=240)
    model = M.DiscreteTimeHazard((3.0, 6.0, 12.0, 24.0), between="interpolate")
    X = cohort[["c1", "p1"]]
    assert model.fit(X, Surv.right(cohort.time, cohort.event)).linear_predictor_scale == "log_hazard"
    assert model.fit(X, Surv.right(cohort.time, cohort.status)).linear_predictor_scale == "log_odds"


def test_what_wraps_a_model_passes_its_scale_on():
    X, y = weibull(2.0, 200)
    for model, scale in ((ParametricAFT(), "log_time"), (CoxPH(), "log_hazard"), (M.NullModel(), None)):
        wrapped = [RiskPipeline([Standardise()], model), OnColumns(model, ["x"])]
        search = M.as_risk_model(GridSearchCV(model, {}, cv=KFold(2)))
        assert [linear_predictor_scale(one) for one in (*wrapped, search)] == [scale] * 3
        fitted = [one.fit(X, y) for one in wrapped]
        assert [linear_predictor_scale(one) for one in fitted] == [scale] * 2
    updated = update_model(ParametricAFT().fit(X, y), X, y, horizon=10, method="slope").model
    assert updated.linear_predictor_scale == "log_cumulative_hazard"
    assert update_model(CoxPH().fit(X, y), X, y, horizon=10, method="slope").model.linear_predictor_scale == (
        "log_hazard"
    )

    class Unstated:
        def linear_predictor(self, X):
            return X

    assert linear_predictor_scale(Unstated()) is None


@pytest.mark.parametrize("case", json.loads((Path(__file__).parents[2] / "reference/r/slope_scales.json").read_text()))
def test_slopes_of_accelerated_failure_models_are_those_of_r(case):
    X, y = weibull(case["shape"])
    model = ParametricAFT(case["distribution"]).fit(X[:300], y[:300])
    assert slope(model, X[300:], y[300:]) == pytest.approx(case["slope"], abs=1e-6)


def classes() -> dict[str, object]:
    return {
        "ridge": CoxPH(penalty=20.0),
        "elastic net": M.ElasticNetCox(cv=3),
        "priority": M.PriorityCox({"a": ["x"], "b": ["z"]}, cv=3, cross_fit=3),
        "cause-specific": M.CauseSpecificCox(),
        "Fine-Gray": M.FineGray(),
        "Weibull": ParametricAFT(),
        "log-normal": ParametricAFT("lognormal"),
        "log-logistic": ParametricAFT("loglogistic"),
        "RP hazard": M.RoystonParmar(2),
        "RP odds": M.RoystonParmar(2, scale="odds"),
        "RP normal": M.RoystonParmar(2, scale="normal"),
        "pipeline": RiskPipeline([Standardise()], ParametricAFT()),
        "columns": OnColumns(ParametricAFT(), ["x", "z"]),
    }


@pytest.mark.parametrize("shape", SHAPES)
def test_the_slope_of_every_class_is_that_of_its_risks(shape):
    X, y = weibull(shape, 300)
    assert slope(CoxPH().fit(X, y), X, y) == pytest.approx(1, abs=1e-6)
    for name, model in classes().items():
        fitted = model.fit(X, y)
        assert slope(fitted, X, y) == pytest.approx(by_cox(fitted.predict_risk(X, 10.0), y), abs=1e-6), name


def test_slopes_of_boosted_trees_and_visits_are_those_of_their_risks():
    pytest.importorskip("xgboost")
    X, y = weibull(2.0, 300)
    visits = (4.0, 8.0, 10.0, 20.0, 40.0)
    for model in (
        M.BoostedCox(rounds=10, folds=2),
        M.BoostedAFT(rounds=10, folds=2),
        M.DiscreteTimeHazard(visits, between="interpolate"),
    ):
        fitted = model.fit(X, y)
        assert slope(fitted, X, y) == pytest.approx(by_cox(fitted.predict_risk(X, 10.0), y), abs=1e-6)


@pytest.mark.parametrize("shape", [0.5, 3.0])
def test_resampling_takes_slopes_on_the_scale_of_the_hazard(shape):
    X, y = weibull(shape, 300)
    fitted = ParametricAFT().fit(X, y)
    found = bootstrap_validate(ParametricAFT(), X, y, 10.0, n_resamples=2, random_state=0).to_frame()
    apparent = found[found["metric"] == "calibration_slope"]["apparent"].iloc[0]
    assert apparent == pytest.approx(by_cox(fitted.predict_risk(X, 10.0), y), abs=1e-6)
    crossed = cross_validate_risk({"aft": ParametricAFT(), "cox": CoxPH()}, X, y, 10.0, n_repeats=1, random_state=0)
    assert set(crossed.scores) == {"cox"}
    metrics = crossed.evaluate(n_resamples=0).metrics
    assert metrics["aft"]["calibration_slope"].value == pytest.approx(by_cox(crossed.risks["aft"], y), abs=1e-6)


def test_a_state_has_the_slope_of_its_log_odds():
    X, times = weibull(1.0, 400)
    y = Status.at(10, (times["time"] <= 10) & (times["event"] == 1))
    model = M.LogisticRisk().fit(X, y)
    found = external_validate({"m": model}, X, y, kind="temporal", n_resamples=0).evaluation.metrics["m"]
    assert found["calibration_slope"].value == pytest.approx(1, abs=1e-6)
    apparent = bootstrap_validate(M.LogisticRisk(), X, y, n_resamples=2, random_state=0).to_frame()
    row = apparent[apparent["metric"] == "calibration_slope"]
    assert row["apparent"].iloc[0] == pytest.approx(1, abs=1e-6)


def test_a_cause_is_asked_for_its_own_score():
    """The second cause of a model of several is judged by its own linear predictor."""
    cohort = syn(n=400)
    X, y = cohort[["c1", "p1"]], Surv.right(cohort.time, cohort.status)
    crossed = cross_validate_risk(M.CauseSpecificCox(), X, y, 12.0, cause=2, n_repeats=1, random_state=0)
    model = M.CauseSpecificCox()
    rows = crossed.folds[0] == 0
    fitted = model.fit(X[~rows], y[~rows])
    want = fitted.linear_predictor(X[rows], 2)
    assert crossed.scores["CauseSpecificCox"][rows] == pytest.approx(want, abs=1e-12)


def test_an_explanation_names_the_scale():
    X, y = weibull(2.0, 120)
    for model, scale in ((CoxPH(), "log_hazard"), (ParametricAFT(), "log_time")):
        found = shap_values(model.fit(X, y), X[:5], X)
        assert found.scale == scale
        assert found.values.sum(axis=1) + found.base == pytest.approx(found.prediction, abs=1e-9)
    with pytest.raises(ArgumentError, match="log_time"):
        shap_values(ParametricAFT().fit(X, y), X[:5], X, scale="log_hazard")


def test_a_published_risk_is_validated_and_recalibrated_as_it_is():
    """A formula has nothing to fit: as a function, or in this library's currency, it is judged and updated as it is."""
    X, y = weibull(1.0)

    def published(table, horizons):
        return -np.expm1(-0.05 * np.exp(0.4 * table["x"].to_numpy())[:, None] * np.asarray(horizons))

    bare = external_validate({"old": published}, X, y, 10.0, kind="geographic", n_resamples=0)
    adapted = external_validate({"old": M.as_risk_model(published)}, X, y, 10.0, kind="geographic", n_resamples=0)
    assert np.array_equal(bare.risks["old"], adapted.risks["old"])
    want = by_cox(published(X, [10.0])[:, 0], y)
    assert bare.evaluation.metrics["old"]["calibration_slope"].value == pytest.approx(want, abs=1e-6)
    update = update_model(published, X, y, horizon=10.0)
    assert set(update.table["method"]) == {"original", "intercept", "slope"}
    assert update.method == "slope"
    assert update.table.set_index("method").loc["slope", "slope"] == pytest.approx(want, abs=1e-6)
    assert slope(update.model, X, y) == pytest.approx(1, abs=1e-6)
    with pytest.raises(ArgumentError, match="method"):
        update_model(published, X, y, horizon=10.0, method="refit")
    level = update_model(published, X, y, horizon=10.0, method="intercept").model
    assert level.predict_risk(X, 10.0).mean() == pytest.approx(M.NullModel().fit(X, y).predict_risk(X, 10.0)[0, 0])


def test_a_published_risk_of_a_state_is_recalibrated():
    X, times = weibull(1.0)
    y = Status.at(10, (times["time"] <= 10) & (times["event"] == 1))

    def published(table, horizons):
        return 1 / (1 + np.exp(2 - 0.5 * table["x"].to_numpy())) + 0 * np.asarray(horizons)[0]

    update = update_model(published, X, y)
    line = M.LogisticRisk().fit(0.5 * X[["x"]] - 2, y)
    assert update.table.set_index("method").loc["slope", "slope"] == pytest.approx(line.coef_[0], abs=1e-7)
    assert update.method == "slope"
    assert update.model.linear_predictor(X) == pytest.approx(line.linear_predictor(0.5 * X[["x"]] - 2), abs=1e-6)
    assert update.tests["test"].tolist() == ["slope against original", "slope against intercept"]
    assert update.model.linear_predictor_scale == "log_odds"


def test_hazard_scales_are_among_the_scales():
    from lbp_prognosis._base import LINEAR_PREDICTOR_SCALES

    assert set(HAZARD_SCALES) < set(LINEAR_PREDICTOR_SCALES)
