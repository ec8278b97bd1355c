"""Twelve patients a table, at every time that occurs in it (values by r/edges.R)."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from lbp_prognosis._kernels import ipcw_weights
from lbp_prognosis.evaluation import brier, concordance, decision_curve, time_dependent_auc
from lbp_prognosis.survival import Surv, kaplan_meier

R = json.loads((Path(__file__).parent / "r" / "edges.json").read_text(encoding="utf-8"))
THRESHOLDS = [0.1, 0.2, 0.3, 0.4, 0.5]


@pytest.mark.parametrize("name", R)
def test_every_time_of_the_table(name, reference_csv):
    table = reference_csv(f"edge_{name}.csv")
    y, risk = Surv.right(table["time"], table["event"], censored=0), table["risk"].to_numpy()
    close = {"rtol": 1e-9, "atol": 1e-12}
    pairs = concordance(y, risk)
    found = [pairs.value, pairs.se, pairs.concordant, pairs.discordant, pairs.tied]
    np.testing.assert_allclose(found, R[name]["concordance"], **close)
    for want in R[name]["at"]:
        tau = float(want["horizon"])
        curve = kaplan_meier(y, min_at_risk=0).at(tau)
        survival, se = (np.nan if value in (None, "NaN") else value for value in want["km"])
        np.testing.assert_allclose([curve.value, curve.se], [survival, se], **close)
        np.testing.assert_allclose(ipcw_weights(y["time"], y["event"], tau), want["weights"], **close)
        score = brier(y, risk, tau, min_at_risk=0)
        np.testing.assert_allclose([score.value, score.null.value], [want["brier"], want["null"]], **close)
        complete = abs(np.mean(want["weights"]) - 1) < 1e-9
        assert complete != ("weights-below-one" in {o.code for o in score.objections})
        area = time_dependent_auc(y, risk, tau, min_at_risk=0)
        np.testing.assert_allclose(area.value, np.nan if want["auc"] is None else want["auc"], **close)
        benefit = decision_curve(y, risk, tau, THRESHOLDS, at_threshold="spare", min_at_risk=0, n_resamples=0)
        np.testing.assert_allclose(benefit.value[0, 0], want["net_benefit"], **close)
        np.testing.assert_allclose(benefit.value[1, 0], want["treat_all"], **close)
