"""``as_numbers`` and ``as_labels``: one row-wise argument as the kernels want it, whatever it was stored in."""

from __future__ import annotations

from numbers import Integral
from typing import Any

import numpy as np
import pandas as pd

from lbp_prognosis._base._errors import argument_error, describe
from lbp_prognosis._base.intake._column_kind import holds
from lbp_prognosis._base.intake._foreign import as_pandas
from lbp_prognosis._base.intake._rows import refused_kind

__all__ = ["as_labels", "as_numbers", "numbers_of"]


def numbers_of(column: Any) -> np.ndarray:
    """Return a column that contains numbers or truth values as floats, NaN where missing."""
    if isinstance(column, np.ndarray) and column.dtype.kind in "fiub":
        return np.asarray(column, dtype=float)
    if isinstance(column.dtype, pd.CategoricalDtype | pd.SparseDtype):
        column = np.asarray(column)
    if getattr(column.dtype, "kind", "O") in "fiub":
        series = pd.Series(column)
        return series.to_numpy(dtype=float, na_value=np.nan)
    plain = isinstance(column, np.ndarray)  # pandas can't store whole numbers above those of floats
    cells = np.asarray(column, dtype=object) if plain else pd.Series(column).to_numpy(dtype=object)
    missing = np.asarray(pd.isna(cells))
    out = np.full(cells.shape, np.nan)
    out[~missing] = [_float(cell) for cell in cells[~missing]]
    return out


def _float(cell: Any) -> float:
    try:
        return float(cell)
    except OverflowError:
        return float("inf") if cell > 0 else float("-inf")


def _array(value: Any) -> Any:
    """Return a pandas column, a frame or an array; never a bare sequence that NumPy would turn into text."""
    value = as_pandas(value)
    if isinstance(value, pd.Series | pd.Index | pd.DataFrame | np.ndarray | pd.api.extensions.ExtensionArray):
        return value
    if isinstance(value, list | tuple) and any(
        isinstance(cell, str | bool | np.bool_) or cell is None or cell is pd.NA for cell in value
    ):
        cells = np.empty(len(value), dtype=object)  # NumPy would turn [1, "a"] into text and [True, 2] into numbers
        cells[:] = value
        return cells
    return np.asarray(value)


def as_numbers(name: str, value: Any, accepted: str = "numbers") -> np.ndarray:
    """Return numbers as a float array of the shape that was given; NaN where missing.

    Dates, durations, complex numbers and text are refused by name.

    Raises
    ------
    ArgumentError
        Naming ``name``.
    """
    try:
        array = _array(value)
    except (TypeError, ValueError):
        raise argument_error(name, accepted, describe(value)) from None
    if isinstance(array, pd.DataFrame):
        if all(isinstance(dtype, np.dtype) and dtype.kind in "fiub" for dtype in array.dtypes):
            return array.to_numpy(dtype=float)
        columns = [as_numbers(name, array.iloc[:, j], accepted) for j in range(array.shape[1])]
        return np.column_stack(columns) if columns else np.empty((len(array), 0))
    if isinstance(array, np.ndarray) and array.dtype.kind in "fiub":
        return np.asarray(array, dtype=float)
    if isinstance(array, np.ndarray) and array.dtype.names:
        raise argument_error(name, accepted, "a structured array")
    what = holds(array)
    if what in ("number", "truth value", "nothing"):
        flat = numbers_of(array.ravel() if isinstance(array, np.ndarray) else array)
        return flat.reshape(array.shape) if isinstance(array, np.ndarray) else flat
    if isinstance(array, np.ndarray) and array.dtype == object and array.ndim == 0:
        raise argument_error(name, accepted, describe(value))
    raise refused_kind(name, what, accepted)


def as_labels(name: str, value: Any, accepted: str = "labels") -> Any:
    """Return labels: an ndarray of one kind, or a Categorical where categories are declared; missing ones stay missing.

    ``accepted`` names them in errors: labels, states, event codes.

    Raises
    ------
    ArgumentError
        For numbers beside text, dates, durations and complex numbers.
    """
    array = _array(value)
    if isinstance(array, pd.DataFrame):
        return pd.DataFrame(
            {column: as_labels(name, array[column], accepted) for column in array.columns},
            index=array.index,
            copy=False,
        )
    if isinstance(array, np.ndarray) and (array.dtype.kind in "iufbU" or array.ndim != 1):
        return array
    what = holds(array)
    if what in ("date", "duration", "complex", "mixed"):
        raise refused_kind(name, what, accepted if what != "mixed" else f"{accepted} of one kind")
    if isinstance(array.dtype, pd.CategoricalDtype):
        return pd.Categorical(array)
    cells = pd.Series(array).to_numpy(dtype=object, copy=True)
    missing = np.asarray(pd.isna(cells))
    if what in ("number", "truth value"):
        if not missing.any() and what == "truth value":
            return cells.astype(bool)
        if all(isinstance(cell, Integral) for cell in cells[~missing]):
            # identifiers of many digits would collapse as floats
            if not missing.any() and all(abs(int(cell)) < 2**63 for cell in cells):
                return cells.astype(np.int64)
        else:
            return numbers_of(array)
    cells[missing] = None
    return cells
