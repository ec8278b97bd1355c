"""Frames in the pipeline: conversion of arrays, and of the output of transformers with its names and rows."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd

from lbp_prognosis._base import (
    argument_error,
    column_kind,
    describe,
    holds,
    is_number,
    numbers_in,
    read_frame,
    read_matrix,
    refused_kind,
    shape_remedy,
)
from lbp_prognosis._kernels import training_ranges

__all__ = [
    "as_frame",
    "as_output",
    "chosen_columns",
    "coarse_ranges",
    "match_columns",
    "refuse_strange",
    "training_frame",
]


def as_frame(X: Any, name: str = "X") -> pd.DataFrame:
    """Return a frame; columns of an array are called x0, x1, …"""
    X = read_frame(X, name)
    if isinstance(X, pd.DataFrame):
        return X
    array = np.asarray(X)
    if array.ndim != 2:
        raise argument_error(name, "a frame or a two-dimensional array", describe(X), shape_remedy(X))
    return pd.DataFrame(array, columns=[f"x{k}" for k in range(array.shape[1])])


def training_frame(X: Any, *, rows: int = 1) -> pd.DataFrame:
    """Return the frame a step is fitted to: at least some rows, and no infinite number."""
    frame = as_frame(X)
    if len(frame) < rows:
        raise argument_error("X", f"a table of at least {rows} row{'s' * (rows > 1)}", f"{len(frame)}")
    return _without_infinity(frame)


def _without_infinity(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a frame as it is; infinite numbers are refused in the words of the models."""
    dtypes = frame.dtypes.to_numpy()
    if set(dtypes) == {np.dtype(float)} and not np.isinf(frame.to_numpy()).any():
        return frame
    kinds = [getattr(dtype, "kind", "O") if isinstance(dtype, np.dtype) else "O" for dtype in dtypes]
    floats = [kind == "f" for kind in kinds]
    others = [j for j, kind in enumerate(kinds) if kind not in "fiub"]
    if not any(is_number(frame.iloc[:, j]) for j in others) and (
        not any(floats) or not np.isinf(frame.loc[:, floats].to_numpy(dtype=float)).any()
    ):
        return frame
    numbers = [is_number(frame.iloc[:, j]) for j in range(frame.shape[1])]
    if any(numbers):
        read_matrix(frame.loc[:, numbers], allow_missing=True)
    return frame


def as_output(values: Any, names: Iterable[str], index: pd.Index) -> pd.DataFrame:
    """Return a transformer's output as a frame with the index of its input."""
    if isinstance(values, pd.DataFrame):
        return values if values.index.equals(index) else values.set_axis(index, axis=0)
    dense = values.toarray() if hasattr(values, "toarray") else np.asarray(values)
    return pd.DataFrame(dense, columns=list(names), index=index)


def match_columns(X: Any, fitted: Iterable[str]) -> pd.DataFrame:
    """Return the fitted columns of ``X`` in the fitted order; the error lists absent columns."""
    frame, fitted = as_frame(X), list(fitted)
    if fitted == list(frame.columns):
        return _without_infinity(frame.copy())
    absent = [column for column in fitted if column not in frame.columns]
    if absent:
        raise argument_error(
            "X", f"a table with the columns of the fit, {len(fitted)} in all", f"one without {absent[:5]}"
        )
    return _without_infinity(frame[fitted])


def coarse_ranges(frame: pd.DataFrame) -> dict[str, tuple[float, ...]]:
    """Return the lower bound, the upper bound, and the number of rows at or beyond each, per numeric column."""
    numbers = [column for column in frame.columns if is_number(frame[column])]
    rows = training_ranges(numbers_in(frame, numbers)) if numbers else ()
    return {column: tuple(map(float, row)) for column, row in zip(numbers, rows)}


def chosen_columns(frame: pd.DataFrame, columns: Iterable[str] | str | None, *, numeric: bool) -> list[str]:
    """Return the columns of a transformer: those named, or by default all (non-)numeric columns."""
    if columns is None:
        for column in frame.columns:
            refuse_strange(frame[column], identifiers=not numeric)
        return [c for c in frame.columns if is_number(frame[c]) == numeric]
    names = [columns] if isinstance(columns, str) else list(columns)
    absent = [column for column in names if column not in frame.columns]
    if absent:
        raise argument_error("columns", "columns of `X`", f"{absent[:5]}, which `X` does not have")
    return names


def refuse_strange(column: pd.Series, *, identifiers: bool) -> None:
    """Refuse columns that are neither numbers nor categories: dates, durations, mixed types, identifiers in text."""
    what = holds(column)
    if what in ("date", "duration", "complex", "mixed"):
        raise refused_kind("X", what, "numbers and categories", column=column.name)
    if identifiers and what == "text" and column_kind(column) == "identifier":
        raise refused_kind("X", "identifier", "numbers and categories", column=column.name)
