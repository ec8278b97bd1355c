"""``import_totalsegmentator``: statistics, spine report and radiomics of TotalSegmentator."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from lbp_prognosis._base import DataError, argument_error, check_choice
from lbp_prognosis.biomarkers.importers._import_source import number_or_missing, read_json, source_name, vertebra_level
from lbp_prognosis.biomarkers.importers._imported_table import ImportedTable, finish_import
from lbp_prognosis.biomarkers.texture._radiomics_names import measure_name

__all__ = ["import_totalsegmentator"]

_FILES = ("statistics.json", "spine_report.json", "statistics_radiomics.json")
_MUSCLES = {
    "autochthon": "autochthon",
    "iliopsoas": "iliopsoas",
    "psoas_major": "psoas",
    "erector_spinae": "erector_spinae",
    "transversospinalis": "transversospinalis",
    "quadratus_lumborum": "quadratus_lumborum",
    "gluteus_maximus": "gluteus_maximus",
    "gluteus_medius": "gluteus_medius",
    "gluteus_minimus": "gluteus_minimus",
}
_OTHER = {"sacrum": "sacrum", "spinal_cord": "spinal_cord", "subcutaneous_fat": "subcutaneous_fat"}
# one label for all levels: a number without a level
_FUSED = {"vertebrae": "vertebra", "vertebrae_body": "vertebral_body", "intervertebral_discs": "disc", "spine": "spine"}
_REPORT = {
    "height_posterior_mm": ("body_height_posterior", "mm"),
    "height_middle_mm": ("body_height_middle", "mm"),
    "height_anterior_mm": ("body_height_anterior", "mm"),
    "height_difference": ("height_loss", "fraction"),
    "volume_ml": ("body_volume", "ml"),
    "intensity": ("intensity_mean", "intensity"),
    "intensity_median": ("intensity_median", "intensity"),
}
_UNUSED = ("volume", "n_voxels", "intensity_min", "intensity_max", "centroid_vox", "bbox_vox")
_ABSENT = "not in view, or cut by the border (the program writes 0)"


def import_totalsegmentator(
    source: Any,
    *,
    patient_id: str | None = None,
    study_id: str | None = None,
    modality: str = "ct",
    aggregation: str = "mean",
) -> ImportedTable:
    """Import the measurements that TotalSegmentator wrote for one study.

    Parameters
    ----------
    source : path or mapping
        ``statistics.json``, ``spine_report.json`` or ``statistics_radiomics.json``, a folder with any of them, or the
        content of one. The kind is recognised by its keys.
    patient_id : str, optional
        Patient; by default the one in the metadata of the report, if it names one.
    study_id : str, optional
        Study; by default that of the metadata, else it has the name of the patient.
    modality : {"ct", "mri"}, default "ct"
        On CT a muscle's intensity is its attenuation in HU.
    aggregation : {"mean", "median"}, default "mean"
        Statistic that the run wrote as ``intensity``.

    Returns
    -------
    ImportedTable
        Volumes, intensities, measures of bodies and texture; ``left_out`` lists all other items.

    Raises
    ------
    ArgumentError
        If the patient is not given and not in the files, or ``source`` contains none of these measurements.
    DataError
        If a file contains no JSON object, or a value is not a number or outside its range.

    Notes
    -----
    A structure that touches the border of the image, or is absent, has volume 0.0 in these files: it is imported as
    missing, never as zero. Volumes in mm³ are converted to ml. The labels of ``total`` contain the whole vertebra, so
    their volume is ``vertebra_volume``; the report measures the bodies, and its intensities are those of an eroded
    body. Its height difference is 1 − smallest/largest of the three heights of the same vertebra, not a loss relative
    to neighbours. Placeholders for dates and names of an anonymous scan (19000101, Unknown) are missing.
    """
    check_choice("modality", modality, ("ct", "mri"))
    check_choice("aggregation", aggregation, ("mean", "median"))
    parts = _parts(source)
    metadata: dict[str, Any] = {}
    for _, content in parts:
        if isinstance(content.get("metadata"), Mapping):
            metadata = {key: value for key, value in content["metadata"].items() if not _filler(value)}
    patient = patient_id or metadata.get("PatientID")
    if not patient:
        raise argument_error("patient_id", "given, because the files do not name the patient", "none")
    study = study_id or metadata.get("StudyID") or patient
    date = str(metadata.get("StudyDate", ""))
    acquired = f"{date[:4]}-{date[4:6]}-{date[6:8]}" if re.fullmatch(r"\d{8}", date) else ""
    common = {"patient_id": str(patient), "study_id": str(study), "modality": modality, "acquired_on": acquired}
    rows: list[dict[str, Any]] = []
    left: list[tuple[str, str, str]] = []
    for name, content in parts:
        kind = _kind(content, name)
        reader = {"report": _report, "statistics": _statistics, "radiomics": _radiomics}[kind]
        found = reader(content, name, modality, aggregation, left)
        rows += [{**common, "extractor_version": _version(metadata), **row} for row in found]
    studies = pd.DataFrame([{**common, "age": metadata.get("PatientAge"), "sex": _sex(metadata)}])
    where = parts[0][0] if len(parts) == 1 else source_name(source)
    return finish_import(rows, source=where, studies=studies, left_out=left)


def _parts(source: Any) -> list[tuple[str, dict[str, Any]]]:
    if isinstance(source, str | Path) and Path(source).is_dir():
        paths = [Path(source) / name for name in _FILES if (Path(source) / name).is_file()]
        if not paths:
            raise argument_error("source", f"a folder with one of {', '.join(_FILES)}", f"{str(source)!r}")
    else:
        paths = [source]
    parts = [(source_name(path), read_json(path)) for path in paths]
    for name, content in parts:
        if not isinstance(content, Mapping) or not content:
            raise DataError(f"{name} contains no JSON object with measurements.")
    return [(name, dict(content)) for name, content in parts]


def _filler(value: Any) -> bool:
    return value is None or str(value).strip().lower() in {"", "unknown", "19000101", "none"}


def _version(metadata: Mapping[str, Any]) -> str:
    number = metadata.get("version")
    return f"TotalSegmentator spine report {number}" if number else "TotalSegmentator"


def _sex(metadata: Mapping[str, Any]) -> str | None:
    return {"M": "male", "F": "female", "O": "other"}.get(str(metadata.get("PatientSex", "")).strip().upper())


def _kind(content: Mapping[str, Any], name: str) -> str:
    if isinstance(content.get("results"), Mapping):
        return "report"
    entries = [entry for entry in content.values() if isinstance(entry, Mapping)]
    if entries and any("volume" in entry for entry in entries):
        return "statistics"
    if entries and any(measure_name(key) for entry in entries for key in entry):
        return "radiomics"
    remedy = None
    if entries and all({"value", "unit"} <= set(entry) for entry in entries):
        remedy = "Predicted weight, age and sex of the scan are no measurements of the spine."
    raise argument_error("source", "statistics, a spine report or radiomics of TotalSegmentator", name, remedy)


def _place(name: str) -> tuple[str, str, str] | None:
    """Return structure, level and side of a name of the program."""
    if name in _FUSED:
        return _FUSED[name], "", ""
    if name in _OTHER:
        return _OTHER[name], "", ""
    level = vertebra_level(name) if name.startswith("vertebrae_") else ""
    if level:
        return "vertebra", level, ""
    stem, _, side = name.rpartition("_")
    if side in ("left", "right") and stem in _MUSCLES:
        return _MUSCLES[stem], "", side
    return None


def _statistics(
    content: Mapping[str, Any], name: str, modality: str, aggregation: str, left: list[tuple[str, str, str]]
) -> list[dict[str, Any]]:
    rows = []
    for label, entry in content.items():
        place = _place(str(label))
        if place is None or not isinstance(entry, Mapping):
            left.append((name, str(label), "no structure of the spine"))
            continue
        structure, level, side = place
        muscle = structure in _MUSCLES.values()
        volume = number_or_missing(entry.get("volume"), where=f"{name}, volume of {label}")
        present = bool(np.isfinite(volume) and volume > 0)
        size = "muscle_volume" if muscle else "vertebra_volume" if structure == "vertebra" and level else "volume"
        measures = [(size, "ml", volume / 1000)]
        for key, value in entry.items():
            if (
                key == "volume"
                or key.startswith(("centroid", "bbox"))
                or key in ("n_voxels", "intensity_min", "intensity_max")
            ):
                continue
            if key == "intensity":
                attenuation = muscle and modality == "ct" and aggregation == "mean"
                wanted = ("muscle_attenuation", "HU") if attenuation else (f"intensity_{aggregation}", "intensity")
            elif key in ("intensity_std", "intensity_median", "intensity_mean"):
                wanted = ("intensity_sd" if key == "intensity_std" else key, "intensity")
            else:
                left.append((name, f"{label}: {key}", "no measure of this library"))
                continue
            measures.append((*wanted, number_or_missing(value, where=f"{name}, {key} of {label}")))
        count = number_or_missing(entry.get("n_voxels"), where=f"{name}, n_voxels of {label}")
        for measure, unit, value in measures:
            rows.append(
                {
                    "structure": structure,
                    "level": level,
                    "side": side,
                    "measure": measure,
                    "unit": unit,
                    "value": value if present else float("nan"),
                    "reason": "" if present else _ABSENT,
                    "method_id": "totalsegmentator_statistics",
                    "flags": "no_level" if label in _FUSED else "",
                    "n_voxels": int(count) if np.isfinite(count) else None,
                }
            )
    return rows


def _report(
    content: Mapping[str, Any], name: str, modality: str, aggregation: str, left: list[tuple[str, str, str]]
) -> list[dict[str, Any]]:
    rows = []
    for key, given in content["results"].items():
        match = re.fullmatch(r"vertebrae_([A-Za-z]+\d+)_(\w+)", str(key))
        level = vertebra_level(match.group(1)) if match else ""
        if not match or not level or match.group(2) not in _REPORT:
            why = "a summary of the other rows" if str(key).endswith("_max") else "no measure of this library"
            left.append((name, str(key), why))
            continue
        measure, unit = _REPORT[match.group(2)]
        value = number_or_missing(given, where=f"{name}, {key}")
        size = content["results"].get(f"vertebrae_{match.group(1)}_volume_ml")
        absent = not np.isfinite(value) or size == 0 or (value == 0 and unit in ("mm", "ml"))
        rows.append(
            {
                "structure": "vertebral_body",
                "level": level,
                "measure": measure,
                "unit": unit,
                "value": float("nan") if absent else value,
                "reason": _ABSENT if absent else "",
                "method_id": "totalsegmentator_spine_report",
            }
        )
    return rows


def _radiomics(
    content: Mapping[str, Any], name: str, modality: str, aggregation: str, left: list[tuple[str, str, str]]
) -> list[dict[str, Any]]:
    rows = []
    for label, entry in content.items():
        place = _place(str(label))
        if place is None or not isinstance(entry, Mapping):
            left.append((name, str(label), "no structure of the spine"))
            continue
        values = {key: number_or_missing(value, where=f"{name}, {key} of {label}") for key, value in entry.items()}
        # the program writes zeros throughout where it could not compute
        absent = not any(value != 0 for value in values.values() if np.isfinite(value))
        for key, value in values.items():
            measure = measure_name(str(key))
            if not measure:
                left.append((name, f"{label}: {key}", "no texture feature"))
                continue
            rows.append(
                {
                    "structure": place[0],
                    "level": place[1],
                    "side": place[2],
                    "measure": measure,
                    "unit": "feature",
                    "value": float("nan") if absent else value,
                    "method_id": "totalsegmentator_radiomics",
                    "reason": _ABSENT if absent else "" if np.isfinite(value) else "not computed",
                }
            )
    return rows
