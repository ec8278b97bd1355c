"""Fixtures shared by all tests: where reference values and public tables lie, if they lie anywhere."""

from __future__ import annotations

import gc
import json
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from exact_tables import read_exact

ROOT = Path(__file__).resolve().parent.parent
SHARED = Path(os.environ.get("LBP_REFERENCE_FOLDER", ROOT.parent / "shared"))
STORED = ROOT / "tests" / "reference" / "stored"


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[object]:
    """Keep what is imported and collected out of the garbage collector, which would read all of it again and again."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()
        gc.set_threshold(20_000, 20, 20)


@pytest.fixture(autouse=True)
def figures_closed():
    """Close what a test has drawn: many open figures are a warning, and warnings are errors."""
    yield
    if "matplotlib.pyplot" in sys.modules:
        sys.modules["matplotlib.pyplot"].close("all")


@pytest.fixture(scope="session")
def reported(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The study of `reported_study`, run once for all files that read what is reported of it; none may change it."""
    from tests.reported_study import result

    return result(tmp_path_factory.mktemp("reported"))


@pytest.fixture(scope="session")
def shared() -> Path:
    """Folder of reference values and public tables; the test is skipped where it is absent."""
    if not (SHARED / "reference").is_dir():
        pytest.skip("the folder of reference values is not beside this checkout")
    return SHARED


def stored(*parts: str) -> Path:
    """Return a file of reference values: of the folder beside the checkout, else of the part that is committed.

    Values of tables that may not be redistributed are only in the folder; their tests are skipped where it is absent.
    """
    for folder in (SHARED, STORED):
        if folder.joinpath(*parts).is_file():
            return folder.joinpath(*parts)
    pytest.skip(f"{parts[-1]} may not be redistributed, and no folder of reference values is beside this checkout")


@pytest.fixture(scope="session")
def stored_file() -> Callable[..., Path]:
    """Return the function `stored`: parts of a path -> the file."""
    return stored


@pytest.fixture(scope="session")
def reference_case() -> Callable[[str], Any]:
    """Return a function: name of a case -> its JSON."""
    return lambda name: json.loads(stored("reference", "visible", f"{name}.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="session")
def reference_csv() -> Callable[[str], Any]:
    """Return a function: name of a table -> its frame, read without rounding."""
    return lambda name: read_exact(stored("reference", "data", name))


@pytest.fixture(scope="session")
def golden() -> dict:
    """Worked numbers of the methods notes."""
    return json.loads(stored("methods_golden.json").read_text(encoding="utf-8"))
