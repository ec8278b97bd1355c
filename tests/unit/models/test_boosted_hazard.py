"""BoostedHazard: the joint likelihood of person-periods, missed visits, competing causes, states, effects over time."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from syn import syn

from lbp_prognosis import Status, Surv
from lbp_prognosis._base import ArgumentError, EstimationError, OutcomeError
from lbp_prognosis._kernels import categorical_probabilities, discrete_hazard_gradient
from lbp_prognosis.explain import prediction_shapley, shap_values
from lbp_prognosis.models import BoostedHazard, DiscreteTimeHazard, NullModel
from lbp_prognosis.survival import Weights

VISITS = (3.0, 6.0, 12.0, 24.0)
FEW = ["c1", "c2", "p1", "m1"]


def by_enumeration(eta: np.ndarray, response: np.ndarray, span: np.ndarray, weights: np.ndarray, link: str) -> float:
    """The likelihood with loops: a certain row is a category, a span the sum over the periods of its event."""
    p = categorical_probabilities(eta, link)
    total = sum(w * np.log(p[i, response[i]]) for i, w in enumerate(weights) if span[i] < 0)
    for number in np.unique(span[span >= 0]):
        rows = np.flatnonzero(span == number)
        ways = [np.prod(p[rows[:k], 0]) * p[rows[k], response[rows[k]]] for k in range(rows.size)]
        total += weights[rows[0]] * np.log(sum(ways))
    return float(total)


@pytest.mark.parametrize(("causes", "link"), [(1, "cloglog"), (1, "logit"), (2, "logit"), (3, "logit")])
def test_the_kernel_against_enumeration_and_differences(causes, link) -> None:
    rng = np.random.default_rng(causes)
    span = np.array([-1] * 6 + [0, 0, 0, 1, 1])
    response = np.array([0, 1, 0, causes, 0, 1, causes, causes, causes, 1, 1])
    weights = np.array([1.0, 2.0, 0.5, 1.0, 3.0, 1.0, 2.0, 2.0, 2.0, 0.7, 0.7])
    eta = rng.normal(-0.5, 0.8, (11, causes))
    loglik, gradient, bound = discrete_hazard_gradient(eta, response, span, weights, link)
    assert loglik == pytest.approx(by_enumeration(eta, response, span, weights, link), rel=1e-12)
    h = 1e-5
    for i in range(11):
        for j in range(causes):
            step = np.zeros_like(eta)
            step[i, j] = h
            low, high = (by_enumeration(eta + s * step, response, span, weights, link) for s in (-1, 1))
            assert gradient[i, j] == pytest.approx((high - low) / (2 * h), abs=1e-7)
            middle = by_enumeration(eta, response, span, weights, link)
            assert bound[i, j] >= -(high - 2 * middle + low) / h**2 - 1e-4


pytest.importorskip("xgboost")


@pytest.fixture(scope="module")
def cohort():
    return syn(n=500)


@pytest.fixture(scope="module")
def competing(cohort):
    return BoostedHazard(VISITS, rounds=40).fit(cohort[FEW], Surv.right(cohort.time, cohort.status))


def test_risks_of_all_causes_are_right_on_average_and_leave_nobody_out(cohort, competing) -> None:
    fresh = syn(n=3000, seed=7)
    null = NullModel().fit(cohort[FEW], Surv.right(cohort.time, cohort.status))
    horizons = [3.0, 6.0, 9.0, 12.0, 20.0]
    risks = {cause: competing.predict_risk(fresh[FEW], horizons, cause=cause) for cause in (1, 2)}
    assert (risks[1] + risks[2] <= 1 + 1e-12).all()
    for cause in (1, 2):
        assert (np.diff(risks[cause], axis=1) >= -1e-12).all()
        observed = null.predict_risk(fresh[FEW][:1], horizons, cause=cause)[0]
        np.testing.assert_allclose(risks[cause].mean(axis=0), observed, atol=0.03)  # other patients; grouped times
    assert np.isnan(competing.predict_risk(cohort[FEW], 24.1)).all()
    with pytest.raises(ArgumentError, match="visits"):
        BoostedHazard(VISITS, rounds=2, between="refuse").fit(
            cohort[FEW], Surv.right(cohort.time, cohort.status)
        ).predict_risk(cohort[FEW], 9.0)


def test_without_trees_it_is_the_null_of_discrete_hazards(cohort) -> None:
    y = Surv.right(cohort.time, cohort.status)
    flat = BoostedHazard(VISITS, rounds=1, select_rounds=False, learning_rate=1e-9, recalibrate=False)
    flat.fit(cohort[FEW], y)
    null = DiscreteTimeHazard(VISITS, between="interpolate").fit(cohort[[]], y)
    np.testing.assert_allclose(
        flat.predict_risk(cohort[FEW], [6, 12]), null.predict_risk(cohort[[]], [6, 12]), atol=1e-6
    )


def test_effects_that_change_over_time_are_found() -> None:
    """A predictor that matters in the first period alone."""
    rng = np.random.default_rng(2)
    x = rng.integers(0, 2, 1500).astype(float)
    early = rng.random(1500) < np.where(x == 1, 0.5, 0.1)
    late = rng.random(1500) < 0.3
    upper = np.where(early, 1.0, np.where(late, 2.0, np.inf))
    y = Surv.interval(np.where(early, 0.0, np.where(late, 1.0, 2.0)), upper)
    X = pd.DataFrame({"x": x, "z": rng.normal(size=1500)})
    asked = pd.DataFrame({"x": [0.0, 1.0], "z": 0.0})
    risk = BoostedHazard(rounds=80).fit(X, y).predict_risk(X, [1, 2])
    moving = np.array([risk[x == value].mean(axis=0) for value in (0, 1)])
    later = (moving[:, 1] - moving[:, 0]) / (1 - moving[:, 0])  # hazard of the second period
    np.testing.assert_allclose(moving[:, 0], [early[x == 0].mean(), early[x == 1].mean()], atol=0.03)  # shrunken trees
    np.testing.assert_allclose(later, late[~early].mean(), atol=0.04)
    fixed = BoostedHazard(rounds=80, time_varying=False).fit(X, y)
    assert fixed.expansion_bytes_ == X.to_numpy().nbytes
    same = fixed.predict_risk(asked, [1, 2])
    hazards = np.column_stack([same[:, 0], (same[:, 1] - same[:, 0]) / (1 - same[:, 0])])
    odds = np.log(-np.log1p(-hazards))
    assert odds[1, 0] - odds[0, 0] == pytest.approx(odds[1, 1] - odds[0, 1], abs=1e-6)  # proportional


def test_events_after_missed_visits_need_no_date(cohort) -> None:
    """A third of the visits missed: the sum over periods against the same patients seen at all visits."""
    table = syn(n=1500, seed=11)

    def visited(attended: np.ndarray) -> np.ndarray:
        """Last visit before the event, and the first after it, of those that a patient came to."""
        times = np.where(attended, np.array(VISITS), np.nan)
        end = table.time.to_numpy()[:, None]
        before = np.nan_to_num(np.nanmax(np.where(times < end, times, 0.0), axis=1))
        after = np.fmin.reduce(np.where(times >= end, times, np.inf), axis=1)
        return Surv.interval(before, np.where(table.event == 1, after, np.inf))

    came = np.random.default_rng(0).random((1500, 4)) < 0.67
    with_gaps, seen = (
        BoostedHazard(VISITS, rounds=60).fit(table[FEW], visited(each)) for each in (came, np.ones_like(came))
    )
    assert with_gaps.n_spans_ > 150
    assert seen.n_spans_ == 0
    risks = [model.predict_risk(cohort[FEW], [6, 12, 24]) for model in (with_gaps, seen)]
    np.testing.assert_allclose(risks[0].mean(axis=0), risks[1].mean(axis=0), atol=0.02)  # two standard errors
    assert np.abs(risks[0] - risks[1]).mean() < 0.04


def test_a_state_at_one_visit(cohort) -> None:
    y = Status.at(12, np.where(np.arange(500) % 7 == 0, -1, cohort.y))
    model = BoostedHazard(rounds=60).fit(cohort[FEW], y)
    fresh = syn(n=3000, seed=7)
    risk = model.predict_risk(fresh[FEW], [6.0, 12.0])
    assert np.isnan(risk[:, 0]).all()  # what held before the visit is not known
    assert risk[:, 1].mean() == pytest.approx(fresh.y.mean(), abs=0.04)
    seen = cohort.y[np.arange(500) % 7 != 0]
    assert model.n_rows_ == seen.size
    assert model.score(fresh[FEW], Status.at(12, fresh.y)) > -np.mean((fresh.y - seen.mean()) ** 2) + 0.01


def test_constraints_are_about_the_event_of_interest(cohort) -> None:
    y = Surv.right(cohort.time, cohort.status)
    model = BoostedHazard(
        VISITS, rounds=40, select_rounds=False, max_depth=3, monotone={"c1": 1}, interactions=[["c1", "c2"], ["p1"]]
    ).fit(cohort[FEW], y)
    line = pd.concat([cohort[FEW].iloc[[0]]] * 31, ignore_index=True).assign(c1=np.linspace(-3, 3, 31))
    single = BoostedHazard(VISITS, rounds=40, select_rounds=False, monotone={"c1": 1}).fit(
        cohort[FEW], Surv.right(cohort.time, cohort.event)
    )
    assert (np.diff(single.predict_risk(line, [3, 6, 12, 24]), axis=0) >= -1e-7).all()
    hazards, _ = model._hazards(line.to_numpy(), None)
    odds = np.log(hazards[:, :, 0] / (1 - hazards.sum(axis=2)))  # against no event, in each period
    assert (np.diff(odds, axis=0) >= -1e-6).all()


def test_weights_copies_order_files(cohort, competing) -> None:
    X, y = cohort[FEW], Surv.right(cohort.time, cohort.event)
    settings = {"visits": VISITS, "rounds": 15, "select_rounds": False, "min_leaf_events": 1.0}
    weights = np.random.default_rng(0).integers(1, 4, 200)
    copies = np.repeat(np.arange(200), weights)  # fewer distinct values than bins: copies move no split point
    one = BoostedHazard(**settings).fit(X[:200], y[:200], sample_weight=Weights(weights, "frequency"))
    two = BoostedHazard(**settings).fit(X.iloc[copies], y[copies])
    np.testing.assert_allclose(one.predict_risk(X, [6, 12]), two.predict_risk(X, [6, 12]), atol=2e-4)  # float32 sums
    plain = BoostedHazard(**settings).fit(X, y)
    ones = BoostedHazard(**settings).fit(X, y, sample_weight=np.ones(500))
    np.testing.assert_array_equal(plain.predict_risk(X, [6, 12]), ones.predict_risk(X, [6, 12]))
    nobody = np.where(np.arange(500) < 100, 0.0, 1.0)
    without, zero = (
        BoostedHazard(**settings).fit(X[100:], y[100:]),
        BoostedHazard(**settings).fit(X, y, sample_weight=nobody),
    )
    np.testing.assert_array_equal(without.predict_risk(X, 12), zero.predict_risk(X, 12))
    turned = BoostedHazard(VISITS, rounds=40).fit(X[FEW[::-1]], Surv.right(cohort.time, cohort.status))
    np.testing.assert_array_equal(turned.predict_risk(X, [6, 12]), competing.predict_risk(X, [6, 12]))
    read = BoostedHazard.from_dict(json.loads(json.dumps(competing.to_dict(), allow_nan=False)))
    for cause in (1, 2):
        np.testing.assert_array_equal(
            read.predict_risk(X, [6, 9, 12], cause=cause), competing.predict_risk(X, [6, 9, 12], cause=cause)
        )


def test_missing_values_offsets_entry_and_explanations(cohort) -> None:
    X = cohort[FEW].copy()
    X.loc[::3, "m1"] = np.nan
    y = Surv.right(cohort.time, cohort.status, entry=np.where(cohort.time > 6, 3.0, 0.0))
    model = BoostedHazard(VISITS, rounds=20).fit(X, y, offset=0.1 * cohort.c2)
    assert model.n_rows_ < BoostedHazard(VISITS, rounds=1).fit(X, Surv.right(cohort.time, cohort.status)).n_rows_
    assert np.isfinite(model.predict_risk(X, [6, 12], offset=0.1 * cohort.c2)).all()
    plain = BoostedHazard(VISITS, rounds=20).fit(X, Surv.right(cohort.time, cohort.status))
    rows, background = X[:6], X.dropna()[:60]
    for found in (
        prediction_shapley(plain, rows, {"clinical": FEW[:3], "imaging": ["m1"]}, background, horizons=[6, 12]),
        shap_values(plain, rows, background, scale="risk", horizons=[6, 12]),
    ):
        np.testing.assert_allclose(found.prediction, plain.predict_risk(rows, [6, 12]), atol=1e-12)
        np.testing.assert_allclose(found.base + found.values.sum(axis=1), found.prediction, atol=1e-12)


def test_refusals(cohort) -> None:
    X = cohort[FEW]
    with pytest.raises(ArgumentError, match="visits"):
        BoostedHazard().fit(X, Surv.right(cohort.time, cohort.event))
    with pytest.raises(OutcomeError, match="visits"):
        BoostedHazard(VISITS).fit(X, Surv.interval(cohort.time, cohort.time + 1))
    with pytest.raises(EstimationError, match="at least 10 events"):
        BoostedHazard(VISITS).fit(X[:40], Surv.right(np.full(40, 5.0), np.arange(40) < 9))
    with pytest.raises(EstimationError, match="both states"):
        BoostedHazard().fit(X, Status.at(12, np.zeros(500)))
    with pytest.raises(ArgumentError, match="strata"):
        BoostedHazard(VISITS).fit(X, Surv.right(cohort.time, cohort.event), strata=cohort.site)
    with pytest.raises(ArgumentError, match="between"):
        BoostedHazard(VISITS, between="guess").fit(X, Surv.right(cohort.time, cohort.event))
    with pytest.raises(ArgumentError, match="cause"):
        BoostedHazard(VISITS, rounds=2).fit(X, Surv.right(cohort.time, cohort.event)).predict_risk(X, 6, cause=2)


@pytest.mark.parametrize("time_varying", [True, False])
@pytest.mark.parametrize(("events", "rare"), [(9, True), (10, False)])
def test_a_rare_competing_cause_has_odds_that_are_the_same_for_all(events, rare, time_varying) -> None:
    rng = np.random.default_rng(2)
    X = rng.normal(size=(200, 2))
    y = Surv.right(1.0 + np.arange(200) % 3, np.r_[np.full(events, 2), rng.random(200 - events) < 0.4].astype(int))
    short = {"rounds": 3, "select_rounds": False, "folds": 2, "repeats": 1, "time_varying": time_varying}
    model = BoostedHazard([1.0, 2.0, 3.0], **short).fit(X, y)
    assert model.rare_causes_ == ({2: 9} if rare else {})
    assert [doubt.code for doubt in model.objections_] == ["rare-cause"] * rare
    assert model.n_rounds_ == 3
    incidence = NullModel().fit(X, y).predict_risk(X[:1], 3.0, cause=2)
    assert abs(model.predict_risk(X, 3.0, cause=2).mean() - incidence) < 2e-3
    if not rare:
        return
    hazards, survival = model._hazards(X, None)
    odds = hazards[:, 0, 1] / survival[:, 0]
    np.testing.assert_allclose(odds, odds[0], rtol=1e-12)
    assert np.ptp(hazards[:, 0, 0] / survival[:, 0]) > 0.01
    back = BoostedHazard.from_dict(model.to_dict())
    np.testing.assert_array_equal(back.predict_risk(X, 2.5, cause=2), model.predict_risk(X, 2.5, cause=2))
    assert back.objections_ == model.objections_
    parts = shap_values(model, X[:3], X[:20], scale="risk", horizons=3.0, cause=2)
    total = (parts.base + parts.values.sum(axis=1))[:, 0]
    np.testing.assert_allclose(total, model.predict_risk(X[:3], 3.0, cause=2)[:, 0], atol=1e-6)
    swapped = Surv.right(y["time"], np.where(y["event"] == 2, 1, 2 * (y["event"] > 0)))
    with pytest.raises(EstimationError, match="cause 1 has 9"):  # the event of interest is never left without effects
        BoostedHazard([1.0, 2.0, 3.0], **short).fit(X, swapped)
    alone = Surv.right(y["time"], 2 * (y["event"] == 2))
    with pytest.raises(EstimationError, match="cause 2 has 9"):
        BoostedHazard([1.0, 2.0, 3.0], **short).fit(X, alone)
