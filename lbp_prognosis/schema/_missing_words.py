"""``MissingWords``: which words of a table mean missing, as its user declares; what may be a level is asked about."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable, Mapping
from numbers import Real
from typing import Any

import numpy as np
import pandas as pd

from lbp_prognosis._base import argument_error
from lbp_prognosis.schema._number_text import number_of

__all__ = ["ASKED_WORDS", "USUAL_WORDS", "MissingWords"]

USUAL_WORDS: tuple[str, ...] = ("", "NaN", "nan", "NULL", "null", "<NA>", "<undefined>", ".", "#N/A")
"""Words that programs write for a missing value and never for a level."""
ASKED_WORDS: tuple[str, ...] = ("NA", "N/A", "n/a", "None")
"""Missing among numbers, dates and truth values; possibly a level among words."""


class MissingWords:
    """Words for missing values, for all columns or by column.

    Parameters
    ----------
    missing : str, number, sequence of them, mapping, or None
        None: the usual words, and a question where a column of words holds one that may be a level. A sequence (or one
        word or number): these and the usual ones. An empty sequence: no word at all. A mapping from column: exactly
        these in that column, and no question; the key ``"*"`` stands for all others. An empty cell is always missing.
    """

    def __init__(self, missing: Any = None) -> None:
        self.by_column: dict[str, tuple[str, ...]] = {}
        rest = missing
        if isinstance(missing, Mapping):
            self.by_column = {str(column): _words(given, column) for column, given in missing.items() if column != "*"}
            rest = missing.get("*")
        self.declared = None if rest is None else _words(rest, None)
        self._hits: dict[tuple[str, str], int] = {}

    def check_columns(self, columns: Collection[str]) -> None:
        """Refuse words for columns that are not there, naming the nearest."""
        for column in self.by_column:
            if column not in columns:
                near = difflib.get_close_matches(column, list(map(str, columns)), n=1)
                remedy = f"Did you mean {near[0]!r}?" if near else None
                raise argument_error("missing", "keyed by columns of the table", repr(column), remedy)

    def declares(self, column: str) -> bool:
        """Say whether the user declared what is missing in a column, so that all other numbers there are values."""
        return column in self.by_column or self.declared == ()

    def declares_none(self, column: str) -> bool:
        """Say whether the user declared that no word or number is missing in a column."""
        return self.by_column.get(column, self.declared) == ()

    def _of(self, column: str) -> tuple[tuple[str, ...], bool]:
        """Return the words of a column (declared ones last), and whether words that may be levels are asked about."""
        if column in self.by_column:
            return self.by_column[column], False
        if self.declared is None:
            return USUAL_WORDS, True
        return ((*USUAL_WORDS, *self.declared), True) if self.declared else ((), False)

    def numbers_of(self, column: str) -> set[float]:
        """Return the numbers among the words of a column."""
        return {number for word in self._of(column)[0] if (number := number_of(word)) is not None}

    def absent(
        self, values: Iterable[Any], column: str, counts: np.ndarray, *, usual: bool = True
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return which distinct values are missing, and which may be a level (and are asked about).

        Parameters
        ----------
        values : sequence of m distinct values
            Texts or numbers, none of them missing.
        column : str
            Columns.
        counts : ndarray of int, shape (m,)
            Cells of each.
        usual : bool, default True
            If False, declared words alone count, and nothing is asked.
        """
        words, asks = self._of(column) if usual else (self.declared or (), False)
        texts, numbers = set(words), {number_of(word) for word in words} - {None}
        gone, asked = [], []
        for value, count in zip(values, counts):
            text = value.strip() if isinstance(value, str) else ""
            number = number_of(text) if isinstance(value, str) else _number(value)
            hit = (isinstance(value, str) and (text == "" or text in texts)) or (
                number is not None and number in numbers
            )
            gone.append(hit)
            asked.append(asks and not hit and text in ASKED_WORDS)
            if hit:
                self._count(column, text, number, int(count))
        return np.array(gone, dtype=bool), np.array(asked, dtype=bool)

    def _count(self, column: str, text: str, number: float | None, count: int) -> None:
        for word in (*self.by_column.get(column, ()), *(self.declared or ())):
            if word == text or (number is not None and number_of(word) == number):
                key = (column if column in self.by_column else "*", word)
                self._hits[key] = self._hits.get(key, 0) + count

    def unmatched(self) -> list[str]:
        """Return notes on declared words that no cell was equal to."""
        wanted = [("*", word) for word in self.declared or ()]
        wanted += [(column, word) for column, words in self.by_column.items() for word in words]
        lost = [(column, word) for column, word in wanted if word != "" and not self._hits.get((column, word))]
        where = {column: f" in {column!r}" if column != "*" else "" for column, _ in lost}
        return [f"missing: {word!r} matched no cell{where[column]}" for column, word in lost]


def _words(given: Any, column: Any) -> tuple[str, ...]:
    name = "missing" if column is None else f"missing[{column!r}]"
    items = [given] if isinstance(given, str | Real) else given
    if not isinstance(items, list | tuple | set | frozenset | np.ndarray | pd.Index | pd.Series):
        raise argument_error(name, "a word, a number, or a sequence of them", given)
    out = []
    for item in items:
        if not isinstance(item, str | Real) or isinstance(item, bool):
            raise argument_error(name, "words and numbers", item)
        out.append(item.strip() if isinstance(item, str) else _plain(float(item)))
    return tuple(dict.fromkeys(out))


def _plain(number: float) -> str:
    return str(int(number)) if number.is_integer() and abs(number) < 1e15 else repr(number)


def _number(value: Any) -> float | None:
    if isinstance(value, bool | np.bool_) or not isinstance(value, Real):
        return None
    return float(value)
