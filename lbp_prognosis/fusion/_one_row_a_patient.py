"""``one_row_a_patient``: tables of the modalities side by side, with the map of which column came from where."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import pandas as pd

from lbp_prognosis._base import DataError, FeatureMap, argument_error

__all__ = ["WidePredictors", "one_row_a_patient"]


class WidePredictors(NamedTuple):
    """Predictors, one row a patient, and their modalities."""

    X: pd.DataFrame
    modalities: FeatureMap


def one_row_a_patient(tables: Mapping[str, Any], *, key: str = "patient_id", patients: Any = None) -> WidePredictors:
    """Join one table a modality into one row a patient.

    Parameters
    ----------
    tables : mapping of str to DataFrame or PooledLevels
        By modality. A frame is indexed by patient or has the key as a column; its other columns are predictors. Of
        pooled levels the pooled columns are predictors; the numbers of levels read are joined but belong to no
        modality.
    key : str, default "patient_id"
        Column that names the patient.
    patients : sequence, optional
        Patients and their order; by default all of the first table. Patients absent from a table get missing values.

    Returns
    -------
    WidePredictors
        ``X`` (pandas.DataFrame indexed by patient) and ``modalities`` (`FeatureMap`).

    Raises
    ------
    DataError
        If a patient has two rows in a table: repeated measures have to be pooled or chosen from first.
    """
    if not tables:
        raise argument_error("tables", "a mapping of at least one modality", tables)
    parts: dict[str, pd.DataFrame] = {}
    groups: dict[str, tuple[str, ...]] = {}
    provenance: dict[str, dict[str, Any]] = {}
    for modality, table in tables.items():
        pooled = hasattr(table, "modalities") and hasattr(table, "frame")
        frame = table.frame if pooled else table
        if not isinstance(frame, pd.DataFrame):
            raise argument_error("tables", "frames or pooled levels", {modality: type(table).__name__})
        if key in frame.columns:
            frame = frame.set_index(key)
        elif frame.index.name != key:
            raise argument_error("tables", f"frames with the column or index {key!r}", f"{modality!r} without it")
        if frame.index.has_duplicates:
            twice = frame.index[frame.index.duplicated()].unique()
            failures = pd.DataFrame(
                {
                    "table": modality,
                    "row": range(len(twice)),
                    "field": key,
                    "reason": "duplicate_key",
                    "value": twice,
                    "message": "more than one row",
                }
            )
            raise DataError(
                f"The table {modality!r} has several rows of {len(twice)} patients, e.g. {twice[0]!r}. Pool the levels "
                "or choose one visit before joining.",
                failures,
            )
        columns = table.modalities.columns if pooled else tuple(map(str, frame.columns))
        groups[modality] = columns
        provenance.update(table.modalities.provenance if pooled else {column: {} for column in columns})
        parts[modality] = frame
    modalities = FeatureMap(groups, provenance)
    order = pd.Index(next(iter(parts.values())).index if patients is None else list(patients), name=key)
    X = pd.concat([frame.reindex(order) for frame in parts.values()], axis=1)
    if any(getattr(frame, "attrs", {}).get("synthetic") for frame in parts.values()):
        X.attrs["synthetic"] = True
    return WidePredictors(X, modalities)
