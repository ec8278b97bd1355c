"""Rotation and translation of lumbar segments between flexion and extension."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from lbp_prognosis._base import DataError, argument_error
from lbp_prognosis.biomarkers._extraction_result import biomarker_frame
from lbp_prognosis.biomarkers.families._measurement import BIOMARKER_COLUMNS

__all__ = ["segmental_motion"]

_MOTIONS = (
    ("segmental_rotation", "deg", "extension_minus_flexion_wedge", "disc_wedge", -1.0),
    ("segmental_translation", "mm", "flexion_minus_extension_slip", "slip", 1.0),
    ("segmental_translation_percent", "%", "flexion_minus_extension_slip", "slip_percent", 1.0),
)
"""Measure, unit, method, the measure whose difference is taken, and the sign of flexion in the difference."""


def segmental_motion(flexion: pd.DataFrame, extension: pd.DataFrame) -> pd.DataFrame:
    """Return rotation and translation of each segment between two positions of the same patients.

    Parameters
    ----------
    flexion, extension : DataFrame
        Biomarker tables of `extract` (``result.table`` or ``result.to_frame()``) with rows of ``disc_wedge``, ``slip``
        and ``slip_percent`` (family ``disc``). One study per patient in each table.

    Returns
    -------
    DataFrame
        Columns of the data schema ``biomarker``; three rows per patient and level of either table:
        ``segmental_rotation`` (degrees), ``segmental_translation`` (mm) and ``segmental_translation_percent`` (% of the
        depth of the lower endplate). ``study_id`` is ``flexion+extension``; ``sd_error`` is the root of the sum of the
        two squared SDs; flags are those of both studies; ``level_confidence`` is the lower of the two. A value is
        missing, with the reason, if either study lacks it.

    Raises
    ------
    ArgumentError
        If a table lacks a column or rows of these measures, or has several studies of one patient.
    DataError
        If both tables contain the same study, or the two studies of a patient are of different modalities.

    Notes
    -----
    Let w be the wedge of the disc (angle between the adjacent endplates, positive if it opens forwards) and s the slip
    of the lower back corner of the upper body along the upper endplate of the lower body (positive forwards). Then

        rotation = w(extension) − w(flexion),  translation = s(flexion) − s(extension),

    so that both are positive in the usual motion: in flexion the disc closes at the front and the upper vertebra glides
    forwards. Vertebrae are assumed to be rigid. The position of the patient in the scanner cancels, and so does a wedge
    or slip that is the same in both positions.

    Reference intervals of 30 asymptomatic volunteers (mean ± 2 SD, radiographs, translation in units of the depth of
    the body) [1]_: L2–L3 2 to 20° and 0 to 0.16; L3–L4 0 to 20° and −0.02 to 0.15; L4–L5 −2 to 19° and −0.01 to 0.12;
    L5–S1 −6 to 19° and −0.05 to 0.11. They are from another modality and are not applied.

    References
    ----------
    .. [1] Abbott JH et al. Lumbar segmental mobility disorders: comparison of two methods of defining abnormal
       displacement kinematics in a cohort of patients with non-specific mechanical low back pain. BMC Musculoskelet
       Disord. 2006;7:45. doi:10.1186/1471-2474-7-45

    Examples
    --------
    >>> import pandas as pd
    >>> def table(study, wedge, slip):
    ...     names = ["disc_wedge", "slip", "slip_percent"]
    ...     return pd.DataFrame(
    ...         {"patient_id": "p1", "study_id": study, "structure": "disc", "measure": names, "level": "l4l5",
    ...          "value": [wedge, slip, 100 * slip / 34]}
    ...     )
    >>> motion = segmental_motion(table("bent", 2.0, 3.4), table("arched", 11.0, 1.7))
    >>> motion.set_index("measure")["value"].round(2).to_dict()
    {'segmental_rotation': 9.0, 'segmental_translation': 1.7, 'segmental_translation_percent': 5.0}
    """
    bent, arched = _one_study("flexion", flexion), _one_study("extension", extension)
    studies = {name: _studies(rows) for name, rows in (("flexion", bent), ("extension", arched))}
    if any(studies["extension"].get(patient) == study for patient, study in studies["flexion"].items()):
        raise DataError(
            "`flexion` and `extension` contain the same study of a patient, so no motion can be measured. "
            "Pass the rows of each position in a table of their own."
        )
    places = [_by_place(rows) for rows in (bent, arched)]
    order = dict.fromkeys((row[0], row[1]) for found in places for row in found)
    rows = []
    for patient, level in order:
        place = {
            "patient_id": patient,
            "study_id": "+".join(str(studies[name].get(patient, "")) for name in ("flexion", "extension")),
            "structure": "disc",
            "level": level,
            "side": "",
        }
        for measure, unit, method, of, sign in _MOTIONS:
            pair = [found.get((patient, level, of)) for found in places]
            rows.append({**_difference(pair, sign), **place, "measure": measure, "unit": unit, "method_id": method})
    return biomarker_frame(rows)


def _one_study(name: str, table: pd.DataFrame) -> pd.DataFrame:
    """Return the rows that motion is computed from, with every column of the biomarker table."""
    needed = ["patient_id", "study_id", "measure", "level", "value"]
    if not isinstance(table, pd.DataFrame) or not set(needed) <= set(table.columns):
        raise argument_error(name, "a biomarker table with columns " + ", ".join(needed), type(table).__name__)
    rows = table[table["measure"].isin([motion[3] for motion in _MOTIONS])]
    if rows.empty:
        raise argument_error(
            name, "rows of disc_wedge, slip and slip_percent", "no such rows", "Measure the family 'disc'."
        )
    if (rows.groupby("patient_id")["study_id"].nunique() > 1).any():
        raise argument_error(name, "one study per patient", "several", "Keep the rows of this position's study.")
    if rows.duplicated(["patient_id", "measure", "level"]).any():
        raise argument_error(name, "one row per patient, measure and level", "several")
    full = rows.reindex(columns=list(BIOMARKER_COLUMNS))
    return full.assign(value=_numbers(name, full["value"]), sd_error=_numbers(name, full["sd_error"]))


def _numbers(name: str, cells: pd.Series) -> np.ndarray:
    """Return the cells as numbers, NaN where they are missing."""
    numbers = pd.to_numeric(cells, errors="coerce").to_numpy(dtype=float, na_value=np.nan)
    if (np.isnan(numbers) & cells.notna().to_numpy()).any():
        raise argument_error(name, f"a table with numbers in the column {cells.name!r}", "other values")
    return numbers


def _studies(rows: pd.DataFrame) -> dict[Any, Any]:
    return dict(zip(rows["patient_id"], rows["study_id"]))


def _by_place(rows: pd.DataFrame) -> dict[tuple[Any, Any, Any], dict[str, Any]]:
    records = rows.to_dict("records")
    return {(row["patient_id"], row["level"], row["measure"]): {str(k): v for k, v in row.items()} for row in records}


def _difference(pair: list[dict[str, Any] | None], sign: float) -> dict[str, Any]:
    """Return value, error, flags and reason of the difference of two rows: flexion minus extension, times ``sign``."""
    reasons = []
    for name, row in zip(("flexion", "extension"), pair):
        if row is None:
            reasons.append(f"not measured in {name}")
        elif not np.isfinite(row["value"]):
            reasons.append(f"{name}: {row['reason'] if _said(row['reason']) else 'no value'}")
    seen = [row for row in pair if row is not None]
    modalities = {row["modality"] for row in seen if _said(row["modality"])}
    if len(modalities) > 1:
        raise DataError(
            f"The two studies of a patient are of different modalities ({' and '.join(sorted(modalities))}), whose "
            "errors do not cancel. Compare studies of one modality."
        )
    values = np.array([row["value"] for row in seen], dtype=float)
    spread = np.array([row["sd_error"] for row in seen], dtype=float)
    flags = [flag for row in seen if _said(row["flags"]) for flag in str(row["flags"]).split("|")]
    dates = {row["acquired_on"] for row in seen if _said(row["acquired_on"])}
    days = {float(row["acquired_day"]) for row in seen if pd.notna(row["acquired_day"])}
    versions = {row["extractor_version"] for row in seen if _said(row["extractor_version"])}
    trust = [row["level_confidence"] for row in seen if pd.notna(row["level_confidence"])]
    borders = [bool(row["touched_border"]) for row in seen if pd.notna(row["touched_border"])]
    return {
        "value": np.nan if reasons else sign * (values[0] - values[1]),
        "sd_error": np.nan if reasons else float(np.hypot(*spread)),
        "reason": "; ".join(reasons),
        "flags": "|".join(dict.fromkeys(flags)),
        "modality": next(iter(modalities), ""),
        "acquired_on": dates.pop() if len(dates) == 1 else "",
        "acquired_day": days.pop() if len(days) == 1 else np.nan,
        "extractor_version": versions.pop() if len(versions) == 1 else "",
        "level_confidence": min(trust, default=np.nan),
        "touched_border": any(borders) if borders else pd.NA,
    }


def _said(text: Any) -> bool:
    return bool(pd.notna(text) and text != "")
