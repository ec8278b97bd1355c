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
        layout = _layout(file, page._worksheet_path.lstrip("/"), rows)
    finally:
        book.close()
    return sheets, chosen, rows, faults, layout


def _layout(file: Path, part: str, rows: list[list[Any]]) -> list[str]:
    """Return notes on merged cells, whose value is kept in the first alone, and on hidden rows and columns with cells.

    Rows and columns without a value don't count: many hide what lies beyond their table.
    """
    with ZipFile(file) as archive:
        text = archive.read(part)
    notes = []
    merged = [_named(tag, "ref") for tag in _tags(text, "mergeCell")]
    merged = [ref for ref in merged if _has_value(rows, *_place(ref.partition(":")[0]))]
    if merged:
        more = f" and {len(merged) - 5} more" if len(merged) > 5 else ""
        notes.append(
            f"merged cells: the value is in the first cell, the others are missing: {', '.join(merged[:5])}{more}"
        )
    numbers = [_named(tag, "r") for tag in _tags(text, "row") if _is_hidden(tag)]
    hidden = sum(_has_value(rows, int(number)) if number else 1 for number in numbers)
    if hidden:
        notes.append(f"hidden rows were read as all others: {hidden}")
    spans = [(int(_named(tag, "min")), int(_named(tag, "max"))) for tag in _tags(text, "col") if _is_hidden(tag)]
    used = {k for row in rows for k, cell in enumerate(row, 1) if cell is not None} if spans else set()
    hidden = sum(any(low <= k <= high for low, high in spans) for k in used)
    if hidden:
        notes.append(f"hidden columns were read as all others: {hidden}")
    return notes


def _tags(text: bytes, name: str) -> list[bytes]:
    return re.findall(rb"<(?:\w+:)?%s\s[^>]*>" % name.encode(), text)


def _named(tag: bytes, name: str) -> str:
    """Return an attribute of a tag, empty if it has none."""
    found = re.search(rb"""\s%s=["']([^"']*)["']""" % name.encode(), tag)
    return found[1].decode() if found else ""


def _is_hidden(tag: bytes) -> bool:
    return _named(tag, "hidden") in ("1", "true")


def _place(ref: str) -> tuple[int, int]:
    """Return row and column of a cell such as ``B2``, from 1 on."""
    letters = ref.rstrip("0123456789")
    column = 0
    for letter in letters:
        column = 26 * column + ord(letter) - ord("A") + 1
    return int(ref[len(letters) :]), column


def _has_value(rows: list[list[Any]], row: int, column: int | None = None) -> bool:
    cells = rows[row - 1] if row <= len(rows) else []
    return any(cell is not None for cell in (cells if column is None else cells[column - 1 : column]))


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
