"""Regressions of nothing but an intercept or a baseline, and likelihood ratios of cause-specific models, as in R."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from syn import syn

from lbp_prognosis import Measured, Status, Surv
from lbp_prognosis._base import ArgumentError
from lbp_prognosis.models import (
    BoostedCox,
    CauseSpecificCox,
    CoxPH,
    DiscreteTimeHazard,
    ElasticNetCox,
    FineGray,
    LinearOutcome,
    LogisticRisk,
    OrdinalRegression,
    ParametricAFT,
    RoystonParmar,
)
from lbp_prognosis.survival import aalen_johansen
from lbp_prognosis.validation import added_value, likelihood_ratio

SMALL, LARGE = ["c1", "c2"], ["c1", "c2", "p1", "m1"]


@pytest.fixture(scope="module")
def cohort():
    return syn(n=240)


@pytest.fixture(scope="module")
def time(cohort):
    return Surv.right(cohort["time"], cohort["event"])


@pytest.fixture(scope="module")
def competing(cohort):
    return Surv.right(cohort["time"], cohort["status"])


@pytest.fixture(scope="module")
def expected():
    return json.loads((Path(__file__).parent / "r" / "without_predictors.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("distribution", ["weibull", "exponential", "lognormal", "loglogistic"])
def test_survreg_of_an_intercept(cohort, time, expected, distribution):
    model, want = ParametricAFT(distribution).fit(cohort[[]], time), expected[distribution]
    assert model.intercept_ == pytest.approx(want["intercept"], abs=1e-9)
    assert model.scale_ == pytest.approx(want["scale"], abs=1e-9)
    assert model.log_likelihood_ == model.log_likelihood_null_ == pytest.approx(want["loglik"], abs=1e-9)
    np.testing.assert_allclose(model.covariance_, want["vcov"], rtol=1e-6)
    assert model.predict_risk(cohort[[]].head(3), 12.0).shape == (3, 1)


def test_cox_is_the_curve_of_all(cohort, time, expected):
    model = CoxPH().fit(cohort[[]], time)
    np.testing.assert_allclose(model.predict_risk(cohort[[]].head(1), [6, 12])[0], expected["cox"]["risk"], rtol=1e-9)
    assert model.log_likelihood_ == pytest.approx(expected["cox"]["loglik"], rel=1e-12)
    robust, none = CoxPH(variance="robust").fit(np.zeros((240, 0)), time), np.zeros((2, 0))
    np.testing.assert_array_equal(robust.predict_risk(none, 12.0), model.predict_risk(cohort[[]].head(2), 12.0))


def test_other_regressions(cohort, time, competing, expected):
    nobody = cohort[[]]
    logistic = LogisticRisk().fit(nobody, Status.at(12, cohort["y"]))
    assert logistic.intercept_ == pytest.approx(expected["logistic"]["intercept"], rel=1e-9)
    assert logistic.to_frame()["se"].tolist() == pytest.approx([expected["logistic"]["se"]], rel=1e-6)
    assert logistic.log_likelihood_ == pytest.approx(expected["logistic"]["loglik"], rel=1e-12)
    score = np.clip(np.round(10 - cohort["time"] / 4), 0, 10)
    y = Measured.at(12, score, lower=0, upper=10, at_most=5)
    ordinal, linear = OrdinalRegression().fit(nobody, y), LinearOutcome().fit(nobody, y)
    assert ordinal.predict_risk(nobody.head(1), 12)[0, 0] == pytest.approx(expected["ordinal"]["risk"], rel=1e-9)
    assert ordinal.log_likelihood_ == pytest.approx(expected["ordinal"]["loglik"], rel=1e-9)
    assert linear.intercept_ == pytest.approx(expected["linear"]["intercept"], rel=1e-12)
    assert linear.to_frame()["se"].iloc[0] == pytest.approx(expected["linear"]["se"], rel=1e-9)
    assert linear.sigma_ == pytest.approx(expected["linear"]["sigma"], rel=1e-9)
    # one degree of freedom is the Weibull model
    weibull = ParametricAFT().fit(nobody, time).predict_risk(nobody.head(1), [3, 12])
    np.testing.assert_allclose(RoystonParmar(df=1).fit(nobody, time).predict_risk(nobody.head(1), [3, 12]), weibull)


def test_competing_causes_without_predictors_are_aalen_johansen(cohort, competing):
    nobody, want = cohort[[]], aalen_johansen(competing).at([6.0, 12.0]).value
    found = CauseSpecificCox().fit(nobody, competing).predict_risk(nobody.head(1), [6, 12])[0]
    np.testing.assert_allclose(found, want, rtol=1e-10)
    fine_gray = FineGray(ties="breslow").fit(nobody, competing).predict_risk(nobody.head(1), [6, 12])[0]
    np.testing.assert_allclose(fine_gray, want, atol=2e-3)  # exp(−Σ h) for the product of 1 − h


def test_visits_without_predictors_are_counted(cohort):
    nobody, found = cohort[[]], np.ceil(cohort["time"] / 6) * 6
    y = Surv.interval(found - 6, np.where(cohort["event"] == 1, found, np.inf))
    at_risk = [((y["upper"] >= end) & ((y["lower"] >= end) | np.isfinite(y["upper"]))).sum() for end in (6, 12)]
    events = [((y["upper"] == end) & (y["event"] == 1)).sum() for end in (6, 12)]
    free = np.prod(1 - np.array(events) / np.array(at_risk))
    assert DiscreteTimeHazard().fit(nobody, y).predict_risk(nobody.head(1), 12.0)[0, 0] == pytest.approx(1 - free)


@pytest.mark.parametrize("model", [ElasticNetCox(), BoostedCox(rounds=2)])
def test_models_that_choose_among_predictors_need_one(model, cohort, time):
    if isinstance(model, BoostedCox):
        pytest.importorskip("xgboost")
    with pytest.raises(ArgumentError, match="at least one column"):
        model.fit(cohort[[]], time)


def test_likelihood_ratio_sums_over_causes(cohort, competing, expected):
    want = expected["cause_specific"]
    fits = [CauseSpecificCox().fit(cohort[columns], competing) for columns in (SMALL, LARGE)]
    found = likelihood_ratio(*fits, cohort[SMALL], cohort[LARGE])
    assert (found.df, found.lr_without, found.lr_with) == (
        4,
        pytest.approx(want["lr_without"], abs=1e-8),
        pytest.approx(want["lr_with"], abs=1e-8),
    )
    assert found.statistic == pytest.approx(want["statistic"], abs=1e-8)
    assert found.p == pytest.approx(want["p"], rel=1e-7)
    assert found.fraction_new == pytest.approx(want["statistic"] / want["lr_with"], abs=1e-9)
    for cause, spread in zip((1, 2), want["spread"]):
        of_cause = likelihood_ratio(*fits, cohort[SMALL], cohort[LARGE], cause=cause)
        assert of_cause.fraction_new_variance == pytest.approx(spread, abs=1e-7)


def test_likelihood_ratio_against_no_predictor(cohort, competing, expected):
    nothing, all_of_them = (CauseSpecificCox().fit(cohort[columns], competing) for columns in ([], LARGE))
    found = likelihood_ratio(nothing, all_of_them, cohort[[]], cohort[LARGE])
    assert (found.df, found.lr_without, found.fraction_new) == (8, 0.0, 1.0)
    assert found.p == pytest.approx(expected["cause_specific"]["against_nothing"], rel=1e-6)


def test_added_value_of_a_cause_specific_model_has_a_likelihood_ratio(cohort, competing, expected):
    modalities = {"clinical": SMALL, "imaging": ["p1", "m1"]}
    found = added_value(
        CauseSpecificCox(), cohort[LARGE], competing, modalities, 12, n_splits=3, n_repeats=1, random_state=1
    )
    assert found.likelihood_ratio is not None
    assert found.likelihood_ratio.p == pytest.approx(expected["cause_specific"]["p"], rel=1e-7)
    assert found.likelihood_ratio.statistic == pytest.approx(expected["cause_specific"]["statistic"], abs=1e-8)
