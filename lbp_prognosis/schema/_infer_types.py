"""Conversion of text columns to numbers if every cell is a number; exceptions are reported per cell."""

from __future__ import annotations

import datetime
import re
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from lbp_prognosis._base import LARGEST_WHOLE, beyond_floats
from lbp_prognosis.schema._as_dates import as_dates
from lbp_prognosis.schema._missing_words import MissingWords
from lbp_prognosis.schema._number_text import is_identifier, number_of, written_like

__all__ = ["infer_types"]

_TRUTH = {"true", "false", "TRUE", "FALSE", "True", "False", "T", "F"}
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?)?|\d{1,2}[./]\d{1,2}[./]\d{2,4}")
_TOTALS = {
    *(
        "total",
        "totals",
        "grand total",
        "sum",
        "summe",
        "gesamt",
        "gesamtsumme",
        "insgesamt",
        "somme",
        "totale",
        "totaal",
    ),
    *(
        "suma",
        "summa",
        "razem",
        "celkem",
        "toplam",
        "yhteensä",
        "összesen",
        "итого",
        "всего",
        "合計",
        "总计",
        "总和",
        "total général",
    ),
}
_SUMMARIES = _TOTALS | {"mean", "average", "mittelwert", "durchschnitt", "moyenne", "media", "median", "sd", "n"}
_NEARLY_ALL = 0.9  # share of numbers among the distinct cells from which a word counts as a fault, not as a level

_FORMATS: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"[-+]?[\d.,]+\s?%"), "a per cent sign: write plain numbers, all per cent or all shares of 1"),
    (
        re.compile(r"[-+]?\d{1,3}(?:,\d{3})+"),
        "a comma that may separate thousands or decimals: say thousands=',' or decimal=','",
    ),
    (
        re.compile(r"[-+]?\d{1,3}(?:[., '’\u00a0\u202f]\d{3})+(?:[.,]\d+)?"),
        "marks between thousands: say thousands= and decimal=, or take them out",
    ),
    (re.compile(r"[-+]?\d+,\d+"), "a decimal comma as well as decimal points: set decimal=','"),
    (
        re.compile(r"\(\s?\d+(?:[.,]\d+)?\s?\)|\d+(?:[.,]\d+)?\s?[-\u2212]"),
        "brackets or a sign behind the number: if it is negative, write -2.5",
    ),
    (re.compile(r"[<>≤≥]=?\s?[-+]?\d+(?:[.,]\d+)?"), "below or above a limit: decide what it means, and recode"),
)


_POINT_THREE = re.compile(r"[-+]?[1-9]\d{0,2}\.\d{3}")
_UP_TO_THREE = re.compile(r"[-+]?\d{1,3}")
_THOUSANDS = (
    "points before three digits among whole numbers, read as decimal points: if they separate thousands, say "
    "thousands='.' and decimal=','"
)


class Inferred(NamedTuple):
    """Typed column, note (or None), and faults as rows without table and field."""

    values: pd.Series
    note: str
    faults: list[dict[str, Any]]


def infer_types(
    frame: pd.DataFrame, words: MissingWords, *, show_values: bool = False
) -> tuple[pd.DataFrame, list[str], list[dict[str, Any]]]:
    """Return the frame with text columns of numbers converted, the notes, and the faults.

    Faults are rows of a failure frame without table: ``field, row, reason, value, message``.
    """
    words.check_columns(list(frame.columns))
    notes: list[str] = []
    faults: list[dict[str, Any]] = []
    columns = {}
    for column in frame.columns:
        made = _column(frame[column], str(column), words, show_values)
        columns[column] = made.values
        if made.note:
            notes.append(f"{column}: {made.note}")
        faults += [{"field": column, **fault} for fault in made.faults]
    return pd.DataFrame(columns, index=frame.index), [*notes, *words.unmatched()], faults


def _column(series: pd.Series, column: str, words: MissingWords, show_values: bool) -> Inferred:
    if pd.api.types.is_bool_dtype(series) or pd.api.types.is_datetime64_any_dtype(series):
        return Inferred(series, "", [])
    if pd.api.types.is_numeric_dtype(series):
        return _numbers(series, column, words)
    if isinstance(series.dtype, pd.CategoricalDtype):
        return _categories(series, column, words)
    return _texts(series, column, words, show_values)


def _numbers(series: pd.Series, column: str, words: MissingWords) -> Inferred:
    codes, distinct = pd.factorize(series)
    if not words.numbers_of(column) or not len(distinct):
        return Inferred(series, "", [])
    absent, _ = words.absent(distinct, column, np.bincount(codes[codes >= 0], minlength=len(distinct)))
    if not absent.any():
        return Inferred(series, "", [])
    gone = pd.Series(np.append(absent, False)[codes], index=series.index)
    used = ", ".join(sorted({f"{value:g}" for value in np.asarray(distinct, dtype=float)[absent]}))
    values = series
    if isinstance(series.dtype, np.dtype):  # identifiers that a float would change stay whole
        large = series.dtype.kind in "iu" and beyond_floats(series.mask(gone))
        values = series.astype("UInt64" if series.dtype.kind == "u" else "Int64") if large else series.astype("float64")
    return Inferred(values.mask(gone), f"read as missing: {used}", [])


def _categories(series: pd.Series, column: str, words: MissingWords) -> Inferred:
    labels = series.cat.categories
    counts = series.value_counts(sort=False).reindex(labels).to_numpy()
    absent, asked = words.absent(labels, column, counts)
    note = f"read as missing: {', '.join(map(repr, labels[absent]))}" if absent.any() else ""
    values = series.cat.remove_categories(labels[absent]) if absent.any() else series
    return Inferred(values, note, _questions(labels[asked & (counts > 0)], counts[asked & (counts > 0)]))


def _dates_and_words(series: pd.Series, column: str, words: MissingWords) -> Inferred:
    """Return the dates of a spreadsheet without words that mean missing; unchanged if other words remain."""
    codes, distinct = pd.factorize(series)
    absent, asked = words.absent(distinct, column, np.bincount(codes[codes >= 0], minlength=len(distinct)))
    absent |= asked  # among dates no word is a level
    gone = pd.Series(np.append(absent, False)[codes], index=series.index)
    used = sorted({str(value).strip() for value in distinct[absent]})
    note = f"read as missing: {', '.join(map(repr, used))}" if used else ""
    days, far = as_dates(series.where(~gone, None))
    if far.any():
        note += f"; {int(far.sum())} dates outside 1677 to 2262 became missing"
    return Inferred(days, note.removeprefix("; "), [])


def _texts(series: pd.Series, column: str, words: MissingWords, show_values: bool) -> Inferred:
    codes, distinct = pd.factorize(series)
    kinds = {type(value) for value in distinct}
    if not kinds <= {str, int, float} or str not in kinds:
        if str in kinds and all(issubclass(kind, str | datetime.date) for kind in kinds):
            return _dates_and_words(series, column, words)
        return Inferred(series, "", [])  # typed cells (dates, numbers, booleans) of a spreadsheet or database
    texts = np.array([str(value).strip() for value in distinct], dtype=object)
    counts = np.bincount(codes[codes >= 0], minlength=len(distinct))
    absent, asked = words.absent(distinct, column, counts)
    present = ~absent & ~asked
    numbers = np.array([_as_number(value) for value in distinct], dtype=float)
    digits = np.isfinite(numbers) | np.array([is_identifier(text) for text in texts], dtype=bool)
    # among numbers, dates and booleans no word is a level
    if asked.any() and (digits[present].all() or _dates(texts[present]) or set(texts[present]) <= _TRUTH):
        absent, asked = absent | asked, np.zeros_like(asked)
    used = sorted({text for text in texts[absent] if text not in ("", "NA", "NaN", "nan")})
    note = f"read as missing: {', '.join(map(repr, used))}" if used else ""
    if present.any() and np.isfinite(numbers[present]).all():
        values = np.full(len(texts) + 1, np.nan)
        values[:-1][present] = numbers[present]
        if len(kinds) > 1:
            note = "; ".join(filter(None, [note, "numbers, some of them written as text"]))
        if _may_be_thousands(texts[present]):
            note = "; ".join(filter(None, [note, _THOUSANDS]))
        return Inferred(pd.Series(values[codes], index=series.index), note, [])
    cells = np.array([*(None if gone else word for word, gone in zip(texts, absent)), None], dtype=object)
    text = pd.Series(cells[codes], index=series.index, dtype=object)
    faults = _questions(texts[asked], counts[asked])
    if present.any() and digits[present].all():
        why = _identifiers(texts[present])
        return Inferred(text, "; ".join(filter(None, [note, f"{why}: kept as text"])), faults)
    return _nearly(text, texts, codes, present, digits, note, faults, show_values)


def _nearly(
    text: pd.Series,
    texts: np.ndarray,
    codes: np.ndarray,
    present: np.ndarray,
    digits: np.ndarray,
    note: str,
    faults: list[dict[str, Any]],
    show_values: bool,
) -> Inferred:
    """Return the cells that prevent conversion of a column to numbers, and a probable row of totals."""
    totals = np.array([word.casefold().rstrip(":.") in _SUMMARIES for word in texts], dtype=bool) & present
    formats = {k: _format(texts[k]) for k in np.flatnonzero(present & ~digits)}
    numberish = digits.copy()
    numberish[[k for k, words in formats.items() if words]] = True
    odd = present & ~digits
    if present.any() and numberish[present].mean() > 0.5 and odd.any():
        for k in np.flatnonzero(odd):
            reason = "total_row" if totals[k] else "number_format" if formats[k] else "not_a_number"
            if reason == "not_a_number" and numberish[present].mean() < _NEARLY_ALL:
                continue  # grades 1, 2, 3, 3a: words of a category
            words = _TOTAL if totals[k] else formats[k] or _written(texts[k], show_values)
            for row in np.flatnonzero(codes == k):
                faults.append({"row": int(row) + 1, "reason": reason, "value": texts[k], "message": words})
        n = int(np.isin(codes, np.flatnonzero(odd)).sum())
        rows = ", ".join(str(row + 1) for row in np.flatnonzero(np.isin(codes, np.flatnonzero(odd)))[:3])
        said = sorted({repr(texts[k]) if totals[k] else formats[k] or _written(texts[k], show_values) for k in formats})
        more = f"kept as text: most cells are numbers, but not {n} (row {rows}): {'; '.join(said[:3])}"
        return Inferred(text, "; ".join(filter(None, [note, more])), faults)
    last = texts[codes[-1]] if len(codes) and codes[-1] >= 0 else ""
    if last.casefold().rstrip(":.") in _TOTALS and int((codes == codes[-1]).sum()) == 1 and len(codes) > 2:
        faults.append({"row": len(codes), "reason": "total_row", "value": last, "message": _TOTAL})
        note = "; ".join(filter(None, [note, f"the last row looks like totals ({last!r})"]))
    return Inferred(text, note, faults)


_TOTAL = "a row of totals is no patient: take it out of the file, or keep other rows with `where`"


def _as_number(value: Any) -> float:
    if isinstance(value, str):
        found = number_of(value)
        return np.nan if found is None else found
    return np.nan if isinstance(value, int) and abs(value) >= LARGEST_WHOLE else float(value)


def _dates(texts: np.ndarray) -> bool:
    return bool(len(texts)) and all(_DATE.fullmatch(text) for text in texts)


def _may_be_thousands(texts: np.ndarray) -> bool:
    """Return whether points may separate thousands: 1.234 and 2.100 together with 999, and no other decimal."""
    dotted = [text for text in texts if "." in text]
    plain = [text for text in texts if "." not in text]
    return (
        len(dotted) > 1
        and len(plain) > 0
        and all(_POINT_THREE.fullmatch(text) for text in dotted)
        and all(_UP_TO_THREE.fullmatch(text) for text in plain)
    )


def _identifiers(texts: np.ndarray) -> str:
    if any(len(text) > 1 and text[0] == "0" and text.isdigit() for text in texts):
        return "leading zeros"
    if any(sum(character.isdigit() for character in text) > 15 for text in texts):
        return "more than 15 digits"
    return "codes with an E between digits (12E3), not powers of ten"


def _format(text: str) -> str:
    return next((words for pattern, words in _FORMATS if pattern.fullmatch(text)), "")


def _written(text: str, show_values: bool) -> str:
    return f"{text!r} is no number" if show_values else f"a cell written like {written_like(text)!r} is no number"


def _questions(words: Any, counts: Any) -> list[dict[str, Any]]:
    return [
        {
            "row": None,
            "reason": "missing_word",
            "value": str(word),
            "message": f"{str(word)!r} occurs in {int(n)} cells: a level, or missing?",
        }
        for word, n in zip(words, counts)
    ]
