"""``import_rsna2024``: severity labels of the RSNA 2024 lumbar spine collection."""

from __future__ import annotations

from typing import Any

import pandas as pd

from lbp_prognosis._base import DataError, argument_error
from lbp_prognosis.biomarkers.importers._import_source import disc_level, shown_columns, source_name, tidy_table
from lbp_prognosis.biomarkers.importers._imported_table import ImportedTable, finish_import

__all__ = ["import_rsna2024"]

_CONDITIONS: dict[str, tuple[str, str, str]] = {
    "spinal_canal_stenosis": ("canal", "central_stenosis", ""),
    "left_neural_foraminal_narrowing": ("foramen", "foraminal_stenosis", "left"),
    "right_neural_foraminal_narrowing": ("foramen", "foraminal_stenosis", "right"),
    "left_subarticular_stenosis": ("subarticular_recess", "subarticular_stenosis", "left"),
    "right_subarticular_stenosis": ("subarticular_recess", "subarticular_stenosis", "right"),
}
_GRADES = {"normal/mild": 0.0, "moderate": 1.0, "severe": 2.0}


def import_rsna2024(train: Any, series: Any = None) -> ImportedTable:
    """Import the labels of the RSNA 2024 lumbar spine degenerative classification.

    Parameters
    ----------
    train : path or DataFrame
        ``train.csv``: one row per study, one column per condition and level.
    series : path or DataFrame, optional
        ``train_series_descriptions.csv``; gives the sequences in ``studies``.

    Returns
    -------
    ImportedTable
        Grades 0 normal or mild, 1 moderate, 2 severe; labels that were not given are missing with a reason.

    Raises
    ------
    ArgumentError
        If a table lacks the columns of the collection.
    DataError
        If a label is not one of the three grades.

    Notes
    -----
    Patients have the names of the studies. The collection contains no outcome, age or sex: it can show that readings
    are detected, but never that they predict anything.
    """
    frame, where = tidy_table(train, name="train"), source_name(train)
    if "study_id" not in frame.columns:
        raise argument_error("train", "the RSNA 2024 table with `study_id`", shown_columns(frame))
    columns: dict[str, tuple[str, tuple[str, str, str]]] = {}
    left = []
    for column in frame.columns:
        stem, _, lower = str(column).rpartition("_")
        condition, _, upper = stem.rpartition("_")
        level = disc_level(f"{upper}-{lower}")
        if condition in _CONDITIONS and level:
            columns[column] = (level, _CONDITIONS[condition])
        elif column != "study_id":
            left.append((where, column, "no condition and level of the collection"))
    if not columns:
        raise argument_error("train", "the RSNA 2024 table", shown_columns(frame))
    rows: list[dict[str, Any]] = []
    for _, record in frame.iterrows():
        study = str(record["study_id"]).removesuffix(".0")
        for column, (level, (structure, measure, side)) in columns.items():
            word = record[column]
            missing = word is None or pd.isna(word)
            if not missing and str(word).strip().lower() not in _GRADES:
                raise DataError(
                    f"{where}: {column} of study {study} is {word!r}; accepted are Normal/Mild, Moderate, Severe."
                )
            rows.append(
                {
                    "patient_id": study,
                    "study_id": study,
                    "structure": structure,
                    "measure": measure,
                    "level": level,
                    "side": side,
                    "value": float("nan") if missing else _GRADES[str(word).strip().lower()],
                    "unit": "grade",
                    "method_id": "rsna2024_three_grades",
                    "modality": "mri",
                    "extractor_version": "RSNA 2024 readers",
                    "reason": "not graded" if missing else "",
                }
            )
    return finish_import(rows, source=where, studies=_studies(frame, series), left_out=left)


def _studies(frame: pd.DataFrame, series: Any) -> pd.DataFrame:
    names = [str(study).removesuffix(".0") for study in frame["study_id"]]
    made = pd.DataFrame({"patient_id": names, "study_id": names, "modality": "mri"})
    if series is None:
        return made
    listed = tidy_table(series, name="series")
    absent = {"study_id", "series_description"} - set(listed.columns)
    if absent:
        raise argument_error("series", "a table with `study_id` and `series_description`", f"one without {absent}")
    joined = listed.groupby(listed["study_id"].astype(str).str.removesuffix(".0"))["series_description"].agg(
        lambda words: "|".join(sorted(set(map(str, words))))
    )
    return made.assign(sequence=made["study_id"].map(joined))
