"""Outcomes from visits and events, each case worked by hand."""

import numpy as np
import pandas as pd
import pytest

from lbp_prognosis._base import ArgumentError, DataError, LeakageError
from lbp_prognosis.cohort import (
    ChronicTransition,
    Cohort,
    CohortSpec,
    Criterion,
    DisabilityRecovery,
    MCIDResponse,
    PainRecovery,
    Recurrence,
    ReturnToWork,
    ScoreAtVisit,
    Surgery,
    Window,
    outcome_from_dict,
    table_one_of,
)
from lbp_prognosis.survival import measured_spec, outcome_kind, status_horizon


def package(courses, *, events=(), instrument="nrs_back", missed=(), planned=None, **patient):
    """Tables from {patient: {day: value}}; days in ``missed`` were planned and not attended."""
    visits, proms = [], []
    for name, course in courses.items():
        for day, value in course.items():
            visit = f"d{day}"
            came = (name, day) not in missed
            visits.append(
                {
                    "patient_id": name,
                    "visit_id": visit,
                    "visit_day": day if came else None,
                    "planned_day": day,
                    "attended": came,
                }
            )
            proms.append(
                {"patient_id": name, "visit_id": visit, "instrument": instrument, "item": "total", "value": value}
            )
    tables = {
        "patient": pd.DataFrame({"patient_id": list(courses), **patient}),
        "visit": pd.DataFrame(visits),
        "prom": pd.DataFrame(proms),
    }
    if events:
        tables["event"] = pd.DataFrame(events, columns=["patient_id", "event_type", "event_day"])
    return tables


def interval(courses, outcome=None, rules=None, **options):
    outcome = outcome or PainRecovery(horizons=(365,), unit="days")
    cohort = Cohort.build(package(courses, **options), rules or CohortSpec(), outcome)
    y = cohort.outcome
    return {
        name: (float(row["lower"]), float(row["upper"]), int(row["event"]))
        for name, row in zip(cohort.patients.index, y)
    }, cohort


def test_recovery_lies_between_the_last_visit_without_it_and_the_first_of_the_confirmed_run():
    found, _ = interval({"a": {0: 6, 14: 4, 42: 1, 91: 0}, "b": {0: 6, 14: 0, 44: 0}})
    assert found == {"a": (14.0, 42.0, 1), "b": (0.0, 14.0, 1)}


def test_a_run_shorter_than_the_sustained_time_is_not_recovery():
    found, cohort = interval({"b": {0: 6, 14: 0, 42: 0}})
    assert found == {"b": (0.0, np.inf, 0)}  # 28 days < 30: not confirmed, censored before the run
    steps = cohort.flow.to_frame().set_index("step")["n"]
    assert steps["run not confirmed by a later visit"] == 1


def test_an_interrupted_run_starts_again():
    found, _ = interval({"a": {0: 6, 14: 1, 42: 5, 91: 1, 182: 0}})
    assert found == {"a": (42.0, 91.0, 1)}


def test_an_unattended_visit_never_dates_an_event():
    seen, _ = interval({"a": {0: 6, 14: 5, 42: 0, 91: 0, 182: 0}})
    missed, _ = interval({"a": {0: 6, 14: 5, 42: 0, 91: 0, 182: 0}}, missed={("a", 42)})
    assert seen == {"a": (14.0, 42.0, 1)}
    assert missed == {"a": (14.0, 91.0, 1)}  # the value recorded under the missed visit has no date and is not used


def test_missed_at_the_end_is_censored_at_the_last_attended_visit():
    found, _ = interval({"a": {0: 6, 14: 5, 91: 0}}, missed={("a", 91)})
    assert found == {"a": (14.0, np.inf, 0)}


def test_a_competing_operation_ends_the_risk_and_later_visits_say_nothing():
    found, cohort = interval({"a": {0: 6, 14: 5, 91: 0, 182: 0}}, events=[("a", "surgery", 60)])
    assert found == {"a": (60.0, 60.0, 2)}
    assert cohort.spec.causes == {"pain_recovery": 1, "surgery": 2, "death": 3}
    assert cohort.spec.polarity == "good"
    assert cohort.spec.target == "no_event"
    assert cohort.spec.ascertainment == "visits"
    recovered, _ = interval({"a": {0: 6, 14: 0, 60: 0}}, events=[("a", "death", 90)])
    assert recovered == {"a": (0.0, 14.0, 1)}
    dead, _ = interval({"a": {0: 6, 14: 5}}, events=[("a", "death", 90)])
    assert dead == {"a": (90.0, 90.0, 3)}


def test_a_competing_event_after_a_missed_visit_is_counted():
    course = {"a": {0: 6, 14: 5, 91: 5}, "b": {0: 6, 14: 5, 91: 5}}
    _, cohort = interval(course, missed={("a", 91)}, events=[("a", "surgery", 120), ("b", "surgery", 120)])
    steps = cohort.flow.to_frame().set_index("step")["n"]
    assert steps["competing event after a missed visit: the event may have come before it"] == 1


def test_already_recovered_and_unmeasured_patients_are_not_at_risk_and_are_counted():
    found, cohort = interval({"a": {0: 6, 14: 5}, "b": {0: 1, 14: 0}, "c": {14: 3}})
    assert list(found) == ["a"]
    steps = cohort.flow.to_frame().set_index("step")["n"]
    assert steps["already recovered at time zero"] == 1
    assert steps["outcome measure missing at time zero"] == 1
    assert (cohort.flow.n_start, cohort.flow.n_end) == (3, 1)


def test_administrative_end_cuts_visits_and_events():
    course = {"a": {0: 6, 14: 5, 91: 0, 182: 0}}
    found, _ = interval(course, rules=CohortSpec(end=100.0))
    assert found == {"a": (14.0, np.inf, 0)}
    found, _ = interval(course, rules=CohortSpec(end=50.0), events=[("a", "surgery", 60)])
    assert found == {"a": (14.0, np.inf, 0)}


def test_delayed_entry_is_carried_and_early_events_leave_the_risk_set():
    course = {"a": {0: 6, 14: 5, 91: 0, 182: 0}, "b": {0: 6, 14: 0, 60: 0}, "c": {0: 6, 14: 5}}
    tables = package(course, entry_day=[20, 30, 0])
    cohort = Cohort.build(tables, CohortSpec(delayed_entry=True), PainRecovery(horizons=(365,), unit="days"))
    assert list(cohort.patients.index) == ["a", "c"]
    assert cohort.outcome["entry"].tolist() == [20.0, 0.0]
    assert cohort.outcome["lower"].tolist() == [20.0, 14.0]  # the interval begins when the patient came under watch
    steps = cohort.flow.to_frame().set_index("step")["n"]
    assert steps["event or last visit before delayed entry"] == 1


def test_landmark_moves_time_zero_and_drops_who_has_recovered_by_then():
    course = {"a": {0: 6, 14: 5, 91: 0, 182: 0}, "b": {0: 6, 14: 0, 60: 0}}
    cohort = Cohort.build(package(course), CohortSpec(landmark=42.0), PainRecovery(horizons=(365,), unit="days"))
    assert list(cohort.patients.index) == ["a"]
    assert cohort.outcome["upper"].tolist() == [49.0]


def test_disability_recovery_needs_its_threshold_named():
    outcome = DisabilityRecovery(horizons=(12,), instrument="rmdq24", threshold=2, sustained=0)
    found, _ = interval({"a": {0: 10, 91: 5, 182: 2}}, outcome, instrument="rmdq24")
    low, high, code = found["a"]
    assert (low * 30.4375, high * 30.4375, code) == pytest.approx((91, 182, 1))
    with pytest.raises(TypeError):
        DisabilityRecovery(horizons=(12,), instrument="rmdq24")
    with pytest.raises(ArgumentError, match="instrument"):
        interval({"a": {0: 10}}, outcome)


def test_response_needs_room_to_improve():
    outcome = MCIDResponse(horizons=(365,), instrument="odi", absolute=10, unit="days")
    found, cohort = interval({"a": {0: 40, 91: 31, 182: 30}, "b": {0: 6, 91: 0}}, outcome, instrument="odi")
    assert found == {"a": (91.0, 182.0, 1)}
    steps = cohort.flow.to_frame().set_index("step")["n"]
    assert steps["too little at time zero to improve by the amount"] == 1
    assert "change-from-baseline" in {doubt.code for doubt in cohort.objections}
    assert outcome.spec.change
    assert MCIDResponse(horizons=(365,), instrument="odi", absolute=10, unit="days", visit=True).spec.change


def test_response_follows_the_direction_of_the_scale():
    outcome = MCIDResponse(horizons=(365,), instrument="promis_pf", absolute=5, unit="days")
    found, _ = interval({"a": {0: 40, 91: 34, 182: 45}}, outcome, instrument="promis_pf")
    assert found == {"a": (91.0, 182.0, 1)}


def test_response_at_a_visit_is_a_status():
    outcome = MCIDResponse(horizons=(6,), instrument="odi", relative=0.3, visit=True)
    cohort = Cohort.build(
        package({"a": {0: 40, 180: 28}, "b": {0: 40, 180: 29}, "c": {0: 40, 91: 0}}, instrument="odi"),
        CohortSpec(),
        outcome,
    )
    assert cohort.outcome["status"].tolist() == [1, 0, -1]
    assert status_horizon(cohort.outcome) == 6
    with pytest.raises(ArgumentError, match="absolute"):
        MCIDResponse(horizons=(6,), instrument="odi")


def test_chronic_transition_takes_the_nearest_attended_visit_of_the_window():
    course = {"a": {0: 6, 80: 5, 95: 1}, "b": {0: 6, 91: 3}, "c": {0: 6, 91: 3}, "d": {0: 6, 130: 8}}
    cohort = Cohort.build(package(course, missed={("c", 91)}), CohortSpec(), ChronicTransition(horizon=3))
    # 3 months are 91.3 days: day 95 is nearer than day 80; the window reaches to 109.6
    assert cohort.outcome["status"].tolist() == [0, 1, -1, -1]
    assert outcome_kind(cohort.outcome) == "status"
    assert cohort.spec.polarity == "bad"
    assert {doubt.code for doubt in cohort.objections} == {"attrition"}


SCORES = {
    "a": {0: 6, 80: 5, 90: 2, 100: 1, 120: 0},
    "b": {0: 6, 79: 3, 121: 3},
    "c": {0: 6, 100: 4},
    "d": {0: 6, 60: 7},
    "e": {100: 3},
    "f": {0: 6, 80: 8},
}
"""Totals by day; for a visit at day 100 the window of 20 % is from day 80 to day 120."""


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        ("nearest", [1, None, None, None, 3, 8]),  # b: one day too early and one too late
        ("first", [5, None, None, None, 3, 8]),
        ("last", [0, None, None, None, 3, 8]),
        ("mean", [2, None, None, None, 3, 8]),  # (5 + 2 + 1 + 0) / 4
    ],
)
def test_a_score_is_that_of_the_window_and_missing_means_not_observed(choice, expected):
    outcome = ScoreAtVisit(
        100, "nrs_back", measurement="continuous", at_most=3, window=0.2, choice=choice, earlier=(40,), unit="days"
    )
    courses = SCORES | {"a": SCORES["a"] | {40: 4}}
    tables = package(courses, missed={("c", 100)}, events=[("d", "death", 109)], site=list("xxyyyy"))
    cohort = Cohort.build(tables, CohortSpec(), outcome)
    assert list(cohort.patients.index) == list("abcdef")  # e has no total at time zero
    assert outcome_kind(cohort.outcome) == "measured"
    found = [None if np.isnan(value) else value for value in cohort.outcome["value"]]
    assert found == expected
    told = measured_spec(cohort.outcome)
    assert (told.horizon, told.lower, told.upper, told.kind, told.at_most) == (100, 0, 10, "continuous", 3)
    steps = cohort.flow.to_frame().set_index("step")["n"]
    assert steps["no total in the window of the visit: score not observed"] == 3
    assert steps["died by the end of the window without a total in it"] == 1
    assert steps["not observed, with a total at a missed or undated visit"] == 1  # c
    assert steps.filter(like="several totals in the window").tolist() == [1]
    assert {doubt.code for doubt in cohort.objections} == {"attrition"}
    assert cohort.earlier[40].tolist()[0] == 4
    assert cohort.earlier[40].isna().tolist() == [False] + [True] * 5
    assert cohort.spec.target == "no_event"  # little pain is good
    assert "nrs_back at most 3 observed in 3" in repr(cohort)
    assert cohort.to_frame()["outcome_value"].tolist()[4] == 3
    assert len(cohort.split_by("site")["x"].earlier) == 2


def test_a_state_that_a_missing_date_hides_is_counted_apart():
    courses = {"a": {0: 6, 100: 4}, "b": {0: 6, 100: 1}, "c": {0: 6}}
    tables = package(courses, missed={("b", 100)})
    for outcome in (
        ChronicTransition(100, unit="days"),
        MCIDResponse((100,), "nrs_back", absolute=2, visit=True, unit="days"),
    ):
        steps = Cohort.build(tables, CohortSpec(), outcome).flow.to_frame().set_index("step")["n"]
        assert steps["no attended visit in the window: state not observed"] == 2
        assert steps["not observed, with a total at a missed or undated visit"] == 1
    dated = Cohort.build(package(courses), CohortSpec(), ChronicTransition(100, unit="days"))
    assert not dated.flow.to_frame()["step"].str.contains("undated").any()


def test_of_two_totals_equally_near_the_earlier_counts_and_the_end_of_study_is_an_end():
    outcome = ScoreAtVisit(100, "nrs_back", window=0.1, unit="days")
    tables = package({"a": {0: 6, 95: 4, 105: 5}, "b": {0: 6, 90: 1, 96: 2}, "c": {0: 6, 110: 3}})
    assert Cohort.build(tables, CohortSpec(), outcome).outcome["value"].tolist() == [4, 2, 3]
    ended = Cohort.build(tables, CohortSpec(end=95), outcome).outcome["value"]
    np.testing.assert_array_equal(ended, [4, 1, np.nan])


@pytest.mark.parametrize(
    ("given", "polarity"),
    [
        ({"at_most": 3}, "good"),
        ({"at_least": 7}, "bad"),
        ({}, "bad"),
        ({"at_most": 3, "better": "higher"}, "bad"),
        ({"instrument": "pseq", "at_least": 40}, "good"),
        ({"instrument": "pseq"}, "good"),
    ],
)
def test_whether_the_event_is_good_follows_from_the_direction_of_the_instrument(given, polarity):
    assert ScoreAtVisit(**{"horizon": 12, "instrument": "nrs_back", **given}).spec.polarity == polarity


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"instrument": "own"}, "lower, upper"),
        ({"instrument": "own", "lower": 0, "upper": 5}, "better"),
        ({"choice": "mean"}, "choice"),
        ({"choice": "worst"}, "choice"),
        ({"window": 1.0}, "window"),
        ({"at_most": 3, "at_least": 5}, "at_most"),
        ({"at_most": 11}, "at_most"),
        ({"earlier": (12,)}, "earlier"),
        ({"earlier": (9,)}, "overlap"),  # to 10.8, and the horizon from 9.6
        ({"earlier": (8,)}, "overlap"),  # to 9.6: 8 · 1.2 is a rounding error less than 12 · 0.8
        ({"earlier": (6, 3)}, "increasing"),
        ({"horizon": 0}, "horizon"),
    ],
)
def test_scores_that_are_not_declared_are_refused(given, words):
    with pytest.raises(ArgumentError, match=words):
        ScoreAtVisit(**{"horizon": 12, "instrument": "nrs_back", **given})


def test_a_total_outside_the_declared_range_is_refused_and_treatment_before_the_visit_is_counted():
    tables = package({"a": {0: 6, 100: 4}, "b": {0: 6, 100: 9}}, events=[("a", "surgery", 60), ("b", "surgery", 130)])
    with pytest.raises(DataError, match="from 0 to 8; 1 rows"):
        Cohort.build(tables, CohortSpec(), ScoreAtVisit(100, "nrs_back", upper=8, unit="days"))
    cohort = Cohort.build(tables, CohortSpec(), ScoreAtVisit(100, "nrs_back", unit="days"))
    assert cohort.flow.to_frame().set_index("step")["n"]["began surgery during follow-up"] == 1


def test_recurrence_counts_from_recovery_and_only_the_recovered():
    course = {"a": {0: 6, 14: 1, 60: 0, 91: 4}, "b": {0: 6, 14: 5, 91: 4}, "c": {0: 6, 14: 1, 60: 0, 91: 1, 182: 1}}
    outcome = Recurrence(horizons=(365,), recovery=PainRecovery(horizons=(365,), unit="days"))
    cohort = Cohort.build(package(course), CohortSpec(), outcome)
    assert list(cohort.patients.index) == ["a", "c"]
    assert cohort.outcome["entry"].tolist() == [46.0, 46.0]  # day 14 to day 60 confirmed it: nobody could recur before
    assert cohort.outcome["lower"].tolist() == [46.0, 168.0]
    assert cohort.outcome["upper"].tolist() == [77.0, np.inf]
    assert cohort.spec.time_zero == "recovery"
    steps = cohort.flow.to_frame().set_index("step")["n"]
    assert steps["not recovered: not at risk of recurrence"] == 1


def dated(rows, **patient):
    tables = {"patient": pd.DataFrame(patient)}
    tables["event"] = pd.DataFrame(rows, columns=["patient_id", "event_type", "event_day", "end_day"])
    return tables


def test_surgery_with_death_competing_and_censoring_at_last_contact():
    tables = dated(
        [
            ("a", "surgery", 30, None),
            ("b", "death", 40, None),
            ("d", "lost_to_followup", 20, None),
            ("e", "surgery", 0, None),
        ],
        patient_id=list("abcdef"),
        last_contact_day=[100, 40, 100, 50, 100, None],
    )
    cohort = Cohort.build(tables, CohortSpec(), Surgery(horizons=(365,), unit="days"))
    assert list(cohort.patients.index) == list("abcd")
    assert cohort.outcome["time"].tolist() == [30.0, 40.0, 100.0, 20.0]
    assert cohort.outcome["event"].tolist() == [1, 2, 0, 0]
    steps = cohort.flow.to_frame().set_index("step")["n"]
    assert steps["no follow-up known"] == 1
    assert steps["event or end of follow-up at or before time zero"] == 1
    ended = Cohort.build(tables, CohortSpec(end=25.0), Surgery(horizons=(365,), unit="days"))
    assert ended.outcome["event"].tolist() == [0, 0, 0, 0]
    assert ended.outcome["time"].tolist() == [25.0, 25.0, 25.0, 20.0]


def test_return_to_work_must_last():
    tables = dated(
        [
            ("a", "return_to_work", 10, 20),
            ("a", "return_to_work", 40, None),
            ("b", "return_to_work", 15, None),
            ("b", "sick_leave", 30, None),
            ("c", "return_to_work", 80, None),
            ("d", "retirement", 50, None),
        ],
        patient_id=list("abcd"),
        last_contact_day=[100, 100, 100, 100],
    )
    cohort = Cohort.build(tables, CohortSpec(), ReturnToWork(horizons=(365,), unit="days"))
    assert cohort.outcome["time"].tolist() == [40.0, 100.0, 100.0, 50.0]  # c was known for 20 days only
    assert cohort.outcome["event"].tolist() == [1, 0, 0, 2]
    assert cohort.spec.polarity == "good"


def imaging(days, **more):
    return pd.DataFrame(
        {
            "patient_id": "a",
            "study_id": [f"s{d}" for d in days],
            "structure": "disc",
            "measure": "disc_height",
            "level": "l4l5",
            "value": [float(10 + i) for i in range(len(days))],
            "unit": "mm",
            "method_id": "area",
            "acquired_day": days,
            **more,
        }
    )


def with_imaging(days, rules=None, **more):
    tables = package({"a": {0: 6, 14: 5}, "b": {0: 5, 14: 4}})
    tables["biomarker"] = imaging(days, **more)
    return Cohort.build(tables, rules or CohortSpec(), PainRecovery(horizons=(365,), unit="days"))


def test_a_value_after_time_zero_is_refused_and_counted():
    cohort = with_imaging([-100, -20, -5, 3])
    assert cohort.biomarkers["value"].tolist() == [12.0]  # day −5; day 3 is the future, day −100 is too long ago
    assert cohort.flow.refused() == 1 + 2  # and the two follow-up pain scores
    assert cohort.flow.refused("before the look-back window") == 1
    assert cohort.imaged.tolist() == [True, False]
    late = with_imaging([3], CohortSpec(tolerance=7.0))
    assert "values-after-time-zero" in {doubt.code for doubt in late.objections}
    assert len(late.biomarkers) == 1


def test_doubts_about_biomarkers_travel_with_the_cohort():
    def codes(**more):
        return {doubt.code for doubt in with_imaging([-5, -5], level=["l4l5", "l5s1"], **more).objections}

    assert codes() >= {"imaged-by-indication"}  # one of two patients
    assert not codes() & {"extractor-version", "level-names"}
    assert "extractor-version" in codes(extractor_version=["1.0", "1.1"])
    assert "level-names" in codes(level_confidence=[0.4, 0.9])


def test_choice_of_the_value_in_the_window():
    def chosen(choice):
        return with_imaging([-80, -20, -5], CohortSpec(windows={"imaging": Window(90, choice)}))

    assert chosen("first").biomarkers["value"].tolist() == [10.0]
    assert chosen("last").biomarkers["value"].tolist() == [12.0]
    assert chosen("mean").biomarkers["value"].tolist() == [11.0]


def test_levels_of_one_measure_come_from_one_study():
    tables = package({"a": {0: 6, 14: 5}})
    early, late = imaging([-30, -30]), imaging([-5])
    early["study_id"], early["level"] = "old", ["l4l5", "l5s1"]
    tables["biomarker"] = pd.concat([early, late], ignore_index=True)
    cohort = Cohort.build(tables, CohortSpec(), PainRecovery(horizons=(365,), unit="days"))
    assert cohort.biomarkers[["study_id", "level"]].values.tolist() == [["s-5", "l4l5"]]


def test_two_methods_under_one_name_are_refused_until_one_is_chosen():
    with pytest.raises(DataError, match="mixed_method"):
        with_imaging([-5, -4], method_id=["area", "three_point"])
    cohort = with_imaging([-5, -4], CohortSpec(methods={"disc_height": "area"}), method_id=["area", "three_point"])
    assert cohort.biomarkers["method_id"].tolist() == ["area"]
    assert cohort.flow.refused("made by another method") == 1


def test_a_mean_of_a_nominal_measure_is_refused():
    with pytest.raises(ArgumentError, match="nominal"):
        with_imaging(
            [-5], CohortSpec(windows={"imaging": Window(90, "mean")}), measure="modic", unit="category", value=[2.0]
        )


def test_an_exposure_begun_after_time_zero_is_immortal_time():
    tables = package({"a": {0: 6, 14: 5, 91: 4}, "b": {0: 6, 14: 5, 91: 4}})
    tables["treatment"] = pd.DataFrame({"patient_id": ["a"], "treatment": ["rehab"], "start_day": [20]})
    outcome = PainRecovery(horizons=(365,), unit="days")
    with pytest.raises(LeakageError, match="landmark"):
        Cohort.build(tables, CohortSpec(exposures=("rehab",)), outcome)
    cohort = Cohort.build(tables, CohortSpec(exposures=("rehab",), landmark=30.0), outcome)
    assert cohort.patients["exposed__rehab"].tolist() == [1.0, 0.0]


def test_eligibility_counts_failing_and_missing_apart():
    tables = package({n: {0: 6, 14: 5} for n in "abcd"}, age=[30, 16, None, 70], sex=["male", "male", "female", None])
    rules = CohortSpec(eligibility=(Criterion("age", ">=", 18), Criterion("sex", "in", ["male"], missing="include")))
    cohort = Cohort.build(tables, rules, PainRecovery(horizons=(365,), unit="days"))
    assert list(cohort.patients.index) == ["a", "d"]
    steps = cohort.flow.to_frame().set_index("step")["n"]
    assert (steps["not age >= 18"], steps["age missing"]) == (1, 1)
    with pytest.raises(DataError, match="No patient is eligible"):
        Cohort.build(tables, CohortSpec(eligibility=(Criterion("age", ">", 200),)), PainRecovery(horizons=(12,)))
    with pytest.raises(ArgumentError, match="field"):
        Cohort.build(tables, CohortSpec(eligibility=(Criterion("agee", ">", 2),)), PainRecovery(horizons=(12,)))


def test_calendar_dates_and_days_agree():
    by_day = package({"a": {0: 6, 14: 4, 42: 1, 91: 0}})
    by_date = {name: table.copy() for name, table in by_day.items()}
    by_date["patient"]["index_date"] = "2020-02-01"
    visit = by_date["visit"]
    visit["visit_date"] = (pd.Timestamp("2020-02-01") + pd.to_timedelta(visit.pop("visit_day"), "D")).dt.strftime(
        "%Y-%m-%d"
    )
    outcome = PainRecovery(horizons=(12,))
    first, second = (Cohort.build(t, CohortSpec(), outcome) for t in (by_day, by_date))
    assert first.outcome.tolist() == second.outcome.tolist()
    assert list(second.split_by("date", at="2020-01-01")) == ["from"]
    ended = Cohort.build(by_date, CohortSpec(end="2020-02-29"), outcome)
    assert ended.outcome["upper"].tolist() == [np.inf]
    assert ended.outcome["lower"][0] * 30.4375 == pytest.approx(14)
    with pytest.raises(ArgumentError, match="end"):
        Cohort.build(by_day, CohortSpec(end="2020-02-29"), outcome)
    with pytest.raises(ArgumentError, match="end"):
        Cohort.build(by_date, CohortSpec(end="29.2.2020"), outcome)


def test_index_rules():
    tables = package({"a": {10: 6, 24: 5, 52: 1, 101: 0}})
    cohort = Cohort.build(tables, CohortSpec(index="first_visit"), PainRecovery(horizons=(365,), unit="days"))
    assert cohort.outcome["upper"].tolist() == [42.0]
    tables["imaging_study"] = pd.DataFrame(
        {"patient_id": ["a"], "study_id": ["s"], "modality": ["mri"], "acquired_day": [20]}
    )
    cohort = Cohort.build(tables, CohortSpec(index="first_imaging"), PainRecovery(horizons=(365,), unit="days"))
    assert (cohort.outcome["lower"].tolist(), cohort.outcome["upper"].tolist()) == ([4.0], [32.0])
    with pytest.raises(ArgumentError, match="index"):
        CohortSpec(index="yesterday")


def test_tables_and_splits():
    rng = np.random.default_rng(1)
    names = [f"p{i}" for i in range(40)]
    tables = package(
        {n: {0: int(rng.integers(3, 9)), 14: 5, 200: int(rng.integers(0, 9))} for n in names},
        age=rng.integers(20, 70, 40),
        sex=["male", "female"] * 20,
        site=["x"] * 15 + ["y"] * 25,
    )
    cohort = Cohort.build(tables, CohortSpec(), PainRecovery(horizons=(6,)))
    assert cohort.modalities.groups == {"clinical": ("age", "sex"), "patient_reported": ("nrs_back",)}
    table = cohort.table_one("site")
    assert table.groups == {"x": 15, "y": 25}
    assert list(table.to_frame().columns) == ["variable", "value", "missing", "x", "y", "overall", "smd"]
    shown = table.to_frame().set_index("variable")
    ages = tables["patient"]["age"].to_numpy()
    assert shown.loc["age, mean (SD)", "overall"] == f"{ages.mean():.1f} ({ages.std(ddof=1):.1f})"
    assert "age, median [Q1,Q3]" in cohort.table_one(skewed=("age",)).to_frame()["variable"].tolist()
    parts = cohort.split_by("site")
    assert {name: len(part) for name, part in parts.items()} == {"x": 15, "y": 25}
    assert cohort.imaged_vs_not().groups == {"not imaged": 40}
    assert sum(cohort.attended_vs_not().groups.values()) == 40
    assert cohort.to_frame().shape[0] == 40
    with pytest.raises(ArgumentError, match="by"):
        cohort.split_by("nowhere")


def test_a_long_tail_is_described_by_quartiles():
    X = pd.DataFrame({"days": [1.0, 2, 3, 4, 5, 6, 400], "age": [30.0, 40, 50, 60, 45, 55, 35]})
    group = pd.Series(np.arange(len(X)) % 2 + 1.0, index=X.index)
    for by in (group, group.to_numpy(), group.tolist()):
        assert {"1", "2"} <= set(table_one_of(X, by=by).to_frame().columns)
    with pytest.raises(ArgumentError, match="`by` must be"):
        table_one_of(X, by=group.iloc[::-1])
    with pytest.raises(ArgumentError, match="`by` must be of length"):
        table_one_of(X, by=group[:-1])
    by_itself, told = (table_one_of(X, **how).to_frame()["variable"].tolist() for how in ({}, {"skewed": ()}))
    assert "days, median [Q1,Q3]" in by_itself
    assert "age, mean (SD)" in by_itself
    assert "days, mean (SD)" in told


def test_flow_is_drawn():
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    _, cohort = interval({"a": {0: 6, 14: 5}, "b": {0: 1, 14: 0}})
    ax = cohort.flow.plot()
    drawn = " ".join(text.get_text() for text in ax.texts)
    assert "patients in the cohort\nn = 1" in drawn
    plt.close(ax.figure)


def test_spec_reads_what_it_wrote():
    rules = CohortSpec(
        eligibility=(Criterion("age", ">=", 18),), windows={"imaging": Window(180, "last")}, end="2024-01-01"
    )
    assert CohortSpec.from_dict(rules.to_dict()) == rules
    with pytest.raises(ArgumentError, match="cohort"):
        CohortSpec.from_dict({"idnex": "x"})


def test_outcomes_from_a_study_file():
    made = outcome_from_dict({"kind": "recurrence", "horizons": [12], "recovery": {"horizons": [12], "threshold": 0}})
    assert made == Recurrence(horizons=(12,), recovery=PainRecovery(horizons=(12,), threshold=0))
    for wrong, word in (
        ({"kind": "cure"}, "kind"),
        ({"kind": "surgery", "horizon": 12}, "horizon"),
        ({"kind": "surgery"}, "horizons"),
        ({"kind": "disability_recovery", "horizons": [3]}, "instrument"),
    ):
        with pytest.raises(ArgumentError, match=word):
            outcome_from_dict(wrong)


def test_predictors_by_modality():
    _, cohort = interval({"a": {0: 6, 14: 5}}, age=[50])
    frames = cohort.by_modality()
    assert {name: frame.columns.tolist() for name, frame in frames.items()} == {
        "clinical": ["age"],
        "patient_reported": ["nrs_back"],
    }
    assert all(frame.index.name == "patient_id" for frame in frames.values())
