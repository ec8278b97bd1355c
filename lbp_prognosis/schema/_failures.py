"""Frame in which all faults of a table or package are reported."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd

__all__ = ["FAILURE_COLUMNS", "REASONS", "column_failures", "failure_frame", "merge_failures", "without_values"]

FAILURE_COLUMNS: tuple[str, ...] = ("table", "row", "field", "reason", "value", "message")
"""Columns of every failure frame. ``row`` counts data rows from 1; it is missing where the whole table is meant."""

REASONS: dict[str, str] = {
    "unreadable": "the file cannot be read as the format it claims",
    "header": "the header of the file is incomplete, or contradicts its rows",
    "time_order": "the times of a course do not increase",
    "unsafe_path": "the package names a file outside its folder",
    "package": "the package description is not valid",
    "missing_table": "a table that is needed is not there",
    "missing_field": "a column that is needed is not there",
    "duplicate_column": "two columns have the same name",
    "column_name": "the name of a column is not a plain name",
    "empty": "the table has no rows",
    "short_row": "the row has fewer cells than the header",
    "bad_date": "the date is outside the supported years, 1677 to 2262",
    "missing_word": "a word that may be a level or mean missing, and is not declared",
    "not_a_number": "a cell of a column of numbers is none",
    "number_format": "the number is written in a way that can be read in two ways",
    "total_row": "the row contains totals, not a patient",
    "type": "the value is not of the declared type",
    "required": "a value that is needed is missing",
    "enum": "the value is not one of the listed ones",
    "pattern": "the value does not have the declared form",
    "minimum": "the value is below the smallest possible one",
    "maximum": "the value is above the largest possible one",
    "unit": "the unit is not the unit of this measure",
    "range": "the value is outside the range of this measure or instrument",
    "duplicate_key": "the key occurs more than once",
    "foreign_key": "the key is not found in the table it refers to",
    "date_order": "two dates are in the wrong order",
    "before_index": "an event of follow-up is dated before the index date",
    "after_death": "something is dated after the death of the patient",
    "attendance": "attendance and date of a visit contradict each other",
    "no_time": "neither a date nor a day says when this was",
    "mixed_method": "one measure was made by more than one method",
    "mixed_date": "one session has more than one date",
    "side": "the measure has no sides",
    "wear": "the wear time contradicts the day or the minutes measured in it",
    "codebook": "the codebook contradicts the library's own tables",
    "direction": "the direction in the codebook contradicts the data",
}
"""Reason codes of the failure frame."""


# reasons whose value is a name or a word of a list, not the value of a patient
_NAMES = {
    *(
        "unreadable",
        "unsafe_path",
        "package",
        "missing_table",
        "missing_field",
        "duplicate_column",
        "column_name",
        "empty",
    ),
    *("missing_word", "total_row", "mixed_method", "codebook", "direction"),
}


def without_values(failures: pd.DataFrame) -> pd.DataFrame:
    """Return the failures for printing: values of patients are empty, names of files and columns remain."""
    if not {"value", "reason"} <= set(failures.columns):
        return failures
    return failures.assign(value=failures["value"].where(failures["reason"].isin(_NAMES), ""))


def failure_frame(rows: Iterable[Mapping[str, Any]] = ()) -> pd.DataFrame:
    """Return failures with the fixed columns; ``row`` is a nullable integer, ``value`` is text."""
    frame = pd.DataFrame(list(rows), columns=list(FAILURE_COLUMNS))
    frame["row"] = pd.to_numeric(frame["row"]).astype("Int64")
    frame["value"] = [_text(value) for value in frame["value"]]
    return frame


def column_failures(
    table: str, field: str, reason: str, bad: np.ndarray, values: Any, message: str | np.ndarray
) -> pd.DataFrame:
    """Return one failure per True in ``bad``, with the value of that row."""
    rows = np.flatnonzero(bad)
    raw = pd.Series(values).to_numpy(dtype=object)[rows]
    said = message if isinstance(message, str) else np.asarray(message, dtype=object)[rows]
    return pd.DataFrame(
        {
            "table": table,
            "row": pd.array(rows + 1, dtype="Int64"),
            "field": field,
            "reason": reason,
            "value": [_text(value) for value in raw],
            "message": said,
        },
        columns=list(FAILURE_COLUMNS),
    )


def merge_failures(frames: Iterable[pd.DataFrame]) -> pd.DataFrame:
    """Return the failure frames stacked in order, without empty frames."""
    kept = [frame for frame in frames if len(frame)]
    return pd.concat(kept, ignore_index=True) if kept else failure_frame()


def _text(value: Any, limit: int = 120) -> str:
    if value is None or value is pd.NA or value is pd.NaT or (isinstance(value, float) and np.isnan(value)):
        return ""
    if isinstance(value, pd.Timestamp):
        return value.date().isoformat() if value == value.normalize() else value.isoformat()
    text = str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
    return text if len(text) <= limit else text[: limit - 1] + "…"
