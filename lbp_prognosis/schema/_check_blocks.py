"""Checks of a table that is read in blocks; they report the same failures, in the same order, as for a whole table."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from lbp_prognosis.schema._coerce import asked_words, is_asked, word_failures
from lbp_prognosis.schema._cross_checks import (
    date_failures,
    duplicate_failures,
    known_keys,
    method_counts,
    method_failures_of,
    range_failures,
    reference_failures,
)
from lbp_prognosis.schema._failures import merge_failures
from lbp_prognosis.schema._pandera_checks import column_checks
from lbp_prognosis.schema._table_blocks import TableBlocks, shifted
from lbp_prognosis.schema._table_schemas import TableSchema, table_schemas

__all__ = ["FirstReading", "check_blocks", "first_reading"]

_BUCKETS = 16  # hashes are sorted in parts, so that sorting needs little additional memory

# columns by which tables are compared with one another; they are kept in memory
_HELD = {
    "patient": ("patient_id", "index_date"),
    "visit": ("patient_id", "visit_id", "attended", "visit_date", "visit_day"),
    "imaging_study": ("patient_id", "study_id"),
    "event": ("patient_id", "event_type", "event_date", "event_day"),
    "treatment": ("patient_id", "start_date", "start_day"),
}
_WITH_CODEBOOK = {"prom": ("patient_id", "visit_id", "instrument", "item", "value")}


@dataclass(frozen=True)
class FirstReading:
    """Result of one reading of a table.

    Attributes
    ----------
    blocks : TableBlocks
        The table, with the counts of its methods.
    types : list of DataFrame
        Failures of type, and questions about words, by column.
    held : DataFrame or None
        Columns by which the table is compared with other tables.
    repeated : ndarray of bool of shape (n_rows,)
        Rows whose key may be that of another row.
    """

    blocks: TableBlocks
    types: list[pd.DataFrame]
    held: pd.DataFrame | None
    repeated: np.ndarray


def first_reading(blocks: TableBlocks, *, codebook: bool) -> FirstReading:
    """Read a whole table once: types, words, methods, keys, and the columns that are kept in memory.

    Parameters
    ----------
    blocks : TableBlocks
        The table.
    codebook : bool
        Whether the package has a codebook, to which questionnaires are compared.
    """
    schema = table_schemas()[blocks.name]
    held = [
        name
        for name in {**_HELD, **(_WITH_CODEBOOK if codebook else {})}.get(blocks.name, ())
        if name in blocks.columns
    ]
    declared = [name for name in blocks.columns if name in schema.fields]
    asked = [name for name in declared if is_asked(schema.fields[name])]
    words: dict[str, list[pd.Series]] = defaultdict(list)
    others: dict[str, bool] = defaultdict(bool)
    failed: dict[str, list[pd.DataFrame]] = defaultdict(list)
    parts, counted, hashes = [], [], []
    for raw, frame, failures in blocks.raw_and_typed(declared):
        for found in failures:
            failed[str(found["field"].iloc[0])].append(found)
        for name in asked:
            counts, more = asked_words(raw[name], schema)
            words[name].append(counts)
            others[name] |= more
        parts.append(frame[held])
        counted.append(method_counts(frame, schema))
        hashes.append(_hashes(frame, schema))
    types = []
    for name in declared:
        if name in asked:
            types += word_failures(_added(words[name]), others[name], name, schema)
        types += [merge_failures(failed[name])] if failed[name] else []
    methods = [each for each in counted if each is not None]
    return FirstReading(
        replace(blocks, methods=_summed(methods) if methods else None),
        types,
        pd.concat(parts, ignore_index=True) if held else None,
        _possibly_repeated(np.concatenate([each[0] for each in hashes]), np.concatenate([each[1] for each in hashes])),
    )


def _added(counts: list[pd.Series]) -> pd.Series:
    """Return counts of words over all blocks, by first appearance."""
    total = pd.concat(counts)
    return total.groupby(level=0, sort=False).sum()


def _summed(counts: list[pd.DataFrame]) -> pd.DataFrame:
    by = [name for name in counts[0].columns if name != "n"]
    return pd.concat(counts).groupby(by, observed=True, sort=True)["n"].sum().reset_index()


def _hashes(frame: pd.DataFrame, schema: TableSchema) -> tuple[np.ndarray, np.ndarray]:
    """Return a hash of the key per row, and whether the key is complete."""
    columns = [name for name in schema.key if name in frame.columns]
    whole = np.full(len(frame), bool(columns))
    if not columns:
        return np.zeros(len(frame), dtype=np.uint64), whole
    parts = {}
    for name in columns:
        values = frame[name]
        if schema.fields[name].required:
            whole &= values.notna().to_numpy()
        parts[name] = values + 0.0 if values.dtype == float else values  # -0.0 equals 0.0
    return pd.util.hash_pandas_object(pd.DataFrame(parts), index=False).to_numpy(), whole


def _possibly_repeated(hashes: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """Return which rows share their hash with another row: those of repeated keys, and very rarely others."""
    repeated = np.zeros(hashes.size, dtype=bool)
    bucket = (hashes % np.uint64(_BUCKETS)).astype(np.uint8)
    for part in range(_BUCKETS):
        rows = np.flatnonzero((bucket == part) & whole)
        order = rows[np.argsort(hashes[rows], kind="stable")]
        same = hashes[order][1:] == hashes[order][:-1]
        repeated[order[1:][same]] = True
        repeated[order[:-1][same]] = True
    return repeated


def check_blocks(
    first: FirstReading,
    tables: Mapping[str, pd.DataFrame],
    extra: Collection[str],
    ranges: Mapping[str, Mapping[str, object]],
    mixed_methods: Collection[str],
) -> list[pd.DataFrame]:
    """Read a table a second time, for the checks of its values and its references.

    Parameters
    ----------
    first : FirstReading
        First reading of the same table.
    tables : mapping of str to DataFrame
        The other tables, or those of their columns that are kept in memory.
    extra : collection of str
        Measures or instruments added by a codebook.
    ranges : mapping
        Made by ``extended_ranges``.
    mixed_methods : collection of str
        Measures of which more than one method is accepted.
    """
    blocks, schema = first.blocks, table_schemas()[first.blocks.name]
    extensible = {name: extra for name, field in schema.fields.items() if field.extensible}
    others = {name: frame for name, frame in tables.items() if name != blocks.name}
    keys = known_keys(others, schema)
    by_check: dict[tuple[int, int, int], list[pd.DataFrame]] = defaultdict(list)
    doubtful, place = [], {name: k for k, name in enumerate(schema.fields)}
    for numbered in blocks.read([name for name in blocks.columns if name in schema.fields]):
        start, frame = int(numbered.index[0]), numbered.reset_index(drop=True)
        doubtful.append(frame[first.repeated[start : start + len(frame)]])
        for tag, found in _of_block(frame, schema, extensible, others, keys, ranges, place):
            if start == 0 or not found["row"].isna().any():  # a missing table is reported once
                by_check[tag].append(shifted(found, start))
    by_check[_DUPLICATES] = _duplicates(pd.concat(doubtful, ignore_index=True), first.repeated, schema)
    by_check[_METHODS] = method_failures_of(blocks.methods, schema, mixed_methods)
    return [found for tag in sorted(by_check) for found in by_check[tag]]


_DUPLICATES, _METHODS = (1, 0, 0), (5, 0, 0)
_REASONS = ("required", "enum", "pattern", "minimum", "maximum", "unit", "range")


def _of_block(
    frame: pd.DataFrame,
    schema: TableSchema,
    extensible: Mapping[str, Collection[str]],
    others: Mapping[str, pd.DataFrame],
    keys: Mapping[tuple[str, tuple[str, ...]], np.ndarray],
    ranges: Mapping[str, Mapping[str, object]],
    place: Mapping[str, int],
) -> Iterable[tuple[tuple[int, int, int], pd.DataFrame]]:
    """Yield the failures of one block, each with the position of its check among the checks of a whole table."""
    for found in column_checks(frame, schema, extensible):
        yield (0, place[found["field"].iloc[0]], _REASONS.index(found["reason"].iloc[0])), found
    for k, link in enumerate(schema.foreign_keys):
        for found in reference_failures({**others, schema.name: frame}, replace(schema, foreign_keys=(link,)), keys):
            yield (2, k, 0), found
    for k, pair in enumerate(schema.date_order):
        for found in date_failures(frame, replace(schema, date_order=(pair,))):
            yield (3, k, 0), found
    for found in range_failures(frame, schema, ranges):
        yield (4, _REASONS.index(found["reason"].iloc[0]), 0), found


def _duplicates(doubtful: pd.DataFrame, repeated: np.ndarray, schema: TableSchema) -> list[pd.DataFrame]:
    """Compare the keys of the rows whose hashes are equal."""
    rows = np.flatnonzero(repeated) + 1
    return [
        found.assign(row=pd.array(rows[found["row"].to_numpy(dtype=int) - 1], dtype="Int64"))
        for found in duplicate_failures(doubtful, schema)
    ]
