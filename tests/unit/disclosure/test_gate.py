"""The gate by itself: arrays and tables in, what may leave out."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lbp_prognosis._base import ArgumentError, DisclosureError
from lbp_prognosis.disclosure import (
    Budget,
    Gate,
    Patients,
    chosen_gate,
    coarse_curve,
    follows_from_sum,
    is_dominated,
    kept_cuts,
    merged_levels,
    without_numbers,
)


def patients(with_it=30, without=40, unknown=0, **more):
    return Patients(np.repeat([1, 0, -1], [with_it, without, unknown]), **more)


# ---- rules and modes -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("k", [0, -1, 1, 1.5, 5.0, "five", "5", None, True, 1001])
def test_a_smallest_cell_is_a_whole_number_of_two_or_more(k):
    with pytest.raises(ArgumentError, match=r"`smallest_cell` must be a whole number from 2 to 1000"):
        Gate(k)


@pytest.mark.parametrize("k", [2, 5, 1000, np.int64(7)])
def test_the_limits_are_accepted(k):
    assert Gate(k).smallest_cell == k


def test_not_for_release_is_a_mode_and_never_a_number():
    assert chosen_gate() is None
    assert chosen_gate("not-for-release") is None
    assert chosen_gate("release") == Gate(5)
    assert chosen_gate("", 7) == chosen_gate("release", 7) == Gate(7)
    assert chosen_gate("", None, "ledger.json") == Gate(5)
    for more in ({"smallest_cell": 5}, {"ledger": "ledger.json"}):
        with pytest.raises(ArgumentError, match="not for release"):
            chosen_gate("not-for-release", **more)
    with pytest.raises(ArgumentError, match="mode"):
        chosen_gate("public")


@pytest.mark.parametrize(("count", "kept"), [(0, True), (1, False), (4, False), (5, True), (6, True)])
def test_a_cell_is_empty_or_large_enough(count, kept):
    assert Gate(5).keeps([30, count]) is kept
    assert Gate(5).open(patients()).keeps([30, count]) is kept


@pytest.mark.parametrize(
    ("with_it", "without", "said"),
    [
        (20, 30, ""),
        (20, 29, "fewer than 50 patients"),
        (10, 40, ""),
        (9, 41, "fewer than 10 patients with the outcome"),
        (41, 9, "fewer than 10 patients with the outcome, or without it"),
    ],
)
def test_too_few_patients_leave_nothing(with_it, without, said):
    assert said in Gate(5).open(patients(with_it, without)).insufficient
    assert bool(Gate(5).open(patients(with_it, without)).insufficient) is bool(said)
    # the smallest cell counts where it is larger
    assert Gate(11).open(patients(10, 60)).insufficient


def test_several_rows_of_a_patient_count_once():
    discs = patients(60, 60, clusters=np.repeat(np.arange(20), 6))
    assert discs.n == 20
    assert discs.parts() == (10, 10, 0)
    copies = patients(30, 40, copies=np.full(70, 2.0))
    assert copies.n == 140
    with pytest.raises(ArgumentError, match="clusters"):
        patients(3, 3, clusters=np.arange(5))
    with pytest.raises(ArgumentError, match="state"):
        Patients(np.array([0, 1, 2]))


# ---- merging ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("counts", "ordered", "parts"),
    [
        ([40, 5, 12], False, [[0], [1], [2]]),
        ([40, 4, 12], False, [[0], [1, 2]]),
        ([40, 30, 4, 12], False, [[0], [1], [2, 3]]),
        ([12, 30, 4, 40], True, [[0], [1, 2], [3]]),  # its smaller neighbour, not the smallest
        ([40, 0, 12], False, [[0], [1], [2]]),  # an empty one tells of nobody
        ([40, 2, 2, 2], False, [[0], [1, 2, 3]]),
        ([60, 50, 1, 1, 1, 1, 1], False, [[0], [1, 2, 3, 4, 5, 6]]),  # a sum of 5 would say that each is of one patient
        ([100, 50, 2, 2, 1], False, [[0], [1, 2, 3, 4]]),  # a sum of 5: each of 1 to 3
        ([100, 3, 4, 5, 6], False, [[0], [1, 2, 3, 4]]),  # 7 beside 5: the larger is at most 4, the smaller 3 or 4
        ([96, 4], False, None),
        ([100], False, [[0]]),
    ],
)
def test_small_parts_are_joined(counts, ordered, parts):
    assert merged_levels(counts, 5, ordered=ordered) == parts


@pytest.mark.parametrize("ordered", [False, True])
def test_a_reader_of_the_rules_finds_no_small_part(ordered: bool) -> None:
    """Of all tables with the same release no category is of 1 to k − 1 patients, within one patient, in all of them."""
    k, told = 5, dict[tuple[object, ...], list[tuple[int, ...]]]()
    for counts in itertools.product(range(1, k + 6), repeat=3):
        table = np.array([*counts, 100])
        parts = merged_levels(table, k, ordered=ordered)
        if parts is not None:
            key = (*map(tuple, parts), *(int(table[part].sum()) for part in parts))
            told.setdefault(key, []).append(counts)
    assert len(told) > 200
    for rows in map(np.array, told.values()):
        if rows.max() < k + 5:  # beyond the counts tried, others would agree as well
            assert not ((rows.max(axis=0) < k) & (np.ptp(rows, axis=0) <= 2)).any()


@pytest.mark.parametrize(
    ("before", "after", "last"),
    [
        ([0], [40], 0),  # of an empty grade, 3 and 2: had the 3 been smaller, it had joined the empty one
        ([100, 60], [], 1),  # missing values join the smallest grade, a grade only its neighbour
    ],
)
def test_a_way_of_merging_does_not_tell_which_part_is_smaller(before, after, last) -> None:
    place, told = len(before), dict[int, list[tuple[int, ...]]]()
    for counts in itertools.product(range(1, 9), repeat=2):
        parts = merged_levels([*before, *counts, *after], 5, ordered=True, last=last)
        if parts is not None and [place, place + 1] in parts:
            told.setdefault(sum(counts), []).append(counts)
    assert told
    for total, rows in told.items():
        assert total > 8 or (np.ptp(rows, axis=0) > 2).all()


def test_what_follows_from_a_sum() -> None:
    assert [follows_from_sum(*one) for one in [(5, 1), (4, 2), (5, 2), (5, 3), (6, 3)]] == [
        False,
        True,
        False,
        True,
        False,
    ]
    assert [follows_from_sum(9, 2, most=most) for most in (5, 6, 7)] == [True, False, False]


def test_missing_values_are_no_neighbour():
    # grades 1 to 3 and missing values: grade 2 joins a grade, missing values join the smallest of all
    assert merged_levels([20, 3, 30, 9], 5, ordered=True, last=1) == [[0, 1], [2], [3]]
    assert merged_levels([20, 13, 30, 2], 5, ordered=True, last=1) == [[0], [1, 3], [2]]


@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.tuples(*[st.integers(0, 25)] * 3), min_size=1, max_size=6), st.sampled_from([2, 5, 10]), st.booleans()
)
def test_no_small_cell_is_left_and_nobody_is_lost(rows, k, ordered):
    table = np.array(rows)
    parts = merged_levels(table, k, ordered=ordered)
    if parts is None:
        return
    assert sorted(itertools.chain(*parts)) == list(range(len(rows)))
    sums = np.array([table[part].sum(axis=0) for part in parts])
    assert ((sums == 0) | (sums >= k)).all()
    if ordered:
        assert all(part == list(range(part[0], part[-1] + 1)) for part in parts)


def test_most_tables_still_leave():
    """Of 1,000 random tables of 60 to 500 patients, 3 to 6 categories and 1 to 3 groups, at least 60 % are released.

    A table is eligible if half of its cells or more are large enough; released if two parts or more are told apart.
    """
    rng = np.random.default_rng(20)
    eligible = released = 0
    for _ in range(1000):
        size, groups = int(rng.integers(3, 7)), int(rng.integers(1, 4))
        share = rng.dirichlet(np.ones(size))
        by = rng.dirichlet(np.full(groups, 5.0))
        table = rng.multinomial(int(rng.integers(60, 501)), np.outer(share, by).ravel()).reshape(size, groups)
        if (table >= 5).mean() < 0.5:
            continue
        eligible += 1
        released += merged_levels(np.column_stack([table, table.sum(axis=1)]), 5) is not None
    assert eligible > 500
    assert released / eligible >= 0.6


def test_counts_name_what_they_join():
    release = Gate(5).open(patients())
    frame = release.counts("grade", ["I", "II", "III"], [30, 3, 12])
    assert frame.to_dict("list") == {"label": ["I", "II or III"], "n": [30, 15]}
    assert release.counts("smoker", ["no", "yes"], [66, 4]) is None
    assert release.to_frame().iloc[-2:, :2].to_numpy().tolist() == [["grade", "merged"], ["smoker", "dropped"]]
    with pytest.raises(DisclosureError, match=r"smoker may not leave: a part would have fewer than 5"):
        Gate(5).open(patients(), strict=True).counts("smoker", ["no", "yes"], [66, 4])


# ---- thresholds ------------------------------------------------------------------------------------------------------


def banded(low, high):
    """Patients below and above 0.5, as (with, without, unknown)."""
    state = np.concatenate([np.repeat([1, 0, -1], low), np.repeat([1, 0, -1], high)])
    score = np.repeat([0.2, 0.5], [sum(low), sum(high)])  # at the threshold belongs above
    return Patients(state, {"m": score})


@pytest.mark.parametrize(
    ("high", "kept"),
    [
        ((5, 5, 0), True),
        ((4, 5, 0), False),
        ((5, 4, 0), False),
        ((6, 6, 1), False),
        ((6, 6, 4), False),
        ((6, 6, 5), True),
        ((0, 0, 0), True),  # an empty band tells of nobody
        ((0, 9, 0), False),  # a homogeneous one does
    ],
)
def test_a_band_has_enough_with_and_without(high, kept):
    found, dropped = kept_cuts(banded((30, 30, 0), high), [0.5], 5, 3)
    assert (found == [0.5]) is kept
    assert (dropped == [0.5]) is not kept


def test_the_most_wanted_thresholds_are_kept():
    rng = np.random.default_rng(0)
    score = rng.uniform(size=400)
    many = Patients((rng.uniform(size=400) < score).astype(int), {"a": score, "b": score**2})
    kept, dropped = kept_cuts(many, [0.5, 0.3, 0.7, 0.4], 5, 3)
    assert (kept, dropped) == ([0.3, 0.5, 0.7], [0.4])
    assert kept_cuts(many, [0.5, 0.51], 5, 3)[0] == [0.5]  # between them are too few
    assert kept_cuts(many, [0.5], 5, 0)[0] == []


@pytest.mark.parametrize(("moved", "may"), [(0, True), (4, False), (10, True)])
def test_an_interval_of_a_difference_counts_who_changes_sides(moved, may):
    first = np.full(100, 0.2)
    second = first.copy()
    second[: moved // 2] = second[50 : 50 + (moved - moved // 2)] = 0.8
    found = Gate(5).open(Patients(np.repeat([1, 0], 50), {}))
    assert found.paired("pair", first, second, 0.5) is may


# ---- curves, means, quantiles ----------------------------------------------------------------------------------------


def test_no_corner_is_near_a_time_of_another_curve():
    """A corner at 1 was 0.0001 from a patient of another risk group."""
    times = np.linspace(0.13, 11.9, 71)
    alone = coarse_curve(times, times / 20, times / 20, times / 20, np.ones(71), end=12, smallest=5)
    assert 1.0 in alone["time"].tolist()
    other = coarse_curve(
        times, times / 20, times / 20, times / 20, np.ones(71), end=12, smallest=5, others=[1.00009345, 6.5]
    )
    assert np.abs(other["time"].to_numpy() - 1.00009345).min() > 1e-3
    assert len(other) > 4


def test_a_coarse_curve_has_enough_events_in_each_step_and_no_time_of_a_patient():
    rng = np.random.default_rng(1)
    times = np.sort(np.r_[rng.uniform(0.1, 20, 60), np.arange(1.0, 12)])  # some at round times
    value = np.arange(1, 72) / 100
    found = coarse_curve(times, value, value - 0.1, value + 0.1, np.ones(71), end=12, smallest=5)
    corners = found["time"].to_numpy()
    assert corners[0] == 0
    assert corners[-1] == 12
    assert len(corners) > 4
    for a, b in itertools.pairwise(corners):
        assert ((times > a) & (times <= b)).sum() >= 5
    assert not np.isin(np.round(corners[1:-1], 9), np.round(times, 9)).any()
    for row in found.iloc[1:].itertuples():  # still the curve
        assert row.value == value[np.searchsorted(times, row.time, side="right") - 1]


@pytest.mark.parametrize(("events", "corners"), [(9, 2), (10, 3)])
def test_a_step_in_the_middle_needs_events_on_both_sides(events, corners):
    times = np.linspace(0.11, 11.7, events)
    found = coarse_curve(times, times / 20, times / 20, times / 20, np.ones(events), end=12, smallest=5)
    assert len(found) == corners


def test_one_patient_who_makes_up_a_mean():
    assert is_dominated([1.0, 2, 1, 2, 1, 3, 2, 900])
    assert not is_dominated(np.random.default_rng(0).normal(50, 10, 60))
    assert is_dominated([1.0, 2.0])  # two know each other
    assert not is_dominated(np.full(60, 3.0))
    # on the limit: the rest has to be 15 % of the largest
    assert not _fails_at(15.0)
    assert _fails_at(14.9)


def _fails_at(rest):
    from lbp_prognosis.disclosure._dominance import _fails

    return _fails(np.array([100.0, 40.0, rest]), 0.15)


@pytest.mark.parametrize(("known", "may"), [(49, False), (50, True)])
def test_means_need_fifty_values(known, may):
    assert Gate(5).open(patients()).mean("age", known) is may


@pytest.mark.parametrize(
    ("k", "known", "tail", "may"),
    [(5, 99, 0.25, False), (5, 100, 0.25, True), (5, 100, 0.05, True), (10, 100, 0.05, False), (10, 200, 0.05, True)],
)
def test_quantiles_need_a_hundred_values_and_some_beyond(k, known, tail, may):
    assert Gate(k).open(patients()).quantiles("age", known, tail) is may


@pytest.mark.parametrize(
    ("n", "unknown", "digits"), [(70, 0, 3), (70, 5, 3), (70, 4, 1), (99, 1, 1), (100, 1, 2), (1000, 1, 3)]
)
def test_shares_are_rounded_where_their_denominator_would_tell(n, unknown, digits):
    assert Gate(5).open(patients(30, n - 30 - unknown, unknown)).count_digits == digits


# ---- budget and words ------------------------------------------------------------------------------------------------


def test_the_budget_counts_a_number_once():
    budget = Budget(5)
    assert budget.take("AUC", ["a", "b", "c"])
    assert budget.take("the same", ["a", "b", "c"])
    assert not budget.take("too much", 3)
    assert budget.take("fits", 2)
    assert not budget.take("one over", ["d"])
    assert (budget.spent, budget.most) == (5, 5)
    assert budget.to_frame()["released"].tolist() == ["yes", "yes", "no", "yes", "no"]
    assert Gate(5).open(patients(40, 60)).budget.most == 33
    with pytest.raises(DisclosureError, match="release budget of 33 numbers"):
        Gate(5).open(patients(40, 60), strict=True).take("packet", 34)


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("2 of 150 risks are 0 or 1.", "… of … risks are … or …."),
        ("mean 0.25 (−0.1 to 1e-05), 12%", "mean … (… to …), …"),
        ("tsk11, l4l5 and h12_v2 stay", "tsk11, l4l5 and h12_v2 stay"),
    ],
)
def test_sentences_leave_without_their_numbers(text, left):
    assert without_numbers(text) == left
