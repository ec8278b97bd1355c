"""TwoPartOutcome: equal to its parts and to observed shares, better where the floor has predictors of its own."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit

from lbp_prognosis import Measured, Status, Surv
from lbp_prognosis._base import ArgumentError, DataError, EstimationError, OutcomeError
from lbp_prognosis.evaluation import crps
from lbp_prognosis.explain import shap_values
from lbp_prognosis.fusion import OneHot, RiskPipeline
from lbp_prognosis.models import (
    BoostedHazard,
    BoostedOutcome,
    LinearOutcome,
    LogisticRisk,
    OrdinalRegression,
    TwoPartOutcome,
)
from lbp_prognosis.models._base import RiskEstimator
from lbp_prognosis.survival import Weights


def floored(n: int, seed: int) -> tuple[pd.DataFrame, np.ndarray]:
    """``hope`` moves the chance of no pain; ``odi`` moves the pain of those who have any."""
    rng = np.random.default_rng(seed)
    X = pd.DataFrame({"hope": rng.normal(size=n), "odi": rng.normal(size=n)})
    pain = np.clip(np.round(5 + 1.5 * X["odi"] + rng.logistic(size=n)), 1, 10)
    free = rng.random(n) < expit(-0.5 + 2.0 * X["hope"])
    return X, Measured.at(6.0, np.where(free, 0.0, pain), lower=0, upper=10, at_most=2)


@pytest.fixture(scope="module")
def data():
    return floored(500, 1)


@pytest.fixture(scope="module")
def model(data):
    return TwoPartOutcome().fit(*data)


def test_observed_shares_by_hand():
    """One binary column and two scores above the floor: the model is saturated, and its numbers are shares."""
    group = np.repeat([0.0, 1.0], [12, 10])
    score = np.r_[[0.0] * 3 + [4.0] * 6 + [9.0] * 3, [0.0] * 5 + [4.0] * 1 + [9.0] * 4]
    y = Measured.at(3.0, score, lower=0, upper=10, at_most=4)
    found = TwoPartOutcome().fit(group[:, None], y)
    new = np.array([[0.0], [1.0]])
    shares = np.array([[3 / 12, 6 / 12, 3 / 12], [5 / 10, 1 / 10, 4 / 10]])
    np.testing.assert_allclose(found.predict_distribution(new), shares, atol=1e-9)
    np.testing.assert_allclose(found.predict_mean(new), shares @ [0, 4, 9], atol=1e-8)
    np.testing.assert_allclose(found.predict_risk(new)[:, 0], [9 / 12, 6 / 10], atol=1e-9)
    np.testing.assert_allclose(found.predict_risk(new, at_most=0)[:, 0], [3 / 12, 5 / 10], atol=1e-9)
    np.testing.assert_allclose(found.predict_risk(new, at_least=9)[:, 0], [3 / 12, 4 / 10], atol=1e-9)
    assert found.predict_quantile(new, 0.5, method="discrete").tolist() == [4, 0]
    counts = np.array([[3, 6, 3], [5, 1, 4]])
    assert found.log_likelihood_ == pytest.approx(float((counts * np.log(shares)).sum()), abs=1e-9)
    assert (found.n_, found.n_at_floor_, found.floor_) == (22, 8, 0.0)


def test_it_equals_its_parts(data, model):
    X, y = data
    free = LogisticRisk().fit(X, Status.at(6.0, (y["value"] == 0).astype(int)))
    above = OrdinalRegression().fit(X[y["value"] > 0], y[y["value"] > 0])
    low, rest = free.predict_risk(X, 6.0)[:, 0], above.predict_distribution(X)
    np.testing.assert_array_equal(model.predict_distribution(X), np.column_stack([low, (1 - low)[:, None] * rest]))
    np.testing.assert_allclose(model.predict_mean(X), (1 - low) * above.predict_mean(X), rtol=1e-12)
    np.testing.assert_allclose(model.predict_mean(X), model.predict_forecast(X).mean(), rtol=1e-10)
    assert model.log_likelihood_ == pytest.approx(free.log_likelihood_ + above.log_likelihood_, abs=1e-9)
    table = model.to_frame()
    assert table["part"].tolist() == ["at_floor"] * 3 + ["above"] * 2  # the intercept of the logistic part too
    np.testing.assert_allclose(table["coef"][3:], above.coef_, rtol=1e-12)
    line = TwoPartOutcome(above=LinearOutcome()).fit(X, y)
    mean = LinearOutcome().fit(X[y["value"] > 0], y[y["value"] > 0]).predict_mean(X)
    np.testing.assert_allclose(line.predict_mean(X), (1 - low) * mean, rtol=1e-10)


def test_two_mechanisms_are_told_apart(data, model):
    X, y = data
    new, later = floored(500, 2)
    two, one = (crps(later, each.predict_forecast(new)).value for each in (model, OrdinalRegression().fit(X, y)))
    assert two < 0.95 * one
    risk = model.predict_risk(new, at_most=0)[:, 0]
    assert abs(risk.mean() - (later["value"] == 0).mean()) < 3 * np.sqrt(0.25 / 500)


def test_weights_missing_scores_and_files(data, model):
    X, y = data
    weights = np.random.default_rng(0).integers(1, 3, 500)
    copies = np.repeat(np.arange(500), weights)
    one = TwoPartOutcome().fit(X, y, sample_weight=Weights(weights, "frequency"))
    two = TwoPartOutcome().fit(X.iloc[copies].reset_index(drop=True), y[copies])
    np.testing.assert_allclose(one.predict_distribution(X), two.predict_distribution(X), atol=1e-8)
    lost = y.copy()
    lost["value"][:50] = np.nan
    fewer = TwoPartOutcome().fit(X, lost)
    whole = TwoPartOutcome().fit(X[50:].reset_index(drop=True), y[50:])
    np.testing.assert_allclose(fewer.predict_distribution(X), whole.predict_distribution(X), atol=1e-10)
    assert (fewer.n_, fewer.n_missing_) == (450, 50)
    read = TwoPartOutcome.from_dict(json.loads(json.dumps(model.to_dict(), allow_nan=False)))
    np.testing.assert_array_equal(read.predict_distribution(X), model.predict_distribution(X))
    told = shap_values(model, X[:3], X[100:130], scale="risk", horizons=6.0)
    np.testing.assert_allclose(told.values.sum(axis=1) + told.base, model.predict_risk(X[:3]), atol=1e-12)


def test_parts_can_be_set_and_boosted(data):
    X, y = data
    pytest.importorskip("xgboost")
    from lbp_prognosis.models import BoostedHazard, BoostedOutcome

    fast = {"rounds": 3, "folds": 2, "select_rounds": False}
    trees = TwoPartOutcome(BoostedHazard(**fast), BoostedOutcome(**fast))
    assert trees.interpolates
    assert trees.folds_keep_clusters
    assert not TwoPartOutcome().interpolates
    holes = X.mask(np.arange(1000).reshape(500, 2) % 7 == 0)
    assert np.isfinite(trees.fit(holes, y).predict_mean(holes)).all()
    assert np.isnan(trees.log_likelihood_)
    with pytest.raises(NotImplementedError, match="the part `at_floor`"):
        trees.to_frame()
    ridge = TwoPartOutcome(LogisticRisk(), OrdinalRegression()).set_params(
        above__penalty=100.0, at_floor__penalty=100.0
    )
    assert np.abs(ridge.fit(X, y).above_.coef_).max() < np.abs(TwoPartOutcome().fit(X, y).above_.coef_).max()


def test_what_is_refused(data):
    X, y = data
    with pytest.raises(EstimationError, match="OrdinalRegression"):
        TwoPartOutcome().fit(X, Measured.at(6.0, np.where(y["value"] == 0, 1, y["value"]), lower=0, upper=10))
    with pytest.raises(EstimationError, match="two different scores"):
        TwoPartOutcome().fit(X, Measured.at(6.0, np.zeros(500), lower=0, upper=10))
    with pytest.raises(EstimationError, match="above the floor 0"):
        TwoPartOutcome().fit(X, Measured.at(6.0, np.where(y["value"] > 0, 4.0, 0.0), lower=0, upper=10))
    with pytest.raises(EstimationError, match="at the floor 0"):
        TwoPartOutcome().fit(X.assign(hope=(y["value"] > 0) * 1.0), y)
    for wrong in (-1.0, 10.0, 3.0):
        with pytest.raises(ArgumentError, match="floor"):
            TwoPartOutcome(floor=wrong).fit(X, y)
    with pytest.raises(ArgumentError, match="offset"):
        TwoPartOutcome().fit(X, y, offset=np.zeros(500))
    with pytest.raises(ArgumentError, match="above"):
        TwoPartOutcome(above=LogisticRisk()).fit(X, y)
    with pytest.raises(ArgumentError, match="at_floor"):
        TwoPartOutcome(at_floor="logistic").fit(X, y)
    with pytest.raises(ArgumentError, match="the state at 6"):  # risks at the visit would all be missing
        TwoPartOutcome(at_floor=LogisticRisk(horizon=3)).fit(X, y)
    with pytest.raises(OutcomeError, match="LogisticRisk"):
        TwoPartOutcome().fit(X, Status.at(6.0, np.arange(500) % 2))
    with pytest.raises(OutcomeError):
        TwoPartOutcome().fit(X, Surv.right(np.ones(500), np.arange(500) % 2))
    with pytest.raises(DataError, match="missing"):
        TwoPartOutcome().fit(X.mask(X > 2), y)


# ---- categories --------------------------------------------------------------------------------------------------


def with_work(n: int, seed: int) -> tuple[pd.DataFrame, np.ndarray]:
    """``work`` moves the chance of no pain, and the pain of those who have any."""
    X, y = floored(n, seed)
    rng = np.random.default_rng(seed + 1)
    work = pd.Categorical(rng.choice(["desk", "none", "heavy"], size=n), categories=["none", "desk", "heavy"])
    value = np.where((work == "heavy") & (y["value"] == 0) & (rng.random(n) < 0.7), 6.0, y["value"])
    return X.assign(work=work), Measured.at(6.0, value, lower=0, upper=10, at_most=2)


def test_categories_go_to_pipelines_as_their_indicators_would():
    X, y = with_work(300, 3)
    parts = RiskPipeline([OneHot()], LogisticRisk()), RiskPipeline([OneHot()], OrdinalRegression())
    found = TwoPartOutcome(*parts).fit(X, y)
    assert found.categories_ == {"work": ["none", "desk", "heavy"]}
    coded = X[["hope", "odi"]].assign(desk=(X["work"] == "desk") * 1.0, heavy=(X["work"] == "heavy") * 1.0)
    plain = TwoPartOutcome().fit(coded, y)
    np.testing.assert_allclose(found.predict_distribution(X), plain.predict_distribution(coded), atol=1e-9)
    np.testing.assert_allclose(found.predict_mean(X), plain.predict_mean(coded), atol=1e-8)
    # the labels count, and not their order or the kind of the column
    text = X.assign(work=X["work"].astype(object))[::-1]
    np.testing.assert_allclose(found.predict_mean(text)[::-1], found.predict_mean(X), rtol=1e-12)
    with pytest.raises(ArgumentError, match="bench"):
        found.predict_mean(X.head(1).assign(work="bench"))
    with pytest.raises((ArgumentError, DataError), match="work"):
        TwoPartOutcome().fit(X, y)  # regressions take no categories: the remedy is a pipeline


def test_categories_and_missing_values_go_to_trees():
    pytest.importorskip("xgboost")
    X, y = with_work(300, 4)
    X.loc[::7, "work"] = np.nan
    X.loc[::11, "odi"] = np.nan
    trees = TwoPartOutcome(BoostedHazard([6.0], rounds=5, folds=2), BoostedOutcome(rounds=5, folds=2)).fit(X, y)
    chance = trees.at_floor_.predict_risk(X, 6.0)[:, 0]
    shares = trees.above_.predict_distribution(X)
    np.testing.assert_allclose(trees.predict_distribution(X)[:, 0], chance, rtol=1e-12)
    np.testing.assert_allclose(trees.predict_distribution(X)[:, 1:], (1 - chance)[:, None] * shares, rtol=1e-12)
    heavy = X["work"] == "heavy"
    assert chance[heavy].mean() < 0.8 * chance[~heavy].mean()
    again = RiskEstimator.from_dict(json.loads(json.dumps(trees.to_dict(), allow_nan=False)))
    np.testing.assert_array_equal(again.predict_distribution(X), trees.predict_distribution(X))
