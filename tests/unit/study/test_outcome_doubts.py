"""Doubts about the outcome reach the page: a study run from its protocol says them beside the numbers."""

from __future__ import annotations

import copy
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from lbp_prognosis.study import Study, read_study_data, run_study

pytest.importorskip("jinja2")
pytest.importorskip("matplotlib").use("Agg")

TABLE = {
    "title": "t",
    "seed": 4,
    "table": {"wide": "w.csv", "id": "id", "time": "months", "event": "status"},
    "outcome": {
        "name": "response",
        "definition": "two points better than at the start",
        "polarity": "good",
        "time_zero": "visit",
        "unit": "months",
        "horizons": [6],
        "constructs": ["nrs_back"],
        "change": True,
    },
    "modalities": {"clinical": ["age", "nrs_back", "nrs_back_3m"]},
    "model": [{"name": "clinical", "kind": "cox", "modalities": ["clinical"]}],
    "validation": {"folds": 3, "repeats": 1, "resamples": 0},
}


def _study(folder: Path, **outcome: object) -> Study:
    table = copy.deepcopy(TABLE)
    table["outcome"] = {**table["outcome"], **outcome}
    return Study.from_dict(table, folder=folder)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    where = tmp_path_factory.mktemp("wide")
    rng = np.random.default_rng(0)
    n = 160
    frame = pd.DataFrame(
        {
            "id": np.arange(n),
            "months": rng.exponential(6, n).round(2) + 0.1,
            "status": rng.integers(0, 2, n),
            "age": rng.normal(50, 12, n),
            "nrs_back": rng.integers(2, 11, n),
            "nrs_back_3m": rng.integers(0, 11, n),
        }
    )
    frame.to_csv(where / "w.csv", index=False)
    return where


@pytest.mark.usefixtures("unexplained")
def test_the_page_names_predictors_that_are_the_outcome(folder: Path, tmp_path: Path) -> None:
    result = run_study(_study(folder, estimand="treatment-policy"))
    codes = [doubt.code for doubt in result.objections]
    assert {"change-from-baseline", "later-than-time-zero"} <= set(codes)
    result.write(tmp_path)
    page = next(tmp_path.rglob("*.html")).read_text(encoding="utf-8")
    assert "is that baseline or measures the same" in page
    assert "Judging by their names, nrs_back_3m measure nrs_back" in page
    assert "was not declared" not in page


@pytest.mark.usefixtures("unexplained")
def test_an_estimand_that_was_not_declared_is_on_the_page(folder: Path, tmp_path: Path) -> None:
    result = run_study(_study(folder, change=False))
    assert "estimand-not-declared" in {doubt.code for doubt in result.objections}
    assert "change-from-baseline" not in {doubt.code for doubt in result.objections}
    result.write(tmp_path)
    page = next(tmp_path.rglob("*.html")).read_text(encoding="utf-8")
    assert "The estimand for treatment during follow-up was not declared" in page


def test_an_outcome_without_constructs_is_judged_by_none(folder: Path) -> None:
    data = read_study_data(_study(folder, constructs=[], estimand="while-untreated"))
    assert {doubt.code for doubt in data.objections} == {"no-imaging"}
