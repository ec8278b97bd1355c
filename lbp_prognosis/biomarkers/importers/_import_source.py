"""Readers of files of other programs: tables, JSON, and names of levels."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from lbp_prognosis._base import DataError, argument_error
from lbp_prognosis.biomarkers.anatomy._levels import VERTEBRAE, neighbours
from lbp_prognosis.schema import read_table

__all__ = [
    "disc_level",
    "number_or_missing",
    "read_json",
    "shown_columns",
    "source_name",
    "tidy_table",
    "vertebra_level",
]


def source_name(source: Any) -> str:
    """Return a file's name, or the kind of object that was given, for messages."""
    return Path(source).name if isinstance(source, str | Path) else type(source).__name__


def shown_columns(frame: pd.DataFrame) -> str:
    """Return the first column names, cut short, for messages."""
    return "columns " + ", ".join(repr(str(column)[:30]) for column in frame.columns[:8])


def tidy_table(source: Any, *, name: str = "source") -> pd.DataFrame:
    """Return a table with stripped headers and cells; empty text is missing."""
    if isinstance(source, pd.DataFrame):
        frame = source.copy()
    elif isinstance(source, str | Path):
        if not Path(source).is_file():
            raise argument_error(name, "an existing file, or a frame", f"{str(source)!r}")
        frame = read_table(source, infer=False).frame
    else:
        raise argument_error(name, "a path or a frame", source)
    frame.columns = [str(column).strip().lstrip("\ufeff") for column in frame.columns]
    twice = frame.columns[frame.columns.duplicated()]
    if len(twice):
        raise DataError(f"{source_name(source)} has the column {twice[0]!r} twice (blanks around names are ignored).")
    for column in frame.columns:
        if frame[column].dtype == object or isinstance(frame[column].dtype, pd.StringDtype):
            cells = frame[column].map(lambda cell: cell.strip() if isinstance(cell, str) else cell)
            frame[column] = cells.where(cells.ne(""), None)
    return frame


def read_json(source: Any, *, name: str = "source") -> Any:
    """Return the contents of a JSON file; mappings and lists are returned unchanged."""
    if isinstance(source, Mapping | list):
        return source
    if not isinstance(source, str | Path) or not Path(source).is_file():
        raise argument_error(name, "an existing JSON file, or its content", source)
    try:
        return json.loads(Path(source).read_text(encoding="utf-8"))
    except (ValueError, OSError, RecursionError) as error:
        raise DataError(f"{source_name(source)} is not readable JSON ({error}).") from error


def number_or_missing(value: Any, *, where: str) -> float:
    """Return a cell as a float, NaN where it is empty; any other text is refused."""
    if (
        value is None
        or value is pd.NA
        or (isinstance(value, str) and value.strip().lower() in {"", "nan", "na", "none"})
    ):
        return float("nan")
    try:
        return float(value)
    except (TypeError, ValueError):
        raise DataError(f"{where} contains {value!r}, which is not a number.") from None


def vertebra_level(text: Any) -> str:
    """Return the level of a vertebra, such as ``l4`` of ``L4`` or ``vertebrae_L4``; empty if the text is none."""
    name = re.sub(r"\Avertebrae?_", "", str(text).strip().lower())
    name = {"s": "s1", "sacrum": "s1"}.get(name, name)
    return name if name in VERTEBRAE else ""


def disc_level(text: Any) -> str:
    """Return the level of a disc, such as ``l4l5`` of ``L4-L5``, ``L4/L5`` or ``l4_l5``; empty if the text is none."""
    parts = re.split(r"\s*[-/_–]\s*", str(text).strip().lower())
    if len(parts) != 2:
        return ""
    upper, lower = (vertebra_level(part) for part in parts)
    return upper + lower if upper and lower and (upper, lower) in neighbours([upper, lower]) else ""
