"""``import_musclemap``: muscle tables of MuscleMap."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from lbp_prognosis._base import DataError, argument_error
from lbp_prognosis.biomarkers.importers._import_source import number_or_missing, shown_columns, source_name, tidy_table
from lbp_prognosis.biomarkers.importers._imported_table import ImportedTable, finish_import

__all__ = ["import_musclemap"]

_MUSCLES = {
    "multifidus": "multifidus",
    "erector spinae": "erector_spinae",
    "psoas": "psoas",
    "quadratus lumborum": "quadratus_lumborum",
    "gluteus maximus": "gluteus_maximus",
    "gluteus medius": "gluteus_medius",
    "gluteus minimus": "gluteus_minimus",
}
_WHOLE_BODY = {
    510: "multifidus",
    511: "erector_spinae",
    512: "psoas",
    513: "quadratus_lumborum",
    612: "gluteus_maximus",
    611: "gluteus_medius",
    610: "gluteus_minimus",
}
_SLICES = "slices with segmentation"
_FILE = re.compile(r"(?P<id>.+)_(?P<method>dixon|average|gmm|kmeans)(?:_(?P<parts>\d)component)?_results\.csv\Z", re.I)


def import_musclemap(
    source: Any, *, patient_id: str | None = None, study_id: str | None = None, method: str | None = None
) -> ImportedTable:
    """Import the tables that were written by the metric extraction of MuscleMap.

    Parameters
    ----------
    source : path, DataFrame, or sequence of paths
        ``<id>_<method>[_<n>component]_results.csv``: one row per muscle and side. Each of several files is one patient
        unless ``patient_id`` is given.
    patient_id : str, optional
        Patient; by default the ``id`` in the file name.
    study_id : str, optional
        Study; by default it has the name of the patient.
    method : str, optional
        ``dixon``, ``average``, ``gmm_2``, ``gmm_3``, ``kmeans_2`` or ``kmeans_3``. Needed if the file name does not
        state it, because fat fractions by two methods are two variables.

    Returns
    -------
    ImportedTable
        Muscles by side, with their volume, fat fraction and intensity; ``left_out`` lists all other items.

    Raises
    ------
    ArgumentError
        If the patient or the method is not given and not in the file name, or the table is not one of MuscleMap.
    DataError
        If a label contradicts the name of its muscle, or a value is not a number or outside its range.

    Notes
    -----
    The Dixon fat percentage counts voxels without signal as 0 % fat, which makes it too low if the mask contains air or
    dark voxels (flag ``empty_voxels_as_lean``). In labels of the whole-body model the last digit is the side, 1 left
    and 2 right; if it contradicts the name of the muscle, the file is refused.
    """
    several = isinstance(source, Sequence) and not isinstance(source, str | Path)
    sources = list(source) if several else [source]
    rows: list[dict[str, Any]] = []
    left: list[tuple[str, str, str]] = []
    for item in sources:
        rows += _file(item, patient_id, study_id, method, left)
    made = pd.DataFrame(rows, columns=["patient_id", "study_id", "modality"]).drop_duplicates(ignore_index=True)
    return finish_import(rows, source=", ".join(map(source_name, sources))[:200], studies=made, left_out=left)


def _file(
    source: Any, patient_id: str | None, study_id: str | None, method: str | None, left: list[tuple[str, str, str]]
) -> list[dict[str, Any]]:
    where = source_name(source)
    match = _FILE.match(where) if isinstance(source, str | Path) else None
    patient = patient_id or (match.group("id") if match else None)
    if patient is None:
        raise argument_error("patient_id", "given, because the file name does not contain the patient", where)
    frame = tidy_table(source)
    names = {column.lower(): column for column in frame.columns}
    if "anatomy" not in names or "label" not in names:
        raise argument_error("source", "a MuscleMap table with `Label` and `Anatomy`", shown_columns(frame))
    stated = (
        f"{match.group('method').lower()}" + (f"_{match.group('parts')}" if match.group("parts") else "")
        if match
        else None
    )
    if method and stated and method != stated:
        raise argument_error("method", f"{stated!r}, as the file name states", repr(method))
    chosen = method or stated
    columns = _columns(names, chosen, where)
    left += [
        (where, name, "no measure of this library")
        for key, name in names.items()
        if key not in columns and key not in ("anatomy", "label", _SLICES)
    ]
    rows = []
    for _, record in frame.iterrows():
        text = str(record[names["anatomy"]])
        place = _place(text, record[names["label"]], where)
        if place is None:
            left.append((where, text, "no muscle of this library"))
            continue
        size = next(
            (
                number_or_missing(record[names[key]], where=f"{where}, {key} of {text}")
                for key in ("volume (ml)", "total volume (ml)")
                if key in names
            ),
            float("nan"),
        )
        seen = number_or_missing(record[names[_SLICES]], where=f"{where}, slices") if _SLICES in names else float("nan")
        for key, (measure, unit, method_id, flag) in columns.items():
            value = number_or_missing(record[names[key]], where=f"{where}, {key} of {text}")
            absent = not np.isfinite(value) or size == 0
            rows.append(
                {
                    "patient_id": patient,
                    "study_id": study_id or patient,
                    "structure": place[0],
                    "side": place[1],
                    "measure": measure,
                    "unit": unit,
                    "value": float("nan") if absent else value,
                    "method_id": method_id,
                    "modality": "mri",
                    "extractor_version": "MuscleMap",
                    "flags": flag,
                    "reason": "not measured" if absent else "",
                    "n_slices": int(seen) if np.isfinite(seen) else None,
                }
            )
    return rows


def _columns(names: dict[str, str], method: str | None, where: str) -> dict[str, tuple[str, str, str, str]]:
    found: dict[str, tuple[str, str, str, str]] = {}
    volume = next((key for key in ("volume (ml)", "total volume (ml)") if key in names), None)
    if volume:
        found[volume] = ("muscle_volume", "ml", "musclemap_volume", "")
    if "average intensity" in names:
        found["average intensity"] = ("intensity_mean", "intensity", "musclemap_average", "")
    if "fat (%)" in names:
        split = "muscle (%)" in names
        known = {"gmm_2", "gmm_3", "kmeans_2", "kmeans_3"} if split else {"dixon"}
        if method is None and not split:
            method = "dixon"
        if method not in known:
            raise argument_error("method", f"one of {sorted(known)} for the columns of {where}", repr(method))
        flag = "empty_voxels_as_lean" if method == "dixon" else ""
        found["fat (%)"] = ("fat_fraction", "%", f"musclemap_{method}", flag)
    if not found:
        raise argument_error("source", "a MuscleMap table with a volume, fat or intensity column", where)
    return found


def _place(text: str, label: Any, where: str) -> tuple[str, str] | None:
    """Return muscle and side, from the name and, for the whole-body model, the label."""
    words = re.sub(r"[_\-]+", " ", text.lower())
    muscle = next((name for word, name in _MUSCLES.items() if word in words), None)
    side = next((name for name in ("left", "right") if re.search(rf"\b({name}|{name[0]})\b", words)), "")
    number = number_or_missing(label, where=f"{where}, label of {text}")
    if np.isfinite(number) and 1000 < number < 10_000:
        of_label = {1: "left", 2: "right"}.get(int(number) % 10, "")
        known = _WHOLE_BODY.get(int(number) // 10)
        if (known and muscle and known != muscle) or (of_label and side and of_label != side):
            raise DataError(f"{where}: label {int(number)} is {known} {of_label}, but its name is {text!r}.")
        muscle, side = muscle or known, side or of_label
    return None if muscle is None else (muscle, side)
