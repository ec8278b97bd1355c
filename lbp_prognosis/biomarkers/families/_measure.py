"""Measure one case: every family of the recipe, in order."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from lbp_prognosis.biomarkers._own_family import OwnFamily, checked_rows, family_name
from lbp_prognosis.biomarkers._recipe import Recipe
from lbp_prognosis.biomarkers.anatomy._levels import split_disc
from lbp_prognosis.biomarkers.anatomy._sanity import check_anatomy
from lbp_prognosis.biomarkers.families._alignment import measure_alignment
from lbp_prognosis.biomarkers.families._bone import measure_bone
from lbp_prognosis.biomarkers.families._canal import measure_canal
from lbp_prognosis.biomarkers.families._case import Case
from lbp_prognosis.biomarkers.families._disc import measure_disc
from lbp_prognosis.biomarkers.families._endplate import measure_endplate
from lbp_prognosis.biomarkers.families._measurement import SOURCE_MARK, Measurement
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
    """Check the anatomy, judge the labels of each level and measure every family of the recipe.

    Values of levels whose labels are not those of one whole vertebra are withheld: NaN with the reason.

    Raises
    ------
    DataError
        If structures are in anatomically impossible positions.
    """
    check_anatomy(case.anatomy, case.spine)
    rows = [row for family in case.recipe.families for row in _rows_of(family, case)]
    return [_with_source(_judged(_with_repeatability(_with_correction(row, case), case), case), case) for row in rows]


def _rows_of(family: str | OwnFamily, case: Case) -> list[Measurement]:
    """Return the rows of a family; a user-defined family that fails loses its own rows only, and is reported."""
    if isinstance(family, str) and family in _FAMILIES:
        return _FAMILIES[family](case)
    name = family_name(family)
    try:
        own = Recipe.family(family)
        return checked_rows(own, own(case))
    except (Exception, SystemExit) as error:  # an error in the user's code must not end the other families
        case.troubles.append((name, error.with_traceback(None)))  # a traceback would keep the images in memory
        return []


_OF_BODIES = {"vertebral_body", "vertebra", "endplate", "endplate_superior", "endplate_inferior"}
_CUT_OUT = {"body_cut_at_canal", "body_by_opening"}


def _with_source(row: Measurement, case: Case) -> Measurement:
    """Add to the method of a vertebra's value which tool drew the label, and whether it was that of the body.

    Three masks of one CT give volumes of l5 of 34 to 44 ml, so that these are three variables.
    """
    if row.structure not in _OF_BODIES or not case.conventions or SOURCE_MARK in row.method_id:
        return row
    source = "+".join(case.conventions)
    if row.structure != "vertebra" and row.level:
        names = [level for level in (row.level, *_vertebrae(row.level)) if level in case.spine.bodies]
        cut_out = any(_CUT_OUT & set(case.spine.bodies[level].region.flags) for level in names)
        source += "_from_vertebra" if cut_out else "_own_label"
    return replace(row, method_id=f"{row.method_id}{SOURCE_MARK}{source}")


def _vertebrae(level: str) -> tuple[str, ...]:
    try:
        return split_disc(level)
    except ValueError:
        return ()


_USES = {
    "l1_superior_to_s1_superior": ("l1",),
    "l1_superior_to_l5_inferior": ("l1", "l5"),
    "l4s1_over_l1s1": ("l1", "l4"),
    "marrow_over_canal_l3": ("l1", "l2", "l3", "l4"),
    "volume_l1_l5": ("l1", "l5"),
    "t1_heads_s1": ("t1",),
    "c7_centre_to_s1_back_corner": ("c7",),
    "c7_s1_heads": ("c7",),
    "pi_minus_ll": ("l1",),
    "gap_2017": ("c7", "l1", "l4"),
}
"""Vertebrae on which a value without a level depends, by method or measure; others of the spine depend on all."""


def _judged(row: Measurement, case: Case) -> Measurement:
    """Flag a value whose labels are doubted, and withhold it if they are wrong."""
    gate = case.gate
    flags, reason = gate.flags(row.level), gate.withheld(row.level)
    if not row.level and gate.lost:
        spinal = row.structure.endswith("spine")
        method = row.method_id.removesuffix("_n4")
        used = _USES.get(row.measure) or _USES.get(method, tuple(case.spine.bodies) if spinal else ())
        wrong = [level for level in used if level in gate.lost]
        flags = ("levels_withheld",)
        reason = gate.withheld(wrong[0]) if wrong else ""
    row = replace(row, flags=tuple(dict.fromkeys((*row.flags, *flags)))) if flags else row
    return replace(row, value=np.nan, reason=reason) if reason and np.isfinite(row.value) else row


_SIGNALS = {
    "disc_csf_ratio": "t2",
    "disc_nucleus_annulus_ratio": "t2",
    "vbq": "t1",
    "ebq": "t1",
    "marrow_signal_t1": "t1",
    "marrow_signal_t2": "t2",
}


def _with_correction(row: Measurement, case: Case) -> Measurement:
    """Add the bias-field correction to the method of every value that was read from a corrected image."""
    contrasts = [_SIGNALS[row.measure]] if row.measure in _SIGNALS else []
    if row.measure.startswith("modic"):
        contrasts = ["t1", "stir" if "stir" in row.method_id else "t2"]
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
