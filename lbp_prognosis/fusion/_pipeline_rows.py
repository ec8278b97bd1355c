"""Rows and scores of a pipeline: added columns, repeated keywords, and a model's own scoring rule."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pandas as pd

__all__ = ["Scored", "beside", "rows_of"]


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


def rows_of(row: np.ndarray, **values: Any) -> dict[str, Any]:
    """Return the given row-wise keywords, repeated like the rows; a single number is for all rows."""
    out: dict[str, Any] = {}
    for name, value in values.items():
        if value is None:
            continue
        if np.ndim(value) == 0:
            out[name] = value
            continue
        out[name] = value.iloc[row] if hasattr(value, "iloc") else np.asarray(value)[row]
    return out
