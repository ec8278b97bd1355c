"""``numbers_in``: columns of a frame as a float matrix without infinite values."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from lbp_prognosis._base.intake._column_kind import holds, is_number
from lbp_prognosis._base.intake._matrix import read_matrix
from lbp_prognosis._base.intake._numbers import numbers_of
from lbp_prognosis._base.intake._rows import refused_kind

__all__ = ["numbers_in"]


def numbers_in(frame: pd.DataFrame, columns: Any, name: str = "X") -> np.ndarray:
    """Return columns of a frame as a float matrix, NaN where missing.

    What is no number is refused by its name, and so is an infinite one.
    """
    wanted = list(columns)
    whole = wanted == list(frame.columns)  # no name need be looked up
    block = frame if whole else frame[wanted]
    if block.shape[1] == len(wanted) and {np.dtype(float)}.issuperset(block.dtypes.to_numpy()):
        if whole:
            return _finite(block.to_numpy(dtype=float).copy(order="F"), columns, name)
        return _finite(block.to_numpy(dtype=float), columns, name)
    out = np.empty((len(frame), len(columns)))
    for j, column in enumerate(columns):
        values = frame[column]
        if not is_number(values):
            what = holds(values)
            categories = isinstance(values.dtype, pd.CategoricalDtype) and what in ("number", "truth value")
            raise refused_kind(name, "declared categories" if categories else what, column=column)
        out[:, j] = numbers_of(values)
    return _finite(out, columns, name)


def _finite(matrix: np.ndarray, columns: Any, name: str) -> np.ndarray:
    """Return the matrix; infinite values are refused by row and column, as in a table of predictors."""
    wild = np.isinf(matrix).any(axis=0)
    if wild.any():
        read_matrix(pd.DataFrame(matrix[:, wild], columns=np.array(columns)[wild]), allow_missing=True, name=name)
    return matrix
