"""Fixtures shared by all tests: where reference values and public tables lie, if they lie anywhere."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest
from exact_tables import read_exact

ROOT = Path(__file__).resolve().parent.parent
SHARED = Path(os.environ.get("LBP_REFERENCE_FOLDER", ROOT.parent / "shared"))


@pytest.fixture(autouse=True)
def figures_closed():
    """Close what a test has drawn: many open figures are a warning, and warnings are errors."""
    yield
    if "matplotlib.pyplot" in sys.modules:
        sys.modules["matplotlib.pyplot"].close("all")


@pytest.fixture(scope="session")
def shared() -> Path:
    """Folder of reference values and public tables; the test is skipped where it is absent."""
    if not (SHARED / "reference").is_dir():
        pytest.skip("the folder of reference values is not beside this checkout")
    return SHARED


@pytest.fixture(scope="session")
def reference_case(shared: Path):
    """Return a function: name of a case -> its JSON."""
    return lambda name: json.loads((shared / "reference" / "visible" / f"{name}.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="session")
def reference_csv(shared: Path):
    """Return a function: name of a table -> its frame, read without rounding."""
    return lambda name: read_exact(shared / "reference" / "data" / name)


@pytest.fixture(scope="session")
def golden(shared: Path) -> dict:
    """Worked numbers of the methods notes."""
    return json.loads((shared / "methods_golden.json").read_text(encoding="utf-8"))
