"""The outcome among its own predictors: what is said, and what is legitimate prognosis and not said."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from lbp_prognosis import Status
from lbp_prognosis.evidence import BLOCKING, Claim, Evidence, shared_constructs
from lbp_prognosis.instruments import same_construct
from lbp_prognosis.models import LogisticRisk
from lbp_prognosis.validation import added_value

PAIN = {"nrs_back": same_construct("nrs_back")}


def _codes(*arguments, **keywords) -> list[str]:
    return [doubt.code for doubt in shared_constructs(*arguments, **keywords)]


def test_the_baseline_of_the_outcomes_scale_is_prognosis() -> None:
    assert _codes("nrs_back", ["age", "nrs_back", "odi", "odi_1"], measures=PAIN) == []
    assert _codes(("odi",), ["odi", "odi_3"], measures={"odi": same_construct("odi")}) == []


def test_a_change_score_and_its_baseline() -> None:
    (doubt,) = shared_constructs("nrs_back", ["age", "nrs_back", "odi_1", "odi_2"], measures=PAIN, change=True)
    assert doubt.code == "change-from-baseline"
    assert "nrs_back, odi_1 is that baseline" in doubt.sentence
    assert "odi_2" not in doubt.sentence
    assert _codes("nrs_back", ["age", "rmdq"], measures=PAIN, change=True) == []


@pytest.mark.parametrize(
    "name",
    [
        "nrs_back_change",
        "nrs_back_3m",
        "nrs_back_12_months",
        "nrs_back_followup",
        "nrs_back_w6",
        "nrs_back_visit2",
        "nrs_back_delta",
        "nrs_back_final",
    ],
)
def test_a_later_value_is_known_by_its_name(name: str) -> None:
    (doubt,) = shared_constructs("nrs_back", ["age", "nrs_back", name])
    assert doubt.code == "later-than-time-zero"
    assert name in doubt.sentence
    assert f"names, {name} measure" in doubt.sentence  # the baseline itself is not named


@pytest.mark.parametrize("name", ["nrs_back_worst", "nrs_back_baseline", "nrs_leg_3m", "duration_months"])
def test_other_names_are_left_alone(name: str) -> None:
    assert _codes("nrs_back", ["age", "nrs_back", name]) == []


def test_patients_let_in_by_the_outcomes_scale() -> None:
    (doubt,) = shared_constructs("nrs_back", ["age", "nrs_back"], entry=["age", "nrs_back"])
    assert doubt.code == "entry-by-the-outcome"
    assert _codes("nrs_back", ["age"], entry=["nrs_back"]) == []  # no predictor: nothing is said


def test_an_addition_that_is_the_outcome() -> None:
    columns = ["age", "odi_1", "flexion"]
    assert _codes("nrs_back", columns, measures=PAIN, added=["odi_1", "flexion"]) == ["added-is-the-outcome"]
    assert _codes("nrs_back", [*columns, "nrs_back"], measures=PAIN, added=["odi_1", "flexion"]) == []
    assert "adds_value" in BLOCKING["added-is-the-outcome"]


def test_such_an_addition_does_not_add_value() -> None:
    """A change since time zero is predicted by its own baseline in pure noise, and that is not called added value."""
    rng = np.random.default_rng(0)
    n = 400
    start, later = rng.normal(6, 2, n), rng.normal(6, 2, n)  # two measurements that have nothing in common
    y = Status.at(3, (start - later >= 2).astype(int))
    X = pd.DataFrame({"age": rng.normal(50, 10, n), "sex": rng.integers(0, 2, n), "odi_1": start})
    found = added_value(
        LogisticRisk(),
        X,
        y,
        {"clinical": ["age", "sex"], "imaging": ["odi_1"]},
        3,
        n_splits=5,
        n_repeats=1,
        random_state=0,
        outcome_measures={"nrs_back": ["nrs_back", "odi_1"]},
    )
    assert found.gains
    assert found.difference("auc")["value"] > 0.2
    assert "added-is-the-outcome" in {doubt.code for doubt in found.objections}
    assert not found.supported
    held = {"without": ["age", "sex"], "with": ["age", "sex", "odi_1"]}
    verdict = (
        Evidence(models=held)
        .with_result(found.evaluation, sample="internal")
        .supports(Claim.adds_value("with", "without", 3))
    )
    assert "added-is-the-outcome" in verdict.blocking


def test_columns_of_a_construct() -> None:
    assert same_construct("odi")[:3] == ("odi", "odi_1", "odi_2")
    assert "odi_1" in same_construct("vas_back")
    assert same_construct("unheard_of") == ("unheard_of",)
