"""Columns that probably mean something else: codes among numbers, dates as text, one word in two spellings."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable

import numpy as np
import pandas as pd

from lbp_prognosis._base import missing_codes
from lbp_prognosis.schema._number_text import number_of

__all__ = ["column_doubts"]

_REPEATED = 5  # cells from which a word is a word of the table, not the value of a patient
_FEW_WORDS = 3
_SHARE = 0.5
_DATES = (
    (re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})(?:[T ].*)?"), "%Y-%m-%d"),
    (re.compile(r"(\d{1,2})([./-])(\d{1,2})\2(\d{4})"), ""),
)


def column_doubts(frame: pd.DataFrame, all_values: Collection[str] = ()) -> list[str]:
    """Return one note per column that is read as it stands and probably means something else.

    Parameters
    ----------
    frame : DataFrame
        A table after conversion: columns of numbers are numeric, columns of words contain str.
    all_values : collection of str
        Columns in which all numbers are values, as declared. Their words are looked at all the same.
    """
    notes = []
    for column in frame.columns:
        series = frame[column]
        if pd.api.types.is_numeric_dtype(series) and not pd.api.types.is_bool_dtype(series):
            said = "" if str(column) in all_values else _codes(str(column), series)
        elif series.dtype == object or isinstance(series.dtype, pd.StringDtype | pd.CategoricalDtype):
            said = _words(str(column), series)
        else:
            said = ""
        if said:
            notes.append(f"{column}: {said}")
    return notes


def _codes(column: str, series: pd.Series) -> str:
    found = missing_codes(pd.to_numeric(series).to_numpy(dtype=float, na_value=np.nan))
    if not found:
        return ""
    codes = ", ".join(f"{code:g}" for code in found)
    declared = f"missing={{{column!r}: [{codes}]}}"
    return (
        f"{codes} apart from all other values (or far more frequent than those near it), kept as numbers: if missing, "
        f"declare {declared}; if values, [] there"
    )


def _words(column: str, series: pd.Series) -> str:
    distinct = [value for value in series.dropna().unique() if value != ""]
    if not distinct or not all(isinstance(value, str) for value in distinct):
        return ""
    among = _among_numbers(series)
    if among:
        return f"{', '.join(map(repr, among))} among numbers: if missing, declare missing={{{column!r}: {among}}}"
    form = _date_form(distinct)
    if form:
        return f"{form}: convert them by pandas.to_datetime(…, format=…)"
    plain = {" ".join(value.split()).casefold() for value in distinct}
    alike = len(distinct) - len(plain)
    if alike and len(distinct) < len(series) / 2:
        return "words that differ only by capitals or spaces are separate levels: spell them in one way"
    return ""


def _among_numbers(series: pd.Series) -> list[str]:
    """Return words that stand in several cells of a column of which nearly all other cells are numbers."""
    cells = series.dropna().astype(str).str.strip()
    words = cells[[number_of(cell) is None for cell in cells]].value_counts()
    if words.empty or len(words) > _FEW_WORDS or words.min() < _REPEATED or words.sum() > _SHARE * len(cells):
        return []
    return sorted(words.index)


def _date_form(distinct: Iterable[str]) -> str:
    """Return how dates are written where every cell is one; an empty string otherwise."""
    texts = [value.strip() for value in distinct]
    if all(_DATES[0][0].fullmatch(text) for text in texts):
        return f"dates as text, written {_DATES[0][1]}"
    found = [_DATES[1][0].fullmatch(text) for text in texts]
    parts = [match.groups() for match in found if match is not None]
    if len(parts) < len(texts) or len({mark for _, mark, _, _ in parts}) > 1:
        return ""
    mark = parts[0][1]
    first, second = max(int(part[0]) for part in parts), max(int(part[2]) for part in parts)
    if first > 12 >= second:
        return f"dates as text, written %d{mark}%m{mark}%Y"
    if second > 12 >= first:
        return f"dates as text, written %m{mark}%d{mark}%Y"
    return (
        ""
        if first > 12
        else f"dates as text, and no day is above 12: written %d{mark}%m{mark}%Y, or %m{mark}%d{mark}%Y?"
    )
