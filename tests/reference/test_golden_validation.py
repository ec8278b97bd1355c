"""Worked numbers of validation, pooling, added value, updating and sample size that stand in no other test."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from exact_tables import read_exact
from scipy.special import expit
from syn import bootstrap_rows, park_miller, syn

from lbp_prognosis import CoxPH, Reference, Status, Surv
from lbp_prognosis.evaluation import calibration, decision_curve
from lbp_prognosis.evaluation.diagnostic import roc
from lbp_prognosis.evaluation.utility import sequential_policy
from lbp_prognosis.fusion import MultipleImputation, RiskPipeline
from lbp_prognosis.models import LogisticRisk
from lbp_prognosis.validation import (
    bootstrap_validate,
    cross_validate_risk,
    internal_external,
    likelihood_ratio,
    meta_analysis,
    sample_size_development,
)

EIGHT = ["c1", "c2", "p1", "p2", "m1", "m2", "g1", "g2"]
CLINICAL, REPORTED, IMAGING = ["c1", "c2", "c3"], ["p1", "p2"], ["m1", "m2", "m3"]


@pytest.fixture(scope="module")
def cohort() -> pd.DataFrame:
    return syn()


@pytest.fixture(scope="module")
def cross_fitted(cohort) -> dict[str, np.ndarray]:
    """Logistic risks of the five folds id mod 5."""
    models = {
        "clinical": CLINICAL,
        "reported": [*CLINICAL, *REPORTED],
        "imaging": [*CLINICAL, *REPORTED, *IMAGING],
    }
    y, fold = Status.at(12, cohort["y"]), cohort["id"] % 5
    return {
        name: cross_validate_risk(LogisticRisk(), cohort[columns], y, 12, folds=fold).risks["LogisticRisk"][:, 0]
        for name, columns in models.items()
    }


def test_the_cohort_of_all_worked_numbers(cohort, golden):
    want, first = golden["syn600"], cohort.iloc[0]
    assert cohort["time"].sum() == pytest.approx(want["sum_time"], abs=1e-9)
    assert cohort["status"].value_counts().loc[[0, 1, 2]].tolist() == want["status_counts"]
    assert cohort["y"].mean() == pytest.approx(want["mean_y"])
    for name, value in want["first_row"].items():
        assert first[name] == pytest.approx(value, abs=1e-13)


def test_heuristic_shrinkage_and_the_weights_of_632_plus(cohort, golden):
    d = cohort.head(200)
    model = LogisticRisk().fit(d[EIGHT], Status.at(12, d["y"]))
    chi2 = 2 * (model.log_likelihood_ - model.log_likelihood_null_)
    assert chi2 == pytest.approx(73.3367, abs=5e-5)
    assert (chi2 - 8) / chi2 == pytest.approx(0.8909, abs=5e-5)
    # R of .632+ from the worked apparent, out-of-bag and no-information values, then the weight it gives
    case = golden["optimism_boot"]
    risk = model.predict_risk(d[EIGHT], 12)[:, 0]
    y = d["y"].to_numpy()
    gamma = {"auc": 0.5, "brier": float(np.mean((y[:, None] - risk[None, :]) ** 2))}
    assert gamma["brier"] == pytest.approx(0.30859039, abs=5e-9)
    for metric, ratio, weight in (("auc", 0.11517414, 0.65997232), ("brier", 0.15409231, 0.66999258)):
        app, oob = case["apparent"][metric], case["oob"][metric]
        r = (oob - app) / (gamma[metric] - app)
        assert r == pytest.approx(ratio, abs=5e-7)
        assert 0.632 / (1 - 0.368 * r) == pytest.approx(weight, abs=5e-7)


def test_repeated_cross_validation(cohort):
    """Twenty repeats of ten folds: pooled and fold-averaged AUC, Brier score and slope, and their spread."""
    d = cohort.head(200)
    folds = np.empty((20, 200), dtype=int)
    for repeat in range(20):
        folds[repeat, np.argsort(park_miller(101 + repeat, 200))] = np.arange(200) % 10
    y = Status.at(12, d["y"])
    found = cross_validate_risk(LogisticRisk(), d[EIGHT], y, 12, folds=folds)
    rows = found.fold_averaged().set_index("method")
    assert rows.loc["pooled", "value"] == pytest.approx(0.78405781, abs=5e-9)
    assert rows.loc["fold-averaged", "value"] == pytest.approx(0.79622015, abs=5e-9)
    assert rows.loc["pooled", "se"] == pytest.approx(0.0053, abs=5e-5)
    risks = found.risks_by_repeat["LogisticRisk"][:, :, 0]
    brier = np.mean((risks - d["y"].to_numpy()) ** 2, axis=1)
    assert [brier.mean(), brier.std(ddof=1)] == pytest.approx([0.16917698, 0.0023], abs=5e-5)
    assert brier.mean() == pytest.approx(0.16917698, abs=5e-9)
    slopes = np.array([calibration(y, risk).calibration_slope.value for risk in risks])
    assert slopes.mean() == pytest.approx(0.78725717, abs=5e-7)
    assert slopes.std(ddof=1) == pytest.approx(0.0312, abs=5e-5)


def test_shifted_interval_is_the_percentile_interval_less_the_optimism(cohort):
    d = cohort.head(200)
    found = bootstrap_validate(
        LogisticRisk(), d[EIGHT], Status.at(12, d["y"]), 12, resamples=bootstrap_rows(777, 200, 200)
    )
    place = [name for name, _, _ in found.names].index("auc")
    limits = np.quantile(found.resampled[:, place], [0.025, 0.975])
    assert limits == pytest.approx([0.78243172, 0.89993916], abs=5e-8)


@pytest.mark.slow
def test_two_stage_interval(cohort):
    """A hundred outer and thirty inner resamples gave .7396 to .8747: within the error of a hundred draws."""
    d = cohort.head(200)
    found = bootstrap_validate(
        LogisticRisk(),
        d[EIGHT],
        Status.at(12, d["y"]),
        12,
        n_resamples=100,
        interval="two-stage",
        n_inner=30,
        random_state=1,
    ).at("auc")
    assert (found["low"], found["high"]) == pytest.approx((0.73956616, 0.8746683), abs=0.02)


def test_instability_of_the_first_patient(cohort):
    d = cohort.head(200)
    y = Status.at(12, d["y"])
    found = bootstrap_validate(
        LogisticRisk(), d[EIGHT], y, 12, resamples=bootstrap_rows(777, 200, 200), keep_predictions=True
    )
    risk = LogisticRisk().fit(d[EIGHT], y).predict_risk(d[EIGHT], 12)[0, 0]
    assert risk == pytest.approx(0.32104862, abs=5e-8)
    assert found.instability([0.4]).mape_patient[0, 0] == pytest.approx(0.05198969, abs=1e-7)


def test_without_imaging_the_plug_in_and_the_clinical_submodel(cohort, golden):
    """The integrated risk lies between the submodel's and the closed approximation's neighbours."""
    names, case = ["c1", "c2", "p1", "p2", "m1", "m2", "g1"], golden["pred_time_imputation"]
    train, row = cohort.iloc[:400], cohort.iloc[[400]]
    y = Status.at(12, train["y"])
    pipeline = RiskPipeline([MultipleImputation()], LogisticRisk()).fit(train[names], y)
    missing = row[names].assign(m1=np.nan, m2=np.nan)
    eta = pipeline.linear_predictor(missing)[0]
    band = pipeline.predict_risk_band(missing, 12)
    spread = np.diff(np.log(np.array([band.low, band.high]) / (1 - np.array([band.low, band.high]))), axis=0)[0, 0, 0]
    s = spread / (2 * 1.959964)
    assert s**2 == pytest.approx(case["s2"], rel=1e-5)
    assert expit(eta) == pytest.approx(case["plugin"], abs=1e-6)
    assert expit(eta / np.sqrt(1 + np.pi * s**2 / 8)) == pytest.approx(case["probit_approx"], abs=1e-6)
    rest = [name for name in names if name not in ("m1", "m2")]
    clinical = LogisticRisk().fit(train[rest], y).predict_risk(row[rest], 12)[0, 0]
    assert clinical == pytest.approx(case["submodel"], abs=1e-7)


def test_six_sites_to_the_digit(cohort):
    found = internal_external(
        LogisticRisk(), cohort[EIGHT], Status.at(12, cohort["y"]), cohort["site"], 12, n_resamples=0
    )
    table = found.table.set_index(["group", "metric"])
    errors = [0.060320926, 0.052906440, 0.045048687, 0.045386593, 0.042956743, 0.047504345]
    expected = [44.225636, 40.904108, 43.765204, 38.698561, 39.773204, 43.674777]
    for k in range(6):
        site = str(k + 1)
        assert table.loc[(site, "auc"), "se"] == pytest.approx(errors[k], abs=5e-9)
        events = found.sites.set_index("site").loc[site, "n_events"]
        assert events / table.loc[(site, "observed_expected"), "value"] == pytest.approx(expected[k], abs=5e-7)
    auc = found.pooled("auc")
    assert (auc.value, auc.tau2) == (pytest.approx(0.78232904, abs=5e-9), 0)
    # plain Hartung–Knapp would be shorter than the fixed-effect interval; the modified one is given
    assert auc.q == pytest.approx(0.402, abs=5e-4)
    assert (auc.low, auc.high) == pytest.approx((0.7269, 0.8292), abs=5e-5)
    plain = 2.570582 * auc.se_wald * np.sqrt(auc.q)
    assert expit([auc.mean - plain, auc.mean + plain]) == pytest.approx([0.7481, 0.8130], abs=1e-4)
    ratio = found.pooled("observed_expected")
    assert (ratio.low, ratio.high) == pytest.approx((0.7942, 1.2449), abs=5e-5)


def test_eight_sites_on_the_logit(golden):
    case = golden["meta_8sites"]
    found = meta_analysis(case["y"], case["se"])
    assert found.cochran_q == pytest.approx(9.0453, abs=5e-5)
    assert found.prediction_hksj == pytest.approx((0.65203464, 1.1057931), abs=5e-8)


def test_added_value_apparent(cohort, golden):
    """Logistic: DeLong says p = .067 where the likelihood ratio says .018; Cox: ΔC with its interval."""
    y, case = Status.at(12, cohort["y"]), golden["added_value"]["delong"]
    small, large = [*CLINICAL, *REPORTED], [*CLINICAL, *REPORTED, *IMAGING]
    fits = [LogisticRisk().fit(cohort[names], y) for names in (small, large)]
    test = likelihood_ratio(*fits, cohort[small], cohort[large])
    assert test.p == pytest.approx(0.0176, abs=5e-5)
    truth = Reference.now(cohort["y"])
    curves = [roc(truth, fit.predict_risk(cohort[names], 12)[:, 0]) for fit, names in zip(fits, (small, large))]
    change = curves[0].minus(curves[1])
    covariance = (curves[0].se ** 2 + curves[1].se ** 2 - change["se"] ** 2) / 2
    assert covariance == pytest.approx(case["cov"], rel=1e-7)
    assert change["z"] == pytest.approx(case["Z"], abs=5e-7)
    assert change["p"] == pytest.approx(0.0667, abs=5e-5)


def test_added_value_cross_fitted(cohort, cross_fitted):
    truth = Reference.now(cohort["y"])
    change = roc(truth, cross_fitted["imaging"]).minus(roc(truth, cross_fitted["reported"]))
    assert (change["low"], change["high"]) == pytest.approx((-0.01025, 0.01153), abs=5e-6)


def test_everybody_treated_under_censoring(stored_file):
    table = read_exact(stored_file("methods_examples", "te300.csv"))
    one, two = Surv.right(table["time"], table["event"]), Surv.right(table["time"], table["status"])
    grid = [0.2, 0.3, 0.4, 0.5]
    for y, risk, overall, wanted in (
        (one, "r", 0.471278601, [0.339098251, 0.244683716, 0.118797668, -0.057442798]),
        (two, "rc", 0.440785448, [0.30098181, 0.201122069, 0.0679757471, -0.118429103]),
    ):
        for estimator in ("km", "ipcw"):
            curve = decision_curve(y, table[risk].to_numpy(), 12, grid, estimator=estimator, n_resamples=0)
            everybody = curve.to_frame().query("model == 'treat all' or model == 'all'")
            values = everybody.loc[everybody["metric"] == "net_benefit", "value"]
            assert values.to_numpy() == pytest.approx(wanted, abs=5e-9)
            odds = np.array(grid) / (1 - np.array(grid))
            assert (values.to_numpy() + odds) / (1 + odds) == pytest.approx(np.full(4, overall), abs=5e-9)


def test_observed_over_expected_of_the_follow_up(stored_file, golden):
    """Events over expected cumulative hazard, follow-up cut at the horizon: 126 over 107.13675."""
    table = read_exact(stored_file("methods_examples", "te300.csv"))
    survival = read_exact(stored_file("methods_examples", "cal300.csv"))["Si"]
    y = Surv.right(table["time"], table["event"])
    found = calibration(y, table["r"], 12, cumulative_hazard=-np.log(survival.to_numpy()))
    whole = found.observed_expected_followup
    assert whole.value == pytest.approx(169 / 154.81562, rel=1e-7)
    cut = Surv.right(np.minimum(table["time"], 12), np.where(table["time"] <= 12, table["event"], 0))
    # H(min(t, 12) | x) = H0(min(t, 12)) exp(lp): the table's hazards scaled by the baseline of the same model
    train = syn().iloc[:300]
    columns = [*CLINICAL, *REPORTED]
    model = CoxPH().fit(train[columns], Surv.right(train["time"], train["event"]))
    rows = syn().iloc[300:]
    lp = model.linear_predictor(rows[columns])
    at = np.minimum(rows["time"].to_numpy(), 12)
    hazard = model.baseline_cumulative_hazard(at) * np.exp(lp)
    assert hazard.sum() == pytest.approx(107.13675, abs=5e-5)
    worked = calibration(cut, table["r"], 12, cumulative_hazard=hazard).observed_expected_followup
    assert worked.value == pytest.approx(golden["calibration_surv"]["crowson"], rel=1e-6)


def test_sequential_policy_in_a_band(cohort, cross_fitted, golden):
    case, y = golden["sequential"], Status.at(12, cohort["y"])
    found = sequential_policy(y, cross_fitted["clinical"], cross_fitted["reported"], 12, case["t"], band=case["band"])
    row = found.row("band")
    assert row["n_imaged"] == case["n_tested"]
    assert (row["up_events"], row["up_nonevents"]) == (case["upE"], case["upN"])
    assert (row["down_events"], row["down_nonevents"]) == (case["dnE"], case["dnN"])
    assert row["gain"] == pytest.approx(case["gain"], abs=5e-7)
    assert row["se"] * np.sqrt(600 / 599) == pytest.approx(case["se"], abs=5e-7)
    assert row["images_per_true_positive"] == pytest.approx(case["tests_per_net_TP"], abs=5e-3)
    everybody = sequential_policy(y, cross_fitted["clinical"], cross_fitted["reported"], 12, 0.4, band=(0.3, 0.5)).row(
        "all"
    )
    assert (everybody["up_events"], everybody["up_nonevents"]) == (24, 25)
    assert (everybody["down_events"], everybody["down_nonevents"]) == (13, 26)
    assert everybody["gain"] == pytest.approx(0.019444, abs=5e-7)
    assert everybody["se"] * np.sqrt(600 / 599) == pytest.approx(0.012860, abs=5e-7)
    assert everybody["images_per_true_positive"] == pytest.approx(51.43, abs=5e-3)


def test_expected_risk_before_an_update(cohort):
    early, late = cohort[cohort["site"] <= 3], cohort[cohort["site"] >= 4]
    columns = [*CLINICAL, *REPORTED]
    model = CoxPH().fit(early[columns], Surv.right(early["time"], early["event"]))
    assert model.predict_risk(late[columns], 12).mean() == pytest.approx(0.37448459, abs=5e-9)


def test_sizes_for_development(golden):
    want = golden["samplesize"]
    plan = sample_size_development("binary", parameters=20, c_statistic=0.75, prevalence=0.3, mean_absolute_error=0.05)
    assert plan.details["r2_cox_snell"] == pytest.approx(want["R2cs_C.75_phi.3"], abs=5e-9)
    assert plan.details["max_r2"] == pytest.approx(0.70527973, abs=5e-9)
    assert [row["n"] for row in plan.criteria] == [want["dev_bin"][f"n{k}"] for k in (1, 2, 3, 4)]
    known = sample_size_development("binary", parameters=20, r2=0.15, prevalence=0.3)
    assert known.criterion("shrinkage") == want["dev_bin_R2_.15"]["n1"]
    assert known.criterion("optimism_r2") == 513
    times = sample_size_development("survival", parameters=20, r2=0.12, rate=0.25, mean_follow_up=1.5, horizon=2)
    assert [times.criterion("shrinkage"), times.criterion("optimism_r2")] == list(want["dev_surv"].values())
    assert times.details["max_r2"] == pytest.approx(0.7736385, abs=5e-8)
