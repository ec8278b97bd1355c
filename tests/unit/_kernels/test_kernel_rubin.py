"""Rubin's rules against R: coefficients, degrees of freedom, intervals, D1 and D2."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit, logit

from lbp_prognosis._kernels import d1_test, d2_test, rubin_pool


def test_concordance_pooled_on_the_logit_scale(golden: dict) -> None:
    case = golden["mi_rubin_logitC"]
    c, se = np.array(case["C"]), np.array(case["se"])
    pooled = rubin_pool(logit(c), (se / (c * (1 - c))) ** 2)
    for got, name in ((pooled.estimate, "Q"), (pooled.within, "U"), (pooled.between, "B"), (pooled.total, "T")):
        assert got == pytest.approx(case[name], rel=1e-7)
    assert pooled.df == pytest.approx(case["nu"], rel=1e-6)
    assert expit(pooled.estimate) == pytest.approx(case["pooled"], abs=1e-8)
    assert expit(pooled.limits(0.95)) == pytest.approx(case["ci"], abs=1e-8)


def test_pooled_auc_as_psfmi_prints_it(reference_case) -> None:
    case = reference_case("mi_pool_auc_doc")
    auc, se = np.array(case["inputs"]["auc"]), np.array(case["inputs"]["se"])
    pooled = rubin_pool(logit(auc), (se / (auc * (1 - auc))) ** 2)
    expected = case["expected"]
    assert pooled.estimate == pytest.approx(expected["logit_estimate"], rel=1e-9)
    assert pooled.se == pytest.approx(expected["logit_se"], rel=1e-9)
    assert pooled.df == pytest.approx(expected["df"], rel=1e-9)
    low, high = expit(pooled.limits(0.95))
    assert (low, high) == pytest.approx((expected["lower"], expected["upper"]), rel=1e-9)


@pytest.mark.parametrize("name", ["mi_lr_doc1", "mi_lr_carrying"])
def test_logistic_coefficients_and_tests(reference_case, reference_csv, name: str) -> None:
    import pandas as pd
    import statsmodels.api as sm

    case = reference_case(name)
    table = reference_csv(case["data"]["csv"])
    expected = case["expected"]
    fits = []
    for k in range(1, 6):
        rows = table[table["Impnr"] == k]
        if name == "mi_lr_doc1":
            X = rows[["Gender", "Smoking", "Function", "JobControl", "JobDemands", "SocialSupport"]]
        else:
            X = pd.get_dummies(rows["Carrying"].astype(int), drop_first=True, dtype=float)
            X.columns = ["factor(Carrying)2", "factor(Carrying)3"]
        X = sm.add_constant(X.astype(float).to_numpy())
        fits.append(sm.GLM(rows["Chronic"].to_numpy(), X, family=sm.families.Binomial()).fit(tol=1e-14))
    coefficients = np.array([fit.params for fit in fits])
    covariances = np.array([fit.cov_params() for fit in fits])
    pooled = rubin_pool(coefficients, np.array([np.diag(c) for c in covariances]), expected["dfcom"])
    low, high = pooled.limits(0.95)
    for k, row in enumerate(expected["pooled"].values()):
        got = {
            "estimate": pooled.estimate[k],
            "se": pooled.se[k],
            "riv": pooled.riv[k],
            "lambda": pooled.lambda_[k],
            "df_rubin1987": pooled.df_rubin[k],
            "df": pooled.df[k],
            "fmi": pooled.fmi[k],
            "lower": low[k],
            "upper": high[k],
            "p": pooled.p_value()[k],
        }
        for field, value in got.items():
            assert value == pytest.approx(row[field], rel=2e-6, abs=1e-8), (k, field)
    if name == "mi_lr_carrying":
        test = d1_test(coefficients[:, 1:], covariances[:, 1:, 1:])
        want = expected["multiparameter"]["Carrying"]["D1"]
        assert (test.statistic, test.df2, test.riv, test.p) == pytest.approx(
            (want["F"], want["df2"], want["riv"], want["p"]), rel=1e-6
        )
        wald = np.array([c[1:] @ np.linalg.solve(v[1:, 1:], c[1:]) for c, v in zip(coefficients, covariances)])
        test = d2_test(wald, 2)
        want = expected["multiparameter"]["Carrying"]["D2_wald"]
        assert (test.statistic, test.df2, test.riv, test.p) == pytest.approx(
            (want["F"], want["df2"], want["riv"], want["p"]), rel=1e-5
        )


def test_without_between_variance_the_observed_part_of_the_df_remains() -> None:
    pooled = rubin_pool(np.full(5, 1.0), np.full(5, 0.04), 190)
    assert pooled.df == pytest.approx(188.031088082902, rel=1e-12)
    assert rubin_pool(np.full(5, 1.0), np.full(5, 0.04)).df == np.inf


def test_tests_of_identical_imputations_are_those_of_one_table() -> None:
    from scipy.stats import chi2

    assert d2_test(np.full(4, 5.1), 2).p == pytest.approx(chi2.sf(5.1, 2), rel=1e-12)
    b, v = np.array([0.5, -0.2]), np.diag([0.04, 0.01])
    test = d1_test(np.tile(b, (4, 1)), np.tile(v, (4, 1, 1)))
    assert test.p == pytest.approx(chi2.sf(float(b @ np.linalg.solve(v, b)), 2), rel=1e-9)
