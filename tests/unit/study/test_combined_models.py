"""Averages and stacks by name in a study file."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from lbp_prognosis._base import ArgumentError
from lbp_prognosis.models import AverageRisk, StackedRisk
from lbp_prognosis.study import Study, read_study_data
from lbp_prognosis.study._build_models import build_models
from lbp_prognosis.study._model_plan import ModelPlan

LEARNERS = {"clinical": "cause_specific_cox", "trees": {"kind": "fine_gray", "options": {"penalty": 2.0}}}


def plan(**changes) -> ModelPlan:
    told = {
        "name": "stack",
        "kind": "stacked",
        "modalities": ("clinical", "imaging"),
        "options": {"learners": LEARNERS, "cv": 2, "horizons": [6.0]},
        **changes,
    }
    return ModelPlan(**told)


def test_a_study_builds_and_fits_its_stack(tmp_path):
    rng = np.random.default_rng(0)
    n = 160
    frame = pd.DataFrame({"time": rng.exponential(10, n).round(1) + 0.1, "event": rng.integers(0, 3, n)})
    frame = frame.assign(
        age=rng.normal(size=n), sex=rng.choice(["f", "m"], n), fat=np.where(rng.random(n) < 0.2, np.nan, frame["time"])
    )
    frame.to_csv(tmp_path / "w.csv", index=False)
    table = {
        "title": "t",
        "table": {"wide": "w.csv", "time": "time", "event": "event", "censored": 0},
        "outcome": {
            "name": "e",
            "definition": "d",
            "polarity": "bad",
            "time_zero": "z",
            "unit": "months",
            "horizons": [6],
        },
        "modalities": {"clinical": ["age", "sex"], "imaging": ["fat"]},
        "model": [
            {
                "name": kind,
                "kind": kind,
                "modalities": ["clinical", "imaging"],
                "imputations": 2,
                "iterations": 2,
                "options": {"learners": LEARNERS, "cv": 2},
            }
            for kind in ("stacked", "average")
        ],
    }
    study = Study.from_dict(table, folder=tmp_path)
    data = read_study_data(study)
    built = build_models(study, data)
    for name, kind in (("stacked", StackedRisk), ("average", AverageRisk)):
        model = built[name].fit(data.X, data.y)
        assert isinstance(model.model, kind)
        assert np.isfinite(model.predict_risk(data.X[["age", "sex", "fat"]], 6.0)).all()
        assert list(model.models_[0].models_["clinical"].columns_) == ["age", "sex"]


def test_learners_have_the_modalities_of_their_names():
    found = plan().learners()
    assert found["clinical"].modalities == ("clinical",)
    assert found["trees"].modalities == ("clinical", "imaging")
    assert found["trees"].options == {"penalty": 2.0}
    assert not plan().at_visits
    visits = {"a": "royston_parmar", "nobody": "null"}
    assert plan(options={"learners": visits}).at_visits


@pytest.mark.parametrize(
    ("learners", "words"),
    [
        (None, "table from names to kinds"),
        ({}, "table from names to kinds"),
        ({"a": {"options": {}}}, "with a kind"),
        ({"a": {"kind": "cox", "colour": 1}}, "with a kind"),
        ({"a": "stacked"}, "a single model"),
        ({"a": "forest"}, "model.kind"),
    ],
)
def test_what_is_refused(learners, words):
    with pytest.raises(ArgumentError, match=words):
        plan(options={} if learners is None else {"learners": learners})
