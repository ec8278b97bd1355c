"""``arrow_frame``: Arrow tables as pandas frames whose large whole numbers stay whole beside missing ones."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import pandas as pd

__all__ = ["LARGEST_WHOLE", "arrow_column", "arrow_frame", "beyond_floats"]

LARGEST_WHOLE = 2**53
"""From here on a float does not keep every whole number: neighbouring identifiers become one."""

_WHOLE = {"int64": pd.Int64Dtype, "uint64": pd.UInt64Dtype}


def arrow_frame(table: Any, *, whole: Collection[str] = (), **options: Any) -> pd.DataFrame:
    """Return an Arrow table or batch as a frame; whole numbers of 2**53 or more beside missing ones are not floats.

    Parameters
    ----------
    table : pyarrow.Table or RecordBatch
        The table; each name of such a column stands once.
    whole : collection of str
        Columns that are whole numbers in any case, as in other parts of the table.
    **options
        Keywords of ``to_pandas``.
    """
    names = list(table.schema.names)
    kept = {}
    for place, name in enumerate(names):
        column = table.column(place)
        if names.count(name) == 1 and (_lossy(column) or (name in whole and str(column.type) in _WHOLE)):
            kept[name] = _exact(column)
    frame = pd.DataFrame(table.to_pandas(**options))
    for name, values in kept.items():
        if name in frame.columns:
            frame[name] = values.array
    return frame


def arrow_column(column: Any) -> Any:
    """Return an Arrow array as a pandas Series, by the same rule."""
    return _exact(column) if _lossy(column) else column.to_pandas(date_as_object=True)


def beyond_floats(series: pd.Series) -> bool:
    """Say whether numbers reach the size from which floats do not keep every whole number."""
    return bool((series.dropna().abs() >= LARGEST_WHOLE).any()) if len(series) else False


def _lossy(column: Any) -> bool:
    if str(column.type) not in _WHOLE or column.null_count == 0:
        return False
    return beyond_floats(column.to_pandas())


def _exact(column: Any) -> pd.Series:
    dtype = _WHOLE[str(column.type)]()
    made = column.to_pandas(types_mapper=lambda kind: dtype if str(kind) in _WHOLE else None)
    return pd.Series(made)
