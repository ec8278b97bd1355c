"""Reader of text tables; it detects encoding, delimiter and decimal mark."""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from lbp_prognosis._base import DataError
from lbp_prognosis.schema._failures import column_failures, failure_frame
from lbp_prognosis.schema._missing_words import ASKED_WORDS

__all__ = ["read_text"]

_DELIMITERS = (",", ";", "\t", "|")
_NAMES = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}


class TextFile(NamedTuple):
    """Cells as text, dialect, notes, and incomplete rows."""

    frame: pd.DataFrame
    dialect: dict[str, Any]
    notes: list[str]
    failures: pd.DataFrame


def read_text(
    file: Path,
    *,
    delimiter: str | None = None,
    decimal: str | None = None,
    thousands: str | None = None,
    encoding: str | None = None,
    quoted_levels: bool = True,
) -> TextFile:
    """Read one file; with ``quoted_levels`` an unquoted NA among quoted words is missing, as R writes it."""
    text, encoding, bom, notes = _decode(file, encoding)
    named = re.match(r"""(["']?)(?i:sep)=(.)\1[ \t]*(?:\r?\n|\r)""", text)
    if named:
        text, delimiter = text[named.end() :], delimiter or named[2]
        notes.append(f"the first line names the delimiter ({named[2]!r}) and is no header")
    if not text.strip():
        raise DataError(f"The file {file.name!r} contains only blanks.")
    if delimiter is None:
        delimiter = _delimiter(text)
    if delimiter != ",":
        notes.append(f"delimiter: {_NAMES.get(delimiter, repr(delimiter))}")
    frame = _table(file, text, delimiter)
    short = _short_rows(text, delimiter, frame.shape)
    ended = text.endswith(("\n", "\r"))
    if short[-1] and not ended and frame.shape[1] > 1:
        raise DataError(f"The file {file.name!r} is cut: its last line ends within a row.")
    if not ended:
        notes.append("the last line has no end: is the file whole?")
    frame = frame.fillna("")
    if quoted_levels and '"' in text and delimiter is not None:
        notes += _missing_without_quotes(frame, text, delimiter)
    frame.columns = frame.iloc[0].astype(str).str.strip().tolist()  # header=None keeps equal names from being renamed
    frame, short = frame.iloc[1:].reset_index(drop=True), short[1:]
    blank = (frame == "").all(axis=1) if len(frame) else pd.Series([], dtype=bool)
    if blank.any():
        notes.append(f"{int(blank.sum())} blank lines left out")
        frame, short = frame[~blank].reset_index(drop=True), short[~blank.to_numpy()]
    failures = failure_frame()
    if short.any():
        notes.append(f"{int(short.sum())} rows have fewer cells than the header: the others are missing")
        failures = column_failures(
            file.stem, "", "short_row", short, np.full(len(short), ""), "fewer cells than columns"
        )
    if frame.shape[1] == 1:
        notes.append("only one column was found: is the delimiter unusual?")
    decimal = _plain_numbers(file, frame, delimiter, decimal, thousands, notes)
    dialect = {"encoding": encoding, "delimiter": delimiter, "decimal": decimal, "bom": bom}
    return TextFile(frame, dialect, notes, failures)


def _table(file: Path, text: str, delimiter: str) -> pd.DataFrame:
    """Return all cells as text, with the header as a row."""
    try:
        return pd.read_csv(
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


def _plain_numbers(
    file: Path, frame: pd.DataFrame, delimiter: str, decimal: str | None, thousands: str | None, notes: list[str]
) -> str:
    """Write numbers with a decimal point and without thousands separators, in place; return the decimal mark found."""
    if thousands is not None:
        for place in range(frame.shape[1]):
            cells = frame.iloc[:, place]
            marked = cells.str.fullmatch(rf"\s*[-+]?\d{{1,3}}(?:{re.escape(thousands)}\d{{3}})+(?:[.,]\d+)?\s*")
            plain = cells.where(~marked, cells.str.replace(thousands, "", regex=False))
            frame.isetitem(place, plain.to_numpy(dtype=object))
    if decimal is None:
        decimal, found = _decimal(frame, delimiter)
        if found:
            shown = ", ".join(found[:8]) + (" …" if len(found) > 8 else "")
            notes.append(f"decimal comma in: {shown}")
            places = [list(frame.columns).index(column) for column in found]
            doubtful = _points_that_may_be_thousands(frame, places)
            if doubtful:
                raise DataError(
                    f"The file {file.name!r} has decimal commas, and a point before three digits in "
                    f"{', '.join(map(repr, doubtful))}: it may separate thousands. Say thousands='.' or decimal='.'."
                )
            for place in places:
                frame.isetitem(place, frame.iloc[:, place].str.replace(",", ".", regex=False).to_numpy(dtype=object))
    elif decimal == ",":
        for place in range(frame.shape[1]):
            cells = frame.iloc[:, place]
            points = cells.where(~_comma_numbers(cells), cells.str.replace(",", ".", regex=False))
            frame.isetitem(place, points.to_numpy(dtype=object))
    return decimal


def _points_that_may_be_thousands(frame: pd.DataFrame, commas: list[int]) -> list[str]:
    """Return columns of a table with decimal commas in which every point stands before exactly three digits."""
    found = []
    for place in set(range(frame.shape[1])) - set(commas):
        cells = pd.Series(frame.iloc[:, place].unique())
        point = cells[cells.str.fullmatch(r"\s*[-+]?\d*\.\d+\s*")]
        if len(point) and point.str.fullmatch(r"\s*[-+]?[1-9]\d{0,2}\.\d{3}\s*").all():
            found.append(str(frame.columns[place]))
    return sorted(found)


def _missing_without_quotes(frame: pd.DataFrame, text: str, delimiter: str) -> list[str]:
    """Clear cells that contain NA (or None) without quotes if all other words of the column are quoted; return notes.

    R writes a missing text as NA and the text "NA" in quotes, so that the file itself distinguishes the two.
    """
    if not re.search(rf"(?:^|{re.escape(delimiter)})(?:NA|N/A|n/a|None)(?:{re.escape(delimiter)}|\r?$)", text, re.M):
        return []
    try:
        raw = pd.read_csv(
            io.StringIO(text),
            sep=delimiter,
            dtype=str,
            na_filter=False,
            header=None,
            index_col=False,
            quoting=csv.QUOTE_NONE,
        ).fillna("")
    except (pd.errors.ParserError, ValueError):
        return []  # a delimiter or a line break within quotes
    if raw.shape != frame.shape:
        return []
    notes = []
    for place in range(frame.shape[1]):
        cells = raw.iloc[1:, place].str.strip()
        bare = cells.isin(ASKED_WORDS)
        others = cells[~bare & (cells != "")]
        if bare.any() and len(others) and others.str.startswith('"').all():
            column = frame.iloc[:, place].to_numpy(dtype=object).copy()
            column[1:][bare.to_numpy()] = ""
            frame.isetitem(place, column)
            notes.append(
                f"{frame.iloc[0, place]!s}: {int(bare.sum())} NA without quotes among quoted words are missing"
            )
    return notes


def _short_rows(text: str, delimiter: str, shape: tuple[int, int]) -> np.ndarray:
    """Return the rows with fewer cells than the header; the parser fills them with empty cells silently."""
    if '"' in text:
        widths = [len(row) for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter) if row]
    else:
        lines = re.split(r"\r\n|\n|\r", text)
        widths = [line.count(delimiter) + 1 for line in lines if line.strip(" \t" if delimiter != "\t" else " ")]
    short = np.array(widths) < shape[1]
    # if lines and rows do not correspond, only the last line can be identified
    return short if len(widths) == shape[0] else np.append(np.zeros(shape[0] - 1, dtype=bool), short[-1:])


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
    if b"\x00" in raw and encoding is None:
        raise DataError(f"The file {file.name!r} is not text (it contains zero bytes).")
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
    """Return the delimiter that splits the first lines into the same number (> 1) of cells, preferring most cells."""
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
    if cells == 1:  # ragged file: the reader reports the line, with the commonest delimiter of the header
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
    """Return whether the commas may separate thousands: always three digits after, one to three before."""
    return bool(cells[with_comma].str.fullmatch(r"\s*[-+]?[1-9]\d{0,2},\d{3}\s*").all())


def _plain(error: Exception) -> str:
    return str(error).strip().rstrip(".").splitlines()[-1].replace("Error tokenizing data. C error: ", "")
