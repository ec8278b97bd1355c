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

from lbp_prognosis import Surv
from lbp_prognosis._base import ArgumentError
from lbp_prognosis.disclosure import Gate
from lbp_prognosis.evaluation import evaluate
from lbp_prognosis.report import released_page
from lbp_prognosis.report._blocks import Notice, Picture, Table, Words
from lbp_prognosis.report._section_subgroups import section_subgroups
from lbp_prognosis.study import Study, StudyResult, analysis_plan, read_study_data, run_study
from lbp_prognosis.study._study_page import study_page
from lbp_prognosis.study._study_subgroups import check_subgroups
from lbp_prognosis.validation import subgroup_performance

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


def test_groups_of_which_none_is_large_enough_and_bands_of_words_are_refused_before_the_first_fit(tmp_path) -> None:
    frame = rows()
    known = (frame["female"] == 1) & ((frame["status"] == 1) & (frame["months"] <= 6))
    free = (frame["female"] == 1) & ((frame["months"] >= 6) & ~((frame["status"] == 1) & (frame["months"] <= 6)))
    least = int(min(known.sum(), free.sum()))
    women = frame.assign(female=frame["female"].map({1: "w", 0: None}))
    women.loc[women["female"].isna(), "months"] = 1.0  # nobody of the others is followed to the horizon
    women.to_csv(tmp_path / "w.csv", index=False)

    def data_of(**groups: Any) -> tuple[Study, Any]:
        study = Study.from_dict({**TABLE, "subgroups": {"columns": ["female"], **groups}}, folder=tmp_path)
        return study, read_study_data(study)

    check_subgroups(*data_of(min_events=least))
    with pytest.raises(ArgumentError, match=rf"`subgroups.min_events` must be events.*got {least + 1}, which none has"):
        check_subgroups(*data_of(min_events=least + 1))
    with pytest.raises(ArgumentError, match=r"`subgroups.bands.female` must be cut points of a column of numbers"):
        check_subgroups(*data_of(bands={"female": [1]}))
    y = Surv.right(frame["months"], frame["status"])
    with pytest.raises(ArgumentError, match=r"`bands\['sex'\]` must be cut points of a numeric variable"):
        subgroup_performance(y, np.full(N, 0.5), {"sex": ["m", "w"] * (N // 2)}, 6.0, bands={"sex": [1]})


def test_a_dash_has_its_reason(result) -> None:
    shown = result.subgroups
    table = shown.performance.table.copy()
    gone = (table["group"] == "60 or more") & (table["metric"] == "auc")
    table.loc[gone, ["value", "se", "low", "high"]] = np.nan
    table.loc[gone, "reason"] = "5 at risk at 6, fewer than 10 (min_at_risk)"
    blanked = replace(shown, performance=replace(shown.performance, table=table), heterogeneity=shown.heterogeneity[:0])
    section = section_subgroups(replace(study_page(result), subgroups=blanked))
    shown = next(block for block in section.blocks if isinstance(block, Table))
    assert " ¹ 5 at risk at 6, fewer than 10." in shown.notes
    (row,) = (row for row in shown.cells if "60 or more" in row)
    assert "–¹" in row
    assert any("no test of heterogeneity" in block.text for block in section.blocks if isinstance(block, Words))
