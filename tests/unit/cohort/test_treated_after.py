"""Treatment begun during follow-up is counted, and objected to where the declared estimand does not take notice."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd
import pytest

from lbp_prognosis.cohort import ChronicTransition, Cohort, CohortSpec, MCIDResponse, PainRecovery
from lbp_prognosis.survival import OutcomeSpec


def _package(events=()) -> dict[str, pd.DataFrame]:
    courses = {"a": {0: 6, 30: 5, 90: 1, 180: 1}, "b": {0: 7, 30: 6, 90: 6, 180: 6}, "c": {0: 5, 30: 5, 90: 5, 180: 5}}
    visits = [
        {"patient_id": p, "visit_id": f"d{d}", "visit_day": d, "planned_day": d, "attended": True}
        for p, course in courses.items()
        for d in course
    ]
    proms = [
        {"patient_id": p, "visit_id": f"d{d}", "instrument": "nrs_back", "item": "total", "value": v}
        for p, course in courses.items()
        for d, v in course.items()
    ]
    # a: after recovery; b: at time zero and during follow-up; c: before time zero
    treatment = pd.DataFrame(
        {"patient_id": ["a", "b", "b", "c"], "treatment": "injection", "start_day": [150, 0, 60, -20]}
    )
    tables = {
        "patient": pd.DataFrame({"patient_id": list(courses)}),
        "visit": pd.DataFrame(visits),
        "prom": pd.DataFrame(proms),
        "treatment": treatment,
    }
    if events:
        tables["event"] = pd.DataFrame(events, columns=["patient_id", "event_type", "event_day"])
    return tables


def _doubts(outcome, **keywords) -> dict[str, str]:
    cohort = Cohort.build(_package(**keywords), CohortSpec(), outcome)
    return {doubt.code: doubt.sentence for doubt in cohort.objections}


@pytest.mark.parametrize("estimand", ["while-untreated", "composite", "hypothetical"])
def test_treatment_that_the_estimand_should_notice(estimand: str) -> None:
    outcome = PainRecovery((180,), unit="days", sustained=0, estimand=estimand)
    doubts = _doubts(outcome)
    assert "injection in 1 of 3 patients" in doubts["treatment-ignored"]
    assert ("estimand-hypothetical" in doubts) == (estimand == "hypothetical")


def test_under_a_treatment_policy_it_is_a_note() -> None:
    outcome = PainRecovery((180,), unit="days", sustained=0, competing=(), estimand="treatment-policy")
    cohort = Cohort.build(_package(), CohortSpec(), outcome)
    assert not {"treatment-ignored", "estimand-not-declared"} & {doubt.code for doubt in cohort.objections}
    notes = cohort.flow.to_frame().set_index("step")["n"]
    assert notes["began injection during follow-up"] == 1


def test_an_operation_that_competes_is_noticed_and_one_that_does_not_is_not() -> None:
    events = [("b", "surgery", 100)]
    without = replace(PainRecovery((180,), unit="days", sustained=0), competing=())
    assert "surgery in 1 of 3" in _doubts(without, events=events)["treatment-ignored"]
    competing = replace(without, competing=("surgery",))
    assert "surgery" not in _doubts(competing, events=events)["treatment-ignored"].split("(")[1].split(")")[0]
    policy = replace(competing, estimand="treatment-policy")
    assert "surgery ends it as a competing event" in _doubts(policy, events=events)["estimand-against-competing"]


def test_an_estimand_that_nobody_declared() -> None:
    spec = OutcomeSpec("recovery", "Pain gone.", "good", "visit", "months", (12.0,))
    assert [doubt.code for doubt in spec.doubts] == ["estimand-not-declared"]
    assert replace(spec, estimand="treatment-policy").doubts == ()
    assert OutcomeSpec.from_dict(replace(spec, constructs=("odi",), change=True).to_dict()).change


def test_outcomes_know_what_they_are_made_of() -> None:
    assert PainRecovery((3,)).spec.constructs == ("nrs_back",)
    assert MCIDResponse((3,), "odi", absolute=10).spec.change
    assert not ChronicTransition(3).spec.change
    assert ChronicTransition(3).spec.constructs == ("nrs_back",)
