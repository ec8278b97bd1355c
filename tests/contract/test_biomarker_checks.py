"""The table of measures, checks and errors is that of the code: no measure without a line, no line without a test."""

from __future__ import annotations

import ast
import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest

from lbp_prognosis._draw import LINE_NAMES
from lbp_prognosis.biomarkers import FAMILIES
from lbp_prognosis.biomarkers._disc_grade import SCALES
from lbp_prognosis.schema import measures

ROOT = Path(__file__).resolve().parents[2]
ROOM = ROOT / "lbp_prognosis" / "biomarkers"
FILES = [
    *sorted((ROOM / "families").glob("*.py")),
    *(ROOM / name for name in ("_segmental_motion.py", "_bone_density.py", "_disc_grade.py")),
]


@pytest.fixture(scope="module")
def writer() -> ModuleType:
    spec = importlib.util.spec_from_file_location("write_biomarkers", ROOT / "docs" / "write_biomarkers.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def listed(writer: ModuleType) -> list[str]:
    return [name for row in writer.checks() for name in row["measures"].split()]


def _in_code() -> tuple[set[str], set[str]]:
    """Return the measures that the families name, and those that their patterns can give."""
    known = {name for name, fact in measures().items() if "biomarker" in fact["tables"]}
    named, possible = set(), set()
    for path in FILES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and node.value in known:
                named.add(node.value)
            if isinstance(node, ast.JoinedStr):
                parts = [str(p.value) if isinstance(p, ast.Constant) else "" for p in node.values]
                pattern = "".join(re.escape(part) or ".+" for part in parts)
                possible |= {name for name in known if any(parts) and re.fullmatch(pattern, name)}
    named -= set(SCALES)  # readers' grades, which a calibration learns from; no family measures them
    return named, named | possible


def test_each_measure_of_the_families_has_its_line(listed: list[str]) -> None:
    named, possible = _in_code()
    assert len(listed) == len(set(listed))
    assert named <= set(listed), f"without a line in docs/howto/biomarker_checks.csv: {sorted(named - set(listed))}"
    assert set(listed) <= possible, f"no family gives {sorted(set(listed) - possible)}"


def test_each_line_names_a_family_a_finding_and_a_test_that_exists(writer: ModuleType) -> None:
    for row in writer.checks():
        assert row["family"] in {*FAMILIES, "motion"}, row
        assert all(row[name].strip() for name in ("checked_on", "error")), row
        path, name = row["test"].split("::")
        tree = ast.parse((ROOT / "tests" / path).read_text(encoding="utf-8"))
        assert name in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}, row["test"]


def test_each_measure_is_seen_in_the_figure_or_says_why_not(writer: ModuleType) -> None:
    shown = [row["figure"] for row in writer.checks()]
    without = [row["measures"] for row in writer.checks() if row["figure"].startswith("none: ")]
    kinds = {kind for figure in shown if not figure.startswith("none: ") for kind in figure.split()}
    assert all(figure.strip() for figure in shown)
    assert kinds - {"contour"} == set(LINE_NAMES) - {"own"}
    assert {row["family"] for row in writer.checks() if not row["figure"].startswith("none: ")} == set(FAMILIES)
    assert without == ["segmental_rotation", "segmental_translation segmental_translation_percent"]


def test_the_page_shows_the_table(writer: ModuleType) -> None:
    page = writer.PAGE.read_text(encoding="utf-8")
    assert writer.page_with_table(page) == page, "run python docs/write_biomarkers.py"
