"""``import_wide``: any wide table of measurements, by a mapping of its columns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from lbp_prognosis._base import DataError, argument_error
from lbp_prognosis.biomarkers.importers._import_source import source_name, tidy_table
from lbp_prognosis.biomarkers.importers._imported_table import ImportedTable, finish_import
from lbp_prognosis.schema import ColumnName, convert_unit, enumerations, measures

__all__ = ["import_wide"]

_KEYS = {"measure", "structure", "level", "side", "unit", "method_id", "recode", "sd_error"}


def import_wide(
    source: Any,
    mapping: Mapping[str, Any] | None = None,
    *,
    method_id: str | None = None,
    patient_id: str = "patient_id",
    study_id: str | None = None,
    modality: str = "",
    extractor_version: str = "",
) -> ImportedTable:
    """Import a table with one row per study and one column per measurement.

    Parameters
    ----------
    source : path or DataFrame
        The table.
    mapping : mapping of str to (str or mapping), optional
        By column: its name in the grammar ``structure__measure__level__side``, or a mapping with ``measure``,
        ``structure`` and, if needed, ``level, side, unit, method_id, recode, sd_error``. ``unit`` is the unit of the
        column; values are converted. ``recode`` maps words to numbers. By default, all column names follow the grammar.
    method_id : str, optional
        Method of all columns for which the mapping gives none.
    patient_id : str, default "patient_id"
        Column with the patient.
    study_id : str, optional
        Column with the study; by default the study has the name of the patient.
    modality : str, default ""
        Modality of all values, e.g. ``mri``.
    extractor_version : str, default ""
        Program and version, or reader.

    Returns
    -------
    ImportedTable
        Empty cells are missing with the reason "empty cell".

    Raises
    ------
    ArgumentError
        If the mapping names an absent column, an unknown measure or structure or a pooled value, or a column has no
        method.
    DataError
        If a row has no patient, or a value is not a number or outside its range.

    Examples
    --------
    >>> import pandas as pd
    >>> from lbp_prognosis.biomarkers import import_wide
    >>> wide = pd.DataFrame({"patient_id": ["a"], "L45 height (cm)": [0.9]})
    >>> plan = {"L45 height (cm)": {"measure": "disc_height", "structure": "disc", "level": "l4l5", "unit": "cm"}}
    >>> import_wide(wide, plan, method_id="reader_three_point").table["value"].round(3).tolist()
    [9.0]
    """
    frame, where = tidy_table(source), source_name(source)
    for column in (patient_id, study_id):
        if column is not None and column not in frame.columns:
            raise argument_error(
                "patient_id" if column == patient_id else "study_id", "a column of the table", repr(column)
            )
    keys = {patient_id, study_id}
    plan = _plan(frame, mapping, keys, method_id)
    if frame[patient_id].isna().any():
        raise DataError(f"{where}: {int(frame[patient_id].isna().sum())} rows without a patient.")
    patients = frame[patient_id].astype(str)
    studies = patients if study_id is None else frame[study_id].astype(str)
    parts = [
        _rows_of(frame[column], column, rule, where).assign(
            patient_id=patients, study_id=studies, modality=modality, extractor_version=extractor_version
        )
        for column, rule in plan.items()
    ]
    left = [(where, column, "not mapped") for column in frame.columns if column not in plan and column not in keys]
    known = pd.DataFrame({"patient_id": patients, "study_id": studies}).drop_duplicates(ignore_index=True)
    records = pd.concat(parts, ignore_index=True).to_dict("records")
    rows = [{str(name): value for name, value in record.items()} for record in records]
    return finish_import(rows, source=where, studies=known.assign(modality=modality), left_out=left)


def _rows_of(cells: pd.Series, column: str, rule: Mapping[str, Any], where: str) -> pd.DataFrame:
    """Return one row per cell of a column, in the unit of the measure."""
    values = _values(cells, column, rule, where)
    entry = measures().get(rule["measure"])
    unit = rule.get("unit") or (entry["unit"] if entry else "feature")
    if entry and unit != entry["unit"]:
        values, unit = convert_unit(values, unit, entry["unit"]), entry["unit"]
    return pd.DataFrame(
        {
            "structure": rule["structure"],
            "measure": rule["measure"],
            "level": rule.get("level", ""),
            "side": rule.get("side", ""),
            "value": values,
            "unit": unit,
            "method_id": rule["method_id"],
            "sd_error": float(rule["sd_error"]) if "sd_error" in rule else np.nan,
            "reason": np.where(np.isfinite(values), "", "empty cell"),
        },
        index=cells.index,
    )


def _plan(frame: pd.DataFrame, mapping: Any, keys: set[str | None], method_id: str | None) -> dict[str, dict[str, Any]]:
    if mapping is None:
        mapping = {column: column for column in frame.columns if column not in keys and "__" in column}
    if not isinstance(mapping, Mapping) or not mapping:
        raise argument_error("mapping", "a mapping from column to measurement", mapping)
    absent = [column for column in mapping if column not in frame.columns]
    if absent:
        raise argument_error("mapping", "about columns of the table", f"{absent[:5]}, which it does not have")
    plan = {}
    for column, given in mapping.items():
        if isinstance(given, str):
            name = ColumnName.parse(given)
            if name.pooling:
                raise argument_error("mapping", "about single levels, not pooled values", f"{given!r}")
            rule: dict[str, Any] = {key: getattr(name, key) for key in ("measure", "structure", "level", "side")}
        elif isinstance(given, Mapping) and not set(given) - _KEYS:
            rule = dict(given)
        else:
            raise argument_error("mapping", f"of columns to a name or a mapping of {sorted(_KEYS)}", {column: given})
        measure = rule.get("measure", "")
        if measure not in measures() and not str(measure).startswith("radiomics_"):
            raise argument_error("mapping", "of known measures, or texture features `radiomics_…`", f"{measure!r}")
        if rule.get("structure") not in enumerations()["structures"]:
            raise argument_error("mapping", "with a known structure for each column", f"{rule.get('structure')!r}")
        rule["method_id"] = rule.get("method_id") or method_id
        if not rule["method_id"]:
            raise argument_error(
                "method_id",
                "named for each column",
                f"none for {column!r}",
                "The same name by two methods is two variables.",
            )
        plan[column] = rule
    return plan


def _values(cells: pd.Series, column: str, rule: Mapping[str, Any], where: str) -> np.ndarray:
    if "recode" in rule:
        codes = {str(word).strip(): float(number) for word, number in rule["recode"].items()}
        words = cells.map(lambda cell: cell if cell is None or pd.isna(cell) else str(cell).strip().removesuffix(".0"))
        strange = words.notna() & ~words.isin(list(codes))
        if strange.any():
            raise DataError(f"{where}: {column!r} contains {words[strange].iloc[0]!r}, which no recode lists.")
        return words.map(codes).to_numpy(dtype=float, na_value=np.nan)
    values = pd.to_numeric(cells, errors="coerce")
    text = cells.notna() & values.isna()
    if text.any():
        raise DataError(f"{where}: {column!r} contains {cells[text].iloc[0]!r}, which is no number.")
    return values.to_numpy(dtype=float, na_value=np.nan)
