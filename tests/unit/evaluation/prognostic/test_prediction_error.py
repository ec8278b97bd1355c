"""Brier, IPA, log score, integrated Brier and Nagelkerke's R²: guards, conventions and traps."""

from __future__ import annotations

import pickle

import numpy as np
import pandas as pd
import pytest

from lbp_prognosis._base import ArgumentError, OutcomeError
from lbp_prognosis._kernels import censoring_curve, step_at
from lbp_prognosis.evaluation import METRICS, brier, integrated_brier, ipa, log_score, metric, nagelkerke_r2
from lbp_prognosis.evaluation import time_dependent_auc as auc
from lbp_prognosis.survival import CensoringCox, CensoringKaplanMeier, Status, Surv, Weights


def cohort(n=2000, seed=0, unit=1.0):
    """True risks, times in days or coarser, and what would have been seen without censoring."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=n)
    first, leave = rng.exponential(4 * np.exp(-x)), rng.uniform(0, 10, n)
    time = np.ceil(np.minimum(first, leave) / unit) * unit
    return Surv.right(time, first <= leave), lambda tau: 1 - np.exp(-tau * np.exp(x) / 4), np.ceil(first / unit) * unit


@pytest.mark.parametrize("unit", [1 / 365, 1 / 12, 1.0])
def test_coarse_times_do_not_move_the_score(unit):
    """Reading the censoring curve at T instead of just before it is 7 % off with times in years."""
    y, risk, first = cohort(20000, unit=unit)
    complete = np.mean(((first <= 3) - risk(3.0)) ** 2)
    found = brier(y, risk(3.0), 3.0)
    assert found.value == pytest.approx(complete, abs=3 * found.se)
    times, _, right = censoring_curve(y["time"], y["event"])
    case = (y["time"] <= 3) & (y["event"] == 1)
    at = step_at(times, right, np.minimum(y["time"], 3.0), left=1.0)  # G(T) for events
    wrong = np.mean(np.where(case | (y["time"] > 3), 1 / at, 0) * (case - risk(3.0)) ** 2)
    assert (abs(wrong - complete) > 0.01) == (unit == 1.0)


def test_censoring_is_never_ignored():
    """The unweighted score of the patients, everybody counted, is far from the score without censoring."""
    y, risk, first = cohort(20000)
    complete = np.mean(((first <= 4) - risk(4.0)) ** 2)
    naive = np.mean((((y["time"] <= 4) & (y["event"] == 1)) - risk(4.0)) ** 2)
    assert abs(naive - complete) > 0.03
    assert brier(y, risk(4.0), 4.0).value == pytest.approx(complete, abs=0.01)


def test_results_carry_null_and_ipa_and_travel_between_processes():
    y, risk, _ = cohort(500)
    grid = np.array([1.0, 3.0])
    result = brier(y, np.column_stack([risk(t) for t in grid]), grid)
    np.testing.assert_allclose(result.ipa.value, 1 - result.value / result.null.value, rtol=1e-13)
    assert ipa(y, np.column_stack([risk(t) for t in grid]), grid).value == pytest.approx(result.ipa.value)
    assert result.null.model == "null"
    again = pickle.loads(pickle.dumps(result))
    np.testing.assert_array_equal(again.influence, result.influence)
    assert again.ipa.influence.shape == (500, 2)
    named = brier(y, risk(3.0), 3.0).named("clinical")
    assert (named.model, named.ipa.model, named.null.model) == ("clinical", "clinical", "null")
    assert callable(named.__dict__["_influence"])  # not computed for a label
    scalar = brier(y, risk(3.0), 3.0)
    assert scalar.influence.shape == scalar.ipa.influence.shape == (500,)
    assert scalar.value == result.value[1]
    assert repr(scalar).startswith("<BrierResult: brier")


def test_paired_difference_is_that_of_the_losses():
    y, risk, _ = cohort(800)
    one, two = brier(y, risk(3.0), 3.0), brier(y, risk(3.0) ** 1.2, 3.0)
    change = one.minus(two)
    assert change.value == pytest.approx(one.value - two.value, rel=1e-12)
    assert change.se < 0.5 * np.hypot(one.se, two.se)
    assert change.ipa.value == pytest.approx(one.ipa.value - two.ipa.value, rel=1e-12)
    assert change.ipa.se == pytest.approx(change.se / one.null.value, rel=0.2)
    with pytest.raises(ArgumentError, match="same horizons"):
        one.minus(brier(y, risk(2.0), 2.0))
    with pytest.raises(ArgumentError):
        one.minus(log_score(y, risk(3.0), 3.0))


def test_influence_of_the_index_is_its_derivative():
    y, risk, _ = cohort(60)
    base = ipa(y, risk(3.0), 3.0)
    for i in range(0, 60, 7):
        moved = []
        for sign in (1, -1):
            weights = np.ones(60)
            weights[i] += sign * 1e-5
            moved.append(ipa(y, risk(3.0), 3.0, sample_weight=weights).value)
        assert base.influence[i] / 60 == pytest.approx((moved[0] - moved[1]) / 2e-5, abs=1e-7)


def test_guards():
    y, risk, _ = cohort(300)
    grid = np.array([2.0, 3.0, 30.0])
    matrix = np.column_stack([risk(2.0), np.full(300, np.nan), risk(3.0)])
    for call in (brier, log_score):
        result = call(y, matrix, grid)
        assert np.isfinite(result.value[0])
        assert np.isnan(result.value[1:]).all()
        assert "risk is missing" in result.reason[1]
        assert "0 at risk at 30" in result.reason[2]
    assert np.isfinite(brier(y, matrix, grid).null.value[1])
    whole = integrated_brier(y, matrix, grid)
    assert np.isnan(whole.value)
    assert "risk is missing" in whole.reason
    with pytest.raises(ArgumentError, match="rows 5"):
        brier(y, np.where(np.arange(300) == 5, np.nan, risk(2.0)), 2.0)
    with pytest.raises(ArgumentError, match="probability in"):
        brier(y, 3 * risk(2.0), 2.0)
    with pytest.raises(ArgumentError, match="two times"):
        integrated_brier(y, risk(2.0), [2.0])
    with pytest.raises(OutcomeError, match="use brier"):
        integrated_brier(Status.at(3, [0, 1]), [[0.1, 0.2]] * 2, [1, 3])
    with pytest.raises(ArgumentError, match="landmark"):
        brier(Surv.right([2.0, 3.0], [1, 0], entry=[1.0, 1.0]), [0.1, 0.2], 2)
    with pytest.raises(ArgumentError, match="event"):
        brier(y, risk(2.0), 2.0, target="recovered")


def test_at_risk_means_followed_until_the_horizon():
    y = Surv.right(np.concatenate([np.full(10, 5.0), np.arange(1.0, 5)]), np.concatenate([np.zeros(10), np.ones(4)]))
    # ten at risk, none followed beyond: the ten are known to be free of the event
    assert brier(y, np.full(14, 0.3), 5).value == pytest.approx((10 * 0.09 + 4 * 0.49) / 14)
    assert "10 at risk" in brier(y, np.full(14, 0.3), 5, min_at_risk=11).reason
    assert brier(y, np.full(14, 0.3), 4.5).reason == ""
    assert "10 at risk" in brier(y, np.full(14, 0.3), 4.5, min_at_risk=11).reason


def test_everybody_with_an_event_leaves_the_index_undefined():
    y = Surv.right(np.arange(1.0, 21), np.ones(20, dtype=int), censored=0)
    result = brier(y, np.full(20, 0.9), 20, min_at_risk=0)
    assert result.value == pytest.approx(0.01)
    assert np.isnan(result.ipa.value)
    assert "null model is perfect" in result.ipa.reason


def test_survival_given_as_risk_is_said():
    y, risk, _ = cohort(1000)
    codes = {o.code for o in brier(y, 1 - risk(1.0), 1.0).objections}
    assert codes == {"risk-looks-inverted"}
    assert brier(y, risk(1.0), 1.0).objections == ()


def test_certainty_is_scored_and_counted():
    state = np.array([0, 1] * 10)
    risk = np.where(state == 1, 0.8, 0.2)
    risk[0] = 1.0
    result = log_score(Status.at(6, state), risk)
    assert result.value == pytest.approx((-np.log(1e-8) - 19 * np.log(0.8)) / 20, rel=1e-7)
    assert "1 prediction within" in result.objections[0].sentence


def test_rules_of_integration_are_named_and_differ():
    y, risk, _ = cohort(1000)
    grid = np.linspace(0.5, 4, 8)
    matrix = np.column_stack([risk(t) for t in grid])
    found = {
        (rule, start): integrated_brier(y, matrix, grid, rule=rule, start=start)
        for rule in ("step", "trapezoid")
        for start in ("zero", "first")
    }
    assert len({round(r.value, 6) for r in found.values()}) == 4
    for (rule, start), result in found.items():
        assert result.metric == f"ibs_{rule}"
        assert result.method.startswith(f"{rule} from {start}, 8 times 0.5 to 4")
        assert result.horizon == 4
        assert result.se == pytest.approx(np.sqrt(np.sum(result.influence**2)) / 1000, rel=1e-10)
    parts = brier(y, matrix, grid).influence
    np.testing.assert_allclose(
        found["step", "zero"].influence, parts[:, :-1] @ np.diff(grid) / 4, rtol=1e-9, atol=1e-12
    )


def test_one_pass_and_row_by_row_agree():
    """Clusters of one take the general path; the fast one must give its numbers."""
    y, risk, _ = cohort(400)
    grid = np.array([1.0, 2.0, 3.0])
    matrix = np.column_stack([risk(t) for t in grid])
    for call in (brier, log_score):
        fast, slow = call(y, matrix, grid), call(y, matrix, grid, clusters=np.arange(400))
        np.testing.assert_allclose(slow.value, fast.value, rtol=1e-12)
        np.testing.assert_allclose(slow.se, fast.se * np.sqrt(400 / 399), rtol=1e-9)
    fast, slow = brier(y, matrix, grid), brier(y, matrix, grid, clusters=np.arange(400))
    np.testing.assert_allclose(slow.ipa.se, fast.ipa.se * np.sqrt(400 / 399), rtol=1e-7)
    model = brier(y, matrix, grid, censoring=CensoringKaplanMeier().fit(y))
    np.testing.assert_allclose(model.value, fast.value, rtol=1e-12)


def test_a_stratified_curve_is_part_of_the_standard_error():
    """One stratum is the marginal curve; two are the means of their parts, with influence values to the last row."""
    y, risk, _ = cohort(80)
    one = brier(y, risk(3.0), 3.0, censoring=CensoringKaplanMeier(np.zeros(80)).fit(y))
    marginal = brier(y, risk(3.0), 3.0)
    assert (one.value, one.se) == pytest.approx((marginal.value, marginal.se), rel=1e-12)
    strata = np.arange(80) % 2

    def stratified(weights):
        model = CensoringKaplanMeier(strata).fit(y, sample_weight=weights)
        return brier(y, risk(3.0), 3.0, censoring=model, sample_weight=weights, min_at_risk=0)

    base = stratified(np.ones(80))
    parts = [brier(y[strata == s], risk(3.0)[strata == s], 3.0, min_at_risk=0).value for s in (0, 1)]
    assert base.value == pytest.approx(np.mean(parts), rel=1e-12)
    for i in range(0, 80, 9):
        moved = [stratified(1 + sign * 1e-5 * (np.arange(80) == i)).value for sign in (1, -1)]
        assert base.influence[i] / 80 == pytest.approx((moved[0] - moved[1]) / 2e-5, abs=1e-7)


def test_censoring_that_depends_on_the_prognosis_needs_its_model():
    """The marginal curve is wrong here by eight standard errors; a Cox model of the censoring repairs it."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=20000)
    first, leave = rng.exponential(8 * np.exp(-x)), rng.exponential(10 * np.exp(-x))
    y = Surv.right(np.ceil(np.minimum(first, leave) * 10) / 10, first <= leave)
    risk = 1 - np.exp(-3 * np.exp(x) / 8)
    complete = np.mean(((first <= 3) - risk) ** 2)
    model = CensoringCox().fit(y, pd.DataFrame({"x": x}))
    marginal, modelled = brier(y, risk, 3), brier(y, risk, 3, censoring=model)
    assert abs(marginal.value - complete) > 8 * marginal.se
    assert modelled.value == pytest.approx(complete, abs=2 * modelled.se)


def visits(n, seed, *, drop, skip=0.0):
    """Events seen at visits 1 … 6; some leave for good, some miss visits."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=n)
    first = rng.exponential(5 * np.exp(-x))
    lower, upper, going = np.zeros(n), np.full(n, np.inf), np.ones(n, dtype=bool)
    for visit in range(1, 7):
        going &= rng.random(n) >= drop
        seen = going & (rng.random(n) >= skip) & np.isinf(upper)
        upper[seen & (first <= visit)] = visit
        lower[seen & (first > visit)] = visit
    return Surv.interval(lower, upper), 1 - np.exp(-3 * np.exp(x) / 5), first


def test_visits_without_loss_are_states():
    y, risk, first = visits(500, 0, drop=0)
    state = Status.at(3, (first <= 3).astype(int))
    for call in (brier, log_score):
        one, two = call(y, risk, 3), call(state, risk)
        assert (one.value, one.se) == pytest.approx((two.value, two.se), rel=1e-12)
    assert auc(y, risk, 3).value == pytest.approx(auc(state, risk).value, rel=1e-12)
    middle = brier(y, risk, 3.5)
    assert "state-between-visits" in {o.code for o in middle.objections}


def test_visits_with_loss_estimate_the_complete_score():
    y, risk, first = visits(40000, 1, drop=0.1)
    complete = np.mean(((first <= 3) - risk) ** 2)
    found = brier(y, risk, 3)
    assert found.value == pytest.approx(complete, abs=3 * found.se)
    known = (y["upper"] <= 3) | (y["lower"] >= 3)
    assert abs(np.mean(y["upper"][known] <= 3) - np.mean(first <= 3)) > 0.03  # events are known sooner
    assert found.null.value == pytest.approx(np.mean(first <= 3) * np.mean(first > 3), abs=0.005)
    assert auc(y, risk, 3).value == pytest.approx(auc(Status.at(3, (first <= 3).astype(int)), risk).value, abs=0.01)


def test_attrition_weights_replace_the_marginal_ones():
    y, risk, _ = visits(3000, 2, drop=0.1)
    known = (y["upper"] <= 3) | (y["lower"] >= 3)
    weights = np.random.default_rng(0).uniform(1, 2, 3000)
    found = brier(y, risk, 3, sample_weight=Weights(weights, "attrition"))
    loss = ((y["upper"] <= 3) - risk) ** 2
    assert found.value == pytest.approx(np.average(loss[known], weights=weights[known]), rel=1e-12)


def test_nagelkerke_is_the_usual_index_in_the_fitting_sample():
    import statsmodels.api as sm

    rng = np.random.default_rng(0)
    x = rng.normal(size=300)
    state = (rng.random(300) < 1 / (1 + np.exp(-x))).astype(int)
    fit = sm.Logit(state, sm.add_constant(x)).fit(disp=0, tol=1e-12)
    usual = (1 - np.exp(2 * (fit.llnull - fit.llf) / 300)) / (1 - np.exp(2 * fit.llnull / 300))
    one = nagelkerke_r2(Status.at(6, state), fit.predict())
    assert one.value == pytest.approx(usual, rel=1e-9)
    worse = nagelkerke_r2(Status.at(6, state), np.full(300, 0.9))
    assert worse.value < 0
    change = one.minus(worse)
    assert change.se == pytest.approx(np.sqrt(np.sum((one.influence - worse.influence) ** 2)) / 300)
    with pytest.raises(OutcomeError, match="royston_d or ipa"):
        nagelkerke_r2(Surv.right([1.0, 2.0], [1, 0]), [0.1, 0.2])
    assert "all or none" in nagelkerke_r2(Status.at(6, np.ones(20, dtype=int)), np.full(20, 0.5)).reason


def test_nagelkerke_influence_is_its_derivative():
    rng = np.random.default_rng(1)
    state, risk = rng.integers(0, 2, 40), rng.uniform(0.1, 0.9, 40)
    y = Status.at(6, state)
    base = nagelkerke_r2(y, risk)
    for i in range(0, 40, 5):
        moved = []
        for sign in (1, -1):
            weights = np.ones(40)
            weights[i] += sign * 1e-5
            moved.append(nagelkerke_r2(y, risk, sample_weight=weights).value)
        assert base.influence[i] / 40 == pytest.approx((moved[0] - moved[1]) / 2e-5, abs=1e-7)


def test_every_metric_has_one_line():
    assert {
        "concordance",
        "uno_concordance",
        "auc",
        "brier",
        "ipa",
        "ibs_step",
        "ibs_trapezoid",
        "log_score",
        "royston_d",
        "r2_d",
        "nagelkerke_r2",
        "net_benefit",
        "ici",
    } <= METRICS.keys()
    for name, entry in METRICS.items():
        assert entry.name == name
        assert entry.better in {"higher", "lower", "zero", "one", ""}
        assert entry.low < entry.high
        assert entry.title
    assert metric("brier").proper
    assert not metric("concordance").proper
    with pytest.raises(ArgumentError, match="`name`"):
        metric("accuracy")


def test_an_index_without_a_null_model_has_no_influence_values():
    y = Surv.right(np.arange(1.0, 41.0), np.r_[np.zeros(20, int), np.ones(20, int)])
    risk = np.random.default_rng(0).uniform(0.1, 0.9, (40, 2))
    with np.errstate(all="raise"):
        one, other = (brier(y, column, [10.0, 30.0]) for column in (risk, risk[:, ::-1]))
        moved = one.minus(other)
    assert np.isnan([one.ipa.value[0], one.ipa.se[0], moved.ipa.value[0], moved.ipa.se[0]]).all()
    assert np.isfinite([moved.value[0], moved.se[0], moved.ipa.value[1], moved.ipa.se[1]]).all()


def test_the_integrated_null_model_is_the_sum_of_its_scores():
    """Also at the last time, where part of the patients is censored and the weights fall short of one."""
    y = Surv.right(np.r_[np.arange(1.0, 31.0), np.full(10, 31.0)], np.r_[np.ones(30, int), np.arange(10) % 2])
    risk = np.random.default_rng(0).uniform(0.1, 0.9, (40, 3))
    grid = [10.0, 20.0, 31.0]
    scores = brier(y, risk, grid, min_at_risk=0)
    assert "weights-below-one" in {o.code for o in scores.objections}
    found = integrated_brier(y, risk, grid, min_at_risk=0, rule="trapezoid")
    share = np.array([10.0, 10.5, 5.5]) / 31
    assert found.value == pytest.approx(share @ scores.value, rel=1e-12)
    assert found.null_value == pytest.approx(share @ scores.null.value, rel=1e-12)
