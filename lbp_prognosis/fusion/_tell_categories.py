"""Facts about later steps that an imputation needs."""

from __future__ import annotations

from typing import Any

import pandas as pd

__all__ = ["tell_categories"]


def tell_categories(imputer: Any, frame: pd.DataFrame, later: list[Any]) -> None:
    """Tell the imputation what later steps do with categories.

    Numeric codes that a later step takes for categories are categories here too (no value may come to lie between), and
    a category new to the fit counts as the reference here if it does there.
    """
    if "unknown" in imputer.get_params(deep=False) and any(
        getattr(step, "unknown", "error") == "reference" for step in later
    ):
        imputer.set_params(unknown="reference")
    if "methods" not in imputer.get_params(deep=False):
        return
    named = [column for step in later for column in getattr(step, "nominal_columns", ()) if column in frame.columns]
    codes = {column: "nominal" for column in named if not set(frame[column].dropna().unique()) <= {0, 1}}
    if codes:
        imputer.set_params(methods={**codes, **(imputer.methods or {})})
