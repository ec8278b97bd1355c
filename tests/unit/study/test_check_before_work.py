"""Faults that the data alone can tell are told before the first fit."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from lbp_prognosis._base import ArgumentError, OutcomeError
from lbp_prognosis.study import Study, read_study_data
from lbp_prognosis.study._check_before_work import check_before_work


@pytest.fixture
def checked(tmp_path):
    """Return a function that checks a study of 60 patients with 20 events."""
    frame = pd.DataFrame(
        {
            "time": np.arange(1.0, 61),
            "event": [1, 0, 0] * 20,
            "cause": [1, 0, 2] * 20,
            "x": np.arange(60) % 7,
            "g": [1, 2] * 30,
        }
    )
    frame.loc[::12, "g"] = 99
    frame.to_csv(tmp_path / "w.csv", index=False)

    def check(**changes):
        table = {
            "title": "t",
            "table": {"wide": "w.csv", "time": "time", "event": "event", **changes.pop("table", {})},
            "outcome": {
                "name": "e",
                "definition": "d",
                "polarity": "bad",
                "time_zero": "z",
                "unit": "months",
                "horizons": [6],
            },
            "modalities": {"clinical": ["x", "g"]},
            "model": [{"name": "m", "kind": "cox", "modalities": ["clinical"]}],
            **changes,
        }
        study = Study.from_dict(table, folder=tmp_path)
        data = read_study_data(study)
        check_before_work(study, data)
        return data

    return check


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"validation": {"sites": True}}, "validation.sites"),
        ({"validation": {"folds": 21}}, "validation.folds"),
        ({"table": {"nominal": ["gg"]}}, "nominal"),
        ({"table": {"values": ["gg"]}}, "values"),
        ({"page": {"table_one_by": "g"}}, "page.table_one_by"),
        ({"cohort": []}, "cohort"),
        ({"imaging": "x"}, "imaging"),
        ({"modalities": {"clinical": ["x"], "imaging": []}}, "modalities.imaging"),
        ({"clinical_minimum": {"pain": "xx"}}, "clinical_minimum.pain"),
        ({"clinical_minimum": {"age": "g", "pain": ["xx", "gg"]}}, "clinical_minimum.pain"),
        ({"table": {"start": "x", "end": "g", "time": "", "date_format": "%d.%m.%Q%Y"}}, "table.date_format"),
    ],
)
def test_refused(checked, changes, name) -> None:
    with pytest.raises(ArgumentError, match=f"`{name}`"):
        checked(**changes)


@pytest.mark.parametrize(
    "model",
    [
        {"kind": "cox"},
        {"kind": "royston_parmar"},
        {"kind": "stacked", "options": {"learners": {"clinical": "cause_specific_cox", "spline": "royston_parmar"}}},
        {"kind": "patterns", "options": {"estimator": "parametric_aft"}},
    ],
)
def test_models_of_one_cause_are_refused_beside_competing_events(checked, model) -> None:
    of_two = {"event": "cause", "causes": {"e": 1, "surgery": 2}}
    plan = {"name": "m", "modalities": ["clinical"], **model}
    checked(model=[plan])
    with pytest.raises(OutcomeError, match=r"`model '(m|spline|estimator)'\.kind`.* 20 events the cause is not 1"):
        checked(model=[plan], table=of_two)
    checked(model=[{"name": "m", "kind": "fine_gray", "modalities": ["clinical"]}], table=of_two)


def test_accepted(checked) -> None:
    checked()
    checked(validation={"folds": 20}, table={"nominal": ["g"]})


def test_numbers_declared_as_values_are_no_codes(checked) -> None:
    code = "missing-code-as-value"
    assert code in {doubt.code for doubt in checked().objections}
    data = checked(table={"values": ["g"]})
    assert code not in {doubt.code for doubt in data.objections}
    assert data.X.attrs["missing_declared"] == ["g"]
    checked(validation={"folds": 19})


def test_one_of_several_columns_of_a_construct_is_enough(checked) -> None:
    checked(clinical_minimum={"disability": ["odi", "g"], "pain": "event"})  # of the table, if of no modality
