"""``read_matrix``: predictors as a float matrix; every bad cell is told at once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from scipy.sparse import issparse

from lbp_prognosis._base._errors import DataError, argument_error, describe
from lbp_prognosis._base.intake._column_kind import holds
from lbp_prognosis._base.intake._numbers import as_numbers, numbers_of
from lbp_prognosis._base.intake._read_frame import read_frame

__all__ = ["read_matrix", "shape_remedy"]

_FEW = 2**14  # numbers that cost less to put together than the types of the columns to look at


def _one_block(frame: pd.DataFrame) -> np.ndarray | None:
    """Return the numbers of a small frame that holds all of its columns as one array of floats, else None.

    Only such a frame gives the same memory twice; of several columns of another kind pandas builds a new array.
    """
    if not 1 < frame.shape[1] <= frame.size <= _FEW:
        return None
    block = frame.to_numpy()
    return block if block.dtype == np.float64 and np.may_share_memory(block, frame.to_numpy()) else None


def read_matrix(
    X: Any, *, allow_missing: bool = False, allow_no_column: bool = False, name: str = "X", read: bool = False
) -> np.ndarray:
    """Return ``X`` as a float matrix; text, missing and infinite cells are reported together, by column.

    ``read`` says that ``X`` has passed `read_frame` before.

    Raises
    ------
    ArgumentError
        If ``X`` has not two dimensions, or no column (unless ``allow_no_column``).
    DataError
        With ``failures``: one row per bad cell (at most 20 a column), columns
        ``table, row, field, reason, value, message``.
    """
    failures: list[dict[str, Any]] = []
    X = X if read else read_frame(X)
    if read and isinstance(X, pd.DataFrame) and (block := _one_block(X)) is not None:
        names, matrix = list(X.columns), block
    elif isinstance(X, pd.DataFrame):
        names = list(X.columns)
        if all(isinstance(dtype, np.dtype) and dtype.kind in "fiub" for dtype in set(X.dtypes.to_numpy())):
            matrix = X.to_numpy(dtype=float)
        else:
            matrix, failures = _column_by_column([X.iloc[:, j] for j in range(X.shape[1])], names)
    else:
        array = np.asarray(X)
        if array.ndim != 2:
            raise argument_error("X", "a frame or a two-dimensional array", describe(X), shape_remedy(X))
        names = [f"x{j}" for j in range(array.shape[1])]
        matrix = as_numbers("X", array)
    if matrix.shape[1] == 0 and not allow_no_column:
        raise argument_error(
            "X", "a matrix of at least one column", "no column", "NullModel and regressions need no predictor."
        )
    bad = ~np.isfinite(matrix)
    if allow_missing:
        bad &= ~np.isnan(matrix)
    if not failures and not bad.any():
        return matrix
    text = {failure["field"] for failure in failures}
    for j in np.flatnonzero(bad.any(axis=0)):
        if names[j] in text:
            continue
        for row in np.flatnonzero(bad[:, j])[:20]:
            reason = "missing" if np.isnan(matrix[row, j]) else "infinite"
            failures.append(_failure(int(row), names[j], reason, float(matrix[row, j])))
    frame = pd.DataFrame(failures)
    counts = frame.groupby(["field", "reason"], sort=False).size()
    told = ", ".join(f"{field!r} ({reason})" for field, reason in counts.index[:6])
    more = "" if len(counts) <= 6 else f" and {len(counts) - 6} more"
    raise DataError(
        f"`{name}` must be numeric and finite; got columns {told}{more}. {_remedy(set(frame['reason']))}", frame
    )


def shape_remedy(X: Any) -> str | None:
    """Say what makes a table of something that is none."""
    if isinstance(X, pd.Series):
        return "One patient is a frame of one row, X.iloc[[0]]; one predictor is a frame of one column, X[['age']]."
    if issparse(X):
        return (
            "Sparse matrices are taken by ElasticNetCox, penalised LogisticRisk and CauseSpecificCox of elastic nets; "
            "else X.toarray(), or a frame of the columns in use."
        )
    if isinstance(X, Mapping):
        return "A patient in a mapping is a frame of one row: pd.DataFrame([patient])."
    if isinstance(X, str):
        return "There is no formula: give the columns themselves; splines and dummies are steps of a RiskPipeline."
    return None


def _remedy(reasons: set[str]) -> str:
    """Say what to do with what was found, and that it belongs inside the training fold."""
    moves = []
    if reasons & {"text", "category"}:
        moves.append("encode text and categories with OneHot()")
    if "missing" in reasons:
        moves.append("impute with MultipleImputation()")
    parts = []
    if moves:
        inside = f"{' and '.join(moves)} in a RiskPipeline, so that each training fold does it for itself."
        parts.append(inside[0].upper() + inside[1:])
    if "date" in reasons:
        parts.append("Turn dates into time since the index date.")
    if "duration" in reasons:
        parts.append("Divide durations by their unit: duration / pd.Timedelta('1D').")
    if "complex" in reasons:
        parts.append("Take the real part of complex numbers.")
    if "infinite" in reasons:
        parts.append("Correct infinite values, or make them missing.")
    return " ".join(parts)


def _failure(row: int, field: str, reason: str, value: Any) -> dict[str, Any]:
    return {
        "table": "X",
        "row": row,
        "field": field,
        "reason": reason,
        "value": value,
        "message": f"{field} is {reason} at row {row}.",
    }


def _column_by_column(columns: list[pd.Series], names: list[str]) -> tuple[np.ndarray, list[dict[str, Any]]]:
    matrix = np.full((len(columns[0]), len(columns)), np.nan)
    failures: list[dict[str, Any]] = []
    for j, column in enumerate(columns):
        what = holds(column)
        categories = isinstance(column.dtype, pd.CategoricalDtype) and what not in ("date", "duration", "complex")
        if what in ("number", "truth value", "nothing") and not categories:
            matrix[:, j] = numbers_of(column)
            continue
        reason = "category" if categories else "text" if what == "mixed" else what
        known = column.dropna()
        failures.append(_failure(0, names[j], reason, str(known.iloc[0]) if len(known) else ""))
    return matrix, failures
