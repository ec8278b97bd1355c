"""``as_dates``: cells that are all dates become a column of dates."""

from __future__ import annotations

import datetime

import numpy as np
import pandas as pd

__all__ = ["as_dates"]


def as_dates(series: pd.Series) -> tuple[pd.Series, np.ndarray]:
    """Return dates where every cell is one, else what came; and which cells are dates that cannot be held."""
    nothing = np.zeros(len(series), dtype=bool)
    if not series.map(lambda cell: cell is None or cell != cell or isinstance(cell, datetime.date)).all():
        return series, nothing
    days = pd.to_datetime(series, errors="coerce")
    return days, (days.isna() & series.notna()).to_numpy()
