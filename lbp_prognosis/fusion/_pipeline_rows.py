"""Rows and scores of a pipeline: added columns, repeated keywords, and a model's own scoring rule."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pandas as pd

__all__ = ["Scored", "beside", "fit_on_stretches", "rows_of"]


class Scored:
    """Model whose scoring rule is applied to the pipeline's risks: imputations are averaged before scoring."""

    def __init__(self, pipeline: Any) -> None:
        self.pipeline = pipeline

    def like(self, model: Any) -> Any:
        twin = copy.copy(model)
        twin.predict_risk = self.pipeline.predict_risk
        if hasattr(model, "predict_forecast"):
            twin.predict_forecast = self.pipeline.predict_forecast
        return twin


def beside(table: pd.DataFrame, held: pd.DataFrame) -> pd.DataFrame:
    """Return the predictors with the held columns; a step may have left one of them in place."""
    if held.shape[1] == 0:
        return table
    return pd.concat([table[[column for column in table.columns if column not in held.columns]], held], axis=1)


def fit_on_stretches(
    model: Any, table: pd.DataFrame, y: np.ndarray, rows: np.ndarray, stretches: np.ndarray, weights: Any
) -> Any:
    """Fit an unfitted model to stretches of follow-up, its own steps to patients.

    Parameters
    ----------
    model : estimator
        Not cloned.
    table : DataFrame of shape (n, p)
        Predictors of the patients.
    y : ndarray of shape (n,)
        Their outcome.
    rows : ndarray of int of shape (m,)
        Patient of each stretch.
    stretches : ndarray of shape (m,)
        Outcome of the stretches.
    weights : Weights
        Of the stretches.
    """
    if hasattr(model, "fit_stretches"):
        return model.fit_stretches(table, y, rows, stretches, weights=weights)
    part = table.iloc[rows].reset_index(drop=True)
    return model.fit(part, stretches, sample_weight=weights, clusters=rows)


def rows_of(row: np.ndarray, **values: Any) -> dict[str, Any]:
    """Return the given row-wise keywords, repeated like the rows."""
    out: dict[str, Any] = {}
    for name, value in values.items():
        if value is None:
            continue
        out[name] = value.iloc[row] if hasattr(value, "iloc") else np.asarray(value)[row]
    return out
