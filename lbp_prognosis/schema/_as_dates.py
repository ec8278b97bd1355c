"""``as_dates``: conversion of cells that are all dates to a column of dates."""

from __future__ import annotations

import datetime

import numpy as np
import pandas as pd

__all__ = ["as_dates"]


def as_dates(series: pd.Series) -> tuple[pd.Series, np.ndarray]:
    """Return the cells as dates if every cell is a date, otherwise unchanged; and which dates are out of range."""
    nothing = np.zeros(len(series), dtype=bool)
    if not series.map(lambda cell: cell is None or cell != cell or isinstance(cell, datetime.date)).all():
        return series, nothing
    days = pd.to_datetime(series, errors="coerce")
    return days, (days.isna() & series.notna()).to_numpy()
