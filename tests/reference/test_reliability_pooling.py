"""Reliability, ROC, random effects and Rubin's rules against R on drawn tables (``r/reliability_pooling.R``)."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from lbp_prognosis import CoxPH, Reference, Status, Surv
from lbp_prognosis.evaluation.diagnostic import roc
from lbp_prognosis.evaluation.technical import concordance_correlation, icc, weighted_kappa
from lbp_prognosis.fusion import OneHot, RiskPipeline, pool_coefficients, pool_likelihood_ratio
from lbp_prognosis.models import LogisticRisk
from lbp_prognosis.validation import MultiplyImputed, meta_analysis

R = json.loads((Path(__file__).parent / "r" / "reliability_pooling.json").read_text(encoding="utf-8"))
CLOSE = {"rel": 1e-7, "abs": 1e-9}


@pytest.mark.parametrize("name", R["icc"])
@pytest.mark.parametrize(("key", "confidence"), [("at_95", 0.95), ("at_90", 0.90)])
def test_all_forms_of_the_icc(name, key, confidence):
    """Also where subjects differ less than errors, and where raters contradict each other."""
    want = R["icc"][name]
    found = icc(want["ratings"], confidence=confidence).table
    for row, expected in zip(
        found.set_index("form").loc[["1,1", "2,1", "3,1", "1,k", "2,k", "3,k"]].itertuples(), want[key]
    ):
        if name == "opposed" and row.Index == "2,k":
            # the spread left for subjects is negative: psych divides by it, we give no coefficient
            assert np.isnan([row.value, row.low, row.high]).all()
            continue
        numbers = [np.inf if v == "Inf" else -np.inf if v == "-Inf" else float(v) for v in expected]
        assert [row.value, row.f, row.df1, row.df2, row.p, row.low, row.high] == pytest.approx(numbers, **CLOSE)


@pytest.mark.parametrize("name", R["kappa"])
@pytest.mark.parametrize("weights", ["none", "linear", "quadratic"])
def test_kappa_and_its_error(name, weights):
    found = weighted_kappa(table=R["kappa"][name]["table"], weights=weights)
    assert [found.value, found.se] == pytest.approx(R["kappa"][name][weights], rel=1e-9)


def test_lins_coefficient():
    want = R["concordance_correlation"]
    found = concordance_correlation(want["first"], want["second"])
    assert [found.value, found.low, found.high] == pytest.approx([want["value"], want["low"], want["high"]], rel=1e-9)


def test_two_tied_tests():
    want = R["roc"]
    y = Reference.now(want["state"])
    first, second = roc(y, want["first"]), roc(y, want["second"])
    change = first.minus(second)
    found = [first.value, second.value, first.se**2, second.se**2, change["z"], change["p"]]
    assert found == pytest.approx([*want["auc"], *want["variance"], want["z"], want["p"]], rel=1e-9)


@pytest.mark.parametrize("name", R["meta"])
def test_random_effects(name):
    want = R["meta"][name]
    found = meta_analysis(want["y"], np.sqrt(want["v"]))
    close = {"rel": 1e-6, "abs": 1e-9}
    for ours, theirs in (
        ("mean", "mean"),
        ("tau2", "tau2"),
        ("se_wald", "se_wald"),
        ("tau2_dl", "tau2_dl"),
        ("cochran_q", "cochran_q"),
        ("cochran_p", "cochran_p"),
        ("i2", "i2"),
    ):
        assert getattr(found, ours) == pytest.approx(want[theirs], **close), ours
    assert [found.tau2_low, found.tau2_high] == pytest.approx(want["q_profile"], **close)
    assert found.leave_one_out()["estimate"].tolist() == pytest.approx(want["left_out"], **close)
    assert found.se_wald * np.sqrt(found.q) == pytest.approx(want["se_knha"], **close)
    assert found.modified == (name != "many")
    if not found.modified:
        assert [found.low, found.high] == pytest.approx(want["interval"], **close)
        assert found.prediction_hksj == pytest.approx(want["prediction"], **close)
    else:  # metafor's interval is the plain one; ours is never narrower than Wald's
        assert found.se_hksj == pytest.approx(max(found.se_wald, want["se_knha"]), **close)


@pytest.mark.parametrize("kind", ["cox", "logistic"])
def test_rubin_over_five_tables(kind):
    """The degrees of freedom of complete data come from the models; D1 and D2 as mitml has them."""
    want = R[kind]
    tables = [pd.DataFrame(table) for table in R["completed"]]
    if kind == "cox":
        y, model = Surv.right(tables[0]["time"], tables[0]["event"]), CoxPH()
    else:
        y, model = Status.at(12, tables[0]["y"]), LogisticRisk()
    X = MultiplyImputed(tuple(table[["x1", "x2", "group"]].astype({"group": int}) for table in tables))
    pooled = pool_coefficients(X.fit(RiskPipeline([OneHot(["group"])], model), y))
    assert [t.replace("group=", "factor(group)") for t in pooled.terms] == want["terms"]
    assert pooled.df_complete == want["dfcom"]
    for field in ("estimate", "se", "df", "p", "low", "high", "riv", "fmi"):
        assert getattr(pooled, field).tolist() == pytest.approx(want[field], rel=2e-6), field
    assert np.sqrt(np.diag(pooled.covariance)) == pytest.approx(want["se"], rel=2e-6)
    terms = ["group=2", "group=3"] if kind == "cox" else ["x2"]
    for method in ("D1", "D2"):
        test = pooled.test(terms, method=method)
        assert [test.statistic, test.df1, test.df2, test.riv, test.p] == pytest.approx(want[method], rel=2e-6)


@pytest.mark.parametrize(("kind", "rest"), [("cox", ["x1"]), ("logistic", ["x1", "group=2", "group=3"])])
def test_likelihood_ratio_over_five_tables(kind, rest):
    tables = [pd.DataFrame(table).astype({"group": int}) for table in R["completed"]]
    if kind == "cox":
        y, model = Surv.right(tables[0]["time"], tables[0]["event"]), CoxPH()
    else:
        y, model = Status.at(12, tables[0]["y"]), LogisticRisk()
    coded = MultiplyImputed(tuple(OneHot(["group"]).fit_transform(table[["x1", "x2", "group"]]) for table in tables))
    found = pool_likelihood_ratio(coded.fit(model, y), coded[rest].fit(model, y), coded, y)
    # five stored fits at R's tolerance of 1e-9 in the likelihood: seen in r, a difference of likelihood ratios
    assert [found.statistic, found.df1, found.df2, found.riv, found.p] == pytest.approx(R["d3"][kind], rel=1e-5)
