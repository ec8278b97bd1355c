"""``read_frame``: predictors as a pandas frame with named and typed columns."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from lbp_prognosis._base._errors import argument_error
from lbp_prognosis._base.intake._column_kind import holds
from lbp_prognosis._base.intake._foreign import as_pandas
from lbp_prognosis._base.intake._numbers import numbers_of
from lbp_prognosis._base.intake._rows import refused_kind

__all__ = ["column_names", "read_frame"]


_NUMBERS = {np.dtype(float)}


def _text(frame: pd.DataFrame) -> bool:
    """Return whether the names of the columns are texts of which none occurs twice."""
    return bool(frame.columns.inferred_type == "string" and frame.columns.is_unique)


def column_names(frame: pd.DataFrame, name: str = "X") -> list[str]:
    """Return the names of a frame's columns as text; whole numbers become x0, x1, … as for an array.

    Raises
    ------
    ArgumentError
        If names are neither all text nor all whole numbers, or one occurs twice.
    """
    if _text(frame):  # nearly all frames: no name need be looked at
        return list(frame.columns)
    names = list(frame.columns)
    if names and all(isinstance(each, int | np.integer) and not isinstance(each, bool) for each in names):
        names = [f"x{each}" for each in names]
    if not all(isinstance(each, str) for each in names):
        raise argument_error(name, "a frame whose column names are text", f"names {names[:5]}")
    if len(set(names)) != len(names):
        twice = sorted({each for each in names if names.count(each) > 1})
        raise argument_error(name, "a frame in which each name occurs once", f"{twice} more than once")
    return names


def read_frame(X: Any, name: str = "X") -> Any:
    """Return a frame of any library as a pandas frame of plain columns; anything without named columns as it came.

    Names are text (whole numbers become x0, x1, …). Columns of numbers, however stored (Decimal, objects, nullable,
    Arrow), are NumPy numbers, NaN where missing; text is objects; declared categories, dates and durations stay what
    they are, for `column_kind` to tell.

    Parameters
    ----------
    X : frame of pandas, polars, pyarrow or with the interchange protocol, or anything else
        Predictors.
    name : str, default "X"
        The argument, for messages.

    Raises
    ------
    ArgumentError
        For names that are neither text nor whole numbers, repeated names, complex columns, and frames that can't be
        read.
    """
    frame = X if isinstance(X, pd.DataFrame) else as_pandas(X, name)
    if not isinstance(frame, pd.DataFrame):
        return frame if isinstance(X, np.ma.MaskedArray | list | tuple) else X
    dtypes = frame.dtypes.to_numpy()
    kinds = set(dtypes)
    if kinds == _NUMBERS and _text(frame):  # most frames of a model; a frame is read for each of its completed tables
        return frame
    names = column_names(frame, name)
    if kinds == _NUMBERS:
        return frame.set_axis(names, axis=1)
    if any(isinstance(dtype, np.dtype) and not dtype.isnative for dtype in kinds):
        frame = as_pandas(frame, name)
        dtypes = frame.dtypes.to_numpy()
        kinds = set(dtypes)
    if any(getattr(dtype, "kind", "") == "c" for dtype in kinds):  # whatever is done with it drops the imaginary part
        each = next(each for each, dtype in zip(names, dtypes) if getattr(dtype, "kind", "") == "c")
        raise refused_kind(name, "complex", "numbers and categories", column=each)
    plain = {dtype for dtype in kinds if isinstance(dtype, np.dtype) and dtype.kind in "fiub"}
    others: dict[int, pd.Series] = {}
    if plain != kinds:
        others = {j: frame.iloc[:, j] for j, dtype in enumerate(dtypes) if dtype not in plain}
    read = {j: plain_column(column) for j, column in others.items()}
    if any(read[j] is not column for j, column in others.items()):
        parts = {each: read[j] if j in read else frame.iloc[:, j] for j, each in enumerate(names)}
        made = pd.DataFrame(parts, index=frame.index, columns=names)
        made.attrs = dict(frame.attrs)  # that data are simulated must not be forgotten on the way in
        return made
    return frame if names == list(frame.columns) else frame.set_axis(names, axis=1)


def plain_column(column: pd.Series) -> pd.Series:
    """Return a column in its plainest storage: numbers as NumPy numbers, text as objects."""
    what = holds(column)
    if isinstance(column.dtype, pd.CategoricalDtype):
        return column
    dtype = column.dtype
    if isinstance(dtype, pd.ArrowDtype) and type(dtype.pyarrow_dtype).__name__ == "DictionaryType":
        return column.astype(object).astype("category")
    if what in ("number", "truth value"):
        kind = getattr(dtype, "kind", "O")
        if column.isna().any() or (what == "number" and kind not in "iu"):
            return pd.Series(numbers_of(column), index=column.index, name=column.name)
        plain: Any = bool if what == "truth value" else np.uint64 if kind == "u" else np.int64
        return pd.Series(column.to_numpy(dtype=plain), index=column.index, name=column.name)
    if what == "nothing":
        return pd.Series(np.full(len(column), np.nan), index=column.index, name=column.name)
    if what in ("text", "mixed") and dtype != np.dtype(object):
        return column.astype(object).where(column.notna(), np.nan)
    if what == "text":
        missing = column.isna().to_numpy()
        if any(cell is pd.NA for cell in column.to_numpy()[missing]):
            return column.where(~missing, np.nan)
    return column
