"""Faults that the data alone can tell are told before the first fit."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from lbp_prognosis import Surv
from lbp_prognosis._base import ArgumentError, LBPError, OutcomeError
from lbp_prognosis.study import Study, read_study_data
from lbp_prognosis.study._check_before_work import check_before_work
from lbp_prognosis.study._model_plan import COMBINED, MODEL_KINDS, PARTS, ModelPlan


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
            "few": [1] * 10 + [0] * 50,
            "fewer": [1] * 9 + [0] * 51,
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


WRONG = {
    "cox": {"penalty": -1, "ties": "x", "variance": "x", "collinear": "x"},
    "cause_specific_cox": {"penalty": "x", "ties": "x", "l1_ratio": 2, "incidence": "x", "variance": "x"},
    "fine_gray": {"penalty": -1, "ties": "exact", "cause": 0, "censoring_ties": "x"},
    "discrete_time_hazard": {"penalty": -1, "between": "x", "tolerance": -1, "collinear": "x", "rare_causes": "x"},
    "logistic": {"penalty": -1, "variance": "x", "horizon": -1},
    "boosted_cox": {
        "rounds": 0,
        "learning_rate": 0,
        "max_depth": 0,
        "ties": "exact",
        "folds": 1,
        "subsample": 2,
        "monotone": {"x": 2},
    },
    "boosted_aft": {"rounds": 0, "distribution": "x", "scale": 0},
    "boosted_hazard": {"rounds": 0, "between": "x", "min_leaf_events": -1, "tolerance": -1},
    "boosted_outcome": {"rounds": 0, "link": "x", "early_stopping": 0, "min_leaf_information": -1},
    "elastic_net_cox": {"l1_ratio": 1.5, "choose": "x", "cv": 1, "n_lambdas": 0, "lambdas": [1, 2]},
    "royston_parmar": {"df": 0, "scale": "x", "variance": "x", "knots": [3.0]},
    "parametric_aft": {"distribution": "x", "variance": "x"},
    "priority_cox": {"l1_ratio": -1, "cv": 1, "choose": 1, "cross_fit": -1, "missing": "x", "ties": "exact"},
    "multimodal_net": {"d": 0, "dropout": 1, "learning_rate": 0, "seeds": 0, "penalty": -1, "hidden": [0]},
    "average": {"scale": "x", "cv": 1, "horizons": [-1]},
    "stacked": {"meta": "x", "cv": 1},
    "patterns": {"rows": "x", "min_patients": 0},
    "risk_stratifier": {"n_groups": 1, "horizon": 0},
    "ordinal_regression": {"link": "x", "penalty": -1},
    "linear_outcome": {"variance": "x"},
    "two_part_outcome": {"floor": np.nan},
    "longitudinal_outcome": {"method": "x", "covariance": "x"},
    "published": {"name": "x", "horizon": 0},
}


def plan_of(kind: str, **options) -> ModelPlan:
    if kind in COMBINED:
        inner = PARTS[kind][0]
        options[inner] = {"a": "cox", "b": "null"} if inner == "learners" else "cox"
    needed = {"risk_stratifier": {"n_groups": 3}, "published": {"name": "swespine_disc_satisfaction"}}
    options = {**needed.get(kind, {}), **options}
    return ModelPlan("m", kind, () if kind == "null" else ("clinical",), options)


def test_options_of_every_kind_are_checked() -> None:
    assert set(MODEL_KINDS) - set(WRONG) == {"null"}


@pytest.mark.parametrize("kind", MODEL_KINDS)
def test_values_of_options_are_refused_without_data(kind) -> None:
    plan_of(kind).check_options()
    for name, value in WRONG.get(kind, {}).items():
        # the model and its option, what is accepted, what arrived
        with pytest.raises(ArgumentError, match=rf"^`model 'm'\.options\.{name}` must be .+; got .+\."):
            plan_of(kind, **{name: value}).check_options()


@pytest.mark.parametrize("kind", WRONG)
def test_fit_makes_the_same_check_first(kind, monkeypatch) -> None:
    class Checked(Exception):
        pass

    def stop(model) -> None:
        raise Checked

    model = plan_of(kind)._checked("options")
    monkeypatch.setattr(type(model), "_check_parameters", stop)
    with pytest.raises(Checked):
        model.fit(pd.DataFrame({"x": [1.0, 2.0]}), Surv.right([1.0, 2.0], [1, 0]))


def test_the_reader_of_a_study_refuses_all_such_values_at_once(checked) -> None:
    plans = [
        {"name": "one", "kind": "cox", "modalities": ["clinical"], "options": {"penalty": -1}},
        {"name": "two", "kind": "boosted_cox", "modalities": ["clinical"], "options": {"rounds": 0}},
        {
            "name": "three",
            "kind": "stacked",
            "modalities": ["clinical"],
            "options": {"learners": {"a": {"kind": "cox", "options": {"ties": "x"}}, "b": "null"}},
        },
    ]
    with pytest.raises(ArgumentError, match=r"`model 'one'\.options\.penalty` must be .* got -1") as caught:
        checked(model=plans)
    fields, messages = caught.value.failures["field"], " ".join(caught.value.failures["message"])
    assert list(fields) == ["model.1.options", "model.2.options", "model.3.options"]
    assert "`model 'two'.options.rounds`" in messages
    assert "`model 'three'.options.learners.a.options.ties`" in messages


def test_splines_of_models_inside_others_are_of_their_columns_and_have_knots_that_exist(checked) -> None:
    bent = {"kind": "cox", "splines": {"x": 3, "xx": 3}}
    plans = [
        {
            "name": "stack",
            "kind": "stacked",
            "modalities": ["clinical"],
            "options": {"learners": {"a": "cox", "b": bent}},
        },
        {"name": "patterns", "kind": "patterns", "modalities": ["clinical"], "options": {"estimator": bent}},
        {"name": "cox", "modalities": ["clinical"], **bent},
    ]
    with pytest.raises(ArgumentError) as caught:
        checked(model=plans)
    found = caught.value.failures
    within = ["model.1.options.learners.b", "model.2.options.estimator", "model.3"]
    assert found["field"].tolist() == [f"{where}.splines" for where in within]
    assert found["message"].str.contains("columns of the model; got xx. Did you mean 'x'?", regex=False).all()
    for knots in (3, 7):
        assert ModelPlan(name="m", kind="cox", modalities=("clinical",), splines={"x": knots}).splines == {"x": knots}
    for knots in (2, 8):
        with pytest.raises(ArgumentError, match=rf"splines\.x` must be .* at least 3 and of at most 7; got {knots}"):
            checked(model=[{**PLAN, "kind": "cox", "splines": {"x": knots}}])


PLAN = {"name": "m", "kind": "boosted_cox", "modalities": ["clinical"]}


@pytest.mark.parametrize(
    ("plan", "field"),
    [
        ({"options": {"monotone": {"z": 1}}}, "options.monotone"),
        ({"options": {"interactions": [["x", "z"]]}}, "options.interactions"),
        ({"kind": "elastic_net_cox", "options": {"penalty_factors": [1.0]}}, "options.penalty_factors"),
        ({"kind": "priority_cox", "options": {"unpenalised": ["z"]}}, "options.unpenalised"),
        ({"kind": "cox", "options": {"penalty": 1.0, "penalty_factors": {"z": 2.0}}}, "options.penalty_factors"),
        (
            {"kind": "cox", "splines": {"x": 3}, "options": {"penalty": 1.0, "penalty_factors": {"z": 2.0}}},
            "options.penalty_factors",
        ),
        ({"kind": "cox", "combat": {"batch": "g", "columns": ["x"], "reference": 3}}, "combat.reference"),
        ({"kind": "cox", "combat": {"batch": "g", "columns": ["x"], "prior": "none "}}, "combat.prior"),
        (
            {
                "kind": "average",
                "options": {"learners": {"a": {"kind": "boosted_cox", "options": {"monotone": {"z": 1}}}}},
            },
            "options.learners.a.options.monotone",
        ),
        (
            {"kind": "patterns", "options": {"estimator": {"kind": "boosted_cox", "options": {"monotone": {"z": 1}}}}},
            "options.estimator.options.monotone",
        ),
    ],
)
def test_options_that_name_other_columns_are_refused_before_work(checked, plan, field) -> None:
    missing = {} if "combat" in plan else {"missing": {"g": [99]}}
    checked(model=[{**PLAN, "options": {"monotone": {"x": 1}}}], table=missing)
    with pytest.raises(LBPError, match=rf"^`model 'm'\.{re.escape(field)}` must be .* got"):
        checked(model=[{**PLAN, **plan}], table=missing)


def test_splines_of_words_batches_of_learners_and_visits_are_refused_before_work(checked, tmp_path) -> None:
    frame = pd.read_csv(tmp_path / "w.csv").assign(h=["u", "v", "w"] * 20)
    frame.to_csv(tmp_path / "w.csv", index=False)
    two = {"modalities": {"clinical": ["x"], "scanner": ["h"]}}
    with pytest.raises(LBPError, match=r"^`model 'm'\.splines\.columns` must be columns of `X`; got \['h'\]"):
        checked(**two, model=[{**PLAN, "kind": "cox", "modalities": ["clinical", "scanner"], "splines": {"h": 3}}])
    harmonised = {"kind": "cox", "modalities": ["clinical"], "combat": {"batch": "h", "columns": ["x"]}}
    plain = {"kind": "cox", "modalities": ["clinical"]}
    plan = {**PLAN, "kind": "average", "options": {"learners": {"a": harmonised, "b": plain}}}
    with pytest.raises(LBPError, match=r"^`model 'm'\.options\.learners\.a\.combat\.batch` must be .* got 'h'"):
        checked(**two, model=[plan])
    checked(**two, model=[{**plan, "modalities": ["clinical", "scanner"]}])
    for kind in ("discrete_time_hazard", "boosted_hazard"):
        with pytest.raises(LBPError, match=r"^`model 'm'\.options\.visits` must be given"):
            checked(model=[{**PLAN, "kind": kind}])
        checked(model=[{**PLAN, "kind": kind, "options": {"visits": [20, 40]}}])


@pytest.mark.parametrize("kind", ["boosted_cox", "cox", "royston_parmar", "stacked"])
def test_models_of_another_outcome_are_refused_before_work(checked, kind) -> None:
    learners = {"a": "logistic", "b": "boosted_cox"}
    plan = {"name": "m", "kind": kind, "modalities": ["clinical"]}
    plan |= {"options": {"learners": learners}} if kind == "stacked" else {}
    told = r"\.options\.learners\.b" if kind == "stacked" else ""
    found = "boosted_cox" if kind == "stacked" else kind
    state = {"time": "", "event": "", "status": "event"}
    checked(model=[{**plan, "kind": "logistic", "options": {}}], table=state)
    with pytest.raises(
        OutcomeError, match=f"^`model 'm'{told}.kind` must be a kind for a state at one time; got '{found}'"
    ):
        checked(model=[plan], table=state)


def test_knots_and_events_are_counted_before_work(checked) -> None:
    plan = {**PLAN, "kind": "cox"}
    with pytest.raises(LBPError, match=r"^`model 'm'\.splines`: The column 'g' has too few distinct values"):
        checked(model=[{**plan, "splines": {"g": 4}}])
    checked(model=[{**plan, "kind": "royston_parmar", "options": {"df": 3}}])
    few = {"validation": {"folds": 5}, "table": {"event": "few"}}
    for kind, options in (("boosted_cox", {}), ("boosted_aft", {}), ("boosted_hazard", {"visits": [20, 40]})):
        at_least_ten = {**plan, "kind": kind, "options": options}
        checked(model=[at_least_ten], **few)
        with pytest.raises(LBPError, match=r"^`model 'm'\.options`: Boosted\w+ needs at least 10 events.* has 9\."):
            checked(model=[at_least_ten], **{**few, "table": {"event": "fewer"}})
    tied = {"table": {"time": "g"}, "modalities": {"clinical": ["x"]}}
    with pytest.raises(LBPError, match=r"^`model 'm'\.options\.df` must be small enough for \d distinct"):
        checked(model=[{**plan, "kind": "royston_parmar", "options": {"df": 5}}], **tied)


def test_a_study_that_was_not_read_from_a_table_is_checked_before_work(checked, tmp_path) -> None:
    data = checked()
    study = Study.from_dict(
        {
            "title": "t",
            "table": {"wide": "w.csv", "time": "time", "event": "event"},
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
        },
        folder=tmp_path,
    )
    other = replace(study, models=(ModelPlan("m", "cox", ("clinical",), {"penalty": -1}),))
    with pytest.raises(ArgumentError, match=r"`model 'm'\.options\.penalty`"):
        check_before_work(other, data)
