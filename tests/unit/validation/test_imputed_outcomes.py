"""Scores that were not observed: imputation by a declared model, Rubin's rules by hand, shifts in points."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.stats import t as student

from lbp_prognosis import LBPError, Status
from lbp_prognosis.evaluation.prognostic import brier, crps, mean_calibration
from lbp_prognosis.fusion import pool_coefficients
from lbp_prognosis.models import LinearOutcome, LogisticRisk, OrdinalRegression, TwoPartOutcome
from lbp_prognosis.survival import Measured, ScoreForecast
from lbp_prognosis.validation import delta_sensitivity, impute_outcomes
from lbp_prognosis.validation.sensitivity._judged_completions import STATE_METRICS, pooled_rows

N = 120
RNG = np.random.default_rng(21)
X = pd.DataFrame(RNG.normal(size=(N, 2)), columns=["baseline", "age"])
FULL = np.clip(np.round(5 + 1.8 * X["baseline"] + RNG.normal(size=N)), 0, 10).to_numpy()
LOST = RNG.random(N) < 1 / (1 + np.exp(1 - 1.5 * X["baseline"]))
Y = Measured.at(12, np.where(LOST, np.nan, FULL), lower=0, upper=10, at_most=3)


def test_mean_is_pooled_by_rubins_rules() -> None:
    made = impute_outcomes(Y, X, imputations=4, random_state=3)
    values = np.array([one["value"] for one in made.outcomes])
    assert values.shape == (4, N)
    np.testing.assert_array_equal(values[:, ~LOST], np.tile(FULL[~LOST], (4, 1)))
    assert set(values[:, LOST].ravel()) <= set(FULL[~LOST])
    means, within = values.mean(axis=1), values.var(axis=1, ddof=1) / N
    between = means.var(ddof=1)
    total = within.mean() + 1.25 * between
    share = 1.25 * between / total
    observed = N / (N + 2) * (N - 1) * (1 - share)
    df = 1 / (share**2 / 3 + 1 / observed)
    found = made.mean(0.9)
    half = student.ppf(0.95, df) * np.sqrt(total)
    expected = [means.mean(), np.sqrt(total), means.mean() - half, means.mean() + half, df]
    np.testing.assert_allclose(found[["value", "se", "low", "high", "df"]], expected, rtol=1e-12)
    frame = made.to_frame()
    np.testing.assert_allclose(frame["mean"], means, rtol=1e-12)
    assert frame["n_imputed"].unique().tolist() == [LOST.sum()]
    # patients with a high baseline score are missing, and their scores are imputed high
    assert found["value"] > FULL[~LOST].mean() + 0.3
    assert abs(found["value"] - FULL.mean()) < 3 * found["se"]


def test_coefficients_of_completed_outcomes_are_pooled() -> None:
    made = impute_outcomes(Y, X, imputations=3)
    pooled = pool_coefficients([LinearOutcome().fit(X, one) for one in made.outcomes]).to_frame()
    one_by_one = [LinearOutcome().fit(X, one).coef_[0] for one in made.outcomes]
    row = pooled.set_index("term").loc["baseline"]
    assert row["estimate"] == pytest.approx(np.mean(one_by_one), rel=1e-12)
    assert row["se"] > LinearOutcome().fit(X, made.outcomes[0]).to_frame().set_index("term").loc["baseline", "se"]


@pytest.mark.parametrize("model", [OrdinalRegression(), TwoPartOutcome(LogisticRisk(penalty=1.0), LinearOutcome())])
def test_any_model_of_a_score_may_be_declared(model: Any) -> None:
    made = impute_outcomes(Y, X, outcome_model=model, imputations=2)
    assert made.method == type(model).__name__
    assert made.mean()["value"] > FULL[~LOST].mean()


def test_draws_follow_the_predicted_distribution() -> None:
    """Without predictors the imputed scores are draws from the observed ones of the bootstrap sample."""
    y = Measured.at(12, np.r_[np.tile([0.0, 0, 0, 10], 50), np.full(400, np.nan)], lower=0, upper=10)
    made = impute_outcomes(y, np.empty((600, 0)), outcome_model=OrdinalRegression(), imputations=10)
    shares = [np.mean(one["value"][200:] == 10) for one in made.outcomes]
    assert np.mean(shares) == pytest.approx(0.25, abs=0.04)
    # the share varies with the bootstrap sample, and with the draws: sd of both is 0.0375
    assert 0.015 < np.std(shares) < 0.075
    assert set(np.concatenate([one["value"][200:] for one in made.outcomes])) == {0.0, 10.0}


def test_delta_moves_the_same_draws_within_the_range() -> None:
    plain, moved, up = (impute_outcomes(Y, X, imputations=3, delta=d, random_state=5) for d in (0.0, 1.5, 99.0))
    for a, b, c in zip(plain.outcomes, moved.outcomes, up.outcomes):
        np.testing.assert_array_equal(b["value"][LOST], np.minimum(a["value"][LOST] + 1.5, 10))
        np.testing.assert_array_equal(c["value"][LOST], 10)
        assert b.dtype == Y.dtype
    # all are alike at the ceiling: the standard error is that of complete data
    done = np.where(LOST, 10.0, FULL)
    assert up.mean()["se"] == pytest.approx(done.std(ddof=1) / np.sqrt(N), rel=1e-12)
    assert up.mean()["fmi"] == pytest.approx(2 / (up.mean()["df"] + 3))


def test_one_cluster_has_no_standard_error() -> None:
    made = impute_outcomes(Y, X, imputations=2, clusters=np.zeros(N))
    with pytest.raises(LBPError, match="one cluster"):
        made.mean()


def test_clusters_are_drawn_whole_and_are_the_units() -> None:
    site = np.arange(N) // 6
    made = impute_outcomes(Y, X, imputations=3, clusters=site, delta=99.0)
    done = np.where(LOST, 10.0, FULL)
    sums = np.bincount(site, done - done.mean())
    expected = np.sqrt((sums**2).sum() * 20 / 19) / N
    assert made.mean()["se"] == pytest.approx(expected, rel=1e-12)
    # of two clusters seen one may be drawn twice, and never half of it
    y = Measured.at(12, np.r_[np.tile([1.0, 2.0], 10), np.tile([8.0, 9.0], 10), np.full(20, np.nan)], lower=0, upper=10)
    codes = np.repeat(np.arange(3), 20)
    many = impute_outcomes(y, np.empty((60, 0)), outcome_model=OrdinalRegression(), imputations=12, clusters=codes)
    kinds = {tuple(sorted(set(one["value"][40:] > 5))) for one in many.outcomes}
    assert kinds == {(False,), (True,), (False, True)}


# ---- sensitivity -------------------------------------------------------------------------------------------------


def test_sensitivity_of_scores_is_rubin_over_completed_outcomes() -> None:
    forecast = LinearOutcome().fit(X, Y).predict_forecast(X)
    result = delta_sensitivity(Y, X, forecast, deltas=(-2, 0, 2), imputations=3, random_state=8)
    table = result.table.set_index(["metric", "delta"])
    for delta in (-2.0, 2.0):
        made = impute_outcomes(Y, X, imputations=3, delta=delta, random_state=8).outcomes
        each = [crps(one, forecast) for one in made]
        values, variances = np.array([r.value for r in each]), np.array([r.se**2 for r in each])
        se = np.sqrt(variances.mean() + 4 / 3 * values.var(ddof=1))
        np.testing.assert_allclose(table.loc[("crps", delta), ["value", "se"]].astype(float), [values.mean(), se])
        errors = [next(r for r in mean_calibration(one, forecast).metrics if r.metric == "mean_error") for one in made]
        assert table.loc[("mean_error", delta), "value"] == pytest.approx(np.mean([r.value for r in errors]))
        states = [Status.at(12, (one["value"] <= 3).astype(int)) for one in made]
        scores = [brier(state, forecast.at_most(3), 12).value for state in states]
        assert table.loc[("brier", delta), "value"] == pytest.approx(np.mean(scores), rel=1e-12)
    assert table.loc[("mean_error", -2.0), "value"] < 0 < table.loc[("mean_error", 2.0), "value"]
    metrics = ["crps", "ordinal_concordance", "score_r2", "mae", "mean_error", "auc", "brier", "observed_expected"]
    assert result.table["metric"].unique().tolist() == metrics
    assert result.to_frame()["horizon"].unique().tolist() == [12.0]
    assert result.n_seen == (~LOST).sum()


def test_standard_errors_are_those_of_the_values() -> None:
    """Completed outcomes that agree have the standard error of each, whatever the scale on which they are pooled."""
    results = np.tile([0.8, 0.03, 0.2, 0.01, 1.5, 0.2], (4, 1))
    for row, (value, se) in zip(pooled_rows(results, STATE_METRICS, 0.95), ((0.8, 0.03), (0.2, 0.01), (1.5, 0.2))):
        assert row["value"] == pytest.approx(value, rel=1e-12)
        assert row["se"] == pytest.approx(se, rel=1e-12)
        assert row["low"] < value < row["high"]


def test_defaults_are_shares_of_the_range_and_a_risk_is_judged_at_the_cut() -> None:
    forecast = LinearOutcome().fit(X, Y).predict_forecast(X)
    whole = delta_sensitivity(Y, X, forecast, imputations=2)
    assert whole.table["delta"].unique().tolist() == [-2.0, -1.0, 0.0, 1.0, 2.0]
    alone = delta_sensitivity(Y, X, forecast.at_most(3), imputations=2)
    ours = whole.table[whole.table["metric"].isin(["auc", "brier", "observed_expected"])].reset_index(drop=True)
    pd.testing.assert_frame_equal(alone.table, ours)
    least = Measured.at(12, Y["value"], lower=0, upper=10, at_least=4)
    turned = delta_sensitivity(least, X, forecast, deltas=[0], imputations=2).table.set_index("metric")["value"]
    here = whole.table[whole.table["delta"] == 0].set_index("metric")["value"]
    assert turned["brier"] == pytest.approx(here["brier"], rel=1e-12)
    assert turned["auc"] == pytest.approx(here["auc"], rel=1e-9)


def test_wrong_calls_are_told() -> None:
    forecast = LinearOutcome().fit(X, Y).predict_forecast(X)
    full = Measured.at(12, FULL, lower=0, upper=10)
    for one in (full, Measured.at(12, [np.nan] * N, lower=0, upper=10)):
        with pytest.raises(LBPError, match="observed"):
            impute_outcomes(one, X)
    with pytest.raises(LBPError, match="predict_forecast"):
        impute_outcomes(Y, X, outcome_model=LogisticRisk())
    with pytest.raises(LBPError, match="rows"):
        impute_outcomes(Y, X.head(5))
    with pytest.raises(LBPError, match="imputations"):
        impute_outcomes(Y, X, imputations=1)
    with pytest.raises(LBPError, match="horizon"):
        delta_sensitivity(Y, X, forecast, horizon=12)
    with pytest.raises(LBPError, match="ScoreForecast"):
        delta_sensitivity(Measured.at(12, Y["value"], lower=0, upper=10), X, forecast.at_most(3))
    with pytest.raises(LBPError, match="rows"):
        delta_sensitivity(Y, X, ScoreForecast(forecast.levels, forecast.probability[:5]))
    state = Status.at(12, np.where(LOST, -1, FULL <= 3).astype(int))
    with pytest.raises(LBPError, match="outcome_model"):
        delta_sensitivity(state, X, forecast.at_most(3), outcome_model=LinearOutcome())


@pytest.mark.parametrize("scored", [True, False])
def test_shifts_and_level_are_checked_before_any_work(scored: bool) -> None:
    forecast = LinearOutcome().fit(X, Y).predict_forecast(X)
    y = Y if scored else Status.at(12, np.where(LOST, -1, FULL <= 3).astype(int))
    risk = forecast if scored else forecast.at_most(3)
    for deltas in (1, (), "ab", ["a"], [np.nan], [np.inf]):
        with pytest.raises(LBPError, match="deltas"):
            delta_sensitivity(y, X, risk, deltas=deltas, imputations=2)
    with pytest.raises(LBPError, match="confidence"):
        delta_sensitivity(y, X, risk, imputations=2, confidence=95)
