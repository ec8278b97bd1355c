"""On the day, one before and one after; one, two and three of a thing: where tables turn into a cohort."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from unit.cohort.test_cohort_outcomes import imaging, package
from unit.cohort.test_omop import SETS, fill

from lbp_prognosis._base import ArgumentError
from lbp_prognosis.cohort import (
    Cohort,
    CohortSpec,
    PainRecovery,
    Recurrence,
    ReturnToWork,
    ScoreAtVisit,
    Window,
    omop_cohort,
)
from lbp_prognosis.cohort._biomarker_doubts import biomarker_doubts
from lbp_prognosis.cohort._dated_outcome import dated_outcome
from lbp_prognosis.cohort._make_table_one import _digits, _rounded
from lbp_prognosis.cohort._visit_outcome import _after_gap, undated_note
from lbp_prognosis.schema import days_per
from lbp_prognosis.survival import OutcomeSpec

SPEC = OutcomeSpec("surgery", "d", "bad", "visit", "months", (12.0,))


def dated(event, entry=0.0, contact=400.0):
    """The outcome of one patient with an event on a day, seen from an entry to a last contact."""
    ids = pd.Index(["a"])
    timeline = SimpleNamespace(
        first_event=lambda kinds: pd.DataFrame({"day": []}, dtype=float),
        last_contact=pd.Series([contact], ids),
        end=pd.Series([np.inf], ids),
        entry=pd.Series([entry], ids),
    )
    return dated_outcome(timeline, ids, pd.Series([event], ids), SPEC)


@pytest.mark.parametrize(("day", "kept"), [(-1.0, 0), (0.0, 0), (1.0, 1)])
def test_an_event_on_day_zero_is_not_after_it(day, kept):
    found = dated(day)
    assert len(found.ids) == kept
    assert dict(found.excluded)["event or end of follow-up at or before time zero"] == 1 - kept


@pytest.mark.parametrize(("day", "kept"), [(9.0, 0), (10.0, 0), (11.0, 1)])
def test_an_event_on_the_day_of_entry_is_not_after_it(day, kept):
    found = dated(day, entry=10.0)
    assert len(found.ids) == kept
    assert dict(found.excluded)["event or end of follow-up before delayed entry"] == 1 - kept
    if kept:
        np.testing.assert_allclose(found.y["entry"], 10.0 / days_per("months"))
        np.testing.assert_allclose(found.y["time"], 11.0 / days_per("months"))


def test_whoever_enters_on_day_zero_has_no_entry():
    found = dated(20.0)
    assert "entry" not in found.y.dtype.names
    assert "event or end of follow-up before delayed entry" not in dict(found.excluded)


@pytest.mark.parametrize(("last", "after_gap"), [(30.0, 1), (59.0, 1), (60.0, 0), (80.0, 0), (90.0, 0)])
def test_a_missed_visit_between_the_last_value_and_a_competing_event(last, after_gap):
    """Planned on day 60; surgery is on day 90, and a value of that day is before it."""
    ids = pd.Index(["a"])
    visit = pd.DataFrame({"patient_id": ["a"], "planned_day": [60.0], "attended": [False]})
    totals = pd.DataFrame({"patient_id": ["a", "a"], "day": [10.0, last]})
    found = SimpleNamespace(code=np.array([2]), upper=np.array([90.0]))
    assert _after_gap(SimpleNamespace(visit=visit), totals, ids, found, ids) == after_gap


def test_a_note_on_undated_totals_is_written_for_those_who_have_one():
    ids = pd.Index(["a", "b", "c"])
    assert undated_note(None, ids, np.array([False, False, True])) == ()
    assert undated_note(pd.Index(["c"]), ids, np.array([False, False, True])) == ()
    ((_, n),) = undated_note(pd.Index(["a", "c"]), ids, np.array([False, False, True]))
    assert n == 1


@pytest.mark.parametrize(("tolerance", "doubted"), [(0.0, False), (0.5, True), (1.0, True), (2.0, True)])
def test_values_after_time_zero_are_doubted_from_the_first_hour(tolerance, doubted):
    tables = package({"a": {0: 6, 14: 5, 91: 4}, "b": {0: 6, 14: 5, 91: 4}})
    cohort = Cohort.build(tables, CohortSpec(tolerance=tolerance), PainRecovery(horizons=(365,), unit="days"))
    assert ("values-after-time-zero" in {one.code for one in cohort.objections}) == doubted


@pytest.mark.parametrize(("versions", "doubted"), [(["1"] * 3, False), (["1", "1", "2"], True)])
def test_two_versions_of_a_program_are_doubted_and_one_is_not(versions, doubted):
    markers = pd.DataFrame({"patient_id": ["a", "b", "c"], "measure": "m", "extractor_version": versions})
    assert ("extractor-version" in {one.code for one in biomarker_doubts(markers, 3)}) == doubted


@pytest.mark.parametrize(("earlier", "known"), [(-1.0, False), (0.0, False), (1.0, True), (11.0, True), (12.0, False)])
def test_an_earlier_visit_is_between_time_zero_and_the_horizon(earlier, known):
    options = {"instrument": "nrs_back", "horizon": 12.0, "unit": "months", "window": 0.01}
    if known:
        assert ScoreAtVisit(**options, earlier=(earlier,)).earlier == (earlier,)
        return
    with pytest.raises(ArgumentError, match="earlier"):
        ScoreAtVisit(**options, earlier=(earlier,))


@pytest.mark.parametrize(
    ("value", "shown"), [(0.0004, "0.000"), (-0.0004, "0.000"), (0.0005, "0.001"), (0.0006, "0.001")]
)
def test_a_difference_of_half_a_thousandth_is_one(value, shown):
    assert _rounded(value) == shown


@pytest.mark.parametrize(
    ("values", "digits"), [([0.1], 1), ([0.1, 0.2], 3), ([0.1, 0.2, 0.3], 2), ([5.0, 5.0], 1), ([1.0, 2.5], 1)]
)
def test_decimals_show_two_digits_of_the_sd_of_two_values_or_more(values, digits):
    """SDs of .071, .100, 0 and 1.06."""
    assert _digits(np.array(values)) == digits


@pytest.mark.parametrize(
    ("died", "event", "days"), [("2020-12-30", 2, 364), ("2020-12-31", 2, 365), ("2021-01-01", 0, 365)]
)
def test_a_death_on_the_last_day_of_observation_is_seen(tmp_path, died, event, days):
    """Person 2 is observed to 2020-12-31, 365 days after the index."""
    folder = fill(tmp_path)
    deaths = pd.DataFrame({"person_id": [2], "death_date": [pd.Timestamp(died)]})
    deaths.to_parquet(folder / "death.parquet", index=False)
    row = omop_cohort(folder, **SETS).table.loc[2]
    assert (row["event"], row["days"]) == (event, days)


@pytest.mark.parametrize(
    ("last", "end"), [("2020-06-30", "2020-06-30"), ("2020-12-31", "2020-12-31"), ("2021-06-30", "2020-12-31")]
)
def test_observation_ends_with_the_data(tmp_path, last, end):
    row = omop_cohort(fill(tmp_path), **SETS, until=last).table.loc[2]
    assert row["days"] == (pd.Timestamp(end) - pd.Timestamp("2020-01-01")).days


@pytest.mark.parametrize(("second", "days"), [("2020-12-30", 396), ("2020-12-31", 396), ("2021-01-01", 365)])
def test_periods_that_share_a_day_are_one(tmp_path, second, days):
    """The first ends on 2020-12-31; a second one to 2021-01-31 begins before that day, on it, or after it."""
    folder = fill(tmp_path)
    periods = pd.read_parquet(folder / "observation_period.parquet")
    more = periods.iloc[[0]].assign(person_id=2)
    more["observation_period_start_date"] = pd.Timestamp(second)
    more["observation_period_end_date"] = pd.Timestamp("2021-01-31")
    pd.concat([periods, more]).to_parquet(folder / "observation_period.parquet", index=False)
    assert omop_cohort(folder, **SETS).table.loc[2, "days"] == days


@pytest.mark.parametrize(("choice", "value"), [("first", 4.0), ("nearest", 7.0), ("last", 7.0), ("mean", 5.5)])
def test_which_score_of_the_window_is_the_baseline(choice, value):
    """Scores of 4 on day −20 and of 7 on day 0; day −91 is too long ago, day 14 is the future."""
    tables = package({"a": {-91: 1, -20: 4, 0: 7, 14: 5}, "b": {0: 6, 14: 5}})
    rules = CohortSpec(windows={"patient_reported": Window(90, choice)})
    cohort = Cohort.build(tables, rules, PainRecovery(horizons=(365,), unit="days"))
    assert cohort.patients["nrs_back"].to_dict() == {"a": value, "b": 6.0}


def test_the_rows_of_biomarkers_are_numbered_from_0():
    tables = package({"a": {0: 6, 14: 5}, "b": {0: 6, 14: 5}})
    tables["biomarker"] = imaging([-100, -20, -5]).assign(patient_id=["a", "b", "a"])
    cohort = Cohort.build(tables, CohortSpec(), PainRecovery(horizons=(365,), unit="days"))
    assert cohort.biomarkers.index.tolist() == [0, 1]


def test_the_first_of_two_lasting_returns_counts():
    events = [
        ("a", "return_to_work", 10),
        ("a", "sick_leave", 60),
        ("a", "return_to_work", 100),
        ("b", "retirement", 50),
    ]
    course = {0: 6, 14: 5, 365: 2}
    tables = package({"a": course, "b": course}, events=events)
    found = Cohort.build(tables, CohortSpec(), ReturnToWork(horizons=(365,), unit="days")).outcome
    assert (found["time"][0], found["event"][0]) == (10.0, 1)


@pytest.mark.parametrize(("above", "accepted"), [(0.9, False), (1.0, True), (1.1, True)])
def test_pain_recurs_from_the_threshold_of_recovery_on(above, accepted):
    recovery = PainRecovery(horizons=(365,), unit="days", threshold=1.0)
    outcome = Recurrence(horizons=(365,), recovery=recovery, above=above)
    tables = package({"a": {0: 6, 14: 1, 60: 0, 91: 4}})
    if not accepted:
        with pytest.raises(ArgumentError, match="at least the threshold of recovery"):
            Cohort.build(tables, CohortSpec(), outcome)
        return
    assert Cohort.build(tables, CohortSpec(), outcome).outcome["upper"].tolist() == [77.0]
