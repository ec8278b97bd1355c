"""ICC, kappa and Bland–Altman against R and published numbers."""

from __future__ import annotations

import numpy as np
import pytest

from lbp_prognosis.evaluation.technical import agreement, concordance_correlation, icc, weighted_kappa

FORMS = {
    "1,1": "icc_1_1",
    "2,1": "icc_2_1_A1",
    "3,1": "icc_3_1_C1",
    "1,k": "icc_1_k",
    "2,k": "icc_2_k_Ak",
    "3,k": "icc_3_k_Ck",
}


@pytest.mark.parametrize("name", ["icc_pefr_wright", "icc_shrout_fleiss"])
def test_icc(name, reference_case, reference_csv):
    case = reference_case(name)
    result = icc(reference_csv(case["data"]["csv"])[case["inputs"]["columns"]])
    close = {"rel": 1e-7, "abs": 1e-9}
    for row in result.table.itertuples():
        want = case["expected"][FORMS[row.form]]
        assert row.value == pytest.approx(want["icc"], **close)
        assert row.f == pytest.approx(want["F"], **close)
        assert (row.df1, row.df2) == (want["df1"], want["df2"])
        assert row.p == pytest.approx(want["p"], rel=1e-6, abs=1e-15)
        assert (row.low, row.high) == pytest.approx((want["lower"], want["upper"]), **close)
    squares = case["expected"]["mean_squares"]
    assert result.mean_squares == pytest.approx(
        {
            "subjects": squares["between_subjects"],
            "raters": squares["between_raters"],
            "residual": squares["residual"],
            "within": squares["within"],
        },
        **close,
    )
    for field in ("sem_agreement", "sem_consistency", "sdc_agreement", "sdc_consistency"):
        assert getattr(result, field) == pytest.approx(case["expected"][field], **close)


def test_icc_from_mean_squares_alone():
    """MSR 9.2, MSC 1.8, MSE 0.9 for 30 subjects and two raters: ICC(2,1) 0.817 (0.653 to 0.908)."""
    rng = np.random.default_rng(0)
    subjects, raters = rng.standard_normal(30), np.array([-0.5, 0.5])
    noise = rng.standard_normal((30, 2))
    noise -= noise.mean(axis=1, keepdims=True) + noise.mean(axis=0) - noise.mean()
    subjects = (subjects - subjects.mean()) / subjects.std(ddof=1) * np.sqrt(9.2 / 2)
    raters = raters / np.sqrt(np.sum(raters**2)) * np.sqrt(1.8 / 30)
    noise *= np.sqrt(0.9 * 29 / np.sum(noise**2))
    result = icc(subjects[:, None] + raters[None, :] + noise)
    assert result.value == pytest.approx(0.81692913, abs=5e-9)
    assert (result.low, result.high) == pytest.approx((0.65271951, 0.90816553), abs=5e-9)


@pytest.mark.parametrize("name", ["kappa_ms_winnipeg", "kappa_sim_12"])
def test_kappa(name, reference_case, reference_csv):
    case = reference_case(name)
    want = case["expected"]
    if case["data"]["csv"]:
        frame = reference_csv(case["data"]["csv"])
        first, second = (frame[column] for column in case["inputs"]["columns"])
        arguments = {"first": first, "second": second, "categories": range(1, 6)}
    else:
        arguments = {"table": want["table"]}
    for key, weights in (("unweighted", "none"), ("linear", "linear"), ("quadratic", "quadratic")):
        result = weighted_kappa(**arguments, weights=weights)
        got = (result.value, result.se, result.low, result.high, result.se_null, result.z)
        expected = tuple(want[key][field] for field in ("kappa", "se", "lower", "upper", "se_null", "z"))
        assert got == pytest.approx(expected, rel=1e-8, abs=1e-9)
    assert result.percent_agreement == pytest.approx(want["percent_agreement"], rel=1e-8)
    assert result.n == want["n"]
    assert result.table.to_numpy().tolist() == want["table"]


@pytest.mark.parametrize("name", ["blandaltman_pefr", "blandaltman_pefr_repeat"])
def test_bland_altman(name, reference_case, reference_csv):
    case = reference_case(name)
    want, frame = case["expected"], reference_csv(case["data"]["csv"])
    first, second = frame[case["inputs"]["method_a"]], frame[case["inputs"]["method_b"]]
    result = agreement(first, second)
    pairs = {
        "bias": result.bias,
        "sd": result.sd,
        "loa_lower": result.lower,
        "loa_upper": result.upper,
        "bias_ci": (result.bias_low, result.bias_high),
        "loa_se_1999": result.se_limit,
        "loa_se_1986": result.se_limit_1986,
        "loa_lower_ci_1999": result.lower_interval,
        "loa_upper_ci_1999": result.upper_interval,
        "loa_lower_ci_1986": result.lower_interval_1986,
        "loa_upper_ci_1986": result.upper_interval_1986,
        "exact_upper_loa_ci": result.upper_interval_exact,
        "exact_lower_loa_ci": result.lower_interval_exact,
        "proportional_bias_slope": result.slope,
        "proportional_bias_p": result.slope_p,
        "repeatability_within_sd": result.within_sd,
        "repeatability_coefficient": result.repeatability,
    }
    for key, got in pairs.items():
        # the non-central t quantiles of R and SciPy agree to about 1e-8
        tolerance = 1e-6 if key.startswith("exact") else 1e-9
        assert got == pytest.approx(want[key], rel=tolerance, abs=1e-9), key
    early = result.to_frame().query("method == 'Bland & Altman 1986, two sd'")["value"]
    assert early.tolist() == pytest.approx([want["loa_lower_2sd"], want["loa_upper_2sd"]], rel=1e-9)
    assert concordance_correlation(first, second).value == pytest.approx(want["lin_ccc"], rel=1e-9)
