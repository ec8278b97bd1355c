"""A cohort of nobody is named, with the reason of each exclusion."""

import pandas as pd
import pytest
from unit.cohort.test_cohort_outcomes import package

from lbp_prognosis._base import DataError
from lbp_prognosis.cohort import (
    ChronicTransition,
    Cohort,
    CohortSpec,
    DisabilityRecovery,
    MCIDResponse,
    PainRecovery,
    Recurrence,
    ReturnToWork,
    Surgery,
)

OUTCOMES = (
    PainRecovery(horizons=(365,), unit="days"),
    DisabilityRecovery(horizons=(365,), unit="days", instrument="nrs_back", threshold=2.0),
    MCIDResponse(horizons=(365,), unit="days", instrument="nrs_back", absolute=2.0),
    MCIDResponse(horizons=(365,), unit="days", instrument="nrs_back", relative=0.3, visit=True),
    Recurrence(horizons=(365,), recovery=PainRecovery(horizons=(365,), unit="days")),
)


def refused(tables, outcome, rules=None):
    with pytest.raises(DataError) as raised:
        Cohort.build(tables, rules or CohortSpec(), outcome)
    return str(raised.value)


@pytest.mark.parametrize("outcome", OUTCOMES, ids=lambda outcome: type(outcome).__name__)
def test_all_visits_a_day_late(outcome):
    said = refused(package({name: {1: 6, 91: 3, 182: 0} for name in "abc"}), outcome)
    assert "patients in the package: 3" in said
    assert "outcome measure missing at time zero: 3" in said
    assert "measured only after time zero, in 3 within a week" in said


@pytest.mark.parametrize("outcome", OUTCOMES, ids=lambda outcome: type(outcome).__name__)
def test_baseline_visits_without_a_date(outcome):
    tables = package({name: {0: 6, 91: 3, 182: 0} for name in "ab"})
    tables["visit"].loc[tables["visit"]["visit_day"].eq(0), ["visit_day", "attended"]] = [None, False]
    assert "outcome measure at time zero: without a date: 2" in refused(tables, outcome)


def test_no_total_has_a_date():
    tables = package({name: {0: 6, 91: 3} for name in "ab"})
    tables["visit"] = tables["visit"].assign(visit_day=float("nan"), attended=False)
    said = refused(tables, OUTCOMES[0])
    assert "2 patients have totals without one" in said
    assert "visit_date" in said


def test_each_reason_is_counted():
    courses = {"late": {8: 6}, "early": {-91: 6}, "gone": {0: 1}, "never": {}}
    said = refused(package(courses), OUTCOMES[0])
    for words in (
        "missing at time zero: 3",
        "measured before the 90 days of the baseline window: 1",
        "measured only after time zero: 1",
        "never measured: 1",
        "already recovered at time zero: 1",
    ):
        assert words in said


@pytest.mark.parametrize(("day", "within"), [(7, True), (8, False)])
def test_a_week_is_seven_days(day, within):
    assert ("within a week" in refused(package({"a": {day: 6}}), OUTCOMES[0])) is within


def test_the_first_day_of_the_window_counts():
    courses = {"on": {-90: 6, 91: 3}, "before": {-91: 6, 91: 3}}
    cohort = Cohort.build(package(courses), CohortSpec(), OUTCOMES[0])
    assert cohort.patients.index.tolist() == ["on"]
    notes = cohort.flow.steps.set_index("step")["n"]
    assert notes["outcome measure at time zero: measured before the 90 days of the baseline window"] == 1


@pytest.mark.parametrize("outcome", [Surgery(horizons=(365,), unit="days"), ReturnToWork(horizons=(365,), unit="days")])
def test_dated_outcomes_of_nobody(outcome):
    tables = package({"a": {0: 6}, "b": {0: 6}}, events=[("a", "death", 0)])
    tables["visit"] = tables["visit"].assign(visit_day=float("nan"), attended=False)
    said = refused(tables, outcome)
    assert "no follow-up known: 1" in said
    assert "at or before time zero: 1" in said


def test_chronic_transition_of_nobody():
    tables = package({"a": {0: 6}})
    assert "No patient is eligible" in refused(
        {**tables, "patient": pd.DataFrame({"patient_id": ["a"], "age": [17.0]})},
        ChronicTransition(horizon=3.0),
        CohortSpec.from_dict({"eligibility": [{"field": "age", "op": ">=", "value": 18}]}),
    )
