"""EuroSCORE II in 23 validations: REML, Hartung–Knapp and both prediction intervals."""

from __future__ import annotations

import numpy as np
import pytest

from lbp_prognosis.validation import meta_analysis


@pytest.mark.parametrize("name", ["meta_euroscore_cstat", "meta_euroscore_oe"])
def test_euroscore(name, reference_case):
    case = reference_case(name)
    pooled = meta_analysis(case["inputs"]["y"], np.sqrt(case["inputs"]["v"]))
    want = case["expected"]["transformed"]
    close = {"rel": 1e-6, "abs": 1e-8}
    assert pooled.mean == pytest.approx(want["mu"], **close)
    assert pooled.se_wald == pytest.approx(want["se"], **close)
    assert pooled.se_hksj == pytest.approx(want["se_hk"], **close)
    assert (pooled.low, pooled.high) == pytest.approx(want["ci_hk"], **close)
    assert pooled.tau2 == pytest.approx(want["tau2"], **close)
    assert pooled.tau2_dl == pytest.approx(want["tau2_dl"], **close)
    assert pooled.cochran_q == pytest.approx(want["Q"], **close)
    assert pooled.cochran_p == pytest.approx(want["Q_p"], rel=1e-6)
    assert pooled.i2 == pytest.approx(want["I2_percent"], rel=1e-5)
    assert pooled.prediction_hksj == pytest.approx(want["pi_hk_df_k_minus_1"], **close)
    assert pooled.prediction_riley == pytest.approx(want["pi_wald_df_k_minus_2"], **close)
    back = meta_analysis(
        1 / (1 + np.exp(-np.array(case["inputs"]["y"]))) if name.endswith("cstat") else np.exp(case["inputs"]["y"]),
        np.sqrt(case["inputs"]["v"])
        * (
            np.array(case["inputs"]["c"]) * (1 - np.array(case["inputs"]["c"]))
            if name.endswith("cstat")
            else np.exp(case["inputs"]["y"])
        ),
        scale="logit" if name.endswith("cstat") else "log",
    )
    assert back.value == pytest.approx(case["expected"]["back_transformed"]["mu"], **close)
    assert (back.low, back.high) == pytest.approx(case["expected"]["back_transformed"]["ci_hk"], **close)
