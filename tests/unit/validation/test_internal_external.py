"""Leave-one-site-out: the worked six sites, small sites, patients at one site only."""

from __future__ import annotations

import numpy as np
import pytest
from syn import syn

from lbp_prognosis import CoxPH, Status, Surv
from lbp_prognosis._base import ArgumentError
from lbp_prognosis.models import LogisticRisk
from lbp_prognosis.validation import internal_external

COLUMNS = ["c1", "c2", "p1", "p2", "m1", "m2", "g1", "g2"]
WORKED = {  # site: n, events, AUC, O/E on the log, its error, slope, its error
    "1": (94, 33, 0.73273721, -0.292797067, 0.140230997, 0.82147162, 0.21972202),
    "2": (99, 38, 0.77825712, -0.073644327, 0.127337266, 0.78041797, 0.18697666),
    "3": (108, 36, 0.81597222, -0.195320137, 0.136082763, 1.09831761, 0.24535266),
    "4": (102, 48, 0.77546296, 0.215398595, 0.105021006, 0.81283918, 0.19026641),
    "5": (98, 39, 0.81790526, -0.019631769, 0.124245499, 1.23997176, 0.28170459),
    "6": (99, 55, 0.76611570, 0.230562425, 0.089893315, 0.83812886, 0.20380560),
}


@pytest.fixture(scope="module")
def worked():
    d = syn()
    return internal_external(
        {"all": LogisticRisk()}, d[COLUMNS], Status.at(12, d["y"]), d["site"], 12, [0.3], n_resamples=0
    )


def test_worked_sites(worked):
    table = worked.table[worked.table["metric"].isin(["auc", "observed_expected", "calibration_slope"])]
    table = table.set_index(["group", "metric"])
    for site, (n, events, auc, log_oe, log_oe_se, slope, slope_se) in WORKED.items():
        row = worked.sites.set_index("site").loc[site]
        assert (row["n"], row["n_events"]) == (n, events)
        assert table.loc[(site, "auc"), "value"] == pytest.approx(auc, abs=5e-9)
        ratio = table.loc[(site, "observed_expected")]
        assert np.log(ratio["value"]) == pytest.approx(log_oe, abs=5e-9)
        assert ratio["se"] / ratio["value"] == pytest.approx(log_oe_se, abs=5e-9)
        line = table.loc[(site, "calibration_slope")]
        assert line["value"] == pytest.approx(slope, abs=5e-8)
        assert line["se"] == pytest.approx(slope_se, rel=1e-4)  # the worked fit stops at a relative change of 1e-8


def test_worked_pooling(worked):
    ratio = worked.pooled("observed_expected")
    assert ratio.value == pytest.approx(0.99435605, abs=5e-8)
    assert ratio.tau2 == pytest.approx(0.032299157, abs=5e-9)
    assert ratio.probability_between(0.8, 1.2) == pytest.approx(0.642, abs=5e-4)
    slope = worked.pooled("calibration_slope")
    assert slope.mean == pytest.approx(0.88951192, abs=1e-5)  # for the same reason
    assert slope.tau2 == 0
    assert worked.pooled("auc").value == pytest.approx(0.78232904, abs=5e-9)


def test_every_pooled_measure_is_in_one_frame(worked):
    frame = worked.meta()
    assert {"auc", "observed_expected", "calibration_slope", "net_benefit", "brier"} <= set(frame["metric"])
    assert {"estimate", "tau2", "prediction_low_hksj", "prediction_high_riley"} <= set(frame["quantity"])


def test_predictions_come_from_the_other_sites(worked):
    d = syn()
    away = (d["site"] != 3).to_numpy()
    by_hand = LogisticRisk().fit(d[COLUMNS][away], Status.at(12, d["y"][away])).predict_risk(d[COLUMNS][~away], 12)
    assert np.array_equal(worked.risks["all"][~away], by_hand)


def test_small_sites_train_only():
    d = syn()
    site = d["site"].astype(str).where(d.index >= 12, "tiny")
    result = internal_external(CoxPH(), d[["c1", "p1"]], Surv.right(d["time"], d["event"]), site, 12, n_resamples=0)
    row = result.sites.set_index("site").loc["tiny"]
    assert not row["evaluated"]
    assert "tiny" not in set(result.table["group"])
    assert result.objections[0].code == "sites-too-small"


def test_a_patient_at_two_sites_is_refused():
    d = syn(120)
    with pytest.raises(ArgumentError, match="trained on and tested on"):
        internal_external(
            CoxPH(), d[["c1"]], Surv.right(d["time"], d["event"]), d["site"], 12, groups=np.arange(120) // 2
        )


def test_paired_differences_pool():
    d = syn()
    models = {"clinical": CoxPH(), "empty": CoxPH()}
    X, y = d[["c1", "p1"]], Surv.right(d["time"], d["event"])
    result = internal_external(models, X, y, d["site"], 12, n_resamples=0)
    frame = result.table
    pairs = frame[frame["reference"].notna() & (frame["metric"] == "auc")]
    assert (pairs["value"] == 0).all()
