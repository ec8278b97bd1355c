"""`StackedRisk` and `AverageRisk` of scores: cross-fitting by patient, weights by CRPS or at the cut, recalibration."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.special import logit
from sklearn.base import BaseEstimator

from lbp_prognosis import LBPError
from lbp_prognosis._base import ArgumentError, EstimationError, OutcomeError
from lbp_prognosis.deployment import lock
from lbp_prognosis.evaluation import evaluate
from lbp_prognosis.evaluation.prognostic import brier, crps, log_score
from lbp_prognosis.explain import prediction_shapley
from lbp_prognosis.fusion import MultipleImputation, RiskPipeline, Standardise
from lbp_prognosis.models import (
    AverageRisk,
    CoxPH,
    LinearOutcome,
    LogisticRisk,
    OrdinalRegression,
    RiskStratifier,
    StackedRisk,
    TwoPartOutcome,
)
from lbp_prognosis.models._average_risk import _quartiles
from lbp_prognosis.models._base import RiskEstimator
from lbp_prognosis.survival import Measured, ScoreForecast, Status, Weights, measured_to_status
from lbp_prognosis.validation import validate_groups

N = 240
RNG = np.random.default_rng(7)
MODALITIES = {"clinical": ["pain", "age"], "imaging": ["modic", "facet"]}
X = pd.DataFrame(RNG.normal(size=(N, 4)), columns=["pain", "age", "modic", "facet"])
LATENT = 4 + 1.6 * X["pain"] + 0.7 * X["modic"] + RNG.logistic(scale=1.2, size=N)
VALUE = np.where(np.arange(N) % 9 == 0, np.nan, np.clip(np.round(LATENT), 0, 10))
Y = Measured.at(12, VALUE, lower=0, upper=10, at_most=3)


class Fixed(BaseEstimator):
    """A model that reads the distribution of each patient from columns, one per level."""

    def __init__(self, columns: tuple[str, ...] = (), levels: tuple[float, ...] = ()) -> None:
        self.columns = columns
        self.levels = levels

    def fit(self, X: pd.DataFrame, y: np.ndarray, **rows: Any) -> Fixed:
        self.levels_ = np.array(self.levels)
        return self

    def predict_forecast(self, X: pd.DataFrame, *, offset: Any = None) -> ScoreForecast:
        return ScoreForecast(self.levels, X[list(self.columns)].to_numpy())

    def predict_risk(self, X: pd.DataFrame, horizons: Any = None, cause: int = 1) -> np.ndarray:
        return self.predict_forecast(X).at_most(3)[:, None]


def two_fixed(rng: np.random.Generator) -> tuple[pd.DataFrame, dict[str, Fixed]]:
    """Return distributions on different levels, which miss some observed scores."""
    a, b = rng.dirichlet(np.ones(5), N), rng.dirichlet(np.ones(4), N)
    names = [f"a{k}" for k in range(5)], [f"b{k}" for k in range(4)]
    frame = pd.DataFrame(np.hstack([a, b]), columns=[*names[0], *names[1]])
    return frame, {
        "a": Fixed(tuple(names[0]), (0.0, 2.0, 3.0, 7.0, 10.0)),
        "b": Fixed(tuple(names[1]), (1.0, 3.0, 5.5, 9.0)),
    }


def learners() -> dict[str, Any]:
    return {"clinical": OrdinalRegression(), "clinical+imaging": OrdinalRegression(), "linear": LinearOutcome()}


# ---- cross-fitting -----------------------------------------------------------------------------------------------


class Seen(BaseEstimator):
    """A model that remembers its patients, and says 0 for them and 10 for others."""

    def fit(self, X: pd.DataFrame, y: np.ndarray, **rows: Any) -> Seen:
        self.known_ = set(X["id"])
        self.levels_ = np.array([0.0, 10.0])
        return self

    def predict_forecast(self, X: pd.DataFrame, *, offset: Any = None) -> ScoreForecast:
        known = X["id"].isin(self.known_).to_numpy(dtype=float)
        return ScoreForecast([0, 10], np.column_stack([known, 1 - known]))

    def predict_risk(self, X: pd.DataFrame, horizons: Any = None, cause: int = 1) -> np.ndarray:
        return self.predict_forecast(X).at_most(3)[:, None]


def test_no_distribution_comes_from_a_model_that_saw_the_patient() -> None:
    rows = pd.DataFrame({"id": np.repeat(np.arange(30), 2)})
    y = Measured.at(12, np.tile([0, 4], 30), lower=0, upper=10)
    stack = StackedRisk({"memory": Seen()}, cv=4).fit(rows, y, clusters=rows["id"])
    # 10 for all patients: 10 points from 0, 6 from 4
    assert stack.cross_validated_loss_["loss"][0] == pytest.approx(8.0, rel=1e-12)


# ---- weights -----------------------------------------------------------------------------------------------------


def test_weight_by_hand() -> None:
    """One learner always says 0, the other 10; ¾ of the patients have 0: the CRPS is 10 [¾(1 − α)² + ¼α²]."""
    frame = pd.DataFrame({"one": np.ones(40), "none": np.zeros(40)})
    y = Measured.at(12, np.tile([0, 0, 10, 0], 10), lower=0, upper=10)
    always = {"zero": Fixed(("one", "none"), (0.0, 10.0)), "ten": Fixed(("none", "one"), (0.0, 10.0))}
    stack = StackedRisk(always, cv=2).fit(frame, y)
    np.testing.assert_allclose(stack.weights_["weight"], [0.75, 0.25], rtol=1e-12)
    loss = stack.cross_validated_loss_.set_index("learner")["loss"]
    np.testing.assert_allclose(loss[["zero", "ten", "stack"]], [2.5, 7.5, 10 * 0.1875], rtol=1e-12)
    np.testing.assert_allclose(stack.predict_distribution(frame.head(2)), [[0.75, 0.25]] * 2, rtol=1e-12)
    assert stack.predict_mean(frame.head(1)) == pytest.approx([2.5])
    best = StackedRisk(always, cv=2, discrete=True).fit(frame, y)
    np.testing.assert_array_equal(best.weights_["weight"], [1, 0])


@pytest.mark.parametrize("sampled", [None, Weights(np.arange(N) % 3 + 0.5, "sampling")])
def test_losses_and_their_errors_are_those_of_crps(sampled: Weights | None) -> None:
    frame, fixed = two_fixed(np.random.default_rng(1))
    table = StackedRisk(fixed, cv=2).fit(frame, Y, sample_weight=sampled).cross_validated_loss_
    found = [crps(Y, one.fit(frame, Y).predict_forecast(frame), sample_weight=sampled) for one in fixed.values()]
    np.testing.assert_allclose(table["loss"][:2], [r.value for r in found], rtol=1e-12)
    np.testing.assert_allclose(table["se"][:2], [r.se for r in found], rtol=1e-9)
    best = int(np.argmin(table["loss"][:2]))
    difference = found[1 - best].minus(found[best])
    np.testing.assert_allclose(table["versus_best"][1 - best], difference.value, rtol=1e-9)
    np.testing.assert_allclose(table["versus_best_se"][1 - best], difference.se, rtol=1e-9)


def test_losses_by_cluster_are_those_of_crps() -> None:
    frame, fixed = two_fixed(np.random.default_rng(2))
    site = np.arange(N) // 6
    table = StackedRisk(fixed, cv=2).fit(frame, Y, clusters=site).cross_validated_loss_
    found = [crps(Y, one.fit(frame, Y).predict_forecast(frame), clusters=site) for one in fixed.values()]
    np.testing.assert_allclose(table["se"][:2], [r.se for r in found], rtol=1e-9)


def test_weights_are_the_minimum_over_a_fine_grid() -> None:
    frame, fixed = two_fixed(np.random.default_rng(3))
    stack = StackedRisk(fixed, cv=2).fit(frame, Y)
    a, b = (one.fit(frame, Y).predict_forecast(frame) for one in fixed.values())
    levels = np.union1d(a.levels, b.levels)

    def mixed(alpha: float) -> float:
        shares = np.zeros((N, levels.size))
        shares[:, np.searchsorted(levels, a.levels)] += alpha * a.probability
        shares[:, np.searchsorted(levels, b.levels)] += (1 - alpha) * b.probability
        return crps(Y, ScoreForecast(levels, shares)).value

    alpha = float(stack.weights_["weight"][0])
    assert 0.05 < alpha < 0.95
    assert mixed(alpha) == pytest.approx(stack.cross_validated_loss_.set_index("learner")["loss"]["stack"], rel=1e-12)
    assert all(mixed(alpha) < mixed(alpha + shift) for shift in (-1e-4, 1e-4))


@pytest.mark.parametrize(("meta", "metric"), [("brier_at_cut", brier), ("log_score", log_score)])
def test_at_the_cut_the_stack_is_that_of_the_state(meta: str, metric: Any) -> None:
    frame, fixed = two_fixed(np.random.default_rng(4))
    folds = np.arange(N) % 3
    scored = StackedRisk(fixed, meta=meta).fit(frame, Y, folds=folds)
    state = measured_to_status(Y)
    plain = StackedRisk(fixed, meta="log_score" if meta == "log_score" else "brier_simplex")
    plain.fit(frame, state, folds=folds)
    np.testing.assert_allclose(scored.weights_["weight"], plain.weights_["weight"], rtol=1e-12)
    pd.testing.assert_frame_equal(scored.cross_validated_loss_, plain.cross_validated_loss_)
    risk = next(iter(fixed.values())).fit(frame, Y).predict_risk(frame)[:, 0]
    assert scored.cross_validated_loss_["loss"][0] == pytest.approx(metric(state, risk, 12).value, rel=1e-12)


def test_order_of_learners_is_nothing_and_no_single_one_is_better() -> None:
    first = StackedRisk(learners(), modalities=MODALITIES, cv=3).fit(X, Y)
    loss = first.cross_validated_loss_.set_index("learner")["loss"]
    assert loss["stack"] <= loss.iloc[:3].min() + 1e-12
    turned = StackedRisk(dict(list(learners().items())[::-1]), modalities=MODALITIES, cv=3).fit(X, Y)
    mine, theirs = (stack.weights_.set_index("learner")["weight"] for stack in (first, turned))
    np.testing.assert_allclose(mine, theirs[mine.index], atol=1e-8)
    assert first.weights_.columns.tolist() == ["learner", "weight", "share", "low", "high"]
    assert first.weights_["weight"].sum() == pytest.approx(1)
    assert (first.weights_["weight"] >= 0).all()
    # the learner that has the imaging is needed: its weight is above 0 in nearly all resamples
    assert first.weights_.set_index("learner")["share"]["clinical+imaging"] > 0.9
    assert np.isfinite(loss).all()
    clinical = first.cross_validated_loss_.set_index("learner")["versus_clinical"]
    assert clinical["stack, weights cross-fitted"] < 0


# ---- predictions -------------------------------------------------------------------------------------------------


def test_the_stack_is_the_mixture_of_its_learners() -> None:
    both = {"ordinal": OrdinalRegression(), "two": TwoPartOutcome(LogisticRisk(), LinearOutcome())}
    stack = StackedRisk(both, cv=3).fit(X, Y)
    alpha, new = stack.weights_["weight"].to_numpy(), X.head(7)
    forecasts = [model.predict_forecast(new) for model in stack.models_.values()]
    forecast = stack.predict_forecast(new)
    np.testing.assert_allclose(stack.predict_mean(new), np.column_stack([f.mean() for f in forecasts]) @ alpha)
    for cut in (0, 3, 4.5, 10):
        parts = np.column_stack([f.at_most(cut) for f in forecasts])
        np.testing.assert_allclose(stack.predict_risk(new, at_most=cut)[:, 0], parts @ alpha, atol=1e-14)
    np.testing.assert_allclose(stack.predict_risk(new), stack.predict_risk(new, 12, at_most=3), rtol=1e-14)
    np.testing.assert_allclose(stack.predict_risk(new, at_least=4), 1 - stack.predict_risk(new), atol=1e-12)
    assert np.isnan(stack.predict_risk(new, [6, 12])[:, 0]).all()
    np.testing.assert_array_equal(stack.predict_quantile(new, method="discrete"), forecast.quantile(0.5))
    np.testing.assert_allclose(stack.learner_risks(new, 12)["two"], forecasts[1].at_most(3), rtol=1e-12)
    assert stack.score(X, Y) == pytest.approx(-crps(Y, stack.predict_forecast(X)).value, rel=1e-12)
    assert evaluate(Y, stack.predict_forecast(X)).to_frame()["metric"].eq("crps").any()
    again = RiskEstimator.from_dict(json.loads(json.dumps(stack.to_dict(), allow_nan=False)))
    np.testing.assert_array_equal(again.predict_distribution(new), stack.predict_distribution(new))


def test_patients_without_imaging_get_weights_of_their_own() -> None:
    some = X.copy()
    some.loc[np.arange(N) % 4 == 1, MODALITIES["imaging"]] = np.nan
    stack = StackedRisk(
        {"clinical": OrdinalRegression(), "clinical+imaging": OrdinalRegression()}, modalities=MODALITIES, cv=3
    ).fit(some, Y)
    rows = stack.pattern_weights_.set_index("pattern")
    np.testing.assert_allclose(rows.loc["clinical", ["clinical", "clinical+imaging"]].astype(float), [1, 0])
    lacking = some[np.arange(N) % 4 == 1].head(5)
    np.testing.assert_allclose(
        stack.predict_distribution(lacking),
        stack.models_["clinical"].predict_distribution(lacking[MODALITIES["clinical"]]),
        atol=1e-12,
    )
    with pytest.raises(ArgumentError, match="X"):
        stack.predict_mean(some.head(3).assign(pain=np.nan, age=np.nan))


def test_a_pipeline_has_the_stack_of_scores_as_model_and_as_learner() -> None:
    inner = {"clinical": RiskPipeline([Standardise()], OrdinalRegression()), "all": OrdinalRegression()}
    stack = StackedRisk(inner, modalities=MODALITIES, cv=3).fit(X, Y)
    plain = StackedRisk({"clinical": OrdinalRegression(), "all": OrdinalRegression()}, modalities=MODALITIES, cv=3)
    np.testing.assert_allclose(stack.predict_mean(X), plain.fit(X, Y).predict_mean(X), rtol=1e-6)
    outer = RiskPipeline([Standardise()], StackedRisk({"all": OrdinalRegression(), "line": LinearOutcome()}, cv=3))
    forecast = outer.fit(X, Y).predict_forecast(X.head(4))
    np.testing.assert_allclose(forecast.mean(), outer.predict_mean(X.head(4)), rtol=1e-12)


def test_a_pipeline_completes_the_distribution_its_quantiles_and_risks_at_any_cut() -> None:
    some = X.copy()
    some.loc[np.arange(N) % 3 == 1, "age"] = np.nan
    filled = RiskPipeline([MultipleImputation(m=2, iterations=2, draws=4)], OrdinalRegression()).fit(some, Y)
    rows = some.head(6).set_axis([f"p{i}" for i in range(6)])
    forecast = filled.predict_forecast(rows)
    np.testing.assert_allclose(filled.predict_distribution(rows) @ filled.levels_, forecast.mean(), rtol=1e-12)
    np.testing.assert_array_equal(filled.predict_quantile(rows, 0.9, method="discrete"), forecast.quantile(0.9))
    np.testing.assert_allclose(filled.predict_risk(rows)[:, 0], forecast.at_most(3), rtol=1e-12)  # the declared cut
    np.testing.assert_allclose(filled.predict_risk(rows, at_least=6)[:, 0], forecast.at_least(6), rtol=1e-12)
    cuts = pd.Series([1.0, 5, 1, 5, 1, 5], index=rows.index)
    both = np.where(cuts == 1, forecast.at_most(1), forecast.at_most(5))
    np.testing.assert_allclose(filled.predict_risk(rows, at_most=cuts[::-1])[:, 0], both, rtol=1e-12)
    means = prediction_shapley(filled, X.head(2), MODALITIES, X.tail(60), scale="mean")
    np.testing.assert_allclose(means.prediction[:, 0], filled.predict_mean(X.head(2)), rtol=1e-12)
    band = filled.predict_risk_band(rows, at_most=5)
    assert (band.low <= band.risk).all()
    assert (band.risk <= band.high).all()
    np.testing.assert_array_equal((band.low < band.high)[:, 0], some.head(6)["age"].isna())
    state = RiskPipeline([], LogisticRisk()).fit(X, measured_to_status(Y))
    assert not hasattr(state, "predict_quantile")
    with pytest.raises(ArgumentError, match="`at_most` must be left out"):
        state.predict_risk(X, 12, at_most=3)
    with pytest.raises(ArgumentError, match="`horizons`"):
        state.predict_risk(X)


def test_risk_groups_of_a_score_are_of_the_risk_at_its_cut() -> None:
    rule = RiskStratifier(OrdinalRegression(), n_groups=3, cv=3).fit(X, Y)
    own = OrdinalRegression().fit(X, Y)
    np.testing.assert_allclose(rule.predict_risk(X), own.predict_risk(X), rtol=1e-12)
    np.testing.assert_allclose(rule.predict_risk(X, at_least=6), own.predict_risk(X, at_least=6), rtol=1e-12)
    risk = own.predict_risk(X)[:, 0]
    np.testing.assert_array_equal(rule.predict_group(X), np.searchsorted(rule.cuts_, risk, side="right"))
    found = validate_groups(RiskStratifier(OrdinalRegression(), cuts=[0.4]), X, Y, n_splits=3, n_resamples=0)
    seen = (found.groups == 1) & ~np.isnan(VALUE)
    assert found.table["observed"][1] == pytest.approx((VALUE[seen] <= 3).mean(), rel=1e-12)
    for y, horizon, words in ((Measured.at(12, VALUE, lower=0, upper=10), None, "cut"), (Y, 6, "visit of the outcome")):
        with pytest.raises(ArgumentError, match=words):
            RiskStratifier(OrdinalRegression(), horizon=horizon, cuts=[0.4]).fit(X, y)
    with pytest.raises(ArgumentError, match="12, the visit of the outcome"):
        RiskStratifier(LogisticRisk(), horizon=6, cuts=[0.4]).fit(X, Status.at(12, (np.nan_to_num(VALUE) <= 3) * 1))


# ---- averages ----------------------------------------------------------------------------------------------------


def test_average_by_hand() -> None:
    frame, fixed = two_fixed(np.random.default_rng(5))
    a, b = (one.fit(frame, Y).predict_forecast(frame) for one in fixed.values())
    plain = AverageRisk(fixed, scale="risk", recalibrate=False).fit(frame, Y)
    np.testing.assert_allclose(plain.predict_mean(frame), (a.mean() + b.mean()) / 2, rtol=1e-7)
    odds = AverageRisk(fixed, scale="logit", recalibrate=False).fit(frame, Y)
    for cut in (3, 5.5, 7):
        half = (logit(a.at_most(cut)) + logit(b.at_most(cut))) / 2
        np.testing.assert_allclose(odds.predict_risk(frame, at_most=cut)[:, 0], 1 / (1 + np.exp(-half)), rtol=1e-9)
    # no learner has mass at 10 or below 0 but at its own levels
    np.testing.assert_allclose(odds.predict_risk(frame, at_most=10), 1, rtol=1e-15)
    assert odds.levels_.tolist() == [0, 1, 2, 3, 5.5, 7, 9, 10]


def test_recalibration_solves_its_score_equations() -> None:
    """On log odds Σ (P(Y ≤ c) − 1{y ≤ c}) over patients and cuts is 0, also times the place of the patient."""
    frame, fixed = two_fixed(np.random.default_rng(6))
    model = AverageRisk(fixed, scale="logit").fit(frame, Y)
    seen = ~np.isnan(VALUE)
    quartiles = np.quantile(VALUE[seen], [0.25, 0.5, 0.75], method="inverted_cdf")
    assert model.cuts_.tolist() == np.unique([*quartiles, 3.0]).tolist()
    assert model.recalibration_["horizon"] == 3.0
    gap = sum(model.predict_risk(frame, at_most=cut)[:, 0] - (VALUE <= cut) for cut in model.cuts_)
    a, b = (one.fit(frame, Y).predict_forecast(frame) for one in fixed.values())
    place = (logit(a.at_most(3)) + logit(b.at_most(3))) / 2 - model.recalibration_["centre"]
    assert abs(gap[seen].sum()) < 1e-5
    if model.recalibration_["slope"] > 0:
        assert abs((gap * place)[seen].sum()) < 1e-5


def test_a_frequency_is_so_many_copies_at_the_cuts_too() -> None:
    """Weights move the quartiles: half of the weight on low scores, and a row of weight 0 that is not there."""
    frame, fixed = two_fixed(np.random.default_rng(8))
    copies = np.where(VALUE <= 2, 4, 1)
    copies[5] = 0
    rows = np.repeat(np.arange(N), copies)
    labels = np.arange(N) % 3
    model = AverageRisk(fixed, scale="logit")
    weighted = model.fit(frame, Y, sample_weight=Weights(copies, "frequency"), folds=labels)
    found, cuts = dict(weighted.recalibration_), weighted.cuts_.tolist()
    assert cuts != model.fit(frame, Y, folds=labels).cuts_.tolist()
    written = model.fit(frame.iloc[rows].reset_index(drop=True), Y[rows], folds=labels[rows])
    assert cuts == written.cuts_.tolist()
    np.testing.assert_allclose(list(found.values()), list(written.recalibration_.values()), rtol=1e-6, atol=1e-9)


def test_quartiles_by_weight_stand_on_the_border() -> None:
    values, weights = np.array([3.0, 1, 2, 4]), np.array([1.0, 1, 1, 1])
    assert _quartiles(values, weights).tolist() == [1, 2, 3]  # as inverted_cdf
    assert _quartiles(values, 0.1 * weights).tolist() == [1, 2, 3]  # sums of tenths
    assert _quartiles(values, np.array([1, 1.01, 1, 1])).tolist() == [1, 2, 3]
    assert _quartiles(values, np.array([1, 0.99, 1, 1])).tolist() == [2, 3, 4]


def test_a_mean_of_models_is_too_cautious_and_is_stretched() -> None:
    halves = {"pain": OrdinalRegression(), "modic": OrdinalRegression()}
    groups = {"pain": ["pain"], "modic": ["modic"]}
    model = AverageRisk(halves, modalities=groups, cv=4).fit(X, Y)
    assert model.recalibration_["slope"] > 1.2
    flat = AverageRisk(halves, modalities=groups, recalibrate=False).fit(X, Y)
    assert crps(Y, model.predict_forecast(X)).value < crps(Y, flat.predict_forecast(X)).value
    assert (np.diff(model.predict_forecast(X).cumulative(), axis=1) >= -1e-15).all()
    again = RiskEstimator.from_dict(json.loads(json.dumps(model.to_dict(), allow_nan=False)))
    np.testing.assert_array_equal(again.predict_mean(X), model.predict_mean(X))


@pytest.mark.parametrize("value", [[10] * 36 + [0, 1, 2, 9], [0] * 39 + [10], [0, 10] * 20])
def test_average_at_a_ceiling_a_floor_and_two_scores(value: list[int]) -> None:
    x = pd.DataFrame({"x": np.linspace(-1, 1, 40)})
    y = Measured.at(12, value, lower=0, upper=10)
    flat = {"one": LinearOutcome(), "two": LinearOutcome()}
    folds = np.arange(40) % 2 if value[-1] != 10 else (np.arange(40) < 20).astype(int)
    if np.unique(np.asarray(value)[folds == 0]).size < 2 or np.unique(np.asarray(value)[folds == 1]).size < 2:
        with pytest.raises(EstimationError, match="two different scores"):
            AverageRisk(flat).fit(x, y, folds=folds)
        return
    model = AverageRisk(flat).fit(x, y, folds=folds)
    assert (model.cuts_ < max(value)).all()
    np.testing.assert_allclose(model.predict_distribution(x).sum(axis=1), 1, rtol=1e-12)


def test_a_locked_average_knows_no_score_of_a_patient() -> None:
    exact = np.clip(LATENT.to_numpy() + np.random.default_rng(2).uniform(0, 1e-3, N), 0.001, 9.999)
    y = Measured.at(12, exact, lower=0, upper=10, kind="continuous")
    model = AverageRisk({"line": LinearOutcome(), "ordinal": OrdinalRegression()}, cv=2).fit(X, y)
    locked = lock(model).unlocked
    assert not set(locked.cuts_) & set(exact)
    assert locked.recalibration_["horizon"] not in set(exact)
    np.testing.assert_allclose(locked.predict_mean(X), model.predict_mean(X), atol=0.02)
    line = LinearOutcome().fit(X, y)  # levels that fall together are compared with all that they were
    report = lock(line).report
    assert 0 < report.largest_change < 0.01


def test_models_of_earlier_files_predict() -> None:
    state = Status.at(12, np.where(np.isnan(VALUE), -1, VALUE <= 3).astype(int))
    for model in (StackedRisk({"a": LogisticRisk()}, cv=2), AverageRisk({"a": LogisticRisk()}, cv=2)):
        now = model.fit(X, state).predict_risk(X, 12)
        del model.of_scores_
        np.testing.assert_array_equal(model.predict_risk(X, 12), now)
        assert np.isfinite(model.score(X, state))
    two = TwoPartOutcome(LogisticRisk(penalty=1.0)).fit(X, Y)
    now = two.predict_mean(X)
    del two.categories_
    np.testing.assert_array_equal(two.predict_mean(X), now)


# ---- refusals ----------------------------------------------------------------------------------------------------


def test_wrong_calls_are_told() -> None:
    plain = Measured.at(12, VALUE, lower=0, upper=10)
    for meta in ("log_score", "brier_at_cut"):
        with pytest.raises(ArgumentError, match="declared cut"):
            StackedRisk(learners(), modalities=MODALITIES, meta=meta).fit(X, plain)
    with pytest.raises(OutcomeError):
        StackedRisk(learners(), modalities=MODALITIES, meta="cox_nonneg").fit(X, Y)
    with pytest.raises(ArgumentError, match="predict_forecast"):
        StackedRisk({"cox": CoxPH(), "line": LinearOutcome()}).fit(X, Y)
    with pytest.raises(ArgumentError, match="horizons"):
        StackedRisk(learners(), modalities=MODALITIES, horizons=6).fit(X, Y)
    with pytest.raises(ArgumentError, match="always"):
        StackedRisk(learners(), modalities=MODALITIES, always=("age",)).fit(X, Y)
    state = Status.at(12, np.where(np.isnan(VALUE), -1, VALUE <= 3).astype(int))
    with pytest.raises(ArgumentError, match="meta"):
        StackedRisk({"a": LogisticRisk()}, meta="brier_at_cut").fit(X, state)
    risks = StackedRisk({"a": LogisticRisk()}, cv=2).fit(X, state)
    assert not hasattr(risks, "predict_forecast")
    with pytest.raises(ArgumentError, match="at_most"):
        risks.predict_risk(X, 12, at_most=3)
    uncut = StackedRisk(learners(), modalities=MODALITIES, cv=2).fit(X, plain)
    with pytest.raises(ArgumentError, match="at_most"):
        uncut.predict_risk(X)
    assert uncut.predict_risk(X, at_most=[3.0] * N).shape == (N, 1)
    with pytest.raises(LBPError):
        StackedRisk(learners(), modalities=MODALITIES).fit(X, Measured.at(12, [np.nan] * N, lower=0, upper=10))
