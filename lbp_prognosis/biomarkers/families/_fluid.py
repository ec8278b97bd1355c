"""The signal of cerebrospinal fluid at a level."""

from __future__ import annotations

import numpy as np

from lbp_prognosis.biomarkers.families._case import Case, intensities
from lbp_prognosis.biomarkers.geometry._frame import Frame
from lbp_prognosis.biomarkers.geometry._region import Region
from lbp_prognosis.biomarkers.geometry._two_modes import otsu_threshold
from lbp_prognosis.biomarkers.readers._image import Image

__all__ = ["bright_fluid", "canal_beside", "canal_signal"]

REACH_MM = 10.0
"""Distance from the middle of a disc, along the spine, up to which its fluid is read."""


def _canal_slab(case: Case, frame: Frame, reach: float) -> tuple[Region, np.ndarray] | None:
    canal = case.anatomy.canal
    if canal is None:
        return None
    local = frame.to_local(canal.points)
    near = np.abs(local[:, 2]) <= reach
    mask = np.zeros_like(canal.mask)
    mask[tuple(canal.indices[near].T)] = True
    for cord in case.anatomy.of("spinal_cord"):
        low = cord.indices + cord.start - canal.start
        mask[tuple(low.T)] = False
    return canal, mask


def bright_fluid(case: Case, image: Image, frame: Frame) -> tuple[float, float, int, str]:
    """Return signal, its SD and the number of voxels of the bright part of the canal within 10 mm; else the reason."""
    slab = _canal_slab(case, frame, REACH_MM)
    if slab is None:
        return np.nan, np.nan, 0, "no label of the canal"
    values = intensities(image, slab[0], slab[1])
    recipe = case.recipe
    if values.size < recipe.csf_min_voxels:
        return np.nan, np.nan, values.size, "too little canal next to the disc"
    cut = otsu_threshold(values)
    bright, rest = values[values > cut], values[values <= cut]
    if bright.size < recipe.csf_min_voxels:
        return np.nan, np.nan, bright.size, f"fewer than {recipe.csf_min_voxels} voxels of fluid"
    if rest.size and rest.mean() > 0 and bright.mean() / rest.mean() < recipe.csf_min_contrast:
        return np.nan, np.nan, bright.size, "no fluid is visible in the canal at this level"
    return float(np.median(bright)), float(bright.std()), int(bright.size), ""


def canal_beside(case: Case, frame: Frame) -> np.ndarray:
    """Return the RAS positions of the part of the canal in which the fluid at a disc is sought."""
    slab = _canal_slab(case, frame, REACH_MM)
    return np.empty((0, 3)) if slab is None else slab[0].points[slab[1][tuple(slab[0].indices.T)]]


def canal_signal(case: Case, image: Image, level: str) -> tuple[float, int, str]:
    """Return the median signal of the inner canal without the cord at a body: the fluid reference on T1."""
    from scipy import ndimage

    body = case.spine.bodies.get(level)
    if body is None:
        return np.nan, 0, f"no body of {level} for the reference fluid"
    slab = _canal_slab(case, body.frame, 0.4 * 25.0)
    if slab is None:
        return np.nan, 0, "no label of the canal"
    canal, mask = slab
    inner = mask & (ndimage.distance_transform_edt(canal.mask, sampling=canal.volume.spacing) > 2.0)
    chosen = inner if inner.sum() >= case.recipe.csf_min_voxels else mask
    values = intensities(image, canal, chosen)
    if values.size < case.recipe.csf_min_voxels:
        return np.nan, values.size, "too little canal next to the body"
    return float(np.median(values)), int(values.size), ""
