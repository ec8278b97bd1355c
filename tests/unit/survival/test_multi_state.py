"""Courses through states: contradictions, hand calculations, and what two states and competing ends reduce to."""

from __future__ import annotations

import time
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest

from lbp_prognosis import LBPError, Surv
from lbp_prognosis._base import ArgumentError
from lbp_prognosis.survival import (
    MultiState,
    Weights,
    aalen_johansen,
    kaplan_meier,
    known_states,
    mean_sojourn,
    probability_ever,
    state_occupancy,
    state_pseudo_values,
)


def simulated(n: int, seed: int = 1, days: bool = True) -> MultiState:
    """Pain, recovery, relapse, and surgery that is never left, with censoring at random."""
    rng = np.random.default_rng(seed)
    rates = {0: ((1, 0.10), (3, 0.02)), 1: ((2, 0.06), (3, 0.005)), 2: ((1, 0.08), (3, 0.03))}
    names = ("pain", "recovered", "relapsed", "surgery")
    rows = []
    ends = rng.uniform(6, 30, n)
    for i in range(n):
        now, state = 0.0, 0
        while state != 3:
            waits = [(rng.exponential(1 / rate), to) for to, rate in rates[state]]
            wait, to = min(waits)
            stop = now + wait
            stop = np.ceil(stop * 30) / 30 if days else stop
            if stop >= ends[i]:
                rows.append((i, now, ends[i], "censored"))
                break
            rows.append((i, now, stop, names[to]))
            now, state = stop, to
    d = pd.DataFrame(rows, columns=["id", "start", "stop", "state"])
    return MultiState.from_long(d["id"], d["start"], d["stop"], d["state"], initial="pain", states=names)


def test_four_patients_by_hand() -> None:
    courses = MultiState.from_long(
        id=["a", "a", "b", "c", "d", "d"],
        start=[0, 2, 0, 0, 0, 5],
        stop=[2, 6, 4, 3, 5, 8],
        state=["well", "ill", "well", None, "well", None],
        initial="ill",
    )
    found = state_occupancy(courses, [2, 4, 5, 6])
    ill, well = Fraction(1), Fraction(0)
    expected = []
    for out, back in ((Fraction(1, 4), 0), (Fraction(1, 2), 0), (Fraction(1), 0), (0, Fraction(1, 2))):
        ill, well = ill - ill * out + well * back, well + ill * out - well * back
        expected.append([float(ill), float(well)])
    # at 6 patient a is back among two who were well: b was censored at 4 and is gone
    np.testing.assert_allclose(found.value, expected, rtol=1e-14)
    assert found.at_risk[0].tolist() == [4, 0]
    assert courses.transitions().loc["ill", "well"] == 3


def test_two_states_are_kaplan_meier_and_competing_ends_aalen_johansen() -> None:
    rng = np.random.default_rng(5)
    n = 300
    entry, length = rng.uniform(0, 2, n), rng.exponential(8, n).round(1) + 0.1
    event = rng.integers(0, 3, n)
    stop, at = entry + length, np.array([3.0, 6.0, 12.0])
    for start in (np.zeros(n), entry):
        names = np.array(["censored", "recovered", "surgery"], dtype=object)
        both = MultiState.from_long(np.arange(n), start, stop, names[event], initial="pain")
        y = Surv.right(stop, event, entry=start)
        found = state_occupancy(both, at)
        for cause, state in ((1, "recovered"), (2, "surgery")):
            curve = aalen_johansen(y, cause=cause, min_at_risk=0).at(at)
            np.testing.assert_allclose(found[state], curve.value, rtol=1e-10)
        one = MultiState.from_long(np.arange(n), start, stop, names[(event > 0).astype(int)], initial="pain")
        curve = kaplan_meier(Surv.right(stop, event > 0, entry=start), min_at_risk=0, sample_weight=np.ones(n)).at(at)
        alone = state_occupancy(one, at, initial={"pain": 1.0})
        np.testing.assert_allclose(alone["pain"], curve.value, rtol=1e-10)
        np.testing.assert_allclose(alone.se[:, 0], curve.se, rtol=1e-8)


QUANTITIES = {
    "occupancy": lambda c, **k: state_occupancy(c, [4.0, 9.5, 20.0], **k),
    "sojourn": lambda c, **k: mean_sojourn(c, [4.0, 9.5], **k),
    "ever": lambda c, **k: probability_ever(c, [4.0, 9.5], **k),
}


@pytest.mark.parametrize("name", QUANTITIES)
@pytest.mark.parametrize("late", [False, True])
def test_errors_are_the_jackknife_of_patients(name, late) -> None:
    call, courses = QUANTITIES[name], simulated(40)
    if late:
        courses = courses.after(1.0)
        start = courses.start.copy()
        start[courses.start == 1.0] += np.random.default_rng(2).uniform(0, 0.2, int((courses.start == 1.0).sum()))
        keep = start < courses.stop
        courses = MultiState.from_long(
            courses.patient[keep],
            start[keep],
            courses.stop[keep],
            np.array([*courses.states, "censored"], dtype=object)[courses.target][keep],
            initial=np.array(courses.states, dtype=object)[courses.origin][keep],
            states=courses.states,
        )
    found = call(courses)
    step = 1e-6
    slopes = []
    for i in range(courses.n_patients):
        up = np.where(courses.patient == i, 1 + step, 1.0)
        down = np.where(courses.patient == i, 1 - step, 1.0)
        slopes.append((call(courses, sample_weight=up).value - call(courses, sample_weight=down).value) / (2 * step))
    np.testing.assert_allclose(found.influence, slopes, atol=2e-7)
    np.testing.assert_allclose(found.se, np.sqrt(np.sum(np.square(slopes), axis=0)), atol=1e-6)


def test_the_origin_is_a_time_and_times_are_named_so() -> None:
    courses = MultiState.from_long([1, 2, 3], [0, 0, 0], [4, 6, 9], ["b", "b", None], initial="a")
    found = state_occupancy(courses, [0, 5])
    assert found.value.tolist()[0] == [1, 0]
    assert (found.se[0] == 0).all()
    assert found.at_risk[0].tolist() == [3, 0]
    assert mean_sojourn(courses, [0, 5]).value[0].tolist() == [0, 0]
    assert state_pseudo_values(courses, [0.0])[:, 0].tolist() == [[1, 0]] * 3
    for times, words in (([-1.0, 2.0], "`times` must be at least 0"), ([2.0, 2.0], "`times` must be at least 0")):
        with pytest.raises(LBPError, match=words):
            state_occupancy(courses, times)


def test_states_sum_to_one_and_times_to_the_time() -> None:
    courses = simulated(200)
    found = state_occupancy(courses)
    np.testing.assert_allclose(found.value.sum(axis=1), 1, rtol=1e-12)
    assert found.times.size == 200
    np.testing.assert_allclose(mean_sojourn(courses, [5, 10]).value.sum(axis=1), [5, 10], rtol=1e-12)
    ever = probability_ever(courses, [3.0, 12.0], states=["recovered", "surgery"])
    at = state_occupancy(courses, [3.0, 12.0])
    assert (ever["recovered"] > at["recovered"]).all()
    np.testing.assert_allclose(ever["surgery"], at["surgery"], rtol=1e-12)


def test_weights_are_copies_and_clusters_are_sums() -> None:
    courses = simulated(60)
    copies = np.random.default_rng(0).integers(1, 4, 60)
    rows = np.concatenate([np.flatnonzero(courses.patient == i) for i in range(60) for _ in range(copies[i])])
    labels = np.concatenate(
        [np.full((courses.patient == i).sum(), f"{i}-{c}") for i in range(60) for c in range(copies[i])]
    )
    target = np.array([*courses.states, "censored"], dtype=object)[courses.target]
    origin = np.array(courses.states, dtype=object)[courses.origin]
    long = MultiState.from_long(
        labels, courses.start[rows], courses.stop[rows], target[rows], initial=origin[rows], states=courses.states
    )
    weighted = state_occupancy(courses, [5.0, 12.0], sample_weight=Weights(copies[courses.patient].astype(float)))
    np.testing.assert_allclose(weighted.value, state_occupancy(long, [5.0, 12.0]).value, rtol=1e-12)
    counts = Weights(copies[courses.patient], "frequency")
    for call in (state_occupancy, mean_sojourn, probability_ever):
        one, two = call(courses, [5.0, 12.0], sample_weight=counts), call(long, [5.0, 12.0])
        for name in ("value", "se", "at_risk", "n"):
            np.testing.assert_allclose(getattr(one, name), getattr(two, name), rtol=1e-10, atol=1e-14, err_msg=name)
    own = state_occupancy(courses, [5.0])
    paired = state_occupancy(courses, [5.0], clusters=courses.patient // 2)
    sums = own.influence.reshape(30, 2, 1, 4).sum(axis=1)
    np.testing.assert_allclose(paired.se, np.sqrt(30 / 29 * (sums**2).sum(axis=0)), rtol=1e-12)


FAILURES = {
    "backward-time": dict(id=[1], start=[3], stop=[3], state=["b"]),
    "overlap": dict(id=[1, 1], start=[0, 2], stop=[3, 5], state=[None, "b"]),
    "gap": dict(id=[1, 1], start=[0, 4], stop=[3, 5], state=[None, "b"]),
    "teleport": dict(id=[1, 1], start=[0, 3], stop=[3, 5], state=["b", None], initial=["a", "a"]),
    "not-finite": dict(id=[1], start=[-1], stop=[3], state=["b"]),
    "unknown-state": dict(id=[1], start=[0], stop=[3], state=["c"], states=["a", "b"], initial="a"),
}


@pytest.mark.parametrize("reason", FAILURES)
def test_contradictions_are_named(reason) -> None:
    with pytest.raises(LBPError, match=reason) as told:
        MultiState.from_long(**FAILURES[reason])
    assert told.value.failures["reason"].tolist() == [reason]


def test_all_contradictions_are_in_one_frame() -> None:
    with pytest.raises(LBPError) as told:
        MultiState.from_long(
            id=["x", "x", "y", "y", "z"],
            start=[0, 2, 0, 9, 5],
            stop=[3, 5, 4, 12, 5],
            state=["b", None, "b", None, None],
            initial=["a", "a", "a", "a", "a"],
        )
    frame = told.value.failures
    assert sorted(frame["reason"]) == ["backward-time", "gap", "overlap", "teleport", "teleport"]
    assert list(frame.columns) == ["table", "row", "field", "reason", "value", "message"]
    allowed = MultiState.from_long([1, 1], [0, 4], [3, 5], [None, "b"], gaps=True)
    assert state_occupancy(allowed, 5)["b"] == 1.0


def test_rows_in_any_order_and_states_that_nobody_enters() -> None:
    courses = simulated(50)
    order = np.random.default_rng(3).permutation(len(courses))
    target = np.array([*courses.states, "censored"], dtype=object)[courses.target]
    shuffled = MultiState.from_long(
        courses.patient[order],
        courses.start[order],
        courses.stop[order],
        target[order],
        initial="pain",
        states=[*courses.states, "litigation"],
    )
    found = state_occupancy(shuffled, [5.0, 11.0])
    np.testing.assert_allclose(found.value[:, :4], state_occupancy(courses, [5.0, 11.0]).value, rtol=1e-12)
    assert (found["litigation"] == 0).all()
    assert (found.se[:, 4] == 0).all()


def test_beyond_the_last_follow_up_nothing_is_known() -> None:
    courses = MultiState.from_long([1, 2], [0, 0], [4, 6], ["b", None], initial="a")
    found = state_occupancy(courses, [6, 6.01])
    assert np.isfinite(found.value[0]).all()
    assert np.isnan(found.value[1]).all()
    ended = MultiState.from_long([1, 2], [0, 0], [4, 6], ["b", "b"], initial="a")
    assert state_occupancy(ended, 99)["b"] == 1.0


def test_visits_make_courses_that_say_so() -> None:
    visits = pd.DataFrame(
        {
            "id": [1, 1, 1, 1, 2, 2, 2, 3],
            "time": [6, 0, 1.5, 12, 0, 3, 4, 0],
            "state": ["recovered", "pain", None, "relapsed", "pain", "pain", "surgery", "pain"],
        }
    )
    courses = MultiState.from_visits(visits["id"], visits["time"], visits["state"], absorbing=["surgery"])
    assert courses.n_patients == 2
    assert courses.panel
    assert courses.start.tolist() == [0, 6, 0, 3]
    assert courses.stop.tolist() == [6, 12, 3, 4]
    found = state_occupancy(courses, 12.0)
    assert [o.code for o in found.objections] == ["panel-observed"]
    with pytest.raises(LBPError, match="after-absorbing"):
        MultiState.from_visits([1, 1], [0, 3], ["surgery", "pain"], absorbing=["surgery"])
    with pytest.raises(LBPError, match="two-states-at-once"):
        MultiState.from_visits([1, 1], [3, 3], ["recovered", "pain"])
    dated = MultiState.from_visits(
        [1, 1, 2, 2], [0, 3, 0, 5], ["pain", "surgery", "pain", "pain"], absorbing=["surgery"]
    )
    assert not dated.panel


def test_a_landmark_keeps_those_under_observation() -> None:
    courses = simulated(300)
    later = courses.after(6.0)
    assert (later.start >= 6).all()
    assert later.n_patients == len({int(p) for p in courses.patient[(courses.start <= 6) & (courses.stop > 6)]})
    with pytest.raises(LBPError, match="observation"):
        courses.after(1e6)


def test_wrong_calls_are_told() -> None:
    courses = simulated(20)
    with pytest.raises(LBPError, match="state"):
        probability_ever(courses, 3.0, states=["paradise"])
    with pytest.raises(LBPError, match="MultiState"):
        state_occupancy(Surv.right([1], [1]), 3.0)
    with pytest.raises(LBPError, match="sum to 1"):
        state_occupancy(courses, 3.0, initial={"pain": 0.5})
    with pytest.raises(LBPError, match="`initial` must be 'estimated', 'known', or a mapping"):
        state_occupancy(courses, [1.0], initial=3)  # type: ignore[arg-type]
    first, second = courses.states[:2]
    with pytest.raises(LBPError, match="initial.*must be a number"):
        state_occupancy(courses, [1.0], initial={first: "x"})  # type: ignore[dict-item]
    with pytest.raises(LBPError, match="initial.*must be a number"):
        state_occupancy(courses, [1.0], initial={first: 1.5, second: -0.5})
    with pytest.raises(LBPError, match="`merged` must be a division of"):
        state_occupancy(courses, [1.0]).joined(["a"])  # type: ignore[arg-type]
    with pytest.raises(LBPError, match="no row"):
        MultiState.from_long([], [], [], [])


@pytest.mark.slow
def test_ten_thousand_patients_in_a_third_of_a_second() -> None:
    courses = simulated(10_000, days=False)
    state_occupancy(simulated(50), [6.0])
    begin = time.process_time()
    state_occupancy(courses, [3.0, 6.0, 12.0, 24.0])
    assert time.process_time() - begin < 0.6


@pytest.mark.parametrize("argument", ["state", "initial"])
def test_dates_are_no_states_and_the_remedy_is_of_states(argument):
    given = {"id": [1, 1], "start": [0, 1], "stop": [1, 2], "state": ["b", "c"], "initial": ["a", "b"]}
    given[argument] = pd.to_datetime(["2020-01-01", "2020-02-01"])
    with pytest.raises(ArgumentError, match=f"`{argument}` must be states; got dates. Say what had happened"):
        MultiState.from_long(**given)


def test_a_blank_around_a_name_makes_no_other_state() -> None:
    states = [" recovered", "recovered ", "lost "]
    courses = MultiState.from_long([1, 2, 3], [0, 0, 0], [3, 4, 5], states, initial=" pain", censored="lost")
    assert courses.states == ("pain", "recovered")
    assert (courses.target >= 0).tolist() == [True, True, False]
    seen = MultiState.from_visits(
        [1, 1, 2, 2], [0, 3, 0, 3], ["pain", "pain ", "pain", " well"], states=["pain", "well "]
    )
    assert seen.states == ("pain", "well")
    with pytest.raises(ArgumentError, match="`initial` must be the name of a state"):
        MultiState.from_long([1], [0], [3], ["b"], initial=" ")


def test_names_given_beside_the_states_are_read_as_they_are() -> None:
    visits = {"id": [1, 1, 2, 2], "time": [0, 3, 0, 3], "state": ["pain", "operated", "pain", "pain"]}
    seen = MultiState.from_visits(**visits, absorbing=["operated "])
    assert seen.states == ("pain", "operated")
    assert seen.dated == ("operated",)
    assert not seen.panel
    with pytest.raises(ArgumentError, match="`absorbing` must be a list of states"):
        MultiState.from_visits(**visits, absorbing="operated")
    with pytest.raises(ArgumentError, match="`absorbing` must be among the states"):
        MultiState.from_visits(**visits, states=["pain", "operated"], absorbing=["dead"])
    coded = MultiState.from_long([1, 2], [0, 0], [3, 4], [2.0, np.nan], initial=1.0, states=[1.0, 2.0])
    assert coded.states == ("1", "2")
    assert coded.code(2.0) == coded.code(" 2") == 1


@pytest.mark.parametrize("initial", [None, np.nan, pd.NA, "censored"])
def test_an_initial_state_without_a_name_is_refused(initial) -> None:
    with pytest.raises(ArgumentError, match="`initial` must be the name of a state"):
        MultiState.from_long([1], [0], [3], ["b"], initial=initial)


@pytest.mark.parametrize("states", [["a", "b", "b "], ["a", "b", ""], []])
def test_states_of_one_name_are_refused(states) -> None:
    with pytest.raises(ArgumentError, match="`states` must be different names"):
        MultiState.from_long([1], [0], [3], ["b"], initial="a", states=states)


def test_results_of_joined_states_are_sums() -> None:
    courses, groups = simulated(120), {"pain": ["pain"], "no pain": ["recovered"], "other": ["relapsed", "surgery"]}
    groups = {name: own for name, own in groups.items() if set(own) <= set(courses.states)}
    left = [name for name in courses.states if name not in [one for own in groups.values() for one in own]]
    groups |= {"rest": left} if left else {}
    for found in (state_occupancy(courses, [3.0, 8.0]), mean_sojourn(courses, [3.0, 8.0])):
        made = found.joined(groups)
        for name, own in groups.items():
            np.testing.assert_allclose(made[name], sum(found[one] for one in own), rtol=1e-12)
        np.testing.assert_allclose(found.joined({name: [name] for name in found.states}).low, found.low, rtol=1e-12)
        one = found.joined({"all": list(found.states)})
        np.testing.assert_allclose(one.se, 0, atol=1e-9)  # the sum is 1, or the time, for certain
    with pytest.raises(LBPError, match="merged"):
        found.joined({"pain": ["pain"]})
    with pytest.raises(LBPError, match="merged"):
        probability_ever(courses, [3.0]).joined({name: [name] for name in courses.states})


def test_joined_ends_have_the_interval_of_one_event() -> None:
    rng, n = np.random.default_rng(5), 150
    time, end = rng.exponential(8, n), rng.integers(0, 3, n)
    names = np.array([None, "b", "c"], dtype=object)
    two = MultiState.from_long(range(n), np.zeros(n), time, names[end], initial="a", states=["a", "b", "c"])
    one = MultiState.from_long(range(n), np.zeros(n), time, np.where(end > 0, "e", "censored"), initial="a")
    found, whole = state_occupancy(two, [5.0]).joined({"a": ["a"], "e": ["b", "c"]}), state_occupancy(one, [5.0])
    for part in ("value", "se", "low", "high"):
        np.testing.assert_allclose(getattr(found, part), getattr(whole, part), rtol=1e-10)


def test_known_states_are_those_under_observation_or_absorbed() -> None:
    courses = MultiState.from_long(
        [1, 1, 2, 3, 4],
        [0, 3, 0, 1, 0],
        [3, 8, 5, 9, 4],
        ["b", None, "c", None, None],
        initial="a",
        states=["a", "b", "c"],
    )
    assert known_states(courses, 0).tolist() == [0, 0, -1, 0]
    assert known_states(courses, 3).tolist() == [1, 0, 0, 0]
    assert known_states(courses, 6).tolist() == [1, 2, 0, -1]
    assert courses.late_entry
