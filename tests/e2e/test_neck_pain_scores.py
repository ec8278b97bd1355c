"""The page on scores: its numbers are those that the example prints where the table is at hand."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest
from command import call_script

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "examples" / "neck_pain_scores.py"
PROTOCOL = SCRIPT.with_suffix(".toml")


@pytest.mark.slow
def test_the_page_has_the_numbers_of_the_script(shared, capsys) -> None:
    found = runpy.run_path(str(SCRIPT))["main"](str(shared / "data" / "painr"))
    if not found:
        pytest.skip("the table is not beside this checkout")
    printed = capsys.readouterr().out
    assert printed.split() == (ROOT / "docs" / "howto" / "scores.txt").read_text(encoding="utf-8").split()


def test_the_parts_that_need_no_refit(shared) -> None:
    folder = shared / "data" / "painr"
    if not (folder / "painr_raw_603.csv").is_file():
        pytest.skip("the table is not beside this checkout")
    import pandas as pd

    import lbp_prognosis as lbp

    script = runpy.run_path(str(SCRIPT))
    table = pd.read_csv(folder / "painr_raw_603.csv")
    visits = {t: table[name] for t, name in script["VISITS"].items()}
    y = lbp.Measured.at_visits(visits, lower=0, upper=10, at_most=2)
    seen = script["attendance"](y)
    assert seen["seen"].tolist() == [int(scores.notna().sum()) for scores in visits.values()]
    page = (ROOT / "docs" / "howto" / "scores.txt").read_text(encoding="utf-8")
    lines = seen.round(3).to_string(index=False).splitlines()
    assert all(line.split() in [row.split() for row in page.splitlines()] for line in lines)


def test_the_example_says_where_the_file_is_absent(tmp_path, capsys, monkeypatch) -> None:
    done = call_script(capsys, monkeypatch, SCRIPT, tmp_path)
    assert done.status == 0
    assert done.out.startswith("skipped: painr_raw_603.csv")


def test_the_protocol_of_the_scores_is_read() -> None:
    from lbp_prognosis.study import Study, analysis_plan

    study = Study.from_toml(PROTOCOL)
    assert study.score is not None
    assert study.score.visits == {1.5: "painint_6weeks", 3.0: "painint_3months"}
    assert "continuous ranked probability score" in analysis_plan(study).to_markdown()


@pytest.mark.slow
def test_the_protocol_of_the_scores_makes_a_page(shared, tmp_path) -> None:
    folder = shared / "data" / "painr"
    if not (folder / "painr_raw_603.csv").is_file():
        pytest.skip("the table is not beside this checkout")
    from dataclasses import replace

    import numpy as np

    from lbp_prognosis.disclosure import Gate
    from lbp_prognosis.report import write_page
    from lbp_prognosis.study import Study, run_study

    result = run_study(Study.from_toml(PROTOCOL, data=folder), n_jobs=1)
    found = result.evaluation
    assert found.metric("crps", "clinical").n == 391
    values = {model: float(found.metric("crps", model).value) for model in found.models}
    assert values["two parts"] < values["all visits"]  # normal errors cannot describe the floor
    assert np.isclose(found.metric("mean_calibration_slope", "clinical").value, 1, atol=0.25)
    page = result.page()
    assert write_page(page, tmp_path / "stays").is_file()
    assert write_page(replace(page, gate=Gate()), tmp_path / "leaves").is_file()
    text = (tmp_path / "leaves" / "evidence.html").read_text(encoding="utf-8")
    assert "Predicted distributions of the score" in text
    assert "beyond error" not in text
