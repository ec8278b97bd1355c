"""Columns that name a row or a day instead of describing a patient."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd

from lbp_prognosis._base import holds, is_written_date
from lbp_prognosis.validation.screening._column_strength import as_numbers

__all__ = ["identifier_like"]

_LEAST = 30  # distinct values: with fewer a grade may look like a row number
_NAMES = re.compile(
    r"(^|[^a-z])(id|ids|pid|mrn|uid|guid|record|recordid|rowid)([^a-z]|$)|unnamed"
    r"|^(row|key|index|serial)([^a-z]*(no|nr|num|number))?$"  # body_mass_index and key_grip are measures
)
_DATES = re.compile(
    r"(^|[^a-z])(date|dato|datum|dob|timestamp)([^a-z]|$)"
    r"|(birth|visit|index|entry|start|end|exam|scan|mri|onset|baseline|surgery|admission|discharge)date"
)
_TO_DATE = re.compile(r"(^|[^a-z])to[^a-z]*date([^a-z]|$)")  # what has been counted so far
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
    A date is a column of dates; text such as 2019-06-16, 16.06.2019 or 16JUN2019; whole numbers of the form yyyymmdd or
    ddmmyyyy; or whole numbers above 999, years excepted, under a name such as visit_date (days or seconds from an
    origin). A row number is whole, unlike in every row, and takes at least half of the values between its ends. An
    identifier is unlike in every row and named as one; consists of words of which nine in ten occur once; or is a
    personal number, whole, with the date of birth (yyyymmdd, yymmdd or ddmmyy) before four other digits, or ddmmyy
    before five.
    """
    known = column.dropna()
    if known.size < _LEAST:
        return ""
    if holds(known) in ("date", "duration"):
        return "a date"
    numbers = as_numbers(known)
    distinct = int(known.nunique())
    if numbers is None:
        if is_written_date(known):
            return "a date"
        return "an identifier" if distinct > 0.9 * known.size else ""
    if not np.all(np.isfinite(numbers)) or not np.all(numbers == np.round(numbers)):
        return ""
    if _reads_as_day(numbers) or (_counts_days(numbers) and _named_as_date(name.lower())):
        return "a date"
    if _reads_as_personal_number(numbers):
        return "an identifier"
    if distinct < known.size:
        return ""
    if distinct / (numbers.max() - numbers.min() + 1) >= _FULL:
        return "a row number"
    return "an identifier" if _NAMES.search(name.lower()) else ""


def _counts_days(numbers: np.ndarray) -> bool:
    """Whether numbers may be days or seconds from an origin: above 999, and no years of the calendar."""
    return bool(numbers.min() > 999 and not (numbers.min() >= 1900 and numbers.max() <= 2100))


def _named_as_date(name: str) -> bool:
    return bool(_DATES.search(name)) and not _TO_DATE.search(name)


def _reads_as_day(numbers: np.ndarray) -> bool:
    if numbers.max() >= 1e9:
        return False
    whole = numbers.astype(np.int64)
    first, second, third = whole // 10_000, whole // 100 % 100, whole % 100
    day, month, year = whole // 1_000_000, whole // 10_000 % 100, whole % 10_000
    return _on_calendar(first, second, third) or _on_calendar(year, month, day)


def _reads_as_personal_number(numbers: np.ndarray) -> bool:
    """Whether whole numbers are a day (yyyymmdd, yymmdd or ddmmyy) and four other digits, or ddmmyy and five."""
    if numbers.min() < 0 or numbers.max() >= 1e12:
        return False
    born = numbers.astype(np.int64) // 10_000
    if numbers.min() >= 1e11:
        return _on_calendar(born // 10_000, born // 100 % 100, born % 100)
    if numbers.max() >= 1e11 or np.median(numbers) < 1e9:
        return False
    if numbers.max() >= 1e10:  # eleven digits, or ten where the day begins with 0
        born = born // 10
    elif _on_calendar(1900 + born // 10_000, born // 100 % 100, born % 100):
        return True
    return _on_calendar(1900 + born % 100, born // 100 % 100, born // 10_000)


def _on_calendar(year: np.ndarray, month: np.ndarray, day: np.ndarray) -> bool:
    possible = (year >= 1900) & (year <= 2100) & (month >= 1) & (month <= 12) & (day >= 1) & (day <= 31)
    return bool(possible.mean() >= _DAYS)
