"""Sample sizes: worked values, monotone behaviour and refusals."""

from __future__ import annotations

import numpy as np
import pytest

from lbp_prognosis._base import ArgumentError
from lbp_prognosis.validation import r2_cox_snell_from_c, sample_size_development, sample_size_validation


def test_development_worked():
    plan = sample_size_development("binary", parameters=20, c_statistic=0.75, prevalence=0.3, mean_absolute_error=0.05)
    assert plan.details["r2_cox_snell"] == pytest.approx(0.15990116, abs=5e-8)
    assert [row["n"] for row in plan.criteria] == [1023, 510, 323, 876]
    assert plan.n == 1023
    assert plan.events_per_parameter == pytest.approx(15.3, abs=0.05)
    assert sample_size_development("binary", parameters=20, r2=0.15, prevalence=0.3).criterion("shrinkage") == 1097


def test_survival_development_worked():
    plan = sample_size_development("survival", parameters=20, r2=0.12, rate=0.25, mean_follow_up=1.5, horizon=2)
    assert (plan.criterion("shrinkage"), plan.criterion("optimism_r2")) == (1398, 475)
    assert plan.events == pytest.approx(524.25)
    assert plan.details["risk_at_horizon"] == pytest.approx(0.39347, abs=5e-6)
    assert (plan.details["risk_low"], plan.details["risk_high"]) == pytest.approx((0.36695, 0.41888), abs=5e-6)
    assert r2_cox_snell_from_c(0.72, events=0.3) == pytest.approx(0.2023, abs=5e-5)


def test_few_parameters_leave_the_overall_risk_uncertain():
    """As pmsampsize, the interval of the overall risk asks for no patients by itself; it is said, or asked for."""
    about = {"r2": 0.2, "rate": 0.25, "mean_follow_up": 1.5, "horizon": 2}
    plan = sample_size_development("survival", parameters=3, **about)
    assert plan.n == max(plan.criterion("shrinkage"), plan.criterion("optimism_r2"))
    assert plan.details["risk_high"] - plan.details["risk_at_horizon"] > 0.05
    assert [doubt.code for doubt in plan.objections] == ["overall-risk-imprecise"]
    precise = sample_size_development("survival", parameters=3, risk_margin=0.05, **about)
    assert precise.n == precise.criterion("risk_at_horizon") > plan.n
    half = 1.96 * np.sqrt(0.25 / (precise.n * 1.5))
    risk, low, high = (1 - np.exp(-2 * (0.25 + k * half)) for k in (0, -1, 1))
    assert max(risk - low, high - risk) <= 0.05
    assert not precise.objections


def test_parameters_of_all_modalities_count():
    whole = sample_size_development("binary", parameters=24, r2=0.288, prevalence=0.174)
    split = sample_size_development(
        "binary", parameters={"clinical": 10, "imaging": 10, "patient_reported": 4}, r2=0.288, prevalence=0.174
    )
    assert split.n == whole.n == 662
    assert split.parameters == {"clinical": 10, "imaging": 10, "patient_reported": 4}


def test_validation_worked(golden):
    plan = sample_size_validation(
        "binary",
        prevalence=0.3,
        c_statistic=0.75,
        lp_mean=-1,
        lp_sd=1,
        sensitivity=0.7,
        specificity=0.65,
        threshold=0.2,
    )
    want = golden["samplesize"]["val"]
    assert plan.criterion("observed_expected") == want["OE"]
    assert plan.criterion("calibration_slope") == want["slope"]
    assert plan.criterion("concordance") == want["C"]
    assert plan.criterion("net_benefit") == want["sNB"]
    assert plan.details["standardised_net_benefit"] == pytest.approx(0.4958333, abs=5e-8)
    assert plan.n == 3013


def test_validation_of_a_rare_outcome(reference_case):
    case = reference_case("pmvalsampsize_binary_1")
    inputs, want = case["inputs"], case["expected"]
    plan = sample_size_validation(
        "binary",
        prevalence=inputs["prevalence"],
        c_statistic=inputs["cstatistic"],
        lp_mean=inputs["lpnormal"][0],
        lp_sd=inputs["lpnormal"][1],
        oe_width=inputs["oeciwidth"],
        c_width=inputs["cstatciwidth"],
        slope_width=inputs["cslopeciwidth"],
    )
    assert plan.details["se_log_oe"] == pytest.approx(want["se_log_oe_exact"], rel=1e-9)
    assert plan.criterion("observed_expected") == want["n_oe_exact"]
    assert plan.criterion("concordance") == want["n_cstat"]
    # theirs is one simulated linear predictor of 1000 patients
    assert plan.criterion("calibration_slope") == pytest.approx(want["printed_pmvalsampsize"]["values"][1], rel=0.05)


@pytest.mark.slow
@pytest.mark.parametrize(("lp_sd", "events"), [(0.6, 1276), (0.8, 804), (1.0, 579)])
def test_survival_slope_needs_more_events_than_the_usual_formula(lp_sd, events):
    plan = sample_size_validation(
        "survival", risk=0.4, horizon=2.0, lp_sd=lp_sd, slope_width=2 * 1.959964 * 0.051, n_simulations=200
    )
    needed = plan.criterion("calibration_slope") * plan.details["events_per_patient"]
    usual = 1 / (0.051**2 * lp_sd**2)
    assert needed > 1.05 * usual
    # the worked figures come from another design of follow-up
    assert needed == pytest.approx(events, rel=0.12)


def test_survival_validation_runs_and_is_reproducible():
    arguments = {"risk": 0.35, "horizon": 12.0, "lp_sd": 0.8, "follow_up": (6.0, 24.0), "n_simulations": 20}
    first, second = (sample_size_validation("survival", **arguments) for _ in range(2))
    assert first.criteria == second.criteria
    assert 0.6 < first.details["concordance"] < 0.8
    wider = sample_size_validation("survival", oe_width=0.4, **arguments)
    assert wider.criterion("observed_expected") < first.criterion("observed_expected") / 3.5


def test_frame_says_what_decides():
    frame = sample_size_development("binary", parameters=24, r2=0.288, prevalence=0.174).to_frame()
    assert frame["decisive"].tolist() == [False, True, False]
    assert frame.loc[1, "events"] == pytest.approx(662 * 0.174)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: sample_size_development("binary", parameters=20, prevalence=0.3), "c_statistic"),
        (lambda: sample_size_development("binary", parameters=0, r2=0.1, prevalence=0.3), "at least one candidate"),
        (lambda: sample_size_development("binary", parameters=20, r2=0.9, prevalence=0.3), "Nagelkerke"),
        (lambda: sample_size_development("binary", parameters=5, r2=0.6, prevalence=0.5, shrinkage=0.5), "anticipated"),
        (
            lambda: sample_size_development("survival", parameters=5, r2=0.1, rate=3, horizon=1, mean_follow_up=1),
            "one unit of time",
        ),
        (lambda: sample_size_development("ordinal", parameters=20), "'binary'"),
        (lambda: sample_size_validation("binary", prevalence=1.2), "below 1"),
        (lambda: sample_size_validation("binary", prevalence=0.2, lp_sd=1.0), "together"),
        (lambda: sample_size_validation("survival", risk=0.3, horizon=5, lp_sd=1, follow_up=(3, 1)), "increasing"),
        (lambda: sample_size_validation("survival", risk=np.nan, horizon=5, lp_sd=1), "above 0"),
    ],
)
def test_refusals(call, words):
    with pytest.raises(ArgumentError, match=words):
        call()


def test_nagelkerke_is_a_share_of_the_largest_r2():
    by_share = sample_size_development("binary", parameters=20, r2_nagelkerke=0.15, prevalence=0.3)
    assert by_share.details["r2_cox_snell"] == pytest.approx(0.15 * by_share.details["max_r2"])
    same = sample_size_development("binary", parameters=20, r2=by_share.details["r2_cox_snell"], prevalence=0.3)
    assert same.criteria == by_share.criteria
    full_name = sample_size_development(
        "binary", parameters=20, r2_cox_snell=by_share.details["r2_cox_snell"], prevalence=0.3
    )
    assert full_name.criteria == by_share.criteria
    with pytest.raises(ArgumentError, match="one of them only"):
        sample_size_development("binary", parameters=20, r2=0.1, r2_nagelkerke=0.15, prevalence=0.3)
    with pytest.raises(ArgumentError, match="continuous"):
        sample_size_development("continuous", parameters=20, r2_nagelkerke=0.15, intercept=1, sd=1)


@pytest.mark.parametrize(
    ("arguments", "sizes"),
    [
        # printed by pmsampsize 1.1.3 for continuous outcomes
        ({"r2": 0.2, "parameters": 25, "intercept": 10, "sd": 0.6}, [918, 401, 259]),
        ({"r2": 0.2, "parameters": 25, "intercept": 1.9, "sd": 2}, [918, 401, 259]),
        ({"r2": 0.5, "parameters": 100, "intercept": 1.9, "sd": 2}, [1264, 1001, 334]),
        # expected shrinkage is 0.845 at 32, fails from 33 and holds again from 60
        ({"r2": 0.89, "parameters": 30, "intercept": 3.3, "sd": 1.1, "shrinkage": 0.84}, [32, 67, 264]),
    ],
)
def test_continuous_outcomes(arguments, sizes):
    plan = sample_size_development("continuous", **arguments)
    assert [row["n"] for row in plan.criteria][:3] == sizes
    assert plan.n == max(sizes)


def test_survival_criteria_as_pmsampsize_has_them():
    """Printed by pmsampsize for rates, horizons and follow-ups; the second criterion by its formula."""
    for rate, horizon, follow_up, r2, count, first, second in (
        (0.1, 2, 2.07, 0.051, 25, 4286, 731),
        (0.065, 4, 2.07, 0.051, 25, 4286, 866),
        (0.065, 2, 4, 0.051, 25, 4286, 679),
        (0.09, 3, 3, 0.03, 10, 2950, 272),
        (0.03, 1, 5, 0.3, 80, 1974, 2272),
    ):
        plan = sample_size_development(
            "survival", parameters=count, r2=r2, rate=rate, horizon=horizon, mean_follow_up=follow_up
        )
        assert (plan.criterion("shrinkage"), plan.criterion("optimism_r2")) == (first, second)


def test_slope_under_other_laws_of_the_linear_predictor():
    """Against sums over four million draws: beta risks 1643, two normals for C = 0.8 at 1.8 % 17 102 (0.5 %)."""
    beta = sample_size_validation("binary", prevalence=0.018, risk_beta=(0.5, 0.5))
    assert beta.criterion("calibration_slope") == pytest.approx(1643, rel=0.005)
    from_c = sample_size_validation("binary", prevalence=0.018, c_statistic=0.8, lp_from_c=True)
    assert from_c.criterion("calibration_slope") == pytest.approx(17102, rel=0.005)
    # a uniform law of the risk: I00 = 1/6, I01 = 0, I11 = ∫ logit(p)² p(1 − p) dp by quadrature
    from scipy.integrate import quad

    i11 = quad(lambda p: np.log(p / (1 - p)) ** 2 * p * (1 - p), 0, 1)[0]
    uniform = sample_size_validation("binary", prevalence=0.5, risk_beta=(1, 1))
    assert uniform.criterion("calibration_slope") == int(np.ceil((3.92 / 0.2) ** 2 / i11))
    with pytest.raises(ArgumentError, match="more than one"):
        sample_size_validation("binary", prevalence=0.2, risk_beta=(1, 1), lp_mean=0, lp_sd=1)
    with pytest.raises(ArgumentError, match="c_statistic"):
        sample_size_validation("binary", prevalence=0.2, lp_from_c=True)


def test_width_of_oe_around_another_value():
    plan = sample_size_validation("binary", prevalence=0.3, observed_expected=1.2, oe_width=0.3)
    s = plan.details["se_log_oe"]
    assert 1.2 * (np.exp(1.96 * s) - np.exp(-1.96 * s)) == pytest.approx(0.3)
