"""Releases of nearly the same patients can be subtracted; the ledger sees to it that they are not."""

from __future__ import annotations

import itertools
import json
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from lbp_prognosis._base import ArgumentError, DataError, DisclosureError
from lbp_prognosis.disclosure import Gate, Patients, ReleaseLedger


def ids(*ranges):
    return [f"p{k}" for a, b in ranges for k in range(a, b)]


@pytest.fixture
def ledger(tmp_path):
    made = ReleaseLedger(tmp_path / "ledger.json")
    made.add("first", ids((0, 100)), 5, "abc")
    return made


@pytest.mark.parametrize(
    "new", [ids((0, 101)), ids((0, 99)), ids((0, 104)), ids((4, 100)), ids((1, 101)), ids((96, 300))]
)
def test_a_few_patients_more_or_less_are_refused(ledger, new):
    with pytest.raises(DisclosureError, match=r"'first' single out 1 to 4 patients"):
        ledger.check(new, 5)
    assert ledger.releases == ("first",)


@pytest.mark.parametrize(
    "new", [ids((0, 105)), ids((0, 95)), ids((5, 100)), ids((5, 105)), ids((100, 200)), ids((95, 300))]
)
def test_five_or_more_are_accepted(ledger, new):
    ledger.add("second", new, 5, "def")
    assert ledger.releases == ("first", "second")
    assert ReleaseLedger(ledger.path).releases == ("first", "second")


def test_the_same_patients_leave_again_only_with_the_same_numbers(ledger):
    ledger.add("again", ids((0, 100)), 5, "abc")
    assert ledger.releases == ("first",)
    with pytest.raises(DisclosureError, match="with other numbers"):
        ledger.add("again", ids((0, 100)), 5, "xyz")


def test_the_larger_smallest_cell_counts(tmp_path):
    ledger = ReleaseLedger(tmp_path / "l.json")
    ledger.add("first", ids((0, 100)), 10)
    with pytest.raises(DisclosureError, match="1 to 9 patients"):
        ledger.check(ids((0, 106)), 5)


def test_five_releases_leave_no_small_set(tmp_path):
    """Whatever can be had by union, intersection and difference of the accepted ones is empty or of at least five."""
    rng = np.random.default_rng(3)
    ledger, accepted = ReleaseLedger(tmp_path / "l.json"), []
    tried = 0
    while len(accepted) < 5 and tried < 2000:
        tried += 1
        new = {f"p{k}" for k in np.flatnonzero(np.repeat(rng.uniform(size=40) < 0.5, 5))}  # blocks of five …
        if rng.uniform() < 0.7:
            new ^= {f"p{k}" for k in rng.choice(200, int(rng.integers(1, 4)), replace=False)}  # … often torn
        try:
            ledger.add(f"r{tried}", sorted(new), 5, str(tried))
        except DisclosureError:
            continue
        accepted.append(new)
    assert len(accepted) == 5
    assert tried > 5
    everyone = set().union(*accepted)
    for signs in itertools.product([True, False], repeat=5):
        part = [p for p in everyone if all((p in release) is inside for release, inside in zip(accepted, signs))]
        assert len(part) == 0 or len(part) >= 5


def test_layers_are_the_sets_of_earlier_releases(ledger):
    ledger.add("second", ids((0, 160)), 5, "def")
    np.testing.assert_array_equal(ledger.layers(ids((155, 230), (0, 155))), np.repeat([1, 0, 2, 1], [5, 70, 100, 55]))
    assert set(ledger.layers(ids((300, 400)))) == {0}
    # asked again: a release is compared with those before it
    np.testing.assert_array_equal(ledger.layers(ids((0, 160))), np.repeat([1, 0], [100, 60]))
    assert set(ledger.layers(ids((0, 100)))) == {0}
    for gone in (ids((50, 300)), ids((0, 159), (200, 300))):
        with pytest.raises(DisclosureError, match=r"'(first|second)' are not in this cohort"):
            ledger.layers(gone)


@pytest.mark.parametrize(
    ("n", "events", "told"),
    [
        (149, 20, "fewer than 50"),
        (150, 20, ""),
        (150, 9, "fewer than 10"),
        (150, 10, ""),
        (150, 40, ""),
        (150, 41, "10"),
    ],
)
def test_new_patients_are_enough_for_a_release_of_their_own(ledger, n, events, told):
    state = np.r_[np.repeat([1, 0], 50), np.arange(n - 100) < events].astype(int)
    if not told:
        assert Gate(5).open(Patients(state, ids=ids((0, n))), ledger).layered
        return
    with pytest.raises(DisclosureError, match=told):
        Gate(5).open(Patients(state, ids=ids((0, n))), ledger)


@pytest.mark.parametrize(("unknown", "few"), [(0, False), (1, True), (4, True), (5, False)])
def test_unknown_states_of_new_patients(ledger, unknown, few):
    """Twenty of the first are not seen: of all of them no number is small, of the new ones it may be."""
    state = np.r_[np.repeat([1, 0, -1], [40, 40, 20]), np.repeat([1, 0, -1], [20, 40 - unknown, unknown])]
    release = Gate(5).open(Patients(state, ids=ids((0, 160))), ledger)
    assert release.few_unknown is few
    assert release.count_digits == (2 if few else 3)


def test_another_release_meanwhile(ledger):
    other = ReleaseLedger(ledger.path)
    release = Gate(5).open(Patients(np.arange(220) % 2, ids=ids((0, 220))), ledger)
    other.add("meanwhile", ids((0, 150)), 5, "m")
    with pytest.raises(DisclosureError, match="meanwhile"):
        release.close("late", "l")
    assert ReleaseLedger(ledger.path).releases == ("first", "meanwhile")


def test_a_release_of_which_no_copy_is_left_is_recalled(ledger):
    """After a withdrawal: the numbers of those who withdrew would follow from the copies."""
    state = np.arange(90) % 2
    with pytest.raises(DisclosureError, match=r"follow by subtraction.*recall\(title"):
        Gate(5).open(Patients(state, ids=ids((0, 90))), ledger)
    other = ReleaseLedger(ledger.path)
    for wrong in ({"title": "second", "reason": "never sent"}, {"title": "first", "reason": " "}):
        with pytest.raises(ArgumentError, match="title|reason"):
            ledger.recall(**wrong)
    ledger.recall("first", reason="  never sent ")
    assert ledger.releases == ()
    assert ledger.recalled_with(["p99"]) == ledger.recalled_with(["p99", "x"]) == ("first",)
    assert ledger.recalled_with(["x"]) == ()
    release = Gate(5).open(Patients(state, ids=ids((0, 90))), ReleaseLedger(ledger.path))
    assert not release.layered
    assert "no copy of them" in release.to_frame().loc[0, "reason"]
    assert "'first' (never sent)" in release.to_frame().loc[0, "reason"]
    release.close("second", "d")
    # what another run had read before is refused what the file has meanwhile
    with pytest.raises(ArgumentError, match="second"):
        other.recall("first", reason="never sent")
    assert ReleaseLedger(ledger.path).releases == ("second",)


def test_the_reason_of_a_recall_is_shown_without_numbers(ledger):
    ledger.recall("first", reason="patient 4711 withdrew, 12 copies burnt")
    assert ledger.recalls_with(["p1"]) == (("first", "patient 4711 withdrew, 12 copies burnt"),)
    release = Gate(5).open(Patients(np.arange(90) % 2, ids=ids((0, 90))), ledger)
    told = release.to_frame().loc[0, "reason"]
    assert "'first' (patient … withdrew, … copies burnt)" in told
    assert "4711" not in told


def test_a_ledger_of_before_there_was_a_recall(ledger):
    held = json.loads(ledger.path.read_text())
    del held["recalled"]
    ledger.path.write_text(json.dumps(held))
    old = ReleaseLedger(ledger.path)
    assert old.recalled_with(["p1"]) == ()
    old.recall("first", reason="destroyed")
    assert ReleaseLedger(ledger.path).recalled_with(["p1"]) == ("first",)


def test_withdrawal(ledger):
    ledger.add_model("cox", ids((0, 80)))
    ledger.add_model("trees", ids((50, 100)))
    ledger.add_model("trees", ids((50, 100)))
    again = ReleaseLedger(ledger.path)
    assert again.trained_with(["p10"]) == ("cox",)
    assert again.trained_with(["p60", "unknown"]) == ("cox", "trees")
    assert again.trained_with(["unknown"]) == ()
    assert again.released_with(["p99"]) == ("first",)
    with pytest.raises(DisclosureError):  # one who withdrew would be the difference
        again.check(ids((0, 99)), 5)
    with pytest.raises(ArgumentError, match="ids"):
        again.check("p1", 5)


def test_the_file_names_nobody_and_is_its_owners(ledger):
    text = ledger.path.read_text()
    assert "p17" not in text
    assert ledger.path.stat().st_mode & 0o077 == 0
    other = ReleaseLedger(ledger.path.with_name("other.json"))
    other.add("first", ids((0, 100)), 5, "abc")
    members = [json.loads(path.read_text())["releases"][0]["members"] for path in (ledger.path, other.path)]
    assert not set(members[0]) & set(members[1])  # keyed: two ledgers cannot be compared


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        '{"format": "x"}',
        '{"format": "lbp_prognosis release ledger 1", "releases": 3}',
        "\ud800",
        "[" * 99999,
        '{"format": ' + "9" * 5000 + "}",
    ],
)
def test_a_broken_ledger_is_one_error(tmp_path, text):
    path = tmp_path / "l.json"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    with pytest.raises(DataError, match=r"l\.json"):
        ReleaseLedger(path)


_ENTRY = {"title": "a", "smallest_cell": 5, "content": "", "members": []}


@pytest.mark.parametrize(
    "change",
    [
        {"key": "zz"},
        {"releases": [{"title": "a"}]},
        {"models": [3]},
        {"releases": [{}]},
        {"releases": [_ENTRY | {"smallest_cell": "five"}]},
        {"releases": [_ENTRY | {"title": None}]},
        {"releases": [_ENTRY | {"members": [3]}]},
        {"models": [{"name": "cox", "members": [["a"]]}]},
    ],
)
def test_a_ledger_that_lacks_something(ledger, change):
    held = json.loads(ledger.path.read_text()) | change
    ledger.path.write_text(json.dumps(held))
    with pytest.raises(DataError, match="broken ledger"):
        ReleaseLedger(ledger.path)


def test_a_release_asks_its_ledger_first(ledger):
    state = np.repeat([1, 0], [40, 61])
    with pytest.raises(DisclosureError, match="needs to know the patients"):
        Gate(5).open(Patients(state), ledger)
    with pytest.raises(DisclosureError, match="single out 1 to 4"):
        Gate(5).open(Patients(state, ids=ids((0, 101))), ledger)
    release = Gate(5).open(Patients(np.arange(150) % 2, ids=ids((0, 150))), ledger)
    release.close("second", "def")
    assert ledger.releases == ("first", "second")
    assert not release.to_frame()["reason"].str.contains("Without a ledger").any()
    assert Gate(5).open(Patients(state)).to_frame()["reason"].str.contains("Without a ledger").any()


def test_a_folder_in_the_place_of_the_file_and_one_that_is_not_there(tmp_path):
    with pytest.raises(DataError, match="no ledger of releases"):
        ReleaseLedger(tmp_path)
    with pytest.raises(ArgumentError, match=r"ledger.*a folder that is there"):
        ReleaseLedger(tmp_path / "none" / "l.json")


def test_two_runs_at_a_time_lose_no_release(tmp_path):
    """Both were opened before the file was there: the later one takes over the key and the release of the earlier."""
    first, second = ReleaseLedger(tmp_path / "l.json"), ReleaseLedger(tmp_path / "l.json")
    first.add("first", ids((0, 100)), 5, "abc")
    with pytest.raises(DisclosureError, match="single out 1 to 4"):
        second.add("second", ids((0, 101)), 5, "def")
    second.add("second", ids((0, 105)), 5, "def")
    first.add_model("cox", ids((0, 80)))
    again = ReleaseLedger(tmp_path / "l.json")
    assert again.releases == ("first", "second")
    assert again.trained_with(["p1"]) == ("cox",)


def test_releases_of_the_same_moment_are_all_kept(tmp_path):
    """Each reads, adds and writes while the others wait: no line is written over, and one key serves them all."""
    path = tmp_path / "l.json"
    books = [ReleaseLedger(path) for _ in range(12)]
    with ThreadPoolExecutor(12) as pool:
        list(pool.map(lambda k: books[k].add(f"{k}", ids((100 * k, 100 * k + 50)), 5, f"c{k}"), range(12)))
    made = ReleaseLedger(path)
    assert sorted(made.releases, key=int) == [f"{k}" for k in range(12)]
    assert all(made.released_with([f"p{100 * k}"]) == (f"{k}",) for k in range(12))
    assert [left.name for left in tmp_path.iterdir()] == ["l.json"]


def test_a_patient_is_the_same_from_floats_integers_and_text(tmp_path):
    ledger = ReleaseLedger(tmp_path / "l.json")
    ledger.add("first", np.arange(100.0), 5, "abc")
    for same in (np.arange(100), [str(k) for k in range(100)]):
        ledger.check(same, 5, "abc")
    with pytest.raises(DisclosureError, match="single out 1 to 4"):
        ledger.check(np.arange(101), 5)
    assert ledger.released_with(["7"]) == ("first",)
    assert ledger.released_with(["7.5"]) == ()
