"""`without_treatment`: weights by hand, ties on the border, known truth, and what is refused."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from lbp_prognosis import CoxPH, Surv
from lbp_prognosis._base import ArgumentError, DataError, EstimationError
from lbp_prognosis.evaluation import brier, time_dependent_auc
from lbp_prognosis.fusion import MultipleImputation, PatternSubmodels, RiskPipeline
from lbp_prognosis.survival import Weights, kaplan_meier
from lbp_prognosis.validation import without_treatment

N = 400
RNG = np.random.default_rng(11)
PAIN = RNG.normal(size=N)
LATER = PAIN + RNG.normal(size=N)
OPERATED = RNG.exponential(25 * np.exp(-0.6 * PAIN))
HAPPENED, LOST = RNG.exponential(14 * np.exp(-0.5 * PAIN)), RNG.uniform(5, 20, N)
END = np.minimum(HAPPENED, LOST)
Y = Surv.right(END, HAPPENED <= LOST)
TREATED_AT = np.where(OPERATED < END, OPERATED, np.nan)
HISTORY = pd.concat(
    [
        pd.DataFrame({"patient_id": np.arange(N), "time": 0.0, "pain": PAIN}),
        pd.DataFrame({"patient_id": np.arange(N), "time": 3.0, "pain": LATER}),
    ]
)
FOUND = without_treatment(Y, TREATED_AT, HISTORY)


def test_probabilities_are_those_of_a_cox_model_of_starting_and_a_curve_of_losses() -> None:
    treated = ~np.isnan(TREATED_AT)
    until = np.where(treated, TREATED_AT, END)
    rows = [(i, 0.0, min(3.0, until[i]), treated[i] and until[i] <= 3, PAIN[i]) for i in range(N)]
    rows += [(i, 3.0, until[i], treated[i], LATER[i]) for i in range(N) if until[i] > 3]
    d = pd.DataFrame(rows, columns=["i", "start", "stop", "event", "pain"])
    start_stop = Surv.right(d["stop"], d["event"].astype(bool), entry=d["start"])
    model = CoxPH().fit(d[["pain"]], start_stop, clusters=d["i"])
    np.testing.assert_allclose(FOUND.table["coef"], model.coef_, rtol=1e-8)
    np.testing.assert_allclose(FOUND.table["se"], np.sqrt(np.diag(model.covariance_)), rtol=1e-8)
    # the probability of one patient by hand: at each start the one who started had the probability r / Σ r
    order = np.argsort(np.where(treated, until, np.inf))[: treated.sum()]
    steps = until[order]
    r = np.exp(model.coef_[0] * np.where(steps[:, None] > 3, LATER, PAIN))
    at_risk = np.where(until >= steps[:, None], r, 0.0).sum(axis=1)
    own = r[np.arange(steps.size), order]
    baseline = -np.log1p(-own / at_risk) / own
    who = int(np.flatnonzero(until > 8)[0])
    mine = np.exp(model.coef_[0] * np.where(steps > 3, LATER[who], PAIN[who]))
    untreated = np.exp(-np.sum((mine * baseline)[steps <= 8]))
    lost = (~treated) & (HAPPENED > LOST)
    seen = float(kaplan_meier(Surv.right(until, lost)).at(8.0).value)
    assert FOUND.survival_at(8.0)[who] == pytest.approx(untreated * seen, rel=1e-8)


def test_metrics_take_it_as_a_model_of_censoring() -> None:
    risk = 1 - np.exp(-10 / 14 * np.exp(0.5 * PAIN))
    area = time_dependent_auc(FOUND.y, risk, 10.0, censoring=FOUND)
    judged = FOUND.evaluate(risk, 10.0, [0.3, 0.5], n_resamples=0)
    row = judged.to_frame().query("metric == 'auc'").iloc[0]
    assert row["value"] == pytest.approx(area.value, rel=1e-9)
    known = FOUND.status(10.0)
    loss = (np.where(known.y["status"] == 1, 1.0, 0.0) - risk) ** 2
    by_hand = np.average(loss, weights=known.weights.values)
    assert judged.to_frame().query("metric == 'brier'")["value"].iloc[0] == pytest.approx(by_hand, rel=1e-9)
    assert brier(FOUND.y, risk, 10.0, censoring=FOUND).value == pytest.approx(by_hand, rel=0.05)
    assert {"net_benefit"} <= set(judged.to_frame()["metric"])
    assert "treatment-unmeasured" in {o.code for o in judged.objections}


@pytest.mark.parametrize(
    ("treated_at", "event", "used"),
    [
        (5.0, 1, False),  # the event comes first at one time
        (5.0, 0, True),  # the start of treatment comes before a censoring
        (4.999, 1, True),
        (5.001, 1, False),
        (np.inf, 1, False),
    ],
)
def test_order_at_one_time(treated_at, event, used) -> None:
    end, code = END.copy(), Y["event"].copy()
    end[0], code[0] = 5.0, event
    start = TREATED_AT.copy()
    start[0] = treated_at
    found = without_treatment(Surv.right(end, code), start, HISTORY)
    assert found.n_treated == FOUND.n_treated - (not np.isnan(TREATED_AT[0])) + used
    assert (found.y["event"][0] == 0) == (used or event == 0)


def test_a_value_measured_at_the_start_of_treatment_is_not_used_for_it() -> None:
    who = int(np.flatnonzero(~np.isnan(TREATED_AT))[0])
    start = TREATED_AT.copy()
    start[who] = 3.0
    end = END.copy()
    end[who] = max(end[who], 4.0)
    y = Surv.right(end, Y["event"])
    other = HISTORY.copy()
    other.loc[(other["patient_id"] == who) & (other["time"] == 3.0), "pain"] = 1e3
    plain, strange = without_treatment(y, start, HISTORY), without_treatment(y, start, other)
    np.testing.assert_allclose(strange.table["coef"], plain.table["coef"], rtol=1e-10)


def test_a_fixed_follow_up_ends_at_the_horizon() -> None:
    end = np.minimum(HAPPENED, 12.0)
    start = np.where(OPERATED < end, OPERATED, np.nan)
    found = without_treatment(Surv.right(end, HAPPENED <= 12), start, HISTORY)
    known = found.status(12.0)
    free = (HAPPENED > 12) & np.isnan(start)
    assert (known.y["status"][free] == 0).all()
    assert (known.weights.values[free] > 1).all()
    untreated = found._treatment.survival(found._clock.after(12.0))
    np.testing.assert_allclose(known.weights.values[free], 1 / untreated[free])


def test_where_follow_up_ends_for_all_no_patient_is_lost() -> None:
    left = RNG.exponential(20 * np.exp(-0.8 * LATER))
    end = np.minimum(np.minimum(HAPPENED, left), 12.0)
    y, start = Surv.right(end, HAPPENED == end), np.where(OPERATED < end, OPERATED, np.nan)
    found = without_treatment(y, start, HISTORY, censoring="history")
    until = found.y["time"]
    lost = np.isnan(start) & (left == end)
    assert found.n_lost == lost.sum() < (found.y["event"] == 0).sum() - found.n_treated
    rows = [(i, 0.0, min(3.0, until[i]), lost[i] and until[i] <= 3, PAIN[i]) for i in range(N)]
    rows += [(i, 3.0, until[i], lost[i], LATER[i]) for i in range(N) if until[i] > 3]
    d = pd.DataFrame(rows, columns=["i", "start", "stop", "event", "pain"])
    model = CoxPH().fit(d[["pain"]], Surv.right(d["stop"], d["event"].astype(bool), entry=d["start"]))
    assert found._loss.model is not None
    np.testing.assert_allclose(found._loss.model.coef_, model.coef_, rtol=1e-8)
    # a fit is weighted for both ways to leave
    rows, entry, _, _, weight = found._stretches
    at = int(np.flatnonzero(entry > 8)[0])
    when, who = found._clock.after(entry[at]), rows[at]
    own = found.survival_at(entry[at])[who]
    of_all = [found._marginal(each).survival(when)[who] for each in (found._left, found._lost)]
    assert weight[at] == pytest.approx(np.prod(of_all) / own)
    X = pd.DataFrame({"noise": RNG.normal(size=N)})
    risk = found.fit(CoxPH(), X).predict_risk(X, 10.0).mean()
    plain = without_treatment(y, start, HISTORY).fit(CoxPH(), X).predict_risk(X, 10.0).mean()
    assert risk > plain + 0.01  # those in pain left: they would have had the event


def test_who_starts_at_the_end_of_a_fixed_follow_up_is_not_seen_untreated() -> None:
    end = np.ceil(np.minimum(HAPPENED, 12.0))
    start = np.where(np.ceil(OPERATED) <= 12, np.ceil(OPERATED), np.nan)
    start[np.flatnonzero((HAPPENED > 12) & np.isnan(start))[:10]] = 12.0
    found = without_treatment(Surv.right(end, HAPPENED <= 12), start, HISTORY)
    known = found.status(12.0)
    at_the_end = (HAPPENED > 12) & (start == 12)
    assert at_the_end.sum() >= 10
    assert (known.y["status"][at_the_end] == -1).all()
    assert (known.weights.values[at_the_end] == 0).all()
    assert found.positivity(12.0)["known"].item() == ((known.y["status"] >= 0).sum())


def test_beyond_untreated_follow_up_nothing_is_known() -> None:
    last = FOUND.y["time"].max()
    with pytest.raises(ArgumentError, match="horizon"):
        FOUND.status(1.01 * last)
    assert (FOUND.status(0.99 * last).y["status"] == 0).any()


def test_measurements_closer_than_the_times_of_the_outcome() -> None:
    few = slice(0, 60)
    often = pd.concat(
        [
            pd.DataFrame({"patient_id": np.arange(60), "time": t, "pain": PAIN[few] if t < 3 else LATER[few]})
            for t in np.arange(0.0, 6.0, 0.05)
        ]
    )
    seldom = HISTORY[HISTORY["patient_id"] < 60]
    dense, plain = (without_treatment(Y[few], TREATED_AT[few], history) for history in (often, seldom))
    np.testing.assert_allclose(dense.table["coef"], plain.table["coef"], rtol=1e-9)
    np.testing.assert_allclose(dense.survival_at(8.0), plain.survival_at(8.0), rtol=1e-9)


def test_competing_events_by_the_horizon_are_none_of_the_cause() -> None:
    code = np.where(Y["event"] == 1, np.where(PAIN > 0, 2, 1), 0)
    found = without_treatment(Surv.right(END, code), TREATED_AT, HISTORY)
    for cause in (1, 2):
        state = found.status(10.0, cause=cause).y["status"]
        assert ((state == 1) == ((found.y["event"] == cause) & (found.y["time"] <= 10))).all()
    weights = [found.status(10.0, cause=cause).weights.values for cause in (1, 2)]
    np.testing.assert_array_equal(*weights)


def test_fit_weighs_stretches_between_starts_of_treatment() -> None:
    X = pd.DataFrame({"pain": PAIN})
    _, entry, stop, event, weight = FOUND._stretches
    assert np.isclose((stop - entry).sum(), FOUND.y["time"].sum())
    assert event.sum() == (FOUND.y["event"] > 0).sum()
    assert (weight[entry == 0] == 1).all()
    model = FOUND.fit(CoxPH(), X)
    assert model.to_frame()["variance"].iloc[0] == "robust"
    unweighted = CoxPH().fit(X, FOUND.y)
    assert model.coef_[0] != pytest.approx(unweighted.coef_[0], abs=1e-6)
    assert model.coef_[0] == pytest.approx(0.5, abs=0.25)
    np.testing.assert_array_equal(FOUND.fit(CoxPH(), PAIN[:, None]).coef_, model.coef_)


def test_ids_decide_which_course_is_whose() -> None:
    names = np.array([f"p{k:03d}" for k in range(N)])
    history = HISTORY.assign(patient_id=names[HISTORY["patient_id"]]).sample(frac=1, random_state=0)
    found = without_treatment(Y, TREATED_AT, history, ids=names)
    np.testing.assert_allclose(found.survival_at(8.0), FOUND.survival_at(8.0), rtol=1e-10)
    with pytest.raises(ArgumentError, match="ids"):
        without_treatment(Y, TREATED_AT, history)


def test_positivity_counts_what_the_result_rests_on() -> None:
    table = FOUND.positivity([5.0, 10.0])
    assert table["treated"].is_monotonic_increasing
    assert table["known"].iloc[0] == (FOUND.status(5.0).y["status"] >= 0).sum()
    w = FOUND.status(10.0).weights.values
    assert table["effective_size"].iloc[1] == pytest.approx(w.sum() ** 2 / (w**2).sum())


def test_refusals() -> None:
    with pytest.raises(ArgumentError, match="treated_at"):
        without_treatment(Y, np.full(N, np.nan), HISTORY)
    with pytest.raises(ArgumentError, match="time zero"):
        without_treatment(Y, np.zeros(N), HISTORY)
    with pytest.raises(ArgumentError, match="history"):
        without_treatment(Y, TREATED_AT, HISTORY[["patient_id", "time"]])
    with pytest.raises(ArgumentError, match="at or before it.*treated at entry"):
        without_treatment(Surv.right(END, Y["event"], entry=END / 2), TREATED_AT, HISTORY)
    with pytest.raises(ArgumentError, match="horizon"):
        FOUND.status(-1.0)
    with pytest.raises(ArgumentError, match="`history`.*'word'"):
        without_treatment(Y, TREATED_AT, HISTORY.assign(word="a"))
    with pytest.raises(ArgumentError, match="400 rows"):
        FOUND.fit(CoxPH(), pd.DataFrame({"pain": PAIN[:10]}))
    exact = HISTORY.assign(pain=np.tile(~np.isnan(TREATED_AT), 2).astype(float))
    with pytest.raises(EstimationError, match="separates these patients exactly"):
        without_treatment(Y, TREATED_AT, exact)


def test_delayed_entry_begins_risk_sets_and_weights() -> None:
    entry = np.minimum(RNG.uniform(0, 5, N), 0.9 * np.fmin(END, np.nan_to_num(TREATED_AT, nan=np.inf)))
    entry[:50] = 0.0
    y = Surv.right(END, Y["event"], entry=entry)
    found = without_treatment(y, TREATED_AT, HISTORY)
    treated = ~np.isnan(TREATED_AT)
    until = np.where(treated, TREATED_AT, END)
    rows = [(i, entry[i], min(3.0, until[i]), treated[i] and until[i] <= 3, PAIN[i]) for i in range(N) if entry[i] < 3]
    rows += [(i, max(3.0, entry[i]), until[i], treated[i], LATER[i]) for i in range(N) if until[i] > 3]
    d = pd.DataFrame(rows, columns=["i", "start", "stop", "event", "pain"])
    start_stop = Surv.right(d["stop"], d["event"].astype(bool), entry=d["start"])
    model = CoxPH().fit(d[["pain"]], start_stop, clusters=d["i"])
    np.testing.assert_allclose(found.table["coef"], model.coef_, rtol=1e-8)
    order = np.argsort(np.where(treated, until, np.inf))[: treated.sum()]
    steps, beta = until[order], model.coef_[0]
    at_risk = [np.exp(beta * np.where(t > 3, LATER, PAIN))[(until >= t) & (entry < t)].sum() for t in steps]
    who = int(np.flatnonzero((until > 8) & (entry > 1))[0])
    starter, mine = (np.exp(beta * np.where(steps > 3, LATER[k], PAIN[k])) for k in (order, who))
    mine = -np.log1p(-starter / at_risk) * mine / starter
    own = np.exp(-mine[(steps <= 8) & (steps > entry[who])].sum())
    place = found._clock.after(8.0)
    assert found._treatment.survival(place)[who] == pytest.approx(own, rel=1e-8)
    lost = ~treated & (HAPPENED > LOST)
    seen = float(kaplan_meier(Surv.right(until, lost, entry=entry)).at(8.0, min_at_risk=0).value)
    began = float(kaplan_meier(Surv.right(until, lost, entry=entry)).at(entry[who], min_at_risk=0).value)
    assert found._loss.survival(place)[who] == pytest.approx(seen / began, rel=1e-8)
    # stretches begin at entry, with weights since then
    row, begin, stop, event, weight = found._stretches
    assert (stop > begin).all()
    assert np.isclose((stop - begin).sum(), (until - entry).sum())
    assert event.sum() == (found.y["event"] > 0).sum()
    first = np.append(True, row[1:] != row[:-1])
    np.testing.assert_array_equal(begin[first], entry[row[first]])
    np.testing.assert_allclose(weight[first & (entry[row] > 0)], 1.0)
    X = pd.DataFrame({"pain": PAIN})
    by_hand = CoxPH().fit(
        X.iloc[row].reset_index(drop=True),
        Surv.right(stop, event, entry=begin),
        sample_weight=Weights(weight, "sampling"),
        clusters=row,
    )
    np.testing.assert_allclose(found.fit(CoxPH(), X).coef_, by_hand.coef_, rtol=1e-10)
    assert found.positivity(8.0)["known"].item() < FOUND.positivity(8.0)["known"].item() + 1
    none = without_treatment(Surv.right(END, Y["event"], entry=np.zeros(N)), TREATED_AT, HISTORY)
    np.testing.assert_array_equal(none._stretches[4], FOUND._stretches[4])
    for call in (lambda: found.status(8.0), lambda: found.evaluate(np.full(N, 0.3), 8.0)):
        with pytest.raises(ArgumentError, match="delayed entry"):
            call()
        with pytest.raises(ArgumentError, match="Start the clock at a landmark"):
            call()
    late = HISTORY.assign(time=HISTORY["time"] + np.where(HISTORY["patient_id"] == 399, 6.0, 0.0))
    with pytest.raises(DataError, match="1 no_row_by_entry"):
        without_treatment(y, TREATED_AT, late)
    by_then = HISTORY.assign(time=HISTORY["time"] + np.where(HISTORY["patient_id"] == 399, entry[399], 0.0))
    assert without_treatment(y, TREATED_AT, by_then).n == N


def test_all_bad_rows_are_told_at_once() -> None:
    bad = HISTORY.reset_index(drop=True)
    bad.loc[0, "time"] = 1.0  # patient 0 has no row at time zero
    bad.loc[1, "pain"] = np.nan
    bad.loc[2, "time"] = -1.0
    bad.loc[N + 5, "time"] = 0.0
    with pytest.raises(DataError) as told:
        without_treatment(Y, TREATED_AT, bad)
    reasons = told.value.failures["reason"].value_counts()
    assert reasons["missing"] == 1
    assert reasons["out_of_range"] == 1
    assert reasons["duplicate"] == 1
    assert reasons["no_row_at_time_zero"] == 1


def test_a_pipeline_imputes_each_patient_once_and_not_each_stretch() -> None:
    X = pd.DataFrame({"pain": np.where(np.arange(N) % 5 == 0, np.nan, PAIN), "later": LATER.round(2)})
    own = FOUND.fit(RiskPipeline([MultipleImputation(1, iterations=2)], CoxPH()), X)
    (table,) = MultipleImputation(1, iterations=2).complete_training(X, FOUND.y)  # a row per patient
    expected = FOUND.fit(CoxPH(), table)
    np.testing.assert_allclose(own.models_[0].coef_, expected.coef_, rtol=1e-10)
    np.testing.assert_allclose(own.models_[0].covariance_, expected.covariance_, rtol=1e-10)
    complete = X.assign(pain=PAIN)
    bare, piped = FOUND.fit(CoxPH(), complete), FOUND.fit(RiskPipeline([], CoxPH()), complete)
    np.testing.assert_array_equal(piped.models_[0].coef_, bare.coef_)


def test_patterns_are_counted_in_patients_and_not_in_stretches() -> None:
    X = pd.DataFrame({"pain": PAIN, "later": np.where(np.arange(N) % 4 == 0, np.nan, LATER)})
    model = PatternSubmodels(CoxPH(), {"clinical": ["pain"], "imaging": ["later"]}, min_events=1)
    own = FOUND.fit(model, X)
    assert own.patterns_["n"].tolist() == [N // 4, 3 * N // 4]
    rows, entry, stop, event, weight = FOUND._stretches
    kept = np.isin(rows, np.flatnonzero(X["later"].notna()))
    part = Surv.right(stop[kept], event[kept], entry=entry[kept])
    weights = Weights(weight[kept], "sampling")
    table = X.iloc[rows[kept]].reset_index(drop=True)
    by_hand = CoxPH().fit(table, part, sample_weight=weights, clusters=rows[kept])
    both = own.models_[("clinical", "imaging")]
    np.testing.assert_allclose(both.coef_, by_hand.coef_, rtol=1e-10)
    np.testing.assert_allclose(both.covariance_, by_hand.covariance_, rtol=1e-10)
    # the steps of a pipeline inside see the patients of the pattern
    holes = X.assign(age=X["pain"].where(np.arange(N) % 7 > 0), pain=RNG.permutation(PAIN))[["pain", "age", "later"]]
    groups = {"clinical": ["pain", "age"], "imaging": ["later"]}
    filled = RiskPipeline([MultipleImputation(1, iterations=1)], CoxPH())
    inside = FOUND.fit(RiskPipeline([], PatternSubmodels(filled, groups, min_events=1)), holes).models_[0]
    held = holes["later"].notna().to_numpy()
    (done,) = MultipleImputation(1, iterations=1).complete_training(holes[held], FOUND.y[held])
    table = done.reset_index(drop=True).iloc[(np.cumsum(held) - 1)[rows[kept]]].reset_index(drop=True)
    by_hand = CoxPH().fit(table, part, sample_weight=weights, clusters=rows[kept])
    np.testing.assert_allclose(inside.models_[("clinical", "imaging")].models_[0].coef_, by_hand.coef_, rtol=1e-10)


def test_rows_named_by_ids_may_stand_in_any_order() -> None:
    names = [f"p{k}" for k in range(N)]
    history = HISTORY.assign(patient_id=HISTORY["patient_id"].map(lambda k: names[k]))
    found = without_treatment(Y, TREATED_AT, history, ids=names)
    X = pd.DataFrame({"pain": PAIN}, index=names)
    order = RNG.permutation(N)
    model = found.fit(CoxPH(), X)
    for rows in (X.iloc[order], X.reset_index(drop=True), X.to_numpy()):
        np.testing.assert_allclose(found.fit(CoxPH(), rows).coef_, model.coef_, rtol=1e-12)
    risk = pd.Series(model.predict_risk(X, 10.0)[:, 0], index=names)
    mine, shuffled = (
        found.evaluate({"m": each}, 10.0, n_resamples=0).to_frame()["value"] for each in (risk, risk.iloc[order])
    )
    np.testing.assert_array_equal(mine, shuffled)
    other = X.set_axis([f"q{k}" for k in range(N)])
    for wrong in (other, X.set_axis(range(1, N + 1))):
        with pytest.raises(ArgumentError, match="`ids`"):
            found.fit(CoxPH(), wrong)
    assert FOUND.row_labels is None  # without ids y is paired by position


def test_under_late_entry_a_landmark_is_right_and_weights_from_time_zero_are_not() -> None:
    """Patients of high x are treated early, and have the event early: who enters untreated is not who started."""
    rng, n, mark, width = np.random.default_rng(8), 40_000, 4.0, 6.0
    x = rng.normal(size=n)
    rate = 0.06 * np.exp(0.8 * x)
    time, treated = rng.exponential(1 / rate), rng.exponential(1 / (0.08 * np.exp(0.8 * x)))
    entry, end = rng.uniform(0, 4, n) * (rng.uniform(size=n) < 0.8), rng.uniform(6, 20, n)
    seen = entry < np.minimum(time, treated)
    x, time, treated, entry, end, rate = (part[seen] for part in (x, time, treated, entry, end, rate))
    stop, event = np.minimum(time, end), time <= end
    start = np.where(treated < stop, treated, np.nan)
    history = pd.DataFrame({"patient_id": range(x.size), "time": 0.0, "x": x})
    late = without_treatment(Surv.right(stop, event, entry=entry), start, history)
    naive = late._known(mark + width)  # what is refused
    known = naive.y["status"] >= 0
    everyone = rng.normal(size=200_000)
    truth = float(np.mean(1 - np.exp(-0.06 * np.exp(0.8 * everyone) * (mark + width))))
    share = np.average(naive.y["status"][known], weights=naive.weights.values[known])
    assert abs(share - truth) > 0.05
    keep = (entry <= mark) & (np.minimum(stop, treated) > mark)
    there = pd.DataFrame({"patient_id": range(int(keep.sum())), "time": 0.0, "x": x[keep]})
    found = without_treatment(Surv.right(stop[keep] - mark, event[keep]), start[keep] - mark, there)
    at = found.status(width)
    known = at.y["status"] >= 0
    share = np.average(at.y["status"][known], weights=at.weights.values[known])
    assert share == pytest.approx(np.mean(1 - np.exp(-rate[keep] * width)), abs=0.012)
