"""Vertebral and endplate bone quality on T1."""

from __future__ import annotations

import numpy as np

from lbp_prognosis.biomarkers.anatomy._levels import neighbours
from lbp_prognosis.biomarkers.families._case import Case
from lbp_prognosis.biomarkers.families._fluid import canal_signal
from lbp_prognosis.biomarkers.families._marrow import central_marrow, strip
from lbp_prognosis.biomarkers.families._measurement import Measurement, quality

__all__ = ["measure_bone_quality"]


def measure_bone_quality(case: Case) -> list[Measurement]:
    """Return vertebral and endplate bone quality: marrow over fluid at l3, on T1 without a contrast agent."""
    if case.modality == "ct" or not any(level.startswith("l") for level in case.spine.bodies):
        return []
    image = case.image_of("t1")
    method = "marrow_over_canal_l3"

    def none(reason: str) -> list[Measurement]:
        return [Measurement("lumbar_spine", "vbq", "ratio", np.nan, method, reason=reason)]

    if image is None:
        return none("no T1 image: state sequence='t1' or give image_t1")
    if case.contrast:
        return none("a contrast agent was given")
    fluid, _, reason = canal_signal(case, image, "l3")
    if not np.isfinite(fluid) or fluid <= 0:
        return none(reason or "no signal of the reference fluid")
    marrow = {
        level: central_marrow(case, image, case.spine.bodies[level])
        for level in ("l1", "l2", "l3", "l4")
        if level in case.spine.bodies and not case.spine.bodies[level].region.cut
    }
    used = [value for value in marrow.values() if np.isfinite(value)]
    flags = ("contrast_not_stated",) if case.contrast is None else ()
    if not used:
        return none("no whole body from l1 to l4")
    first = quality(case.spine.bodies["l3"].region, flags=(*flags, f"n_levels_read={len(used)}"))
    rows = [
        Measurement(
            "lumbar_spine",
            "vbq",
            "ratio",
            float(np.median(used)) / fluid,
            method,
            sd_error=float(np.std(used) / np.sqrt(len(used)) / fluid),
            **first,
        )
    ]
    for upper, lower in neighbours(case.spine.bodies):
        strips = [*strip(case, image, upper, "inferior"), *strip(case, image, lower, "superior")]
        if len(strips) >= 30:
            rows.append(
                Measurement(
                    "endplate",
                    "ebq",
                    "ratio",
                    float(np.median(strips)) / fluid,
                    "strips_over_canal_l3",
                    upper + lower,
                    sd_error=float(1.2533 * np.std(strips) / np.sqrt(len(strips)) / fluid),
                    **quality(None, flags=flags, n_voxels=len(strips)),
                )
            )
    return rows
