"""Movement without baseline pain: who is objected to, and by which door."""

from __future__ import annotations

import numpy as np
import pytest

from lbp_prognosis import CoxPH, Surv, added_value, simulate_cohort
from lbp_prognosis.evidence import BLOCKING, Claim, Evidence, movement_without_pain

MOTION = ("flexion_rom", "sorensen_time")
CASES = [
    (("age", "flexion_rom"), {"pain": "nrs_back"}, ["state-not-trait"]),
    (("age", "flexion_rom", "nrs_back"), {"pain": "nrs_back"}, []),
    (("age", "flexion_rom", "vas_back"), {"pain": ["nrs_back", "vas_back"]}, []),
    (("age", "flexion_rom", "nrs_back"), {"age": "age"}, ["state-not-trait"]),  # nobody said that it is pain
    (("age", "flexion_rom"), None, ["state-not-trait"]),
    (("age", "nrs_back"), None, []),
    ((), None, []),
]


@pytest.mark.parametrize(("columns", "minimum", "codes"), CASES)
def test_who_is_objected_to(columns, minimum, codes):
    assert [doubt.code for doubt in movement_without_pain(MOTION, columns, minimum)] == codes


def test_the_sentence_names_the_columns_and_what_to_do():
    absent = movement_without_pain(MOTION, ("sorensen_time", "flexion_rom"), {"pain": "nrs_back"})[0].sentence
    assert "(flexion_rom, sorensen_time)" in absent
    assert "Add baseline pain" in absent
    assert "clinical_minimum" in movement_without_pain(MOTION, MOTION)[0].sentence
    assert set(BLOCKING["state-not-trait"]) == {"is_associated", "adds_value", "is_useful"}


def judged(comparator):
    X, y, _ = simulate_cohort(160, 2, imaging="all", missingness=0).wide()
    y = Surv.right(y["time"], y["event"] == 1)
    groups = {"clinical": comparator, "biomechanical": ("flexion_rom", "gait_speed")}
    minimum = {"age": "age", "pain": "nrs_back"}
    table = X[[c for columns in groups.values() for c in columns]]
    return added_value(
        CoxPH(), table, y, groups, 12, modality="biomechanical", clinical_minimum=minimum, n_splits=3, n_repeats=1
    )


def test_added_value_of_movement_without_pain_is_blocked():
    without, with_ = judged(("age",)), judged(("age", "nrs_back"))
    assert "state-not-trait" in {doubt.code for doubt in without.objections}
    assert "state-not-trait" not in {doubt.code for doubt in with_.objections}
    assert not without.supported
    evidence = Evidence(models={"without": ["age"]}, clinical_minimum={"age": "age", "pain": "nrs_back"})
    for found, blocked in ((without, True), (with_, False)):
        verdict = evidence.with_result(found.evaluation, sample="internal").supports(
            Claim.adds_value("with", "without", 12)
        )
        assert ("state-not-trait" in verdict.blocking) is blocked
    assert np.isfinite(without.difference("ipa", 12)["value"])
