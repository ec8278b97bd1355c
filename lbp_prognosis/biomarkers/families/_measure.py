"""Measure one case: every family of the recipe, in order."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from lbp_prognosis.biomarkers.anatomy._sanity import check_anatomy
from lbp_prognosis.biomarkers.families._alignment import measure_alignment
from lbp_prognosis.biomarkers.families._bone import measure_bone
from lbp_prognosis.biomarkers.families._canal import measure_canal
from lbp_prognosis.biomarkers.families._case import Case
from lbp_prognosis.biomarkers.families._disc import measure_disc
from lbp_prognosis.biomarkers.families._endplate import measure_endplate
from lbp_prognosis.biomarkers.families._measurement import Measurement
from lbp_prognosis.biomarkers.families._muscle import measure_muscle

__all__ = ["measure_case"]

_FAMILIES: dict[str, Callable[[Case], list[Measurement]]] = {
    "disc": measure_disc,
    "canal": measure_canal,
    "endplate": measure_endplate,
    "muscle": measure_muscle,
    "bone": measure_bone,
    "alignment": measure_alignment,
}


def measure_case(case: Case) -> list[Measurement]:
    """Check the anatomy and measure every family of the recipe.

    Raises
    ------
    DataError
        If the structures lie where they cannot.
    """
    check_anatomy(case.anatomy, case.spine)
    rows = [row for family in case.recipe.families for row in _FAMILIES[family](case)]
    return [_with_repeatability(_with_correction(row, case), case) for row in rows]


_SIGNALS = {"disc_csf_ratio": "t2", "vbq": "t1", "ebq": "t1", "marrow_signal_t1": "t1", "marrow_signal_t2": "t2"}


def _with_correction(row: Measurement, case: Case) -> Measurement:
    """Name the correction of the bias field in the method of every value that was read from a corrected image."""
    contrasts = [_SIGNALS[row.measure]] if row.measure in _SIGNALS else []
    if row.measure == "modic":
        contrasts = ["t1", "t2"]
    elif row.measure in {"fat_fraction", "fcsa"} and row.method_id.endswith(("mixture", "otsu")):
        contrasts = [next((c for c in ("t1", "t2") if case.image_of(c) is not None), "main")]
    elif row.measure.startswith("intensity_"):
        contrasts = ["main"]
    if not any(case.was_corrected(contrast) for contrast in contrasts):
        return row
    flags = tuple(flag for flag in row.flags if flag != "no_bias_correction")
    return replace(row, method_id=row.method_id + "_n4", flags=flags)


def _with_repeatability(row: Measurement, case: Case) -> Measurement:
    """Add the user's own repeatability to the geometric error."""
    extra = case.recipe.repeatability_sd.get(row.measure)
    if extra is None or not np.isfinite(row.value):
        return row
    own = row.sd_error if np.isfinite(row.sd_error) else 0.0
    return replace(row, sd_error=float(np.hypot(own, extra)))
