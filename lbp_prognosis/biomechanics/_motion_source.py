"""Reader of tables of other programs, as path or frame: blanks are stripped, empty cells are missing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from lbp_prognosis._base import DataError, argument_error, as_pandas
from lbp_prognosis.schema import read_table, table_schemas

__all__ = ["motion_source"]


def motion_source(source: Any, name: str) -> tuple[pd.DataFrame, str]:
    """Return the table with cells of text stripped and words for missing values missing, and its name for messages.

    Parameters
    ----------
    source : path or DataFrame
        The table.
    name : str
        Name of the argument.

    Raises
    ------
    ArgumentError
        If ``source`` is neither a frame nor an existing file.
    DataError
        If two columns have the same name, or the table has no rows.
    """
    if isinstance(source, str | Path):
        if not Path(source).is_file():
            raise argument_error(name, "a frame, or a file that is there", repr(str(source)))
        frame, where = read_table(source, infer=False).frame.copy(), Path(source).name
    else:
        read = as_pandas(source)
        if not isinstance(read, pd.DataFrame):
            raise argument_error(name, "a frame, or a path", source)
        frame, where = read.copy(), "the table"
    frame.columns = [str(column).strip().lstrip("\ufeff") for column in frame.columns]
    twice = frame.columns[frame.columns.duplicated()]
    if len(twice):
        raise DataError(f"{where} has the column {twice[0]!r} twice (blanks around names are ignored). Rename one.")
    if frame.empty:
        raise DataError(f"{where} has no rows.")
    missing = {*table_schemas()["motion_trial"].missing_values, ""}
    for column in frame.columns:
        cells = [cell.strip() if isinstance(cell, str) else cell for cell in frame[column]]
        if any(isinstance(cell, str) for cell in cells):
            kept = [None if isinstance(cell, str) and cell in missing else cell for cell in cells]
            frame[column] = pd.Series(kept, index=frame.index, dtype=object)
    return frame.reset_index(drop=True), where
