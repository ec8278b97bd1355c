"""What is known of a measure of the spine stands once, in ``measures.json``; the code and the schemas agree with it."""

from __future__ import annotations

import ast
import itertools
import json
from pathlib import Path

import pytest

from lbp_prognosis.schema import measures

ROOT = Path(__file__).resolve().parents[3]
UNITS = {fact["unit"] for fact in measures().values()} - {""}
BIOMARKERS = sorted((ROOT / "lbp_prognosis" / "biomarkers").rglob("*.py"))


@pytest.mark.parametrize("table", ["biomarker", "motion"])
def test_a_schema_lists_the_measures_of_its_table(table: str) -> None:
    fields = json.loads((ROOT / "data_schemas" / f"{table}.json").read_text(encoding="utf-8"))["fields"]
    listed = next(field["constraints"]["enum"] for field in fields if field["name"] == "measure")
    assert sorted(listed) == sorted(name for name, fact in measures().items() if table in fact["tables"])


def _pairs(node: ast.AST) -> list[tuple[object, object]]:
    """Neighbouring words of a call or a tuple, and the words under ``measure`` and ``unit`` of a dictionary."""
    if isinstance(node, ast.Dict):
        held = {getattr(k, "value", None): getattr(v, "value", None) for k, v in zip(node.keys, node.values)}
        return [(held.get("measure"), held.get("unit"))]
    parts = node.args if isinstance(node, ast.Call) else node.elts if isinstance(node, ast.Tuple) else []
    words = [getattr(part, "value", None) for part in parts]
    return list(itertools.pairwise(words))


def test_units_in_the_code_are_those_of_the_table() -> None:
    seen = 0
    for path in BIOMARKERS:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            for name, unit in _pairs(node):
                if isinstance(name, str) and name in measures() and unit in UNITS:
                    seen += 1
                    assert unit == measures()[name]["unit"], f"{path.name}, line {node.lineno}: {name} in {unit}"
    assert seen > 40
