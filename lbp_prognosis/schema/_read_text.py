"""Text tables: encoding, delimiter and decimal mark are found out, not assumed."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from lbp_prognosis._base import DataError

__all__ = ["read_text"]

_DELIMITERS = (",", ";", "\t", "|")
_NAMES = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}


def read_text(
    file: Path, *, delimiter: str | None = None, decimal: str | None = None, encoding: str | None = None
) -> tuple[pd.DataFrame, dict[str, Any], list[str]]:
    """Return the cells as text, the dialect, and notes."""
    text, encoding, bom, notes = _decode(file, encoding)
    if not text.strip():
        raise DataError(f"The file {file.name!r} holds only blanks.")
    if delimiter is None:
        delimiter = _delimiter(text)
    if delimiter != ",":
        notes.append(f"delimiter: {_NAMES.get(delimiter, repr(delimiter))}")
    try:
        frame = pd.read_csv(
            io.StringIO(text),
            sep=delimiter,
            dtype=str,
            keep_default_na=False,
            na_filter=False,
            skipinitialspace=True,
            index_col=False,
            header=None,
            low_memory=False,
        )
    except (pd.errors.ParserError, pd.errors.EmptyDataError, ValueError) as error:
        raise DataError(f"The file {file.name!r} is not a table: {_plain(error)}.") from error
    frame = frame.fillna("")  # a short row lacks its last cells even with na_filter off
    frame.columns = frame.iloc[0].astype(str).str.strip().tolist()  # header=None keeps equal names from being renamed
    frame = frame.iloc[1:].reset_index(drop=True)
    blank = (frame == "").all(axis=1) if len(frame) else pd.Series([], dtype=bool)
    if blank.any():
        notes.append(f"{int(blank.sum())} blank lines left out")
        frame = frame[~blank].reset_index(drop=True)
    if frame.shape[1] == 1:
        notes.append("only one column was found: is the delimiter unusual?")
    if decimal is None:
        decimal, found = _decimal(frame, delimiter)
        if found:
            shown = ", ".join(found[:8]) + (" …" if len(found) > 8 else "")
            notes.append(f"decimal comma in: {shown}")
            for column in found:
                frame[column] = frame[column].str.replace(",", ".", regex=False)
    elif decimal == ",":
        for place in range(frame.shape[1]):
            cells = frame.iloc[:, place]
            points = cells.where(~_comma_numbers(cells), cells.str.replace(",", ".", regex=False))
            frame.isetitem(place, points.to_numpy(dtype=object))
    return frame, {"encoding": encoding, "delimiter": delimiter, "decimal": decimal, "bom": bom}, notes


def _decode(file: Path, encoding: str | None) -> tuple[str, str, bool, list[str]]:
    raw = file.read_bytes()
    notes: list[str] = []
    for mark, name in ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16")):
        if raw.startswith(mark) and encoding is None:
            notes.append(f"byte-order mark found: read as {name}")
            try:
                return raw.decode(name), name, True, notes
            except UnicodeError as error:
                raise DataError(f"The file {file.name!r} begins like {name} but is not.") from error
    if b"\x00" in raw[:65536] and encoding is None:
        raise DataError(f"The file {file.name!r} is not text (it holds zero bytes).")
    for name in (encoding,) if encoding else ("utf-8", "cp1252"):
        try:
            text = raw.decode(name)
        except UnicodeError:
            continue
        except LookupError as error:
            raise DataError(f"The encoding {encoding!r} is unknown.") from error
        if name == "cp1252":
            notes.append("not UTF-8: read as Windows-1252; check names with accents")
        return text, name, False, notes
    raise DataError(f"The file {file.name!r} is not text in {encoding or 'UTF-8 or Windows-1252'}.")


def _delimiter(text: str) -> str:
    """Return the delimiter that cuts the first lines into the same number (> 1) of cells; most cells win."""
    head = text[:200_000].splitlines()[:60]
    best, cells = ",", 1
    for delimiter in _DELIMITERS:
        try:
            widths = [len(row) for row in csv.reader(head, delimiter=delimiter) if row]
        except csv.Error:
            continue
        if not widths or widths[0] < 2:
            continue
        # the header's width must be the width of nearly all lines (the last may be cut)
        share = np.mean([width == widths[0] for width in widths[: max(1, len(widths) - 1)]])
        if share >= 0.9 and widths[0] > cells:
            best, cells = delimiter, widths[0]
    if cells == 1:  # ragged file: let the reader report the line, with the commonest mark of the header
        counts = {delimiter: head[0].count(delimiter) for delimiter in _DELIMITERS} if head else {}
        best = max(counts, key=lambda mark: counts[mark]) if counts and max(counts.values()) else ","
    return best


def _comma_numbers(cells: pd.Series) -> pd.Series:
    return cells.str.fullmatch(r"\s*[-+]?\d*,\d+(?:[eE][-+]?\d+)?\s*")


def _decimal(frame: pd.DataFrame, delimiter: str) -> tuple[str, list[str]]:
    """Return the decimal mark and the columns in which numbers have a decimal comma and none has a point."""
    found = []
    for place, column in enumerate(frame.columns):
        cells = pd.Series(frame.iloc[:, place].unique())
        with_comma = _comma_numbers(cells)
        if not with_comma.any():
            continue
        point = cells.str.fullmatch(r"\s*[-+]?\d*\.\d+\s*")
        if not point.any() and list(frame.columns).count(column) == 1 and not _thousands(cells, with_comma):
            found.append(column)
    return ("," if found else "."), found


def _thousands(cells: pd.Series, with_comma: pd.Series) -> bool:
    """Say whether the commas could as well separate thousands: always three digits behind, one to three before."""
    return bool(cells[with_comma].str.fullmatch(r"\s*[-+]?[1-9]\d{0,2},\d{3}\s*").all())


def _plain(error: Exception) -> str:
    return str(error).strip().rstrip(".").splitlines()[-1].replace("Error tokenizing data. C error: ", "")
