"""Cumulative link models against R's ordinal, MASS and rms."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from lbp_prognosis import Measured
from lbp_prognosis.evaluation import crps, ordinal_concordance, score_r2
from lbp_prognosis.models import LinearOutcome, OrdinalRegression, ordinal_indices, proportional_odds_test

SHARED = Path(__file__).resolve().parents[3] / "shared"
ROUND2 = SHARED / "reference" / "round2"
pytestmark = pytest.mark.skipif(not ROUND2.is_dir(), reason="the reference values are absent")


@pytest.fixture(scope="module")
def values():
    return json.loads((ROUND2 / "ordinal.json").read_text())


@pytest.mark.parametrize("link", ["logit", "probit", "cloglog"])
def test_ordinal_regression_equals_clm_on_anderson(values, link) -> None:
    ref = values["backpain_anderson"]
    found = ref[{"logit": "logistic"}.get(link, link)]
    d = pd.read_csv(SHARED / "data" / "backpain_anderson1984" / "backPain.csv")
    score = d["pain"].map({word: k for k, word in enumerate(ref["levels"])})
    X = d[["x1", "x2", "x3"]]
    model = OrdinalRegression(link=link).fit(X, Measured.at(0.75, score, lower=0, upper=5))
    close = {"rtol": 1e-8, "atol": 1e-10}
    np.testing.assert_allclose(model.coef_, list(found["beta"].values()), **close)
    np.testing.assert_allclose(model.thresholds_, list(found["thresholds"].values()), **close)
    errors = np.r_[model.threshold_errors_, np.sqrt(np.diag(model.covariance_))]
    np.testing.assert_allclose(errors, list(found["se"].values()), **close)
    assert model.log_likelihood_ == pytest.approx(found["logLik"], rel=1e-10)
    new = pd.DataFrame(ref["new"])
    np.testing.assert_allclose(model.predict_distribution(new), found["predict_new"], **close)
    if link == "logit":
        ratio = 2 * (model.log_likelihood_ - model.log_likelihood_null_)
        assert ratio == pytest.approx(ref["lrm_stats"]["Model L.R."], rel=1e-9)


@pytest.fixture(scope="module")
def painr(values):
    ref = values["painr_nrs6m"]
    names = list(ref["beta"])
    d = pd.read_csv(SHARED / "data" / "painr" / "painr_raw_603.csv").dropna(subset=[*names])
    return d[names], Measured.at(6, d["painint_6months"], lower=0, upper=10, at_most=2), ref


def test_pain_at_six_months_equals_orm(painr) -> None:
    X, y, ref = painr
    model = OrdinalRegression().fit(X, y)
    assert model.n_ == ref["n"]
    close = {"rtol": 1e-8, "atol": 1e-10}
    np.testing.assert_allclose(model.coef_, list(ref["beta"].values()), **close)
    np.testing.assert_allclose(model.thresholds_, list(ref["alpha"].values()), **close)
    np.testing.assert_allclose(
        np.r_[model.threshold_errors_, np.sqrt(np.diag(model.covariance_))], list(ref["se"].values()), **close
    )
    new = pd.DataFrame(ref["new"])
    np.testing.assert_allclose(model.predict_distribution(new), ref["predict_prob"], **close)
    np.testing.assert_allclose(model.predict_mean(new), ref["predict_mean"], **close)
    np.testing.assert_allclose(model.predict_risk(new)[:, 0], ref["predict_P_le_2"], **close)
    np.testing.assert_allclose(model.predict_quantile(new), ref["orm_quantile50"], **close)
    assert model.log_likelihood_ == pytest.approx(ref["logLik"], rel=1e-10)


def test_linear_outcome_equals_lm(painr) -> None:
    X, y, ref = painr
    model = LinearOutcome().fit(X, y)
    np.testing.assert_allclose(np.r_[model.intercept_, model.coef_], list(ref["lm"]["coef"].values()), rtol=1e-8)
    np.testing.assert_allclose(np.sqrt(np.diag(model.covariance_)), list(ref["lm"]["se"].values()), rtol=1e-8)
    assert [model.sigma_, model.r2_, model.adjusted_r2_] == pytest.approx(
        [ref["lm"]["sigma"], ref["lm"]["r2"], ref["lm"]["adj"]], rel=1e-9
    )


def test_scores_of_the_predictions_equal_r(painr) -> None:
    X, y, ref = painr
    model = OrdinalRegression().fit(X, y)
    forecast = model.predict_forecast(X)
    assert crps(y, forecast).value == pytest.approx(ref["CRPS_numeric"], rel=1e-9)
    assert crps(y, forecast, spacing="levels").value == pytest.approx(ref["RPS"], rel=1e-9)
    found = ordinal_concordance(y, model.linear_predictor(X))
    assert found.dxy is not None
    assert [found.value, found.dxy.value, found.dxy.se] == pytest.approx(ref["C_ordinal_harrell"], rel=1e-9)
    assert found.se == pytest.approx(ref["C_ordinal_harrell"][2] / 2, rel=1e-9)
    line = LinearOutcome().fit(X, y)
    assert score_r2(y, line.predict_mean(X)).value == pytest.approx(ref["lm"]["r2"], rel=1e-9)


LRM = {
    "model_lr": "Model L.R.",
    "df": "d.f.",
    "c": "C",
    "dxy": "Dxy",
    "gamma": "Gamma",
    "tau_a": "Tau-a",
    "r2": "R2",
    "r2_n": "R2(101)",
    "r2_df_n": "R2(3,101)",
    "r2_m": "R2(96.8)",
    "r2_df_m": "R2(3,96.8)",
    "brier": "Brier",
    "g": "g",
    "gr": "gr",
    "gp": "gp",
}
ORM = {
    "model_lr": "Model L.R.",
    "df": "d.f.",
    "score": "Score",
    "rho": "rho",
    "r2": "R2",
    "r2_n": "R2(381)",
    "r2_df_n": "R2(6,381)",
    "r2_m": "R2(275.6)",
    "r2_df_m": "R2(6,275.6)",
    "g": "g",
    "gr": "gr",
    "pdm": "pdm",
}


def test_indices_equal_lrm_and_orm(values, painr) -> None:
    X, y, ref = painr
    table = ordinal_indices(OrdinalRegression().fit(X, y), X, y).set_index("index")["value"]
    for name, theirs in ORM.items():
        assert table[name] == pytest.approx(ref["orm_stats"][theirs], rel=1e-9), name
    ref = values["backpain_anderson"]
    d = pd.read_csv(SHARED / "data" / "backpain_anderson1984" / "backPain.csv")
    X, score = d[["x1", "x2", "x3"]], d["pain"].map({word: k for k, word in enumerate(ref["levels"])})
    y = Measured.at(0.75, score, lower=0, upper=5)
    table = ordinal_indices(OrdinalRegression().fit(X, y), X, y).set_index("index")["value"]
    for name, theirs in LRM.items():
        assert table[name] == pytest.approx(ref["lrm_stats"][theirs], rel=1e-9), name


def test_signs_are_those_of_clm_and_not_of_rms(values, painr) -> None:
    X, y, ref = painr
    model = OrdinalRegression().fit(X, y)
    theirs = np.array(list(ref["orm_coef"].values()))
    np.testing.assert_allclose(np.r_[-model.thresholds_, model.coef_], theirs, rtol=1e-8)


def test_pain_at_baseline_has_no_common_odds_ratio_at_six_months(painr) -> None:
    X, y, _ = painr
    found = proportional_odds_test(OrdinalRegression().fit(X, y), X, y).set_index("term")
    assert found.loc["pain_intensity", "p"] < 0.001
    assert (found["p"].drop(["pain_intensity", "all"]) > 0.05).all()
