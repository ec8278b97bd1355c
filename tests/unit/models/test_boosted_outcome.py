"""BoostedOutcome: a distribution without crossings, a leaf by hand, weights, missing values, limits, files."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit, logit

from lbp_prognosis import Measured, Status
from lbp_prognosis._base import ArgumentError, EstimationError, OutcomeError
from lbp_prognosis.evaluation import crps
from lbp_prognosis.explain import prediction_shapley, shap_values, tree_shap
from lbp_prognosis.models import BoostedOutcome, OrdinalRegression
from lbp_prognosis.survival import Weights

pytest.importorskip("xgboost")

NAMES = ["age", "odi", "level"]


def bent(n: int, seed: int) -> tuple[pd.DataFrame, np.ndarray]:
    """Scores that are highest at both ends of one predictor: no line describes them."""
    rng = np.random.default_rng(seed)
    X = pd.DataFrame(rng.normal(size=(n, 3)), columns=NAMES)
    score = np.round(3 + 1.5 * X["age"] ** 2 + X["odi"] + rng.logistic(size=n)).clip(0, 10)
    return X, Measured.at(12.0, score.to_numpy(), lower=0, upper=10, at_most=3)


@pytest.fixture(scope="module")
def curved():
    X, y = bent(500, 1)
    return X, y, BoostedOutcome(learning_rate=0.2, rounds=60, folds=3).fit(X, y)


def test_one_split_by_hand():
    """Two groups, two scores, one tree: the leaf is gradient over curvature at the pooled log odds."""
    group = np.repeat([0.0, 1.0], 40)
    high = np.r_[np.arange(40) < 10, np.arange(40) < 30]
    y = Measured.at(3.0, np.where(high, 5.0, 0.0), lower=0, upper=10, at_most=0)
    settings = {"rounds": 1, "select_rounds": False, "max_depth": 1, "learning_rate": 1.0, "recalibrate": False}
    alone = {"average": False, "repeats": 1, "subsample": 1.0}
    model = BoostedOutcome(min_leaf_information=0.0, reg_lambda=0.0, **settings, **alone)
    found = model.fit(group[:, None], y)
    margin = [float(found.linear_predictor(np.array([[g]]))[0]) for g in (0.0, 1.0)]
    # half of all are high: threshold 0, each row's curvature 1/4, gradient 1/2 where high and −1/2 elsewhere
    np.testing.assert_allclose(margin, [(5 - 15) / 10, (15 - 5) / 10], rtol=1e-6)
    whole = found.predict_risk(np.array([[0.0], [1.0]]))[:, 0]
    np.testing.assert_allclose(whole, expit(found.thresholds_[0] - np.array(margin)), rtol=1e-12)
    assert found.cv_ranked_loss_.size == 2
    np.testing.assert_allclose(found.cv_ranked_loss_[0], 5 * 0.25, rtol=1e-6)  # a coin for scores 0 and 5


def test_a_bent_effect_is_found_and_the_distribution_is_one(curved):
    X, y, model = curved
    new, later = bent(400, 2)
    forecast = model.predict_forecast(new)
    np.testing.assert_allclose(forecast.probability.sum(axis=1), 1, rtol=1e-12)
    assert (np.diff(forecast.cumulative(), axis=1) >= 0).all()
    assert (np.diff(model.thresholds_) > 0).all()
    quantiles = np.column_stack([model.predict_quantile(new, q) for q in (0.05, 0.25, 0.5, 0.75, 0.95)])
    assert (np.diff(quantiles, axis=1) >= 0).all()
    line = OrdinalRegression().fit(X, y)
    both = [crps(later, each.predict_forecast(new)).value for each in (model, line)]
    assert both[0] < 0.85 * both[1]
    # calibrated in the large at the cut, and the mean is that of the distribution
    risk = model.predict_risk(new)[:, 0]
    assert abs(risk.mean() - (later["value"] <= 3).mean()) < 3 * np.sqrt(0.25 / 400)
    np.testing.assert_allclose(model.predict_mean(new), forecast.mean(), rtol=1e-12)
    np.testing.assert_allclose(model.predict_risk(new, at_most=5)[:, 0], forecast.at_most(5), rtol=1e-12)
    assert np.isnan(model.predict_risk(new, 6.0)).all()


def test_noise_is_predicted_as_noise_and_margins_are_cross_fitted():
    rng = np.random.default_rng(5)
    X, score = rng.normal(size=(300, 4)), rng.integers(0, 11, 300).astype(float)
    y = Measured.at(12.0, score, lower=0, upper=10, at_most=5)
    model = BoostedOutcome(rounds=40, early_stopping=5, folds=3).fit(X, y)
    assert model.n_rounds_ <= 5
    assert np.ptp(model.predict_mean(X)) < 1.5
    assert model.cv_ranked_loss_.argmin() == model.n_rounds_
    grown = BoostedOutcome(rounds=40, select_rounds=False, folds=3).fit(X, y)
    inside = grown.booster()  # of all rows: it knows them
    assert np.corrcoef(grown._predicted(inside, X), score)[0, 1] > 0.5
    assert abs(np.corrcoef(grown.cross_fitted_margin_, score)[0, 1]) < 0.2
    assert 0 <= grown.slope_ < 0.5


def test_weights_are_copies_and_rows_without_a_score_take_no_part():
    X, y = bent(150, 3)
    weights = np.random.default_rng(0).integers(1, 4, 150)
    copies = np.repeat(np.arange(150), weights)
    settings = {"rounds": 10, "select_rounds": False, "recalibrate": False, "folds": 2}
    one = BoostedOutcome(**settings).fit(X, y, sample_weight=Weights(weights, "frequency"))
    two = BoostedOutcome(**settings).fit(X.iloc[copies], y[copies])
    # trees are those of the copies; thresholds come from folds, which deal rows and copies alike only on average
    np.testing.assert_allclose(one.linear_predictor(X), two.linear_predictor(X), atol=1e-4)  # float32 sums
    plain = BoostedOutcome(**settings).fit(X, y)
    ones = BoostedOutcome(**settings).fit(X, y, sample_weight=np.ones(150))
    np.testing.assert_array_equal(plain.predict_risk(X), ones.predict_risk(X))
    assert np.abs(one.predict_risk(X) - plain.predict_risk(X)).max() > 0.005
    first = np.arange(150) < 30
    lost = y.copy()
    lost["value"][first] = np.nan
    without = BoostedOutcome(**settings).fit(X[30:], y[30:])
    for other in (
        BoostedOutcome(**settings).fit(X, y, sample_weight=np.where(first, 0.0, 1.0)),
        BoostedOutcome(**settings).fit(X, lost),
    ):
        np.testing.assert_array_equal(without.predict_risk(X), other.predict_risk(X))
        assert np.isnan(other.cross_fitted_margin_[:30]).all()
    assert (BoostedOutcome(**settings).fit(X, lost).n_missing_, without.n_missing_) == (30, 0)


def test_missing_values_categories_constraints_and_offset():
    X, y = bent(300, 4)
    X = X.assign(level=pd.Categorical(np.where(X["level"] > 0, "l5s1", "l4l5")))
    X.loc[::4, "odi"] = np.nan
    model = BoostedOutcome(rounds=30, select_rounds=False, folds=2, monotone={"odi": 1}).fit(X, y)
    assert np.isfinite(model.predict_mean(X)).all()
    line = pd.concat([X.iloc[[1]]] * 31, ignore_index=True).assign(odi=np.linspace(-3, 3, 31))
    means = model.predict_mean(line)
    assert (np.diff(means) >= -1e-6).all()
    assert means[-1] > means[0] + 0.5
    down = BoostedOutcome(rounds=5, select_rounds=False, folds=2, monotone={"odi": -1}).fit(X, y)
    assert (np.diff(down.predict_mean(line)) <= 1e-6).all()
    with pytest.raises(ArgumentError, match="monotone"):
        BoostedOutcome(monotone={"level": 1}).fit(X, y)
    with pytest.raises(ArgumentError, match="l3l4"):
        model.predict_mean(X.assign(level="l3l4"))
    moved = BoostedOutcome(rounds=5, folds=2).fit(X, y, offset=np.ones(300))
    plain = BoostedOutcome(rounds=5, folds=2).fit(X, y)
    np.testing.assert_allclose(moved.predict_risk(X, offset=np.ones(300)), plain.predict_risk(X), atol=1e-5)
    assert (moved.predict_risk(X, offset=np.full(300, 3.0)) < plain.predict_risk(X)).all()


def test_files_order_of_columns_and_link(curved):
    X, y, model = curved
    read = BoostedOutcome.from_dict(json.loads(json.dumps(model.to_dict(), allow_nan=False)))
    np.testing.assert_array_equal(read.predict_distribution(X), model.predict_distribution(X))
    turned = BoostedOutcome(learning_rate=0.2, rounds=60, folds=3).fit(X[NAMES[::-1]], y)
    np.testing.assert_array_equal(turned.predict_risk(X), model.predict_risk(X))
    for link in ("probit", "cloglog"):
        other = BoostedOutcome(link=link, learning_rate=0.3, rounds=10, select_rounds=False, folds=2).fit(X, y)
        assert np.corrcoef(other.predict_mean(X), model.predict_mean(X))[0, 1] > 0.9


def test_explanations_add_up(curved):
    X, _, model = curved
    rows, background = X[:4], X[100:140]
    risk = shap_values(model, rows, background, scale="risk", horizons=12.0)
    whole = risk.values.sum(axis=1) + risk.base
    np.testing.assert_allclose(whole, model.predict_risk(rows), atol=1e-6)
    score = shap_values(model, rows, background)
    assert score.scale == "score"
    np.testing.assert_allclose((score.values.sum(axis=1) + score.base)[:, 0], model.linear_predictor(rows), atol=1e-6)
    parts = prediction_shapley(model, rows, {"clinical": ["age", "odi"], "imaging": ["level"]}, background, horizons=12)
    np.testing.assert_allclose(parts.values.sum(axis=1) + parts.base, model.predict_risk(rows), atol=1e-6)
    with pytest.raises(ArgumentError, match="BoostedCox"):
        tree_shap(model, rows)


def test_scores_that_cannot_be_fitted_and_scores_that_can():
    X, y = bent(60, 6)
    with pytest.raises(EstimationError, match="20 scores"):
        BoostedOutcome().fit(X[:19], y[:19])
    BoostedOutcome(rounds=2).fit(X[:20], y[:20])
    one = Measured.at(12.0, np.full(60, 4.0), lower=0, upper=10)
    with pytest.raises(EstimationError, match="two different scores"):
        BoostedOutcome().fit(X, one)
    with pytest.raises(OutcomeError, match="BoostedHazard"):
        BoostedOutcome().fit(X, Status.at(12, np.arange(60) % 2))
    with pytest.raises(ArgumentError, match="strata"):
        BoostedOutcome().fit(X, y, strata=np.arange(60) % 2)
    with pytest.raises(ArgumentError, match="min_leaf_information"):
        BoostedOutcome(min_leaf_information=-1).fit(X, y)
    with pytest.raises(EstimationError, match="one cluster"):
        BoostedOutcome(rounds=2).fit(X, y, clusters=np.zeros(60))
    # a level that one patient has, and as many levels as patients
    rare = y["value"].copy()
    rare[:] = np.where(rare > 5, 5, rare)
    rare[0] = 10.0
    lonely = BoostedOutcome(rounds=3, folds=3).fit(X, Measured.at(12.0, rare, lower=0, upper=10))
    assert lonely.levels_[-1] == 10
    fine = np.linspace(0, 100, 60) + X["odi"].to_numpy() * 1e-3
    many = BoostedOutcome(rounds=3, folds=3).fit(X, Measured.at(12.0, fine.clip(0, 100), lower=0, upper=100))
    assert many.levels_.size >= 59
    assert np.isfinite(many.cv_ranked_loss_).all()
    # a predictor that tells the score
    X, y = bent(200, 6)
    told = X.assign(age=y["value"] * 10)
    sure = BoostedOutcome(rounds=20, folds=2).fit(told, y)
    assert np.corrcoef(sure.predict_mean(told), y["value"])[0, 1] > 0.9


def test_thresholds_of_the_empty_model_are_those_of_the_margin():
    X, y = bent(200, 7)
    flat = BoostedOutcome(rounds=1, select_rounds=False, learning_rate=1e-9, recalibrate=False, folds=2).fit(X, y)
    shares = np.array([(y["value"] <= level).mean() for level in flat.levels_[:-1]])
    np.testing.assert_allclose(flat.thresholds_, logit(shares), atol=1e-6)  # a leaf of 1e-9 is left
