"""``import_spider``: gradings and scanner table of the SPIDER lumbar MRI collection."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pandas as pd

from lbp_prognosis._base import DataError, argument_error, check_number
from lbp_prognosis.biomarkers.anatomy._levels import VERTEBRAE
from lbp_prognosis.biomarkers.importers._import_source import number_or_missing, shown_columns, source_name, tidy_table
from lbp_prognosis.biomarkers.importers._imported_table import ImportedTable, finish_import

__all__ = ["import_spider"]

# words of the header: structure, measure, unit
_COLUMNS: dict[str, tuple[str, str, str]] = {
    "modic": ("disc", "modic", "category"),
    "up endplate": ("endplate_above_disc", "endplate_defect", "binary"),
    "low endplate": ("endplate_below_disc", "endplate_defect", "binary"),
    "spondylolisthesis": ("disc", "spondylolisthesis", "binary"),
    "disc herniation": ("disc", "disc_herniation", "binary"),
    "disc narrowing": ("disc", "disc_narrowing", "grade"),
    "disc bulging": ("disc", "disc_bulge", "binary"),
    "pfirrman grade": ("disc", "pfirrmann", "grade"),
    "pfirrmann grade": ("disc", "pfirrmann", "grade"),
}


def import_spider(gradings: Any, overview: Any = None, *, lumbar_count: int = 5) -> ImportedTable:
    """Import the radiological gradings of SPIDER, and the scanners from its overview.

    Parameters
    ----------
    gradings : path or DataFrame
        ``radiological_gradings.csv``: one row per patient and disc.
    overview : path or DataFrame, optional
        ``overview.csv``: one row per series; gives ``studies``, one row per patient.
    lumbar_count : int, default 5
        Number of lumbar vertebrae. Discs are counted from the lowest: with 5, number 1 is ``l5s1``.

    Returns
    -------
    ImportedTable
        ``left_out`` lists the discs below the lowest mobile segment (number 0).

    Raises
    ------
    ArgumentError
        If a table lacks the columns of the collection, or ``lumbar_count`` is outside its range.
    DataError
        If a patient, a disc number or a grade is not a number of the collection.

    Notes
    -----
    Levels are counted, not identified: each row has ``level_from_bottom`` and the flag ``counted_from_bottom``, and
    with a transitional vertebra the name may be off by one. Gradings are per patient (T1 and T2 read together), so the
    study has the name of the patient. If the series of a patient differ in a tag, that of the T2 series is taken.
    "Modic" is nominal. The header "Pfirrman" may have one n or two; stray blanks are removed.
    """
    count = int(check_number("lumbar_count", lumbar_count, low=4, high=6, whole=True))
    chain = [*VERTEBRAE[: VERTEBRAE.index("t13")], *(f"l{k}" for k in range(1, count + 1)), "s1"]
    frame = tidy_table(gradings, name="gradings")
    names = {column.lower(): column for column in frame.columns}
    absent = [need for need in ("patient", "ivd label") if need not in names]
    found = {key: names[key] for key in _COLUMNS if key in names}
    if absent or not found:
        raise argument_error("gradings", "SPIDER's radiological_gradings table", shown_columns(frame))
    where = source_name(gradings)
    rows: list[dict[str, Any]] = []
    left = [
        (where, column, "no measure of this library")
        for key, column in names.items()
        if key not in _COLUMNS and key not in ("patient", "ivd label")
    ]
    for _, record in frame.iterrows():
        patient = _patient(record[names["patient"]])
        number = number_or_missing(record[names["ivd label"]], where=f"{where}, IVD label of patient {patient}")
        if not np.isfinite(number) or number != round(number) or not 0 <= number < len(chain) - 1:
            raise DataError(
                f"{where}: IVD label {record[names['ivd label']]!r} of patient {patient} is not the number of a disc."
            )
        if number == 0:
            left.append((where, f"patient {patient}, IVD label 0", "below the lowest mobile segment"))
            continue
        below = len(chain) - int(number)
        for key, column in found.items():
            structure, measure, unit = _COLUMNS[key]
            value = number_or_missing(record[column], where=f"{where}, {column} of patient {patient}")
            rows.append(
                {
                    "patient_id": patient,
                    "study_id": patient,
                    "structure": structure,
                    "measure": measure,
                    "level": chain[below - 1] + chain[below],
                    "value": value,
                    "unit": unit,
                    "method_id": "spider_reader",
                    "modality": "mri",
                    "extractor_version": "SPIDER gradings",
                    "flags": "counted_from_bottom",
                    "level_from_bottom": int(number),
                    "reason": "" if np.isfinite(value) else "not graded",
                }
            )
    studies = None if overview is None else _studies(tidy_table(overview, name="overview"), source_name(overview))
    return finish_import(rows, source=where, studies=studies, left_out=left)


def _patient(value: Any) -> str:
    number = number_or_missing(value, where="the column of patients")
    if not np.isfinite(number) or number != round(number):
        raise DataError(f"The patient {value!r} is not a number.")
    return str(int(number))


def _studies(frame: pd.DataFrame, where: str) -> pd.DataFrame:
    """Return one row per patient; tags of the T2 series come before those of T2 SPACE and T1."""
    if "new_file_name" not in frame.columns:
        raise argument_error("overview", "SPIDER's overview table", shown_columns(frame))
    parts = frame["new_file_name"].astype(str).str.extract(r"\A(\d+)_(t1|t2_SPACE|t2)\Z")
    if parts.isna().any(axis=None):
        strange = frame.loc[parts.isna().any(axis=1), "new_file_name"].iloc[0]
        raise DataError(f"{where}: {strange!r} is no series name such as '12_t2'.")
    made = pd.DataFrame({"patient_id": parts[0], "study_id": parts[0], "modality": "mri"})
    made["sequence"] = parts[1].str.lower()
    tags = {
        "MagneticFieldStrength": "field_strength",
        "SliceThickness": "slice_thickness",
        "EchoTime": "echo_time",
        "SpacingBetweenSlices": "slice_spacing",
        "RepetitionTime": "repetition_time",
    }
    for tag, name in tags.items():
        if tag in frame.columns:
            made[name] = [number_or_missing(value, where=f"{where}, {tag}") for value in frame[tag]]
    for tag, name in (("Manufacturer", "vendor"), ("ManufacturerModelName", "model")):
        if tag in frame.columns:
            made[name] = frame[tag]
    if "PixelSpacing" in frame.columns:
        made["pixel_spacing"] = [_first_number(value) for value in frame["PixelSpacing"]]
    if "sex" in frame.columns:
        made["sex"] = frame["sex"].map({"F": "female", "M": "male"})
    if "birth_date" in frame.columns:
        # an age in years under another name, missing for most
        made["age"] = [number_or_missing(value, where=f"{where}, birth_date") for value in frame["birth_date"]]
    order = made["sequence"].map({"t2": 0, "t2_space": 1, "t1": 2})
    made = made.iloc[np.lexsort((order, made["patient_id"].astype(int)))]
    series = made.groupby("patient_id", sort=False)["sequence"].agg("|".join)
    made = made.groupby("patient_id", sort=False, as_index=False).first()
    return made.assign(sequence=made["patient_id"].map(series))


def _first_number(value: Any) -> float:
    """Return the first number of a list as text; some are written without the leading zero."""
    found = re.search(r"\d*\.?\d+", str(value))
    return float(found.group()) if found else float("nan")
