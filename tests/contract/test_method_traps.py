"""Traps found while the methods were worked out, by number: a compact check each, or where the test is."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import statsmodels.api as sm
from scipy.special import expit
from syn import syn

from lbp_prognosis import CoxPH, Status, Surv, models
from lbp_prognosis._kernels import cox_data, cox_fit_prepared
from lbp_prognosis.evaluation import calibration
from lbp_prognosis.models import LogisticRisk, NullModel
from lbp_prognosis.survival import Weights
from lbp_prognosis.validation import internal_external, meta_analysis

TESTS = Path(__file__).resolve().parents[1]

TRAPS = {
    1: ("unit/_kernels/test_ipcw_kernel.py", "test_weights_average_one_and_reproduce_kaplan_meier_with_greenwood"),
    2: ("reference/test_discrimination_golden.py", "test_coarse_times_need_events_first_and_g_before_t"),
    3: ("unit/models/test_cox_models.py", "test_worked_numbers_of_heavy_ties"),
    4: ("contract/test_traps.py", "test_the_end_of_unos_window_is_inside_it"),
    5: ("truth/test_imputation_leak.py", "test_imputing_first_flatters_and_the_pipeline_does_not"),
    6: ("contract/test_traps.py", "test_an_interval_never_shorter_than_that_of_fixed_effects"),
    7: ("contract/test_method_traps.py", "test_7_a_slope_of_binned_risks_is_not_that_of_patients"),
    8: ("contract/test_method_traps.py", "test_8_slopes_of_small_sites_are_pooled_too_low_and_that_is_said"),
    9: (
        "unit/evaluation/prognostic/test_calibration.py",
        "test_a_calibration_holds_its_level_and_d_calibration_does_not",
    ),
    10: ("contract/test_traps.py", "test_a_perfect_model_has_a_calibration_distance"),
    11: ("unit/validation/test_added_value.py", "test_credit_without_added_value"),
    12: ("unit/explain/test_shap_values.py", "test_trap_observational_values_credit_an_unused_column"),
    13: ("unit/explain/test_shap_values.py", "test_trap_the_sign_changes_over_time_under_proportional_hazards"),
    14: ("properties/test_peer_traps_calibration_decision.py", "test_survival_given_as_risk_is_said"),
    15: ("unit/cohort/test_cohort_outcomes.py", "test_an_unattended_visit_never_dates_an_event"),
    16: ("contract/test_traps.py", "test_the_error_of_a_slope_is_simulated_and_not_approximated"),
    17: ("unit/models/test_elastic_net_models.py", "test_worked_stress_test_of_penalty_factors"),
    18: ("contract/test_method_traps.py", "test_18_weights_of_a_stack_are_not_negative"),
    19: ("contract/test_method_traps.py", "test_19_a_resample_is_fitted_to_the_end"),
    20: ("unit/evaluation/prognostic/test_calibration.py", "test_the_empty_last_cell_is_merged"),
}


def test_every_trap_has_its_check() -> None:
    assert sorted(TRAPS) == list(range(1, 21))


@pytest.mark.parametrize("trap", TRAPS)
def test_the_index_is_true(trap: int) -> None:
    path, name = TRAPS[trap]
    assert re.search(rf"^def {name}\(", (TESTS / path).read_text(encoding="utf-8"), re.MULTILINE)


def test_7_a_slope_of_binned_risks_is_not_that_of_patients() -> None:
    """Means of a few bins a site stand for many risks: error in the predictor, and a slope too low."""
    rng = np.random.default_rng(7)
    n = 6000
    site = rng.integers(0, 30, n)
    lp = rng.normal(-0.4, 1.0, n)
    event = (rng.random(n) < expit(lp)).astype(int)
    y, risk = Status.at(12, event), expit(lp)
    found = calibration(y, risk, 12).calibration_slope
    by_rows = sm.GLM(event, sm.add_constant(lp), family=sm.families.Binomial()).fit()
    assert found.value == pytest.approx(by_rows.params[1], rel=1e-6)
    assert abs(found.value - 1) < 0.08
    # what may leave a hospital are bins with five events and five others at least: those of low risk lack the events
    cell = site * 10 + np.minimum((risk * 10).astype(int), 9)
    events, size = np.bincount(cell, event, minlength=300), np.bincount(cell, minlength=300)
    shown = ((events >= 5) & (size - events >= 5))[cell]
    mean = (np.bincount(cell, risk, minlength=300) / np.maximum(size, 1))[cell]
    assert calibration(y[shown], mean[shown], 12).calibration_slope.value < found.value - 0.05


def test_8_slopes_of_small_sites_are_pooled_too_low_and_that_is_said() -> None:
    rng = np.random.default_rng(1)
    pooled = []
    for _ in range(60):
        slopes, errors = np.empty(20), np.empty(20)
        for k in range(20):
            lp = rng.normal(-0.5, 1, 60)
            fit = sm.GLM(
                (rng.random(60) < expit(lp)).astype(int), sm.add_constant(lp), family=sm.families.Binomial()
            ).fit()
            slopes[k], errors[k] = fit.params[1], fit.bse[1]
        pooled.append(meta_analysis(slopes, errors).value)
    assert np.mean(pooled) < 0.99  # the truth is 1: a slope that is low by chance has the smaller error
    d = syn()
    y = Status.at(12, d["y"])
    small = internal_external(LogisticRisk(), d[["c1", "c2"]], y, d["site"], 12, n_resamples=0)
    large = internal_external(LogisticRisk(), d[["c1", "c2"]], y, d["site"] > 3, 12, n_resamples=0)
    assert "slopes-of-small-sites" in {o.code for o in small.pooled("calibration_slope").objections}
    assert "slopes-of-small-sites" not in {o.code for o in large.pooled("calibration_slope").objections}
    assert "slopes-of-small-sites" not in {o.code for o in small.pooled("auc").objections}


def test_18_weights_of_a_stack_are_not_negative() -> None:
    """A free stack gave a noise modality the weight −0.50."""
    d = syn(300)
    y = Surv.right(d["time"], d["status"] == 1)
    learners = {"signal": CoxPH(penalty=1.0), "noise": NullModel()}
    for meta in ("brier_simplex", "log_score"):
        fitted = models.StackedRisk(learners, meta=meta, horizons=[12.0], cv=3).fit(d[["c1", "p1", "m1"]], y)
        weights = fitted.weights_["weight"].to_numpy()
        assert (weights >= 0).all()
        assert weights.sum() == pytest.approx(1.0, abs=1e-9)


def test_19_a_resample_is_fitted_to_the_end() -> None:
    """One Newton step from the fit of all patients is not the fit of a resample."""
    d = syn(200)
    X, y = d[["c1", "c2", "p1", "p2", "m1", "m2", "g1", "g2"]], Surv.right(d["time"], d["event"])
    model = CoxPH().fit(X, y)
    data = cox_data(X.to_numpy(), y["time"], (y["event"] == 1).astype(np.int8))
    errors = np.sqrt(np.diag(model.covariance_))
    worst, converged = 0.0, 0
    for seed in range(40):
        copies = np.bincount(np.random.default_rng(seed).integers(0, 200, 200), minlength=200).astype(float)
        again = model.resampler(X, y)(copies.astype(int))
        scratch = CoxPH().fit(X, y, sample_weight=Weights(copies, "frequency"))
        if again is not None:  # where the shortcut does not converge there is none, and the rows are drawn
            np.testing.assert_allclose(again.linear_predictor(X), scratch.linear_predictor(X), atol=1e-9)
            converged += 1
        step = cox_fit_prepared(data, weights=copies, frequency=True, start=model.coef_, max_iter=1)
        worst = max(worst, float(np.max(np.abs(step.coef - scratch.coef_) / errors)))
    assert worst > 0.1
    assert converged > 20
