"""Contents of a column in words: with the values of single patients, or without."""

from __future__ import annotations

import pandas as pd

__all__ = ["all_values", "usual_values"]

_LEAST = 5  # number of rows from which a level is shown
_ENOUGH = 20  # number of values from which the middle 90 % range is shown


def usual_values(series: pd.Series, limit: int = 6) -> str:
    """Return a description of a column without the value of any single patient."""
    present = series.dropna()
    number = pd.api.types.is_numeric_dtype(present) and not pd.api.types.is_bool_dtype(present)
    if number or pd.api.types.is_datetime64_any_dtype(present):
        if len(present) < _ENOUGH:
            return f"{present.nunique()} different values" if len(present) else ""
        low, high = (present if number else present.dt.year).quantile([0.05, 0.95])
        shown = f"{low:.4g} to {high:.4g}"
        return f"{shown} (5 % to 95 %)"
    counts = present.astype(str).value_counts()
    common = counts.index[counts >= _LEAST]
    more = len(counts) - min(len(common), limit)
    return ", ".join([*common[:limit], *([f"{more} other values"] if more else [])])


def all_values(series: pd.Series, limit: int = 6) -> str:
    """Return a description of a column: its range, or its commonest values."""
    present = series.dropna()
    if present.empty:
        return ""
    if pd.api.types.is_datetime64_any_dtype(present):
        return f"{present.min().date()} to {present.max().date()}"
    if pd.api.types.is_numeric_dtype(present) and not pd.api.types.is_bool_dtype(present):
        return f"{present.min():g} to {present.max():g}"
    counts = present.astype(str).value_counts()
    shown = ", ".join(counts.index[:limit])
    return shown + (f", … ({len(counts)} values)" if len(counts) > limit else "")
