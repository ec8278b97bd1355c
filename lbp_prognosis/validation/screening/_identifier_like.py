"""Columns that name a row or a day instead of describing a patient."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd

from lbp_prognosis._base import holds
from lbp_prognosis.validation.screening._column_strength import as_numbers

__all__ = ["identifier_like"]

_LEAST = 30  # distinct values: with fewer a grade may look like a row number
_NAMES = re.compile(r"(^|[^a-z])(id|ids|pid|mrn|uid|guid|key|record|recordid|row|rowid|index|serial)([^a-z]|$)|unnamed")
_FULL = 0.5  # share of the whole numbers between the smallest and the largest that occur, once each
_DAYS = 0.99  # share of values that read as a day of the calendar


def identifier_like(name: str, column: pd.Series) -> str:
    """Return what a column seems to be (``"a date"``, ``"a row number"``, ``"an identifier"``), or an empty string.

    Parameters
    ----------
    name : str
        Name of the column.
    column : Series
        Its values.

    Notes
    -----
    A date is a column of dates, or whole numbers of the form yyyymmdd. A row number is whole, unlike in every row, and
    takes at least half of the values between its ends. An identifier is unlike in every row and named as one, or
    consists of words of which nine in ten occur once.
    """
    known = column.dropna()
    if known.size < _LEAST:
        return ""
    if holds(known) in ("date", "duration"):
        return "a date"
    numbers = as_numbers(known)
    distinct = int(known.nunique())
    if numbers is None:
        return "an identifier" if distinct > 0.9 * known.size else ""
    if not np.all(np.isfinite(numbers)) or not np.all(numbers == np.round(numbers)):
        return ""
    if _reads_as_day(numbers):
        return "a date"
    if distinct < known.size:
        return ""
    if distinct / (numbers.max() - numbers.min() + 1) >= _FULL:
        return "a row number"
    return "an identifier" if _NAMES.search(name.lower()) else ""


def _reads_as_day(numbers: np.ndarray) -> bool:
    whole = numbers.astype(np.int64)
    year, month, day = whole // 10_000, whole // 100 % 100, whole % 100
    possible = (year >= 1900) & (year <= 2100) & (month >= 1) & (month <= 12) & (day >= 1) & (day <= 31)
    return bool(possible.mean() >= _DAYS)
