"""Workbooks recalculated by LibreOffice: what a clinician's program makes of the formulas."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

OFFICE = shutil.which("soffice") or shutil.which("libreoffice")
needs_office = pytest.mark.skipif(OFFICE is None, reason="no LibreOffice")


def recalculated(folder: Path, books: list[Path]) -> list[Any]:
    """Return the first sheet of each workbook with the values that LibreOffice computes."""
    import openpyxl

    assert OFFICE is not None
    out = folder / "recalculated"
    profile = f"-env:UserInstallation={(folder / 'profile').as_uri()}"
    command = [OFFICE, "--headless", profile, "--convert-to", "xlsx", "--outdir", str(out), *map(str, books)]
    subprocess.run(command, check=True, capture_output=True, timeout=300)
    return [openpyxl.load_workbook(out / book.name, data_only=True).worksheets[0] for book in books]


def filled(source: Path, target: Path, values: dict[str, Any]) -> Path:
    """Copy a workbook and type values into its cells."""
    import openpyxl

    book = openpyxl.load_workbook(source)
    for cell, value in values.items():
        book.worksheets[0][cell] = value
    book.save(target)
    return target
