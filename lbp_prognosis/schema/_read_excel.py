"""The adapter to openpyxl: Excel workbooks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from lbp_prognosis._base import DataError, argument_error, require

__all__ = ["read_excel"]


def read_excel(file: Path, sheet: str | None) -> tuple[pd.DataFrame, dict[str, Any], list[str]]:
    """Return one sheet as it stands, the sheet's name, and notes."""
    require("openpyxl", caller="read_table", extra="io")
    try:
        with pd.ExcelFile(file, engine="openpyxl") as book:
            sheets = [str(name) for name in book.sheet_names]
            if sheet is not None and sheet not in sheets:
                raise argument_error("sheet", f"one of {', '.join(map(repr, sheets))}", repr(sheet))
            chosen = sheet or sheets[0]
            cells = book.parse(chosen, header=None, dtype=object, na_filter=False)
    except DataError:
        raise
    except Exception as error:
        if type(error).__name__ == "ArgumentError":
            raise
        raise DataError(f"The file {file.name!r} is not a readable Excel workbook ({type(error).__name__}).") from error
    if cells.empty:
        raise DataError(f"The sheet {chosen!r} of {file.name!r} is empty.")
    frame = cells.iloc[1:].reset_index(drop=True)
    frame.columns = [str(name).strip() for name in cells.iloc[0]]
    frame = frame.replace({"": None})
    frame = frame[~frame.isna().all(axis=1)].reset_index(drop=True)
    notes = [f"sheet {chosen!r} of {len(sheets)} was read: {', '.join(map(repr, sheets))}"] if len(sheets) > 1 else []
    # a column of one kind of cell takes that kind; mixed columns stay as they are
    return frame.infer_objects(), {"sheet": chosen}, notes
