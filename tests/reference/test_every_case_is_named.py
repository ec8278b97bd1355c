"""Every stored case stands in the table of this folder, and a test reads it."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
ENGINE = re.compile(r"(a|b|c|cd|d|e|f)_")
VALIDATION = re.compile(r"[g-l]_")


def engine_cases(folder: Path) -> list[str]:
    """Names of the cases without Monte-Carlo error that are about curves, models and metrics."""
    found = []
    for path in sorted((folder / "reference" / "visible").glob("*.json")):
        case = json.loads(path.read_text(encoding="utf-8"))
        if not case["kind"].endswith("stochastic") and (ENGINE.match(case["kind"]) or "edge" in case["kind"]):
            found.append(case["case"])
    return found


def validation_cases(folder: Path) -> list[str]:
    """Names of the cases about imputation, reliability, sample size, meta-analysis and resampling."""
    found = [json.loads(path.read_text(encoding="utf-8")) for path in (folder / "reference" / "visible").glob("*.json")]
    return sorted(case["case"] for case in found if VALIDATION.match(case["kind"]))


def table_rows() -> list[list[str]]:
    lines = (HERE / "README.md").read_text(encoding="utf-8").splitlines()
    table = [line for line in lines if line.startswith("|")][2:]
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in table]


def named_in(row: list[str]) -> set[str]:
    return set(re.findall(r"[a-z][a-z0-9_]*", row[0]))


def names_read(path: Path) -> tuple[set[str], set[str]]:
    """Text constants of a test file, and the fixed starts of the names it puts together with f-strings."""
    constants, starts = set(), set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            constants |= {node.value, *node.value.split()}
        elif isinstance(node, ast.JoinedStr) and isinstance(node.values[0], ast.Constant) and len(node.values) == 2:
            starts.add(str(node.values[0].value))
    return constants, starts


def is_read(case: str, constants: set[str], starts: set[str]) -> bool:
    return case in constants or any(
        case.startswith(start) and case.removeprefix(start) in constants for start in starts if start
    )


def test_every_case_has_a_row_and_a_test(shared):
    cases = engine_cases(shared)
    assert len(cases) > 90
    rows = table_rows()
    unnamed = [case for case in cases if not any(case in named_in(row) for row in rows)]
    assert not unnamed, f"not in the table of README.md: {unnamed}"
    files = [names_read(path) for path in HERE.glob("test_*.py") if path.name != Path(__file__).name]
    unread = [case for case in cases if not any(is_read(case, *file) for file in files)]
    assert not unread, f"no test here reads them: {unread}"


def test_every_case_of_validation_has_a_row_and_a_test(shared):
    cases = validation_cases(shared)
    assert len(cases) > 30
    rows = table_rows()
    unnamed = [case for case in cases if not any(case in named_in(row) for row in rows)]
    assert not unnamed, f"not in the table of README.md: {unnamed}"
    files = [names_read(path) for path in HERE.parent.rglob("test_*.py") if path.name != Path(__file__).name]
    unread = [case for case in cases if not any(is_read(case, *file) for file in files)]
    assert not unread, f"no test reads them: {unread}"


def test_rows_are_complete():
    for row in table_rows():
        assert len(row) == 4, row
        assert all(row), f"an empty cell: {row}"


@pytest.mark.parametrize("absent", ["km_nobody", "cox_nobody_efron"])
def test_a_case_that_is_not_covered_is_found(absent):
    assert not any(absent in named_in(row) for row in table_rows())
    assert not any(is_read(absent, *names_read(path)) for path in HERE.glob("test_*.py") if path != Path(__file__))
