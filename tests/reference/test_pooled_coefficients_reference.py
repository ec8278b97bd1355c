"""Coefficients of our models on imputed low-back-pain tables, pooled, against R (mice, psfmi and plain formulas)."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from lbp_prognosis.fusion import OneHot, RiskPipeline, pool_coefficients, pool_likelihood_ratio
from lbp_prognosis.models import CoxPH, LogisticRisk
from lbp_prognosis.survival import Status, Surv

COX = {
    "mi_cox_lbp_doc1": [
        "Duration",
        "Radiation",
        "Onset",
        "Function",
        "Age",
        "Previous",
        "Tampascale",
        "JobControl",
        "JobDemand",
        "Social",
        "Expect_cat",
    ],
    "mi_cox_lbp_doc2": ["Duration", "Function", "Social"],
}
LOGISTIC = {
    "mi_lr_doc1": ["Gender", "Smoking", "Function", "JobControl", "JobDemands", "SocialSupport"],
    "mi_lr_performance": ["Gender", "Pain", "Tampascale", "Smoking", "Function", "Radiation", "Age", "Carrying"],
    "mi_lr_carrying": ["Carrying"],
}
FIELDS = {
    "estimate": "estimate",
    "se": "se",
    "riv": "riv",
    "df": "df",
    "fmi": "fmi",
    "low": "lower",
    "high": "upper",
    "p": "p",
}


def _compare(frame: pd.DataFrame, expected: dict) -> None:
    named = {f"factor({name.split('=')[0]}){name.split('=')[1]}" if "=" in name else name for name in frame["term"]}
    assert named == set(expected)
    for row in frame.itertuples():
        name = f"factor({row.term.split('=')[0]}){row.term.split('=')[1]}" if "=" in row.term else row.term
        for ours, theirs in FIELDS.items():
            # R's coxph and glm stop at a relative change of 1e-9 and 1e-8 in the likelihood; the between-imputation
            # variance magnifies what is left in riv and df
            assert getattr(row, ours) == pytest.approx(expected[name][theirs], rel=2e-6, abs=1e-9), (name, ours)


def _compare_d2(got, want: dict) -> None:
    assert (got.statistic, got.df1, got.riv, got.p) == pytest.approx(
        (want["F"], want["df1"], want["riv"], want["p"]), rel=1e-5
    )
    if want["df2"] is not None:
        assert got.df2 == pytest.approx(want["df2"], rel=1e-4)


@pytest.mark.parametrize("name", COX)
def test_cox(reference_case, reference_csv, name: str) -> None:
    case = reference_case(name)
    table, models = reference_csv("lbp_cox.csv"), []
    for k in range(1, 6):
        rows = table[table["Impnr"] == k]
        X = rows[COX[name]].astype(float)
        steps = []
        if "Expect_cat" in X:
            X["Expect_cat"] = rows["Expect_cat"].astype(int)
            steps = [OneHot(["Expect_cat"])]
        y = Surv.right(rows["Time"], rows["Status"])
        models.append(RiskPipeline(steps, CoxPH()).fit(X, y).models_[0])
    expected = case["expected"]
    pooled = pool_coefficients(models)
    assert pooled.df_complete == expected["dfcom_events_minus_p"]
    _compare(pooled.to_frame(), expected["pooled"])
    np.testing.assert_allclose(pooled.covariance, expected["total_covariance"], rtol=2e-6, atol=1e-12)
    larger = pool_coefficients(models, df_complete=len(y) - len(expected["pooled"]))
    for row in larger.to_frame().itertuples():
        want = expected["pooled_dfcom_n_minus_p"].get(row.term)
        if want:
            assert (row.df, row.low, row.high, row.p) == pytest.approx(
                (want["df"], want["lower"], want["upper"], want["p"]), rel=2e-6, abs=1e-9
            )
    for term, tests in (expected.get("multiparameter") or {}).items():
        terms = [t for t in larger.terms if t == term or t.startswith(f"{term}=")]
        got = larger.test(terms)
        assert (got.statistic, got.p) == pytest.approx((tests["D1"]["F"], tests["D1"]["p"]), rel=1e-6)
        if tests["D1"]["df2"] is not None:
            assert got.df2 == pytest.approx(tests["D1"]["df2"], rel=1e-5)
        _compare_d2(larger.test(terms, method="D2"), tests["D2_wald"])


@pytest.mark.parametrize("name", LOGISTIC)
def test_logistic(reference_case, reference_csv, name: str) -> None:
    case = reference_case(name)
    table, models = reference_csv("lbp_chronic_mi.csv"), []
    for k in range(1, 6):
        rows = table[table["Impnr"] == k]
        X = rows[LOGISTIC[name]].astype(float)
        steps = []
        if "Carrying" in X:
            X["Carrying"] = rows["Carrying"].astype(int)
            steps = [OneHot(["Carrying"])]
        models.append(RiskPipeline(steps, LogisticRisk()).fit(X, Status.at(12, rows["Chronic"])).models_[0])
    pooled = pool_coefficients(models)
    assert pooled.df_complete == case["expected"]["dfcom"]
    _compare(pooled.to_frame(), case["expected"]["pooled"])
    for term, tests in (case["expected"].get("multiparameter") or {}).items():
        terms = [t for t in pooled.terms if t == term or t.startswith(f"{term}=")]
        first = pooled.test(terms)
        assert (first.statistic, first.df2, first.riv, first.p) == pytest.approx(
            [tests["D1"][key] for key in ("F", "df2", "riv", "p")], rel=1e-5
        )
        _compare_d2(pooled.test(terms, method="D2"), tests["D2_wald"])
    assert np.isfinite(pooled.to_frame()["p"]).all()


@pytest.mark.parametrize("name", ["mi_lr_doc1", "mi_lr_carrying"])
@pytest.mark.parametrize(
    ("intercept", "field"), [("pooled", "meng_rubin_1992"), ("re-estimated", "intercept_reestimated_variant")]
)
def test_likelihood_ratio(reference_case, reference_csv, name: str, intercept: str, field: str) -> None:
    case = reference_case(name)
    table, tables = reference_csv("lbp_chronic_mi.csv"), []
    for k in range(1, 6):
        rows = table[table["Impnr"] == k].reset_index(drop=True)
        X = rows[LOGISTIC[name]].astype(float)
        if "Carrying" in X:
            X["Carrying"] = rows["Carrying"].astype(int)
            X = OneHot(["Carrying"]).fit_transform(X)
        tables.append(X)
    y = Status.at(12, rows["Chronic"])
    models = [LogisticRisk().fit(X, y) for X in tables]
    for term, tests in case["expected"]["multiparameter"].items():
        rest = [c for c in tables[0].columns if c != term and not c.startswith(f"{term}=")]
        null = [LogisticRisk().fit(X[rest], y) for X in tables] if rest else None
        got, want = pool_likelihood_ratio(models, null, tables, y, intercept=intercept), tests["D3"][field]
        assert [got.statistic, got.df1, got.df2, got.riv, got.p] == pytest.approx(
            [want[key] for key in ("F", "df1", "df2", "riv", "p")], rel=1e-5
        )
