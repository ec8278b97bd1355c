"""The page of states: its numbers are those of the estimators, and a release gives no small group of patients away."""

from __future__ import annotations

import dataclasses
from itertools import combinations, pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from lbp_prognosis._base import ArgumentError
from lbp_prognosis.disclosure import Gate
from lbp_prognosis.evaluation import Evaluation, evaluate_state
from lbp_prognosis.report import Page, PageStates, evaluation_page, released_page, render_page, write_page
from lbp_prognosis.report._blocks import Table
from lbp_prognosis.report._section_states import section_states
from lbp_prognosis.survival import MultiState, known_states, mean_sojourn, state_occupancy

K, HORIZON = 5, 12.0
WAIT = {"pain": {"recovered": 7.0, "surgery": 40.0}, "recovered": {"relapse": 15.0}, "relapse": {"recovered": 9.0}}


def drawn(
    n: int,
    seed: int = 0,
    wait: dict[str, dict[str, float]] | None = None,
    *,
    digits: int | None = None,
    late: float = 0,
) -> tuple[np.ndarray, MultiState]:
    """Courses that start in the first state of ``wait``, with exponential waits; x speeds the first transition."""
    wait = WAIT if wait is None else wait
    rng, rows, x = np.random.default_rng(seed), [], []
    patient = 0
    while patient < n:
        one, entry = rng.normal(), late * rng.uniform()
        at, state, end, own = 0.0, next(iter(wait)), entry + rng.uniform(9, 24), []
        while at < end and state in wait:
            entered = {name: at + rng.exponential(mean * np.exp(-0.7 * one)) for name, mean in wait[state].items()}
            into = min(entered, key=entered.__getitem__)
            stop = min(entered[into], end)
            moved = entered[into] <= end
            if digits is not None:  # tied times
                stop = round(at + max(round(stop - at, digits), 10.0**-digits), digits)
            own.append((patient, max(at, entry), stop, into if moved else None, state))
            if not moved:
                break
            at, state = stop, into
        own = [row for row in own if row[2] > row[1]]
        if own:
            rows += own
            x.append(one)
            patient += 1
    names = list(dict.fromkeys([*wait, *(into for to in wait.values() for into in to)]))
    ids, start, stops, entered_states, initial = zip(*rows)
    return np.array(x), MultiState.from_long(ids, start, stops, entered_states, initial=list(initial), states=names)


def judged(x: np.ndarray, courses: MultiState, state: str, at: float = HORIZON, **more: object) -> Evaluation:
    risk = 1 / (1 + np.exp(0.8 + 0.7 * x))
    return evaluate_state(courses, {"model": risk}, at, state, [0.2, 0.4], n_resamples=0, **more)  # type: ignore[arg-type]


def paged(x: np.ndarray, courses: MultiState, state: str = "pain") -> Page:
    states = PageStates.of(courses, state, HORIZON)
    found = judged(x, courses, state)
    return evaluation_page(found, title="States", unit="months", sample="external", setting="temporal", states=states)


def released(page: Page, gate: Gate | None = None) -> PageStates:
    shown = released_page(dataclasses.replace(page, gate=gate or Gate(K, share=1.0))).states
    assert shown is not None
    return shown


# ---- a page that is not for release ---------------------------------------------------------------------------


def test_numbers_are_those_of_the_estimators(tmp_path: Path) -> None:
    x, courses = drawn(300)
    states = PageStates.of(courses, "pain", HORIZON, times=[3, 12], earlier=[judged(x, courses, "pain", 6.0)])
    page = evaluation_page(judged(x, courses, "pain"), unit="months", states=states)
    whole = state_occupancy(courses, [3.0, 12.0])
    np.testing.assert_allclose(states.numbers["value"], whole.value.ravel(), rtol=1e-12)
    np.testing.assert_allclose(states.sojourn["value"], mean_sojourn(courses, 12.0).value[0], rtol=1e-12)
    assert states.numbers["n"].tolist()[4:] == [int((known_states(courses, 12.0) == k).sum()) for k in range(4)]
    assert states.numbers["unknown"].iloc[-1] == (known_states(courses, 12.0) < 0).sum()
    assert states.curve["time"].iloc[-1] == 12.0
    text = write_page(page, tmp_path).read_text(encoding="utf-8")
    for words in ("Not for release", "at 12 months", "Transitions by 12 months", "Predicted “pain” at other times"):
        assert words in text
    assert "pain by 12 months" not in text
    rows = pd.read_parquet(tmp_path / "results.parquet")
    last = rows[(rows["metric"] == "state_occupancy") & (rows["group"] == "state pain") & (rows["horizon"] == 12)]
    assert float(last["value"].iloc[0]) == pytest.approx(whole["pain"][1], rel=1e-12)


def test_transitions_and_ends_of_follow_up_add_up() -> None:
    courses = MultiState.from_long(
        [1, 1, 2, 3, 3, 4, 5],
        [0, 3, 0, 0, 2, 0, 0],
        [3, 8, 5, 2, 15, 13, 12],
        ["b", "a", None, "b", "c", "b", "c"],
        initial="a",
        states=["a", "b", "c"],
    )
    found = PageStates.of(courses, "a", 12)
    # patient 1 enters a at 8, and is not seen afterwards: a is no absorbing state, so the follow-up ended in it
    assert found.transitions.to_numpy().tolist() == [[0, 2, 1, 2], [1, 0, 0, 0], [0, 0, 0, 0]]
    assert found.numbers[found.numbers["time"] == 12]["n"].tolist() == [1, 1, 1]


def test_begun_plus_entered_are_left_plus_known_plus_ended() -> None:
    rng = np.random.default_rng(3)
    rows = []
    for patient in range(200):
        at, state = rng.uniform(0, 4), str(rng.choice(["a", "b"]))
        for _ in range(rng.integers(1, 5)):  # follow-up often ends with an entry, or has a gap
            stop = at + rng.exponential(3) + 0.1
            into = str(rng.choice(["a", "b", "c"], p=[0.45, 0.45, 0.1])) if rng.random() < 0.8 else None
            into = None if into == state else into
            rows.append((patient, at, stop, into, state))
            if into == "c":
                break
            at, state = stop + (rng.exponential(2) if rng.random() < 0.3 else 0.0), into or state
    ids, start, stops, entered, states = zip(*rows)
    courses = MultiState.from_long(ids, start, stops, entered, initial=list(states), states=["a", "b", "c"], gaps=True)
    found = PageStates.of(courses, "a", 8)
    first = pd.DataFrame({"id": ids, "start": start, "state": states}).sort_values("start").groupby("id").first()
    begun = first[first["start"] < 8]["state"].value_counts()
    moves = found.transitions[["a", "b", "c"]].to_numpy()
    now = np.bincount(known_states(courses, 8)[known_states(courses, 8) >= 0], minlength=3)
    ended = np.array([begun.get(name, 0) for name in "abc"]) + moves.sum(axis=0) - moves.sum(axis=1) - now
    assert found.transitions["(ended)"].tolist() == ended.tolist()
    assert ended.min() == 0
    assert ended.sum() > 50


def test_a_wrong_horizon_state_or_time_is_told() -> None:
    x, courses = drawn(120)
    with pytest.raises(ArgumentError, match="horizon"):
        PageStates.of(courses, "pain", 99.0)
    with pytest.raises(ArgumentError, match="state"):
        PageStates.of(courses, "paradise", 12.0)
    with pytest.raises(ArgumentError, match="times"):
        PageStates.of(courses, "pain", 12.0, times=[1, 13])
    with pytest.raises(ArgumentError, match="`courses` must be made by MultiState"):
        PageStates.of(np.zeros(3), "pain", 12.0)  # type: ignore[arg-type]
    with pytest.raises(ArgumentError, match="`merged` must be a mapping"):
        PageStates.of(courses, "pain", 12.0, merged=["pain"])  # type: ignore[arg-type]
    for earlier in (3, [3]):
        with pytest.raises(ArgumentError, match="`earlier` must be results of evaluate_state"):
            PageStates.of(courses, "pain", 12.0, earlier=earlier)  # type: ignore[arg-type]
    with pytest.raises(ArgumentError, match="states"):
        evaluation_page(judged(x, courses, "pain"), states=PageStates.of(courses, "pain", 6.0))


def test_states_of_another_state_or_of_other_patients_are_refused() -> None:
    x, courses = drawn(120)
    found = judged(x, courses, "pain")
    half = courses.take(np.arange(60))
    for other in (PageStates.of(courses, "recovered", HORIZON), PageStates.of(half, "pain", HORIZON)):
        with pytest.raises(ArgumentError, match="`states` must be of the courses and of the state"):
            evaluation_page(found, states=other)
    with pytest.raises(ArgumentError, match=r"`states` must be made by PageStates\.of"):
        evaluation_page(found, states=3)  # type: ignore[arg-type]
    for one in (found, judged(x, courses, "recovered", 6.0), judged(x[:60], half, "pain", 6.0)):
        with pytest.raises(ArgumentError, match="`earlier` must be results of evaluate_state of these courses"):
            PageStates.of(courses, "pain", HORIZON, earlier=[one])
    assert len(PageStates.of(courses, "pain", HORIZON, earlier=[judged(x, courses, "pain", 6.0)]).earlier) == 1


def test_the_legend_tells_long_names_apart_and_shows_each() -> None:
    long = [f"state with a name that nobody would give to a state, number {k}" for k in range(3)]
    _, courses = drawn(120, 6, {long[0]: {long[1]: 5.0, "_own": 9.0}, long[1]: {long[2]: 5.0}})
    legend = PageStates.of(courses, long[0], HORIZON).plot().get_legend()
    assert legend is not None
    labels = [text.get_text() for text in legend.get_texts()]
    assert len(set(labels)) == len(labels) == 4
    assert " _own" in labels


# ---- a page for release ---------------------------------------------------------------------------------------


def derived_counts(shown: PageStates, courses: MultiState) -> list[int]:
    """Counts that sums and differences of released numbers may give, from the rows.

    Patients in each pair of states at each pair of times. If transitions leave: these between two times (their number
    minus occupancy), and the follow-ups that ended in each state (who began there, plus who came, minus who left, minus
    the number known to be there, which is the events of the page).
    """
    groups = [name.split(" or ") for name in shown.states]
    place = np.array([next(g for g, names in enumerate(groups) if state in names) for state in courses.states])
    known = [known_states(courses, float(t)) for t in shown.numbers["time"].unique()]
    codes = [np.where(now < 0, -1, place[now]) for now in known]
    counts = [int(n) for now in codes for n in np.unique(now, return_counts=True)[1]]
    for one, other in combinations(codes, 2):
        seen = (one >= 0) & (other >= 0)
        counts += [int(n) for n in np.unique(np.stack([one, other])[:, seen], axis=1, return_counts=True)[1]]
    if shown.transitions.empty:
        return counts
    counts += [int(n) for n in shown.transitions.to_numpy().ravel() if n]
    edges = [-np.inf, *shown.numbers["time"].unique()]
    one, other = place[courses.origin], place[courses.target]
    for begin, end in pairwise(edges):
        inside = (courses.target >= 0) & (courses.stop > begin) & (courses.stop <= end) & (one != other)
        counts += [int(n) for n in np.unique(np.stack([one, other])[:, inside], axis=1, return_counts=True)[1]]
    last = {p: (s, o, t) for p, s, o, t in sorted(zip(courses.patient, courses.stop, courses.origin, courses.target))}
    ended = [place[o] for s, o, t in last.values() if t < 0 and s < HORIZON]
    return counts + [int(n) for n in np.unique(ended, return_counts=True)[1]]


@pytest.mark.parametrize("seed", range(6))
def test_no_small_group_can_be_derived(seed: int) -> None:
    rare = {**WAIT, "relapse": {"recovered": 9.0, "death": 60.0}}
    x, courses = drawn(400, seed, rare)
    shown = released(paged(x, courses))
    assert len(shown.numbers)
    assert min(derived_counts(shown, courses)) >= K
    assert shown.courses is None
    assert shown.n is None
    assert shown.transitions.empty or "(ended)" not in shown.transitions
    of_patients = np.concatenate([courses.start[courses.start > 0], courses.stop])
    assert not np.isin(shown.curve["time"], of_patients).any()
    assert np.isclose(shown.numbers["value"], shown.numbers["value"].round(2)).all()


@pytest.mark.parametrize(("lost", "leave"), [(3, False), (30, True)])
def test_transitions_stay_if_few_follow_ups_ended_in_a_state(lost: int, leave: bool) -> None:
    """Events, transitions and who began in pain give the follow-ups that ended in it: 200 − moved − in pain at 12."""
    n, moved = 200, 80
    rng = np.random.default_rng(1)
    stop = np.concatenate([rng.uniform(0.5, 11.5, moved + lost), np.full(n - moved - lost, 14.0)])
    into = ["surgery"] * moved + [None] * (n - moved)
    more = 40  # who began recovered: over all states, follow-ups that ended are enough
    ids = np.arange(n + more)
    start, state = np.zeros(n + more), ["pain"] * n + ["recovered"] * more
    ends = np.concatenate([stop, rng.uniform(0.5, 11.5, more)])
    courses = MultiState.from_long(ids, start, ends, [*into, *[None] * more], initial=state)
    shown = released(paged(rng.normal(size=n + more), courses))
    assert len(shown.numbers)
    assert shown.transitions.empty != leave
    if leave:
        assert min(derived_counts(shown, courses)) >= K


def test_without_the_rule_small_groups_would_leave(monkeypatch: pytest.MonkeyPatch) -> None:
    from lbp_prognosis.report import _released_states

    x, courses = drawn(400, 0, {**WAIT, "relapse": {"recovered": 9.0, "death": 60.0}})
    monkeypatch.setattr(_released_states, "_times_are_safe", lambda *_: True)
    monkeypatch.setattr(_released_states, "_moves_are_safe", lambda *_: True)
    assert min(derived_counts(released(paged(x, courses)), courses)) < K


def test_states_with_few_patients_are_joined_and_the_declared_one_is_not() -> None:
    x, courses = drawn(300, 1, {"pain": {"recovered": 8.0, "moved away": 900.0}, "recovered": {"death": 700.0}})
    shown = released(paged(x, courses))
    assert "pain" in shown.states
    assert 2 <= len(shown.states) < len(courses.states)
    assert any(" or " in name for name in shown.states)
    text = render_page(dataclasses.replace(paged(x, courses), gate=Gate(K, share=1.0)))
    assert "moved away or death" in text


def test_a_small_budget_leaves_out_times_first() -> None:
    x, courses = drawn(260, 2)
    full = released(paged(x, courses))
    assert full.numbers["time"].nunique() > 2
    few = released(paged(x, courses), Gate(K, share=0.3))
    assert 0 < len(few.numbers) < len(full.numbers)
    assert few.numbers["time"].iloc[-1] == HORIZON
    none = released(paged(x, courses), Gate(K, share=0.02))
    assert none.numbers.empty
    text = render_page(dataclasses.replace(paged(x, courses), gate=Gate(K, share=0.02)))
    assert "Not released" in text


# ---- courses that attack the page -----------------------------------------------------------------------------

HOSTILE = {
    "two states": {"pain": {"recovered": 8.0}},
    "eight states": {f"s{k}": {f"s{k + 1}": 3.0, f"s{max(k - 1, 0)}": 9.0} if k else {"s1": 3.0} for k in range(7)},
    "nobody enters a state": {"pain": {"recovered": 8.0}, "coma": {"pain": 1.0}},
    "one transition": {"pain": {"recovered": 4000.0, "surgery": 12.0}},
    "markup": {"<b>pain</b>": {"\u202eevil</td>": 8.0, "$x_1$ & co": 12.0}},
    "small counts": {"pain": {f"r{k}": 120.0 for k in range(6)}, "r0": {"pain": 2.0}},
}


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("digits", [None, 0])
def test_courses_that_attack_the_page(name: str, digits: int | None) -> None:
    wait = HOSTILE[name]
    x, courses = drawn(150, 3, wait, digits=digits)
    state = next(iter(wait))
    page = paged(x, courses, state)
    for one in (page, dataclasses.replace(page, gate=Gate(K, share=1.0))):
        text = render_page(one)
        assert "<b>pain" not in text
        assert "\u202e" not in text
        assert "</td>evil" not in text
    shown = released(page)
    if len(shown.numbers):
        assert min(derived_counts(shown, courses)) >= K


def test_courses_seen_at_visits_say_so() -> None:
    rng = np.random.default_rng(4)
    rows = [(i, t, "pain" if rng.uniform() < np.exp(-t / 9) else "well") for i in range(200) for t in (0, 3, 6, 12)]
    courses = MultiState.from_visits(*zip(*[(i, t, s if t else "pain") for i, t, s in rows]))
    x = rng.normal(size=200)
    page = paged(x, courses)
    text = render_page(page)
    assert "observed only at visits" in text
    assert "panel-observed" in text
    shown = released(page)
    assert shown.panel
    assert min(derived_counts(shown, courses)) >= K


def test_late_entry_is_said_and_no_entry_time_leaves() -> None:
    x, courses = drawn(400, 5, late=4.0)
    page = paged(x, courses)
    assert "different times" in render_page(page)
    shown = released(page)
    assert len(shown.numbers)
    assert not np.isin(shown.numbers["time"], courses.start).any()
    assert min(derived_counts(shown, courses)) >= K


def test_missing_predictions_are_told() -> None:
    _, courses = drawn(150)
    risk = np.full(150, 0.4)
    risk[3] = np.nan
    with pytest.raises(ArgumentError, match="risk"):
        evaluate_state(courses, risk, HORIZON, "pain", n_resamples=0)


def test_a_missing_share_interval_or_measure_has_its_reason() -> None:
    page = paged(*drawn(150))
    numbers = page.states.numbers.copy()
    numbers.loc[0, ["value", "low", "high"]] = np.nan
    numbers.loc[1, ["low", "high"]] = np.nan
    x, courses = drawn(150)
    lacking = judged(x, courses, "pain", 6.0)
    bare = {model: {name: own for name, own in of.items() if name != "brier"} for model, of in lacking.metrics.items()}
    full = judged(x, courses, "pain", 9.0)
    states = dataclasses.replace(
        page.states, numbers=numbers, earlier=(dataclasses.replace(lacking, metrics=bare), full)
    )
    tables = {
        block.name: block
        for block in section_states(dataclasses.replace(page, states=states)).blocks
        if isinstance(block, Table)
    }
    assert tables["states_occupancy"].notes.startswith("¹ No patient is under observation. ² No interval: ")
    assert tables["states_earlier"].notes == "¹ Not computed."
    for table in (tables["states_occupancy"], tables["states_earlier"]):
        assert not any(cell == "–" for row in table.cells for cell in row)
