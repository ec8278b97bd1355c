"""``one_row_per_patient``: the tables of all modalities joined by patient, with the modality of each column."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import pandas as pd

from lbp_prognosis._base import (
    MISSING_DECLARED,
    DataError,
    FeatureMap,
    argument_error,
    check_choice,
    declared_values,
    deprecated,
)
from lbp_prognosis.fusion._patient_keys import kinds_of_keys, near_misses, patient_keys

__all__ = ["WidePredictors", "one_row_a_patient", "one_row_per_patient"]


class _Pair(NamedTuple):
    X: pd.DataFrame
    modalities: FeatureMap


class WidePredictors(_Pair):
    """Predictors, one row per patient, and their modalities: ``X, modalities = one_row_per_patient(…)``.

    Attributes
    ----------
    X : DataFrame
        Indexed by patient.
    modalities : FeatureMap
        Columns by modality.
    joined : DataFrame
        Result of the join, one row per table: ``modality, rule, n_rows, n_joined, n_without_patient,
        n_patients_absent``.
    unmatched : DataFrame
        Keys of a table without a patient, one row per key: ``modality, key``. Their rows are not in ``X``.
    """

    joined: pd.DataFrame
    unmatched: pd.DataFrame


def one_row_per_patient(
    tables: Mapping[str, Any], *, key: str = "patient_id", patients: Any = None, match: str = "exact"
) -> WidePredictors:
    """Join one table per modality into one row per patient.

    Parameters
    ----------
    tables : mapping of str to DataFrame or PooledLevels
        By modality. A frame is indexed by patient or has the key as a column; its other columns are predictors. For
        pooled levels, the pooled columns are predictors; the numbers of levels read are joined but belong to no
        modality.
    key : str, default "patient_id"
        Column that identifies the patient.
    patients : sequence, optional
        Patients and their order; by default all of the first table. Patients absent from a table get missing values.
    match : {"exact", "text", "number"}, default "exact"
        Rule by which two keys are equal. ``"exact"``: equal, and of one kind (text, or whole numbers) in all tables.
        ``"text"``: equal as they are written, so 3 is "3" and not "03". ``"number"``: equal as whole numbers, so 3, "3"
        and "03" are one patient. Under the last two ``X`` is indexed by text, and by numbers.

    Returns
    -------
    WidePredictors
        ``X`` (pandas.DataFrame indexed by patient) and ``modalities`` (`FeatureMap`); ``joined`` and ``unmatched``
        report the matched and unmatched keys.

    Raises
    ------
    ArgumentError
        If keys of two tables have different types under ``"exact"``, or are not whole numbers under ``"number"``.
    DataError
        If a patient has two rows in a table: repeated measures must be pooled or selected first. Also if no key of a
        table belongs to a patient, or keys differ from those of patients only by leading zeros, blanks or capitals; the
        error carries ``failures``.
    """
    if not tables:
        raise argument_error("tables", "a mapping of at least one modality", tables)
    check_choice("match", match, ("exact", "text", "number"))
    parts: dict[str, pd.DataFrame] = {}
    groups: dict[str, tuple[str, ...]] = {}
    provenance: dict[str, dict[str, Any]] = {}
    for modality, table in tables.items():
        pooled = hasattr(table, "modalities") and hasattr(table, "frame")
        frame = _by_patient(table.frame if pooled else table, key, modality, match)
        columns = table.modalities.columns if pooled else tuple(map(str, frame.columns))
        groups[modality] = columns
        provenance.update(table.modalities.provenance if pooled else {column: {} for column in columns})
        parts[modality] = frame
    modalities = FeatureMap(groups, provenance)
    if patients is None:
        order = pd.Index(next(iter(parts.values())).index, name=key)
    else:
        order = patient_keys(pd.Index(list(patients)), match, "patients").rename(key)
    if match == "exact":
        _one_kind({"patients": order, **{name: frame.index for name, frame in parts.items()}})
    rows = [_meeting(name, frame.index, order, key, match) for name, frame in parts.items()]
    X = pd.concat([frame.reindex(order) for frame in parts.values()], axis=1)
    if any(getattr(frame, "attrs", {}).get("synthetic") for frame in parts.values()):
        X.attrs["synthetic"] = True
    declared = declared_values(*(getattr(table, "frame", table) for table in tables.values()))  # lost by `concat`
    if declared:
        X.attrs[MISSING_DECLARED] = sorted(declared & set(map(str, X.columns)))
    wide = WidePredictors(X, modalities)
    wide.joined = pd.DataFrame([row for row, _ in rows])
    lost = [(row["modality"], name) for row, names in rows for name in names]
    wide.unmatched = pd.DataFrame(lost, columns=["modality", "key"])
    return wide


def one_row_a_patient(
    tables: Mapping[str, Any], *, key: str = "patient_id", patients: Any = None, match: str = "exact"
) -> WidePredictors:
    """Return `one_row_per_patient`; deprecated."""
    deprecated("fusion.one_row_a_patient")
    return one_row_per_patient(tables, key=key, patients=patients, match=match)


def _by_patient(frame: Any, key: str, modality: str, match: str) -> pd.DataFrame:
    """Return the table indexed by patient, one row per patient."""
    if not isinstance(frame, pd.DataFrame):
        raise argument_error("tables", "frames or pooled levels", {modality: type(frame).__name__})
    if key in frame.columns:
        frame = frame.set_index(key)
    elif frame.index.name != key:
        raise argument_error("tables", f"frames with the column or index {key!r}", f"{modality!r} without it")
    missing = frame.index.isna()
    if missing.any():
        raise DataError(
            f"The table {modality!r} has {int(missing.sum())} rows without {key!r}.",
            _failures(modality, key, "required", missing.nonzero()[0], [None] * int(missing.sum()), "whose row is it?"),
        )
    frame = frame.set_axis(patient_keys(frame.index, match, modality).rename(key), axis=0)
    if frame.index.has_duplicates:
        again = frame.index.duplicated()
        twice = frame.index[again].unique()
        raise DataError(
            f"The table {modality!r} has several rows of {len(twice)} patients. Pool the levels or choose one visit "
            "before joining.",
            _failures(modality, key, "duplicate_key", again.nonzero()[0], frame.index[again], "more than one row"),
        )
    return frame


def _one_kind(indexes: Mapping[str, pd.Index]) -> None:
    kinds = {name: kinds_of_keys(index) for name, index in indexes.items() if len(index)}
    if len(set(kinds.values())) > 1:
        shown = ", ".join(f"{kind} in {name!r}" for name, kind in kinds.items())
        raise argument_error(
            "tables",
            "of keys of one kind",
            shown,
            'Say when two keys are the same: match="text" (3 is "3", not "03") or match="number" (3 is "3" and "03").',
        )


def _meeting(modality: str, index: pd.Index, order: pd.Index, key: str, match: str) -> tuple[dict[str, Any], list[Any]]:
    """Return the number of matched keys and the unmatched keys; refuse keys that appear to be written in two ways."""
    known = index.isin(order)
    lost = index[~known]
    if not known.any():
        raise DataError(
            f"No key of the table {modality!r} is a patient's ({len(index)} rows, {len(order)} patients, match="
            f"{match!r}): all its columns would be missing.",
            _failures(modality, key, "foreign_key", range(len(lost)), lost, "not a patient"),
        )
    near = near_misses(lost, order.difference(index))
    if len(near):
        rows = [place for place, name in enumerate(index) if name in near]
        raise DataError(
            f"{len(near)} keys of the table {modality!r} miss a patient by leading zeros, blanks or capitals alone. "
            'Write keys in the same way in all tables, or set match="number" where they are whole numbers.',
            _failures(modality, key, "foreign_key", rows, index[rows], "nearly a patient's key"),
        )
    row = {
        "modality": modality,
        "rule": match,
        "n_rows": len(index),
        "n_joined": int(known.sum()),
        "n_without_patient": len(lost),
        "n_patients_absent": int((~order.isin(index)).sum()),
    }
    return row, list(lost)


def _failures(modality: str, key: str, reason: str, rows: Any, values: Any, message: str) -> pd.DataFrame:
    numbers = pd.array([int(row) + 1 for row in rows], dtype="Int64")
    return pd.DataFrame(
        {
            "table": modality,
            "row": numbers,
            "field": key,
            "reason": reason,
            "value": ["" if value is None else str(value) for value in values],
            "message": message,
        }
    )
