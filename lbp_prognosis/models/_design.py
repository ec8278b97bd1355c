"""Checked predictors: a frame or an array becomes a float matrix with names, and every bad cell is told at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from lbp_prognosis._base import DataError, argument_error, describe

__all__ = ["Design", "check_matrix", "column_names", "strata_labels", "take_columns"]


@dataclass(frozen=True)
class Design:
    """What a ``fit`` works on, checked.

    Attributes
    ----------
    X : ndarray of shape (n, p)
        Finite predictors.
    y : ndarray of shape (n,)
        The structured outcome.
    kind : str
        ``"right"``, ``"interval"``, ``"status"`` or ``"reference"``.
    entry : ndarray of shape (n,) or None
        Delayed entry.
    weights : ndarray of shape (n,) or None
        Row weights.
    weight_kind : str or None
        ``"frequency"``, ``"sampling"`` or ``"attrition"``.
    strata : ndarray of int of shape (n,) or None
        Codes 0…S−1 into ``strata_levels``.
    strata_levels : list
        Label of each code.
    offset : ndarray of shape (n,) or None
        Fixed part of the linear predictor.
    clusters : ndarray of int of shape (n,) or None
        Codes of the variance unit.
    """

    X: np.ndarray
    y: np.ndarray
    kind: str
    entry: np.ndarray | None
    weights: np.ndarray | None
    weight_kind: str | None
    strata: np.ndarray | None
    strata_levels: list
    offset: np.ndarray | None
    clusters: np.ndarray | None

    @property
    def frequency(self) -> bool:
        """Whether a weight counts identical rows."""
        return self.weight_kind == "frequency"


def column_names(X: Any) -> list[str] | None:
    """Names of a frame's columns, None for an array; names that are no text are refused."""
    if not isinstance(X, pd.DataFrame):
        return None
    names = list(X.columns)
    if not all(isinstance(name, str) for name in names):
        raise argument_error("X", "a frame whose column names are text", f"names {names[:5]}")
    if len(set(names)) != len(names):
        twice = sorted({name for name in names if names.count(name) > 1})
        raise argument_error("X", "a frame in which each name stands once", f"{twice} more than once")
    return names


def take_columns(X: Any, wanted: Any, parameter: str) -> tuple[list[str], Any]:
    """Return the columns of the frame ``X`` named by a constructor option, and the frame without them."""
    names = [wanted] if isinstance(wanted, str) else list(wanted)
    if not isinstance(X, pd.DataFrame):
        raise argument_error("X", f"a frame when {parameter}= names columns", X)
    missing = [name for name in names if name not in X.columns]
    if missing:
        raise argument_error(parameter, "columns of `X`", f"{missing}, which are not among them")
    return names, X.drop(columns=names)


def strata_labels(strata: Any, n: int) -> list:
    """One label a row: the value itself, or a tuple where several columns define the strata."""
    if isinstance(strata, pd.DataFrame):
        labels = [tuple(row) for row in strata.itertuples(index=False, name=None)]
        if strata.shape[1] == 1:
            labels = [label[0] for label in labels]
    else:
        array = np.asarray(strata)
        if array.ndim != 1:
            raise argument_error("strata", "one label a row", describe(strata))
        labels = array.tolist()
    if len(labels) != n:
        raise argument_error("strata", f"of length {n}, one label a row of `X`", f"length {len(labels)}")
    flat = [part for label in labels for part in (label if isinstance(label, tuple) else (label,))]
    if any(part is None or part != part for part in flat):
        raise argument_error("strata", "free of missing labels", "missing labels")
    return [tuple(_plain(part) for part in label) if isinstance(label, tuple) else _plain(label) for label in labels]


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value


def check_matrix(X: Any, *, allow_missing: bool = False) -> np.ndarray:
    """Return ``X`` as a float matrix; text, missing and infinite cells are reported together, by column.

    Raises
    ------
    DataError
        With ``failures``: one row a bad cell (at most 20 a column), columns
        ``table, row, field, reason, value, message``.
    """
    failures: list[dict[str, Any]] = []
    if isinstance(X, pd.DataFrame):
        names = [str(name) for name in X.columns]
        if all(dtype.kind in "fiub" for dtype in X.dtypes):
            matrix = X.to_numpy(dtype=float)
        else:
            matrix, failures = _column_by_column([X.iloc[:, j] for j in range(X.shape[1])], names)
    else:
        array = np.asarray(X)
        if array.ndim != 2:
            raise argument_error("X", "a frame or a two-dimensional array", describe(X), _shape_remedy(X))
        names = [f"x{j}" for j in range(array.shape[1])]
        try:
            matrix = np.asarray(array, dtype=float)
        except (TypeError, ValueError):
            raise argument_error("X", "numbers", describe(X)) from None
    if matrix.shape[1] == 0:
        raise argument_error("X", "a matrix of at least one column", "no column")
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
    raise DataError(f"`X` must be numeric and finite; got columns {told}{more}. {_remedy(set(frame['reason']))}", frame)


def _shape_remedy(X: Any) -> str | None:
    if isinstance(X, pd.Series):
        return "One patient is a frame of one row, X.iloc[[0]]; one predictor is a frame of one column, X[['age']]."
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
        try:
            matrix[:, j] = pd.to_numeric(column, errors="raise").to_numpy(dtype=float, na_value=np.nan)
            if isinstance(column.dtype, pd.CategoricalDtype) or column.dtype.kind in "Mm":
                raise TypeError
        except (TypeError, ValueError):
            kind = "date" if column.dtype.kind in "Mm" else "text"
            kind = "category" if isinstance(column.dtype, pd.CategoricalDtype) else kind
            failures.append(_failure(0, names[j], kind, str(column.iloc[0]) if len(column) else ""))
    return matrix, failures
