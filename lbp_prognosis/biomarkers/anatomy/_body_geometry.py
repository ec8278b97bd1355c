"""A vertebral body: its frame, surfaces, endplates and size."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lbp_prognosis.biomarkers.geometry._caps import Caps, EndplatePlane, at_voxels, fit_endplate, measure_caps
from lbp_prognosis.biomarkers.geometry._frame import Frame, make_frame, unit
from lbp_prognosis.biomarkers.geometry._region import Region

__all__ = ["BodyGeometry", "measure_body"]

ROUGH_MM = 4.0
"""RMS distance of a surface from its plane above which a rotation of the frame is kept only if it reduces the distance:
the surface of a wedge that is seen obliquely contains part of its wall, that of a damaged mask stays rough."""


@dataclass(frozen=True, eq=False)
class BodyGeometry:
    """A vertebral body with its frame, surfaces and endplates.

    Attributes
    ----------
    level : str
    region : Region
    frame : Frame
        At the centroid; ``cc`` bisects the normals of the two endplates.
    caps : Caps
    superior, inferior : EndplatePlane or None
    depth, width : float
        Front-to-back length in the middle and side-to-side length, at mid-height, mm.
    """

    level: str
    region: Region
    frame: Frame
    caps: Caps
    superior: EndplatePlane | None
    inferior: EndplatePlane | None
    depth: float
    width: float


def measure_body(level: str, region: Region, frame: Frame, central: float) -> BodyGeometry:
    """Measure the surfaces, align the frame with the bisector of the endplates, and measure again.

    In a body wedged by 30° or more, the bisector deviates by 11° or more from the line through the centres, so that one
    of its planes is rough at first.
    """

    def planes(caps: Caps) -> tuple[EndplatePlane | None, EndplatePlane | None]:
        return (
            fit_endplate(caps, "superior", region, central=central, drop_pedicles=True),
            fit_endplate(caps, "inferior", region, central=central, drop_pedicles=True),
        )

    caps = measure_caps(region, frame)
    superior, inferior = planes(caps)
    for _ in range(3 if _roughness(superior, inferior) > ROUGH_MM else 2):
        if superior is None or inferior is None:
            break
        bisector = unit(superior.normal + inferior.normal)
        moved = np.degrees(np.arccos(np.clip(bisector @ frame.cc, -1, 1)))
        if moved > 35:
            break
        turned = make_frame(region.centroid, bisector, frame.ap)
        found = measure_caps(region, turned)
        above, below = planes(found)
        before = _roughness(superior, inferior)
        if before > ROUGH_MM and not _roughness(above, below) < before:
            break
        frame, caps, superior, inferior = turned, found, above, below
        if moved < 0.2:
            break
    depth, width = _mid_extents(caps)
    caps = at_voxels(caps, superior, inferior)
    return BodyGeometry(level, region, frame, caps, superior, inferior, depth, width)


def _roughness(superior: EndplatePlane | None, inferior: EndplatePlane | None) -> float:
    """Return the larger RMS distance (mm) of two surfaces from their planes; infinite if either is missing."""
    return max(float("inf") if plane is None else plane.rms for plane in (superior, inferior))


def _mid_extents(caps: Caps) -> tuple[float, float]:
    """Return the front-to-back and side-to-side lengths at mid-height (partial voxels count in part)."""
    step = caps.ap[1] - caps.ap[0]
    middle = np.clip(caps.middle, 0, 1)
    columns = middle.sum(axis=1) * step  # width at each ap
    rows = middle.sum(axis=0) * step  # depth at each left
    if not rows.any():
        return float("nan"), float("nan")
    width = float(rows.max() and (np.clip(rows / rows.max() * 2, 0, 1)).sum() * step)
    half = 0.06 * width
    total = rows.sum()
    centre = float((rows * caps.left).sum() / total)
    central = np.abs(caps.left - centre) <= max(half, step)
    centre_ap = float((columns * caps.ap).sum() / columns.sum())
    middle_rows = np.abs(caps.ap - centre_ap) <= max(0.06 * float(rows.max()), step)
    return float(rows[central].mean()), float(columns[middle_rows].mean())
