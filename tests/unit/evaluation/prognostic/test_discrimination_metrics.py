"""AUC and concordance: guards, refusals, doubts said, interval outcomes, and the traps others fell into."""

from __future__ import annotations

import numpy as np
import pytest

from lbp_prognosis._base import ArgumentError, OutcomeError
from lbp_prognosis.evaluation import concordance, royston_d, time_dependent_auc
from lbp_prognosis.survival import CensoringKaplanMeier, Reference, Status, Surv, Weights


def cohort(n=400, seed=0, competing=False):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=n)
    first, other, leave = rng.exponential(8 * np.exp(-x)), rng.exponential(25, n), rng.uniform(2, 20, n)
    end = np.minimum(first, other) if competing else first
    event = np.where(leave < end, 0, np.where(first <= end, 1, 2))
    return Surv.right(np.ceil(np.minimum(end, leave)), event), 1 / (1 + np.exp(-x))


def test_shapes_follow_the_horizons():
    y, risk = cohort()
    scalar, one, two = (
        time_dependent_auc(y, risk, 6),
        time_dependent_auc(y, risk, [6]),
        time_dependent_auc(y, np.column_stack([risk, risk]), [6, 9]),
    )
    assert isinstance(scalar.value, float)
    assert scalar.influence.shape == (400,)
    assert one.value.shape == (1,)
    assert two.value.shape == two.se.shape == (2,)
    assert two.influence.shape == (400, 2)
    assert scalar.value == one.value[0] == two.value[0]
    assert list(two.to_frame()["horizon"]) == [6, 9]
    assert set(two.to_frame()["metric"]) == {"auc"}


def test_a_horizon_that_cannot_be_estimated_is_nan_with_its_reason():
    y, risk = cohort()
    grid = np.column_stack([risk, np.full(400, np.nan), risk, risk])
    result = time_dependent_auc(y, grid, [5, 6, 19, 50], min_at_risk=10)
    assert np.isfinite(result.value[0])
    assert np.isnan(result.value[1:]).all()
    assert np.isnan(result.se[1:]).all()
    assert "risk is missing" in result.reason[1]
    assert "at risk at 19" in result.reason[2]
    assert "0 at risk at 50" in result.reason[3]
    assert np.isfinite(time_dependent_auc(y, risk, 19, min_at_risk=0).value)


def test_small_censoring_probability_is_nan_and_before_that_an_objection():
    rng = np.random.default_rng(0)
    time = np.concatenate([rng.integers(1, 10, 500), np.full(15, 20), rng.integers(1, 10, 60)]).astype(float)
    event = np.concatenate([np.zeros(500), np.zeros(15), np.ones(60)]).astype(int)
    y, risk = Surv.right(time, event), rng.uniform(0.01, 0.99, 575)
    result = time_dependent_auc(y, risk, 12)
    assert np.isfinite(result.value)
    assert "few-uncensored" in {o.code for o in result.objections}
    strict = time_dependent_auc(y, risk, 12, min_censoring_survival=0.2)
    assert np.isnan(strict.value)
    assert "min_censoring_survival" in strict.reason


def test_where_follow_up_ends_for_all_at_the_horizon_those_censored_there_are_controls():
    rng = np.random.default_rng(1)
    time = np.minimum(np.ceil(rng.exponential(8, 300)), 5.0)
    event, risk = (time < 5).astype(int), rng.uniform(0.05, 0.95, 300)
    y = Surv.right(time, event)
    at, before, state = (
        time_dependent_auc(y, risk, 5),
        time_dependent_auc(y, risk, 4.99),
        time_dependent_auc(Status.at(5, event), risk),
    )
    assert at.value == pytest.approx(before.value, abs=1e-13)
    assert (at.value, at.se) == (pytest.approx(state.value, abs=1e-13), pytest.approx(before.se, abs=1e-13))
    assert "beyond 5" in at.method
    assert "beyond" not in before.method
    # one patient seen a day longer: a censoring at the horizon is one like any other, and one survivor is too few
    longer = time_dependent_auc(Surv.right(np.r_[time, 5.01], np.r_[event, 0]), np.r_[risk, 0.5], 5)
    assert "beyond" not in longer.method
    assert np.isnan(longer.value)
    assert np.isnan(time_dependent_auc(y, risk, 5, min_at_risk=0).value)  # without guards nobody is a control


def test_an_event_on_the_last_day_raises_nothing():
    """G is 0 from the last censored day on; horizons before it do not care."""
    rng = np.random.default_rng(2)
    time, event = rng.integers(1, 100, 300).astype(float), rng.integers(0, 2, 300)
    time[:6], event[:6] = 100.0, [1, 0, 0, 0, 0, 0]
    y, risk = Surv.right(time, event), rng.uniform(0, 1, 300)
    assert np.isfinite(time_dependent_auc(y, risk, 50).value)
    assert np.isfinite(concordance(y, risk, weighting="uno").value)
    assert np.isfinite(concordance(y, risk, weighting="uno", tau=80).value)


def test_survival_given_as_risk_is_said():
    y, risk = cohort()
    result = time_dependent_auc(y, 1 - 0.5 * risk, 3)
    assert {"below-half", "risk-looks-inverted"} <= {o.code for o in result.objections}
    assert {o.code for o in concordance(y, -risk).objections} == {"below-half"}
    assert {o.code for o in royston_d(y, -risk).objections} == {"below-half"}
    assert time_dependent_auc(y, risk, 6).objections == ()


def test_scores_are_compared_exactly():
    """Differences far below 1e-8 still order the patients."""
    y, risk = cohort()
    assert concordance(y, 1e-9 * risk).value == concordance(y, risk).value
    assert time_dependent_auc(y, 1e-9 * risk, 6).value == time_dependent_auc(y, risk, 6).value


def test_missing_and_infinite_scores_name_their_rows():
    y, risk = cohort()
    broken = risk.copy()
    broken[[3, 7]] = np.nan
    for call in (lambda: concordance(y, broken), lambda: royston_d(y, broken)):
        with pytest.raises(ArgumentError, match="rows 3, 7"):
            call()
    with pytest.raises(ArgumentError, match="rows 3, 7"):
        time_dependent_auc(y, broken, 6)
    with pytest.raises(ArgumentError, match="shape"):
        time_dependent_auc(y, np.column_stack([risk, risk]), 6)


def test_a_marker_on_any_scale_has_an_auc():
    y, risk = cohort()
    marker = np.log(risk / (1 - risk)) * 40 - 3
    assert time_dependent_auc(y, marker, 6).value == pytest.approx(time_dependent_auc(y, risk, 6).value, abs=1e-12)


def test_refusals_name_the_way_out():
    y, risk = cohort(50)
    with pytest.raises(OutcomeError, match="bare 0/1 vector"):
        time_dependent_auc(np.array([0, 1, 1]), [0.1, 0.2, 0.3], 5)
    with pytest.raises(OutcomeError, match="diagnostic tier"):
        time_dependent_auc(Reference.now([0, 1]), [0.1, 0.2])
    with pytest.raises(OutcomeError, match="time_dependent_auc"):
        concordance(Status.at(3, [0, 1]), [0.1, 0.2])
    late = Surv.right(y["time"] + 1, y["event"], entry=np.full(50, 0.5))
    with pytest.raises(ArgumentError, match="landmark"):
        time_dependent_auc(late, risk, 5)
    with pytest.raises(ArgumentError, match="harrell"):
        concordance(late, risk, weighting="uno")
    with pytest.raises(ArgumentError, match="horizons"):
        time_dependent_auc(y, risk)
    with pytest.raises(ArgumentError, match="censoring"):
        time_dependent_auc(y, risk, 5, censoring="cox")
    with pytest.raises(ArgumentError, match="leave `horizons` out"):
        time_dependent_auc(Status.at(3, [0, 1]), [0.1, 0.2], 6)


def test_without_events_or_pairs_the_reason_is_said():
    y = Surv.right(np.arange(1.0, 31), np.zeros(30), censored=0)
    assert "no event of interest" in time_dependent_auc(y, np.linspace(0, 1, 30), 5).reason
    assert "no pair can be ordered" in concordance(y, np.arange(30.0)).reason
    assert np.isnan(concordance(Surv.right(np.full(20, 3.0), np.ones(20)), np.arange(20.0)).value)
    assert "no event" in royston_d(y, np.arange(30.0)).reason
    y, _ = cohort(50)
    assert "equal" in royston_d(y, np.ones(50)).reason


def test_a_censoring_model_is_read_for_its_rows():
    """A model that repeats the marginal curve gives the marginal value; a stratified one need not."""
    y, risk = cohort()
    ours = time_dependent_auc(y, risk, 6)
    theirs = time_dependent_auc(y, risk, 6, censoring=CensoringKaplanMeier().fit(y))
    assert theirs.value == pytest.approx(ours.value, rel=1e-12)
    assert theirs.se == pytest.approx(ours.se, rel=0.1)
    strata = np.random.default_rng(0).integers(0, 2, 400)
    split = time_dependent_auc(y, risk, 6, censoring=CensoringKaplanMeier(strata).fit(y))
    assert 0 < abs(split.value - ours.value) < 0.05
    with pytest.raises(ArgumentError, match="fitted on the 399 rows"):
        time_dependent_auc(y[1:], risk[1:], 6, censoring=CensoringKaplanMeier().fit(y))


def test_a_competing_event_of_no_patient_changes_no_weight():
    """Pairs weigh otherwise where causes compete; a row of weight zero does not make them compete."""
    y = Surv.right([9, 1, 4, 6, 6, 5, 8, 3, 5, 3], [1, 1, 1, 1, 0, 1, 0, 0, 0, 2])
    score = np.array([0.65, 0.25, 0.45, 0.85, 0.65, 0.45, 0.75, 0.35, 0.15, 0.55])
    weights = Weights(np.r_[np.ones(9, dtype=int), 0], "frequency")
    without = concordance(y[:9], score[:9], weighting="uno")
    assert concordance(y, score, weighting="uno", sample_weight=weights).value == pytest.approx(
        without.value, abs=1e-12
    )


def test_competing_pairs_against_all_pairs():
    """Wolbers: a competing event by T is later than an event of interest at T."""
    from lbp_prognosis._kernels import censoring_process

    y, risk = cohort(60, 3, competing=True)
    risk = np.round(risk, 1)
    time, event = y["time"], y["event"]
    process = censoring_process(time, event)
    inverse, beyond = 1 / process.left[process.code], 1 / np.maximum(process.right[process.code], 1e-99)
    for weighting in ("harrell", "uno"):
        good = every = 0.0
        for i in np.flatnonzero((event == 1) & (time <= 10)):
            for j in range(60):
                after = time[j] > time[i] or (time[j] == time[i] and event[j] == 0)
                competing = event[j] == 2 and not after
                if j == i or not (after or competing):
                    continue
                pair = inverse[i] * (beyond[i] if after else inverse[j]) if weighting == "uno" else 1.0
                good += pair * ((risk[i] > risk[j]) + 0.5 * (risk[i] == risk[j]))
                every += pair
        found = concordance(y, risk, weighting=weighting, tau=10)
        assert found.value == pytest.approx(good / every, rel=1e-12)
        assert found.concordant + found.discordant + found.tied == pytest.approx(every, rel=1e-12)


def test_interval_pairs_need_disjoint_intervals():
    rng = np.random.default_rng(4)
    lower = rng.integers(0, 6, 60).astype(float)
    upper = np.where(rng.random(60) < 0.3, np.inf, lower + rng.integers(0, 3, 60))
    y, score = Surv.interval(lower, upper), rng.integers(0, 6, 60).astype(float)
    good = every = 0.0
    for i in range(60):
        for j in range(60):
            both_exact = lower[i] == upper[i] and lower[j] == upper[j]
            if i == j or not np.isfinite(upper[i]) or upper[i] > lower[j] or (both_exact and upper[i] == lower[j]):
                continue
            if lower[j] == upper[j] == upper[i] and lower[i] == upper[i]:
                continue
            good += (score[i] > score[j]) + 0.5 * (score[i] == score[j])
            every += 1
    found = concordance(y, score)
    assert found.value == pytest.approx(good / every, rel=1e-12)
    assert found.concordant + found.discordant + found.tied == every


def test_exact_intervals_are_right_censored_times():
    y, risk = cohort()
    exact = Surv.interval(y["time"], np.where(y["event"] == 1, y["time"], np.inf))
    ours, theirs = concordance(exact, risk), concordance(y, risk)
    assert (ours.value, ours.se) == pytest.approx((theirs.value, theirs.se), rel=1e-12)
    by_visit, by_time = time_dependent_auc(exact, risk, 6.5), time_dependent_auc(y, risk, 6.5)
    assert (by_visit.value, by_visit.se) == pytest.approx((by_time.value, by_time.se), rel=1e-12)


def test_copies_of_a_row_do_not_tie_with_themselves():
    """In a bootstrap sample pairs of copies are not pairs: two events at one time are not comparable."""
    y, risk = cohort(100, 5)
    events = y["event"] == 1
    unique = y["time"] + np.linspace(0, 0.4, 100)
    y = Surv.right(unique[events], np.ones(events.sum(), dtype=int), censored=0)
    count = np.random.default_rng(0).integers(0, 4, y.size)
    copied = concordance(np.repeat(y, count), np.repeat(risk[events], count))
    assert copied.tied == 0
    weighted = concordance(y, risk[events], sample_weight=Weights(count, "frequency"))
    assert weighted.value == pytest.approx(copied.value, rel=1e-12)


def test_one_case_has_an_auc_and_no_variance():
    result = time_dependent_auc(Status.at(6, [1] + [0] * 14), np.linspace(0.9, 0.1, 15))
    assert result.value == 1
    assert np.isnan(result.se)


def test_missing_states_are_an_objection():
    state = np.array([0, 1] * 15 + [-1] * 5)
    result = time_dependent_auc(Status.at(6, state), np.linspace(0, 1, 35))
    assert {o.code for o in result.objections} == {"status-missing"}
    assert result.horizon == 6
    attrition = time_dependent_auc(
        Status.at(6, state), np.linspace(0, 1, 35), sample_weight=Weights(np.ones(35), "attrition")
    )
    assert attrition.objections == ()
    assert attrition.value == result.value


def test_the_result_names_its_estimand():
    """A truncated, weighted index and Harrell's are different numbers and must not share a name."""
    y, risk = cohort()
    harrell, uno = concordance(y, risk), concordance(y, risk, weighting="uno", tau=8)
    assert (harrell.metric, harrell.method, harrell.horizon) == ("concordance", "Harrell", None)
    assert (uno.metric, uno.horizon) == ("uno_concordance", 8)
    assert "IPCW" in uno.method
    with pytest.raises(ArgumentError, match="the metric 'concordance'"):
        harrell.minus(uno)
    competing, risk = cohort(400, 1, competing=True)
    assert "competing events never have the event" in concordance(competing, risk).method


def test_intervals_take_linear_memory():
    """Influence values by ranks: 200 000 patients, five horizons, far below any matrix of pairs."""
    import tracemalloc

    y, risk = cohort(200_000)
    grid = np.array([2.0, 4, 6, 8, 10])
    matrix = np.repeat(risk[:, None], 5, axis=1)
    time_dependent_auc(y[:100], matrix[:100], grid, min_at_risk=0)
    tracemalloc.start()
    result = time_dependent_auc(y, matrix, grid)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert np.isfinite(result.se).all()
    assert peak < 200 * 8 * 200_000


@pytest.mark.parametrize("competing", [False, True])
def test_royston_d_with_weights(competing):
    y, risk = cohort(competing=competing)
    rng = np.random.default_rng(2)
    copies, clusters = rng.integers(0, 4, 400), rng.integers(0, 50, 400)
    row = np.repeat(np.arange(400), copies)
    for groups in (None, clusters):
        weighted = royston_d(y, risk.round(1), sample_weight=Weights(copies, "frequency"), clusters=groups)
        copied = royston_d(y[row], risk.round(1)[row], clusters=None if groups is None else groups[row])
        assert weighted.value == pytest.approx(copied.value, rel=1e-10)
        assert weighted.se == pytest.approx(copied.se, rel=1e-10)
        assert weighted.r2.se == pytest.approx(copied.r2.se, rel=1e-10)
        assert (weighted.n, weighted.n_events) == (copied.n, copied.n_events)
    sampled = rng.uniform(0.5, 2, 400)
    one, seven = royston_d(y, risk, sample_weight=sampled), royston_d(y, risk, sample_weight=7 * sampled)
    assert (one.value, one.se) == pytest.approx((seven.value, seven.se), rel=1e-9)
    ones = royston_d(y, risk, sample_weight=np.ones(400))
    assert ones.value == royston_d(y, risk).value
    assert ones.se == pytest.approx(royston_d(y, risk).se, rel=0.15)  # the sandwich instead of the information


def test_without_guards_the_last_day_is_what_the_known_rows_give():
    from lbp_prognosis.evaluation import brier

    y, risk = Surv.right([1, 2, 3, 4, 4, 4], [1, 1, 0, 1, 0, 0]), np.array([0.9, 0.7, 0.5, 0.6, 0.2, 0.1])
    ended = brier(y, risk, 4, min_at_risk=1)  # nobody is seen beyond 4: the two censored there are free of the event
    assert ended.value == pytest.approx((0.1**2 + 0.3**2 + 4 / 3 * (0.4**2 + 0.2**2 + 0.1**2)) / 6)
    risen = (1 + 1 + 4 / 3) / 6
    assert ended.null.value == pytest.approx(risen * (1 - risen))
    found = brier(y, risk, 4, min_at_risk=0)
    # one of four was censored at 3, so the event at 4 counts 4/3
    assert found.value == pytest.approx((0.1**2 + 0.3**2 + 4 / 3 * 0.4**2) / 6)
    assert "weights-below-one" in {o.code for o in found.objections}
    # one risk for all is judged by the same rows: of the cases weight 10/3, of those known to be free none
    share = (1 + 1 + 4 / 3) / 6
    assert found.null.value == pytest.approx(share * (1 - share) ** 2)
    assert found.ipa.value == pytest.approx(1 - found.value / (share * (1 - share) ** 2))
    clustered = brier(y, risk, 4, min_at_risk=0, clusters=np.arange(6))
    assert clustered.null.value == pytest.approx(found.null.value)


def test_one_cluster_has_no_standard_error_and_says_so():
    y, risk = cohort()
    for result in (concordance(y, risk, clusters=np.zeros(400)), time_dependent_auc(y, risk, 6, clusters=["a"] * 400)):
        assert np.isfinite(result.value)
        assert np.isnan(result.se)
        assert "one-cluster" in {o.code for o in result.objections}


def test_without_controls_a_difference_has_neither_value_nor_error():
    """At the last time no patient is known to be event-free: the error of "nothing" is not zero."""
    y = Surv.right(np.arange(1.0, 21.0), np.ones(20, int))
    rng = np.random.default_rng(0)
    one, other = (time_dependent_auc(y, rng.random(20), [5.0, 20.0], min_at_risk=0) for _ in range(2))
    moved = one.minus(other)
    assert np.isnan([one.value[1], one.se[1], moved.value[1], moved.se[1]]).all()
    assert "event-free" in moved.reason[1]
    assert np.isfinite([moved.value[0], moved.se[0]]).all()


@pytest.mark.parametrize("weighting", ["harrell", "uno"])
@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_a_concordance_of_pairs_that_are_all_alike_has_no_interval(weighting, sign):
    time = np.arange(1.0, 31.0)
    found = concordance(Surv.right(time, np.arange(30) % 5 > 0), -sign * time, weighting=weighting)
    assert found.value == (1.0 if sign > 0 else 0.0)
    assert np.isnan([found.low, found.high]).all()  # not [1, 1], which would be certainty from 30 patients
    assert found.reason.startswith("no interval: all pairs are ordered alike")
    tied = concordance(Surv.right(time, np.arange(30) % 5 > 0), np.zeros(30), weighting=weighting)
    assert (tied.low, tied.value, tied.high, tied.reason) == (0.5, 0.5, 0.5, "")  # known of any patients
