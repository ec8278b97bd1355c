"""``number_table``: numeric columns of a second table of a study, with the patient of each row."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from lbp_prognosis._base import DataError, argument_error, holds, nearest
from lbp_prognosis.disclosure import identifier_text
from lbp_prognosis.schema import read_table

__all__ = ["number_table"]


def number_table(
    section: str, path: Path, id: str, columns: Sequence[str], missing: Any = None
) -> tuple[pd.Index, pd.DataFrame]:
    """Return the text of the identifier of each row, and columns as numbers.

    Parameters
    ----------
    section : str
        Of the study, for messages.
    path : Path
        Of the file.
    id : str
        Column of the patient.
    columns : sequence of str
        Columns of numbers.
    missing : object, optional
        Codes for missing values, as in `schema.read_table`.

    Raises
    ------
    DataError
        If the file or a column is absent, or a row names no patient.
    ArgumentError
        If a cell is not a number.
    """
    reading = read_table(path, missing=missing)
    for column in (id, *columns):
        if column not in reading.frame.columns:
            near = nearest(column, list(map(str, reading.frame.columns)))
            shown = ", ".join(map(repr, reading.frame.columns[:30]))
            raise DataError(f"The table {path.name!r} has no column {column!r}; it has {shown}. {near}".rstrip())
    frame = reading.raise_if_failed([id, *columns]).frame
    if frame[id].isna().any():
        raise DataError(f"{int(frame[id].isna().sum())} rows of {path.name!r} name no patient in {id!r}.")
    for column in columns:
        kind = holds(frame[column])
        if kind in ("date", "duration"):
            raise argument_error(
                section,
                f"a table whose columns {list(columns)} are numbers",
                f"{kind}s in {column!r} of {path.name!r}",
                "Give times as numbers since time zero, in the unit of the outcome.",
            )
    found = frame[list(columns)].apply(pd.to_numeric, errors="coerce").astype(float)
    for column in columns:
        strange = int((found[column].isna() & frame[column].notna()).sum())
        if strange:
            raise argument_error(
                section,
                f"a table whose columns {list(columns)} are numbers",
                f"{strange} cells of {column!r} of {path.name!r} that are none",
                "Code categories as columns of 0 and 1, and declare codes of missing values under `missing`.",
            )
    return pd.Index([identifier_text(one) for one in frame[id]]), found
