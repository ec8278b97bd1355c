"""``read_table``: one file in, one frame out, and everything that was understood on the way said aloud."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from lbp_prognosis._base import DataError, Result, argument_error
from lbp_prognosis.schema._infer_types import infer_types
from lbp_prognosis.schema._read_excel import read_excel
from lbp_prognosis.schema._read_labelled import read_labelled
from lbp_prognosis.schema._read_text import read_text

__all__ = ["TableReading", "read_table"]

_TEXT = {".csv", ".tsv", ".txt", ".tab"}
_WORKBOOKS = {".xlsx", ".xlsm"}
_LABELLED = {".dta", ".sav", ".zsav", ".por", ".sas7bdat", ".xpt"}
_KNOWN = "CSV, TSV, Parquet, Excel (.xlsx), Stata (.dta), SPSS (.sav), SAS (.sas7bdat, .xpt)"


@dataclass(frozen=True, repr=False)
class TableReading(Result):
    """A table as it was read, and how it was understood.

    Attributes
    ----------
    frame : DataFrame
        The values; codes stay codes.
    format : str
        csv, parquet, excel, stata, spss or sas.
    dialect : dict
        For text: ``encoding, delimiter, decimal, bom``; for Excel: ``sheet``; for SAS: ``catalog``, the file beside
        the data that has the words for codes.
    labels : dict of str to str
        Words for a column, where the file has them.
    value_labels : dict of str to dict
        For a column: code to word, where the file has them.
    notes : tuple of str
        What was noticed.
    """

    frame: pd.DataFrame
    format: str
    dialect: Mapping[str, Any] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    value_labels: Mapping[str, Mapping[Any, str]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def to_frame(self) -> pd.DataFrame:
        """Return one row a column: ``column, type, label, n, n_missing, n_distinct, coding``."""
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
    encoding: str | None = None,
    sheet: str | None = None,
    missing: tuple[str, ...] = (),
    infer: bool = True,
) -> TableReading:
    """Read a CSV, TSV, Parquet, Excel, Stata, SPSS or SAS file, and say how it was understood.

    Parameters
    ----------
    path : path
        The file; its ending says the format.
    delimiter, decimal : str, optional
        For text files; noticed where not given. A decimal comma is noticed where every number of a column has one.
    encoding : str, optional
        Of text; noticed where not given. Stata, SPSS and SAS files say their own; old ones sometimes say the wrong one.
    sheet : str, optional
        For Excel; the first sheet if not given.
    missing : tuple of str, optional
        Words that mean missing in this file, beside the usual ones (empty, NA, NaN, ``.``, null …).
    infer : bool, default True
        Turn text columns that hold only numbers into numbers. Identifiers with leading zeros stay text.

    Returns
    -------
    TableReading
        ``.frame`` holds the table, ``.to_frame()`` one row a column, ``.notes`` what was noticed.

    Raises
    ------
    DataError
        If the file is absent, empty, damaged or not of the format its ending says.
    ArgumentError
        If the ending is of no known format.
    """
    file = _existing(path)
    suffix = file.suffix.lower()
    if sheet is not None and suffix not in _WORKBOOKS:
        raise argument_error("sheet", "left out: only a workbook has sheets", f"{sheet!r} for {file.name!r}")
    if (delimiter, decimal) != (None, None) and suffix not in _TEXT:
        raise argument_error("delimiter, decimal", "left out: only text has them", f"given for {file.name!r}")
    if suffix in _TEXT:
        frame, dialect, notes = read_text(file, delimiter=delimiter, decimal=decimal, encoding=encoding)
        reading = TableReading(frame, "csv", dialect, notes=tuple(notes))
    elif suffix in (".parquet", ".pq"):
        reading = TableReading(_parquet(file), "parquet")
    elif suffix in _WORKBOOKS:
        frame, dialect, notes = read_excel(file, sheet)
        reading = TableReading(frame, "excel", dialect, notes=tuple(notes))
    elif suffix in _LABELLED:
        frame, kind, dialect, labels, value_labels, notes = read_labelled(file, encoding)
        reading = TableReading(frame, kind, dialect, labels, value_labels, tuple(notes))
    else:
        raise argument_error("path", f"a file of a known format: {_KNOWN}", repr(file.name))
    notes = list(reading.notes)
    frame = _clean_header(_without_row_numbers(reading.frame, notes), file)
    if infer:
        frame, more = infer_types(frame, missing=missing, decimal=reading.dialect.get("decimal", "."))
        notes += more
    return TableReading(frame, reading.format, reading.dialect, reading.labels, reading.value_labels, tuple(notes))


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


def _parquet(file: Path) -> pd.DataFrame:
    try:
        return pd.read_parquet(file)
    except Exception as error:  # pyarrow's errors have no common public base
        raise DataError(f"The file {file.name!r} is not a readable Parquet file ({type(error).__name__}).") from error


def _without_row_numbers(frame: pd.DataFrame, notes: list[str]) -> pd.DataFrame:
    """Leave out a first column without a name that only counts the rows, as R and pandas write it."""
    if not len(frame.columns) or str(frame.columns[0]).strip() not in ("", "Unnamed: 0", "None"):
        return frame
    numbers = pd.to_numeric(frame.iloc[:, 0], errors="coerce").to_numpy(dtype=float)
    counting = np.arange(len(frame))
    if len(frame) and (np.array_equal(numbers, counting) or np.array_equal(numbers, counting + 1)):
        notes.append("a first column without a name that counts the rows was left out")
        return frame.iloc[:, 1:]
    return frame


def _clean_header(frame: pd.DataFrame, file: Path) -> pd.DataFrame:
    frame = frame.copy(deep=False)
    frame.columns = [str(column).strip() for column in frame.columns]
    twice = sorted(set(frame.columns[frame.columns.duplicated()]))
    if twice:
        raise DataError(
            f"The file {file.name!r} has columns of the same name: {', '.join(map(repr, twice[:5]))}. Rename them."
        )
    if not len(frame.columns):
        raise DataError(f"The file {file.name!r} has no columns.")
    unnamed = [number for number, column in enumerate(frame.columns, start=1) if not column]
    if unnamed:
        raise DataError(f"The file {file.name!r} has columns without a name: {unnamed[:5]}. Name them.")
    return frame


def _code(code: Any) -> str:
    return str(int(code)) if isinstance(code, float) and code.is_integer() else str(code)


def _kind(series: pd.Series) -> str:
    if pd.api.types.is_bool_dtype(series):
        return "boolean"
    if pd.api.types.is_numeric_dtype(series):
        return "number"
    return "date" if pd.api.types.is_datetime64_any_dtype(series) else "text"
