"""Scores out of fold and their optimism: by hand, through imputation, with rare scores."""

from __future__ import annotations

import json
from typing import ClassVar

import numpy as np
import pandas as pd
import pytest

from lbp_prognosis import Measured, Surv
from lbp_prognosis._base import ArgumentError, Checkpoint, OutcomeError
from lbp_prognosis.evaluation import brier, crps, evaluate, time_dependent_auc
from lbp_prognosis.fusion import MultipleImputation, RiskPipeline, pool_levels
from lbp_prognosis.models import CoxPH, LinearOutcome, OrdinalRegression, StackedRisk
from lbp_prognosis.survival import ScoreForecast, measured_to_status
from lbp_prognosis.validation import (
    OnColumns,
    association_test,
    bootstrap_validate,
    cross_validate_risk,
    cross_validate_scores,
    score_optimism,
)
from lbp_prognosis.validation.resampling._folds import repeated_folds


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(4)
    X = pd.DataFrame(rng.normal(size=(120, 3)), columns=["a", "b", "c"])
    score = np.clip(np.round(4 + 1.2 * X["a"] + rng.logistic(size=120)), 0, 10)
    score[::17] = np.nan
    return X, Measured.at(12.0, score, lower=0, upper=10, at_most=3)


def test_each_patient_is_predicted_without_the_own_fold(data) -> None:
    X, y = data
    found = cross_validate_scores({"or": OrdinalRegression(), "line": LinearOutcome()}, X, y, n_splits=4)
    assert set(found) == {"or", "line"}
    np.testing.assert_allclose(found["or"].probability.sum(axis=1), 1, rtol=1e-12)
    judged = evaluate(y, found).metrics
    assert judged["or"]["crps"].value == pytest.approx(crps(y, found["or"]).value, abs=1e-12)
    folds = repeated_folds(y, n_splits=4, n_repeats=1, groups=None, generators=[np.random.default_rng(0)])[0]
    for fold in range(4):
        model = OrdinalRegression().fit(X[folds != fold].reset_index(drop=True), y[folds != fold])
        own = model.predict_mean(X[folds == fold])
        np.testing.assert_allclose(found["or"].mean()[folds == fold], own, rtol=1e-10)
    twice = cross_validate_scores(OrdinalRegression(), X, y, n_splits=4, n_repeats=2)["OrdinalRegression"]
    assert np.abs(twice.mean() - found["or"].mean()).max() > 1e-4
    groups = np.repeat(np.arange(60), 2)
    assert len(cross_validate_scores(LinearOutcome(), X, y, n_splits=3, groups=groups)["LinearOutcome"]) == 120


def test_cross_validated_risks_of_a_score_keep_its_distributions(data, tmp_path) -> None:
    X, y = data
    models = {"or": OrdinalRegression(), "line": LinearOutcome()}
    keywords = {"n_splits": 3, "n_repeats": 2, "random_state": 1}
    found = cross_validate_risk(models, X, y, **keywords, checkpoint=tmp_path)
    again = cross_validate_risk(models, X, y, **keywords, checkpoint=tmp_path, n_jobs=1)  # from its files
    for name, forecast in found.forecasts.items():
        np.testing.assert_array_equal(again.forecasts[name].probability, forecast.probability)
        np.testing.assert_allclose(forecast.at_most(3), found.risks[name][:, 0], atol=1e-12)
        held = np.zeros(len(X))
        for repeat, k in np.ndindex(2, 3):
            out = found.folds[repeat] == k
            model = models[name].fit(X[~out].reset_index(drop=True), y[~out])
            held[out] += model.predict_mean(X[out]) / 2
        if name == "or":
            np.testing.assert_allclose(forecast.mean(), held, rtol=1e-10)
    # files of a version that kept no distributions, or half of them, are made anew
    store = Checkpoint(tmp_path, json.loads((tmp_path / "checkpoint.json").read_text())["key"])
    for number, lost in enumerate((("levels", "probability"), ("levels",), ("probability",))):
        arrays = store.load(number)
        assert arrays is not None
        store.save(number, {name: values for name, values in arrays.items() if name not in lost})
    fresh = {"or": OrdinalRegression(), "line": LinearOutcome()}
    renewed = cross_validate_risk(fresh, X, y, **keywords, checkpoint=tmp_path)
    assert set(renewed.forecasts) == set(models)
    np.testing.assert_array_equal(renewed.forecasts["or"].probability, found.forecasts["or"].probability)
    judged = found.evaluate().metrics["or"]
    assert judged["crps"].value == pytest.approx(crps(y, found.forecasts["or"]).value, abs=1e-12)
    assert judged["auc"].value == pytest.approx(evaluate(y, found.risks["or"][:, 0]).metric("auc").value, abs=1e-12)


def test_the_added_coefficients_of_a_score_are_tested_by_their_likelihood(data) -> None:
    X, y = data
    seen = ~np.isnan(y["value"])
    X, y = X[seen].reset_index(drop=True), y[seen]
    found = association_test(OnColumns(OrdinalRegression(), ["a"]), OnColumns(OrdinalRegression(), ["a", "b"]), X, y)
    small, large = OrdinalRegression().fit(X[["a"]], y), OrdinalRegression().fit(X[["a", "b"]], y)
    assert found.statistic == pytest.approx(2 * (large.log_likelihood_ - small.log_likelihood_), rel=1e-9)
    assert (found.test, found.n, found.n_events) == ("likelihood_ratio", int(seen.sum()), 0)


def test_a_score_that_a_fold_lacks_has_no_probability_there(data) -> None:
    X, y = data
    rare = y.copy()
    rare["value"][0] = 0.0
    rare["value"][1:] = np.where(rare["value"][1:] == 0, 1.0, rare["value"][1:])
    found = cross_validate_scores(OrdinalRegression(), X, rare, n_splits=3)["OrdinalRegression"]
    assert found.levels[0] == 0
    assert (found.probability[:, 0] == 0).sum() == 40
    assert found.probability[0, 0] == 0  # the fold of the only patient with it


class OnGrid(LinearOutcome):
    """A model that gives probability to scores that no patient has."""

    def predict_forecast(self, X, *, offset=None):
        found = super().predict_forecast(X, offset=offset)
        levels = np.sort(np.concatenate([found.levels, found.levels[:-1] + 0.25]))
        share = np.repeat(found.probability, 2, axis=1)[:, :-1] / np.r_[np.full(2 * found.levels.size - 2, 2.0), 1.0]
        return ScoreForecast(levels, share)


def test_levels_that_no_patient_has_keep_their_probability(data) -> None:
    X, y = data
    grid, plain = cross_validate_scores({"grid": OnGrid(), "plain": LinearOutcome()}, X, y, n_splits=3).values()
    assert set(plain.levels) < set(grid.levels)
    last = plain.probability[:, -1]  # half of each other level is a quarter of a point higher
    np.testing.assert_allclose(grid.mean(), plain.mean() + 0.125 * (1 - last), atol=0.05)


def test_imputation_is_averaged_before_the_score(data) -> None:
    X, y = data
    holes = X.mask(np.arange(360).reshape(120, 3) % 11 == 5)
    pipeline = RiskPipeline([("fill", MultipleImputation(m=2, random_state=0))], OrdinalRegression())
    fitted = pipeline.fit(holes, y)
    forecast = fitted.predict_forecast(holes)
    np.testing.assert_allclose(forecast.probability.sum(axis=1), 1, rtol=1e-10)
    np.testing.assert_allclose(fitted.predict_mean(holes), forecast.mean(), rtol=1e-9)
    np.testing.assert_allclose(fitted.predict_risk(holes, 12.0)[:, 0], forecast.at_most(3), rtol=1e-9)
    assert fitted.score(holes, y) == pytest.approx(-crps(y, forecast).value, rel=1e-9)
    bare = RiskPipeline([], OrdinalRegression()).fit(X, y)
    np.testing.assert_allclose(bare.predict_mean(X), OrdinalRegression().fit(X, y).predict_mean(X), rtol=1e-12)
    assert not hasattr(RiskPipeline([], CoxPH()), "predict_forecast")


def test_optimism_by_hand(data) -> None:
    X, y = data
    table = score_optimism(LinearOutcome(), X, y, n_resamples=4, random_state=9).to_frame().set_index("metric")
    rng, inside, outside = np.random.default_rng(9), [], []
    plain = X.reset_index(drop=True)
    for _ in range(4):
        rows = rng.integers(0, 120, 120)
        model = LinearOutcome().fit(plain.iloc[rows].reset_index(drop=True), y[rows])
        for kept, chosen in ((inside, rows), (outside, np.arange(120))):
            kept.append(crps(y[chosen], model.predict_forecast(plain.iloc[chosen].reset_index(drop=True))).value)
    assert table.loc["crps", "training"] == pytest.approx(np.mean(inside), abs=1e-10)
    assert table.loc["crps", "test"] == pytest.approx(np.mean(outside), abs=1e-10)
    assert table.loc["crps", "corrected"] == pytest.approx(
        table.loc["crps", "apparent"] - np.mean(inside) + np.mean(outside), abs=1e-10
    )
    assert table.loc["crps", "optimism"] < 0  # a loss looks smaller inside
    assert table.loc["slope", "training"] > table.loc["slope", "test"]


class _Told(LinearOutcome):
    """A model of scores that tunes on folds, and notes which rows it is to keep together."""

    told: ClassVar[list[np.ndarray]] = []
    folds_keep_clusters = True

    def fit(self, X, y, *, sample_weight=None, strata=None, offset=None, clusters=None):
        self.told.append(np.asarray(clusters))
        return super().fit(X, y, clusters=clusters)


def test_tuning_folds_keep_patients_and_their_copies_together(data) -> None:
    X, y = data
    _Told.told.clear()
    score_optimism(_Told(), X, y, n_resamples=2, random_state=9)
    rng = np.random.default_rng(9)
    for told, rows in zip(_Told.told, [np.arange(120), rng.integers(0, 120, 120), rng.integers(0, 120, 120)]):
        np.testing.assert_array_equal(told, rows)
    pairs = np.repeat(np.arange(60), 2)
    _Told.told.clear()
    cross_validate_scores(_Told(), X, y, n_splits=3, groups=pairs)
    assert len(_Told.told) == 3
    assert all((np.unique(told, return_counts=True)[1] == 2).all() for told in _Told.told)


def test_leaks_are_said_with_forecasts_and_with_optimism(data) -> None:
    X, y = data
    noise = np.random.default_rng(0).normal(0, 0.3, 120)
    leaks = {
        "": noise,
        "predictor-is-outcome": np.nan_to_num(y["value"], nan=4.0) + noise,
        "identifier-as-predictor": np.arange(120) + 1,
    }
    for code, column in leaks.items():
        table, expected = X.assign(z=column), {code} - {""}
        forecasts = cross_validate_scores({"line": LinearOutcome()}, table, y, n_splits=3)
        assert {o.code for o in forecasts["line"].objections} == expected
        assert {o.code for o in forecasts["line"].take(np.arange(5)).objections} == expected
        assert expected <= {o.code for o in evaluate(y, forecasts).objections}
        bare = Measured.at(12.0, y["value"], lower=0, upper=10)  # without a cut
        assert {o.code for o in evaluate(bare, forecasts).objections} == expected
        found = score_optimism(LinearOutcome(), table, y, n_resamples=2)
        assert {o.code for o in found.objections} == expected
    assert "120 rows, 2 resamples" in repr(found)


def test_one_unit_has_no_optimism_to_show(data) -> None:
    X, y = data
    with pytest.raises(ArgumentError, match="two or more units"):
        score_optimism(LinearOutcome(), X, y, n_resamples=2, groups=np.zeros(120))


def test_what_is_refused(data) -> None:
    X, y = data
    times = Surv.right(np.ones(120), np.ones(120))
    for function in (cross_validate_scores, score_optimism):
        with pytest.raises(OutcomeError):
            function(OrdinalRegression(), X, times)
        with pytest.raises(ArgumentError, match="predict_forecast"):
            function(CoxPH(), X, y)
        with pytest.raises(ArgumentError, match="unfitted"):
            function(LinearOutcome().fit(X, y), X, y)


def test_optimism_of_the_risk_at_the_cut_by_hand(data) -> None:
    """The model is refitted to scores of given resamples, and the Brier score and AUC of P(Y ≤ 3) are compared."""
    X, y = data
    rows = np.random.default_rng(5).integers(0, 120, (4, 120))
    result = bootstrap_validate(OrdinalRegression(), X, y, resamples=rows, indexes=False, method="optimism")
    state = measured_to_status(y)
    found = result.to_frame().set_index("metric")

    def both(model, some: np.ndarray) -> list[float]:
        risk = model.predict_risk(X.iloc[some].reset_index(drop=True))
        return [float(metric(state[some], risk[:, 0], 12.0).value) for metric in (brier, time_dependent_auc)]

    every = np.arange(120)
    whole = both(OrdinalRegression().fit(X, y), every)
    gaps = []
    for drawn in rows:
        model = OrdinalRegression().fit(X.iloc[drawn].reset_index(drop=True), y[drawn])
        gaps.append(np.subtract(both(model, drawn), both(model, every)))
    for k, metric in enumerate(("brier", "auc")):
        assert found.loc[metric, "apparent"] == pytest.approx(whole[k], rel=1e-10)
        assert found.loc[metric, "optimism"] == pytest.approx(np.mean(gaps, axis=0)[k], rel=1e-8)
        assert found.loc[metric, "value"] == pytest.approx(whole[k] - np.mean(gaps, axis=0)[k], rel=1e-8)
    assert {"citl", "calibration_slope"} <= set(found.index)
    stack = StackedRisk({"or": OrdinalRegression(), "line": LinearOutcome()}, cv=2)
    assert bootstrap_validate(stack, X, y, n_resamples=2, indexes=False).model == "StackedRisk"
    with pytest.raises(OutcomeError, match="score_optimism"):
        bootstrap_validate(OrdinalRegression(), X, Measured.at(12.0, y["value"], lower=0, upper=10))


def test_levels_of_the_spine_are_pooled_before_a_score_is_predicted() -> None:
    """The worst disc is a column of the pipeline: by hand where all discs are read, from imputed discs elsewhere."""
    rng = np.random.default_rng(6)
    names = ["l3l4", "l4l5", "l5s1"]
    grades = rng.integers(1, 6, (150, 3)).astype(float)
    pain = rng.normal(size=150)
    score = np.clip(np.round(1 + grades.max(axis=1) + pain + rng.logistic(size=150)), 0, 10)
    y = Measured.at(12.0, score, lower=0, upper=10, at_most=4)
    long = pd.DataFrame(grades, columns=names).rename_axis("patient_id").reset_index()
    long = long.melt("patient_id", var_name="level", value_name="value")
    long = long.assign(measure="pfirrmann", method_id="reader", unit="grade", structure="disc", side=None, study_id="s")
    pooled = pool_levels(long, {"pfirrmann": "max"}).frame["pfirrmann__max"].to_numpy()
    np.testing.assert_array_equal(pooled, grades.max(axis=1))
    wide = pd.DataFrame(grades, columns=[f"pfirrmann__{name}" for name in names]).assign(pain=pain)
    wide = wide.assign(pfirrmann__max=pooled)
    discs = [f"pfirrmann__{name}" for name in names]
    steps = [MultipleImputation(2, passive={"pfirrmann__max": ("max", discs)}, drop=discs, iterations=2, draws=5)]
    found = RiskPipeline(steps, OrdinalRegression()).fit(wide, y)
    plain = OrdinalRegression().fit(wide[["pain", "pfirrmann__max"]], y)
    np.testing.assert_allclose(
        found.predict_forecast(wide).probability, plain.predict_forecast(wide[["pain", "pfirrmann__max"]]).probability
    )
    assert plain.coef_[1] > 0.5
    # an image that lacks a disc is completed, and the worst of the discs is that of the completed ones
    holes = wide.copy()
    holes.loc[::5, "pfirrmann__l5s1"] = np.nan
    holes.loc[::5, "pfirrmann__max"] = np.nan
    some = RiskPipeline(steps, OrdinalRegression()).fit(holes, y)
    seen_five = holes.index[::5][grades[::5, :2].max(axis=1) == 5]
    row = wide.loc[seen_five, ["pain", "pfirrmann__max"]]
    mean = np.mean([model.predict_mean(row) for model in some.models_], axis=0)
    np.testing.assert_allclose(some.predict_mean(holes.loc[seen_five]), mean, rtol=1e-10)  # whatever the third is
