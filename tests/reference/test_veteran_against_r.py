"""Models and curves on the veteran trial, in days and in tied months, against survival and riskRegression."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from lbp_prognosis.evaluation import brier, time_dependent_auc
from lbp_prognosis.models import CoxPH, ParametricAFT
from lbp_prognosis.survival import Surv, Weights, kaplan_meier, log_rank

STORED = json.loads((Path(__file__).parent / "r" / "veteran.json").read_text(encoding="utf-8"))
FRAME = pd.DataFrame(STORED["data"])
DAYS = Surv.right(FRAME["time"], FRAME["status"])
MONTHS = Surv.right(FRAME["month"], FRAME["status"])


def aft_parameters(model):
    return [model.intercept_, *model.coef_, model.scale_]


@pytest.mark.parametrize("transform", ["km", "rank", "log", "identity"])
@pytest.mark.parametrize("name", ["zph_days", "zph_months_strata", "zph_late"])
def test_proportional_hazards(name, transform):
    y, strata, columns = DAYS, None, ["karno", "age", "prior"]
    if name == "zph_months_strata":
        y, strata = MONTHS, FRAME["celltype"]
    elif name == "zph_late":
        columns = columns[:2]
        late = np.minimum(FRAME["diagtime"], FRAME["time"] - 0.5)
        y = Surv.right(FRAME["time"], FRAME["status"], entry=late)
    model = CoxPH().fit(FRAME[columns], y, strata=strata)
    found = model.proportional_hazards_test(FRAME[columns], y, transform, strata=strata).statistic
    stored = STORED[name][transform]
    if stored is None:  # a curve that reaches zero among early entrants: R's solve() stops at the information
        assert np.isnan(found[-1])
        return
    np.testing.assert_allclose(found, stored, rtol=1e-6)


@pytest.mark.parametrize("name", ["exact", "exact_strata"])
def test_exact_ties(name):
    strata = FRAME["trt"] if name == "exact_strata" else None
    model = CoxPH(ties="exact").fit(FRAME[["karno", "age"]], MONTHS, strata=strata)
    stored = STORED[name]
    np.testing.assert_allclose(model.coef_, stored["coef"], rtol=1e-7)
    np.testing.assert_allclose(model.covariance_, stored["var"], rtol=1e-6)
    np.testing.assert_allclose([model.log_likelihood_null_, model.log_likelihood_], stored["loglik"], rtol=1e-10)


@pytest.mark.parametrize("kind", ["dfbeta", "score", "schoenfeld", "scaled_schoenfeld"])
def test_residuals(kind):
    columns = ["karno", "age", "prior"]
    model = CoxPH().fit(FRAME[columns], DAYS)
    if "schoenfeld" in kind:
        rows = model.schoenfeld_residuals(FRAME[columns], DAYS, scaled=kind.startswith("scaled"))[columns].to_numpy()
    else:
        rows = model.residuals(FRAME[columns], DAYS, kind)
    stored = STORED[kind]
    np.testing.assert_allclose((rows**2).sum(axis=0), stored["squares"], rtol=1e-6)
    np.testing.assert_allclose(rows.sum(axis=0), stored["sum"], rtol=1e-6, atol=1e-5)


@pytest.mark.parametrize("distribution", ["weibull", "exponential", "lognormal", "loglogistic"])
@pytest.mark.parametrize("name", ["aft_weighted", "aft_visits"])
def test_parametric(name, distribution):
    columns = ["karno", "age"]
    if name == "aft_weighted":
        model = ParametricAFT(distribution).fit(FRAME[columns], DAYS, sample_weight=Weights(FRAME["w"], "frequency"))
    else:
        kept = FRAME[(FRAME["status"] == 1) | (FRAME["month"] > 1)]
        upper = np.where(kept["status"] == 1, 30.0 * kept["month"], np.inf)
        model = ParametricAFT(distribution).fit(kept[columns], Surv.interval(30.0 * (kept["month"] - 1), upper))
    stored = STORED[name][distribution]
    np.testing.assert_allclose(aft_parameters(model), [*stored["coef"], stored["scale"]], rtol=1e-6)
    np.testing.assert_allclose(model.log_likelihood_, stored["loglik"][1], rtol=1e-9)
    np.testing.assert_allclose(model.covariance_, stored["var"], rtol=1e-5, atol=1e-9)


def test_curves():
    found = log_rank(MONTHS, FRAME["celltype"], strata=FRAME["trt"])
    assert found.statistic == pytest.approx(STORED["logrank_strata"]["chisq"], rel=1e-9)
    quantiles = kaplan_meier(MONTHS).quantile([0.1, 0.25, 0.5, 0.75, 0.9])
    for name, stored in STORED["quantiles"].items():
        np.testing.assert_array_equal(quantiles[name], np.array(stored, dtype=float))


def test_values_under_heavy_ties_are_those_of_score_and_errors_those_of_the_jackknife():
    """Score's standard error of the Brier score is off where events and censorings share months; ours is not."""
    risk, stored, n = FRAME["risk"].to_numpy(), STORED["tied_score"], len(FRAME)
    error, area = brier(MONTHS, risk, 4), time_dependent_auc(MONTHS, risk, 4)
    assert (area.value, error.value) == pytest.approx((stored["auc"], stored["brier"]), rel=1e-9)
    rows = np.arange(n)
    for metric, result in ((brier, error), (time_dependent_auc, area)):
        left_out = np.array([metric(MONTHS[rows != i], risk[rows != i], 4).value for i in rows])
        jackknife = np.sqrt((n - 1) / n * np.sum((left_out - left_out.mean()) ** 2))
        assert result.se == pytest.approx(jackknife, rel=0.02)
