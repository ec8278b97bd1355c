"""AalenAdditive, PiecewiseExponential, MixtureCure: hand calculations, lifelines' own predictions, borders."""

from __future__ import annotations

import builtins
import json

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm
from syn import syn

from lbp_prognosis import Surv
from lbp_prognosis._base import ArgumentError, EstimationError, MissingPackageError
from lbp_prognosis.deployment import load_model, lock, save_model
from lbp_prognosis.models import AalenAdditive, MixtureCure, ParametricAFT, PiecewiseExponential, _lifelines_adapter
from lbp_prognosis.survival import Weights, nelson_aalen

lifelines = pytest.importorskip("lifelines")
COHORT = syn(n=200)
X, Y = COHORT[["c1", "p1"]], Surv.right(COHORT.time, COHORT.event)
TIMES = [3.0, 6.0, 12.0, 20.0]
MODELS = [AalenAdditive(), PiecewiseExponential(), MixtureCure()]


def frame(X, y) -> pd.DataFrame:
    return pd.DataFrame(np.asarray(X), columns=["a", "b"]).assign(t=y["time"], e=y["event"])


# ---- additive --------------------------------------------------------------------------------------------------------


def test_additive_without_columns_is_nelson_aalen_which_lifelines_is_not():
    y = Surv.right([1.0, 2.0, 2.5, 2.5, 3.0, 4.0], [1, 0, 0, 0, 1, 1])
    model = AalenAdditive().fit(np.zeros((6, 0)), y)
    np.testing.assert_allclose(model.cumulative_baseline_, [1 / 6, 1 / 6 + 1 / 2, 1 / 6 + 1 / 2 + 1])
    np.testing.assert_allclose(model.variance_[:, 0], [1 / 36, 1 / 36 + 1 / 4, 1 / 36 + 1 / 4 + 1])
    np.testing.assert_allclose(nelson_aalen(y).at([1.0, 3.0, 4.0]), model.cumulative_baseline_)
    # lifelines leaves those who were censored between event times at risk: its wrong number, kept here
    theirs = lifelines.AalenAdditiveFitter().fit(pd.DataFrame({"t": y["time"], "e": y["event"]}), "t", "e")
    np.testing.assert_allclose(theirs.cumulative_hazards_["Intercept"], [1 / 6, 1 / 6 + 1 / 5, 1 / 6 + 1 / 5 + 1 / 4])


def test_additive_is_least_squares_at_each_event_time():
    """A brute-force twin, with the variance Σ (XᵀX)⁻¹ Xᵀ diag(dN) X (XᵀX)⁻¹."""
    model = AalenAdditive().fit(X, Y)
    Z = np.column_stack([np.ones(len(X)), X - X.mean()])
    total, spread, k = np.zeros(3), np.zeros(3), 0
    for t in np.unique(Y["time"][Y["event"] == 1]):
        at_risk = Y["time"] >= t
        if at_risk.sum() < 6:
            break
        now = (Y["time"] == t) & (Y["event"] == 1)
        inverse = np.linalg.inv(Z[at_risk].T @ Z[at_risk])
        total = total + inverse @ Z[now].sum(axis=0)
        spread = spread + ((inverse @ Z[now].T) ** 2).sum(axis=1)
        np.testing.assert_allclose(model.cumulative_baseline_[k], total[0], rtol=1e-9)
        np.testing.assert_allclose(model.cumulative_coef_[k], total[1:], rtol=1e-8, atol=1e-12)
        np.testing.assert_allclose(model.variance_[k], spread, rtol=1e-9)
        k += 1
    assert k == model.times_.size
    table = model.to_frame()
    last = table[table["time"] == model.times_[-1]]
    assert last["term"].tolist() == ["(baseline)", "c1", "p1"]
    np.testing.assert_allclose(last["high"] - last["low"], 2 * norm.ppf(0.975) * np.sqrt(spread), rtol=1e-9)


def test_additive_predicts_as_lifelines_with_times_at_which_it_takes_rows_out():
    model = AalenAdditive().fit(X, Y)
    before = np.searchsorted(model.times_, Y["time"], side="right") - 1
    table = frame(X, Y).assign(t=model.times_[np.maximum(before, 0)])[before >= 0]
    theirs = lifelines.AalenAdditiveFitter().fit(table, "t", "e").predict_cumulative_hazard(frame(X, Y)[["a", "b"]])
    ours = model.predict_cumulative_hazard(X, model.times_)
    np.testing.assert_allclose(ours, theirs.loc[model.times_].T, atol=1e-8)
    factors = np.maximum(1 - np.diff(ours, axis=1, prepend=0), 0)
    held = 1 - np.minimum.accumulate(np.minimum(np.cumprod(factors, axis=1), 1), axis=1)
    np.testing.assert_allclose(model.predict_risk(X, model.times_), held, atol=1e-10)


def test_additive_stops_where_too_few_are_at_risk():
    time = np.arange(1.0, 13.0)
    x = np.tile([0.0, 1.0], 6)
    model = AalenAdditive().fit(x[:, None], Surv.right(time, np.ones(12)))
    assert model.times_[-1] == 10.0  # three at risk; at 11 there are two
    assert model.max_time_ == 10.0
    assert np.isnan(model.predict_risk(x[:, None], 10.5)).all()
    # from time 7 on all have the same x: the last time at which they can be told apart
    same = np.where(time < 7, x, 1.0)
    assert AalenAdditive().fit(same[:, None], Surv.right(time, np.ones(12))).times_[-1] == 5.0


def test_additive_objects_where_hazards_fall():
    strong = pd.DataFrame({"x": np.r_[np.zeros(60), np.ones(60)]})
    rng = np.random.default_rng(3)
    time = np.where(strong.x == 1, rng.exponential(2, 120), rng.exponential(8, 120))
    calm = AalenAdditive().fit(strong, Surv.right(time, np.ones(120)))
    assert calm.objections_ == ()
    assert max(calm.negative_share_, calm.raised_share_) <= 0.05
    wild = AalenAdditive().fit(COHORT[["c1", "c2", "p1", "m1"]], Y)
    assert [doubt.code for doubt in wild.objections_] == ["falling-cumulative-hazard"]
    assert wild.negative_share_ > 0.05


def test_additive_risk_where_everyone_at_risk_has_the_event_is_one():
    y = Surv.right([1.0, 1.0, 2.0, 3.0, 3.0], [1, 0, 1, 1, 1])
    model = AalenAdditive().fit(np.zeros((5, 0)), y)
    np.testing.assert_allclose(model.predict_risk(np.zeros((1, 0)), [1.0, 2.0, 3.0]), [[1 / 5, 7 / 15, 1.0]])
    assert model.objections_ == ()


def test_additive_risks_stay_between_0_and_1_far_from_the_data():
    model = AalenAdditive().fit(X, Y)
    risk = model.predict_risk(np.array([[1e6, 0], [-1e6, 0], [0, 1e6], [0, -1e6]]), TIMES)
    assert ((risk >= 0) & (risk <= 1)).all()
    assert (np.diff(risk, axis=1) >= 0).all()


def test_additive_factors_are_merged_as_a_product(tmp_path):
    """The locked factor of a group is the product of its factors, linear in x: value and slope at the mean."""
    model = AalenAdditive().fit(X, Y)
    for name in ("times_", "baseline_events_", "increments_", "cumulative_baseline_", "cumulative_coef_", "variance_"):
        setattr(model, name, getattr(model, name)[:6])
    model.baseline_events_[:] = 2  # groups of three
    locked = lock(model, min_cell=5)
    found = locked.unlocked.increments_
    assert found.shape == (2, 3)
    for group, steps in zip(found, (model.increments_[:3], model.increments_[3:])):
        product = lambda x, steps=steps: np.prod(1 - steps[:, 0] - steps[:, 1:] @ x)  # noqa: E731
        assert 1 - group[0] == pytest.approx(product(np.zeros(2)), rel=1e-12)
        for j, x in enumerate(np.eye(2) * 1e-5):
            assert group[1 + j] == pytest.approx((product(-x) - product(x)) / 2e-5, rel=1e-6)
    save_model(locked, tmp_path / "a.lbpm", reason="test")
    assert load_model(tmp_path / "a.lbpm") == locked


def test_additive_file_of_an_earlier_version_keeps_its_risks(tmp_path):
    model = AalenAdditive().fit(X, Y)
    del model.increments_
    old = -np.expm1(-np.maximum.accumulate(np.maximum(model.predict_cumulative_hazard(X, model.times_), 0), axis=1))
    np.testing.assert_allclose(model.predict_risk(X, model.times_), old, atol=1e-14)
    locked = lock(model)
    save_model(locked, tmp_path / "a.lbpm", reason="test")
    loaded = load_model(tmp_path / "a.lbpm")
    assert loaded == locked
    np.testing.assert_array_equal(loaded.predict_risk(X, TIMES), locked.predict_risk(X, TIMES))


@pytest.mark.parametrize("times", ["soon", -1.0, [1.0, np.nan]])
def test_additive_refuses_times_that_are_none(times):
    model = AalenAdditive().fit(X, Y)
    with pytest.raises(ArgumentError, match="`times`"):
        model.predict_cumulative_hazard(X, times)


def test_additive_weights_are_copies():
    counts = np.arange(200) % 3
    copies = np.repeat(np.arange(200), counts)
    weighted = AalenAdditive().fit(X, Y, sample_weight=Weights(counts, "frequency"))
    copied = AalenAdditive().fit(X.iloc[copies], Y[copies])
    both = min(weighted.times_.size, copied.times_.size)
    slope = np.column_stack([weighted.cumulative_coef_[:both], weighted.variance_[:both, 1:]])
    expected = np.column_stack([copied.cumulative_coef_[:both], copied.variance_[:both, 1:]])
    np.testing.assert_allclose(slope, expected, rtol=1e-7, atol=1e-12)
    assert np.isnan(AalenAdditive().fit(X, Y, sample_weight=1 + counts / 2).variance_).all()


# ---- piecewise exponential -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("at", [3.9, 4.0, 4.1])
def test_piecewise_counts_events_at_a_breakpoint_in_the_interval_that_ends_there(at):
    y = Surv.right([1.0, at, 6.0, 9.0], [1, 1, 1, 0])
    model = PiecewiseExponential([4.0]).fit(np.zeros((4, 0)), y)
    early = 1 + int(at <= 4)
    exposure = 1 + min(at, 4) + 4 + 4
    late = max(at - 4, 0) + 2 + 5
    np.testing.assert_allclose(np.exp(model.intercept_), [early / exposure, (3 - early) / late], rtol=1e-9)
    assert model.events_.tolist() == [early, 3 - early]
    hazard = early / exposure * 4 + (3 - early) / late * 2
    np.testing.assert_allclose(model.predict_risk(np.zeros((1, 0)), 6.0), 1 - np.exp(-hazard), rtol=1e-9)
    spread = np.diag([1 / early, 1 / (3 - early)])
    np.testing.assert_allclose(model.covariance_, spread, atol=1e-9)


def test_piecewise_predicts_as_lifelines_from_the_same_coefficients():
    model = PiecewiseExponential([6.0, 14.0]).fit(X, Y)
    theirs = lifelines.PiecewiseExponentialRegressionFitter([6.0, 14.0])
    with pytest.warns(lifelines.exceptions.ApproximationWarning):
        theirs.fit(frame(X, Y), "t", "e", fit_options={"ftol": 1e-15, "maxiter": 500})
    own = pd.concat(
        {
            f"lambda_{k}_": pd.Series({"a": -model.coef_[k, 0], "b": -model.coef_[k, 1], "Intercept": -c})
            for k, c in enumerate(model.intercept_)
        }
    )
    assert model.log_likelihood_ >= theirs.log_likelihood_ - 1e-9
    np.testing.assert_allclose(own[theirs.params_.index], theirs.params_, atol=1e-4)  # where its optimiser stops
    theirs.params_ = own[theirs.params_.index]
    expected = 1 - np.exp(-theirs.predict_cumulative_hazard(frame(X, Y)[["a", "b"]], times=TIMES)).T
    np.testing.assert_allclose(model.predict_risk(X, TIMES), expected, atol=1e-12)


def test_piecewise_with_a_large_penalty_has_proportional_hazards():
    one = PiecewiseExponential([8.0], penalty=1e4).fit(X, Y)
    np.testing.assert_allclose(one.coef_[0], one.coef_[1], atol=1e-4)
    assert one.log_likelihood_ < PiecewiseExponential([8.0]).fit(X, Y).log_likelihood_
    ends = PiecewiseExponential(0, penalty=5.0).fit(X, Y)  # one interval has nothing to penalise
    exponential = ParametricAFT("exponential").fit(X, Y)
    np.testing.assert_allclose(ends.coef_[0], -exponential.coef_, atol=1e-8)
    np.testing.assert_allclose(ends.log_likelihood_, exponential.log_likelihood_, rtol=1e-11)


@pytest.mark.parametrize("model", [PiecewiseExponential(0), PiecewiseExponential(0, variance="robust")])
def test_piecewise_of_one_interval_is_the_exponential_between_visits_and_after_entry(model):
    """Interval censoring, exact times and entry in one likelihood; the sandwich, by weights and by clusters."""
    end = np.ceil(COHORT.time / 6) * 6
    y = Surv.interval(
        np.where(COHORT.event == 1, end - 6, COHORT.time),
        np.where(COHORT.event == 1, end, np.inf),
        entry=np.where(COHORT.time > 12, 3.0, 0.0),
    )
    theirs = ParametricAFT("exponential", variance=model.variance)
    for given in ({}, {"sample_weight": 1 + np.arange(200) % 2}, {"clusters": np.arange(200) // 2}):
        ours, other = model.fit(X, y, **given), theirs.fit(X, y, **given)
        np.testing.assert_allclose(ours.predict_risk(X, TIMES), other.predict_risk(X, TIMES), atol=1e-9)
        np.testing.assert_allclose(ours.covariance_[1:, 1:], other.covariance_[1:, 1:], rtol=1e-6)
        assert ours.variance_ == other.variance_


def test_piecewise_refuses_what_it_cannot_estimate():
    with pytest.raises(EstimationError, match=r"\(30, 40\]"):
        PiecewiseExponential([6.0, 30.0, 40.0]).fit(X, Surv.right(np.minimum(COHORT.time, 29), COHORT.event))
    with pytest.raises(ArgumentError, match="breakpoints"):
        PiecewiseExponential([6.0, 6.0]).fit(X, Y)
    with pytest.raises(ArgumentError, match="time 0"):
        PiecewiseExponential().fit(X, Surv.right(np.where(np.arange(200) == 3, 0.0, COHORT.time), np.ones(200)))


# ---- mixture cure ----------------------------------------------------------------------------------------------------


def cured_sample(n: int = 400, seed: int = 5) -> np.ndarray:
    rng = np.random.default_rng(seed)
    never, time, end = rng.random(n) < 0.35, 6 * rng.weibull(1.4, n), rng.uniform(15, 40, n)
    return Surv.right(np.where(never, end, np.minimum(time, end)), ~never & (time <= end))


@pytest.mark.parametrize(
    ("distribution", "base"),
    [("weibull", "WeibullFitter"), ("lognormal", "LogNormalFitter"), ("loglogistic", "LogLogisticFitter")],
)
def test_cure_without_columns_is_lifelines_mixture(distribution, base):
    y = cured_sample()
    model = MixtureCure(distribution).fit(np.zeros((400, 0)), y)
    theirs = lifelines.MixtureCureFitter(getattr(lifelines, base)())
    theirs.fit(y["time"], y["event"], fit_options={"gtol": 1e-12, "ftol": 1e-16})
    assert model.log_likelihood_ >= theirs.log_likelihood_ - 1e-9
    expected = 1 - theirs.survival_function_at_times(TIMES).to_numpy()
    np.testing.assert_allclose(model.predict_risk(np.zeros((1, 0)), TIMES)[0], expected, atol=1e-5)  # where it stops
    names = {"weibull": ("lambda_", "rho_"), "lognormal": ("mu_", "sigma_"), "loglogistic": ("alpha_", "beta_")}
    location, shape = names[distribution]
    theirs.cured_fraction_ = float(model.predict_cured(np.zeros((1, 0)))[0])
    setattr(theirs, location, model.time_intercept_ if distribution == "lognormal" else np.exp(model.time_intercept_))
    setattr(theirs, shape, model.scale_ if distribution == "lognormal" else 1 / model.scale_)
    theirs._fitted_parameters_ = np.array([theirs.cured_fraction_, getattr(theirs, location), getattr(theirs, shape)])
    expected = 1 - theirs.survival_function_at_times(TIMES).to_numpy()
    np.testing.assert_allclose(model.predict_risk(np.zeros((1, 0)), TIMES)[0], expected, atol=1e-8)


def test_cured_share_of_a_plateau_is_that_of_the_curve():
    """Everybody else has the event long before anybody leaves: the share is a plain proportion with its odds' error."""
    y = Surv.right(np.r_[np.linspace(0.5, 3, 30), np.full(20, 100.0)], np.r_[np.ones(30), np.zeros(20)])
    model = MixtureCure().fit(np.zeros((50, 0)), y)
    np.testing.assert_allclose(model.predict_cured(np.zeros((1, 0))), 0.4, atol=1e-9)
    np.testing.assert_allclose(model.covariance_[0, 0], 1 / 20 + 1 / 30, rtol=1e-7)
    np.testing.assert_allclose(model.predict_risk(np.zeros((1, 0)), 90.0), 0.6, atol=1e-9)
    assert model.sufficient_follow_up_ == pytest.approx(0.4**50)


def test_cure_between_visits_keeps_those_who_never_have_it():
    y = cured_sample(1500)
    visits = np.array([0, 2, 4, 6, 9, 12, 18, 24, np.inf])
    place = np.searchsorted(visits, y["time"])
    found = (y["event"] == 1) & (place < 8)
    known = visits[np.maximum(np.searchsorted(visits, y["time"], side="right") - 1, 0)]
    between = Surv.interval(np.where(found, visits[place - 1], known), np.where(found, visits[place], np.inf))
    exact, seen = MixtureCure().fit(np.zeros((1500, 0)), y), MixtureCure().fit(np.zeros((1500, 0)), between)
    np.testing.assert_allclose(seen.predict_cured(np.zeros((1, 0))), exact.predict_cured(np.zeros((1, 0))), atol=0.02)
    np.testing.assert_allclose(
        seen.predict_risk(np.zeros((1, 0)), TIMES), exact.predict_risk(np.zeros((1, 0)), TIMES), atol=0.02
    )


def test_cure_weights_are_copies_and_parts_are_told_apart():
    y = cured_sample()
    x = pd.DataFrame({"x": np.random.default_rng(0).normal(size=400)})
    counts = 1 + np.arange(400) % 2
    rows = np.repeat(np.arange(400), counts)
    for acts_on, free in (("cured", 4), ("time", 4), ("both", 5)):
        weighted = MixtureCure(acts_on=acts_on).fit(x, y, sample_weight=Weights(counts, "frequency"))
        copied = MixtureCure(acts_on=acts_on).fit(x.iloc[rows], y[rows])
        np.testing.assert_allclose(weighted.predict_risk(x, TIMES), copied.predict_risk(x, TIMES), atol=1e-8)
        np.testing.assert_allclose(weighted.covariance_, copied.covariance_, rtol=1e-6, atol=1e-12)
        assert weighted.sufficient_follow_up_ == pytest.approx(copied.sufficient_follow_up_)
        assert len(weighted.to_frame()) == free
        assert len(weighted.table()) == free
    assert MixtureCure(acts_on="time").fit(x, y).cured_coef_.tolist() == [0.0]


@pytest.mark.parametrize(("last", "near"), [(10.0, 0), (9.0, 1), (8.0, 2)])
def test_follow_up_is_sufficient_by_the_events_near_the_last(last, near):
    """Events after 2t* − t, with t* the last event and t the end."""
    time = np.r_[np.linspace(1, 5, 20), 6.5, last, np.full(18, 10.0)]
    event = np.r_[np.ones(22), np.zeros(18)]
    model = MixtureCure().fit(np.zeros((40, 0)), Surv.right(time, event))
    assert model.sufficient_follow_up_ == pytest.approx((1 - near / 40) ** 40)
    assert bool(model.objections_) == (model.sufficient_follow_up_ >= 0.05)


def test_no_cured_share_is_told():
    steep = Surv.right(np.random.default_rng(1).weibull(2, 200), np.ones(200))
    with pytest.raises(EstimationError, match="ParametricAFT"):
        MixtureCure().fit(np.zeros((200, 0)), steep)


# ---- all -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("model", MODELS, ids=lambda model: type(model).__name__)
def test_model_files(model, tmp_path):
    X = COHORT[["c1"]]
    fitted = model.fit(X, Y)
    locked = lock(fitted)
    save_model(locked, tmp_path / "m.lbpm", reason="test")
    again = load_model(tmp_path / "m.lbpm")
    np.testing.assert_array_equal(again.predict_risk(X, TIMES), locked.predict_risk(X, TIMES))
    np.testing.assert_allclose(locked.predict_risk(X, TIMES), fitted.predict_risk(X, TIMES), atol=0.1)
    assert str(json.dumps(fitted.to_dict()))


@pytest.mark.parametrize("model", MODELS, ids=lambda model: type(model).__name__)
def test_what_lifelines_lacks_is_refused_by_name(model):
    for name in ("strata", "offset"):
        with pytest.raises(ArgumentError, match=name):
            model.fit(X, Y, **{name: np.zeros(200)})
    if isinstance(model, AalenAdditive):
        with pytest.raises(ArgumentError, match="clusters"):
            model.fit(X, Y, clusters=np.arange(200))
        with pytest.raises(ArgumentError, match="delayed entry"):
            model.fit(X, Surv.right(COHORT.time, COHORT.event, entry=0.5 * COHORT.time))
    competing = type(model)().fit(X, Surv.right(COHORT.time, COHORT.status))
    with pytest.raises(ArgumentError, match="competing"):
        competing.predict_risk(X, 12)


@pytest.mark.parametrize("model", MODELS, ids=lambda model: type(model).__name__)
def test_without_lifelines_the_extra_is_named(model, monkeypatch):
    _lifelines_adapter._piecewise_class.cache_clear()
    _lifelines_adapter._cure_class.cache_clear()
    real = builtins.__import__

    def absent(name):
        if name.split(".")[0] == "lifelines":
            raise ImportError(name)
        return real(name)

    monkeypatch.setattr("importlib.import_module", absent)
    with pytest.raises(MissingPackageError, match=r"adapters"):
        model.fit(X, Y)
