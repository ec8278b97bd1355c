"""The page on scores: its numbers are those that the example prints where the table is at hand."""

from __future__ import annotations

import runpy
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "examples" / "neck_pain_scores.py"


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


def test_the_example_says_where_the_file_is_absent(tmp_path) -> None:
    done = subprocess.run([sys.executable, str(SCRIPT), str(tmp_path)], capture_output=True, text=True, check=False)
    assert done.returncode == 0
    assert done.stdout.startswith("skipped: painr_raw_603.csv")
