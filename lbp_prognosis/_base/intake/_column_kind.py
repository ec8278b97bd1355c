"""``column_kind``: the one answer to "what kind of column is this?"."""

from __future__ import annotations

import datetime as dt
import numbers
from decimal import Decimal
from typing import Any, Literal

import numpy as np
import pandas as pd

__all__ = ["ColumnKind", "Holds", "categories_of", "column_kind", "declares_categories", "holds", "is_number"]

ColumnKind = Literal[
    "number", "ordered", "nominal", "date", "duration", "truth value", "identifier", "constant", "complex", "mixed"
]
Holds = Literal["number", "truth value", "text", "date", "duration", "complex", "mixed", "nothing"]

FEWEST_FOR_IDENTIFIER = 20
"""Below this many rows values that are all different say nothing."""

_DATES = (dt.date, dt.time, np.datetime64, pd.Period)
_DURATIONS = (dt.timedelta, np.timedelta64, pd.DateOffset)


def _cell(value: Any) -> str | None:
    """Kind of one cell; None where it is missing."""
    if value is None or value is pd.NA or value is pd.NaT:
        return None
    if isinstance(value, bool | np.bool_):
        return "truth value"
    if isinstance(value, str | bytes):
        return "text"
    if isinstance(value, _DATES):
        return None if isinstance(value, np.datetime64) and np.isnat(value) else "date"
    if isinstance(value, _DURATIONS):
        return None if isinstance(value, np.timedelta64) and np.isnat(value) else "duration"
    if isinstance(value, numbers.Real | Decimal):
        return None if value != value else "number"
    if isinstance(value, numbers.Complex):
        return "complex"
    return "text"  # anything else can only be compared for being equal


_INFERRED: dict[str, Holds] = {
    "string": "text",
    "floating": "number",
    "integer": "number",
    "decimal": "number",
    "boolean": "truth value",
    "complex": "complex",
    "datetime": "date",
    "datetime64": "date",
    "date": "date",
    "time": "date",
    "period": "date",
    "timedelta": "duration",
    "timedelta64": "duration",
    "empty": "nothing",
}


def _objects(cells: Any) -> Holds:
    quick = _INFERRED.get(pd.api.types.infer_dtype(cells, skipna=True))
    if quick is not None:
        return quick
    found = {_cell(value) for value in cells}
    found.discard(None)
    if not found:
        return "nothing"
    for decisive in ("date", "duration", "complex"):
        if decisive in found:
            return decisive
    if found == {"number", "truth value"}:
        return "number"
    return found.pop() if len(found) == 1 else "mixed"  # type: ignore[return-value]


_BY_LETTER: dict[str, Holds] = {
    "f": "number",
    "i": "number",
    "u": "number",
    "b": "truth value",
    "c": "complex",
    "M": "date",
    "m": "duration",
    "U": "text",
    "S": "text",
    "T": "text",
}


def holds(values: Any) -> Holds:
    """Say what the cells of a column are, however the column is stored.

    Parameters
    ----------
    values : Series, Index, extension array or ndarray
        One column.

    Returns
    -------
    {"number", "truth value", "text", "date", "duration", "complex", "mixed", "nothing"}
        ``nothing`` where every cell is missing, ``mixed`` where numbers stand beside text.
    """
    dtype = values.dtype
    if isinstance(dtype, pd.CategoricalDtype):
        return holds(dtype.categories)
    if isinstance(dtype, pd.SparseDtype):
        return holds(np.empty(0, dtype=dtype.subtype))
    if isinstance(dtype, pd.PeriodDtype):
        return "date"
    if isinstance(dtype, pd.StringDtype):
        return "text"
    if isinstance(dtype, np.dtype) and dtype.kind == "O":
        return _objects(np.asarray(values, dtype=object).ravel())
    if isinstance(dtype, pd.ArrowDtype):
        return _arrow(values)
    return _BY_LETTER.get(getattr(dtype, "kind", "O"), "text")


def _arrow(values: Any) -> Holds:
    """Arrow's own types: decimals and dates answer by their cells."""
    kind = values.dtype.kind
    if kind in "fiubMm":
        return _BY_LETTER[kind]
    return _objects(pd.array(values).to_numpy(dtype=object))


def column_kind(values: Any) -> ColumnKind:
    """Say what kind of column this is.

    Parameters
    ----------
    values : Series, Index, extension array or ndarray
        One column.

    Returns
    -------
    str
        ``"date"``, ``"duration"``, ``"complex"``, ``"mixed"`` (numbers beside text);
        ``"constant"`` (at most one value is known, and none is date or duration);
        ``"ordered"`` and ``"nominal"`` for declared categories, ``"nominal"`` for text;
        ``"identifier"`` for text, or consecutive whole numbers, that are different in each of at least 20 rows;
        ``"truth value"``; ``"number"`` for all else, Decimal and objects that are numbers included.
    """
    what = holds(values)
    if what in ("date", "duration", "complex", "mixed"):
        return what
    column = values if isinstance(values, pd.Series) else pd.Series(values)
    known = column.dropna()
    distinct = known.nunique()
    if distinct <= 1:
        return "constant"
    if isinstance(column.dtype, pd.CategoricalDtype):
        return "ordered" if column.dtype.ordered else "nominal"
    if what == "truth value":
        return "truth value"
    different = distinct == len(known) == len(column) and len(column) >= FEWEST_FOR_IDENTIFIER
    if what == "text":
        return "identifier" if different else "nominal"
    if different:
        cells = known.to_numpy(dtype=float)
        if (cells == np.floor(cells)).all() and cells.max() - cells.min() == len(cells) - 1:
            return "identifier"
    return "number"


def is_number(values: Any) -> bool:
    """Whether a column is worked on as numbers: it contains numbers or truth values and declares no categories."""
    if isinstance(values.dtype, pd.CategoricalDtype):
        return False
    return holds(values) in ("number", "truth value", "nothing")


def declares_categories(values: Any) -> bool:
    """Whether the one who made a column said which categories it has, and in which order they are shown."""
    return isinstance(values.dtype, pd.CategoricalDtype)


def categories_of(column: pd.Series) -> list[Any]:
    """Return the categories that occur, in declared order, else sorted; a declared one that is absent says nothing."""
    if isinstance(column.dtype, pd.CategoricalDtype):
        return [category for category in column.cat.categories if (column == category).any()]
    return sorted(column.dropna().unique().tolist())
