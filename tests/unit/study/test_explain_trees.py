"""TreeSHAP of the boosted model inside a pipeline: sums to its log-hazard, on rows as the trees see them."""

from __future__ import annotations

import numpy as np
import pytest
from syn import syn

from lbp_prognosis import RiskPipeline, Surv
from lbp_prognosis.fusion import Standardise
from lbp_prognosis.models import BoostedCox
from lbp_prognosis.study._explain_model import explain_trees


def test_trees_of_a_pipeline_add_up_to_its_log_hazard():
    pytest.importorskip("shap")
    d = syn(240)
    X, y = d[["c1", "p1", "m1"]], Surv.right(d["time"], d["event"])
    fitted = RiskPipeline([Standardise()], BoostedCox()).fit(X, y)
    found, doubts = explain_trees(fitted, X, 0, True)
    trees = found["trees"]
    assert doubts == ()
    assert trees.synthetic
    total = np.asarray(trees.values)[:, :, 0].sum(axis=1) + np.asarray(trees.base)[:, 0]
    # trees hold single-precision numbers
    assert total == pytest.approx(np.asarray(trees.prediction)[:, 0], abs=1e-4)


def test_too_few_complete_rows_are_not_explained():
    d = syn(40)
    X = d[["c1", "p1"]].copy()
    X.iloc[:20] = np.nan
    assert explain_trees(None, X, 0, False) == ({}, ())
