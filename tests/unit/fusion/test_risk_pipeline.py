"""The pipeline is the model on transformed rows, no more: names, held columns, modalities, parameters."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.preprocessing import StandardScaler
from small_models import Hazard, Logit
from syn import syn

from lbp_prognosis._base import ArgumentError
from lbp_prognosis.fusion import (
    MultipleImputation,
    OneHot,
    RegressionCalibration,
    RestrictedCubicSpline,
    RiskPipeline,
    Standardise,
)
from lbp_prognosis.models import AalenAdditive, CoxPH
from lbp_prognosis.survival import Status, Surv

NAMES = ["c1", "c2", "p1", "m1", "g1"]


@pytest.fixture(scope="module")
def data():
    table = syn(300)
    return table[NAMES], Status.at(12, table["y"]), table


def test_affine_steps_leave_the_risks_alone(data) -> None:
    X, y, _ = data
    plain = Logit().fit(X, y).predict_risk(X, [6, 12])
    for steps in ([Standardise()], [StandardScaler()], [("scale", Standardise()), PCA()], []):
        piped = RiskPipeline(steps, Logit()).fit(X, y).predict_risk(X, [6, 12])
        np.testing.assert_allclose(piped, plain, atol=1e-6)


def test_steps_see_the_training_rows_only(data) -> None:
    X, y, _ = data
    pipeline = RiskPipeline([Standardise()], Logit()).fit(X.iloc[:150], y[:150])
    alone = pipeline.predict_risk(X.iloc[200:201], 12)
    np.testing.assert_array_equal(alone, pipeline.predict_risk(X.iloc[150:], 12)[50:51])


def test_names_reach_the_model(data) -> None:
    X, y, _ = data
    pipeline = RiskPipeline([RestrictedCubicSpline(["c1"], n_knots=3), Standardise()], Logit()).fit(X, y)
    assert pipeline.models_[0].columns_ == ["c1", "c1'", "c2", "p1", "m1", "g1"]


def test_columns_the_model_reads_by_name_go_past_the_steps(data) -> None:
    X, y, table = data
    held = X.assign(site=table["site"].astype(str))
    pipeline = RiskPipeline([OneHot(), Standardise()], Logit(strata="site")).fit(held, y)
    assert pipeline.models_[0].columns_ == [*NAMES, "site"]
    np.testing.assert_allclose(
        pipeline.predict_risk(held, 12), RiskPipeline([], Logit()).fit(X, y).predict_risk(X, 12), atol=1e-6
    )


def test_modalities_choose_the_columns(data) -> None:
    X, y, table = data
    wide = X.assign(patient=table["id"])
    modalities = {"clinical": ["c1", "c2"], "imaging": ["m1"]}
    pipeline = RiskPipeline([], Logit(), modalities=modalities).fit(wide, y)
    assert pipeline.models_[0].columns_ == ["c1", "c2", "m1"]
    assert pipeline.unused_columns_ == ("p1", "g1", "patient")


def test_a_step_may_name_columns_of_an_absent_modality(data) -> None:
    X, y, _ = data
    modalities = {"clinical": ["c1", "c2"], "imaging": ["m1"]}
    pipeline = RiskPipeline([RestrictedCubicSpline(["c1", "m1"], n_knots=3)], Logit(), modalities=modalities)
    assert pipeline.fit(X[["c1", "c2"]], y).models_[0].columns_ == ["c1", "c1'", "c2"]
    with pytest.raises(ArgumentError, match="columns"):  # c1 is absent although clinical is there
        pipeline.fit(X[["c2", "m1"]], y)


@pytest.mark.parametrize(
    "steps",
    [
        [RegressionCalibration({"m1": 0.1})],
        [RegressionCalibration({"c2": 0.1, "m1": 0.1}, covariates=["c1"])],
        [MultipleImputation(m=2, methods={"m1": "matching"}, keep_blocks={"imaging": ["m1"]})],
        [RestrictedCubicSpline(pd.Index(["c1", "m1"]))],
        [RestrictedCubicSpline(["c1", "m1"], knots={"c1": [-1, 0, 1], "m1": [-1, 0, 1]})],
    ],
    ids=lambda steps: type(steps[0]).__name__,
)
def test_every_parameter_of_a_step_may_name_columns_of_an_absent_modality(data, steps) -> None:
    X, y, _ = data
    pipeline = RiskPipeline(steps, Logit(), modalities={"clinical": ["c1", "c2"], "imaging": ["m1"]})
    clinical = clone(pipeline).fit(X[["c1", "c2"]], y)
    assert not any("m1" in column for column in clinical.models_[0].columns_)
    assert np.isfinite(clinical.predict_risk(X[["c1", "c2"]], 12)).all()
    assert any("m1" in column for column in clone(pipeline).fit(X, y).models_[0].columns_)


def test_weights_and_offset_reach_the_model(data) -> None:
    X, y, _ = data
    weight = np.arange(1.0, len(X) + 1)
    pipeline = RiskPipeline([], Logit()).fit(X, y, sample_weight=weight)
    np.testing.assert_allclose(pipeline.models_[0].coef_, Logit().fit(X, y, sample_weight=weight).coef_)
    shifted = pipeline.predict_risk(X, 12, offset=np.full(len(X), 1.0))
    assert (shifted > pipeline.predict_risk(X, 12)).all()
    np.testing.assert_allclose(pipeline.linear_predictor(X), pipeline.models_[0].linear_predictor(X))


def test_parameters_by_name(data) -> None:
    X, y, _ = data
    pipeline = RiskPipeline([RestrictedCubicSpline(["c1"]), ("scale", Standardise())], Logit())
    parameters = pipeline.get_params()
    assert parameters["restrictedcubicspline__n_knots"] == 4
    assert parameters["model__horizon"] == 12
    twin = clone(pipeline).set_params(restrictedcubicspline__n_knots=3, model__horizon=6, scale=PCA())
    assert twin.steps[0].n_knots == 3
    assert twin.model.horizon == 6
    assert isinstance(twin.steps[1][1], PCA)
    assert pipeline.steps[0].n_knots == 4
    twin.fit(X, y)
    with pytest.raises(ValueError, match="Invalid parameter"):
        pipeline.set_params(nothing=1)


def test_fit_does_not_touch_what_was_given(data) -> None:
    X, y, _ = data
    step, model, before = Standardise(), Logit(), X.copy()
    RiskPipeline([step], model).fit(X, y)
    assert not hasattr(step, "scaler_")
    assert not hasattr(model, "coef_")
    pd.testing.assert_frame_equal(X, before)


def test_grid_search_runs(data) -> None:
    from sklearn.model_selection import GridSearchCV

    X, y, _ = data

    def brier(estimator, X, y):
        return -np.mean((estimator.predict_risk(X, 12)[:, 0] - y["status"]) ** 2)

    search = GridSearchCV(
        RiskPipeline([RestrictedCubicSpline(["c1"])], Logit()),
        {"restrictedcubicspline__n_knots": [3, 5]},
        cv=3,
        scoring=brier,
    )
    assert search.fit(X, y).best_params_["restrictedcubicspline__n_knots"] in (3, 5)


def test_what_cannot_be_a_pipeline_is_refused(data) -> None:
    X, y, _ = data
    for pipeline, match in (
        (RiskPipeline([], StandardScaler()), "predict_risk"),
        (RiskPipeline([("model", Standardise())], Logit()), "names"),
        (RiskPipeline([], Logit(), combine="mean"), "combine"),
        (RiskPipeline([], Logit(), modalities={"clinical": ["z"]}), "at least one predictor"),
    ):
        with pytest.raises(ArgumentError, match=match):
            pipeline.fit(X, y)
    with pytest.raises(ArgumentError, match="occurs once"):
        RiskPipeline([], Logit()).fit(X[["c1", "c1"]], y)
    fitted = RiskPipeline([Standardise()], Logit()).fit(X, y)
    with pytest.raises(ArgumentError, match="without"):
        fitted.predict_risk(X.drop(columns="c1"), 12)
    with pytest.raises(Exception, match="not fitted"):
        RiskPipeline([], Logit()).predict_risk(X, 12)
    assert not hasattr(RiskPipeline([], Hazard()), "predict_survival")


def test_arrays_work_too(data) -> None:
    X, y, _ = data
    pipeline = RiskPipeline([Standardise()], Logit()).fit(X.to_numpy(), y)
    assert pipeline.predict_risk(X.to_numpy(), [3, 12]).shape == (300, 2)


def test_with_the_models_of_the_house(data) -> None:
    from lbp_prognosis.fusion import MultipleImputation, pool_coefficients
    from lbp_prognosis.models import CauseSpecificCox, CoxPH
    from lbp_prognosis.survival import Surv

    X, _, table = data
    X = X.assign(site=table["site"].astype(str))
    X.loc[:60, "m1"] = np.nan
    one, two = Surv.right(table["time"], table["event"]), Surv.right(table["time"], table["status"])
    steps = [MultipleImputation(3, iterations=2), RestrictedCubicSpline(["c1"], n_knots=3), Standardise()]
    stratified = RiskPipeline(steps, CoxPH(strata="site")).fit(X, one)
    risk = stratified.predict_risk(X, [6, 12, 1000])
    assert risk.shape == (300, 3)
    assert np.isnan(risk[:, 2]).all()
    assert (risk[:, 1] > risk[:, 0]).all()
    assert stratified.score(X, one) < 0
    assert stratified.predict_survival(X, [6, 12]).shape == (300, 2)
    pooled = pool_coefficients(stratified, df_complete=100)
    assert pooled.terms == ("c1", "c1'", "c2", "p1", "m1", "g1")
    assert pooled.test(["c1", "c1'"]).p < 0.05
    with pytest.raises(ArgumentError, match="terms"):
        pooled.test(["age"])
    competing = RiskPipeline(steps, CauseSpecificCox()).fit(X.drop(columns="site"), two)
    total = competing.predict_risk(X, [12], 1) + competing.predict_risk(X, [12], 2)
    assert (total <= 1 + 1e-12).all()
    assert competing.max_time_ == two["time"].max()
    assert competing.causes_.tolist() == [1, 2]
    with pytest.raises(ArgumentError, match="models"):
        pool_coefficients([Hazard().fit(X)])


def test_the_score_is_that_of_the_pipelines_own_risks(data) -> None:
    from lbp_prognosis.models import CoxPH
    from lbp_prognosis.survival import Surv

    X, _, table = data
    y = Surv.right(table["time"], table["event"])
    scaled = RiskPipeline([Standardise()], CoxPH()).fit(X, y)
    assert scaled.score(X, y) == pytest.approx(CoxPH().fit(X, y).score(X, y), abs=1e-8)


def test_scores_and_survival_curves_pass_through_a_pipeline():
    """As scikit-survival has them: of one table those of its model, of several averaged as risks are."""
    rng = np.random.default_rng(3)
    X = pd.DataFrame({"a": rng.normal(size=80), "b": rng.normal(size=80)})
    y = Surv.right(rng.exponential(np.exp(-X["a"])).round(2) + 0.01, rng.random(80) < 0.8)
    bare, piped = CoxPH().fit(X, y), RiskPipeline([Standardise()], CoxPH()).fit(X, y)
    assert np.allclose(np.diff(piped.predict(X)), np.diff(bare.predict(X)), atol=1e-9)
    curves = piped.predict_survival_function(X[:3])
    assert np.allclose(piped.predict_survival_function(X, return_array=True), 1 - bare.predict_risk(X, curves[0].x))
    assert curves[2](0.5) == pytest.approx(1 - float(bare.predict_risk(X[2:3], 0.5)[0, 0]))
    holed = X.mask(rng.random(X.shape) < 0.2)
    several = RiskPipeline([MultipleImputation(m=2, iterations=1)], CoxPH()).fit(holed, y)
    heights = several.predict_survival_function(holed, return_array=True)
    assert np.allclose(heights, 1 - several.predict_risk(holed, several.models_[0].unique_times_))
    assert several.predict(holed).shape == (80,)
    for model in (piped, several):
        assert model.predict_survival_function(holed[:0]).shape == (0,)
        assert model.predict_survival_function(holed[:0], return_array=True).shape == (0, curves[0].x.size)


def test_curves_at_different_times_are_refused_by_name():
    """Cumulative effects of additive hazards end where columns of a completed table are no longer independent."""
    pytest.importorskip("lifelines")
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"a": (rng.random(30) < 0.3).astype(float), "b": rng.normal(size=30)})
    X.loc[rng.random(30) < 0.5, "a"] = np.nan
    y = Surv.right(np.arange(1.0, 31.0), np.ones(30))
    model = RiskPipeline([MultipleImputation(m=4)], AalenAdditive()).fit(X, y)
    assert len({one.times_.size for one in model.models_}) > 1
    with pytest.raises(ArgumentError, match="`self` must be of models with curves at the same times"):
        model.predict_survival_function(X[:2])


@pytest.mark.parametrize("steps", [[], [MultipleImputation(m=2, iterations=1)]])
def test_no_row_has_no_risk_and_no_band(steps):
    rng = np.random.default_rng(4)
    X = pd.DataFrame(rng.normal(size=(120, 3)), columns=["a", "b", "c"])
    y = Surv.right(rng.exponential(10, 120), rng.random(120) < 0.7)
    holes = X.mask(rng.random(X.shape) < 0.1) if steps else X
    pipeline = RiskPipeline(steps, CoxPH()).fit(holes, y)
    band = pipeline.predict_risk_band(holes.iloc[:0], [3, 6])
    assert [part.shape for part in band] == [(0, 2)] * 3
    assert pipeline.predict_risk(holes.iloc[:0], [3, 6]).shape == (0, 2)
    assert pipeline.predict_risk(holes.iloc[:1], [3, 6]).shape == (1, 2)
