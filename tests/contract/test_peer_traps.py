"""Wrong numbers that other programs were measured to give, by number: a compact check each, or where the test is."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from sklearn.base import clone

from lbp_prognosis import CoxPH, Surv
from lbp_prognosis._base import LBPError
from lbp_prognosis._kernels import ipcw_weights
from lbp_prognosis.evaluation import (
    brier,
    calibration,
    concordance,
    decision_curve,
    evaluate,
    integrated_brier,
    time_dependent_auc,
)
from lbp_prognosis.survival import Weights, kaplan_meier, rmst

TESTS = Path(__file__).resolve().parents[1]

ELSEWHERE = {
    2: (
        "properties/test_peer_traps_calibration_decision.py",
        "test_the_integrated_calibration_index_knows_no_unit_of_time",
    ),
    7: ("unit/models/test_boosted_cox.py", "test_weights_equal_copies"),
    8: ("unit/models/test_boosted_cox.py", "test_an_event_at_time_zero_is_an_event"),
    9: ("unit/models/test_boosted_cox.py", "test_contributions_add_up_to_the_log_hazard_not_to_the_risk"),
    21: ("unit/explain/test_shap_values.py", "test_modalities_as_players"),
    22: ("unit/explain/test_tree_shap.py", "test_path_dependent_values_are_others_and_say_so"),
    25: ("properties/test_peer_traps_calibration_decision.py", "test_pseudo_values_take_censoring_for_censoring"),
    26: ("unit/validation/test_multiply_imputed.py", "test_bootstrap_draws_the_same_patients_in_every_imputation"),
    27: ("properties/test_peer_traps_calibration_decision.py", "test_an_observed_risk_stays_a_probability"),
    29: ("unit/fusion/test_harmonisation.py", "test_the_outcome_is_refused_as_covariate_and_never_read"),
}

RNG = np.random.default_rng(11)
N = 600
X = RNG.normal(size=(N, 2))
TRUE = RNG.exponential(5 * np.exp(-X @ [0.8, 0.4]))
STOP = np.minimum(RNG.uniform(0.5, 12, N), 8.0)
SEEN, EVENT = np.minimum(TRUE, STOP), (TRUE <= STOP).astype(int)
Y = Surv.right(SEEN, EVENT)
MODEL = CoxPH().fit(X, Y)
RISK = MODEL.predict_risk(X, 3)[:, 0]


@pytest.mark.parametrize("trap", sorted(ELSEWHERE))
def test_the_index_is_true(trap):
    file, name = ELSEWHERE[trap]
    assert f"def {name}(" in (TESTS / file).read_text(encoding="utf-8")


def test_every_trap_has_its_check():
    here = Path(__file__).read_text(encoding="utf-8")
    direct = {
        int(part)
        for name in re.findall(r"^def test_((?:\d+_(?:and_)?)+)", here, re.MULTILINE)
        for part in re.findall(r"\d+", name)
    }
    assert direct | set(ELSEWHERE) == set(range(1, 30))


def test_1_risk_rises_with_the_marker_and_its_mean_is_kaplan_meiers():
    assert (np.argsort(RISK) == np.argsort(MODEL.linear_predictor(X))).all()
    assert RISK.mean() == pytest.approx(1 - kaplan_meier(Y).at(3).value, abs=0.02)
    assert decision_curve(Y, RISK, 3, [0.3]).at(0.3).value > decision_curve(Y, 1 - RISK, 3, [0.3]).at(0.3).value


@pytest.mark.parametrize("coarse", [1 / 365.25, 1 / 12, 1.0])
def test_3_the_censoring_curve_is_read_just_before_an_event(coarse):
    time_ = np.maximum(np.ceil(SEEN / coarse) * coarse, coarse)
    y, tau = Surv.right(time_, EVENT), 3.0
    weights = ipcw_weights(np.sort(time_), EVENT[np.argsort(time_, kind="stable")], tau)
    assert weights.mean() == pytest.approx(1, abs=1e-12)
    curve = [1.0]  # G by hand: at each time the events leave first
    for t in np.unique(time_):
        risk = (time_ > t).sum() + ((time_ == t) & (EVENT == 0)).sum()
        curve.append(curve[-1] * (1 - ((time_ == t) & (EVENT == 0)).sum() / risk if risk else 0.0))
    grid, g = np.unique(time_), np.array(curve)
    before = g[np.searchsorted(grid, time_, side="left")]
    at = g[np.searchsorted(grid, tau, side="right")]
    case = (time_ <= tau) & (EVENT == 1)
    loss = np.where(case, (1 - RISK) ** 2 / before, np.where(time_ > tau, RISK**2 / at, 0.0)).mean()
    assert brier(y, RISK, tau).value == pytest.approx(loss, rel=1e-12)


def test_4_an_event_on_the_last_day_raises_nothing():
    time_, event = np.append(SEEN, 8.0), np.append(EVENT, 1)
    y, risk = Surv.right(time_, event), np.append(RISK, 0.5)
    assert np.isfinite(concordance(y, risk, weighting="uno", tau=5).value)
    assert np.isfinite(concordance(y, risk, weighting="uno").value)
    assert np.isfinite(time_dependent_auc(y, risk, 3).value)


def test_5_censoring_is_never_ignored():
    complete = np.mean(((TRUE <= 3) - RISK) ** 2)
    naive = np.mean((((SEEN <= 3) & (EVENT == 1)) - RISK) ** 2)
    assert abs(brier(Y, RISK, 3).value - complete) < abs(naive - complete)
    with pytest.raises(LBPError, match="censoring"):
        brier(Y, RISK, 3, censoring="none")


def test_6_intervals_at_a_hundred_thousand_take_no_square_of_it():
    n = 100_000
    x = RNG.normal(size=n)
    end, leave = RNG.exponential(np.exp(-x)), RNG.uniform(0, 3, n)
    y = Surv.right(np.minimum(end, leave), end <= leave)
    found = time_dependent_auc(y, x, [0.5, 1.0])
    assert np.isfinite(found.se).all()  # a matrix of n × n would not even fit


def test_10_efron_is_the_default_and_ties_matter():
    y = Surv.right(np.ceil(SEEN), EVENT)
    efron, breslow = CoxPH().fit(X, y), CoxPH(ties="breslow").fit(X, y)
    assert CoxPH().ties == "efron"
    assert np.abs(efron.coef_).sum() > 1.02 * np.abs(breslow.coef_).sum()


def test_11_the_restricted_mean_has_greenwoods_error_and_not_that_of_a_patient():
    found = rmst(Y, 5)
    left_out = np.array([rmst(np.delete(Y, i), 5).value for i in range(0, N, 3)])
    jackknife = (N - 1) / np.sqrt(N) * left_out.std()
    assert found.se == pytest.approx(jackknife, rel=0.1)
    assert found.se < np.minimum(SEEN, 5).std() / 10


def test_12_and_13_survival_given_as_risk_is_said():
    upside_down = 1 - MODEL.predict_risk(X, 1)
    for result in (calibration(Y, upside_down, 1), time_dependent_auc(Y, upside_down, 1), brier(Y, upside_down, 1)):
        assert any("survival" in str(objection) for objection in result.objections)


def test_14_and_15_a_missing_risk_is_an_error_with_its_row():
    holes = np.where(np.arange(N) == 7, np.nan, RISK)
    for call in (
        lambda: concordance(Y, holes),
        lambda: time_dependent_auc(Y, holes, 3),
        lambda: brier(Y, holes, 3),
        lambda: decision_curve(Y, holes, 3, [0.3]),
        lambda: calibration(Y, holes, 3),
        lambda: evaluate(Y, holes, 3),
    ):
        with pytest.raises(LBPError, match="rows 7"):
            call()


def test_16_a_horizon_past_follow_up_is_missing_with_its_reason():
    found = decision_curve(Y, {"m": np.column_stack([RISK, RISK])}, [3, 50], [0.3])
    assert np.isfinite(found.value[:, 0]).all()
    assert np.isnan(found.value[:, 1]).all()
    assert found.reason[0] == ""
    assert "50" in found.reason[1]


def test_17_scores_are_compared_exactly():
    score = MODEL.linear_predictor(X)
    assert concordance(Y, score * 1e-9).value == concordance(Y, score).value
    assert time_dependent_auc(Y, score * 1e-12, 3).value == time_dependent_auc(Y, score, 3).value


def test_18_and_23_the_rule_of_the_integrated_score_is_named():
    grid = [1.0, 2.0, 3.0, 4.0]
    risk = MODEL.predict_risk(X, grid)
    score = np.asarray(brier(Y, risk, grid).value)
    for rule, start, by_hand in (
        ("step", "zero", score[:3].sum() / 4),
        ("trapezoid", "zero", (score[0] / 2 + (score[1:] + score[:-1]).sum() / 2) / 4),
        ("trapezoid", "first", (score[1:] + score[:-1]).sum() / 2 / 3),
    ):
        found = integrated_brier(Y, risk, grid, rule=rule, start=start)
        assert found.value == pytest.approx(by_hand, rel=1e-12)
        assert rule in found.method or rule in found.metric


def test_19_weights_strata_and_entry_are_taken():
    counts = RNG.integers(1, 4, N)
    groups, entry = RNG.integers(0, 3, N), np.minimum(SEEN, RNG.uniform(0, 1, N)) / 2
    y = Surv.right(SEEN, EVENT, entry=entry)
    weighted = CoxPH().fit(X, y, sample_weight=Weights(counts, "frequency"), strata=groups)
    copied = clone(weighted).fit(np.repeat(X, counts, axis=0), np.repeat(y, counts), strata=np.repeat(groups, counts))
    np.testing.assert_allclose(weighted.coef_, copied.coef_, rtol=1e-8)
    np.testing.assert_allclose(weighted.covariance_, copied.covariance_, rtol=1e-8)


def test_20_higher_is_sooner_and_below_a_half_is_said():
    score = MODEL.linear_predictor(X)
    right, wrong = concordance(Y, score), concordance(Y, -score)
    assert right.value > 0.6
    assert right.value + wrong.value == pytest.approx(1, abs=1e-12)
    assert "below 0.5" in " ".join(str(objection) for objection in wrong.objections)


def test_24_the_result_names_its_estimand():
    harrell, uno = concordance(Y, RISK), concordance(Y, RISK, weighting="uno", tau=3)
    assert (harrell.metric, uno.metric) == ("concordance", "uno_concordance")
    assert harrell.method != uno.method
    assert uno.horizon == 3


def test_28_copies_of_a_row_do_not_tie_with_themselves():
    counts = RNG.multinomial(N, np.full(N, 1 / N))
    kept = counts > 0
    weighted = concordance(Y[kept], RISK[kept], sample_weight=Weights(counts[kept], "frequency")).value
    copied = concordance(np.repeat(Y, counts), np.repeat(RISK, counts)).value
    assert weighted == pytest.approx(copied, abs=1e-12)  # two copies end at one time: no pair, and no tie
