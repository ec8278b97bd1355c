"""BoostedCox: what xgboost's own Cox objective gets wrong, calibrated risks, determinism, JSON."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from syn import syn

from lbp_prognosis import Surv
from lbp_prognosis._base import ArgumentError, EstimationError, OutcomeError
from lbp_prognosis._kernels import cox_baseline
from lbp_prognosis.explain import prediction_shapley, shap_values
from lbp_prognosis.models import BoostedCox, CoxPH, NullModel
from lbp_prognosis.survival import Weights, aalen_johansen

xgboost = pytest.importorskip("xgboost")

COLUMNS = ["c1", "c2", "p1", "m1", "g2"]


@pytest.fixture(scope="module")
def cohort():
    return syn(n=400)


@pytest.fixture(scope="module")
def model(cohort):
    return BoostedCox(rounds=30).fit(cohort[COLUMNS], Surv.right(cohort.time, cohort.status))


def test_margins_are_no_probabilities_and_risks_are(cohort, model):
    """xgboost predicts exp(margin); our risk is a probability, right on average, and rises with the margin."""
    X = cohort[COLUMNS]
    margin = model.linear_predictor(X)
    direct = model.booster(1).predict(xgboost.DMatrix(X[model.tree_columns_].to_numpy()), output_margin=True)
    np.testing.assert_allclose(margin, model.slope_[1] * direct, rtol=1e-6)
    fresh = syn(n=2000, seed=7)
    null = NullModel().fit(X, Surv.right(cohort.time, cohort.status))
    for cause in (1, 2):
        risk = model.predict_risk(fresh[COLUMNS], [6, 12, 24], cause=cause)
        assert ((risk >= 0) & (risk <= 1)).all()
        observed = null.predict_risk(X[:1], [6, 12, 24], cause=cause)
        np.testing.assert_allclose(risk.mean(axis=0), observed[0], atol=0.03)  # one standard error at n = 400
    single = BoostedCox(rounds=30).fit(X, Surv.right(cohort.time, cohort.event))
    order = np.argsort(single.linear_predictor(X))
    assert (np.diff(single.predict_risk(X, 12)[order, 0]) >= -1e-12).all()


def test_contributions_add_up_to_the_log_hazard_not_to_the_risk(cohort, model):
    X = cohort[COLUMNS][:50]
    parts = model.margin_contributions(X)
    assert parts.shape == (50, len(COLUMNS) + 1)
    np.testing.assert_allclose(parts.sum(axis=1), model.linear_predictor(X), atol=1e-5)  # xgboost adds in float32


def test_weights_equal_copies(cohort):
    """Weights count in the risk sets. (In xgboost's objective they do not: its margins differ by more than 1.)"""
    table = cohort[:150]
    X, y = table[COLUMNS], Surv.right(table.time, table.event)
    weights = np.random.default_rng(0).integers(1, 4, 150)
    copies = np.repeat(np.arange(150), weights)
    settings = {"rounds": 20, "select_rounds": False, "min_leaf_events": 1.0}
    one = BoostedCox(**settings).fit(X, y, sample_weight=Weights(weights, "frequency"))
    two = BoostedCox(**settings).fit(X.iloc[copies], y[copies])
    np.testing.assert_allclose(one.linear_predictor(X), two.linear_predictor(X), atol=1e-4)  # float32 sums
    np.testing.assert_allclose(one.predict_risk(X, [6, 12]), two.predict_risk(X, [6, 12]), atol=1e-4)
    plain = BoostedCox(**settings).fit(X, y)
    assert np.abs(one.linear_predictor(X) - plain.linear_predictor(X)).max() > 0.1
    nobody = np.where(np.arange(150) < 40, 0.0, 1.0)
    without, zero = BoostedCox(**settings).fit(X[40:], y[40:]), BoostedCox(**settings).fit(X, y, sample_weight=nobody)
    # not even a split point comes from them
    np.testing.assert_allclose(without.linear_predictor(X), zero.linear_predictor(X), rtol=1e-10)
    np.testing.assert_allclose(without.predict_risk(X, [6, 12]), zero.predict_risk(X, [6, 12]), rtol=1e-10)


def test_an_event_at_time_zero_is_an_event(cohort):
    time = np.where(cohort.c1 > 1, 0.0, cohort.time)
    event = np.where(cohort.c1 > 1, 1, cohort.event)
    X = cohort[COLUMNS]
    as_event = BoostedCox(rounds=20).fit(X, Surv.right(time, event))
    shifted = BoostedCox(rounds=20).fit(X, Surv.right(np.where(time == 0, 0.01, time), event))
    np.testing.assert_array_equal(as_event.linear_predictor(X), shifted.linear_predictor(X))
    early = (cohort.c1 > 1).to_numpy()
    assert as_event.predict_risk(X, 0.05)[early].mean() > 0.5


def test_baseline_comes_from_margins_that_no_patient_helped_to_fit(cohort):
    """With trees that learn the training rows by heart, a baseline of their own margins would be far off."""
    rng = np.random.default_rng(1)
    X = cohort[COLUMNS].assign(**{f"noise{j}": rng.normal(size=400) for j in range(20)})
    y = Surv.right(cohort.time, cohort.event)
    deep = BoostedCox(rounds=60, select_rounds=False, max_depth=4, min_leaf_events=1.0).fit(X, y)
    outside = deep.cross_fitted_margin_[1]
    inside = deep.linear_predictor(X) / deep.slope_[1]
    assert np.std(inside) > 1.1 * np.std(outside)
    fresh = syn(n=2000, seed=7)
    new = fresh[COLUMNS].assign(**{f"noise{j}": rng.normal(size=2000) for j in range(20)})
    risk = deep.predict_risk(new, 12)[:, 0]
    observed = NullModel().fit(X, y).predict_risk(X[:1], 12)[0, 0]
    assert risk.mean() == pytest.approx(observed, abs=0.02)
    assert deep.slope_[1] < 0.8
    own = cox_baseline(
        y["time"],
        y["event"] == 1,
        deep.booster(1).predict(xgboost.DMatrix(X[deep.tree_columns_].to_numpy()), output_margin=True),
    )[0]
    naive = -np.expm1(
        -np.interp(12, *own)
        * np.exp(deep.booster(1).predict(xgboost.DMatrix(new[deep.tree_columns_].to_numpy()), output_margin=True))
    )
    slopes = [
        CoxPH()
        .fit(np.log(-np.log1p(-np.clip(r, 1e-6, 1 - 1e-6)))[:, None], Surv.right(fresh.time, fresh.event))
        .coef_[0]
        for r in (risk, naive)
    ]
    assert abs(slopes[0] - 1) < abs(slopes[1] - 1) - 0.1
    assert deep.interpolates


def test_pure_noise_grows_no_trees():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 3))
    model = BoostedCox(rounds=20).fit(X, Surv.right(rng.exponential(size=200), rng.random(200) < 0.6))
    held_out = model.cv_log_likelihood_[1]
    assert model.n_rounds_[1] == int(np.argmax(held_out))
    none = BoostedCox(rounds=20, learning_rate=1.0, max_depth=4, min_leaf_events=0.0, reg_lambda=0.0)
    none.fit(X, Surv.right(rng.exponential(size=200), rng.random(200) < 0.6))
    assert none.n_rounds_[1] == 0
    np.testing.assert_array_equal(none.linear_predictor(X), 0)
    assert np.ptp(none.predict_risk(X, 0.5)) == 0
    np.testing.assert_array_equal(none.margin_contributions(X), 0)


def test_the_same_data_give_the_same_bits_and_json_keeps_them(cohort, model):
    X = cohort[COLUMNS]
    again = BoostedCox(rounds=30).fit(X, Surv.right(cohort.time, cohort.status))
    np.testing.assert_array_equal(model.predict_risk(X, [6, 12]), again.predict_risk(X, [6, 12]))
    read = BoostedCox.from_dict(json.loads(json.dumps(model.to_dict(), allow_nan=False)))
    for cause in (1, 2):
        np.testing.assert_array_equal(
            model.predict_risk(X, [6, 12], cause=cause), read.predict_risk(X, [6, 12], cause=cause)
        )


def test_missing_values_strata_offset_and_entry(cohort):
    X = cohort[COLUMNS].copy()
    X.loc[::5, "c1"] = np.nan
    y = Surv.right(cohort.time, cohort.event, entry=np.where(cohort.time > 3, 1.0, 0.0))
    model = BoostedCox(rounds=20).fit(X, y, strata=cohort.site, offset=0.2 * cohort.c2)
    risk = model.predict_risk(X, [6, 12], strata=cohort.site, offset=0.2 * cohort.c2)
    assert np.isfinite(risk).all()
    assert len(model.baseline_times_[1]) == 6
    with pytest.raises(ArgumentError, match="strata"):
        model.predict_risk(X, 6, offset=0.2 * cohort.c2)


def test_it_learns_what_a_linear_model_cannot():
    rng = np.random.default_rng(3)
    X = rng.normal(size=(600, 2))
    effect = np.where(np.abs(X[:, 0]) > 1, 1.5, 0.0)
    y = Surv.right(rng.exponential(np.exp(-effect)), np.ones(600), censored=0)
    test = rng.normal(size=(600, 2))
    y_test = Surv.right(rng.exponential(np.exp(-np.where(np.abs(test[:, 0]) > 1, 1.5, 0.0))), np.ones(600), censored=0)
    boosted, linear = BoostedCox().fit(X, y), CoxPH().fit(X, y)
    assert boosted.score(test, y_test) > linear.score(test, y_test) + 0.005


def test_the_order_of_columns_and_rows_changes_nothing(cohort):
    """Tied splits, drawn columns and the deal of the folds must not depend on how a table is laid out."""
    X = cohort[COLUMNS].round(0)  # few values: equal splits are common
    y = Surv.right(cohort.time, cohort.status)
    settings = {"rounds": 40, "colsample": 0.5, "subsample": 0.8}
    first = BoostedCox(**settings).fit(X, y)
    turned = BoostedCox(**settings).fit(X[COLUMNS[::-1]], y)
    np.testing.assert_array_equal(first.predict_risk(X, [6, 12]), turned.predict_risk(X, [6, 12]))
    np.testing.assert_array_equal(first.margin_contributions(X), turned.margin_contributions(X)[:, [4, 3, 2, 1, 0, 5]])
    whole = BoostedCox(rounds=20).fit(X, y)
    order = np.random.default_rng(1).permutation(len(X))
    shuffled = BoostedCox(rounds=20).fit(X.iloc[order], y[order])
    np.testing.assert_allclose(whole.predict_risk(X, [6, 12]), shuffled.predict_risk(X, [6, 12]), atol=1e-4)
    assert whole.tree_columns_ == ["c1", "c2", "g2", "m1", "p1"]
    numbered = pd.DataFrame(X.to_numpy(), columns=["x10", "x9", "x2", "x1", "x0"])
    assert BoostedCox(rounds=2).fit(numbered, y).tree_columns_ == ["x0", "x1", "x2", "x9", "x10"]


def test_growing_stops_when_held_out_patients_gain_no_more(cohort):
    X, y = cohort[COLUMNS], Surv.right(cohort.time, cohort.event)
    full = BoostedCox(rounds=150, early_stopping=None).fit(X, y)
    stopped = BoostedCox(rounds=150, early_stopping=15).fit(X, y)
    held_out = full.cv_log_likelihood_[1]
    assert held_out.size == 151
    assert stopped.n_rounds_ == full.n_rounds_
    grown = stopped.cv_log_likelihood_[1].size - 1
    assert grown == stopped.n_rounds_[1] + 15
    np.testing.assert_array_equal(held_out[: grown + 1], stopped.cv_log_likelihood_[1])
    np.testing.assert_array_equal(full.predict_risk(X, [6, 12]), stopped.predict_risk(X, [6, 12]))
    fixed = BoostedCox(rounds=30, select_rounds=False, early_stopping=1).fit(X, y)
    assert fixed.n_rounds_ == {1: 30}


def test_rows_of_one_cluster_stay_in_one_fold(cohort):
    """A copy of each patient under the same label must not make more trees look good."""
    X, y = cohort[COLUMNS], Surv.right(cohort.time, cohort.event)
    noisy = pd.concat([X, X + 1e-9], ignore_index=True)  # no longer identical rows
    twice = np.concatenate([y, y])
    label = np.tile(np.arange(len(X)), 2)
    apart = BoostedCox(max_depth=4, min_leaf_events=1.0).fit(noisy, twice)
    together = BoostedCox(max_depth=4, min_leaf_events=1.0).fit(noisy, twice, clusters=label)
    assert together.n_rounds_[1] < apart.n_rounds_[1]
    gain = [model.cv_log_likelihood_[1].max() - model.cv_log_likelihood_[1][0] for model in (together, apart)]
    assert gain[0] < gain[1] - 10


def test_monotone_and_interaction_constraints(cohort):
    X = cohort[COLUMNS].rename(columns={"m1": "height__l4l5", "g2": "height__l5s1"})
    y = Surv.right(cohort.time, cohort.status)
    model = BoostedCox(rounds=40, max_depth=3, select_rounds=False, monotone={"c1": -1, "height": 1}).fit(X, y)
    grid = np.linspace(-3, 3, 41)
    for column, sign in (("c1", -1), ("height__l4l5", 1), ("height__l5s1", 1)):
        for row in range(5):
            line = pd.concat([X.iloc[[row]]] * 41, ignore_index=True).assign(**{column: grid})
            assert (sign * np.diff(model.linear_predictor(line)) >= -1e-6).all()
    free = BoostedCox(rounds=40, max_depth=3, select_rounds=False).fit(X, y)
    assert (np.diff(free.linear_predictor(line)) < -1e-3).any()

    apart = BoostedCox(
        rounds=40, max_depth=3, select_rounds=False, interactions={"clinical": ["c1", "c2", "p1"], "imaging": "height"}
    ).fit(X, y)
    a, b = X.iloc[[0]], X.iloc[[1]]

    def mixed(model, columns, others):
        """Second difference of the margin between two groups of columns: 0 where they never meet in a tree."""
        rows = [a.copy(), b.copy(), a.copy(), b.copy()]
        rows[2][columns], rows[3][columns] = b[columns].to_numpy(), a[columns].to_numpy()
        value = [model.linear_predictor(row)[0] for row in rows]
        return value[0] + value[1] - value[2] - value[3]

    imaging = ["height__l4l5", "height__l5s1"]
    assert mixed(apart, imaging, None) == pytest.approx(0, abs=1e-5)
    assert abs(mixed(free, imaging, None)) > 1e-3
    for settings, told in (
        ({"monotone": {"c9": 1}}, "c9"),
        ({"monotone": {"c1": 2}}, "monotone"),
        ({"monotone": {"height": 1, "height__l4l5": -1}}, "one direction"),
        ({"interactions": [["c1", "nobody"]]}, "nobody"),
    ):
        with pytest.raises(ArgumentError, match=told):
            BoostedCox(**settings).fit(X, y)


def test_native_categories(cohort):
    """A category is no number: a risk of the middle code alone is found by one split, and codes can't be ranked."""
    rng = np.random.default_rng(5)
    job = rng.choice(["desk", "heavy", "none", "retired"], size=400)
    time = rng.exponential(np.where(job == "heavy", 2.0, 10.0))
    X = pd.DataFrame({"job": pd.Categorical(job, categories=["desk", "heavy", "none", "retired", "student"])})
    X["age"] = rng.normal(size=400)
    X.loc[::9, "job"] = np.nan
    y = Surv.right(time, np.ones(400), censored=0)
    model = BoostedCox(rounds=30, max_depth=1, select_rounds=False).fit(X, y)
    asked = pd.DataFrame({"job": ["desk", "heavy", "none", "student", None], "age": 0.0})
    score = model.linear_predictor(asked)
    assert score[1] > score[[0, 2, 3, 4]].max() + 0.5
    assert score[3] == score[4]  # declared, but no training row had it: missing
    with pytest.raises(ArgumentError, match="miner"):
        model.predict_risk(asked.assign(job="miner"), 5.0)
    read = BoostedCox.from_dict(json.loads(json.dumps(model.to_dict(), allow_nan=False)))
    np.testing.assert_array_equal(read.predict_risk(asked, 5.0), model.predict_risk(asked, 5.0))
    np.testing.assert_allclose(model.margin_contributions(asked).sum(axis=1), score, atol=1e-5)
    for found in (
        prediction_shapley(model, asked, {"clinical": ["age"], "work": ["job"]}, X.dropna()[:60], horizons=5.0),
        shap_values(model, asked, X.dropna()[:60], scale="risk", horizons=5.0),
        shap_values(model, asked, X.dropna()[:60]),
    ):
        np.testing.assert_allclose(found.base + found.values.sum(axis=1), found.prediction, atol=1e-12)
    np.testing.assert_allclose(found.prediction[:, 0], score, atol=1e-12)
    grade = pd.Categorical(rng.choice(["I", "II", "IV"], 400), categories=["I", "II", "III", "IV"], ordered=True)
    ranked = BoostedCox(rounds=5, select_rounds=False, monotone={"grade": 1}).fit(X.assign(grade=grade), y)
    assert ranked.ordered_columns_ == ["grade"]
    assert ranked.categories_["grade"] == ["I", "II", "III", "IV"]
    with pytest.raises(ArgumentError, match="ordered categories"):
        BoostedCox(monotone={"job": 1}).fit(X, y)


def test_refusals(cohort):
    X = cohort[COLUMNS]
    with pytest.raises(EstimationError, match="at least 10 events"):
        BoostedCox().fit(X[:20], Surv.right(cohort.time[:20], np.arange(20) < 5))
    with pytest.raises(OutcomeError, match="DiscreteTimeHazard"):
        BoostedCox().fit(X, Surv.interval(cohort.time, cohort.time + 1))
    with pytest.raises(ArgumentError, match="ties"):
        BoostedCox(ties="exact").fit(X, Surv.right(cohort.time, cohort.event))
    with pytest.raises(ArgumentError, match="cause"):
        BoostedCox(rounds=5).fit(X, Surv.right(cohort.time, cohort.event)).predict_risk(X, 6, cause=2)


@pytest.mark.parametrize(("events", "rare"), [(9, True), (10, False)])
def test_a_rare_competing_cause_has_a_hazard_that_is_the_same_for_all(events, rare):
    rng = np.random.default_rng(2)
    X = rng.normal(size=(200, 2))
    y = Surv.right(rng.exponential(10, 200), np.r_[np.full(events, 2), np.arange(200 - events) % 2])
    model = BoostedCox(rounds=2, folds=2, repeats=1).fit(X, y)
    assert model.rare_causes_ == ({2: 9} if rare else {})
    assert [doubt.code for doubt in model.objections_] == ["rare-cause"] * rare
    if rare:
        assert model.n_rounds_[2] == 0
        np.testing.assert_array_equal(model.linear_predictor(X, cause=2), 0)
        back = BoostedCox.from_dict(model.to_dict())
        np.testing.assert_array_equal(back.predict_risk(X, 8.0, cause=2), model.predict_risk(X, 8.0, cause=2))
        assert back.objections_ == model.objections_
    incidence = float(aalen_johansen(y, cause=2, min_at_risk=1).at(8.0).value)
    assert abs(model.predict_risk(X, 8.0, cause=2).mean() - incidence) < 2e-3
    own = Surv.right(y["time"], np.where(y["event"] == 2, 1, 2 * (y["event"] > 0)))
    if rare:  # the event of interest is never left without effects
        with pytest.raises(EstimationError, match="cause 1 has 9"):
            BoostedCox(rounds=2, folds=2).fit(X, own)
        with pytest.raises(EstimationError, match="cause 2 has 9"):
            BoostedCox(rounds=2, folds=2).fit(X, Surv.right(y["time"], 2 * (y["event"] == 2)))
