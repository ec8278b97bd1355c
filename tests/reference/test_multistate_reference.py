"""Courses through states against R's survival: occupancy, time in states, Cox models, recurrent events."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from lbp_prognosis.survival import MultiState, mean_sojourn, state_occupancy

FOLDER = Path(__file__).parent / "r"
SHARED = Path(__file__).resolve().parents[3] / "shared"
ROUND2 = SHARED / "reference" / "round2" / "multistate.json"
DATA = SHARED / "reference" / "data"
CLOSE = {"rtol": 1e-9, "atol": 1e-11}
shared = pytest.mark.skipif(not ROUND2.is_file(), reason="the reference values are absent")


@pytest.fixture(scope="module")
def values():
    return json.loads(ROUND2.read_text())


@pytest.fixture(scope="module")
def mgus2():
    """Plasma-cell malignancy and death; a malignancy found on the day of the end is moved 0.1 months before it."""
    d = pd.read_csv(DATA / "mgus2.csv")
    found = d[d["pstat"] == 1]
    at = np.where(found["ptime"] == found["futime"], found["ptime"] - 0.1, found["ptime"])
    ill = pd.DataFrame({"id": found["id"], "start": 0.0, "stop": at, "state": "pcm"})
    last = d.set_index("id")["futime"].astype(float)
    since = ill.set_index("id")["stop"].reindex(last.index).fillna(0.0)
    dead = d.set_index("id")["death"] == 1
    end = pd.DataFrame({"id": last.index, "start": since.to_numpy(), "stop": last.to_numpy()})
    end["state"] = np.where(dead, "death", "censored")
    rows = pd.concat([ill, end]).merge(d[["id", "age", "sex_m"]], on="id").reset_index(drop=True)
    courses = MultiState.from_long(rows["id"], rows["start"], rows["stop"], rows["state"], initial="(s0)")
    return rows, courses


@shared
def test_occupancy_of_mgus2(values, mgus2) -> None:
    ref = values["mgus2_aj"]
    _, courses = mgus2
    assert [courses.n_patients, len(courses)] == [ref["n"], ref["rows"]]
    assert courses.states == tuple(ref["states"])
    found = state_occupancy(courses, ref["times"])
    np.testing.assert_allclose(found.value, ref["pstate"], **CLOSE)
    np.testing.assert_allclose(found.se, ref["se"], **CLOSE)
    counts = courses.transitions()
    assert counts["pcm"].sum() == ref["event_counts"]["pcm"]
    assert counts["death"].sum() == ref["event_counts"]["death"]
    assert counts["(censored)"].sum() == ref["event_counts"]["censor"]


@shared
def test_time_in_states_of_mgus2(values, mgus2) -> None:
    table = pd.DataFrame(values["mgus2_sojourn120"]["table"]).set_index("_row")
    found = mean_sojourn(mgus2[1], 120)
    np.testing.assert_allclose(found.value[0], table.loc[list(found.states), "rmean"], **CLOSE)


@pytest.fixture(scope="module")
def pbcseq():
    ours = json.loads((FOLDER / "multistate.json").read_text())
    d = pd.DataFrame(ours["pbcseq"])
    names = ours["states"]
    courses = MultiState.from_long(d["id"], d["start"], d["stop"], d["state"], initial=d["here"], states=names)
    return d, courses, ours


def test_occupancy_of_pbcseq(pbcseq) -> None:
    d, courses, ref = pbcseq
    # R takes the initial distribution as known
    found = state_occupancy(courses, ref["times"], initial="known")
    np.testing.assert_allclose(found.value, ref["plain"]["pstate"], **CLOSE)
    np.testing.assert_allclose(found.se, ref["plain"]["se"], **CLOSE)
    weighted = state_occupancy(courses, ref["times"], initial="known", sample_weight=1 + (d["id"] % 3) / 2)
    np.testing.assert_allclose(weighted.value, ref["weighted"]["pstate"], **CLOSE)
    np.testing.assert_allclose(weighted.se, ref["weighted"]["se"], **CLOSE)
    np.testing.assert_allclose(mean_sojourn(courses, 3650).value[0], ref["sojourn"], **CLOSE)


@shared
def test_shared_values_of_pbcseq_but_the_origins_of_its_transitions(values, pbcseq) -> None:
    _, courses, _ = pbcseq
    ref = values["pbcseq_aj"]
    found = state_occupancy(courses, ref["times"], initial="known")
    np.testing.assert_allclose(found.value, ref["pstate"], **CLOSE)
    np.testing.assert_allclose(found.se, ref["se"], **CLOSE)
    # that table counts moves under states that patients had left: its columns are right, its rows are not
    theirs = pd.DataFrame(ref["transitions"]).T
    visits = pd.DataFrame(pbcseq[2]["transitions"])
    assert theirs["death"].sum() == courses.transitions()["death"].sum() == visits[5].sum()
    assert theirs["normal"].sum() == visits[1].sum()


def test_without_censoring_the_error_is_that_of_a_share(pbcseq) -> None:
    # which takes the error of the initial distribution: R's, without it, is too small by a third here
    _, courses, _ = pbcseq
    found = state_occupancy(courses, 365)
    share, n = found.value[0], courses.n_patients
    np.testing.assert_allclose(share * n, np.round(share * n), atol=1e-8)
    np.testing.assert_allclose(found.se[0], np.sqrt(share * (1 - share) / n), rtol=1e-8)


def test_a_row_in_another_state_than_the_one_before_is_a_teleport(pbcseq) -> None:
    from lbp_prognosis import LBPError

    d, courses, _ = pbcseq
    first = d.groupby("id")["here"].transform("first")
    with pytest.raises(LBPError, match="teleport") as told:
        MultiState.from_long(d["id"], d["start"], d["stop"], d["state"], initial=first, states=courses.states)
    assert set(told.value.failures["reason"]) == {"teleport"}
