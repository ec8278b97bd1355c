"""Patients who withdrew are in no table, no fold and no number; the ledger is asked before the work."""

from __future__ import annotations

import copy

import numpy as np
import pandas as pd
import pytest

from lbp_prognosis._base import ArgumentError, DataError, DisclosureError
from lbp_prognosis.datasets import simulate_cohort
from lbp_prognosis.disclosure import NOT_FOUND, ReleaseLedger
from lbp_prognosis.study import Study, evaluate_table, fit_study, read_study_data, run_study

WIDE = {
    "title": "t",
    "table": {"wide": "w.csv", "id": "id", "time": "months", "event": "status"},
    "outcome": {
        "name": "recovery",
        "definition": "d",
        "polarity": "good",
        "time_zero": "z",
        "unit": "months",
        "horizons": [6],
        "primary_horizon": 6,
    },
    "modalities": {"clinical": ["age"]},
    "model": [{"name": "clinical", "kind": "cox", "modalities": ["clinical"]}],
    "validation": {"folds": 2, "repeats": 1, "resamples": 0},
}
REGISTRY = {
    "title": "r",
    "data": {"package": "cohort"},
    "outcome": {
        "kind": "pain_recovery",
        "threshold": 2,
        "sustained": 0,
        "horizons": [12],
        "primary_horizon": 12,
        "schedule": [3, 6, 9, 12, 18, 24],
    },
    "modalities": {"clinical": ["age", "nrs_back"]},
    "model": [{"name": "clinical", "kind": "cox", "modalities": ["clinical"]}],
    "validation": {"folds": 2, "repeats": 1, "resamples": 0},
}


def of(protocol, folder, **changes):
    made = copy.deepcopy(protocol)
    for key, value in changes.items():
        made[key] = {**made.get(key, {}), **value}
    return Study.from_dict(made, folder=folder)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    where = tmp_path_factory.mktemp("wide")
    rng = np.random.default_rng(0)
    n = 200
    age = rng.normal(50, 12, n).round(1)
    time, lost = rng.exponential(8 * np.exp(0.04 * (age - 50))), rng.uniform(8, 24, n)
    frame = pd.DataFrame({"id": np.arange(n), "months": np.minimum(time, lost).round(3), "age": age})
    frame["status"], frame["sex"] = (time <= lost).astype(int), rng.choice(["f", "m"], n)
    frame["risk"] = rng.uniform(0.1, 0.9, n).round(3)
    frame.to_csv(where / "w.csv", index=False)
    frame.drop(index=[3, 7]).to_csv(where / "without.csv", index=False)
    frame.astype({"id": float}).to_stata(where / "w.dta", write_index=False)
    frame.assign(id=[f"p{k}" for k in range(n)]).to_csv(where / "named.csv", index=False)
    return where


@pytest.mark.parametrize(
    ("file", "gone"),
    [("w.csv", [3, 7]), ("w.csv", ["3", "7"]), ("w.dta", ["3", "7"]), ("w.dta", [3.0, 7]), ("named.csv", ["p3", "p7"])],
)
def test_a_wide_table(folder, file, gone):
    whole = read_study_data(of(WIDE, folder, table={"wide": file}))
    left = read_study_data(of(WIDE, folder, table={"wide": file}), exclude_ids=gone)
    assert [k for k in range(200) if k not in (3, 7)] == [int(one.strip("p")) for one in left.patient_ids("id")]
    assert len(whole.X) == 200
    np.testing.assert_array_equal(left.y, np.delete(whole.y, [3, 7]))
    steps = left.flow.steps.set_index("step")["n"]
    assert steps["withdrawn"] == 2
    assert steps["patients in the cohort"] == 198
    assert NOT_FOUND not in left.notes


@pytest.mark.usefixtures("unexplained")
def test_all_numbers_are_those_of_a_table_without_them(folder):
    one = run_study(of(WIDE, folder), exclude_ids=["3", "7"])
    two = run_study(of(WIDE, folder, table={"wide": "without.csv"}))
    pd.testing.assert_frame_equal(one.evidence.to_frame(), two.evidence.to_frame())
    fitted = fit_study(of(WIDE, folder), read_study_data(of(WIDE, folder), exclude_ids=["3", "7"]))["clinical"]
    np.testing.assert_array_equal(
        fitted.predict_risk(two.data.X, [6]), two.models["clinical"].predict_risk(two.data.X, [6])
    )


def test_who_is_in_no_row_is_said_and_who_is_outside_the_rows_asked_for_is_not(folder):
    assert NOT_FOUND in read_study_data(of(WIDE, folder), exclude_ids=["3", "p7"]).notes
    frame = pd.read_csv(folder / "w.csv")
    other = frame.loc[frame["sex"] == "m", "id"].iloc[0]
    asked = read_study_data(of(WIDE, folder, table={"where": {"sex": "f"}}), exclude_ids=[other])
    assert NOT_FOUND not in asked.notes
    assert "withdrawn" not in set(asked.flow.steps["step"])


def test_what_is_refused(folder):
    with pytest.raises(ArgumentError, match="exclude_ids.*list of identifiers"):
        read_study_data(of(WIDE, folder), exclude_ids="3")
    nameless = copy.deepcopy(WIDE)
    del nameless["table"]["id"]
    with pytest.raises(ArgumentError, match="exclude_ids.*id = "):
        read_study_data(Study.from_dict(nameless, folder=folder), exclude_ids=["3"])
    with pytest.raises(DataError, match="No row of"):
        read_study_data(of(WIDE, folder), exclude_ids=range(200))


def test_a_package(tmp_path):
    simulate_cohort(200, 5, imaging_rate=0.7).to_package(tmp_path / "cohort")
    whole = read_study_data(of(REGISTRY, tmp_path))
    gone = [whole.X.index[3], whole.X.index[7]]
    left = read_study_data(of(REGISTRY, tmp_path), exclude_ids=gone)
    assert list(left.X.index) == [one for one in whole.X.index if one not in gone]
    for table in ("patients", "biomarkers"):
        frame = getattr(left.cohort, table).reset_index()
        assert not frame["patient_id"].isin(gone).any(), table
    assert NOT_FOUND not in left.notes
    assert NOT_FOUND in read_study_data(of(REGISTRY, tmp_path), exclude_ids=[*gone, "nobody"]).notes


def test_predictions(folder):
    call = {"time": "months", "event": "status", "risks": ["risk"], "horizon": 6, "id": "id"}
    for file, gone in (("w.csv", ["3", "7"]), ("w.dta", ["3", "7"])):
        left = evaluate_table(folder / file, exclude_ids=gone, **call)
        assert left.evaluation.n == 198
        assert left.ids == tuple(str(k) for k in range(200) if k not in (3, 7))
        assert NOT_FOUND not in left.provenance["notes"]
    assert NOT_FOUND in evaluate_table(folder / "w.csv", exclude_ids=["x"], **call).provenance["notes"]


def test_the_ledger_is_asked_before_the_work(folder, tmp_path, monkeypatch):
    book = tmp_path / "ledger.json"
    ReleaseLedger(book).add("first", range(199), 5, "abc")
    study = of(WIDE, folder).for_release("release", book)

    def worked(*_, **__):
        raise AssertionError

    monkeypatch.setattr("lbp_prognosis.study._run_study.build_models", worked)
    with pytest.raises(DisclosureError, match="single out 1 to 4"):
        run_study(study)
    with pytest.raises(DisclosureError, match="follow by subtraction"):  # the numbers of the five
        run_study(study, exclude_ids=[0, 1, 2, 3, 4, 199])
    ReleaseLedger(tmp_path / "other.json").add("first", range(150), 5, "abc")
    with pytest.raises(AssertionError):  # fifty more: on to the models
        run_study(of(WIDE, folder).for_release("release", tmp_path / "other.json"))
    book.write_text("{")
    with pytest.raises(DataError, match="no ledger"):
        run_study(study)
    nameless = copy.deepcopy(WIDE)
    del nameless["table"]["id"]
    with pytest.raises(ArgumentError, match=r"page\.release_ledger"):
        run_study(Study.from_dict(nameless, folder=folder).for_release("release", book))


def test_modes_that_contradict_themselves(folder):
    study = of(WIDE, folder)
    with pytest.raises(ArgumentError, match="ledger"):
        study.for_release("not-for-release", "l.json")
    with pytest.raises(ArgumentError, match="mode"):
        study.for_release("public")
    with pytest.raises(ArgumentError, match="mode"):
        Study(**{**vars(study), "page": {"mode": "public"}})
    with pytest.raises(ArgumentError, match="smallest_cell"):
        Study(**{**vars(study), "page": {"mode": "not-for-release", "smallest_cell": 5}})
    assert study.gate() is None
    assert study.for_release("release").gate().smallest_cell == 5
    assert of(WIDE, folder, page={"smallest_cell": 8}).for_release("not-for-release").gate() is None
