"""``as_dates``: cells that are all dates become a column of dates."""

from __future__ import annotations

import datetime

import pandas as pd

__all__ = ["as_dates"]


def as_dates(series: pd.Series) -> tuple[pd.Series, list[str]]:
    """Return dates where every cell is one (those that cannot be held become missing, counted), else what came."""
    if not series.map(lambda cell: cell is None or cell != cell or isinstance(cell, datetime.date)).all():
        return series, []
    days = pd.to_datetime(series, errors="coerce")
    lost = series[days.isna() & series.notna()]
    if lost.empty:
        return days, []
    return days, [f"{len(lost)} dates outside 1677 to 2262 became missing, e.g. {lost.iloc[0]:%Y-%m-%d}"]
