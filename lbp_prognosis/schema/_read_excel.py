"""Adapter to openpyxl: Excel workbooks."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import numpy as np
import pandas as pd

from lbp_prognosis._base import ArgumentError, DataError, argument_error, require
from lbp_prognosis.schema._as_dates import as_dates
from lbp_prognosis.schema._failures import column_failures, failure_frame, merge_failures
from lbp_prognosis.schema._rounded_numbers import rounded_numbers

__all__ = ["read_excel"]


def read_excel(file: Path, sheet: str | None) -> tuple[pd.DataFrame, dict[str, Any], list[str], pd.DataFrame]:
    """Return one sheet unchanged, the sheet's name, notes, and failures."""
    require("openpyxl", caller="read_table", extra="io")
    try:
        sheets, chosen, cells, faults, layout = _cells(file, sheet, stored=True)
    except ArgumentError:
        raise
    except Exception as error:  # openpyxl, zipfile and the XML parser raise different exceptions
        raise DataError(f"The file {file.name!r} is not a readable Excel workbook ({type(error).__name__}).") from error
    rows = [row for row in cells if any(cell is not None for cell in row)]
    if not rows:
        raise DataError(f"The sheet {chosen!r} of {file.name!r} is empty.")
    notes = [f"sheet {chosen!r} of {len(sheets)} was read: {', '.join(map(repr, sheets))}"] if len(sheets) > 1 else []
    width = max(place for row in rows for place, cell in enumerate(row, start=1) if cell is not None)
    head = ["" if cell is None else str(cell).strip() for cell in [*rows[0], *[None] * width][:width]]
    body = [[*row, *[None] * width][:width] for row in rows[1:]]
    notes += layout
    if faults:
        shown = ", ".join(f"{n} {word}" for word, n in sorted(faults.items()))
        notes.append(f"cells that contain an error became missing: {shown}")
    columns = {}
    failures = [failure_frame()]
    for place, name in enumerate(head):
        series = pd.Series([row[place] for row in body], dtype=object)
        columns[place], bad = _typed(series)
        if bad.any():
            notes.append(f"{name}: {int(bad.sum())} dates outside 1677 to 2262 became missing")
            failures.append(column_failures(file.stem, name, "bad_date", bad, series, "a date from 1677 to 2262"))
    frame = pd.DataFrame(columns)
    frame.columns = head
    notes += rounded_numbers(frame)
    empty = [place for place in columns if len(body) and columns[place].isna().all()]
    lost = _uncalculated(file, chosen, empty) if empty else []
    if lost:
        shown = ", ".join(head[place] for place in lost)
        notes.append(f"formulas whose values are not stored: {shown}; open and save the file in a spreadsheet program")
    return frame, {"sheet": chosen}, notes, merge_failures(failures)


def _cells(
    file: Path, sheet: str | None, *, stored: bool
) -> tuple[list[str], str, list[list[Any]], dict[str, int], list[str]]:
    """Return the sheets, the sheet read, its cells by row (errors and blanks None), errors by kind, and notes."""
    import openpyxl

    book = openpyxl.load_workbook(file, read_only=True, data_only=stored)
    try:
        sheets = [page.title for page in book.worksheets]
        if sheet is not None and sheet not in sheets:
            raise argument_error("sheet", f"one of {', '.join(map(repr, sheets))}", repr(sheet))
        chosen = sheet or sheets[0]
        page: Any = book[chosen]
        page.reset_dimensions()  # the size stated in the file is often wrong
        faults: dict[str, int] = {}
        rows = []
        for row in page.iter_rows():
            values: list[Any] = []
            for cell in row:
                value = cell.value
                if cell.data_type == "e":
                    faults[str(value)] = faults.get(str(value), 0) + 1
                    value = None
                values.append(None if isinstance(value, str) and not value.strip() else value)
            rows.append(values)
        layout = _layout(file, page._worksheet_path.lstrip("/"))
    finally:
        book.close()
    return sheets, chosen, rows, faults, layout


def _layout(file: Path, part: str) -> list[str]:
    """Return notes on merged cells, whose value is kept in the first alone, and on hidden rows and columns."""
    with ZipFile(file) as archive:
        text = archive.read(part)
    notes = []
    merged = [ref.decode() for ref in re.findall(rb'<(?:\w+:)?mergeCell\s[^>]*?ref="([A-Z0-9:]+)"', text)]
    if merged:
        more = f" and {len(merged) - 5} more" if len(merged) > 5 else ""
        notes.append(
            f"merged cells: the value is in the first cell, the others are missing: {', '.join(merged[:5])}{more}"
        )
    for what in ("row", "col"):
        hidden = len(re.findall(rb'<(?:\w+:)?%s\s[^>]*?hidden="(?:1|true)"' % what.encode(), text))
        if hidden:
            words = {"row": "rows", "col": "ranges of columns"}[what]
            notes.append(f"hidden {words} were read as all others: {hidden}")
    return notes


def _typed(series: pd.Series) -> tuple[pd.Series, np.ndarray]:
    """Return a column with one type of cell as that type (mixed columns unchanged), and dates out of range."""
    nothing = np.zeros(len(series), dtype=bool)
    present = series[series.notna()]
    if len(present) and present.map(lambda cell: isinstance(cell, bool)).all():
        return (series.astype("boolean") if len(present) < len(series) else series.astype(bool)), nothing
    if len(present) and present.map(lambda cell: isinstance(cell, int | float) and not isinstance(cell, bool)).all():
        return pd.to_numeric(series), nothing
    return as_dates(series) if len(present) else (series, nothing)


def _uncalculated(file: Path, sheet: str, places: list[int]) -> list[int]:
    """Return the columns without values that contain formulas; files written by programs may lack their results."""
    rows = _cells(file, sheet, stored=False)[2]
    return [k for k in places if any(str(row[k]).startswith("=") for row in rows[1:] if k < len(row))]
