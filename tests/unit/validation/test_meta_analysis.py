"""Random-effects pooling against worked numbers, and its refusals."""

from __future__ import annotations

import numpy as np
import pytest

from lbp_prognosis._base import ArgumentError
from lbp_prognosis._kernels import reml
from lbp_prognosis.validation import meta_analysis

Y = np.array([0.95, 0.80, 1.10, 0.60, 1.25, 0.70, 0.88, 1.02])
SE = np.array([0.12, 0.15, 0.20, 0.18, 0.22, 0.14, 0.16, 0.25])


def expit(x):
    return 1 / (1 + np.exp(-x))


def test_eight_sites_by_hand():
    pooled = meta_analysis(Y, SE)
    assert pooled.mean == pytest.approx(0.87891385, abs=5e-9)
    assert pooled.tau2 == pytest.approx(0.0046321048, abs=5e-11)
    assert pooled.se_wald == pytest.approx(0.063640589, abs=5e-10)
    assert pooled.q == pytest.approx(1.1292915, abs=5e-8)
    assert pooled.se_hksj == pytest.approx(0.067629662, abs=5e-10)
    assert expit(np.array([pooled.low, pooled.high])) == pytest.approx([0.6723857, 0.73862469], abs=5e-9)
    assert expit(np.array(pooled.prediction_hksj)) == pytest.approx([0.65746882, 0.75134398], abs=5e-9)
    assert expit(np.array(pooled.prediction_riley)) == pytest.approx([0.65721647, 0.75155322], abs=5e-9)


def test_probability_at_a_new_site():
    concordances = expit(Y)
    pooled = meta_analysis(concordances, SE * concordances * (1 - concordances), scale="logit", metric="concordance")
    assert pooled.value == pytest.approx(0.70659709, abs=5e-9)
    assert pooled.probability_between(low=0.70) == pytest.approx(0.6242962, abs=5e-8)


def test_observed_expected_of_six_sites(golden):
    case = golden["iecv_logOE"]
    pooled = meta_analysis(case["y"], case["se"])
    assert pooled.mean == pytest.approx(case["mu"], abs=1e-9)
    assert pooled.tau2 == pytest.approx(case["tau2"], abs=5e-10)
    assert pooled.tau2_dl == pytest.approx(case["tau2_DL"], abs=5e-9)
    # metafor's confint; the worked value stops at a coarser root
    assert (pooled.tau2_low, pooled.tau2_high) == pytest.approx((0.004110130, 0.258122720), abs=5e-10)
    assert np.exp(pooled.prediction_riley) == pytest.approx(case["pi_riley_OE"], abs=5e-8)
    assert np.exp(pooled.prediction_hksj) == pytest.approx(case["pi_hksj_OE"], abs=5e-8)
    natural = meta_analysis(np.exp(case["y"]), np.array(case["se"]) * np.exp(case["y"]), scale="log")
    assert natural.probability_between(0.8, 1.2) == pytest.approx(case["p_in_.8_1.2"], abs=5e-9)
    left_out = np.log(natural.leave_one_out()["estimate"])
    assert (left_out.min(), left_out.max()) == pytest.approx((-0.0599, 0.0491), abs=5e-5)


def test_no_heterogeneity_keeps_the_interval_from_shrinking():
    """With τ² = 0 and q < 1 the plain HKSJ interval would be shorter than the fixed-effect one."""
    y = np.array([0.5, 0.51, 0.49, 0.5, 0.505, 0.495])
    pooled = meta_analysis(y, np.full(6, 0.1))
    assert pooled.tau2 == 0.0
    assert pooled.modified
    assert pooled.se_hksj == pooled.se_wald


def test_reml_is_the_maximum_of_the_restricted_likelihood():
    fit = reml(Y, SE**2)

    def restricted(tau2):
        w = 1 / (SE**2 + tau2)
        mean = np.sum(w * Y) / w.sum()
        return -0.5 * (np.sum(np.log(1 / w)) + np.log(w.sum()) + np.sum(w * (Y - mean) ** 2))

    best = restricted(fit.tau2)
    assert all(restricted(fit.tau2 * factor) < best for factor in (0.98, 1.02))


def test_frame_names_every_quantity():
    frame = meta_analysis(Y, SE, metric="calibration_slope").to_frame()
    assert frame["metric"].tolist() == [
        "estimate",
        "tau2",
        "prediction_low_hksj",
        "prediction_high_hksj",
        "prediction_low_profile",
        "prediction_high_profile",
        "prediction_low_riley",
        "prediction_high_riley",
        "i2",
        "cochran_q",
    ]
    assert set(frame["group"]) == {"calibration_slope"}
    limits = frame.set_index("metric").loc[["prediction_low_profile", "prediction_high_profile"], "value"]
    assert tuple(limits) == meta_analysis(Y, SE).prediction_profile


def test_two_sites_have_no_riley_interval_and_carry_an_objection():
    pooled = meta_analysis([0.7, 0.8], [0.05, 0.05])
    assert np.isnan(pooled.prediction_riley).all()
    assert pooled.objections[0].code == "few-sites"
    row = pooled.to_frame().set_index("metric").loc["prediction_low_riley"]
    assert row["reason"] == "fewer than three sites"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (([0.7], [0.1]), "at least two sites"),
        (([0.7, 0.8], [0.1, 0.0]), "positive"),
        (([0.7, np.nan], [0.1, 0.1]), "finite"),
        (([0.7, 0.8], [0.1]), "one per site, 2"),
    ],
)
def test_refusals(arguments, words):
    with pytest.raises(ArgumentError, match=words):
        meta_analysis(*arguments)


def test_logit_scale_refuses_what_is_no_probability():
    with pytest.raises(ArgumentError, match="strictly between 0 and 1"):
        meta_analysis([0.7, 1.2], [0.1, 0.1], scale="logit")
