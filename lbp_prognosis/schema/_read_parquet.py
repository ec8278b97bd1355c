"""Tables that Arrow reads (Parquet files, tables of DuckDB), with decimals read as numbers."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pandas as pd

from lbp_prognosis._base import DataError, arrow_frame
from lbp_prognosis.schema._arrow_source import ArrowSource, readable
from lbp_prognosis.schema._as_dates import as_dates
from lbp_prognosis.schema._failures import column_failures, failure_frame, merge_failures

__all__ = ["DIGITS", "check_flat", "decimals_as", "read_arrow"]

DIGITS = 15  # digits that a float keeps


def read_arrow(source: ArrowSource) -> tuple[pd.DataFrame, list[str], pd.DataFrame]:
    """Return the table, notes, and failures."""
    declared, schema = source.described()
    check_flat(schema, source)
    # column by column, each freed after conversion, so that a table of millions of rows is not in memory twice
    with readable(source.unreadable):
        frame = arrow_frame(source.whole(), date_as_object=True, split_blocks=True, self_destruct=True)
    if len(frame) != declared:
        raise DataError(f"The {source.words} declares {declared} rows and contains {len(frame)}.")
    notes: list[str] = []
    failures = [failure_frame()]
    if any(name is not None for name in frame.index.names):
        notes.append(f"the index of the file became columns: {', '.join(map(str, frame.index.names))}")
        frame = frame.reset_index()
    for place, column in enumerate(frame.columns):
        series = frame.iloc[:, place]
        if series.dtype != object or not series.notna().any():
            continue
        if series.dropna().map(lambda cell: isinstance(cell, Decimal)).all():
            frame.isetitem(place, _numbers(series, str(column), notes).array)
            continue
        dates, bad = as_dates(series)
        if bad.any():
            notes.append(f"{column}: {int(bad.sum())} dates outside 1677 to 2262 became missing")
            failures.append(
                column_failures(source.stem, str(column), "bad_date", bad, series, "a date from 1677 to 2262")
            )
        frame.isetitem(place, dates.array)
    return frame, notes, merge_failures(failures)


def check_flat(schema: Any, source: ArrowSource) -> None:
    """Refuse columns whose cells are lists or records; ``schema`` is that of pyarrow."""
    nested = [repr(each.name) for each in schema if each.type.num_fields]
    if nested:
        raise DataError(
            f"The {source.words} has cells of lists or records in {', '.join(nested)}: give each part a column of "
            "its own, or a row, or leave these columns out."
        )


def _numbers(series: pd.Series, column: str, notes: list[str]) -> pd.Series:
    """Return decimals as numbers; those with more digits than a float keeps as text."""
    digits = series.dropna().map(lambda cell: len(cell.normalize().as_tuple().digits))
    if digits.max() > DIGITS:
        notes.append(f"{column}: decimals of more than {DIGITS} digits: kept as text")
    return decimals_as(series, text=bool(digits.max() > DIGITS))


def decimals_as(series: pd.Series, *, text: bool) -> pd.Series:
    """Return decimals as text or as numbers."""
    if text:
        return series.map(lambda cell: None if cell is None else str(cell))
    return series.map(lambda cell: float("nan") if cell is None else float(cell)).astype("float64")
