"""Output of a transformer as a frame with the index of its input."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from lbp_prognosis.fusion._frame import as_output

__all__ = ["fitted_output", "step_output"]


def fitted_output(step: Any, frame: pd.DataFrame, y: np.ndarray) -> pd.DataFrame:
    """Fit a step and return its output as a frame."""
    if hasattr(step, "set_output"):
        step.set_output(transform="pandas")
    values = step.fit_transform(frame, y) if hasattr(step, "fit_transform") else step.fit(frame, y).transform(frame)
    return _named(step, values, frame)


def step_output(step: Any, frame: pd.DataFrame) -> pd.DataFrame:
    """Return the rows transformed by a fitted step, as a frame."""
    return _named(step, step.transform(frame), frame)


def _named(step: Any, values: Any, frame: pd.DataFrame) -> pd.DataFrame:
    if isinstance(values, pd.DataFrame):
        return as_output(values, values.columns, frame.index)
    if hasattr(step, "get_feature_names_out"):
        return as_output(values, step.get_feature_names_out(), frame.index)
    shape = np.shape(values)
    names = (
        frame.columns if shape[1] == frame.shape[1] else [f"{type(step).__name__.lower()}{k}" for k in range(shape[1])]
    )
    return as_output(values, names, frame.index)
