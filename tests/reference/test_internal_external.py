"""Leave-one-centre-out against R: ten hospitals (logistic) and the institutions of the lung data (Cox)."""

from __future__ import annotations

import numpy as np
import pytest

from lbp_prognosis import CoxPH, Status, Surv
from lbp_prognosis.models import LogisticRisk
from lbp_prognosis.validation import internal_external, meta_analysis


def test_ten_centres(reference_case, reference_csv):
    case = reference_case("iecv_ipd_afib_centre")
    frame = reference_csv(case["data"]["csv"])
    result = internal_external(
        LogisticRisk(), frame[case["inputs"]["covariates"]], Status.at(1, frame["afib"]), frame["centre"], 1,
        n_resamples=0,
    )  # fmt: skip
    table = result.table.set_index(["group", "metric"])
    for centre, want in case["expected"]["by_centre"].items():
        site = centre.removeprefix("centre_")
        assert table.loc[(site, "auc"), "value"] == pytest.approx(want["auc"], rel=1e-8)
        # DeLong divides by n − 1 in each class; ours by n
        assert table.loc[(site, "auc"), "se"] == pytest.approx(want["auc_se"], rel=1.5e-2)
        # R's glm stops at a relative change of the deviance of 1e-8, one step before ours: seen in the errors
        assert table.loc[(site, "calibration_slope"), "value"] == pytest.approx(want["slope"], abs=1e-7)
        assert table.loc[(site, "calibration_slope"), "se"] == pytest.approx(want["slope_se"], rel=5e-5)
        assert table.loc[(site, "citl"), "value"] == pytest.approx(want["citl"], abs=1e-7)
        assert table.loc[(site, "citl"), "se"] == pytest.approx(want["citl_se"], rel=5e-5)
        assert table.loc[(site, "observed_expected"), "value"] == pytest.approx(want["oe"], rel=1e-8)


def test_lung_institutions(reference_case, reference_csv):
    case = reference_case("iecv_lung_inst")
    frame = reference_csv(case["data"]["csv"])
    sizes = frame["inst"].value_counts()
    site = frame["inst"].map(lambda k: str(int(k)) if sizes[k] >= case["inputs"]["min_size"] else "other")
    y = Surv.right(frame["time"], frame["event"])
    X = frame[case["inputs"]["covariates"]]
    values, errors, slopes, slope_errors = [], [], [], []
    from lbp_prognosis.evaluation import concordance

    for name, want in case["expected"]["by_cluster"].items():
        here = (site == name).to_numpy()
        assert (here.sum(), int(y[here]["event"].sum())) == (want["n"], want["events"])
        lp = CoxPH().fit(X[~here], y[~here]).linear_predictor(X[here])
        held_out = concordance(y[here], lp)
        assert (held_out.value, held_out.se) == pytest.approx((want["c"], want["c_se"]), rel=1e-6)
        line = CoxPH().fit(lp[:, None], y[here])
        assert line.coef_[0] == pytest.approx(want["slope"], rel=1e-5)
        values.append(held_out.value)
        errors.append(held_out.se)
        slopes.append(line.coef_[0])
        slope_errors.append(np.sqrt(line.covariance_[0, 0]))
    pooled = meta_analysis(values, errors, scale="logit")
    want = case["expected"]["pooled_c_logit"]
    assert (pooled.mean, pooled.tau2) == pytest.approx((want["mu"], want["tau2"]), rel=1e-5, abs=1e-8)
    slope = meta_analysis(slopes, slope_errors)
    assert slope.mean == pytest.approx(case["expected"]["pooled_slope"]["mu"], rel=1e-5)
