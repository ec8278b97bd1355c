"""Signal of the disc over that of the cerebrospinal fluid."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from lbp_prognosis.biomarkers.families._case import Case, intensities
from lbp_prognosis.biomarkers.families._fluid import bright_fluid, canal_beside
from lbp_prognosis.biomarkers.families._measurement import Measurement, quality
from lbp_prognosis.biomarkers.geometry._frame import Frame
from lbp_prognosis.biomarkers.geometry._region import Region

__all__ = ["disc_fluid_ratio"]


def disc_fluid_ratio(case: Case, level: str, disc: Region, frame: Frame) -> Measurement:
    """Return the median T2 signal of the inner disc over that of the fluid at its level.

    The inner disc is 1.75 mm from its surface, in the central half of the depth and the central 30 % of the width.
    """
    image = case.image_of("t2")
    fields = quality(disc)

    def row(value: float, reason: str = "", **more: object) -> Measurement:
        return Measurement(
            "disc",
            "disc_csf_ratio",
            "ratio",
            value,
            "nucleus_over_canal_fluid",
            level,
            reason=reason,
            **{**fields, **more},
        )

    if image is None:
        return row(np.nan, "no T2 image: state sequence='t2' or give image_t2")
    if disc.cut:
        return row(np.nan, "the field of view cuts the disc")
    local = frame.to_local(disc.points)
    depth, width = np.ptp(local[:, 0]), np.ptp(local[:, 1])
    centre = 0.5 * (local.max(axis=0) + local.min(axis=0))
    slab = max(0.15 * width, 1.5 * float(disc.volume.spacing.max()) if disc.volume.spacing.max() > 2 else 2.5)
    inner = (np.abs(local[:, 0] - centre[0]) <= 0.25 * depth) & (np.abs(local[:, 1] - centre[1]) <= slab)
    mask = np.zeros_like(disc.mask)
    mask[tuple(disc.indices[inner].T)] = True
    mask &= ndimage.distance_transform_edt(disc.mask, sampling=disc.volume.spacing) > 1.75
    values = intensities(image, disc, mask)
    if values.size < 10:
        return row(np.nan, "the inner disc contains fewer than 10 voxels", n_voxels=int(values.size))
    fluid, spread, count, reason = bright_fluid(case, image, frame)
    if not np.isfinite(fluid) or fluid <= 0:
        return row(np.nan, reason or "no signal of the fluid")
    case.kept[f"fluid {level}"] = [disc.points[mask[tuple(disc.indices.T)]], canal_beside(case, frame)]
    signal = float(np.median(values))
    error = 1.2533 * np.sqrt(values.var() / values.size / max(signal, 1e-9) ** 2 + spread**2 / count / fluid**2)
    return row(
        signal / fluid,
        sd_error=abs(signal / fluid) * float(error),
        n_voxels=int(values.size),
        flags=(*fields["flags"], "no_bias_correction"),
    )
