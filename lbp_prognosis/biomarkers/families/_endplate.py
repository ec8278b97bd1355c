"""Family 3: shape of the endplates and the marrow beside them."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from lbp_prognosis.biomarkers.anatomy._body_geometry import BodyGeometry
from lbp_prognosis.biomarkers.families._case import Case
from lbp_prognosis.biomarkers.families._marrow import central_marrow, strip
from lbp_prognosis.biomarkers.families._measurement import Measurement, quality
from lbp_prognosis.biomarkers.geometry._heights import height_sd

__all__ = ["measure_endplate", "modic_type"]


def modic_type(t1: float, t2: float, low: float, high: float) -> int:
    """Return the type by signal relative to central marrow: 1 dark/bright, 2 bright/not dark, 3 dark/dark, else 0.

    The types are names, not a scale.
    """
    if t1 < low and t2 > high:
        return 1
    if t1 > high and t2 >= low:
        return 2
    if t1 < low and t2 < low:
        return 3
    return 0


def measure_endplate(case: Case) -> list[Measurement]:
    """Measure both endplates of each body.

    ``endplate_concavity``: largest distance of the surface from the fitted plane into the body, after a 3 × 3 mm
    median; ``endplate_defect_depth`` and ``_area``: the same where it exceeds the recipe's depth, else 0.
    ``marrow_signal_t1`` and ``_t2``: subchondral strip over central marrow; ``modic`` where both images exist.
    """
    rows: list[Measurement] = []
    for level, body in case.spine.bodies.items():
        for which in ("superior", "inferior"):
            rows += _shape(case, level, body, which)
            rows += _signal(case, level, body, which)
    return rows


def _shape(case: Case, level: str, body: BodyGeometry, which: str) -> list[Measurement]:
    plane = getattr(body, which)
    structure = f"endplate_{which}"
    names = (("endplate_concavity", "mm"), ("endplate_defect_depth", "mm"), ("endplate_defect_area", "mm2"))
    info = quality(body.region)
    if plane is None or body.region.cut:
        reason = "the field of view cuts the body" if body.region.cut else "too few columns for a plane"
        return [
            Measurement(structure, name, unit, np.nan, "depth_below_plane", level, reason=reason, **info)
            for name, unit in names
        ]
    depth = _median3(plane.depth)
    deepest = float(np.nanmax(depth))
    pit = depth > case.recipe.defect_depth_mm
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
            "depth_below_plane",
            level,
            fit_residual=plane.rms,
            sd_error=sd if unit == "mm" else np.nan,
            **{**info, "n_voxels": plane.n_points},
        )
        for (name, unit), value in zip(names, values)
    ]


def _median3(depth: np.ndarray) -> np.ndarray:
    """Return the median over 3 × 3 columns, NaN where the plane was not fitted."""
    filled = np.where(np.isfinite(depth), depth, 0.0)
    return np.where(np.isfinite(depth), ndimage.median_filter(filled, size=3), np.nan)


def _signal(case: Case, level: str, body: BodyGeometry, which: str) -> list[Measurement]:
    structure = f"endplate_{which}"
    ratios: dict[str, float] = {}
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
            ratios[contrast] = value
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
    if len(ratios) == 2:
        kind = modic_type(ratios["t1"], ratios["t2"], case.recipe.modic_low, case.recipe.modic_high)
        rows.append(
            Measurement(
                structure,
                "modic",
                "category",
                kind,
                "two_signal_rule",
                level,
                **quality(body.region, flags=("nominal",)),
            )
        )
    return rows
