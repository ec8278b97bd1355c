"""Performance over imputed low-back-pain tables against R: pooled C, AUC, R², calibration, optimism bootstrap."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from lbp_prognosis._base import MetricResult
from lbp_prognosis.evaluation import concordance, evaluate
from lbp_prognosis.fusion import OneHot, RestrictedCubicSpline, RiskPipeline, pool_coefficients
from lbp_prognosis.models import CoxPH, LogisticRisk
from lbp_prognosis.survival import Status, Surv
from lbp_prognosis.validation import MultiplyImputed, bootstrap_validate, external_validate, pool_performance

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
    "mi_lr_doc1": (["Gender", "Smoking", "Function", "JobControl", "JobDemands", "SocialSupport"], [], []),
    "mi_lr_carrying": (["Carrying"], ["Carrying"], []),
}


def _imputed(table: pd.DataFrame, patient: str) -> MultiplyImputed:
    return MultiplyImputed.from_long(table[table["Impnr"] <= 5], imputation="Impnr", patient=patient)


@pytest.mark.parametrize("name", COX)
def test_cox_concordance(reference_case, reference_csv, name: str) -> None:
    expected = reference_case(name)["expected"]
    imputed = _imputed(reference_csv("lbp_cox.csv"), "patnr")
    outcome = imputed.observed(["Time", "Status"])
    y = Surv.right(outcome["Time"], outcome["Status"])
    X = imputed[COX[name]]
    steps = [OneHot(["Expect_cat"])] if "Expect_cat" in COX[name] else []
    models = X.fit(RiskPipeline(steps, CoxPH()), y)
    found = [concordance(y, model.linear_predictor(table)) for model, table in zip(models, X.tables)]
    by = expected["cindex_by_imputation"]
    assert [one.value for one in found] == pytest.approx(by["c"], rel=1e-9)
    # survival::concordance's infinitesimal jackknife error is ours
    assert [one.se for one in found] == pytest.approx(by["se"], rel=1e-6)
    row, want = pool_performance(found).metric("concordance"), expected["pooled_cindex_logit"]
    assert (row["value"], row["low"], row["high"]) == pytest.approx(
        (want["estimate"], want["lower"], want["upper"]), rel=1e-6
    )
    assert row["df"] == pytest.approx(want["df"] if want["df"] is not None else np.inf, rel=1e-4)
    # Nagelkerke's R² in each table, averaged on Fisher's scale
    inside = [
        bootstrap_validate(model, table, y, 90, n_resamples=2, random_state=1).at("nagelkerke_r2")["apparent"]
        for model, table in ((RiskPipeline(steps, CoxPH()), table) for table in X.tables)
    ]
    assert inside == pytest.approx(expected["r2_by_imputation"], rel=1e-6)
    assert np.tanh(np.mean(np.arctanh(inside))) == pytest.approx(expected["pooled_nagelkerke_r2_fisher"], rel=1e-6)


@pytest.mark.parametrize("name", LOGISTIC)
def test_logistic_auc_r2_and_brier(reference_case, reference_csv, name: str) -> None:
    expected = reference_case(name)["expected"]
    imputed = _imputed(reference_csv("lbp_chronic_mi.csv"), "ID")
    y = Status.at(12, imputed.observed(["Chronic"])["Chronic"])
    columns, nominal, _ = LOGISTIC[name]
    X = imputed[columns]
    models = X.fit(RiskPipeline([OneHot(nominal)] if nominal else [], LogisticRisk()), y)
    found = [evaluate(y, model.predict_risk(table, 12)) for model, table in zip(models, X.tables)]
    pooled = pool_performance(found)
    want, row = expected["pooled_auc_logit"], pooled.metric("auc")
    assert row["value"] == pytest.approx(want["estimate"], rel=1e-8)
    # DeLong divides by n − 1 in each class, our influence values by n: 0.6 % of the error here
    assert (row["low"], row["high"]) == pytest.approx((want["lower"], want["upper"]), rel=1e-8)
    assert pooled.metric("nagelkerke_r2")["value"] == pytest.approx(expected["pooled_nagelkerke_r2_fisher"], rel=1e-6)
    assert pooled.metric("ipa")["value"] == pytest.approx(expected["mean_scaled_brier"], rel=1e-6)
    assert next(o.code for o in pooled.objections) == "imputed-outside-resampling"


def test_auc_with_r_errors(reference_case) -> None:
    """With R's own errors the pooled interval is R's."""
    for name in ("mi_lr_doc1", "mi_lr_carrying", "mi_lr_performance"):
        expected = reference_case(name)["expected"]
        by, want = expected["auc_by_imputation"], expected["pooled_auc_logit"]
        parts = [
            MetricResult("auc", "prognostic", auc, se, np.nan, np.nan, 0.95, "")
            for auc, se in zip(by["auc"], by["se_delong"])
        ]
        row = pool_performance(parts).metric("auc")
        assert (row["value"], row["low"], row["high"], row["df"]) == pytest.approx(
            (want["estimate"], want["lower"], want["upper"], want["df"]), rel=1e-8
        )


def test_spline_model(reference_case, reference_csv) -> None:
    expected = reference_case("mi_lr_performance")["expected"]
    case = reference_case("mi_lr_performance")["inputs"]
    imputed = _imputed(reference_csv("lbp_chronic_mi.csv"), "ID")
    y = Status.at(12, imputed.observed(["Chronic"])["Chronic"])
    terms = [term.strip() for term in case["formula"].split("~")[1].split("+")]
    splines = [term[4 : term.index(",")] for term in terms if term.startswith("rcs(")]
    nominal = [term[7:-1] for term in terms if term.startswith("factor(")]
    plain = [term for term in terms if "(" not in term]
    steps = [OneHot(nominal)] if nominal else []
    steps += [RestrictedCubicSpline(splines, n_knots=3)] if splines else []
    X = imputed[[*plain, *splines, *nominal]]
    models = X.fit(RiskPipeline(steps, LogisticRisk()), y)
    found = [evaluate(y, model.predict_risk(table, 12)) for model, table in zip(models, X.tables)]
    pooled = pool_performance(found)
    assert pooled.metric("auc")["value"] == pytest.approx(expected["pooled_auc_logit"]["estimate"], rel=1e-8)
    assert pooled.metric("nagelkerke_r2")["value"] == pytest.approx(expected["pooled_nagelkerke_r2_fisher"], rel=1e-6)
    inner = [model.models_[0] for model in models]
    assert pool_coefficients(inner, df_complete=expected["dfcom"]).m == 5


def test_external_validation_of_a_fixed_model(reference_case, reference_csv) -> None:
    case = reference_case("mi_extval_doc")
    expected, fixed = case["expected"], case["inputs"]["fixed_coefficients"]
    imputed = _imputed(reference_csv(case["data"]["csv"]), "ID")
    y = Status.at(12, imputed.observed(["Chronic"])["Chronic"])
    found = []
    for table in imputed.tables:
        lp = fixed["(Intercept)"] + sum(
            value * ((table["Carrying"] == int(name[-1])) if name.startswith("factor") else table[name])
            for name, value in fixed.items()
            if name != "(Intercept)"
        )
        found.append(evaluate(y, 1 / (1 + np.exp(-lp.to_numpy(float)))))
    pooled = pool_performance(found, df_complete=len(y) - 1)
    for ours, theirs in (
        ("calibration_intercept", "pooled_intercept"),
        ("calibration_slope", "pooled_slope"),
        ("citl", "pooled_offset_intercept"),
    ):
        row, want = pooled.metric(ours), expected[theirs]
        # R's glm stops one Newton step before ours, which the between-imputation variance magnifies
        assert (row["value"], row["se"], row["low"], row["high"], row["df"], row["fmi"]) == pytest.approx(
            [want[key] for key in ("estimate", "se", "lower", "upper", "df", "fmi")], rel=1e-5
        ), ours
    infinite = pool_performance(found)
    want = expected["pooled_slope_df_infinite"]
    row = infinite.metric("calibration_slope")
    assert (row["df"], row["low"], row["high"]) == pytest.approx((want["df"], want["lower"], want["upper"]), rel=1e-5)
    for ours, theirs in (
        ("calibration_intercept", "pooled_intercept_df_infinite"),
        ("citl", "pooled_offset_intercept_df_infinite"),
    ):
        row, want = infinite.metric(ours), expected[theirs]
        assert (row["df"], row["low"], row["high"]) == pytest.approx(
            (want["df"], want["lower"], want["upper"]), rel=1e-4
        )
    row = pool_performance(found, df_complete=len(y) - 2).metric("calibration_slope")
    want = expected["pooled_slope_dfcom_n_minus_2"]
    assert (row["df"], row["low"], row["high"]) == pytest.approx((want["df"], want["lower"], want["upper"]), rel=1e-5)
    assert infinite.metric("nagelkerke_r2")["value"] == pytest.approx(expected["pooled_r2_fisher"], rel=1e-8)
    auc = infinite.metric("auc")
    # linear predictors that are equal on paper differ in the last bit, in R too: ties fall either way
    assert auc["value"] == pytest.approx(expected["pooled_auc_logit"]["estimate"], abs=2e-4)
    assert pooled.metric("brier")["value"] == pytest.approx(expected["mean_brier"], rel=1e-8)


def test_developed_in_one_hospital_and_validated_in_another(reference_csv) -> None:
    """108 patients, then 80 in five imputations, by one call; values of ``r/external_imputed.R``."""
    develop = reference_csv("lbp_chronic_dev.csv")
    columns = ["Gender", "Carrying", "Function", "Tampascale", "Age"]
    model = RiskPipeline([OneHot(["Carrying"])], LogisticRisk()).fit(
        develop[columns], Status.at(12, develop["Chronic"])
    )
    imputed = _imputed(reference_csv("lbp_chronic_extval.csv"), "ID")
    y = Status.at(12, imputed.observed(["Chronic"])["Chronic"])
    found = external_validate(model, imputed[columns], y, 12, kind="geographic").to_frame().set_index("metric")
    for metric, value, se in (
        ("calibration_intercept", -0.690199840, 0.325995741),
        ("calibration_slope", 0.676914647, 0.198783131),
        ("citl", -1.033256309, 0.266743857),
    ):
        assert (found.loc[metric, "value"], found.loc[metric, "se"]) == pytest.approx((value, se), rel=1e-7)
    assert found.loc["auc", ["value", "low", "high"]].tolist() == pytest.approx(
        [0.738179146, 0.614931722, 0.8327106796], rel=1e-8
    )
    assert found.loc["brier", "value"] == pytest.approx(0.233139593, rel=1e-8)
    # with the degrees of freedom of complete data the intervals are those of psfmi::mivalext_lr
    parts = [evaluate(y, model.predict_risk(table, 12)) for table in imputed[columns].tables]
    pooled = pool_performance(parts, df_complete=79)
    for metric, df, low, high in (
        ("calibration_slope", 76.3465236, 0.281032789, 1.0727965048),
        ("citl", 76.3785698, -1.564480161, -0.502032456),
    ):
        row = pooled.metric(metric)
        assert [row["df"], row["low"], row["high"]] == pytest.approx([df, low, high], rel=1e-7)


def test_bootstrap_in_imputed_tables(reference_case, reference_csv) -> None:
    case = reference_case("miboot_lbp_doc_model")
    expected = case["expected"]
    imputed = _imputed(reference_csv("lbp_chronic_mi.csv"), "ID")
    y = Status.at(12, imputed.observed(["Chronic"])["Chronic"])
    columns = ["Pain", "JobDemands", "Tampascale", "Satisfaction", "Smoking"]
    spline, nominal = RestrictedCubicSpline(["Tampascale"], n_knots=3), OneHot(["Satisfaction"])
    tables = tuple(spline.fit_transform(nominal.fit_transform(table[columns])) for table in imputed.tables)
    result = bootstrap_validate(LogisticRisk(), MultiplyImputed(tables), y, 12, n_resamples=80, random_state=3)
    # the tolerances are those stated with the case, for 200 resamples; 80 keep them; the scales of pooling move 1e-3
    for ours, theirs, apart in (("auc", "auc", 0.01), ("nagelkerke_r2", "r2", 0.03), ("ipa", "scaled_brier", 0.03)):
        row = result.at(ours)
        assert row["apparent"] == pytest.approx(expected["apparent"][theirs], abs=1e-3)
        assert row["corrected"] == pytest.approx(expected["corrected"][theirs], abs=apart)
    assert result.at("calibration_slope")["corrected"] == pytest.approx(expected["slope_test"], abs=0.04)
    intercept = result.at("calibration_intercept")["corrected"]
    assert intercept == pytest.approx(expected["intercept_test"], abs=0.06)
    assert result.at("auc")["low"] < result.at("auc")["corrected"] < result.at("auc")["high"]
    assert "imputed-outside-resampling" in [o.code for o in result.objections]
    printed = reference_case("psfmi_printed_internal_validation")["expected"]
    # five resamples or three folds there: bands of plausibility
    assert result.at("auc")["corrected"] == pytest.approx(
        printed["MI_boot_nboot5_seed200"]["AUC"]["corrected"], abs=0.06
    )
