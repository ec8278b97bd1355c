"""Order of rows: by label where both carry labels, by position where neither does, never by guess."""

from __future__ import annotations

import contextlib
from typing import Any

import numpy as np
import pandas as pd

from lbp_prognosis._base._errors import argument_error
from lbp_prognosis._base.intake._rows import rows_in_words

__all__ = ["in_order_of", "is_counter", "label_codes_of", "labels_of", "outcome_labels"]


def labels_of(value: Any) -> pd.Index | None:
    """Return the row labels of a pandas object, None for what has none."""
    index = getattr(value, "index", None)
    return index if isinstance(value, pd.Series | pd.DataFrame) and isinstance(index, pd.Index) else None


def is_counter(index: pd.Index) -> bool:
    """Whether an index only counts the rows (the default index 0…n−1): it names no patient."""
    return isinstance(index, pd.RangeIndex) and index.start == 0 and index.step == 1


def _plain(index: pd.Index) -> pd.Index:
    """Return labels as what they are: categories and Arrow text as objects, nullable numbers as numbers."""
    if isinstance(index, pd.MultiIndex):
        return index
    if isinstance(index.dtype, np.dtype) and index.dtype.kind in "iufMm":
        return index if index.dtype.isnative else index.astype(index.dtype.newbyteorder("="))
    return pd.Index(index.to_numpy(dtype=object), dtype=object).infer_objects()


def _kind(index: pd.Index) -> str:
    if isinstance(index, pd.MultiIndex):
        return f"{index.nlevels} levels"
    found = _plain(index)
    words = {"string": "text", "integer": "numbers", "floating": "numbers", "mixed-integer-float": "numbers"}
    return words.get(found.inferred_type, "dates" if "date" in found.inferred_type else found.inferred_type)


def _remedy(name: str, other: str) -> str:
    return (
        f"If the rows are in the same order, give {name}.to_numpy(), or build it with index={other}.index; "
        "else give both the same labels."
    )


def in_order_of(name: str, mine: pd.Index, other: str, theirs: pd.Index) -> np.ndarray | None:
    """Return the rows of ``mine`` in the order of ``theirs``, or None where they already are.

    Raises
    ------
    ArgumentError
        For labels beside a default index, labels of another kind or another set, and repeated labels in another order.
    """
    if mine.equals(theirs):
        return None
    counters = is_counter(mine), is_counter(theirs)
    if all(counters):
        return None  # of differing lengths, which is told as such
    if len(mine) != len(theirs):
        raise argument_error(name, f"of length {len(theirs)}, one value per row of `{other}`", f"length {len(mine)}")
    if any(counters):
        labelled, bare = (other, name) if counters[0] else (name, other)
        raise argument_error(
            name,
            f"labelled as `{other}` is",
            f"a default index 0…n−1 in `{bare}` together with the labels of `{labelled}`",
            _remedy(name, other),
        )
    mine, theirs = _plain(mine), _plain(theirs)
    if mine.equals(theirs):
        return None
    kinds = _kind(mine), _kind(theirs)
    if kinds[0] != kinds[1]:
        raise argument_error(
            name, f"labelled as `{other}` is, by {kinds[1]}", f"labels of {kinds[0]}", _remedy(name, other)
        )
    for argument, index in ((name, mine), (other, theirs)):
        if not index.is_unique:
            raise argument_error(
                name,
                f"labelled as `{other}` is, each label once",
                f"repeated labels in another order ({argument}: rows {rows_in_words(np.asarray(index.duplicated()))})",
                _remedy(name, other),
            )
    order = mine.get_indexer(theirs)
    if (order < 0).any():
        raise argument_error(
            name,
            f"of the labels of `{other}`",
            f"other labels at rows {rows_in_words(~np.asarray(mine.isin(theirs)))}",
            _remedy(name, other),
        )
    return np.asarray(order)


def label_codes_of(index: pd.Index) -> np.ndarray:
    """Return row labels as 64-bit codes that an outcome can carry through selection and concatenation."""
    plain = _plain(index)
    if plain.dtype.kind == "f" and bool((plain == np.floor(plain)).all()) and bool((np.abs(plain) < 2**53).all()):
        plain = plain.astype(np.int64)  # 1.0 and 1 are one label
    if isinstance(plain, pd.DatetimeIndex | pd.TimedeltaIndex):
        # a day is one label in seconds and in nanoseconds; days beyond those of nanoseconds have none
        with contextlib.suppress(pd.errors.OutOfBoundsDatetime, pd.errors.OutOfBoundsTimedelta):
            plain = plain.as_unit("ns")
    return np.asarray(pd.util.hash_pandas_object(plain, index=False), dtype=np.uint64)


def outcome_labels(y: Any) -> pd.Index | None:
    """Return the label codes an outcome carries (its field, or attribute, ``label``), None where it has none."""
    if not hasattr(y, "dtype"):  # courses of several rows per patient
        carried = getattr(y, "label", None)
        return pd.Index(carried) if isinstance(carried, np.ndarray) else None
    names = getattr(getattr(y, "dtype", None), "names", None) or ()
    return pd.Index(y["label"]) if "label" in names else None
