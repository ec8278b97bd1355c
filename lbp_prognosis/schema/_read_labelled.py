"""The adapter to pyreadstat: Stata, SPSS and SAS files with their labels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from lbp_prognosis._base import DataError, require

__all__ = ["read_labelled"]

_READERS = {
    ".dta": ("read_dta", "stata"), ".sav": ("read_sav", "spss"), ".zsav": ("read_sav", "spss"),
    ".por": ("read_por", "spss"), ".sas7bdat": ("read_sas7bdat", "sas"), ".xpt": ("read_xport", "sas"),
}  # fmt: skip


def read_labelled(
    file: Path,
) -> tuple[pd.DataFrame, str, dict[str, str], dict[str, dict[Any, str]], list[str]]:
    """Return the codes, the program, the labels of columns, the labels of values, and notes."""
    pyreadstat = require("pyreadstat", caller="read_table", extra="io")
    name, program = _READERS[file.suffix.lower()]
    try:
        frame, meta = getattr(pyreadstat, name)(str(file))
        # reading with the missing codes applied loses which they were: ask the header again
        declared = pyreadstat.read_sav(str(file), metadataonly=True, user_missing=True)[1].missing_ranges if (
            name == "read_sav") else {}  # fmt: skip
    except Exception as error:  # pyreadstat raises its own error, UnicodeError and OSError
        raise DataError(f"The file {file.name!r} is not a readable {program} file ({type(error).__name__}).") from error
    labels = {column: label for column, label in (meta.column_names_to_labels or {}).items() if label}
    value_labels = {column: dict(codes) for column, codes in (meta.variable_value_labels or {}).items()}
    notes = []
    if declared:
        notes.append(f"declared missing codes became missing in: {', '.join(sorted(declared))}")
    if value_labels:
        notes.append(f"value labels kept beside the codes of: {', '.join(sorted(value_labels))}")
    for column in frame.columns:
        if frame[column].dtype == object and frame[column].map(lambda cell: isinstance(cell, str)).all():
            frame[column] = frame[column].where(frame[column] != "", None)
        elif frame[column].dtype == object:
            frame[column] = _dates(frame[column])
    return frame, program, labels, value_labels, notes


def _dates(series: pd.Series) -> pd.Series:
    """Columns of ``datetime.date`` become dates; anything else stays."""
    import datetime

    if series.map(lambda cell: cell is None or cell != cell or isinstance(cell, datetime.date)).all():
        return pd.to_datetime(series)
    return series
