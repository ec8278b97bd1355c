"""Markers of what may not be printed: identifiers become some, and so does what a case puts into a valid cell."""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path

from hostile.cases import valid_package

__all__ = ["marked", "rows_of", "shown"]

MARKERS = {"a": "Zwetschgenbaum", "b": "Quittenstrauch", "p01": "Mirabellenast"}
DESIGN = {"three_point", "house_scale", "death"}  # names of a method, an instrument and a kind of event: no patient's
USUAL = {cell for text in valid_package().values() for row in csv.reader(io.StringIO(text)) for cell in row}


def rows_of(path: Path) -> list[list[str]]:
    try:
        return list(csv.reader(io.StringIO(path.read_text(encoding="utf-8"))))
    except (UnicodeDecodeError, csv.Error):
        return []


def marked(folder: Path) -> set[str]:
    """Put markers in the place of identifiers; return all cells of patients that no valid package has."""
    cells: set[str] = set()
    for path in sorted(folder.rglob("*.csv")):
        if path.stem == "codebook" or not rows_of(path):
            continue
        for old, new in MARKERS.items():
            text = re.sub(rf"(?m)^{old},", f"{new},", path.read_text(encoding="utf-8"))
            path.write_bytes(text.encode())
        cells |= {cell.strip() for row in rows_of(path)[1:] for cell in row} - USUAL
    return ({cell for cell in cells if len(cell) >= 3} - DESIGN) | set(MARKERS.values())


def shown(cells: set[str], said: str) -> list[str]:
    return sorted(cell for cell in cells if re.search(rf"(?<![\w.]){re.escape(cell)}(?![\w.])", said))
