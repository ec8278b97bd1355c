"""Parametric and discrete models against values that r/other_models.R computed."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from syn import syn

from lbp_prognosis import Surv
from lbp_prognosis.models import CoxPH, DiscreteTimeHazard, ParametricAFT, RoystonParmar


@pytest.fixture(scope="module")
def cohort():
    return syn()


@pytest.fixture(scope="module")
def expected():
    return json.loads((Path(__file__).parent / "r" / "other_models.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def late(cohort):
    rows = cohort[cohort.time > 3 * cohort.u15]
    return rows.assign(entry=3 * rows.u15)


def test_left_truncated_cox(late, expected):
    model = CoxPH().fit(late[["c1", "c2", "p1"]], Surv.right(late.time, late.event, entry=late.entry))
    np.testing.assert_allclose(model.coef_, expected["left_truncated_cox"], rtol=1e-9)


def test_sandwich_of_weights_and_of_clusters(cohort, expected):
    y, X = Surv.right(cohort.time, cohort.event), cohort[["c1", "p1"]]
    weights = np.tile([0.5, 1, 1.5, 2], 150)
    cases = [
        ("weighted_loglogistic", ParametricAFT("loglogistic").fit(X, y, sample_weight=weights)),
        ("clustered_weibull", ParametricAFT("weibull").fit(X, y, clusters=cohort.site)),
    ]
    for name, model in cases:
        case = expected[name]
        np.testing.assert_allclose([model.intercept_, *model.coef_], case["coef"], rtol=1e-7)
        assert np.log(model.scale_) == pytest.approx(case["log_scale"], rel=1e-7)
        np.testing.assert_allclose(model.covariance_, case["vcov"], rtol=1e-6)
        assert model.variance_ == "robust"


def test_offset(cohort, expected):
    case = expected["offset_lognormal"]
    y = Surv.right(cohort.time, cohort.event)
    model = ParametricAFT("lognormal").fit(cohort[["c1"]], y, offset=0.2 * cohort.p1)
    np.testing.assert_allclose([model.intercept_, *model.coef_], case["coef"], rtol=1e-7)
    assert np.log(model.scale_) == pytest.approx(case["log_scale"], rel=1e-7)
    assert model.log_likelihood_ == pytest.approx(case["loglik"], rel=1e-11)


def test_delayed_entry_with_intervals(late, expected):
    """R's general optimiser stops about 1e-6 from the maximum."""
    case = expected["truncated_interval_weibull"]
    position = np.arange(1, len(late) + 1)
    between = (late.event == 1) & (position % 3 == 0)
    lower = np.where(between, np.maximum(late.time - 0.5, late.entry), late.time)
    between &= lower < late.time
    upper = np.where(between, late.time + 0.5, late.time)
    y = Surv.interval(lower, np.where(late.event == 1, upper, np.inf), entry=late.entry)
    model = ParametricAFT("weibull").fit(late[["c1", "p1"]], y)
    ours = np.array([-model.intercept_ / model.scale_, 1 / model.scale_, *np.log(model.hazard_ratios_)])
    np.testing.assert_allclose(ours, case["par"], rtol=1e-5)
    assert model.log_likelihood_ == pytest.approx(case["loglik"], rel=1e-10)


@pytest.mark.parametrize("scale", ["odds", "normal"])
def test_splines_on_other_scales(cohort, expected, scale):
    case = expected[f"spline_{scale}"]
    model = RoystonParmar(3, scale=scale).fit(cohort[["c1", "c2", "p1"]], Surv.right(cohort.time, cohort.event))
    np.testing.assert_allclose(model.coef_, case["coef"], rtol=1e-5)
    assert model.log_likelihood_ == pytest.approx(case["loglik"], rel=1e-10)
    assert model.log_likelihood_ >= case["loglik"] - 1e-9


def test_generalised_gamma(cohort, expected):
    case = expected["generalised_gamma"]
    model = ParametricAFT("generalised_gamma").fit(cohort[["c1", "p1"]], Surv.right(cohort.time, cohort.event))
    ours = np.array([model.intercept_, *model.coef_, np.log(model.scale_), model.shape_])
    np.testing.assert_allclose(ours, case["par"], rtol=1e-4)
    assert model.log_likelihood_ == pytest.approx(case["loglik"], rel=1e-9)
    assert model.log_likelihood_ >= case["loglik"] - 1e-9


def test_competing_causes_at_visits(cohort, expected):
    case = expected["multinomial"]
    model = DiscreteTimeHazard([3, 6, 12, 24]).fit(cohort[["c1", "p1"]], Surv.right(cohort.time, cohort.status))
    ours = np.hstack([model.alpha_[:, 0], model.coef_])
    np.testing.assert_allclose(ours, case["coef"], rtol=2e-5)
    assert model.log_likelihood_ == pytest.approx(case["loglik"], rel=1e-9)
    assert model.n_rows_ == case["rows"]
