"""``import_totalspineseg``: the measurement tables of TotalSpineSeg."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from lbp_prognosis._base import DataError, argument_error, check_choice, check_number
from lbp_prognosis.biomarkers.importers._import_source import disc_level, source_name, tidy_table, vertebra_level
from lbp_prognosis.biomarkers.importers._imported_table import ImportedTable, finish_import

__all__ = ["import_totalspineseg"]

_TABLES = ("canal", "csf", "discs", "vertebrae", "foramens")
_CANAL = {"area": ("canal_area", "mm2"), "diameter_ap": ("canal_ap", "mm"), "diameter_rl": ("canal_lr", "mm")}
_THICKNESS = {"thickness": "totalspineseg_mean_thickness", "median_thickness": "totalspineseg_median_thickness"}
_TO_ML = {"mm3": 1e-3, "ml": 1.0}


def import_totalspineseg(
    source: Any,
    *,
    patient_id: str,
    study_id: str | None = None,
    volume_unit: str = "mm3",
    voxel_mm: float | None = None,
) -> ImportedTable:
    """Import the tables that were written by the measurement step of TotalSpineSeg for one study.

    Parameters
    ----------
    source : path, or mapping of str to (path or DataFrame)
        The folder with ``canal.csv``, ``discs.csv``, ``vertebrae.csv`` and ``foramens.csv`` (any of them), or those
        tables by name.
    patient_id : str
        Patient.
    study_id : str, optional
        Study; by default it has the name of the patient.
    volume_unit : {"mm3", "ml"}, default "mm3"
        Unit of the column ``volume``.
    voxel_mm : float, optional
        Smallest voxel side of the segmentation, mm. Some versions write one thickness per point of the surface, in
        voxels of that side. Without ``voxel_mm`` these are taken as mm (correct at 1 mm, as with the option ``--iso``)
        and flagged ``thickness_taken_as_mm``.

    Returns
    -------
    ImportedTable
        ``left_out`` lists the columns that are not measures of this library.

    Raises
    ------
    ArgumentError
        If ``source`` contains none of the tables, or a table lacks its columns.
    DataError
        If a column contains text, a structure has several volumes, a foramen has no level, or a value is outside
        its range.

    Notes
    -----
    The program has written two layouts. In the first, discs and vertebrae have many rows per level (points of the
    surface): their thickness is averaged, and the volume, which is only in the row with index 0, is taken once. In the
    second they have one row with ``median_thickness`` (mm), which is another method; columns of the canal end in
    ``_canal``, and those of the cord are left out, because the program warns that they are not validated. The canal
    table has one row per slice: the smallest slice is taken, which is not a minimum at a disc. −1 is missing. Foramina
    are written right before left; sides are taken from the names ("foramens_L4-L5"). "L5-S" is ``l5s1``.
    """
    check_choice("volume_unit", volume_unit, tuple(_TO_ML))
    if voxel_mm is not None:
        voxel_mm = float(check_number("voxel_mm", voxel_mm, low=0.1, high=10))
    tables = _tables(source)
    common = {
        "patient_id": str(patient_id),
        "study_id": str(study_id or patient_id),
        "modality": "mri",
        "extractor_version": "TotalSpineSeg",
    }
    rows: list[dict[str, Any]] = []
    left: list[tuple[str, str, str]] = []
    for name, frame in tables.items():
        frame = frame.rename(columns=str.lower)
        if name == "canal":
            rows += _canal(frame, left)
        elif name == "csf":
            left.append(("csf.csv", "all columns", "slice by slice, without levels"))
        elif name == "foramens":
            rows += _foramina(frame)
        else:
            rows += _bodies(frame, name, _TO_ML[volume_unit], voxel_mm, left)
    studies = pd.DataFrame([{key: common[key] for key in ("patient_id", "study_id", "modality")}])
    return finish_import(
        [{**common, **row} for row in rows], source=source_name(source), studies=studies, left_out=left
    )


def _tables(source: Any) -> dict[str, pd.DataFrame]:
    if isinstance(source, Mapping):
        unknown = sorted(set(source) - set(_TABLES))
        if unknown or not source:
            raise argument_error("source", f"tables among {_TABLES}", f"{unknown or 'none'}")
        return {name: tidy_table(table, name=name) for name, table in source.items()}
    folder = Path(source) if isinstance(source, str | Path) else None
    if folder is not None and folder.is_dir():
        for place in (folder, folder / "csv"):
            found = {name: tidy_table(place / f"{name}.csv") for name in _TABLES if (place / f"{name}.csv").is_file()}
            if found:
                return found
    raise argument_error("source", f"a folder with one of {', '.join(f'{name}.csv' for name in _TABLES)}", repr(source))


def _numbers(frame: pd.DataFrame, column: str, name: str) -> pd.Series:
    values = pd.to_numeric(frame[column], errors="coerce")
    if values.isna().sum() > frame[column].isna().sum():
        raise DataError(f"{name}.csv: the column {column!r} contains text.")
    return values


def _canal(frame: pd.DataFrame, left: list[tuple[str, str, str]]) -> list[dict[str, Any]]:
    rows = []
    for column in frame.columns:
        name = column.removesuffix("_canal")
        if name not in _CANAL:
            if column not in ("structure", "index", "slice_nb"):
                left.append(("canal.csv", column, "slice by slice, without levels"))
            continue
        values = _numbers(frame, column, "canal")
        positive = values[values > 0]  # an empty slice has none, a failed one −1
        measure, unit = _CANAL[name]
        rows.append(
            {
                "structure": "canal",
                "measure": measure,
                "unit": unit,
                "level": "",
                "n_slices": len(positive),
                "value": positive.min() if len(positive) else np.nan,
                "method_id": "totalspineseg_min_over_slices",
                "reason": "" if len(positive) else "no slice with a value",
                "flags": "no_level",
            }
        )
    return rows


def _bodies(
    frame: pd.DataFrame, name: str, to_ml: float, voxel_mm: float | None, left: list[tuple[str, str, str]]
) -> list[dict[str, Any]]:
    absent = {"name", "volume"} - set(frame.columns)
    if absent:
        raise argument_error("source", f"{name}.csv with `name` and `volume`", f"one without {sorted(absent)}")
    discs = name == "discs"
    used = {"structure", "name", "index", "volume", *(_THICKNESS if discs else [])}
    left += [(f"{name}.csv", column, "no measure of this library") for column in frame.columns if column not in used]
    rows = []
    for text, part in frame.groupby("name", sort=False):
        level = disc_level(text) if discs else vertebra_level(text)
        if not level:
            left.append((f"{name}.csv", str(text), "no level of this library"))
            continue
        volumes = _numbers(part, "volume", name).dropna()
        volume = volumes[volumes > 0].drop_duplicates()
        if len(volume) > 1:
            raise DataError(f"{name}.csv has {len(volume)} volumes of {text}; there is one per structure.")
        common = {"structure": "disc" if discs else "vertebra", "level": level}
        rows.append(
            {
                **common,
                "measure": "disc_volume" if discs else "vertebra_volume",
                "unit": "ml",
                "value": float(volume.iloc[0]) * to_ml if len(volume) else np.nan,
                "method_id": "totalspineseg_volume",
                "reason": "" if len(volume) else "no volume",
            }
        )
        for column, method in _THICKNESS.items() if discs else ():
            if column not in part.columns:
                continue
            thickness = _numbers(part, column, name)
            thickness = thickness[thickness > 0]
            points = column == "thickness"
            rows.append(
                {
                    **common,
                    "measure": "disc_height",
                    "unit": "mm",
                    "method_id": method,
                    "value": thickness.mean() * ((voxel_mm or 1.0) if points else 1.0) if len(thickness) else np.nan,
                    "reason": "" if len(thickness) else "no thickness",
                    "flags": "thickness_taken_as_mm" if points and voxel_mm is None else "",
                }
            )
    return rows


def _foramina(frame: pd.DataFrame) -> list[dict[str, Any]]:
    absent = {"name", "right_surface", "left_surface"} - set(frame.columns)
    if absent:
        raise argument_error(
            "source", "foramens.csv with `name`, `right_surface`, `left_surface`", f"one without {absent}"
        )
    rows = []
    for side in ("left", "right"):
        values = _numbers(frame, f"{side}_surface", "foramens")
        for text, value in zip(frame["name"], values):
            level = disc_level(str(text).strip().removeprefix("foramens_"))
            if not level:
                raise DataError(f"foramens.csv: {text!r} is no level such as 'L4-L5'.")
            present = bool(np.isfinite(value) and value > 0)
            rows.append(
                {
                    "structure": "foramen",
                    "measure": "foramen_area",
                    "unit": "mm2",
                    "level": level,
                    "side": side,
                    "value": value if present else np.nan,
                    "method_id": "totalspineseg_foramen_surface",
                    "reason": "" if present else "no foramen found",
                }
            )
    return rows
