"""The area of a long structure on planes across it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lbp_prognosis.biomarkers.geometry._frame import Frame, make_frame, unit
from lbp_prognosis.biomarkers.geometry._region import Region

__all__ = ["CrossSection", "cross_section", "plane_across"]

STEP_MM = 0.5


@dataclass(frozen=True, eq=False)
class CrossSection:
    """A structure on one plane.

    Attributes
    ----------
    frame : Frame
        Origin at the centroid on the plane; ``cc`` is its normal.
    area : float
        mm².
    ap, lr : float
        Chords through the centroid, mm.
    at_border : bool
        The structure reaches the edge of the volume on this plane.
    """

    frame: Frame
    area: float
    ap: float
    lr: float
    at_border: bool


def plane_across(region: Region, frame: Frame, *, reach: float = 10.0) -> Frame | None:
    """Return the frame whose normal follows the structure where it passes the plane of ``frame``.

    The direction is that from the centre of a slab below to one above; None if the structure is absent.
    """
    slab = max(2.0, 0.75 * float(region.volume.spacing.max()))
    for _ in range(3):
        along = (region.points - frame.origin) @ frame.cc
        here = np.abs(along) <= slab
        if here.sum() < 5:
            return None
        centre = region.points[here].mean(axis=0)
        centre = centre - ((centre - frame.origin) @ frame.cc) * frame.cc
        upper = region.points[(along > reach - slab) & (along <= reach + slab)]
        lower = region.points[(along < slab - reach) & (along >= -reach - slab)]
        if min(upper.shape[0], lower.shape[0]) < 5:
            return frame.at(centre)
        direction = unit(upper.mean(axis=0) - lower.mean(axis=0))
        if direction @ frame.cc < 0.5:
            return frame.at(centre)
        frame = make_frame(centre, direction, frame.ap)
    return frame


def cross_section(region: Region, frame: Frame, half: float) -> CrossSection | None:
    """Return area and chords on the plane through the frame's origin, within ``half`` mm of it."""
    axis = np.arange(-half, half + STEP_MM, STEP_MM)
    a, left = np.meshgrid(axis, axis, indexing="ij")
    part = region.window(frame, (0, axis), (1, axis))
    points = frame.to_world(np.stack([a[part], left[part], np.zeros_like(a[part])], axis=-1))
    soft = np.zeros(a.shape, dtype=np.float32)
    soft[part] = region.sample(points)
    total = float(soft.sum())
    if total <= 0:
        return None
    centre = np.array([(soft * a).sum(), (soft * left).sum()]) / total
    middle = frame.to_world(np.array([centre[0], centre[1], 0.0]))
    line = np.stack([axis, np.zeros_like(axis), np.zeros_like(axis)], axis=-1)
    ap = float(region.sample(frame.at(middle).to_world(line)).sum() * STEP_MM)
    lr = float(region.sample(frame.at(middle).to_world(line[:, [1, 0, 2]])).sum() * STEP_MM)
    border = region.reaches_border(points[soft[part] >= 0.5]) if (soft >= 0.5).any() else True
    return CrossSection(frame.at(middle), total * STEP_MM**2, ap, lr, border)
