"""`CauseSpecificCox` and `FineGray` against riskRegression, cmprsk and survival."""

from __future__ import annotations

import numpy as np
import pytest

from lbp_prognosis.models import CauseSpecificCox, CoxPH, FineGray
from lbp_prognosis.survival import Surv


def given(case, reference_csv):
    inputs = case["inputs"]
    used = [inputs["time"], inputs["status"], *inputs["covariates"]]
    frame = reference_csv(case["data"]["csv"])[used].dropna().reset_index(drop=True)
    y = Surv.right(frame[inputs["time"]], frame[inputs["status"]].astype(int))
    return frame[inputs["covariates"]], y, inputs


def values(mapping: dict) -> np.ndarray:
    return np.array(list(mapping.values()), dtype=float)


@pytest.mark.parametrize("name", ["csc_comprisk", "csc_dca"])
def test_cause_specific(name, reference_case, reference_csv):
    case = reference_case(name)
    X, y, inputs = given(case, reference_csv)
    rows = X.iloc[np.array(inputs["rows_1based_after_filter"]) - 1]
    tolerance = {"rtol": case["tolerance"]["rel"], "atol": case["tolerance"]["abs"]}
    limit = CauseSpecificCox(incidence="product_limit_efron").fit(X, y)
    exponential = CauseSpecificCox(incidence="exponential_efron").fit(X, y)
    for cause in (1, 2):
        expected = case["expected"][f"cause_{cause}"]
        np.testing.assert_allclose(limit.coef_[cause], values(expected["coef"]), **tolerance)
        np.testing.assert_allclose(np.sqrt(np.diag(limit.covariance_[cause])), values(expected["se"]), **tolerance)
        np.testing.assert_allclose(limit.models_[cause].log_likelihood_, expected["loglik"], **tolerance)
        risk = limit.predict_risk(rows, inputs["times"], cause)
        np.testing.assert_allclose(risk, expected["cif_prodlim_type"], **tolerance)
        np.testing.assert_allclose(risk, expected["cif_default"], **tolerance)
        np.testing.assert_allclose(
            exponential.predict_risk(rows, inputs["times"], cause), expected["cif_exp_type"], **tolerance
        )
    total = sum(limit.predict_risk(X, inputs["times"], cause) for cause in (1, 2))
    np.testing.assert_allclose(total + limit.predict_survival(X, inputs["times"]), 1.0, rtol=1e-12)


@pytest.mark.parametrize("name", ["finegray_comprisk_cause1", "finegray_comprisk_cause2", "finegray_dca_cancer"])
def test_fine_gray(name, reference_case, reference_csv):
    case = reference_case(name)
    X, y, inputs = given(case, reference_csv)
    expected, cause = case["expected"], inputs["cause"]
    rows = X.iloc[np.array(inputs["rows_1based_after_filter"]) - 1]
    crr = FineGray(cause=cause, ties="breslow", censoring_ties="at_risk").fit(X, y)
    np.testing.assert_allclose(crr.coef_, values(expected["crr_coef"]), rtol=1e-8)
    np.testing.assert_allclose(np.sqrt(np.diag(crr.covariance_)), values(expected["crr_se"]), rtol=1e-7)
    np.testing.assert_allclose(crr.log_likelihood_, expected["crr_loglik"], rtol=1e-10)
    np.testing.assert_allclose(crr.log_likelihood_null_, expected["crr_loglik_null"], rtol=1e-10)
    np.testing.assert_allclose(crr.predict_risk(rows, inputs["times"], cause), expected["crr_cif"], rtol=1e-7)
    fixed = FineGray(cause=cause, ties="breslow", variance="robust_fixed").fit(X, y)
    np.testing.assert_allclose(fixed.coef_, values(expected["finegray_coxph_breslow_coef"]), rtol=1e-8)
    robust = np.sqrt(np.diag(fixed.covariance_))
    np.testing.assert_allclose(robust, values(expected["finegray_coxph_breslow_robust_se"]), rtol=1e-7)
    efron = FineGray(cause=cause).fit(X, y)
    np.testing.assert_allclose(efron.coef_, values(expected["finegray_coxph_efron_coef"]), rtol=1e-8)


def test_without_competing_events_all_models_agree(reference_case, reference_csv):
    case = reference_case("finegray_comprisk_cause1")
    X, y, inputs = given(case, reference_csv)
    alone = Surv.right(y["time"], y["event"] == 1)
    cox, subdistribution = CoxPH().fit(X, alone), FineGray(variance="model").fit(X, alone)
    specific = CauseSpecificCox(incidence="exponential").fit(X, alone)
    np.testing.assert_allclose(subdistribution.coef_, cox.coef_, rtol=1e-12)
    np.testing.assert_allclose(specific.coef_[1], cox.coef_, rtol=1e-12)
    np.testing.assert_allclose(subdistribution.predict_risk(X, inputs["times"]), cox.predict_risk(X, inputs["times"]))
    np.testing.assert_allclose(1 - specific.predict_survival(X, inputs["times"]), cox.predict_risk(X, inputs["times"]))
    exact = CauseSpecificCox(incidence="exponential_efron").fit(X, alone)
    np.testing.assert_allclose(1 - exact.predict_survival(X, inputs["times"]), cox.predict_risk(X, inputs["times"]))
