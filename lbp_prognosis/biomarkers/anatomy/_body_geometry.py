"""A vertebral body: its frame, surfaces, endplates and size."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lbp_prognosis.biomarkers.geometry._caps import Caps, EndplatePlane, at_voxels, fit_endplate, measure_caps
from lbp_prognosis.biomarkers.geometry._frame import Frame, make_frame, unit
from lbp_prognosis.biomarkers.geometry._region import Region

__all__ = ["BodyGeometry", "measure_body"]


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
        Front-to-back chord in the middle, and side-to-side, at mid-height, mm.
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
    """Measure the surfaces; turn the frame to the bisector of the endplates and measure again."""

    def planes(caps: Caps) -> tuple[EndplatePlane | None, EndplatePlane | None]:
        return (
            fit_endplate(caps, "superior", region, central=central, drop_pedicles=True),
            fit_endplate(caps, "inferior", region, central=central, drop_pedicles=True),
        )

    caps = measure_caps(region, frame)
    superior, inferior = planes(caps)
    for _ in range(2):
        if superior is None or inferior is None or max(superior.rms, inferior.rms) > 4.0:
            break
        bisector = unit(superior.normal + inferior.normal)
        moved = np.degrees(np.arccos(np.clip(bisector @ frame.cc, -1, 1)))
        if moved > 35:
            break
        frame = make_frame(region.centroid, bisector, frame.ap)
        caps = measure_caps(region, frame)
        superior, inferior = planes(caps)
        if moved < 0.2:
            break
    depth, width = _mid_extents(caps)
    caps = at_voxels(caps, superior, inferior)
    return BodyGeometry(level, region, frame, caps, superior, inferior, depth, width)


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
