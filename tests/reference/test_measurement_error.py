"""Correction for measurement error: worked numbers, hand calculation, and what it promises on a simulated truth."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm
from syn import syn

from lbp_prognosis._base import ArgumentError, EstimationError
from lbp_prognosis.fusion import RegressionCalibration, RiskPipeline
from lbp_prognosis.models import BoostedCox, CoxPH, LogisticRisk, simex
from lbp_prognosis.models._simex import extrapolate
from lbp_prognosis.survival import Status, Surv


@pytest.fixture(scope="module")
def cohort():
    table = syn()
    measured = table["c1"] + np.sqrt(0.5) * norm.ppf(table["u15"])
    frame = pd.DataFrame({"c1": measured, "c2": table["c2"], "p1": table["p1"]})
    return frame, Status.at(12, table["y"]), table


def test_worked_numbers_of_regression_calibration(cohort):
    frame, y, table = cohort
    truth = LogisticRisk().fit(frame.assign(c1=table["c1"]), y).coef_
    naive = LogisticRisk().fit(frame, y).coef_
    step = RegressionCalibration({"c1": np.sqrt(0.5)})
    corrected = LogisticRisk().fit(step.fit_transform(frame), y).coef_
    assert truth[0] == pytest.approx(0.84640, abs=6e-6)  # printed digits, here and below
    assert naive[0] == pytest.approx(0.55594, abs=6e-6)
    assert corrected[0] == pytest.approx(0.90235, abs=6e-6)
    np.testing.assert_allclose(step.coefficients_.to_numpy()[0], [0.6161, 0.0083, 0.16091], atol=6e-5)
    np.testing.assert_allclose([truth[2], naive[2], corrected[2]], [0.637, 0.719, 0.574], atol=6e-4)
    pipeline = RiskPipeline([step], LogisticRisk()).fit(frame, y)
    np.testing.assert_allclose(pipeline.models_[0].coef_, corrected)
    assert [found.code for found in pipeline.objections_] == ["corrected-for-measurement-error"]


def test_worked_numbers_of_simex(cohort):
    frame, y, _ = cohort
    grid = np.array([0.55594, 0.45905, 0.38906, 0.34407, 0.31515])[:, None]
    assert extrapolate(np.array([0, 0.5, 1, 1.5, 2]), grid, 2)[0] == pytest.approx(0.81221, abs=5e-5)
    found = simex(LogisticRisk(), frame, y, {"c1": np.sqrt(0.5)}, random_state=7)
    assert found.naive[0] == pytest.approx(0.55594, abs=6e-6)
    # the grid is a mean of 100 draws with an SD of about 0.03 each: three Monte-Carlo errors of both
    np.testing.assert_allclose(found.grid[:, 0], grid[:, 0], atol=0.013)
    assert found.corrected[0] == pytest.approx(0.812, abs=0.05)  # ten times the error of the grid
    assert found.se[0] > found.naive_se[0]
    assert list(found.to_frame()["metric"].unique()) == ["coefficient_simex", "coefficient_naive"]
    few = [simex(LogisticRisk(), frame, y, {"c1": 0.7}, replicates=3, random_state=7, n_jobs=k) for k in (1, 2)]
    np.testing.assert_array_equal(few[0].corrected, few[1].corrected)


def test_more_error_flattens_and_correction_comes_back_to_the_truth():
    rng = np.random.default_rng(2)
    n = 20_000
    x, z = rng.normal(size=(2, n))
    sd = np.where(np.arange(n) % 2 == 0, 0.3, 0.9)  # two scanners
    frame = pd.DataFrame({"w": x + sd * rng.normal(size=n), "z": z, "sd": sd})
    time = rng.exponential(np.exp(-(0.6 * x + 0.4 * z)))
    y = Surv.right(np.minimum(time, 0.1), time < 0.1)  # rare events: the expectation is then nearly exact
    naive = CoxPH().fit(frame[["w", "z"]], y).coef_[0]
    made = RegressionCalibration({"w": "sd"}).fit(frame)
    assert list(made.get_feature_names_out()) == ["w", "z"]
    corrected = CoxPH().fit(made.transform(frame), y).coef_[0]
    by_simex = simex(CoxPH(), frame[["w", "z"]], y, {"w": sd}, replicates=5, random_state=0)
    assert naive < 0.45
    assert corrected == pytest.approx(0.6, abs=0.06)  # two standard errors
    assert naive + 0.05 < by_simex.corrected[0] < 0.65
    # by hand: one measurement, no covariate
    alone = RegressionCalibration({"w": "sd"}, covariates=[]).fit(frame)
    variance = frame["w"].var() - np.mean(sd**2)
    wanted = frame["w"].mean() + variance / (variance + sd**2) * (frame["w"] - frame["w"].mean())
    np.testing.assert_allclose(alone.transform(frame)["w"], wanted, rtol=1e-10)


def test_no_error_changes_nothing_and_missing_values_stay(cohort):
    frame, _, _ = cohort
    np.testing.assert_allclose(RegressionCalibration({"c1": 0.0}).fit_transform(frame), frame, atol=1e-9)
    holes = frame.copy()
    holes.loc[:9, "c1"] = np.nan
    holes.loc[20:29, "c2"] = np.nan
    step = RegressionCalibration({"c1": 0.7}).fit(frame)
    made = step.transform(holes)
    assert made["c1"].isna().equals(holes["c1"].isna())
    np.testing.assert_allclose(made.loc[40:, "c1"], step.transform(frame).loc[40:, "c1"])
    # without c2 the others are conditioned on alone
    keep = [0, 2]
    inner = step.covariance_[np.ix_(keep, keep)] + np.diag([0.49, 0])
    weights = np.linalg.solve(inner, step.covariance_[keep, 0])
    wanted = step.mean_[0] + (holes.loc[20:29, ["c1", "p1"]].to_numpy() - step.mean_[keep]) @ weights
    np.testing.assert_allclose(made.loc[20:29, "c1"], wanted)


def test_what_is_refused(cohort):
    frame, y, _ = cohort
    with pytest.raises(EstimationError, match="as large as the variation of the measurements"):
        RegressionCalibration({"c1": 1.5}).fit(frame)
    for errors in ({}, {"c1": -1.0}, {"c1": "sd"}, {"absent": 1.0}, {"c1": [1.0]}):
        with pytest.raises(ArgumentError):
            RegressionCalibration(errors).fit(frame)
    with pytest.raises(ArgumentError, match="without error"):
        RegressionCalibration({"c1": 0.5}, covariates=["c1"]).fit(frame)
    with pytest.raises(ArgumentError, match="columns of `X` to SDs"):
        simex(LogisticRisk(), frame, y, {"absent": 1.0})
    with pytest.raises(ArgumentError, match="distinct numbers above 0"):
        simex(LogisticRisk(), frame, y, {"c1": 0.5}, multipliers=[0.0, 1.0])
    with pytest.raises(ArgumentError, match="finite"):
        simex(LogisticRisk(), frame.assign(c1=np.nan), y, {"c1": 0.5})
    time = Surv.right(np.arange(1, 601), np.ones(600))
    with pytest.raises(ArgumentError, match="with coefficients"):
        simex(BoostedCox(rounds=2), frame, time, {"c1": 0.5})
