"""Riley's criteria against pmsampsize."""

from __future__ import annotations

import pytest

from lbp_prognosis.validation import sample_size_development

BINARY = ["pmsampsize_binary", "pmsampsize_binary_36", "pmsampsize_binary_cstat_1"]
SURVIVAL = [
    "pmsampsize_survival_1",
    "pmsampsize_survival_2",
    "pmsampsize_survival_3",
    "pmsampsize_survival_4",
    "pmsampsize_survival_doc",
]
CONTINUOUS = ["pmsampsize_continuous_1", "pmsampsize_continuous_2", "pmsampsize_continuous_3"]


@pytest.mark.parametrize("name", BINARY)
def test_binary(name, reference_case):
    case = reference_case(name)
    inputs, want = case["inputs"], case["expected"]
    r2 = {"c_statistic": inputs["cstatistic"]} if "cstatistic" in inputs else {"r2": inputs["csrsquared"]}
    plan = sample_size_development(
        "binary",
        parameters=inputs["parameters"],
        prevalence=inputs["prevalence"],
        shrinkage=inputs.get("shrinkage", 0.9),
        **r2,
    )
    assert plan.criterion("shrinkage") == want["criterion1"]
    assert plan.criterion("optimism_r2") == want["criterion2"]
    assert plan.criterion("overall_risk") == want["criterion3"]
    assert plan.n == want["final"]
    assert plan.events_per_parameter == pytest.approx(want["EPP_final"], rel=1e-9)
    assert plan.details["max_r2"] == pytest.approx(want["max_R2cs"], rel=1e-9)
    assert plan.details["optimism_shrinkage"] == pytest.approx(want["criterion2_shrinkage"], rel=1e-6)
    if "r2cs_exact" in want:
        assert plan.details["r2_cox_snell"] == pytest.approx(want["r2cs_exact"], rel=1e-6)


@pytest.mark.parametrize("name", SURVIVAL)
def test_survival(name, reference_case):
    case = reference_case(name)
    inputs, want = case["inputs"], case["expected"]
    arguments = {
        "parameters": inputs["parameters"],
        "r2": inputs["csrsquared"],
        "rate": inputs["rate"],
        "horizon": inputs["timepoint"],
        "mean_follow_up": inputs["meanfup"],
        "shrinkage": inputs.get("shrinkage", 0.9),
    }
    plan = sample_size_development("survival", **arguments)
    assert plan.criterion("shrinkage") == want["criterion1"]
    assert plan.criterion("optimism_r2") == want["criterion2"]
    assert plan.n == want["final"]
    assert plan.events == pytest.approx(want["events_final"], rel=1e-9)
    for field, key in (
        ("max_r2", "max_R2cs"),
        ("optimism_shrinkage", "criterion2_shrinkage"),
        ("risk_at_horizon", "criterion3_risk"),
        ("risk_low", "criterion3_lower"),
        ("risk_high", "criterion3_upper"),
    ):
        assert plan.details[field] == pytest.approx(want[key], rel=1e-9), field
    by_time = sample_size_development("survival", null_likelihood="person_time", **arguments)
    assert by_time.details["max_r2"] == pytest.approx(want["alternative_person_time"]["max_R2cs"], rel=1e-9)
    assert by_time.criterion("optimism_r2") == want["alternative_person_time"]["criterion2"]


@pytest.mark.parametrize("name", CONTINUOUS)
def test_continuous(name, reference_case):
    case = reference_case(name)
    inputs = case["inputs"]
    first, second, third, fourth, final = case["expected"]["printed_pmsampsize"]["criterion1_2_3_4_final"]
    plan = sample_size_development(
        "continuous",
        parameters=inputs["parameters"],
        r2=inputs["rsquared"],
        intercept=inputs["intercept"],
        sd=inputs["sd"],
        shrinkage=inputs.get("shrinkage", 0.9),
    )
    assert plan.criterion("shrinkage") == first
    assert plan.criterion("optimism_r2") == second
    assert plan.criterion("residual_sd") == third
    assert plan.n == final
    # the printed fourth criterion starts its search at the largest of the first three
    assert max(plan.criterion("mean_outcome"), first, second, third) == fourth
