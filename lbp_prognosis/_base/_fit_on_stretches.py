"""``fit_on_stretches``: a model fitted to stretches of follow-up, its own steps to patients."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

__all__ = ["fit_on_stretches"]


def fit_on_stretches(
    model: Any, table: Any, y: np.ndarray, rows: np.ndarray, stretches: np.ndarray, weights: Any
) -> Any:
    """Fit an unfitted model to stretches of follow-up, its own steps to patients.

    Parameters
    ----------
    model : estimator
        Not cloned.
    table : DataFrame or ndarray of shape (n, p)
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
    part = table.iloc[rows].reset_index(drop=True) if isinstance(table, pd.DataFrame) else np.asarray(table)[rows]
    return model.fit(part, stretches, sample_weight=weights, clusters=rows)
