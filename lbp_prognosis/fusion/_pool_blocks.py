"""Pooling of a table that is read in blocks; a patient is pooled after the patient's last row has been read."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from lbp_prognosis._base import DataError
from lbp_prognosis.fusion._pool_table import checked_biomarkers, pool_table
from lbp_prognosis.schema import TableBlocks

__all__ = ["pool_blocks"]

_KIND = ["measure", "structure", "method_id", "unit", "level", "side"]
_COLUMNS = ["patient_id", "study_id", "value", *_KIND]


def pool_blocks(
    blocks: TableBlocks,
    poolings: Mapping[str, str | Sequence[str]],
    levels: Sequence[str] | None,
    names: Collection[str],
    wanted: pd.Index | None,
) -> tuple[pd.DataFrame, dict[str, dict[str, Any]]]:
    """Return the result of `pool_table` for the whole table.

    One row per kind (measure, structure, method, unit, level, side) determines columns and provenance, and whether a
    measure has several kinds. A fault of readings is told after the last block, with all patients that have it.
    """
    columns = [name for name in _COLUMNS if name in blocks.columns]
    checked_biomarkers(pd.DataFrame(columns=columns), levels)
    kinds, seen, last = _survey(blocks, columns, levels)
    fault: DataError | None = None
    template = pd.DataFrame()
    provenance: dict[str, Any] = {}
    try:  # whether a patient has one study is seen from all rows of the patient
        first = checked_biomarkers(kinds.drop(columns="study_id", errors="ignore"), levels)
        template, provenance = pool_table(first, poolings, names, pd.Index(pd.unique(first["patient_id"])))
    except DataError as error:
        fault = error
    frames: list[pd.DataFrame] = []
    faulty: list[pd.DataFrame] = []
    for rows in _complete(blocks, columns, last):
        try:
            part = checked_biomarkers(rows, levels)
            if fault is None:
                made = pool_table(part, poolings, names, pd.Index(pd.unique(part["patient_id"])), part=True)[0]
                frames += [] if faulty else [made]
        except DataError as error:
            if error.failures is None:
                raise
            patients = rows["patient_id"].reindex(error.failures["row"])
            faulty.append(rows[rows["patient_id"].isin(patients)])
    if faulty:
        together = checked_biomarkers(pd.concat(faulty).sort_index(), levels)
        pool_table(together, poolings, names, pd.Index(pd.unique(together["patient_id"])), part=True)
    if fault is not None:
        raise fault
    order = pd.Index(seen, name="patient_id") if wanted is None else wanted
    frame = pd.concat(frames).reindex(index=order, columns=template.columns)
    counts = {name: 0 for name, kept in template.dtypes.items() if kept.kind == "i"}
    return frame.fillna(counts).astype(dict.fromkeys(counts, int)), provenance


def _survey(
    blocks: TableBlocks, columns: list[str], levels: Sequence[str] | None
) -> tuple[pd.DataFrame, pd.Series, np.ndarray]:
    """Return the first row of each kind, the patients by first appearance, and per row the last row of its patient."""
    by = [name for name in _KIND if name in columns]
    kinds: list[pd.DataFrame] = []
    seen: list[pd.Series] = []
    hashes = []
    for block in blocks.read(columns):
        counted = block["value"].notna()
        if levels is not None and "level" in block:
            counted &= block["level"].fillna("").isin([*levels, ""])
        rows = block[counted.to_numpy(dtype=bool)]
        kinds = [pd.concat([*kinds, rows]).drop_duplicates(by)]
        seen = [pd.concat([*seen, rows["patient_id"]]).drop_duplicates()]
        hashes.append(pd.util.hash_array(block["patient_id"].to_numpy(dtype=object, na_value="")))
    return kinds[0], seen[0], _last_rows(np.concatenate(hashes))


def _last_rows(patient: np.ndarray) -> np.ndarray:
    """Return per row the last row of its patient; if two patients share a hash, the later of their last rows."""
    order = np.argsort(patient, kind="stable")
    ends = np.append(np.flatnonzero(patient[order][1:] != patient[order][:-1]), patient.size - 1)
    last = np.empty(patient.size, dtype=np.int64)
    last[order] = np.repeat(order[ends], np.diff(ends, prepend=-1))
    return last


def _complete(blocks: TableBlocks, columns: list[str], last: np.ndarray) -> Iterator[pd.DataFrame]:
    """Yield all rows of patients whose last row has been read; rows of other patients are kept in memory."""
    held: list[pd.DataFrame] = []
    for block in blocks.read(columns):
        rows = pd.concat([*held, block])
        complete = last[rows.index.to_numpy()] <= block.index[-1]
        held = [rows[~complete]]
        if complete.any():
            yield rows[complete]
