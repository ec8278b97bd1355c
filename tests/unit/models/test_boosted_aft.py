"""BoostedAFT: risks that are right on average, any unit of time, intervals as they are, weights, files."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit
from syn import syn

from lbp_prognosis import Status, Surv
from lbp_prognosis._base import ArgumentError, EstimationError, OutcomeError
from lbp_prognosis._kernels import LocationTimes, location_gradient, transformation_scale
from lbp_prognosis.explain import prediction_shapley, shap_values
from lbp_prognosis.models import BoostedAFT, NullModel, ParametricAFT
from lbp_prognosis.survival import Weights
from lbp_prognosis.validation import cross_validate_risk

pytest.importorskip("xgboost")

COLUMNS = ["c1", "c2", "c3", "p1", "p2", "m1", "m2", "m3", "g1", "g2"]
FEW = ["c1", "c2", "p1", "m1"]
DISTRIBUTIONS = ("normal", "logistic", "extreme")


@pytest.fixture(scope="module")
def cohort():
    return syn()


@pytest.fixture(scope="module")
def y(cohort):
    return Surv.right(cohort.time, cohort.event)


@pytest.fixture(scope="module")
def model(cohort, y):
    return BoostedAFT("logistic").fit(cohort[COLUMNS], y)


@pytest.mark.parametrize("distribution", ["normal", "odds", "hazard"])
def test_derivatives_of_the_kernel(distribution) -> None:
    """First and second derivative in the location against central differences, every kind of row, with late entry."""
    scale = transformation_scale(distribution)
    kind = np.array([0, 1, 2, 2, 0, 1, 2])
    time = np.array([0.3, -0.4, 1.2, 0.1, 2.0, 0.5, 0.9])
    lower = np.array([-np.inf, -np.inf, 0.2, -np.inf, -np.inf, -np.inf, -1.0])
    entry = np.array([-np.inf, -np.inf, -np.inf, -np.inf, -1.0, -0.5, -1.5])
    at = np.linspace(-0.5, 0.8, 7)

    def value(m: np.ndarray, late: bool) -> np.ndarray:
        return location_gradient(LocationTimes(kind, time, lower, entry if late else None), m, scale)[0]

    h = 1e-4
    for late in (False, True):
        times = LocationTimes(kind, time, lower, entry if late else None)
        _, gradient, curvature = location_gradient(times, at, scale)
        slope = (value(at + h, late) - value(at - h, late)) / (2 * h)
        np.testing.assert_allclose(gradient, slope, rtol=1e-6, atol=1e-7)
        second = -(value(at + h, late) - 2 * value(at, late) + value(at - h, late)) / h**2
        if late:
            assert (curvature >= second - 1e-5).all()  # a bound: entry takes curvature away
        else:
            np.testing.assert_allclose(curvature, second, rtol=1e-4, atol=1e-6)


def test_the_kernel_by_hand() -> None:
    """z = (log t - m) / sigma: a right-censored, an exact and an interval row of the logistic law."""
    times = LocationTimes(np.array([0, 1, 2]), np.array([0.5, 0.5, 1.0]), np.array([-np.inf, -np.inf, 0.25]))
    loglik, gradient, _ = location_gradient(times, np.zeros(3), transformation_scale("odds"))
    expected = [np.log(1 - expit(0.5)), np.log(expit(0.5) * (1 - expit(0.5))), np.log(expit(1.0) - expit(0.25))]
    np.testing.assert_allclose(loglik, expected, rtol=1e-14)
    np.testing.assert_allclose(gradient[0], expit(0.5), rtol=1e-14)  # mills ratio of the logistic


@pytest.mark.parametrize("distribution", DISTRIBUTIONS)
def test_mean_risks_are_right_out_of_sample(cohort, y, distribution) -> None:
    """O/E within 5 % in held-out folds, and 7 % in 4,000 new patients (standard error of a cohort of 600: 5 %)."""
    crossed = cross_validate_risk(
        {"aft": BoostedAFT(distribution)}, cohort[COLUMNS], y, 12.0, n_splits=5, n_repeats=1, random_state=0
    )
    observed = NullModel().fit(cohort[COLUMNS], y).predict_risk(cohort[COLUMNS][:1], 12.0)[0, 0]
    assert abs(observed / crossed.risks["aft"].mean() - 1) < 0.05
    fresh = syn(n=4000, seed=7)
    new = NullModel().fit(fresh[COLUMNS], Surv.right(fresh.time, fresh.event))
    risk = BoostedAFT(distribution).fit(cohort[COLUMNS], y).predict_risk(fresh[COLUMNS], 12.0)[:, 0]
    assert abs(new.predict_risk(fresh[COLUMNS][:1], 12.0)[0, 0] / risk.mean() - 1) < 0.07


@pytest.mark.parametrize("recalibrate", [True, False])
def test_the_unit_of_time_changes_nothing(cohort, y, recalibrate) -> None:
    months = BoostedAFT(recalibrate=recalibrate).fit(cohort[COLUMNS], y)
    for factor in (30.4375, 1 / 12, 1e-6):
        other = BoostedAFT(recalibrate=recalibrate).fit(cohort[COLUMNS], Surv.right(factor * cohort.time, cohort.event))
        assert other.n_rounds_ == months.n_rounds_
        assert other.start_ - months.start_ == pytest.approx(np.log(factor), abs=1e-9)
        assert other.scale_ == pytest.approx(months.scale_, rel=1e-6)
        np.testing.assert_allclose(
            other.predict_risk(cohort[COLUMNS], [6 * factor, 12 * factor]),
            months.predict_risk(cohort[COLUMNS], [6, 12]),
            atol=1e-6,  # trees hold single-precision numbers
        )


def test_scale_by_held_out_likelihood(cohort, y, model) -> None:
    """The line of log time on the cross-fitted margins is the one of ParametricAFT; no other sigma is better."""
    line = ParametricAFT("loglogistic").fit(model.cross_fitted_margin_[:, None], y)
    assert model.scale_ == pytest.approx(line.scale_, rel=1e-8)
    assert model.intercept_ == pytest.approx(line.intercept_, abs=1e-7)
    assert model.slope_ == pytest.approx(line.coef_[0], rel=1e-7)
    assert model.log_likelihood_ == pytest.approx(line.log_likelihood_, rel=1e-10)
    plain = BoostedAFT("logistic", recalibrate=False).fit(cohort[COLUMNS], y)

    def value(sigma: float) -> float:
        z = (np.log(cohort.time) - plain.cross_fitted_margin_) / sigma
        density = -z - 2 * np.log1p(np.exp(-z)) - np.log(sigma * cohort.time)
        return float(np.where(cohort.event == 1, density, -np.log1p(np.exp(z))).sum())

    assert plain.log_likelihood_ == pytest.approx(value(plain.scale_), rel=1e-12)
    assert plain.log_likelihood_ > max(value(plain.scale_ * f) for f in (0.99, 0.9999, 1.0001, 1.01))
    fixed = BoostedAFT("logistic", scale=0.8).fit(cohort[COLUMNS], y)
    assert fixed.scale_ == fixed.trained_scale_ == 0.8
    assert fixed.slope_ > 0


def test_the_risk_is_the_law_of_log_time(cohort, model) -> None:
    location = -model.linear_predictor(cohort[COLUMNS])
    risk = expit((np.log(12) - location) / model.scale_)
    np.testing.assert_allclose(model.predict_risk(cohort[COLUMNS], 12.0)[:, 0], risk, rtol=1e-12)
    np.testing.assert_allclose(location, model.intercept_ + model.slope_ * model.margin(cohort[COLUMNS]), rtol=1e-12)
    assert model.linear_predictor_scale == "log_time"


def test_intervals_are_better_than_their_midpoints() -> None:
    """Visits at 6, 12 and 24 months: the likelihood of new patients seen at the same visits."""
    grid = np.array([0.0, 6.0, 12.0, 24.0])

    def seen(table: pd.DataFrame) -> np.ndarray:
        place = np.searchsorted(grid[1:], table.time, side="left")
        passed = np.searchsorted(grid[1:], table.time, side="right")
        found = ((table.event == 1) & (place < 3)).to_numpy()
        lower = np.where(found, grid[np.minimum(place, 3)], np.where(table.event == 1, 24.0, grid[passed]))
        return Surv.interval(lower, np.where(found, np.append(grid, np.inf)[place + 1], np.inf))

    train, test = syn(n=800, seed=3), syn(n=3000, seed=9)
    y, asked = seen(train), seen(test)
    found = np.isfinite(y["upper"])
    middle = Surv.right(np.where(found, (y["lower"] + y["upper"]) / 2, np.maximum(y["lower"], 0.1)), found)
    by_interval = BoostedAFT("extreme").fit(train[FEW], y)
    by_middle = BoostedAFT("extreme").fit(train[FEW], middle)
    assert by_interval.log_likelihood(test[FEW], asked) > by_middle.log_likelihood(test[FEW], asked) + 5
    # what came after each visit is known: risks there are right
    risk = by_interval.predict_risk(test[FEW], [6, 12]).mean(axis=0)
    observed = NullModel().fit(test[FEW], Surv.right(test.time, test.event)).predict_risk(test[FEW][:1], [6, 12])[0]
    np.testing.assert_allclose(risk, observed, atol=0.03)


def test_weights_are_copies_and_unit_weights_are_none(cohort) -> None:
    table = cohort[:200]
    X, y = table[FEW], Surv.right(table.time, table.event)
    weights = np.random.default_rng(0).integers(1, 4, 200)
    copies = np.repeat(np.arange(200), weights)
    settings = {"rounds": 20, "select_rounds": False, "min_leaf_events": 1.0, "recalibrate": False, "scale": 1.0}
    one = BoostedAFT(**settings).fit(X, y, sample_weight=Weights(weights, "frequency"))
    two = BoostedAFT(**settings).fit(X.iloc[copies], y[copies])
    np.testing.assert_allclose(one.predict_risk(X, [6, 12]), two.predict_risk(X, [6, 12]), atol=1e-4)  # float32 sums
    plain = BoostedAFT(**settings).fit(X, y)
    ones = BoostedAFT(**settings).fit(X, y, sample_weight=np.ones(200))
    np.testing.assert_array_equal(plain.predict_risk(X, [6, 12]), ones.predict_risk(X, [6, 12]))
    assert np.abs(one.predict_risk(X, 12) - plain.predict_risk(X, 12)).max() > 0.01
    nobody = np.where(np.arange(200) < 50, 0.0, 1.0)
    without = BoostedAFT(**settings).fit(X[50:], y[50:])
    zero = BoostedAFT(**settings).fit(X, y, sample_weight=nobody)
    np.testing.assert_array_equal(without.predict_risk(X, 12), zero.predict_risk(X, 12))
    assert np.isnan(zero.cross_fitted_margin_[:50]).all()


def test_files_determinism_order_of_columns(cohort, y, model) -> None:
    X = cohort[COLUMNS]
    read = BoostedAFT.from_dict(json.loads(json.dumps(model.to_dict(), allow_nan=False)))
    np.testing.assert_array_equal(read.predict_risk(X, [6, 12]), model.predict_risk(X, [6, 12]))
    turned = BoostedAFT("logistic").fit(X[COLUMNS[::-1]], y)
    np.testing.assert_array_equal(turned.predict_risk(X, [6, 12]), model.predict_risk(X, [6, 12]))


def test_constraints_turn_with_the_sign_of_time(cohort, y) -> None:
    """A risk that may only rise is a time that may only shorten."""
    model = BoostedAFT(rounds=40, select_rounds=False, monotone={"c1": 1, "p1": -1}).fit(cohort[FEW], y)
    line = pd.concat([cohort[FEW].iloc[[0]]] * 31, ignore_index=True)
    grid = np.linspace(-3, 3, 31)
    assert (np.diff(model.predict_risk(line.assign(c1=grid), 12.0)[:, 0]) >= -1e-7).all()
    assert (np.diff(model.predict_risk(line.assign(p1=grid), 12.0)[:, 0]) <= 1e-7).all()
    assert (
        model.predict_risk(line.assign(c1=grid), 12.0)[-1, 0]
        > 0.05 + model.predict_risk(line.assign(c1=grid), 12.0)[0, 0]
    )


def test_missing_values_late_entry_offset_and_explanations(cohort) -> None:
    X = cohort[FEW].copy()
    X.loc[::4, "m1"] = np.nan
    y = Surv.right(cohort.time, cohort.event, entry=np.where(cohort.time > 3, 1.0, 0.0))
    model = BoostedAFT(rounds=20).fit(X, y, offset=0.2 * cohort.c2)
    risk = model.predict_risk(X, [6, 12], offset=0.2 * cohort.c2)
    assert np.isfinite(risk).all()
    later = model.predict_risk(X, 12.0, offset=0.2 * cohort.c2 + 1.0)
    assert (later < risk[:, 1:]).all()  # a longer time, a lower risk
    plain = BoostedAFT(rounds=20).fit(X, Surv.right(cohort.time, cohort.event))
    rows, background = X[:8], X.dropna()[:60]
    for found in (
        prediction_shapley(plain, rows, {"clinical": FEW[:3], "imaging": ["m1"]}, background, horizons=12.0),
        shap_values(plain, rows, background, scale="risk", horizons=12.0),
    ):
        np.testing.assert_allclose(found.prediction, plain.predict_risk(rows, 12.0), atol=1e-12)
        np.testing.assert_allclose(found.base + found.values.sum(axis=1), found.prediction, atol=1e-12)


def test_noise_grows_no_trees() -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 3))
    wild = BoostedAFT(learning_rate=1.0, max_depth=5, min_leaf_events=0.0, reg_lambda=0.0)
    wild.fit(X, Surv.right(rng.exponential(size=200), rng.random(200) < 0.6))
    assert wild.n_rounds_ == 0
    assert np.ptp(wild.predict_risk(X, 0.5)) == 0


def test_refusals(cohort, y) -> None:
    X = cohort[FEW]
    for settings, told in (
        ({"distribution": "weibull"}, "distribution"),
        ({"scale": 0.0}, "scale"),
        ({"scale": "guess"}, "scale"),
        ({"rounds": 0}, "rounds"),
        ({"early_stopping": 0}, "early_stopping"),
    ):
        with pytest.raises(ArgumentError, match=told):
            BoostedAFT(**settings).fit(X, y)
    with pytest.raises(EstimationError, match="at least 10 events"):
        BoostedAFT().fit(X[:30], Surv.right(cohort.time[:30], np.arange(30) < 9))
    BoostedAFT(rounds=2).fit(X[:30], Surv.right(cohort.time[:30], np.arange(30) < 10))
    with pytest.raises(ArgumentError, match="time 0"):
        BoostedAFT().fit(X, Surv.right(np.where(cohort.c1 > 1, 0.0, cohort.time), np.ones(600), censored=0))
    with pytest.raises(OutcomeError, match="BoostedHazard"):
        BoostedAFT().fit(X, Status.at(12, cohort.y))
    with pytest.raises(ArgumentError, match="strata"):
        BoostedAFT().fit(X, y, strata=cohort.site)
    competing = BoostedAFT(rounds=2).fit(X, Surv.right(cohort.time, cohort.status))
    with pytest.raises(OutcomeError, match="competing"):
        competing.predict_risk(X, 6.0)
