"""ParametricAFT against survreg."""

from __future__ import annotations

import numpy as np
import pytest

from lbp_prognosis import Surv
from lbp_prognosis.models import ParametricAFT

CASES = [
    "aft_interval_lbp_lognormal",
    "aft_interval_lbp_weibull",
    "aft_lung_exponential",
    "aft_lung_loglogistic",
    "aft_lung_lognormal",
    "aft_lung_weibull",
    "aft_veteran_lognormal",
    "aft_veteran_weibull",
]


@pytest.mark.parametrize("name", CASES)
def test_survreg(name, reference_case, reference_csv):
    case = reference_case(name)
    inputs, expected, rel = case["inputs"], case["expected"], case["tolerance"]["rel"]
    table = reference_csv(case["data"]["csv"])
    X = table[inputs["covariates"]].astype(float)
    if inputs["interval"]:
        left, right = inputs["interval"]
        y = Surv.interval(table[left].fillna(0.0), table[right].fillna(np.inf))
    else:
        y = Surv.right(table[inputs["time"]], table[inputs["event"]])
    model = ParametricAFT(name.rsplit("_", 1)[1]).fit(X, y)
    assert len(y) == expected["n"]
    coef = list(expected["coef"].values())
    np.testing.assert_allclose([model.intercept_, *model.coef_], coef, rtol=rel)
    assert np.log(model.scale_) == pytest.approx(expected["log_scale"], rel=rel, abs=1e-12)
    np.testing.assert_allclose(model.covariance_, expected["vcov"], rtol=rel, atol=1e-9)
    np.testing.assert_allclose(
        [model.log_likelihood_null_, model.log_likelihood_], expected["loglik_null_and_model"], rtol=1e-9
    )
    rows = np.array(inputs["rows_1based"]) - 1
    survival = 1 - model.predict_risk(X.iloc[rows], inputs["times"])
    np.testing.assert_allclose(survival, expected["survival"], rtol=rel)
    times = model.predict_quantile(X.iloc[rows], [0.25, 0.5, 0.75])
    np.testing.assert_allclose(times, expected["quantiles_25_50_75"], rtol=rel)
    if "weibull_ph_coef" in expected:
        np.testing.assert_allclose(np.log(model.hazard_ratios_), list(expected["weibull_ph_coef"].values()), rtol=rel)
