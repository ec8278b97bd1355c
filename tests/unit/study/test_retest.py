"""``[retest]``: predictors judged by repeated measurements, as a study file declares them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from lbp_prognosis._base import ArgumentError, DataError
from lbp_prognosis.fusion import RepeatableColumns
from lbp_prognosis.study import Study, read_study_data
from lbp_prognosis.study._build_models import build_models
from lbp_prognosis.study._model_plan import ModelPlan
from lbp_prognosis.study._plan_sections import plan_sections
from lbp_prognosis.study._study_association import study_association

COLUMNS = ["entropy", "contrast"]


def protocol(folder: Any, changes: dict[str, Any] | None = None, **retest: Any) -> Study:
    rng = np.random.default_rng(0)
    n = 90
    frame = pd.DataFrame({"id": [f"{k:03d}" for k in range(n)], "age": rng.normal(50, 9, n).round()})
    frame[COLUMNS] = rng.normal(size=(n, 2))
    frame.loc[:2, "age"] = np.nan
    frame["time"], frame["event"] = rng.exponential(8, n).round(1) + 0.1, rng.integers(0, 2, n)
    frame.to_csv(folder / "w.csv", index=False)
    test = frame.loc[rng.permutation(n)[:50], ["id", *COLUMNS]]
    again = test.assign(**{c: test[c] + rng.normal(size=50) * sd for c, sd in zip(COLUMNS, (0.1, 1.0))})
    again.iloc[0, 1] = -9
    test.to_csv(folder / "test.csv", index=False)
    again.sample(frac=1, random_state=1).to_csv(folder / "retest.csv", index=False)
    given = {"tables": ["test.csv", "retest.csv"], "id": "id", "missing": [-9], **retest}
    spec = {"name": "e", "definition": "d", "polarity": "bad", "time_zero": "z", "unit": "months", "horizons": [6]}
    told = {
        "title": "t",
        "table": {"wide": "w.csv", "id": "id", "time": "time", "event": "event", "censored": 0},
        "outcome": spec,
        "modalities": {"clinical": ["age"], "imaging": COLUMNS},
        "retest": {key: value for key, value in given.items() if value is not None},
        "model": [{"name": "m", "kind": "cox", "modalities": ["clinical", "imaging"], "imputations": 2}],
    }
    return Study.from_dict({**told, **(changes or {})}, folder=folder)


def test_the_study_judges_columns_in_each_training_set(tmp_path: Any) -> None:
    study = protocol(tmp_path)
    data = read_study_data(study)
    assert data.retest is not None
    assert {"test.csv", "retest.csv"} <= set(data.hashes)
    model = build_models(study, data)["m"]
    step = model.steps[-1]
    assert isinstance(step, RepeatableColumns)
    assert list(step.columns) == COLUMNS
    fitted = model.fit(data.X, data.y)
    assert list(fitted.models_[0].feature_names_in_) == ["age", "entropy"]
    whole = build_models(study, data)["m"].steps[-1].fit(data.X.fillna(0))
    assert whole.icc_["n"].tolist() == [49, 50]  # -9 is missing
    training = data.X.iloc[::2]
    n = build_models(study, data)["m"].steps[-1].fit(training.fillna(0)).icc_["n"]
    there = pd.read_csv(tmp_path / "test.csv", dtype={"id": str})["id"].isin(training.index).sum()
    assert n.iloc[1] == there < 50
    assert np.isfinite(fitted.predict_risk(data.X, [6.0])).all()
    plain = protocol(tmp_path, {"model": [{"name": "m", "kind": "cox", "modalities": ["clinical"]}]})
    assert "RepeatableColumns" not in str(build_models(plain, read_study_data(plain))["m"].steps)
    assert any("kept where the lower limit (95%) of ICC(2,1)" in str(part) for part in plan_sections(study))


def test_the_test_of_association_keeps_all_columns_and_this_is_said(tmp_path: Any) -> None:
    parts = {"c": ["clinical"], "m": ["clinical", "imaging"]}
    models = [{"name": name, "kind": "cox", "modalities": part, "imputations": 1} for name, part in parts.items()]
    study = protocol(tmp_path, {"model": models, "comparison": {"clinical": "c", "extended": "m"}})
    assert "A test of association keeps all of them" in str(plan_sections(study))
    found, untested = study_association(study, read_study_data(study))
    assert found is not None
    assert not untested
    assert list(found.added) == COLUMNS


def test_withdrawn_and_other_patients(tmp_path: Any) -> None:
    study = protocol(tmp_path)
    first = pd.read_csv(tmp_path / "test.csv", dtype={"id": str})["id"].iloc[1]
    data = read_study_data(study, exclude_ids=[first])
    assert data.retest is not None
    assert first not in data.retest.readings[0].index
    with pytest.raises(ArgumentError, match=r"`retest.external` must be false.*50 of 'test.csv' are"):
        read_study_data(protocol(tmp_path, external=True))
    for name in ("test.csv", "retest.csv"):
        frame = pd.read_csv(tmp_path / name, dtype={"id": str})
        frame.assign(id="v" + frame["id"]).to_csv(tmp_path / f"other_{name}", index=False)
    others = {"tables": ["other_test.csv", "other_retest.csv"]}
    with pytest.raises(DataError, match=r"No patient of the study.*external = true"):
        read_study_data(protocol(tmp_path, **others))
    study = protocol(tmp_path, external=True, **others)
    data = read_study_data(study)
    step = build_models(study, data)["m"].steps[-1].fit(data.X.fillna(0))
    assert step.dropped_ == ["contrast"]
    assert step.icc_["n"].tolist() == [49, 50]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"tables": ["test.csv"]}, "retest.tables"),
        ({"tables": "test.csv"}, "retest.tables"),
        ({"minimum": 1.2}, "retest.minimum"),
        ({"minimum": "0.8"}, "retest.minimum"),
        ({"form": "4,1"}, "form"),
        ({"external": "no"}, "retest.external"),
        ({"colums": COLUMNS}, "columns"),
        ({"columns": ["entropi"]}, "entropy"),
    ],
)
def test_what_a_file_is_refused_for(tmp_path: Any, changes: dict[str, Any], words: str) -> None:
    with pytest.raises(ArgumentError) as told:
        protocol(tmp_path, **changes)
    assert words in str(told.value)


@pytest.mark.parametrize(
    ("model", "words"),
    [
        ({"splines": {"entropy": 3}}, "splines"),
        ({"formula": "age + entropy"}, "formula"),
        ({"kind": "priority_cox"}, "priority_cox"),
        ({"kind": "boosted_cox", "options": {"monotone": {"entropy": 1}}}, "options"),
    ],
)
def test_models_that_need_a_judged_column_by_name_are_refused(tmp_path: Any, model: dict[str, Any], words: str) -> None:
    given = {"name": "m", "kind": "cox", "modalities": ["clinical", "imaging"], **model}
    study = protocol(tmp_path, {"model": [given]})
    with pytest.raises(ArgumentError, match=words):
        build_models(study, read_study_data(study))


def test_models_inside_others_judge_their_own_columns(tmp_path: Any) -> None:
    learners = {"clinical": "cox", "clinical+imaging": "cox"}
    plan = ModelPlan("s", "average", ("clinical", "imaging"), {"learners": learners})
    study = protocol(tmp_path)
    data = read_study_data(study)
    made = plan.pipeline(
        {"clinical": ["age"], "imaging": COLUMNS},
        incomplete=False,
        visits=None,
        nominal=False,
        random_state=0,
        horizon=6.0,
        retest=data.retest,
    )
    one, other = made.model.learners.values()
    assert not one.steps
    assert [list(step.columns) for step in other.steps] == [COLUMNS]


def test_rows_without_a_patient_and_transformed_columns(tmp_path: Any) -> None:
    wide = {"wide": "w.csv", "time": "time", "event": "event", "censored": 0}
    with pytest.raises(ArgumentError, match=r"table.id"):
        protocol(tmp_path, {"table": wide})
    with pytest.raises(ArgumentError, match=r"\[transform\]"):
        protocol(tmp_path, {"transform": {"log1p": ["entropy"]}}, columns=COLUMNS)
    (tmp_path / "retest.csv").write_text("id,entropy\n001,1\n001,2\n")
    study = protocol(tmp_path)
    frame = pd.read_csv(tmp_path / "retest.csv", dtype={"id": str})
    pd.concat([frame, frame.iloc[:1]]).to_csv(tmp_path / "retest.csv", index=False)
    with pytest.raises(DataError, match="1 rows repeat one"):
        read_study_data(study)


def test_a_table_that_is_given_twice_is_refused(tmp_path: Any) -> None:
    study = protocol(tmp_path)
    (tmp_path / "retest.csv").write_bytes((tmp_path / "test.csv").read_bytes())
    with pytest.raises(DataError, match=r"'test.csv', 'retest.csv' have the same content"):
        read_study_data(study)
