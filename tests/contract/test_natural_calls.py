"""What a statistician tries first works: names, shapes and orders as one would guess them."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest

from lbp_prognosis import LBPError, Status, Surv
from lbp_prognosis.evaluation import (
    ThresholdRange,
    brier,
    calibration,
    concordance,
    decision_curve,
    evaluate,
    log_score,
    risk_groups,
    time_dependent_auc,
)
from lbp_prognosis.evaluation.utility import value_of_information
from lbp_prognosis.models import CauseSpecificCox, CoxPH, ParametricAFT, RoystonParmar
from lbp_prognosis.validation import meta_analysis, subgroup_performance

RNG = np.random.default_rng(3)
N = 120
X = pd.DataFrame(RNG.normal(size=(N, 2)), columns=["a", "b"])
TIME, STOP = RNG.exponential(10 * np.exp(-X["a"])), RNG.uniform(2, 20, N)
EVENT, SEEN = (TIME <= STOP).astype(int), np.minimum(TIME, STOP)
Y = Surv.right(SEEN, EVENT)
TWO = Surv.right(SEEN, np.where(EVENT == 1, 1 + (np.arange(N) % 2), 0))
MODEL = CoxPH().fit(X, Y)
RISK = MODEL.predict_risk(X, 5)[:, 0]
SCATTERED, ORDER = [0.4, 0.1, 0.5, 0.2, 0.3], np.argsort([0.4, 0.1, 0.5, 0.2, 0.3])


@pytest.mark.parametrize("estimator", ["km", "ipcw"])
@pytest.mark.parametrize("clusters", [None, np.arange(len(Y)) // 3])
def test_thresholds_keep_the_order_they_are_given_in(estimator, clusters):
    risks = {"cox": RISK, "flat": RISK**2}
    options = {"estimator": estimator, "clusters": clusters, "n_resamples": 40, "random_state": 4}
    found = decision_curve(Y, risks, 5, SCATTERED, **options)
    sorted_ = decision_curve(Y, risks, 5, sorted(SCATTERED), **options)
    assert found.thresholds.tolist() == SCATTERED
    for name in (
        "value",
        "se",
        "low",
        "high",
        "band_low",
        "band_high",
        "treated",
        "true_positive",
        "false_positive",
        "carried_forward",
    ):
        np.testing.assert_allclose(getattr(found, name)[..., ORDER], getattr(sorted_, name), rtol=1e-12, err_msg=name)
    np.testing.assert_allclose(found.influence("cox")[:, ORDER], sorted_.influence("cox"), rtol=1e-12)
    for derived in ("standardised", "interventions_avoided"):
        a, b = getattr(found, derived)(), getattr(sorted_, derived)()
        np.testing.assert_allclose(a.value[..., ORDER], b.value, rtol=1e-12)
        np.testing.assert_allclose(a.se[..., ORDER], b.se, rtol=1e-12)
    a, b = found.difference("cox", "flat"), sorted_.difference("cox", "flat")
    np.testing.assert_allclose(a.se[..., ORDER], b.se, rtol=1e-12)
    area = ThresholdRange(0.1, 0.5, 0.3, "any of these")
    first, second = (curve.weighted_area(area, model="cox", weight="beta22") for curve in (found, sorted_))
    assert (first.value, first.se) == pytest.approx((second.value, second.se), rel=1e-12)
    assert found.at(0.2, model="cox").value == sorted_.at(0.2, model="cox").value
    pytest.importorskip("matplotlib").use("Agg")
    drawn = found.plot().get_lines()[0].get_xdata()
    assert list(drawn) == sorted(SCATTERED)


def test_a_status_knows_its_horizon_in_every_door():
    state = Status.at(12, EVENT)
    curve = decision_curve(state, RISK, thresholds=[0.2, 0.4])
    np.testing.assert_array_equal(curve.value, decision_curve(state, RISK, 12, [0.2, 0.4]).value)
    assert curve.horizons.tolist() == [12]


def test_thresholds_of_groups_follow_the_horizon():
    assert risk_groups(Y, RISK, 5, [0.2, 0.5]).thresholds.tolist() == [0.2, 0.5]


def test_parametric_models_predict_survival():
    for model in (ParametricAFT("weibull"), RoystonParmar(2)):
        model.fit(X, Y)
        np.testing.assert_array_equal(model.predict_survival(X, [2, 5]), 1 - model.predict_risk(X, [2, 5]))
        assert np.isnan(model.predict_survival(X, [500])).all()


def test_each_cause_has_its_fit_statistics():
    found = CauseSpecificCox().fit(X, TWO).fit_statistics()
    assert found["cause"].tolist() == [1, 1, 1, 2, 2, 2]
    for cause in (1, 2):
        alone = CoxPH().fit(X, np.array(list(zip(SEEN, TWO["event"] == cause)), dtype=Y.dtype)).fit_statistics()
        mine = found[found["cause"] == cause].drop(columns="cause").reset_index(drop=True)
        np.testing.assert_allclose(mine["statistic"], alone["statistic"], rtol=1e-10)
        np.testing.assert_allclose(mine["log_likelihood"], alone["log_likelihood"], rtol=1e-12)


def test_one_marker_has_an_auc_at_every_horizon():
    marker, grid = MODEL.linear_predictor(X), [2.0, 5.0, 8.0]
    found = time_dependent_auc(Y, marker, grid)
    np.testing.assert_array_equal(found.value, [time_dependent_auc(Y, marker, tau).value for tau in grid])
    np.testing.assert_allclose(found.se, [time_dependent_auc(Y, marker, tau).se for tau in grid], rtol=1e-12)
    assert not time_dependent_auc(Y, 1 - RISK, [0.2, 5.0]).objections[0].code.startswith("risk-looks")
    with pytest.raises(LBPError, match="2\\)"):
        brier(Y, RISK, [2.0, 5.0])  # a risk belongs to one horizon


@pytest.mark.parametrize("metric", [time_dependent_auc, brier, log_score])
def test_metrics_over_horizons_are_drawn(metric):
    pytest.importorskip("matplotlib").use("Agg")
    grid = np.linspace(1, 8, 20)
    result = metric(Y, MODEL.predict_risk(X, grid), grid)
    axes = result.plot()
    np.testing.assert_allclose(axes.get_lines()[0].get_ydata(), result.value)
    few = metric(Y, MODEL.predict_risk(X, [2.0, 5.0]), [2.0, 5.0])
    assert few.plot().get_xlabel() == "horizon"
    change = few.named("a").minus(few.named("b"))
    assert change.plot().get_ylabel().startswith("difference in")
    if metric is brier:
        assert few.ipa.plot().get_ylabel() == "IPA"
        assert any("one risk for all" in text.get_text() for text in few.plot().texts)


def test_labels_in_another_order_are_not_paired_by_position():
    turned = np.random.default_rng(0).permutation(N)
    event = pd.Series(EVENT).iloc[turned]
    seen, ones, risk = pd.Series(SEEN), pd.Series(1.0, index=X.index[turned]), pd.Series(RISK, name="risk")
    calls = [
        ("event", lambda: Surv.right(seen, event)),
        ("entry", lambda: Surv.right(seen, EVENT, entry=0 * ones)),
        ("upper", lambda: Surv.interval(seen, (seen + 1).iloc[turned])),
        ("sample_weight", lambda: CoxPH().fit(X, Y, sample_weight=ones)),
        ("strata", lambda: CoxPH().fit(X, Y, strata=event)),
        ("clusters", lambda: CoxPH().fit(X, Y, clusters=event)),
        ("offset", lambda: CoxPH().fit(X, Y, offset=pd.Series(0.0, X.index)).predict_risk(X, 5, offset=0 * ones)),
        ("risks\\['b'\\]", lambda: evaluate(Y, {"raw": RISK, "a": risk, "b": risk.iloc[turned]}, 5)),
        ("clusters", lambda: brier(Y, risk, 5, clusters=event)),
        ("sample_weight", lambda: log_score(Y, risk, 5, sample_weight=ones)),
        ("linear_predictor", lambda: calibration(Y, risk, 5, linear_predictor=risk.iloc[turned])),
        ("strata", lambda: concordance(Y, risk, strata=event)),
        ("standard_errors", lambda: meta_analysis(pd.Series([0.6, 0.7]), pd.Series([0.1, 0.1]).iloc[::-1])),
        ("linear_predictors\\['a'\\]", lambda: evaluate(Y, {"a": risk}, 5, linear_predictors={"a": risk.iloc[turned]})),
    ]
    for name, call in calls:
        with pytest.raises(LBPError, match=f"`{name}` must"):  # a default index beside a permuted one says nothing
            call()
    # the same labels in the same order, and no labels are taken as they stand
    np.testing.assert_array_equal(Surv.right(seen, pd.Series(EVENT)), Y)
    with pytest.raises(LBPError, match="`event` must"):  # other labels name other rows
        Surv.right(seen, pd.Series(EVENT, index=seen.index + 1000))
    np.testing.assert_array_equal(Surv.right(seen, EVENT), Y)


def test_risks_in_another_order_of_horizons_are_noticed():
    risks = MODEL.predict_risk(X, [2, 5])
    for call in (brier, time_dependent_auc, log_score, evaluate):
        assert "risk-falls-with-time" in {o.code for o in call(Y, risks[:, ::-1], [2, 5]).objections}
        assert "risk-falls-with-time" not in {o.code for o in call(Y, risks, [2, 5]).objections}


def test_the_axis_of_horizons_shows_those_asked_for():
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    ax = brier(Y, MODEL.predict_risk(X, [2, 3, 6]), [2, 3, 6]).plot()
    assert [tick.get_text() for tick in ax.get_xticklabels()] == ["2", "3", "6"]
    # the name of the null model and the note on the intervals do not lie on each other
    ax.figure.canvas.draw()
    boxes = [text.get_window_extent() for text in ax.texts if text.get_text()]
    assert len(boxes) == 2
    assert not boxes[0].overlaps(boxes[1])
    plt.close("all")


def test_the_value_of_information_is_drawn_without_more_patients():
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert value_of_information(Y, RISK, 5, [0.3]).plot().has_data()
    plt.close("all")


def test_one_variable_makes_subgroups():
    sex = pd.Series(np.where(np.arange(N) % 2, "f", "m"), name="sex")
    named = subgroup_performance(Y, RISK, {"sex": sex}, 5, n_resamples=0).table
    alone = subgroup_performance(Y, RISK, sex, 5, n_resamples=0).table
    pd.testing.assert_frame_equal(named, alone)
    assert set(subgroup_performance(Y, RISK, sex.tolist(), 5, n_resamples=0).table["variable"]) == {"group"}
