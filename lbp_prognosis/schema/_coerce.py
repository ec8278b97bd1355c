"""Conversion of columns to their declared types; each cell that cannot be converted is a failure.

Only the distinct values of a column are converted, so that the cost does not depend on the number of rows.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd

from lbp_prognosis.schema._failures import column_failures, failure_frame
from lbp_prognosis.schema._missing_words import ASKED_WORDS
from lbp_prognosis.schema._table_schemas import Field, TableSchema

__all__ = ["asked_words", "coerce_table", "is_asked", "word_failures"]

_TRUE = {"true", "True", "TRUE", "1", "1.0"}
_FALSE = {"false", "False", "FALSE", "0", "0.0"}
_EARLIEST, _LATEST = pd.Timestamp("1880-01-01"), pd.Timestamp("2100-12-31")


def coerce_table(
    frame: pd.DataFrame, schema: TableSchema, *, ask: bool = True
) -> tuple[pd.DataFrame, list[pd.DataFrame]]:
    """Return the declared columns typed (others untouched) and the failures of type.

    With ``ask``, words that may mean missing are failures too; only a whole column shows whether they may.

    Strings become ``string``, numbers and integers ``float64``, booleans ``boolean``, dates ``datetime64[ns]``; a cell
    that fails becomes missing, so that no fault is reported twice.
    """
    frame = frame.reset_index(drop=True)  # rows by position: labels may be filtered or sorted
    typed: dict[str, pd.Series] = {}
    failures: list[pd.DataFrame] = []
    for column in frame.columns:
        series = frame[column]
        field = schema.fields.get(column)
        if field is None:
            typed[column] = series
            continue
        values, bad, why = _coerce(series, field, schema.missing_values)
        if ask and is_asked(field):
            failures += word_failures(*asked_words(series, schema), column, schema)
        typed[column] = values
        if bad.any():
            failures.append(column_failures(schema.name, column, "type", bad, series, why))
    return pd.DataFrame(typed, index=frame.index), failures


def is_asked(field: Field) -> bool:
    """Return whether the column is free text (a site, a treatment); the tables' own lists contain no NA or None."""
    return field.type == "string" and not field.enum and not field.required


def asked_words(series: pd.Series, schema: TableSchema) -> tuple[pd.Series, bool]:
    """Return how often NA, None and similar words occur in a text column, and whether other values occur."""
    if not (pd.api.types.is_object_dtype(series) or pd.api.types.is_string_dtype(series)):
        return pd.Series(dtype="int64"), False
    counts = series[series.isin(list(ASKED_WORDS))].value_counts(sort=False)  # by first appearance
    others = series.dropna().astype(str).str.strip()
    return counts, bool((~others.isin([*ASKED_WORDS, *schema.missing_values])).any())


def word_failures(counts: pd.Series, others: bool, column: str, schema: TableSchema) -> list[pd.DataFrame]:
    """Ask about words that may be a level or mean missing, unless the column contains nothing else."""
    if not others:
        return []
    return [
        failure_frame(
            [
                {
                    "table": schema.name,
                    "field": column,
                    "reason": "missing_word",
                    "value": str(word),
                    "message": f"{str(word)!r} occurs in {int(n)} cells: a level, or missing? Leave the cells empty, "
                    "or name the level otherwise",
                }
            ]
        )
        for word, n in counts.sort_values(ascending=False, kind="stable").items()
    ]


def _coerce(series: pd.Series, field: Field, missing: tuple[str, ...]) -> tuple[pd.Series, np.ndarray, str]:
    if field.type == "date" and pd.api.types.is_datetime64_any_dtype(series):
        naive = series.dt.tz_localize(None) if series.dt.tz is not None else series
        bad = (naive < pd.Timestamp.min) | (naive > pd.Timestamp.max)  # 9999-12-31, where a database has no end
        kept = naive.mask(bad).astype("datetime64[ns]").reset_index(drop=True)
        return kept, bad.to_numpy(dtype=bool), "a date from 1677 to 2262 is expected"
    if (
        field.type in ("number", "integer")
        and pd.api.types.is_numeric_dtype(series)
        and not pd.api.types.is_bool_dtype(series)
    ):
        numbers = series.astype("float64").reset_index(drop=True)
        bad = np.isinf(numbers.to_numpy())
        if field.type == "integer":
            finite = numbers.to_numpy()
            with np.errstate(invalid="ignore"):
                bad |= ~np.isnan(finite) & (finite != np.floor(finite))
        return numbers.mask(pd.Series(bad)), bad, _WHY[field.type]
    codes, distinct = pd.factorize(series, use_na_sentinel=True)
    texts = [_as_text(value) for value in distinct]
    absent = np.array([text in missing for text in texts], dtype=bool)
    convert, dtype = _CONVERTERS[field.type]
    values, wrong = convert(texts, absent)
    # code −1 (missing) picks the entry appended at the end
    values = pd.concat(
        [values, pd.Series([pd.NA if dtype in ("string", "boolean") else None], dtype=dtype)], ignore_index=True
    )
    wrong = np.append(wrong & ~absent, False)
    return values.take(codes % len(values)).reset_index(drop=True), wrong[codes], _WHY[field.type]


_WHY = {
    "string": "text is expected",
    "number": "a number with a decimal point is expected",
    "integer": "a whole number is expected",
    "boolean": "true, false, 1 or 0 is expected",
    "date": "a date written YYYY-MM-DD is expected",
}


def _as_text(value: object) -> str:
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, float) and value == np.floor(value) and abs(value) < 1e15:
        return str(int(value))  # an identifier that was read as 12.0 is 12
    if isinstance(value, pd.Timestamp):
        return value.date().isoformat() if value == value.normalize() else value.isoformat()
    return str(value).strip()


def _strings(texts: list[str], absent: np.ndarray) -> tuple[pd.Series, np.ndarray]:
    values = pd.Series([pd.NA if gone else text for text, gone in zip(texts, absent)], dtype="string")
    return values, np.zeros(len(texts), dtype=bool)


def _numbers(texts: list[str], absent: np.ndarray) -> tuple[pd.Series, np.ndarray]:
    values = pd.to_numeric(pd.Series(texts, dtype=object), errors="coerce").astype("float64")
    values = values.mask(pd.Series(absent, dtype=bool) | np.isinf(values))
    return values, values.isna().to_numpy()


def _integers(texts: list[str], absent: np.ndarray) -> tuple[pd.Series, np.ndarray]:
    values, wrong = _numbers(texts, absent)
    fraction = (values != np.floor(values)) & values.notna()
    return values.mask(fraction), wrong | fraction.to_numpy()


def _booleans(texts: list[str], absent: np.ndarray) -> tuple[pd.Series, np.ndarray]:
    states = [True if text in _TRUE else False if text in _FALSE else pd.NA for text in texts]
    values = pd.Series(states, dtype="boolean")
    return values, values.isna().to_numpy()


def _dates(texts: list[str], absent: np.ndarray) -> tuple[pd.Series, np.ndarray]:
    # spreadsheets and databases export plain dates with the time 00:00:00
    plain = [text[:10] if text[10:] in ("T00:00:00", " 00:00:00", " 00:00:00.000") else text for text in texts]
    ten = pd.Series([text if len(text) == 10 else None for text in plain], dtype=object)
    values = pd.to_datetime(ten, format="%Y-%m-%d", errors="coerce").astype("datetime64[ns]")
    values = values.mask((values < _EARLIEST) | (values > _LATEST))
    return values, values.isna().to_numpy()


_CONVERTERS: dict[str, tuple[Callable[[list[str], np.ndarray], tuple[pd.Series, np.ndarray]], str]] = {
    "string": (_strings, "string"),
    "number": (_numbers, "float64"),
    "integer": (_integers, "float64"),
    "boolean": (_booleans, "boolean"),
    "date": (_dates, "datetime64[ns]"),
}
