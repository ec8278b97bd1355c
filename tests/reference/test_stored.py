"""The committed part of the reference values equals the folder, and contains only tables that may be redistributed."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent / "stored"
FILES = sorted(path.relative_to(HERE) for path in HERE.rglob("*") if path.is_file())
# of R's package survival, constructed, or printed in a paper
MAY = re.compile(
    r"(colon|heart|kidney|lung|pbc|rats|retinopathy|veteran|edge)[a-z_]*|perf(grid)?_(colon_even|gbsg5)"
    r"|icc_shrout_fleiss|blandaltman_pefr|te300|cal300"
)


def test_only_tables_that_may_be_redistributed_are_committed() -> None:
    tables = [path.stem for path in FILES if path.suffix == ".csv"]
    assert len(tables) >= 20
    assert [name for name in tables if not MAY.fullmatch(name)] == []


def test_committed_values_are_those_of_the_folder(shared: Path) -> None:
    differ = [str(path) for path in FILES if (HERE / path).read_bytes() != (shared / path).read_bytes()]
    assert differ == []


def test_a_case_that_is_committed_is_found_without_the_folder(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, stored_file: object
) -> None:
    find = stored_file
    monkeypatch.setitem(find.__globals__, "SHARED", tmp_path)  # type: ignore[attr-defined]
    assert find("methods_golden.json") == HERE / "methods_golden.json"  # type: ignore[operator]
    with pytest.raises(pytest.skip.Exception, match="may not be redistributed"):
        find("reference", "data", "lbp_cox.csv")  # type: ignore[operator]
