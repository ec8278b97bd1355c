"""Leave-one-centre-out against R: ten hospitals (logistic) and the institutions of the lung data (Cox)."""

from __future__ import annotations

import pytest

from lbp_prognosis import CoxPH, Status, Surv
from lbp_prognosis.models import LogisticRisk
from lbp_prognosis.validation import internal_external


def test_ten_centres(reference_case, reference_csv):
    case = reference_case("iecv_ipd_afib_centre")
    frame = reference_csv(case["data"]["csv"])
    result = internal_external(
        LogisticRisk(),
        frame[case["inputs"]["covariates"]],
        Status.at(1, frame["afib"]),
        frame["centre"],
        1,
        n_resamples=0,
    )
    table = result.table.set_index(["group", "metric"])
    for centre, want in case["expected"]["by_centre"].items():
        site = centre.removeprefix("centre_")
        assert table.loc[(site, "auc"), "value"] == pytest.approx(want["auc"], rel=1e-8)
        # DeLong divides by n − 1 in each class; ours by n
        assert table.loc[(site, "auc"), "se"] == pytest.approx(want["auc_se"], rel=1e-8)
        # R's glm stops at a relative change of the deviance of 1e-8, one step before ours: seen in the errors
        assert table.loc[(site, "calibration_slope"), "value"] == pytest.approx(want["slope"], abs=1e-7)
        assert table.loc[(site, "calibration_slope"), "se"] == pytest.approx(want["slope_se"], rel=5e-5)
        assert table.loc[(site, "citl"), "value"] == pytest.approx(want["citl"], abs=1e-7)
        assert table.loc[(site, "citl"), "se"] == pytest.approx(want["citl_se"], rel=5e-5)
        assert table.loc[(site, "observed_expected"), "value"] == pytest.approx(want["oe"], rel=1e-8)
    for metric, key, close in (
        ("observed_expected", "pooled_log_oe", 1e-5),
        ("calibration_slope", "pooled_slope", 1e-5),
        ("citl", "pooled_citl", 5e-5),  # the errors R's glm leaves behind
    ):
        _compare_pooled(result.pooled(metric), case["expected"][key], rel=close)
    # DeLong's errors differ, see above; AUC
    auc = result.pooled("auc")
    assert auc.value == pytest.approx(case["expected"]["pooled_auc"]["mu"], rel=1e-7)


def test_lung_institutions(reference_case, reference_csv):
    case = reference_case("iecv_lung_inst")
    frame = reference_csv(case["data"]["csv"])
    sizes = frame["inst"].value_counts()
    site = frame["inst"].map(lambda k: str(int(k)) if sizes[k] >= case["inputs"]["min_size"] else "other")
    y = Surv.right(frame["time"], frame["event"])
    X = frame[case["inputs"]["covariates"]]
    # every site, however few are left at risk: C and slope take the whole follow-up
    result = internal_external(CoxPH(), X, y, site, 200, min_events=1, min_at_risk=0)
    sizes_there = result.sites.set_index("site")["n"]
    table = result.table.set_index(["group", "metric"])
    for name, want in case["expected"]["by_cluster"].items():
        assert sizes_there[name] == want["n"]
        row = table.loc[(name, "concordance")]
        assert (row["value"], row["se"]) == pytest.approx((want["c"], want["c_se"]), rel=1e-8)
        row = table.loc[(name, "calibration_slope")]
        assert (row["value"], row["se"]) == pytest.approx((want["slope"], want["slope_se"]), rel=1e-6)
    close = {"rel": 1e-5, "abs": 1e-6}
    for metric, key in (("concordance", "pooled_c_logit"), ("calibration_slope", "pooled_slope")):
        _compare_pooled(result.pooled(metric), case["expected"][key], **close)
    back = result.pooled("concordance")
    want = case["expected"]["pooled_c"]
    assert back.value == pytest.approx(want["mu"], **close)
    if not back.modified:
        assert (back.low, back.high) == pytest.approx(want["ci_hk"], **close)


def _compare_pooled(pooled, want, **close):
    assert pooled.k == want["k"]
    for ours, theirs in (
        ("mean", "mu"),
        ("se_wald", "se"),
        ("tau2", "tau2"),
        ("tau2_dl", "tau2_dl"),
        ("cochran_q", "Q"),
        ("cochran_p", "Q_p"),
        ("i2", "I2_percent"),
    ):
        assert getattr(pooled, ours) == pytest.approx(want[theirs], **close), theirs
    # R's error is the plain one; ours is kept from falling below Wald's where no spread is found
    assert pooled.se_wald * pooled.q**0.5 == pytest.approx(want["se_hk"], **close)
    if not pooled.modified:
        assert pooled.se_hksj == pytest.approx(want["se_hk"], **close)
    if pooled.scale == "identity":
        assert pooled.prediction_riley == pytest.approx(want["pi_wald_df_k_minus_2"], **close)
