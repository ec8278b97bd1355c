"""``read_table``: reading of a file into one frame, with notes on how it was read."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from lbp_prognosis._base import MISSING_DECLARED, DataError, Result, argument_error
from lbp_prognosis.schema._arrow_source import DATABASES, ParquetTable, the_table
from lbp_prognosis.schema._column_doubts import column_doubts
from lbp_prognosis.schema._failures import failure_frame, merge_failures
from lbp_prognosis.schema._infer_types import infer_types
from lbp_prognosis.schema._missing_words import MissingWords
from lbp_prognosis.schema._read_excel import read_excel
from lbp_prognosis.schema._read_labelled import read_labelled
from lbp_prognosis.schema._read_parquet import read_arrow
from lbp_prognosis.schema._read_text import read_text

__all__ = ["TableReading", "header_of", "read_table"]

_TEXT = {".csv", ".tsv", ".txt", ".tab"}
_WORKBOOKS = {".xlsx", ".xlsm"}
_LABELLED = {".dta", ".sav", ".zsav", ".por", ".sas7bdat", ".xpt"}
_UNNAMED = ("", "Unnamed: 0", "None")
_KNOWN = "CSV, TSV, Parquet, Excel (.xlsx), Stata (.dta), SPSS (.sav), SAS (.sas7bdat, .xpt), DuckDB (.duckdb)"


@dataclass(frozen=True, repr=False)
class TableReading(Result):
    """Table that was read, with its dialect, labels and notes.

    Attributes
    ----------
    frame : DataFrame
        The values; codes stay codes.
    format : str
        csv, parquet, excel, stata, spss, sas or duckdb.
    dialect : dict
        For text: ``encoding, delimiter, decimal, bom``; for Excel: ``sheet``; for DuckDB: ``table``; for SAS:
        ``catalog``, the file in the same folder that contains the words for codes.
    labels : dict of str to str
        Label per column, if the file contains labels.
    value_labels : dict of str to dict
        Words by code, per column, if the file contains them.
    notes : tuple of str
        Remarks. Values of patients are written as patterns (9 for a digit, a for a letter) unless ``show_values`` was
        set.
    failures : DataFrame
        One row per cell, row or column with a fault: ``table, row, field, reason, value, message``
        with reasons ``bad_date, short_row, not_a_number, number_format, total_row``. Empty if there are none.
    """

    frame: pd.DataFrame
    format: str
    dialect: Mapping[str, Any] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    value_labels: Mapping[str, Mapping[Any, str]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    failures: pd.DataFrame = field(default_factory=failure_frame)

    def raise_if_failed(self, columns: Collection[str] | None = None) -> TableReading:
        """Return the reading, or raise a `DataError` for non-numeric cells of ``columns`` or a row of totals.

        Parameters
        ----------
        columns : collection of str, optional
            Columns that will be used; all by default. A row of totals is refused in any column.
        """
        found = self.failures
        inside = found["field"].isin(list(columns)) if columns is not None else found["reason"].ne("")
        bad = found[
            found["reason"].eq("total_row") | (inside & found["reason"].isin(["not_a_number", "number_format"]))
        ]
        if len(bad):
            first = bad.iloc[0]
            word = f" ({first['value']!r})" if first["reason"] == "total_row" else ""
            missing = bad["reason"].eq("not_a_number").any()
            declare = "Correct them, or declare words that mean missing: missing=[…] (`--missing WORD`)."
            remedy = f" {declare}" if missing else ""
            if "written like" in str(first["message"]):
                remedy = f" (9 means a digit, a means a letter.){remedy}"
            raise DataError(
                f"{len(bad)} cells are not what their columns contain; the first: row {first['row']}, column "
                f"{first['field']!r}{word}: {first['message']}.{remedy}",
                bad.reset_index(drop=True),
            )
        return self

    def to_frame(self) -> pd.DataFrame:
        """Return one row per column: ``column, type, label, n, n_missing, n_distinct, coding``."""
        rows = []
        for column in self.frame.columns:
            series = self.frame[column]
            coding = self.value_labels.get(column, {})
            rows.append(
                {
                    "column": column,
                    "type": _kind(series),
                    "label": self.labels.get(column, ""),
                    "n": len(series),
                    "n_missing": int(series.isna().sum()),
                    "n_distinct": int(series.nunique()),
                    "coding": "; ".join(f"{_code(code)} = {word}" for code, word in coding.items()),
                }
            )
        return pd.DataFrame(rows, columns=["column", "type", "label", "n", "n_missing", "n_distinct", "coding"])

    def _summary(self) -> str:
        return f"{self.format}, {len(self.frame)} rows x {self.frame.shape[1]} columns, {len(self.notes)} notes"


def read_table(
    path: str | os.PathLike[str],
    *,
    delimiter: str | None = None,
    decimal: str | None = None,
    thousands: str | None = None,
    encoding: str | None = None,
    sheet: str | None = None,
    missing: Any = None,
    infer: bool = True,
    show_values: bool = False,
) -> TableReading:
    """Read a CSV, TSV, Parquet, Excel, Stata, SPSS or SAS file or a table of DuckDB, with notes on how it was read.

    Parameters
    ----------
    path : path
        The file; its ending determines the format.
    delimiter, decimal, thousands : str, optional
        For text files; the first two are detected unless given. A decimal comma is detected if every number of a column
        has one; thousands separators are never guessed.
    encoding : str, optional
        Encoding of text; detected unless given. Stata, SPSS and SAS files state theirs; old files sometimes state a
        wrong one.
    sheet : str, optional
        For Excel: the sheet, by default the first. For a DuckDB database (``*.duckdb``): the table or view, with or
        without its schema (``"main.visits"``); the only one need not be named.
    missing : word, number, sequence of them, or mapping, optional
        Words for missing values in this file. By default the usual words (NaN, NULL, ``.`` …), and NA, N/A and None
        among numbers, dates and truth values; among words these may be a level, and reading stops with a question. A
        sequence adds to the usual words, in columns of text and of numbers (``[-9]`` is also "-9.0"); an empty
        sequence, ``()``, switches all words off. A mapping from column (``"*"`` for all others) gives exactly the words
        of that column: ``{"surgery_before": ()}`` says that None is a level there. Words that match no cell cause a
        note.
    infer : bool, default True
        Convert text columns that contain only numbers. Identifiers stay text: leading zeros, more than 15
        digits, codes such as 12E3.
    show_values : bool, default False
        Write values of patients into notes and errors.

    Returns
    -------
    TableReading
        ``.frame`` is the table, ``.to_frame()`` has one row per column, ``.notes`` contains remarks, ``.failures`` the
        faults.

    Raises
    ------
    DataError
        If the file is absent, empty, cut, damaged or not in the format of its ending; if a word may be a level or
        mean missing (``failures`` lists column and count).
    ArgumentError
        If the ending belongs to no known format, or ``missing`` names an absent column.

    See Also
    --------
    lbp_prognosis.schema.validate_package : What is wrong in my tables?
    lbp_prognosis.survival.Surv : How are times and events entered?

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import pandas as pd
    >>> from lbp_prognosis.schema import read_table
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "patients.csv")
    ...     table = pd.DataFrame({"id": ["001", "002"], "age": [41, 57], "vas": [3.5, None]})
    ...     table.to_csv(path, sep=";", decimal=",", na_rep=".", index=False)
    ...     reading = read_table(path)
    >>> reading.frame["id"].tolist(), reading.frame["vas"].tolist()
    (['001', '002'], [3.5, nan])
    """
    file = _existing(path)
    _check_options(file, sheet, {"delimiter": delimiter, "decimal": decimal, "thousands": thousands})
    words = MissingWords(missing)
    reading = _of_format(file, delimiter, decimal, thousands, encoding, sheet, words)
    notes = list(reading.notes)
    frame = _clean_header(_without_row_numbers(reading.frame, notes), f"file {file.name!r}")
    if frame.empty and file.suffix.lower() in _LABELLED:
        notes.append("the header says that there are no rows: is the file whole?")
    failures = reading.failures
    if infer:
        frame, more, faults = infer_types(frame, words, show_values=show_values)
        settled = [column for column in map(str, frame.columns) if words.declares_none(column)]
        notes += [*more, *column_doubts(frame, settled)]
        failures = merge_failures(
            [failures, failure_frame({"table": reading.dialect.get("table", file.stem), **fault} for fault in faults)]
        )
        _ask(file, failures)
    elif missing is not None:
        frame, more = _without_words(frame, words)
        notes += more
    frame.attrs[MISSING_DECLARED] = [column for column in map(str, frame.columns) if words.declares(column)]
    return replace(reading, frame=frame, notes=tuple(notes), failures=failures)


def _check_options(file: Path, sheet: str | None, text: Mapping[str, str | None]) -> None:
    suffix = file.suffix.lower()
    if sheet is not None and suffix not in _WORKBOOKS and suffix not in DATABASES:
        raise argument_error(
            "sheet", "left out: only a workbook has sheets, and only a database tables", f"{sheet!r} for {file.name!r}"
        )
    given = [name for name, value in text.items() if value is not None]
    if given and suffix not in _TEXT:
        raise argument_error(", ".join(text), "left out: only text has them", f"{given} for {file.name!r}")
    for name in given:
        if len(str(text[name])) != 1:
            raise argument_error(name, "one character", repr(text[name]))
    if text["thousands"] is not None and text["thousands"] == text["decimal"]:
        raise argument_error("thousands", "another mark than `decimal`", repr(text["thousands"]))


def _of_format(
    file: Path,
    delimiter: str | None,
    decimal: str | None,
    thousands: str | None,
    encoding: str | None,
    sheet: str | None,
    words: MissingWords,
) -> TableReading:
    suffix = file.suffix.lower()
    if suffix in _TEXT:
        text = read_text(
            file,
            delimiter=delimiter,
            decimal=decimal,
            thousands=thousands,
            encoding=encoding,
            quoted_levels=words.declared is None and not words.by_column,
        )
        return TableReading(text.frame, "csv", text.dialect, notes=tuple(text.notes), failures=text.failures)
    if suffix in (".parquet", ".pq"):
        frame, notes, failures = read_arrow(ParquetTable(file))
        return TableReading(frame, "parquet", notes=tuple(notes), failures=failures)
    if suffix in DATABASES:
        return _of_database(file, sheet)
    if suffix in _WORKBOOKS:
        frame, dialect, notes, failures = read_excel(file, sheet)
        return TableReading(frame, "excel", dialect, notes=tuple(notes), failures=failures)
    if suffix in _LABELLED:
        found = read_labelled(file, encoding)
        return TableReading(
            found.frame,
            found.program,
            found.dialect,
            found.labels,
            found.value_labels,
            tuple(found.notes),
            found.failures,
        )
    raise argument_error("path", f"a file of a known format: {_KNOWN}", repr(file.name))


def _of_database(file: Path, name: str | None) -> TableReading:
    source = the_table(file, name)
    frame, notes, failures = read_arrow(source)
    return TableReading(frame, "duckdb", {"table": source.table}, notes=tuple(notes), failures=failures)


def _ask(file: Path, failures: pd.DataFrame) -> None:
    """Raise an error for words that may be a level or mean missing: neither is assumed."""
    asked = failures[failures["reason"].eq("missing_word")]
    if asked.empty:
        return
    said = zip(asked["field"].head(8), asked["message"].head(8).astype(str))
    places = "; ".join(f"{field!r}: {message.split(':')[0]}" for field, message in said)
    field, word = asked["field"].iloc[0], asked["value"].iloc[0]
    raise DataError(
        f"The file {file.name!r} has words that may be a level or mean missing. {places}. Say which: "
        f"missing=[{word!r}] (missing wherever it occurs), missing={{{field!r}: []}} (a level there), or missing=[] "
        "(no word means missing).",
        asked.reset_index(drop=True),
    )


def _without_words(frame: pd.DataFrame, words: MissingWords) -> tuple[pd.DataFrame, list[str]]:
    """Return the cells unchanged, except that words for missing values become missing."""
    words.check_columns(list(frame.columns))
    columns = {}
    for column in frame.columns:
        codes, distinct = pd.factorize(frame[column])
        absent, _ = words.absent(distinct, str(column), np.bincount(codes[codes >= 0], minlength=len(distinct)))
        gone = pd.Series(np.append(absent, False)[codes], index=frame.index)
        columns[column] = frame[column].mask(gone, None) if gone.any() else frame[column]
    return pd.DataFrame(columns, index=frame.index), words.unmatched()


def _existing(path: str | os.PathLike[str]) -> Path:
    if not isinstance(path, str | os.PathLike):
        raise argument_error("path", "the path of a file", path)
    file = Path(path)
    try:
        there, folder = file.is_file(), file.is_dir()
        size = file.stat().st_size if there else 0
    except (OSError, ValueError):  # a NUL byte, a name too long, no permission
        there, folder, size = False, False, 0
    if not there:
        raise DataError(f"The file {str(path)!r} {'is a folder' if folder else 'is not there'}.")
    if size == 0:
        raise DataError(f"The file {file.name!r} is empty (0 bytes).")
    return file


def header_of(empty: pd.DataFrame, first: Callable[[], pd.DataFrame], notes: list[str], words: str) -> pd.DataFrame:
    """Return a table without rows, with the header as `read_table` leaves it; ``first`` reads its first column."""
    unnamed = len(empty.columns) > 0 and str(empty.columns[0]).strip() in _UNNAMED
    if unnamed and not len(_without_row_numbers(first(), notes).columns):
        empty = empty.iloc[:, 1:]
    return _clean_header(empty, words)


def _without_row_numbers(frame: pd.DataFrame, notes: list[str]) -> pd.DataFrame:
    """Drop an unnamed first column that only numbers the rows, as R and pandas write it."""
    if not len(frame.columns) or str(frame.columns[0]).strip() not in _UNNAMED:
        return frame
    numbers = pd.to_numeric(frame.iloc[:, 0], errors="coerce").to_numpy(dtype=float)
    counting = np.arange(len(frame))
    if len(frame) and (np.array_equal(numbers, counting) or np.array_equal(numbers, counting + 1)):
        notes.append("a first column without a name that counts the rows was left out")
        return frame.iloc[:, 1:]
    return frame


def _clean_header(frame: pd.DataFrame, words: str) -> pd.DataFrame:
    frame = frame.copy(deep=False)
    frame.columns = [str(column).strip() for column in frame.columns]
    twice = sorted(set(frame.columns[frame.columns.duplicated()]))
    if twice:
        raise DataError(f"The {words} has columns of the same name: {', '.join(map(repr, twice[:5]))}. Rename them.")
    if not len(frame.columns):
        raise DataError(f"The {words} has no columns.")
    unnamed = [number for number, column in enumerate(frame.columns, start=1) if not column]
    if unnamed:
        raise DataError(f"The {words} has columns without a name: {unnamed[:5]}. Name them.")
    return frame


def _code(code: Any) -> str:
    return str(int(code)) if isinstance(code, float) and code.is_integer() else str(code)


def _kind(series: pd.Series) -> str:
    if pd.api.types.is_bool_dtype(series):
        return "boolean"
    if pd.api.types.is_numeric_dtype(series):
        return "number"
    return "date" if pd.api.types.is_datetime64_any_dtype(series) else "text"
