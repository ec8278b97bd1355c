"""Properties of later steps that an imputation needs."""

from __future__ import annotations

from typing import Any

import pandas as pd

__all__ = ["tell_categories"]


def tell_categories(imputer: Any, frame: pd.DataFrame, later: list[Any]) -> None:
    """Pass to the imputation how later steps treat categories.

    Numeric codes that a later step treats as categories are categories here too (no value between them is imputed), and
    an unseen category counts as the reference here if it does there.
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
