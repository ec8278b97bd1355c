"""Measure one case: every family of the recipe, in order."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from lbp_prognosis.biomarkers._alignment import measure_alignment
from lbp_prognosis.biomarkers._bone import measure_bone
from lbp_prognosis.biomarkers._canal import measure_canal
from lbp_prognosis.biomarkers._case import Case
from lbp_prognosis.biomarkers._disc import measure_disc
from lbp_prognosis.biomarkers._endplate import measure_endplate
from lbp_prognosis.biomarkers._measurement import Measurement
from lbp_prognosis.biomarkers._muscle import measure_muscle
from lbp_prognosis.biomarkers._sanity import check_anatomy

__all__ = ["measure_case"]

_FAMILIES: dict[str, Callable[[Case], list[Measurement]]] = {
    "disc": measure_disc, "canal": measure_canal, "endplate": measure_endplate, "muscle": measure_muscle,
    "bone": measure_bone, "alignment": measure_alignment,
}  # fmt: skip


def measure_case(case: Case) -> list[Measurement]:
    """Check the anatomy and measure every family of the recipe.

    Raises
    ------
    DataError
        If the structures lie where they cannot.
    """
    check_anatomy(case.anatomy, case.spine)
    rows = [row for family in case.recipe.families for row in _FAMILIES[family](case)]
    return [_with_repeatability(row, case) for row in rows]


def _with_repeatability(row: Measurement, case: Case) -> Measurement:
    """Add the user's own repeatability to the geometric error."""
    extra = case.recipe.repeatability_sd.get(row.measure)
    if extra is None or not np.isfinite(row.value):
        return row
    own = row.sd_error if np.isfinite(row.sd_error) else 0.0
    return replace(row, sd_error=float(np.hypot(own, extra)))
