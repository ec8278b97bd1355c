"""Family 3: shape of the endplates and signal of the adjacent marrow."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from lbp_prognosis.biomarkers.anatomy._body_geometry import BodyGeometry
from lbp_prognosis.biomarkers.families._case import Case
from lbp_prognosis.biomarkers.families._marrow import central_marrow, strip
from lbp_prognosis.biomarkers.families._measurement import Measurement, quality
from lbp_prognosis.biomarkers.families._modic import measure_modic
from lbp_prognosis.biomarkers.geometry._caps import pedicle_columns
from lbp_prognosis.biomarkers.geometry._heights import height_sd

__all__ = ["measure_endplate"]

METHOD = "depth_below_plane_body"

FOOT_AP = 0.45
FOOT_LEFT = 0.42
"""Half axes of the ellipse of the endplate, as shares of the depth and width of the body."""

PEDICLE_AP = 0.15
PEDICLE_LEFT = 0.20
"""Distances from the centre, as shares of depth and width, behind and beyond which a column may be of a pedicle."""


def measure_endplate(case: Case) -> list[Measurement]:
    """Measure both endplates of each body.

    ``endplate_concavity``: largest distance of the surface from the fitted plane into the body, after a 3 × 3 mm
    median; ``endplate_defect_depth`` and ``_area``: the same where it exceeds the recipe's depth, else 0.
    ``marrow_signal_t1`` and ``_t2``: subchondral strip over central marrow; Modic changes by `measure_modic`.
    """
    rows: list[Measurement] = []
    for level, body in case.spine.bodies.items():
        for which in ("superior", "inferior"):
            rows += _shape(case, level, body, which)
            rows += _signal(case, level, body, which)
            rows += measure_modic(case, level, body, which)
    return rows


def _shape(case: Case, level: str, body: BodyGeometry, which: str) -> list[Measurement]:
    plane = getattr(body, which)
    structure = f"endplate_{which}"
    names = (("endplate_concavity", "mm"), ("endplate_defect_depth", "mm"), ("endplate_defect_area", "mm2"))
    info = quality(body.region)
    if plane is None or body.region.cut:
        reason = "the field of view cuts the body" if body.region.cut else "too few columns for a plane"
        return [
            Measurement(structure, name, unit, np.nan, METHOD, level, reason=reason, **info) for name, unit in names
        ]
    depth = _median3(np.where(_endplate_zone(body), plane.depth, np.nan))
    if np.isfinite(depth).sum() < 25:
        return [
            Measurement(structure, name, unit, np.nan, METHOD, level, reason="too few columns of the body", **info)
            for name, unit in names
        ]
    deepest = float(np.nanmax(depth))
    pit = depth > case.recipe.defect_depth_mm
    if pit.any():
        case.kept[f"pit {level} {which}"] = np.where(pit, depth, np.nan)
    cell = (body.caps.ap[1] - body.caps.ap[0]) ** 2
    if plane.rms > case.recipe.residual_mm:
        info["flags"] = (*info["flags"], "uneven_endplate")
    sd = height_sd(body.region.volume, plane.normal)
    values = (deepest, deepest if pit.any() else 0.0, float(pit.sum()) * cell)
    return [
        Measurement(
            structure,
            name,
            unit,
            value,
            METHOD,
            level,
            fit_residual=plane.rms,
            sd_error=sd if unit == "mm" else np.nan,
            **{**info, "n_voxels": plane.n_points},
        )
        for (name, unit), value in zip(names, values)
    ]


def _endplate_zone(body: BodyGeometry) -> np.ndarray:
    """Return the columns of the endplate: an ellipse in the body without columns that may belong to the pedicles.

    Where the pedicles leave the body, its surface is theirs: at the two corners at the back, and in short columns next
    to them with a rim of 2 mm.
    """
    caps = body.caps
    ap, left = np.meshgrid(caps.ap, caps.left, indexing="ij")
    inner = (ap / (FOOT_AP * body.depth)) ** 2 + (left / (FOOT_LEFT * body.width)) ** 2 <= 1
    corners = (ap < -PEDICLE_AP * body.depth) & (np.abs(left) > PEDICLE_LEFT * body.width)
    short = ndimage.binary_dilation(pedicle_columns(caps), iterations=2)
    return inner & ~corners & ~(short & (ap < 0))


def _median3(depth: np.ndarray) -> np.ndarray:
    """Return the median over 3 × 3 columns, NaN where the plane was not fitted."""
    filled = np.where(np.isfinite(depth), depth, 0.0)
    return np.where(np.isfinite(depth), ndimage.median_filter(filled, size=3), np.nan)


def _signal(case: Case, level: str, body: BodyGeometry, which: str) -> list[Measurement]:
    structure = f"endplate_{which}"
    rows = []
    for contrast in ("t1", "t2"):
        image = case.image_of(contrast)
        if image is None:
            continue
        near = strip(case, image, level, which)
        centre = central_marrow(case, image, body) if not body.region.cut else np.nan
        value, reason = np.nan, "the field of view cuts the body" if body.region.cut else "too few voxels of marrow"
        if len(near) >= 30 and np.isfinite(centre) and centre > 0:
            value, reason = float(np.median(near)) / centre, ""
        sd = 1.2533 * float(np.std(near)) / np.sqrt(len(near)) / centre if not reason else np.nan
        rows.append(
            Measurement(
                structure,
                f"marrow_signal_{contrast}",
                "ratio",
                value,
                "strip_over_centre",
                level,
                sd_error=sd,
                reason=reason,
                **quality(body.region, n_voxels=len(near)),
            )
        )
    return rows
