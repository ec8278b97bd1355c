"""Predicted states against courses: what is known, weights, pseudo-values, and the true model as the best."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from lbp_prognosis import LBPError, Surv
from lbp_prognosis._base import ArgumentError
from lbp_prognosis.evaluation import brier, evaluate_state
from lbp_prognosis.models import MultiStateCox
from lbp_prognosis.survival import (
    MultiState,
    aalen_johansen,
    known_states,
    state_at,
    state_occupancy,
    state_pseudo_values,
)


def courses(n: int = 600, seed: int = 4, last: float = 30.0) -> tuple[pd.DataFrame, MultiState]:
    """Pain, recovery and relapse; surgery from both; x speeds recovery."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=n)
    rates = {0: ((1, 0.10, 0.8), (2, 0.02, -0.5)), 1: ((0, 0.06, -0.4), (2, 0.005, -0.5))}
    names, rows = ("pain", "recovered", "surgery"), []
    for i in range(n):
        now, state, end = 0.0, 0, rng.uniform(6, last)
        while state != 2:
            wait, to = min((rng.exponential(np.exp(-b * x[i]) / rate), to) for to, rate, b in rates[state])
            if now + wait >= end:
                rows.append((i, now, end, "censored", x[i]))
                break
            rows.append((i, now, now + wait, names[to], x[i]))
            now, state = now + wait, to
    d = pd.DataFrame(rows, columns=["id", "start", "stop", "state", "x"])
    return d[["x"]], MultiState.from_long(d["id"], d["start"], d["stop"], d["state"], initial="pain", states=names)


def test_one_event_a_patient_weighs_to_aalen_johansen() -> None:
    rng = np.random.default_rng(0)
    n = 300
    time, event = rng.exponential(8, n).round(1) + 0.1, rng.integers(0, 3, n)
    names = np.array(["censored", "recovered", "surgery"], dtype=object)
    one = MultiState.from_long(range(n), np.zeros(n), time, names[event], initial="pain")
    at = 4.05  # between times of the table
    for code, state in ((1, "recovered"), (2, "surgery")):
        status, weights = state_at(one, at, state)
        known = status["status"] >= 0
        share = np.average(status["status"][known], weights=weights.values[known])
        curve = aalen_johansen(Surv.right(time, event), cause=code, min_at_risk=0).at(at)
        assert share == pytest.approx(curve.value, rel=1e-12)
        assert weights.values.sum() == pytest.approx(n, rel=1e-12)


def test_without_censoring_all_is_seen() -> None:
    _, ms = courses(200)
    whole = ms.take(
        np.array([ms.stop[ms.patient == i].max() >= 6 or ms.target[ms.patient == i][-1] == 2 for i in range(200)])
    )
    status, weights = state_at(whole, 6.0, "pain")
    assert (status["status"] >= 0).all()
    np.testing.assert_allclose(weights.values, 1)
    values = state_pseudo_values(whole, 6.0)[:, 0, 0]
    np.testing.assert_allclose(values, status["status"], atol=1e-9)


def test_at_the_time_of_a_move_the_new_state_counts() -> None:
    ms = MultiState.from_long([1, 1, 2, 3], [0, 4, 0, 0], [4, 9, 4, 3], ["well", None, None, None], initial="pain")
    assert state_at(ms, 4, "well")[0]["status"].tolist() == [1, 0, -1]
    assert state_at(ms, 4.01, "well")[0]["status"].tolist() == [1, -1, -1]
    assert state_at(ms, 3.99, "well")[0]["status"].tolist() == [0, 0, -1]


def test_pseudo_values_have_the_mean_of_the_occupancy() -> None:
    _, ms = courses()
    found = state_pseudo_values(ms, [5.0, 12.0])
    np.testing.assert_allclose(found.mean(axis=0), state_occupancy(ms, [5.0, 12.0]).value, rtol=1e-10)
    np.testing.assert_allclose(found.sum(axis=2), 1, rtol=1e-9)


def test_a_good_model_is_calibrated_and_better_than_a_poor_one() -> None:
    X, ms = courses(900)
    new_X, new = courses(900, seed=9)
    first = ~new_X.duplicated()  # one row per patient, in the order of ids
    model = MultiStateCox().fit(X, ms)
    good = model.predict_risk(new_X[first], 12.0, state="pain")[:, 0]
    poor = np.clip(good + np.random.default_rng(1).uniform(-0.4, 0.4, good.size), 0.01, 0.99)
    found = evaluate_state(new, {"cox": good, "noise": poor}, 12.0, "pain", [0.3, 0.5], n_resamples=0)
    slope, level = found.metric("calibration_slope_pseudo", "cox"), found.metric("observed_occupancy", "cox")
    assert abs(slope.value - 1) < 3 * slope.se
    assert level.value == pytest.approx(state_occupancy(new, 12.0)["pain"][0], rel=1e-12)
    assert abs(good.mean() - level.value) < 3 * level.se
    gain = found.difference("brier", "cox", "noise")
    assert gain.high < 0
    assert found.metric("auc", "cox").value > 0.6
    status, weights = state_at(new, 12.0, "pain")
    assert found.metric("brier", "cox").value == pytest.approx(brier(status, good, sample_weight=weights).value)
    assert found.decision is not None
    weighted = found.metric("calibration_slope", "cox")
    assert abs(weighted.value - slope.value) < 0.25


def test_wrong_calls_are_told() -> None:
    _, ms = courses(60)
    with pytest.raises(LBPError, match="state"):
        state_at(ms, 6.0, "paradise")
    with pytest.raises(LBPError, match="after the start"):
        state_at(ms, 0.0, "pain")
    with pytest.raises(LBPError, match="last follow-up"):
        state_at(ms, 1e5, "pain") if not (ms.target == 2).any() else state_at(ms.take(_never(ms)), 1e5, "pain")
    late = MultiState.from_long([1, 2], [0, 1], [4, 6], ["b", None], initial="a")
    with pytest.raises(LBPError, match="late entry"):
        state_at(late.take([0, 1]), 5.0, "b")
    with pytest.raises(LBPError, match="late entry"):
        state_pseudo_values(late, 3.0)
    with pytest.raises(LBPError, match="MultiState"):
        evaluate_state(Surv.right([1], [1]), [0.5], 3.0, "a")
    assert evaluate_state(ms, np.full(60, 0.5), 6.0, "pain", n_resamples=0).metric("calibration_slope_pseudo").reason


def test_late_entry_by_hand() -> None:
    """Five patients, two of them absorbed: n S(a−) / R(a) with R(2) = 4, R(3) = 4, R(4) = 3 and S = 1, 3/4, 9/16."""
    ms = MultiState.from_long(
        [1, 2, 3, 4, 5], [0, 0, 1, 1, 2.5], [2, 5, 3, 6, 6], ["b", None, "b", None, None], initial="a"
    )
    status, weights = state_at(ms, 4, "b", min_at_risk=0)
    assert status["status"].tolist() == [1, 0, 1, 0, 0]
    np.testing.assert_allclose(weights.values, [5 / 4, 15 / 16, 15 / 16, 15 / 16, 15 / 16], rtol=1e-15)
    assert np.average(status["status"], weights=weights.values) == pytest.approx(7 / 16, rel=1e-15)
    assert state_occupancy(ms, 4)["b"][0] == pytest.approx(7 / 16, rel=1e-15)
    # at 2.4 the last has not begun, and is not known; who is absorbed at 2 is
    status, weights = state_at(ms, 2.4, "b", min_at_risk=0)
    assert status["status"].tolist() == [1, 0, 0, 0, -1]
    np.testing.assert_allclose(weights.values, [5 / 4, 5 / 4, 5 / 4, 5 / 4, 0], rtol=1e-15)
    with pytest.raises(LBPError, match="landmark"):
        state_at(ms, 4, "b", min_at_risk=5)


def test_with_late_entry_and_one_event_weights_are_aalen_johansen() -> None:
    rng, n = np.random.default_rng(3), 400
    entry = np.where(rng.uniform(size=n) < 0.5, 0, rng.uniform(0, 4, n))
    time = entry + rng.exponential(8, n).round(1) + 0.1
    event = rng.integers(0, 3, n)
    names = np.array(["censored", "recovered", "surgery"], dtype=object)
    one = MultiState.from_long(range(n), entry, time, names[event], initial="pain")
    for code, state in ((1, "recovered"), (2, "surgery")):
        status, weights = state_at(one, 6.05, state)
        known = status["status"] >= 0
        share = np.average(status["status"][known], weights=weights.values[known])
        curve = aalen_johansen(Surv.right(time, event, entry=entry), cause=code, min_at_risk=0).at(6.05)
        assert share == pytest.approx(curve.value, rel=1e-12)
        assert weights.values.sum() == pytest.approx(n, rel=1e-12)


def test_late_entry_selects_patients_and_weights_undo_it() -> None:
    """Who has the event early is seldom enrolled: by x, the weighted shares are the truth, and so are shares of x."""
    rng, n = np.random.default_rng(0), 60_000
    x = rng.integers(0, 2, n)
    rate = np.where(x == 1, 0.3, 0.05)
    time = rng.exponential(1 / rate)
    entry = rng.uniform(0, 8, n) * (rng.uniform(size=n) < 0.8)
    seen = entry < time
    x, time, entry = x[seen], time[seen], entry[seen]
    stop = np.minimum(time, entry + rng.uniform(2, 15, x.size))
    state = np.where(time <= stop, "event", "censored")
    ms = MultiState.from_long(range(x.size), entry, stop, state, initial="free")
    assert abs(x.mean() - 0.5) > 0.05  # the patients who entered are not those who started
    status, weights = state_at(ms, 6.0, "event")
    known, w = status["status"] >= 0, weights.values
    assert w[x == 1].sum() / w.sum() == pytest.approx(0.5, abs=0.015)
    for value, rate_of in ((0, 0.05), (1, 0.3)):
        own = known & (x == value)
        assert np.average(status["status"][own], weights=w[own]) == pytest.approx(1 - np.exp(-6 * rate_of), abs=0.015)


def test_with_late_entry_there_are_no_lines_through_pseudo_values() -> None:
    _, ms = courses(400)
    rng = np.random.default_rng(1)
    entry = np.where(rng.uniform(size=400) < 0.6, 0, rng.uniform(0, 3, 400))[ms.patient]
    keep = ms.stop > entry
    names = np.array([*ms.states, "censored"], dtype=object)
    late = MultiState.from_long(
        ms.patient[keep],
        np.maximum(ms.start, entry)[keep],
        ms.stop[keep],
        names[ms.target[keep]],
        initial=names[ms.origin[keep]],
        states=ms.states,
    )
    assert late.late_entry
    risk = np.random.default_rng(2).uniform(0.1, 0.9, late.n_patients)
    found = evaluate_state(late, risk, 12.0, "pain", n_resamples=0)
    assert "late entry" in found.metric("calibration_slope_pseudo").reason
    assert np.isfinite(found.metric("calibration_slope").value)
    assert found.metric("observed_occupancy").value == pytest.approx(state_occupancy(late, 12.0)["pain"][0])


def _never(ms: MultiState) -> np.ndarray:
    return ~np.isin(np.arange(ms.n_patients), ms.patient[ms.target == 2])


def test_risks_and_clusters_of_patients_with_several_rows_are_taken_by_patient() -> None:
    rng = np.random.default_rng(8)
    ids = np.array([f"p{k}" for k in range(150)])
    first, second = rng.exponential(4, 150), rng.exponential(6, 150)
    start = np.stack([np.zeros(150), first], axis=1)
    stop = np.stack([first, first + second], axis=1)
    courses = MultiState.from_long(
        np.repeat(ids, 2), start.ravel(), stop.ravel(), np.tile(["well", "pain"], 150), initial="pain"
    )
    risk, site = pd.Series(rng.uniform(0.1, 0.9, 150), index=ids), pd.Series(np.arange(150) % 15, index=ids)
    plain = evaluate_state(courses, risk.to_numpy(), 5.0, "well", clusters=site.to_numpy(), n_resamples=0)
    again = evaluate_state(
        courses, {"model": risk.sample(frac=1, random_state=1)}, 5.0, "well", clusters=site[::-1], n_resamples=0
    )
    for name in ("auc", "brier", "calibration_slope_pseudo"):
        assert plain.metric(name).value == again.metric(name).value
        assert plain.metric(name).se == again.metric(name).se
    alone = evaluate_state(courses, risk.to_numpy(), 5.0, "well", n_resamples=0)
    assert alone.metric("brier").se != plain.metric("brier").se
    with pytest.raises(ArgumentError, match="`risks` must be of the labels of `ids`"):
        evaluate_state(courses, risk.rename({"p3": "x"}), 5.0, "well", n_resamples=0)
    with pytest.raises(ArgumentError, match="`clusters` must be of length 150"):
        evaluate_state(courses, risk, 5.0, "well", clusters=np.repeat(site, 2).to_numpy(), n_resamples=0)


def test_a_time_after_all_follow_up_is_refused_unless_all_are_in_an_absorbing_state() -> None:
    # one of three dies; of the others nobody knows the state at 10, so that the dead represent nobody
    ms = MultiState.from_long([1, 2, 3], [0, 0, 0], [4, 6, 8], ["dead", None, None], initial="ill")
    with pytest.raises(ArgumentError, match="`time` must be a time at which a patient is under observation; got 10"):
        state_at(ms, 10, "dead")
    dead = MultiState.from_long([1, 2, 3], [0, 0, 0], [4, 6, 8], ["dead", None, "dead"], initial="ill")
    status, weights = state_at(dead, 10, "dead")
    assert status["status"].tolist() == [1, -1, 1]
    np.testing.assert_allclose(weights.values, [1.0, 0.0, 2.0])  # the last death at 8 stands for the one lost at 6
    with pytest.raises(ArgumentError, match="`courses` must be made by MultiState"):
        state_at(3, 10, "dead")  # type: ignore[arg-type]
    with pytest.raises(ArgumentError, match="`courses` must be made by MultiState"):
        known_states(3, 10)  # type: ignore[arg-type]
