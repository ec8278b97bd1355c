"""``shown_column``: a column of Table 1 as a number, a date, or ordered categories."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from lbp_prognosis._base import (
    argument_error,
    declares_categories,
    holds,
    plain_label,
)

__all__ = ["KINDS", "ShownColumn", "shown_column"]

KINDS = ("number", "category", "date", "text")
MOST_CODES, WIDEST_CODES = 5, 9
"""Whole numbers are taken for codes if there are so few of them, and they lie so near to each other."""
MOST_CATEGORIES = 30


@dataclass(frozen=True)
class ShownColumn:
    """A column as Table 1 counts it.

    Attributes
    ----------
    name : str
        Of the variable.
    kind : {"number", "category", "date", "text"}
        ``text``: more than 30 different words; only their number is shown.
    values : ndarray of shape (n,)
        Numbers (dates: days since 1970), NaN if missing; for categories the index in ``categories``, −1 if missing.
    categories : tuple of str
        In order.
    unit : str
        ``days`` for durations.
    """

    name: str
    kind: str
    values: np.ndarray
    categories: tuple[str, ...] = ()
    unit: str = ""

    @property
    def known(self) -> np.ndarray:
        """Whether each row has a value."""
        return self.values >= 0 if self.kind in ("category", "text") else ~np.isnan(self.values)


def shown_column(name: str, column: pd.Series, kind: str | None, labels: Mapping[Any, str] | None) -> ShownColumn:
    """Return a column in the form to show.

    Parameters
    ----------
    name : str
        Of the variable.
    column : Series of shape (n,)
        Of any type.
    kind : {"number", "category", "date"} or None
        Declared kind; None infers it. Categories are: columns with value labels for every code, declared categories,
        words, truth values, 0 and 1, and whole numbers of at most five values within a span of nine. Dates are dates;
        all other columns are numbers.
    labels : mapping of code to str or None
        Value labels, as in SPSS, Stata and SAS.
    """
    missing = column.isna().to_numpy(dtype=bool)
    cells = np.asarray(column.astype(object), dtype=object)
    if kind not in (None, "number", "category", "date"):
        raise argument_error("kinds", "a mapping to 'number', 'category' or 'date'", f"{kind!r} for {name!r}")
    known = cells[~missing]
    dated = _is_dated(column)
    numbers = None if dated else _numbers(cells, missing)
    words = {} if not labels else _by_code(labels)
    if kind is None:
        kind = _found(column, known, numbers, missing, words, dated)
    if kind == "date":
        return ShownColumn(name, "date", _days(name, cells, missing))
    if kind == "number":
        if numbers is None:
            raise argument_error("kinds", "'category' for words", f"'number' for {name!r}")
        durations = any(isinstance(cell, pd.Timedelta | np.timedelta64) for cell in known)
        return ShownColumn(name, "number", numbers, unit="days" if durations else "")
    return _categories(name, column, cells, missing, words)


def _is_dated(column: pd.Series) -> bool:
    return holds(column) == "date"


def _numbers(cells: np.ndarray, missing: np.ndarray) -> np.ndarray | None:
    """Return numbers from any storage type (Decimal, nullable, arrow, durations in days), or None for words."""
    out = np.full(cells.size, np.nan)
    for k in np.flatnonzero(~missing):
        cell = cells[k]
        if isinstance(cell, pd.Timedelta | np.timedelta64):
            out[k] = pd.Timedelta(cell) / pd.Timedelta(days=1)
        elif isinstance(cell, str | bytes):
            return None
        else:
            try:
                out[k] = float(cell)
            except (TypeError, ValueError):
                return None
    out[np.isinf(out)] = np.nan
    return out


def _found(
    column: pd.Series,
    known: np.ndarray,
    numbers: np.ndarray | None,
    missing: np.ndarray,
    words: Mapping[Any, str],
    dated: bool,
) -> str:
    if dated:
        return "date"
    if numbers is None or declares_categories(column):
        return "category"
    if any(isinstance(cell, bool | np.bool_) for cell in known):
        return "category"
    values = np.unique(numbers[~np.isnan(numbers)])
    if words and all(plain_label(value) in words for value in values):
        return "category"  # labels at the ends only mark a scale
    if not values.size:
        return "number"
    if np.isin(values, (0.0, 1.0)).all():
        return "category"
    if any(isinstance(cell, pd.Timedelta | np.timedelta64) for cell in known):
        return "number"
    codes = (values == np.round(values)).all() and 2 <= values.size <= MOST_CODES and np.ptp(values) <= WIDEST_CODES
    # in a table of few rows five values do not show the kind
    return "category" if codes and (~missing).sum() >= 4 * values.size else "number"


def _days(name: str, cells: np.ndarray, missing: np.ndarray) -> np.ndarray:
    out = np.full(cells.size, np.nan)
    for k in np.flatnonzero(~missing):
        cell = cells[k]
        try:
            time = pd.Timestamp(cell.start_time if isinstance(cell, pd.Period) else cell)
        except (TypeError, ValueError):
            raise argument_error("kinds", "'date' for dates", f"{name!r}, which contains others") from None
        time = time.tz_localize(None) if time.tzinfo is not None else time
        out[k] = (time - pd.Timestamp(0)) / pd.Timedelta(days=1)
    return out


def _by_code(labels: Mapping[Any, str]) -> dict[Any, str]:
    """Return the words by code; a file of settings has codes in quotes, which are those of a column of numbers too."""
    words = {plain_label(code): str(label) for code, label in labels.items()}
    for code, word in list(words.items()):
        if isinstance(code, str):
            with contextlib.suppress(ValueError):
                words.setdefault(float(code), word)
    return words


def _word(cell: Any, words: Mapping[Any, str]) -> str:
    code = plain_label(cell)
    if code in words:
        return words[code]
    if isinstance(cell, bool | np.bool_):
        return "yes" if cell else "no"
    return f"{code:g}" if isinstance(code, float | np.floating) else str(code)


def _categories(
    name: str, column: pd.Series, cells: np.ndarray, missing: np.ndarray, words: Mapping[Any, str]
) -> ShownColumn:
    text = np.array([None if gone else _word(cell, words) for cell, gone in zip(cells, missing)], dtype=object)
    order = list(dict.fromkeys(_ordered(column, cells, missing, words)))
    place = {word: k for k, word in enumerate(order)}
    codes = np.array([-1.0 if word is None else float(place[word]) for word in text])
    if len(order) > MOST_CATEGORIES:
        return ShownColumn(name, "text", codes, tuple(order))
    return ShownColumn(name, "category", codes, tuple(order))


def _ordered(column: pd.Series, cells: np.ndarray, missing: np.ndarray, words: Mapping[Any, str]) -> list[str]:
    """Return the words that occur: declared categories and codes in their order, others alphabetically."""
    distinct = list(dict.fromkeys(cells[~missing].tolist()))
    if declares_categories(column):
        declared = {value: k for k, value in enumerate(column.cat.categories.tolist())}
        return [_word(cell, words) for cell in sorted(distinct, key=lambda cell: declared[cell])]
    return [_word(cell, words) for cell in sorted(distinct, key=_rank)]


def _rank(cell: Any) -> tuple[int, float, str]:
    try:
        return (0, float(cell), "") if not isinstance(cell, str | bytes) else (1, 0.0, str(cell))
    except (TypeError, ValueError):
        return (1, 0.0, str(cell))
