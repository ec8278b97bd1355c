"""``to_explanation``: attributions as an object of the package ``shap``, for its figures."""

from __future__ import annotations

from typing import Any

import numpy as np

from lbp_prognosis._base import require
from lbp_prognosis.explain._shown_rows import numbers_and_texts, place_of_horizon

__all__ = ["to_explanation"]


def to_explanation(result: Any, horizon: float | None) -> Any:
    """Return a ``shap.Explanation`` of one output.

    Categories are codes in its ``data`` and themselves in its ``display_data``.
    """
    shap = require("shap", caller="ShapResult.to_explanation", extra="shap")
    output = place_of_horizon(result.horizons, result.values.shape[2], horizon)
    given: dict[str, Any] = {}
    if result.data is not None:
        columns = [result.data.iloc[:, j] for j in range(result.data.shape[1])]
        parts = [numbers_and_texts(column, len(column)) for column in columns]
        given["data"] = np.column_stack([_codes(numbers, texts) for numbers, texts in parts])
        if any(np.isnan(numbers).all() for numbers, _ in parts):
            given["display_data"] = result.data.to_numpy(dtype=object)
    return shap.Explanation(
        values=result.values[:, :, output].copy(),
        base_values=result.base[:, output].copy(),
        feature_names=list(result.players),
        output_names=result.scale,
        **given,
    )


def _codes(numbers: np.ndarray, texts: np.ndarray) -> np.ndarray:
    if np.isfinite(numbers).any():
        return numbers
    kinds = {text: float(k) for k, text in enumerate(sorted(set(texts) - {"missing", ""}))}
    return np.array([kinds.get(text, np.nan) for text in texts])
