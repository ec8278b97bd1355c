"""`CoxPH` against R's survival, rms and their splines, field by field."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from lbp_prognosis._kernels import rcs_basis, rcs_knots
from lbp_prognosis.models import CoxPH
from lbp_prognosis.survival import Surv

CASES = [
    "cox_colon_efron",
    "cox_heart_lefttrunc",
    "cox_kidney_cluster",
    "cox_lbp_imp1_a",
    "cox_lbp_imp3_efron",
    "cox_lung_efron",
    "cox_lung_offset",
    "cox_lung_weights",
    "cox_rats_strata_cluster",
    "cox_retinopathy_cluster",
    "cox_rott5_breslow",
    "cox_rott5_efron",
    "cox_rott5_pgr_efron",
    "cox_veteran_breslow",
    "cox_veteran_heavyties_breslow",
    "cox_veteran_heavyties_efron",
    "cox_veteran_strata",
]
# R stops its iterations on the likelihood; its last covariance belongs to the step before, hence 1e-6 there
CLOSE = {"rtol": 1e-7, "atol": 1e-9}


def filtered(frame: pd.DataFrame, rule: str | None, used: list[str] | None = None) -> pd.DataFrame:
    """Apply the filters that occur in the cases."""
    if rule is None:
        return frame
    if rule.startswith("complete cases"):
        return frame.dropna(subset=used).reset_index(drop=True)
    name, value = rule.split(" == ")
    return frame[frame[name] == float(value)].reset_index(drop=True)


def values(mapping: dict | list) -> np.ndarray:
    return np.array(list(mapping.values()) if isinstance(mapping, dict) else mapping, dtype=float)


@pytest.fixture(scope="module", params=CASES)
def fitted(request, reference_case, reference_csv):
    case = reference_case(request.param)
    given = case["inputs"]
    frame = filtered(reference_csv(case["data"]["csv"]), case["data"]["filter"])
    column = lambda name: None if given[name] is None else frame[given[name]].to_numpy()  # noqa: E731
    y = Surv.right(column("time"), column("event") == 1, entry=column("entry"))
    X = frame[given["covariates"]]
    extra = {"sample_weight": column("weights"), "strata": column("strata"), "offset": column("offset")}
    model = CoxPH(ties=given["ties"]).fit(X, y, clusters=column("cluster"), **extra)
    return case, model, X, y, extra


def test_coefficients_and_covariance(fitted):
    case, model, *_ = fitted
    expected = case["expected"]
    np.testing.assert_allclose(model.coef_, values(expected["coef"]), **CLOSE)
    np.testing.assert_allclose(model.covariance_model_, expected["vcov"], rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(np.sqrt(np.diag(model.covariance_model_)), values(expected["se"]), **CLOSE)
    if "robust_se" in expected:
        np.testing.assert_allclose(np.sqrt(np.diag(model.covariance_)), values(expected["robust_se"]), **CLOSE)
        assert model.variance_ == "robust"
    else:
        assert model.variance_ == "model"
    assert (model.n_, model.n_events_) == (expected["n"], expected["n_event"])


def test_likelihood_and_tests(fitted):
    case, model, *_ = fitted
    expected = case["expected"]
    np.testing.assert_allclose(model.log_likelihood_, expected["loglik"], **CLOSE)
    np.testing.assert_allclose(model.log_likelihood_null_, expected["loglik_null"], **CLOSE)
    table = model.fit_statistics().set_index("test")
    np.testing.assert_allclose(table.loc["likelihood_ratio", "statistic"], expected["lr_chisq"], **CLOSE)
    np.testing.assert_allclose(table.loc["score", "statistic"], expected["score_chisq"], **CLOSE)
    np.testing.assert_allclose(table.loc["wald", "aic"], expected["aic"], **CLOSE)
    assert table.loc["wald", "df"] == expected["df"]
    if "wald_chisq" in expected:
        np.testing.assert_allclose(table.loc["wald", "statistic"], expected["wald_chisq"], **CLOSE)


def test_baseline_and_risks(fitted):
    case, model, X, _, extra = fitted
    expected, given = case["expected"], case["inputs"]
    if "baseline_cumhaz_x0" not in expected:
        pytest.skip("the case holds no baseline")
    rows = np.array(given["rows_1based"]) - 1
    np.testing.assert_allclose(model.linear_predictor(X)[rows], expected["lp_uncentred"], **CLOSE)
    base = model.baseline_cumulative_hazard(given["times"])
    if isinstance(base, dict):
        for label, wanted in expected["baseline_cumhaz_x0"].items():
            np.testing.assert_allclose({str(k): v for k, v in base.items()}[label], wanted, **CLOSE)
    else:
        np.testing.assert_allclose(base, expected["baseline_cumhaz_x0"], **CLOSE)
    strata = None if extra["strata"] is None else extra["strata"][rows]
    if "risk" in expected:
        np.testing.assert_allclose(
            model.predict_risk(X.iloc[rows], given["times"], strata=strata), expected["risk"], **CLOSE
        )
    if "risk_se" in expected:
        np.testing.assert_allclose(
            model.risk_se(X.iloc[rows], given["times"], strata=strata), expected["risk_se"], rtol=1e-6, atol=1e-9
        )


def test_residuals(fitted):
    case, model, X, y, extra = fitted
    expected = case["expected"]
    if "martingale_residuals" not in expected:
        pytest.skip("the case holds no residuals")
    rows = np.array(case["inputs"]["rows_1based"]) - 1
    np.testing.assert_allclose(model.residuals(X, y, **extra)[rows], expected["martingale_residuals"], **CLOSE)
    deviance = model.residuals(X, y, "deviance", **extra)[rows]
    np.testing.assert_allclose(deviance, expected["deviance_residuals"], **CLOSE)


def test_proportional_hazards(fitted):
    case, model, X, y, extra = fitted
    for transform in ("km", "identity"):
        expected = case["expected"].get(f"zph_{transform}")
        if expected is None:
            pytest.skip("the case holds no test of proportional hazards")
        result = model.proportional_hazards_test(X, y, transform, **extra)
        np.testing.assert_allclose(result.statistic, values(expected["chisq"]), **CLOSE)
        if "p" in expected:
            np.testing.assert_allclose(result.p_value, values(expected["p"]), **CLOSE)


@pytest.mark.parametrize("name", ["cox_ridge_colon_scaled", "cox_ridge_lung_scaled", "cox_ridge_lung_unscaled"])
def test_ridge(name, reference_case, reference_csv):
    case = reference_case(name)
    given = case["inputs"]
    used = [given["time"], given["event"], *given["covariates"]]
    frame = filtered(reference_csv(case["data"]["csv"]), case["data"]["filter"], used)
    y = Surv.right(frame[given["time"]], frame[given["event"]] == 1)
    model = CoxPH(ties=given["ties"], penalty=given["theta"], standardize=given["scale"])
    model.fit(frame[given["covariates"]], y)
    # the tolerance of the case: R's penalised fit stops early
    np.testing.assert_allclose(model.coef_, values(case["expected"]["coef"]), rtol=1e-5)
    np.testing.assert_allclose(model.log_likelihood_, case["expected"]["loglik_unpenalised_at_solution"], rtol=1e-7)


@pytest.mark.parametrize("name", ["rcs_lbp_tampa", "rcs_lung_age"])
def test_spline_basis(name, reference_case, reference_csv):
    case = reference_case(name)
    given, expected = case["inputs"], case["expected"]
    x = reference_csv(case["data"]["csv"])[given["variable"]].to_numpy(dtype=float)
    at = np.array(given["evaluate_at"], dtype=float)
    for k in given["nk"]:
        knots = rcs_knots(x, k)
        np.testing.assert_allclose(knots, expected[f"knots_{k}"], rtol=1e-10)
        basis = rcs_basis(at, knots)
        np.testing.assert_allclose(basis, expected[f"basis_norm2_{k}"], rtol=1e-10, atol=1e-9)
        unscaled = basis[:, 1:] * (knots[-1] - knots[0]) ** 2
        np.testing.assert_allclose(unscaled, np.array(expected[f"basis_norm0_{k}"])[:, 1:], rtol=1e-10, atol=1e-9)


@pytest.mark.parametrize("name", ["cox_rcs_colon", "cox_rcs_lung"])
def test_cox_with_splines(name, reference_case, reference_csv):
    case = reference_case(name)
    given, expected = case["inputs"], case["expected"]
    used = [given["time"], given["event"], given["spline"], *given["covariates"]]
    frame = filtered(reference_csv(case["data"]["csv"]), case["data"]["filter"], used)
    x = frame[given["spline"]].to_numpy(dtype=float)
    knots = rcs_knots(x, given["nk"])
    np.testing.assert_allclose(knots, expected["knots"], rtol=1e-12)
    columns = np.column_stack([rcs_basis(x, knots), frame[given["covariates"]].to_numpy(dtype=float)])
    y = Surv.right(frame[given["time"]], frame[given["event"]] == 1)
    model = CoxPH().fit(columns, y)
    # rms stops its iterations earlier than we do
    np.testing.assert_allclose(model.coef_, values(expected["coef"]), rtol=1e-5)
    np.testing.assert_allclose(np.sqrt(np.diag(model.covariance_)), values(expected["se"]), rtol=1e-5)
    np.testing.assert_allclose(model.log_likelihood_, expected["loglik"], rtol=1e-9)
    terms = {
        given["spline"]: range(given["nk"] - 1),
        "Nonlinear": range(1, given["nk"] - 1),
        "TOTAL": range(columns.shape[1]),
    }
    terms |= {name: [given["nk"] - 1 + j] for j, name in enumerate(given["covariates"])}
    for term, places in terms.items():
        inner = np.ix_(list(places), list(places))
        coef = model.coef_[list(places)]
        chisq = coef @ np.linalg.solve(model.covariance_[inner], coef)
        np.testing.assert_allclose(chisq, expected["anova_chisq"][term], rtol=1e-5)
    n = model.n_
    ratio = 2 * (model.log_likelihood_ - model.log_likelihood_null_)
    nagelkerke = (1 - np.exp(-ratio / n)) / (1 - np.exp(2 * model.log_likelihood_null_ / n))
    np.testing.assert_allclose(nagelkerke, expected["R2_nagelkerke"], rtol=1e-5)
    eta = model.linear_predictor(columns)
    gini = np.abs(eta[:, None] - eta[None, :]).sum() / (n * (n - 1))
    np.testing.assert_allclose(gini, expected["g"], rtol=1e-5)
