"""Studies on real tables print the numbers of the documentation."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from sklearn.metrics import cohen_kappa_score

ROOT = Path(__file__).resolve().parents[2]
PRINTED = ROOT / "docs" / "explain"


def script(name: str) -> dict[str, Any]:
    return runpy.run_path(str(ROOT / "examples" / f"{name}.py"))


def test_spider_gradings_prints_the_numbers_of_the_page(shared, capsys):
    folder = shared / "data" / "spider_gradings"
    spider = script("spider_gradings")
    spider["main"](str(folder))
    assert capsys.readouterr().out == (PRINTED / "spider_gradings.txt").read_text(encoding="utf-8")
    raw = pd.read_csv(folder / "radiological_gradings.csv")
    grade = raw.pivot_table(index="Patient", columns="IVD label", values="Pfirrman grade")
    for kappa, level in zip(spider["neighbours"](spider["lumbar"](folder)).values(), range(1, 5)):
        both = grade[[level, level + 1]].dropna().astype(int)
        assert kappa.value == pytest.approx(cohen_kappa_score(*both.to_numpy().T, weights="quadratic"), abs=1e-12)


def test_trace_is_associated_with_death(shared):
    found = script("trace_wall_motion")["associated"](shared / "data" / "trace")
    assert (found.n, found.n_events, found.test) == (1878, 970, "likelihood_ratio")
    assert found.statistic == pytest.approx(81.4, abs=0.05)
    assert found.p == pytest.approx(2e-19, rel=0.1)


@pytest.mark.slow
def test_trace_prints_the_numbers_of_the_page(shared, capsys):
    script("trace_wall_motion")["main"](str(shared / "data" / "trace"))
    assert capsys.readouterr().out == (PRINTED / "trace_wall_motion.txt").read_text(encoding="utf-8")


@pytest.mark.slow
@pytest.mark.parametrize("table", ["TRACE.csv", "glow500.csv", "painr_raw_603.csv", "lbp_chronic_missing.csv"])
def test_added_value_by_each_fusion_prints_the_numbers_of_the_page(table, shared, tmp_path, capsys):
    found = sorted(shared.rglob(table))
    (tmp_path / table).symlink_to(found[0])
    script("added_by_fusion")["main"](str(tmp_path))
    said = [line for line in capsys.readouterr().out.splitlines() if not line.startswith("skipped: ")]
    printed = (PRINTED / "added_by_fusion.txt").read_text(encoding="utf-8").splitlines()
    start = next(k for k, line in enumerate(printed) if line.startswith(f"{table}, "))
    assert said == printed[start : start + len(said)]


@pytest.mark.parametrize("name", ["added_by_fusion", "spider_gradings", "trace_wall_motion"])
def test_studies_say_where_the_table_is_absent(name, tmp_path, capsys):
    script(name)["main"](str(tmp_path))
    assert capsys.readouterr().out.startswith("skipped: ")
