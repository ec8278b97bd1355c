"""Marrow signals of a vertebral body: in its centre, and in the strip next to an endplate."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from lbp_prognosis.biomarkers.anatomy._body_geometry import BodyGeometry
from lbp_prognosis.biomarkers.families._case import Case, intensities
from lbp_prognosis.biomarkers.readers._image import Image

__all__ = ["central_marrow", "strip"]


def central_marrow(case: Case, image: Image, body: BodyGeometry) -> float:
    """Return the median signal of the body beyond the recipe's distance from its surface."""
    region = body.region
    mask = ndimage.distance_transform_edt(region.mask, sampling=region.volume.spacing) > case.recipe.marrow_erosion_mm
    case.kept[f"sampled {body.level}"] = region.points[mask[tuple(region.indices.T)]]
    values = intensities(image, region, mask)
    return float(np.median(values)) if values.size >= 30 else np.nan


def strip(case: Case, image: Image, level: str, which: str) -> list[float]:
    """Return the intensities within the subchondral strip of an endplate."""
    body = case.spine.bodies[level]
    plane = getattr(body, which)
    if plane is None or body.region.cut:
        return []
    inwards = -1.0 if which == "superior" else 1.0
    depth = inwards * ((body.region.points - plane.point) @ plane.normal)
    local = body.frame.to_local(body.region.points)
    central = (np.abs(local[:, 0]) <= 0.4 * body.depth) & (np.abs(local[:, 1]) <= 0.4 * body.width)
    voxel = 0.5 * float(body.region.volume.spacing.min())
    mask = np.zeros_like(body.region.mask)
    mask[tuple(body.region.indices[(depth > voxel) & (depth <= case.recipe.strip_mm + voxel) & central].T)] = True
    return intensities(image, body.region, mask).tolist()
