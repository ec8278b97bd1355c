"""One measured value with its error, method and flags."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from lbp_prognosis.biomarkers.geometry._region import Region

__all__ = ["BIOMARKER_COLUMNS", "SOURCE_MARK", "Measurement", "quality"]

SOURCE_MARK = "__"
"""Separator in a ``method_id`` between the formula and the label to which it was applied."""

BIOMARKER_COLUMNS: tuple[str, ...] = (
    "patient_id",
    "study_id",
    "structure",
    "measure",
    "level",
    "side",
    "value",
    "unit",
    "method_id",
    "modality",
    "acquired_on",
    "acquired_day",
    "extractor_version",
    "sd_error",
    "flags",
    "reason",
    "level_from_bottom",
    "level_confidence",
    "n_voxels",
    "n_slices",
    "spacing",
    "fit_residual",
    "touched_border",
)
"""Columns of the long table, those of the data schema ``biomarker`` in the same order."""


@dataclass(frozen=True)
class Measurement:
    """A value, or the reason for its absence.

    Attributes
    ----------
    structure, measure, level, side, unit, method_id : str
        Names of the data schema ``biomarker``.
    value : float
        NaN if it could not be measured; ``reason`` then says why.
    sd_error : float
        Predicted SD of the error from the lattice and the fit alone, in the unit of the value.
    flags : tuple of str
        Reasons to check the value before it is used.
    n_voxels, n_slices, spacing, fit_residual, touched_border
        Number of voxels and of slices, sides of a voxel (mm), residual of the fit, and whether the border was touched.
    """

    structure: str
    measure: str
    unit: str
    value: float
    method_id: str
    level: str = ""
    side: str = ""
    sd_error: float = float("nan")
    flags: tuple[str, ...] = ()
    reason: str = ""
    n_voxels: int | None = None
    n_slices: int | None = None
    spacing: str = ""
    fit_residual: float = float("nan")
    touched_border: bool | None = None
    level_from_bottom: int | None = None

    def __post_init__(self) -> None:
        value = float(self.value)
        if not np.isfinite(value):
            object.__setattr__(self, "sd_error", float("nan"))
            if not self.reason:
                object.__setattr__(self, "reason", "the geometry gives no number")
            value = float("nan")
        object.__setattr__(self, "value", value)


def quality(region: Region | None, **more: Any) -> dict[str, Any]:
    """Return the quality fields of a measurement on a region."""
    if region is None:
        return more
    flags = (*region.flags, *more.pop("flags", ()))
    if region.cut:
        flags = (*flags, "touched_border")
    return {
        "n_voxels": region.n_voxels,
        "n_slices": region.n_slices,
        "spacing": "x".join(f"{side:.3g}" for side in region.volume.spacing),
        "touched_border": region.cut,
        "level_from_bottom": region.from_bottom or None,
        "flags": tuple(dict.fromkeys(flags)),
        **more,
    }
