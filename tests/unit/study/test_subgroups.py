"""For whom a modality adds: groups of a study, read, compared out of fold, shown, not released."""

from __future__ import annotations

import copy
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.stats import chi2

from lbp_prognosis._base import ArgumentError
from lbp_prognosis.disclosure import Gate
from lbp_prognosis.evaluation import evaluate
from lbp_prognosis.report import released_page
from lbp_prognosis.report._blocks import Notice, Picture, Table
from lbp_prognosis.report._section_subgroups import section_subgroups
from lbp_prognosis.study import Study, StudyResult, analysis_plan, run_study
from lbp_prognosis.study._study_page import study_page

N = 400
TABLE: dict[str, Any] = {
    "title": "Recovery",
    "table": {"wide": "w.csv", "time": "months", "event": "status", "site": "site"},
    "outcome": {
        "name": "recovery",
        "definition": "Pain gone.",
        "polarity": "good",
        "time_zero": "first visit",
        "unit": "months",
        "horizons": [6],
    },
    "modalities": {"clinical": ["pain", "age", "female"], "imaging": ["modic"]},
    "model": [
        {"name": "clinical", "kind": "cox", "modalities": ["clinical"]},
        {"name": "with MRI", "kind": "cox", "modalities": ["clinical", "imaging"]},
    ],
    "comparison": {"clinical": "clinical", "extended": "with MRI"},
    "subgroups": {"columns": ["female", "age", "site"], "bands": {"age": [40, 60]}, "risk_groups": 3},
    "decision": {"low": 0.2, "high": 0.6, "primary": 0.4, "step": 0.1, "rationale": "because"},
    "validation": {"folds": 3, "repeats": 1, "resamples": 0},
}


def rows() -> pd.DataFrame:
    rng = np.random.default_rng(4)
    frame = pd.DataFrame(
        {
            "pain": rng.integers(2, 11, N),
            "age": rng.integers(25, 75, N),
            "female": np.arange(N) % 2,
            "modic": rng.normal(size=N).round(3),
            "site": np.where(np.arange(N) < 8, "small", np.where(np.arange(N) % 3, "north", "south")),
        }
    )
    rate = 0.12 * np.exp(0.15 * (frame["pain"] - 6) + 1.2 * frame["modic"] * (frame["female"] == 1))
    time, end = rng.exponential(1 / rate), rng.uniform(3, 24, N)
    return frame.assign(months=np.minimum(time, end).round(3) + 0.001, status=(time <= end).astype(int))


@pytest.fixture(scope="module")
def result(tmp_path_factory) -> StudyResult:
    folder = tmp_path_factory.mktemp("subgroups")
    rows().to_csv(folder / "w.csv", index=False)
    return run_study(Study.from_dict(TABLE, folder=folder))


def test_differences_are_those_of_evaluation_in_the_rows_of_a_group(result) -> None:
    shown = result.subgroups
    women = (result.data.X["female"] == 1).to_numpy()
    risks = {name: risk[women, 0] for name, risk in result.cross_validation.risks.items()}
    found = evaluate(result.data.y[women], risks, 6.0, [0.4], target="no_event", n_resamples=0)
    table = shown.performance.table
    own = table[(table["variable"] == "female") & (table["group"] == "1") & (table["reference"] == "clinical")]
    for metric in ("ipa", "auc", "brier"):
        line = own[own["metric"] == metric].iloc[0]
        wanted = found.difference(metric, "with MRI", "clinical")
        assert [line["value"], line["se"]] == pytest.approx([float(wanted.value), float(wanted.se)], rel=1e-12)
    numbers = result.subgroups.to_frame()
    assert "female: 1" in set(numbers["group"])


def test_heterogeneity_of_what_is_added_is_cochrans_q_of_the_differences(result) -> None:
    shown = result.subgroups
    tests, table = shown.heterogeneity, shown.performance.table
    row = tests[(tests["variable"] == "female") & (tests["metric"] == "brier")].iloc[0]
    own = table[(table["variable"] == "female") & (table["metric"] == "brier") & (table["reference"] == "clinical")]
    weight = 1 / own["se"].to_numpy(float) ** 2
    mean = np.average(own["value"].astype(float), weights=weight)
    q = float(np.sum(weight * (own["value"].to_numpy(float) - mean) ** 2))
    assert [row["q"], row["p"]] == pytest.approx([q, chi2.sf(q, 1)], rel=1e-12)
    assert row["p"] < 0.01  # the MRI tells something of women only
    with pytest.raises(ArgumentError, match="`against` must be one of"):
        shown.performance.heterogeneity("x")
    with pytest.raises(ArgumentError, match="`metrics` must be measures among"):
        shown.performance.heterogeneity("clinical", ["mae"])


def test_groups_are_bands_sites_and_thirds_of_the_clinical_risk_and_small_ones_are_counted(result) -> None:
    groups = result.subgroups.performance.groups.set_index(["variable", "group"])
    sizes = groups.loc["risk of clinical", "n"].to_numpy()
    assert sizes.sum() == N
    assert sizes.max() - sizes.min() <= 2
    assert list(groups.loc["age"].index) == ["below 40", "40 to below 60", "60 or more"]
    assert groups.loc[("site", "small"), ["evaluated", "n"]].tolist() == [False, 8]


def test_the_page_tells_for_whom_and_a_page_for_release_does_not(result) -> None:
    page = study_page(result)
    section = section_subgroups(page)
    assert section.question == "For whom does imaging add?"
    tables = [block for block in section.blocks if isinstance(block, Table)]
    assert [len(table.frame) for table in tables] == [11, 16]
    assert sum(isinstance(block, Picture) for block in section.blocks) == 1
    assert any(isinstance(block, Notice) for block in section.blocks)

    released = released_page(replace(page, gate=Gate(share=1.0, smallest_cell=5)))
    assert released.subgroups is None
    assert section_subgroups(released) is None
    assert not released.numbers["group"].astype(str).str.startswith("female").any()


def test_the_plan_names_the_groups_and_a_study_without_them_keeps_its_digest(result) -> None:
    told = analysis_plan(result.study).to_markdown()
    assert "age (cut at 40, 60), site, 3 groups by the out-of-fold risk of clinical" in told
    bare = {name: part for name, part in TABLE.items() if name != "subgroups"}
    assert "subgroups" not in Study.from_dict(bare).to_dict()


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"subgroups": {"columns": ["sex"]}}, "subgroups.columns"),
        ({"subgroups": {"columns": ["female"], "bands": {"age": [40]}}}, "subgroups.bands"),
        ({"subgroups": {"columns": ["age"], "bands": {"age": [60, 40]}}}, "increasing cut points"),
        ({"subgroups": {"columns": ["age", "age"]}}, "each named once"),
        ({"subgroups": {}}, "at least one column"),
        ({"subgroups": {"risk_groups": 1}}, "2 to 10"),
        ({"subgroups": {"risk_groups": 11}}, "subgroups.risk_groups"),
        ({"subgroups": {"columns": ["female"], "min_event": 5}}, "min_events"),
        ({"comparison": {}}, "left out of a study without"),
        ({"table": {"wide": "w.csv", "time": "months", "event": "status"}}, "without `site`"),
        ({"transform": {"log": ["age"]}}, "leaves as they are"),
    ],
)
def test_the_reader_is_strict(change, match) -> None:
    table = {**copy.deepcopy(TABLE), **change}
    with pytest.raises(ArgumentError, match=match):
        Study.from_dict({name: part for name, part in table.items() if part != {} or name == "subgroups"})


def test_numbers_without_bands_are_refused_before_the_first_fit(tmp_path: Path) -> None:
    rows().to_csv(tmp_path / "w.csv", index=False)
    study = Study.from_dict({**TABLE, "subgroups": {"columns": ["age"]}}, folder=tmp_path)
    with pytest.raises(ArgumentError, match=r"subgroups.bands.age"):
        run_study(study)
