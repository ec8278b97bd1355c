"""The rows of a site, in the order of the agreed columns or of a model's."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from lbp_prognosis._base import argument_error, read_frame, read_matrix

__all__ = ["agreed_matrix", "own_columns"]


def agreed_matrix(X: Any, columns: Sequence[str], n: int) -> np.ndarray:
    """Return the agreed columns (n, p) of a frame, or an array that has as many."""
    frame = read_frame(X)
    if isinstance(frame, pd.DataFrame):
        missing = [name for name in columns if name not in frame.columns]
        if missing:
            raise argument_error("X", f"a frame with the agreed columns {list(columns)}", f"one without {missing}")
        frame = frame[list(columns)]
    matrix = read_matrix(frame) if columns else np.empty((np.shape(frame)[0], 0))
    if matrix.shape != (n, len(columns)):
        raise argument_error("X", f"of {n} rows, as many as `y`, and {len(columns)} columns", f"shape {matrix.shape}")
    return matrix


def own_columns(model: Any, table: Any) -> Any:
    """Return the columns that a model was fitted to, of a frame that has them all; else the table as it is.

    Two models that are compared on the same patients read different columns.
    """
    names = getattr(model, "feature_names_in_", None)
    names = getattr(getattr(model, "unlocked", None), "feature_names_in_", None) if names is None else names
    if names is None or not isinstance(table, pd.DataFrame) or not set(names) <= set(table.columns):
        return table
    return table[list(names)]
