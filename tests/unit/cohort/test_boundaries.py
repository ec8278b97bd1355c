"""Cohorts on the boundary: ties of events, the first day of an exposure, windows, visits of the same distance."""

import numpy as np
import pandas as pd
import pytest
from unit.cohort.test_cohort_outcomes import package

from lbp_prognosis._base import LeakageError
from lbp_prognosis.cohort import (
    ChronicTransition,
    Cohort,
    CohortSpec,
    MCIDResponse,
    PainRecovery,
    ReturnToWork,
    Surgery,
)
from lbp_prognosis.cohort._timeline import build_timeline
from lbp_prognosis.schema import validate_package

DAYS = PainRecovery(horizons=(365,), unit="days")
COURSE = {0: 6, 14: 5, 91: 4}
SHORT = {0: 6, 14: 5}


def build(tables, outcome=DAYS, **rules):
    return Cohort.build(tables, CohortSpec(**rules), outcome)


@pytest.mark.parametrize("order", [("surgery", "death"), ("death", "surgery")])
def test_death_wins_ties_in_whatever_order_the_events_stand(order):
    tables = package({"a": SHORT}, events=[("a", name, 30) for name in order])
    timeline = build_timeline(validate_package(tables).tables, CohortSpec())
    assert timeline.first_event(("surgery", "death")).loc["a", "event_type"] == "death"
    assert build(tables).outcome[["upper", "event"]].tolist() == [(30.0, 3)]
    early = package({"a": SHORT}, events=[("a", "surgery", 29), ("a", "death", 30)])
    assert build(early).outcome[["upper", "event"]].tolist() == [(29.0, 2)]


def test_the_event_of_interest_wins_a_tie_with_a_competing_one():
    tables = package({"a": SHORT}, events=[("a", "surgery", 30), ("a", "death", 30)])
    assert build(tables, Surgery(horizons=(365,), unit="days")).outcome["event"].tolist() == [1]


@pytest.mark.parametrize(("day", "leaks"), [(-1, False), (0, False), (1, True)])
def test_the_day_on_which_an_exposure_begins(day, leaks):
    tables = package({"a": COURSE, "b": COURSE})
    tables["treatment"] = pd.DataFrame({"patient_id": ["a"], "treatment": ["rehab"], "start_day": [day]})
    if leaks:
        with pytest.raises(LeakageError):
            build(tables, exposures=("rehab",))
        return
    assert build(tables, exposures=("rehab",)).patients["exposed__rehab"].tolist() == [1.0, 0.0]


@pytest.mark.parametrize(("begun", "exposed"), [(29, 1.0), (30, 1.0), (31, 0.0)])
def test_an_exposure_on_the_day_of_the_landmark(begun, exposed):
    tables = package({"a": {**COURSE, 28: 5}, "b": {**COURSE, 28: 5}})
    tables["treatment"] = pd.DataFrame({"patient_id": ["a"], "treatment": ["rehab"], "start_day": [begun]})
    assert build(tables, exposures=("rehab",), landmark=30.0).patients["exposed__rehab"].tolist() == [exposed, 0.0]


@pytest.mark.parametrize(("day", "known"), [(79, False), (80, True), (120, True), (121, False)])
def test_the_window_of_a_visit_includes_its_ends(day, known):
    outcome = ChronicTransition(horizon=100.0, window=0.2, unit="days")
    status = build(package({"a": {0: 6, day: 5}, "b": {0: 6, 100: 1}}), outcome).outcome["status"]
    assert status.tolist() == [1 if known else -1, 0]


def test_a_visit_on_the_day_of_death_counts_and_one_after_does_not():
    outcome = ChronicTransition(horizon=100.0, window=0.2, unit="days")
    for death, state in ((100, 1), (99, -1)):
        tables = package({"a": {0: 6, 100: 5}}, events=[("a", "death", death)])
        tables["visit"] = tables["visit"][tables["visit"]["visit_day"] <= death]
        if death == 99:
            tables["prom"] = tables["prom"][tables["prom"]["visit_id"].ne("d100")]
        assert build(tables, outcome).outcome["status"].tolist() == [state]


def test_the_nearest_of_two_visits_and_the_earlier_of_two_as_near():
    outcome = ChronicTransition(horizon=100.0, window=0.2, unit="days")
    assert build(package({"a": {0: 6, 95: 1, 104: 5}}), outcome).outcome["status"].tolist() == [1]
    assert build(package({"a": {0: 6, 95: 1, 105: 5}}), outcome).outcome["status"].tolist() == [0]


@pytest.mark.parametrize(("baseline", "kept"), [(0, False), (1, False), (2, True), (3, True)])
def test_room_to_improve_by_just_the_amount(baseline, kept):
    outcome = MCIDResponse(horizons=(365,), unit="days", instrument="nrs_back", absolute=2.0)
    cohort = build(package({"a": {0: baseline, 14: 0}, "b": COURSE}), outcome)
    assert ("a" in cohort.patients.index) is kept


@pytest.mark.parametrize(("after", "met"), [(4.0, 1), (4.1, 0), (3.9, 1)])
def test_an_improvement_of_just_the_amount(after, met):
    outcome = MCIDResponse(horizons=(365,), unit="days", instrument="nrs_back", absolute=2.0)
    assert build(package({"a": {0: 6, 14: after}}), outcome).outcome["event"].tolist() == [met]


@pytest.mark.parametrize(("length", "met"), [(29, 0), (30, 1), (31, 1)])
def test_a_run_of_just_the_sustained_days(length, met):
    assert build(package({"a": {0: 6, 14: 1, 14 + length: 1}})).outcome["event"].tolist() == [met]


@pytest.mark.parametrize(("value", "met"), [(1.0, 1), (1.1, 0), (0.9, 1)])
def test_the_threshold_itself_is_recovery(value, met):
    assert build(package({"a": {0: 6, 14: value, 60: value}})).outcome["event"].tolist() == [met]


@pytest.mark.parametrize(("leave", "met"), [(37, 0), (38, 1), (39, 1)])
def test_a_return_to_work_of_just_the_sustained_days(leave, met):
    events = [
        ("a", "return_to_work", 10),
        ("a", "sick_leave", leave),
        ("a", "sick_leave", 200),
        ("b", "retirement", 50),
    ]
    outcome = ReturnToWork(horizons=(365,), unit="days")
    cohort = build(package({"a": COURSE, "b": COURSE}, events=events), outcome)
    assert cohort.outcome["event"].tolist()[0] == met


@pytest.mark.parametrize(("share", "objected"), [(4, False), (3, True)])
def test_attrition_of_a_fifth_is_not_yet_objected_to(share, objected):
    courses = {f"p{k}": {0: 6, 300: 5} if k < share else {0: 6, 14: 5} for k in range(5)}
    cohort = build(package(courses))
    assert ("attrition" in {doubt.code for doubt in cohort.objections}) is objected
    assert cohort.observed.sum() == share


@pytest.mark.parametrize(("last", "followed"), [(291, False), (292, True), (293, True)])
def test_followed_means_four_fifths_of_the_horizon(last, followed):
    assert build(package({"a": {0: 6, last: 5}})).observed.tolist() == [followed]


def test_split_by_date_puts_the_day_itself_into_the_later_part():
    tables = package({name: {0: 6, 91: 4} for name in "abc"})
    tables["patient"]["index_date"] = pd.to_datetime(["2020-01-09", "2020-01-10", "2020-01-11"])
    parts = build(tables).split_by("date", at="2020-01-10")
    assert {name: part.patients.index.tolist() for name, part in parts.items()} == {"before": ["a"], "from": ["b", "c"]}
    assert np.isin(parts["from"].dates.dt.day, [10, 11]).all()
