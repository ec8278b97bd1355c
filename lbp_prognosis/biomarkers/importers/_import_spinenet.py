"""``import_spinenet``: disc gradings of SpineNet."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from lbp_prognosis._base import DataError, argument_error
from lbp_prognosis.biomarkers.importers._import_source import (
    disc_level,
    number_or_missing,
    shown_columns,
    source_name,
    tidy_table,
)
from lbp_prognosis.biomarkers.importers._imported_table import ImportedTable, finish_import

__all__ = ["import_spinenet"]

# column: structure, measure, unit, side, lowest and highest grade of the program, value that the lowest becomes
_COLUMNS: dict[str, tuple[str, str, str, str, int, int, int]] = {
    "pfirrmann": ("disc", "pfirrmann", "grade", "", 1, 5, 1),
    "narrowing": ("disc", "disc_narrowing", "grade", "", 1, 4, 0),
    "centralcanalstenosis": ("canal", "central_stenosis", "grade", "", 1, 4, 0),
    "spondylolisthesis": ("disc", "spondylolisthesis", "binary", "", 0, 1, 0),
    "upperendplatedefect": ("endplate_above_disc", "endplate_defect", "binary", "", 0, 1, 0),
    "lowerendplatedefect": ("endplate_below_disc", "endplate_defect", "binary", "", 0, 1, 0),
    "uppermarrow": ("endplate_above_disc", "marrow_change", "binary", "", 0, 1, 0),
    "lowermarrow": ("endplate_below_disc", "marrow_change", "binary", "", 0, 1, 0),
    "foraminalstenosisleft": ("foramen", "foraminal_stenosis", "grade", "left", 0, 1, 0),
    "foraminalstenosisright": ("foramen", "foraminal_stenosis", "grade", "right", 0, 1, 0),
    "herniation": ("disc", "disc_herniation", "binary", "", 0, 1, 0),
}


def import_spinenet(source: Any, *, patient_id: str, study_id: str | None = None) -> ImportedTable:
    """Import the grading table of SpineNet version 2 of one study.

    Parameters
    ----------
    source : path or DataFrame
        One row per disc. Its level ("L5-S1") is in the index, in the first unnamed column, or in ``level``. The
        order of the rows does not matter.
    patient_id : str
        Patient.
    study_id : str, optional
        Study; by default it has the name of the patient.

    Returns
    -------
    ImportedTable

    Raises
    ------
    DataError
        If a grade is outside the scale of the program, or a level is not that of a disc.

    Notes
    -----
    The program counts narrowing and central stenosis from 1 (none); here they start at 0. Pfirrmann stays 1 to 5.
    Marrow change is any change next to the endplate on one sequence: it is imported as ``marrow_change``, never as a
    Modic type, which needs T1 and T2. The grades are the most probable class, without its probability.

    Examples
    --------
    >>> import pandas as pd
    >>> from lbp_prognosis.biomarkers import import_spinenet
    >>> grades = pd.DataFrame({"Pfirrmann": [4], "CentralCanalStenosis": [1]}, index=["L4-L5"])
    >>> import_spinenet(grades, patient_id="p1").table[["measure", "level", "value"]].values.tolist()
    [['pfirrmann', 'l4l5', 4.0], ['central_stenosis', 'l4l5', 0.0]]
    """
    frame = tidy_table(source)
    names = {column.lower().replace(" ", "").replace("_", ""): column for column in frame.columns}
    label = next((names[key] for key in ("level", "ivdlevel", "unnamed:0", "") if key in names), None)
    levels = frame.index if label is None else frame[label]
    found = {key: names[key] for key in _COLUMNS if key in names}
    if not found:
        raise argument_error("source", "a SpineNet grading table (Pfirrmann, Narrowing, …)", shown_columns(frame))
    rows, left = [], []
    for text, (_, record) in zip(levels, frame.iterrows()):
        level = disc_level(text)
        if not level:
            raise DataError(f"{source_name(source)}: {text!r} is no disc level such as 'L5-S1'.")
        for key, column in found.items():
            structure, measure, unit, side, low, high, start = _COLUMNS[key]
            value = number_or_missing(record[column], where=f"{source_name(source)}, {column} of {text}")
            if np.isfinite(value) and (value != round(value) or not low <= value <= high):
                raise DataError(
                    f"{source_name(source)}: {column} of {text} is {value:g}; the program grades {low} to {high}. A "
                    "table that was recoded cannot be read as its output."
                )
            rows.append(
                {
                    "patient_id": patient_id,
                    "study_id": study_id or patient_id,
                    "structure": structure,
                    "measure": measure,
                    "level": level,
                    "side": side,
                    "value": value - low + start,
                    "unit": unit,
                    "method_id": "spinenet_v2",
                    "modality": "mri",
                    "extractor_version": "SpineNet v2",
                    "reason": "" if np.isfinite(value) else "not graded",
                }
            )
    known = {*found.values(), label}
    left = [
        (source_name(source), column, "no measure of this library") for column in frame.columns if column not in known
    ]
    studies = pd.DataFrame(
        {"patient_id": [patient_id], "study_id": [study_id or patient_id], "modality": ["mri"], "sequence": ["t2"]}
    )
    return finish_import(rows, source=source_name(source), studies=studies, left_out=left)
