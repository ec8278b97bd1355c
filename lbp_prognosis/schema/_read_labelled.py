"""Adapter to pyreadstat: Stata, SPSS and SAS files with their labels."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from lbp_prognosis._base import DataError, require
from lbp_prognosis.schema._check_transport import check_transport
from lbp_prognosis.schema._failures import column_failures, failure_frame, merge_failures
from lbp_prognosis.schema._format_dates import format_dates
from lbp_prognosis.schema._rounded_numbers import rounded_numbers

__all__ = ["read_labelled"]

_READERS = {
    ".dta": ("read_dta", "stata"),
    ".sav": ("read_sav", "spss"),
    ".zsav": ("read_sav", "spss"),
    ".por": ("read_por", "spss"),
    ".sas7bdat": ("read_sas7bdat", "sas"),
    ".xpt": ("read_xport", "sas"),
}
_LETTERS = ("read_dta", "read_sas7bdat")  # missing values of 27 kinds: ., .a to .z


class LabelledFile(NamedTuple):
    """Contents of a Stata, SPSS or SAS file: codes, program, dialect, labels, notes, and cells that are not dates."""

    frame: pd.DataFrame
    program: str
    dialect: dict[str, str]
    labels: dict[str, str]
    value_labels: dict[str, dict[Any, str]]
    notes: list[str]
    failures: pd.DataFrame


def read_labelled(file: Path, encoding: str | None = None) -> LabelledFile:
    """Read one file; a cell without a date in a date column becomes missing and a failure."""
    pyreadstat = require("pyreadstat", caller="read_table", extra="io")
    name, program = _READERS[file.suffix.lower()]
    notes: list[str] = check_transport(file) if name == "read_xport" else []
    try:
        frame, meta, declared = _read(pyreadstat, name, file, encoding, notes)
    except Exception as error:  # pyreadstat raises its own exception, UnicodeError and OSError
        raise DataError(_unreadable(file, program, error)) from error
    labels = {column: label for column, label in (meta.column_names_to_labels or {}).items() if label}
    value_labels = {column: dict(codes) for column, codes in (meta.variable_value_labels or {}).items()}
    dialect = {}
    catalog = _catalog(file) if program == "sas" else None
    if catalog is not None:
        found, told = _words(pyreadstat, catalog, meta.variable_to_label or {})
        value_labels.update(found)
        notes.append(told)
        dialect["catalog"] = catalog.name
    if declared:
        notes.append(f"declared missing codes became missing in: {', '.join(sorted(declared))}")
    for column in (meta.missing_user_values or {}) if name in _LETTERS else ():
        frame[column], said = _without_letters(frame[column], value_labels.get(column, {}))
        notes += [f"{column}: {words}" for words in said]
    if value_labels:
        notes.append(f"value labels kept with the codes of: {', '.join(sorted(value_labels))}")
    notes += rounded_numbers(frame)
    failures = _dated(frame, program, dict(meta.original_variable_types or {}), file, notes)
    for column in frame.columns:
        if frame[column].dtype == object:
            frame[column] = frame[column].where(frame[column] != "", None)
    return LabelledFile(frame, program, dialect, labels, value_labels, notes, failures)


def _dated(
    frame: pd.DataFrame, program: str, formats: dict[str, str | None], file: Path, notes: list[str]
) -> pd.DataFrame:
    """Convert numbers with a date format to dates, in place; return the cells that are not dates."""
    failures = [failure_frame()]
    for column in frame.columns:
        made = format_dates(frame[column], program, formats.get(column))
        if made.note:
            notes.append(f"{column}: {made.note}")
        if made.bad.any():
            notes.append(f"{column}: {int(made.bad.sum())} dates outside 1677 to 2262 became missing")
            words = f"{formats[column]} of a date from 1677 to 2262 is expected"
            failures.append(column_failures(file.stem, column, "bad_date", made.bad, frame[column], words))
        frame[column] = made.values
    return merge_failures(failures)


def _read(
    pyreadstat: Any, name: str, file: Path, encoding: str | None, notes: list[str]
) -> tuple[pd.DataFrame, Any, dict[str, Any]]:
    """Return the frame, its header, and the codes declared missing (SPSS); a wrong encoding is retried."""
    tried = (encoding,) if encoding else (None, "utf-8", "cp1252")
    for k, code in enumerate(tried):
        options: dict[str, Any] = {} if code is None or name == "read_por" else {"encoding": code}
        # converted here, because pyreadstat stops at a number that is no date and leaves unknown formats as numbers
        options["disable_datetime_conversion"] = True
        if name in _LETTERS:
            options["user_missing"] = True
        try:
            frame, meta = getattr(pyreadstat, name)(str(file), **options)
        except Exception as error:
            if not _of_encoding(error) or k + 1 == len(tried):
                raise
            continue
        if k:
            notes.append(f"text is not in the encoding that the file names: read as {code}; check names with accents")
        if name != "read_sav":
            return frame, meta, {}
        # reading with the missing codes applied loses the codes: read the header again
        options |= {"metadataonly": True, "user_missing": True}
        header = pyreadstat.read_sav(str(file), **options)[1]
        if header.number_rows is not None and header.number_rows != len(frame):
            raise ValueError(f"{header.number_rows} rows declared, {len(frame)} found")
        return frame, meta, header.missing_ranges
    raise AssertionError("unreachable")


def _of_encoding(error: Exception) -> bool:
    return "encoding" in str(error) or isinstance(error, UnicodeError)


def _unreadable(file: Path, program: str, error: Exception) -> str:
    text = f"The file {file.name!r} is not a readable {program} file ({type(error).__name__})."
    if _of_encoding(error):
        text = f"The text in {file.name!r} cannot be read in that encoding. Say which it is, e.g. encoding = 'cp1250'."
    return text


def _catalog(file: Path) -> Path | None:
    """Return the format catalog in the folder of a SAS file: of the same name, else SAS's own ``formats.sas7bcat``."""
    beside = {path.name.lower(): path for path in sorted(file.parent.iterdir()) if path.suffix.lower() == ".sas7bcat"}
    return beside.get(f"{file.stem.lower()}.sas7bcat", beside.get("formats.sas7bcat"))


def _words(pyreadstat: Any, catalog: Path, formats: dict[str, str]) -> tuple[dict[str, dict[Any, str]], str]:
    """Return the value labels of the columns' formats from the separate file in which SAS keeps them, and a note."""
    try:
        sets = pyreadstat.read_sas7bcat(str(catalog))[1].value_labels
    except Exception as error:
        return {}, f"the catalog {catalog.name!r} cannot be read ({type(error).__name__}): codes have no words"
    found = {column: dict(sets[name]) for column, name in formats.items() if name in sets}
    if not found:
        return {}, f"the catalog {catalog.name!r} next to the file has no labels for its columns"
    return found, f"words for codes of {', '.join(sorted(found))} are from {catalog.name!r}"


def _without_letters(series: pd.Series, words: dict[Any, str]) -> tuple[pd.Series, list[str]]:
    """Return the column with special missing values (``.a`` …) as missing, and the number of each."""
    letter = series.map(lambda cell: isinstance(cell, str) and len(cell) == 1 and cell.isalpha())
    counts = series[letter].value_counts().sort_index()
    shown = ", ".join(
        f"{int(n)} .{str(code).lower()}" + (f" ({words[code]})" if code in words else "") for code, n in counts.items()
    )
    plain = series.mask(letter, np.nan).infer_objects()
    return plain, [f"missing values of several kinds became missing: {shown}"] if shown else []
