"""``as_pandas``: frames and columns of other libraries, read through Arrow by their names."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from lbp_prognosis._base._arrow_frame import arrow_column, arrow_frame
from lbp_prognosis._base._errors import argument_error
from lbp_prognosis._base._optional import require

__all__ = ["as_pandas", "is_foreign_frame"]


def is_foreign_frame(value: Any) -> bool:
    """Whether a value has named columns and is no pandas frame."""
    if isinstance(value, pd.DataFrame | pd.Series | pd.Index | np.ndarray | list | tuple | dict | str | type):
        return False
    # of a lazy frame of polars the attribute itself would warn before it is refused
    own = getattr(value, "__dict__", {})
    named = any(hasattr(type(value), each) or each in own for each in ("columns", "column_names"))
    return hasattr(value, "__dataframe__") or (named and np.ndim(getattr(value, "shape", ())) == 1)


def as_pandas(value: Any, name: str = "X") -> Any:
    """Return a polars, Arrow or other frame as a pandas frame, and such a column as an array; all else as it came.

    Masked cells of NumPy's masked arrays become missing: as plain arrays they would show what is under the mask.
    Columns of the other byte order, which pandas can't select from, become those of this machine.

    A frame is read through Arrow (``to_arrow``, the Arrow PyCapsule interface, or the frame interchange protocol), so
    polars, pyarrow, narwhals, DuckDB and others are read without being needed.

    Raises
    ------
    ArgumentError
        If an object has columns whose names and cells can't be read so (a lazy or distributed frame).
    MissingPackageError
        If it is of another library than pandas and NumPy, and pyarrow is not installed.
    """
    if isinstance(value, np.ma.MaskedArray):
        return _unmasked(value)
    if isinstance(value, pd.DataFrame | pd.Series):
        return _native(value)
    if isinstance(value, list | tuple):
        return _unmasked_list(value)
    if isinstance(value, pd.Index | np.ndarray | dict | str | type(None)):
        return value
    if isinstance(value, int | float | bool | pd.api.extensions.ExtensionArray):
        return value
    if is_foreign_frame(value):
        return _frame(value, name)
    return _column(value)


def _unmasked(value: np.ma.MaskedArray[Any, Any]) -> np.ndarray:
    hidden = np.ma.getmaskarray(value)
    cells = np.asarray(value.data)
    if not hidden.any():
        return cells
    out = cells.astype(cells.dtype if cells.dtype.kind == "f" else object)
    out[hidden] = np.nan if cells.dtype.kind == "f" else None
    return out


def _unmasked_list(value: list[Any] | tuple[Any, ...]) -> Any:
    """Return a sequence whose masked cells are None, and masked rows as a table."""
    masked = [isinstance(cell, np.ma.MaskedArray) for cell in value]
    if not any(masked):
        return value
    if any(cell is not np.ma.masked and each for cell, each in zip(value, masked)):
        shapes = {np.shape(cell) for cell in value}
        return _unmasked(np.ma.stack(value)) if len(shapes) == 1 else value
    return [None if each else cell for cell, each in zip(value, masked)]


def _native(value: Any) -> Any:
    dtypes = list(value.dtypes.to_numpy()) if isinstance(value, pd.DataFrame) else [value.dtype]
    if all(not isinstance(dtype, np.dtype) or dtype.isnative for dtype in set(dtypes)):  # nearly all tables
        return value
    foreign = ((j, dtype) for j, dtype in enumerate(dtypes) if isinstance(dtype, np.dtype) and not dtype.isnative)
    other = {j: dtype.newbyteorder("=") for j, dtype in foreign}
    if isinstance(value, pd.Series):
        return value.astype(other[0])
    columns = [
        pd.Series(value.iloc[:, j].to_numpy().astype(other[j]), index=value.index) if j in other else value.iloc[:, j]
        for j in range(len(dtypes))
    ]
    out = pd.concat(columns, axis=1).set_axis(value.columns, axis=1)
    out.attrs = dict(value.attrs)
    return out


def _frame(value: Any, name: str) -> pd.DataFrame:
    pa = _arrow_of(value)
    table = None
    try:
        if isinstance(value, pa.Table | pa.RecordBatch):
            table = value
        elif hasattr(value, "to_arrow"):
            table = value.to_arrow()
        elif hasattr(value, "__arrow_c_stream__"):
            table = pa.table(value)
        elif hasattr(value, "__dataframe__"):
            table = require("pyarrow.interchange", caller=_name(value), extra="io").from_dataframe(value)
    except Exception:  # whatever another library raises here, its frame can't be read
        table = None
    if not isinstance(table, pa.Table | pa.RecordBatch):
        raise argument_error(
            name,
            "a frame whose columns can be read (pandas, polars, pyarrow, or one with the interchange protocol)",
            _name(value),
            "Collect it first: .collect(), .compute() or .to_pandas().",
        )
    names = list(table.schema.names)
    if len(set(names)) != len(names):
        twice = sorted({each for each in names if names.count(each) > 1})
        raise argument_error(name, "a frame in which each name occurs once", f"{twice} more than once")
    return _in_lexical_order(arrow_frame(table, date_as_object=True), value)


def _in_lexical_order(frame: pd.DataFrame, value: Any) -> pd.DataFrame:
    """Return a frame in which categories of polars' Categorical are sorted, as polars orders them.

    Arrow has them in the order in which they first occur, so that the reference category of a model would depend on the
    order of the rows. Those of an Enum are in the order of its declaration.
    """
    for name, dtype in dict(
        getattr(value, "schema", {}) if type(value).__module__.startswith("polars") else {}
    ).items():
        if type(dtype).__name__ == "Categorical" and isinstance(frame[name].dtype, pd.CategoricalDtype):
            column = frame[name].cat
            frame[name] = column.reorder_categories(sorted(column.categories))
    return frame


def _name(value: Any) -> str:
    return f"{type(value).__module__.split('.')[0]}.{type(value).__name__}"


def _arrow_of(value: Any) -> Any:
    """The package that reads frames and columns of others; who has none of them needs it not."""
    return require("pyarrow", caller=_name(value), extra="io")


def _column(value: Any) -> Any:
    """A polars Series, an Arrow array or chunked array as an array: it has no labels."""
    if hasattr(value, "__arrow_c_stream__") and hasattr(value, "to_arrow"):
        _arrow_of(value)
        value = value.to_arrow()
    if type(value).__module__.startswith("pyarrow") and hasattr(value, "to_pandas"):
        column = arrow_column(value)
        return column.to_numpy() if isinstance(column.dtype, np.dtype) else column.array
    return value
