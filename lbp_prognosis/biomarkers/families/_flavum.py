"""Thickness of the ligamentum flavum of each side, if it is labelled."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lbp_prognosis.biomarkers.families._case import SIDES, Case
from lbp_prognosis.biomarkers.families._facet import axial_frame, find_facets
from lbp_prognosis.biomarkers.families._measurement import Measurement, quality
from lbp_prognosis.biomarkers.geometry._frame import Frame
from lbp_prognosis.biomarkers.geometry._region import Region

__all__ = ["find_flava", "flavum_thickness", "measure_flavum"]

STEP_MM = 0.25
HALF_MM = 30.0
MIDDLE_MM = 1.5
SHORTEST_MM = 4.0
LEAST_RATIO = 1.5
"""Smallest ratio of length to thickness: in a section about as thick as long, one voxel exchanges the two
directions."""
PLANES_MM = (-1.0, 0.0, 1.0)
METHOD = "chord_at_half_length"


def measure_flavum(case: Case) -> list[Measurement]:
    """Measure the thickness of the ligamentum flavum if it is labelled.

    ``ligament_thickness`` is the extent of the ligament's section across its own length, averaged over 3 mm at half of
    its length and over three planes 1 mm apart. The planes lie across the spine at the middle of the facet joints [1]_
    or, where no articular processes are labelled, of the disc. A label of both sides is divided at the midsagittal
    plane. None of the library's conventions contains the ligament; label it in a table of your own (``structure =
    "ligamentum_flavum", level = "l4l5"``).

    References
    ----------
    .. [1] Khasawneh R, Abu El-Rub E, Allouh M. Human lumbosacral root and ligamentum flavum thicknesses: a magnetic
       resonance study. Folia Morphol. 2023;82(1):72–78. doi:10.5603/FM.a2021.0120
    """
    return [_row(case, flavum) for flavum in find_flava(case)]


@dataclass(frozen=True, eq=False)
class Flavum:
    """The ligament of one side, its thickness (mm), and its two ends across its length on the middle plane."""

    level: str
    side: str
    region: Region
    thickness: float
    ends: np.ndarray
    flags: tuple[str, ...] = ()
    reason: str = ""


def find_flava(case: Case) -> list[Flavum]:
    """Return the ligament of each labelled level and side; computed once and kept for the figure."""
    if "flava" not in case.kept:
        case.kept["flava"] = [
            _find(case, upper, lower, side, region)
            for upper, lower in case.spine.pairs()
            for side in SIDES
            if (region := _label(case, upper + lower, side)) is not None
        ]
    return list(case.kept["flava"])


def _label(case: Case, level: str, side: str) -> Region | None:
    return case.anatomy.get("ligamentum_flavum", level, side) or case.anatomy.get("ligamentum_flavum", level)


def _find(case: Case, upper: str, lower: str, side: str, region: Region) -> Flavum:
    level, axes = upper + lower, axial_frame(case, upper, lower)
    nothing = float("nan"), np.empty((0, 3))
    if axes is None:
        reason = "no plane across the spine: neither endplates nor a whole body"
        return Flavum(level, side, region, *nothing, reason=reason)
    joints = [f.ends for f in find_facets(case) if f.level == level and f.ends.size]
    frame = axes[0]
    if joints:
        frame = frame.at(frame.origin + ((np.vstack(joints).mean(axis=0) - frame.origin) @ frame.cc) * frame.cc)
    flags = axes[1] if joints else (*axes[1], "at_middle_of_disc")
    planes = [frame.at(frame.origin + at * frame.cc) for at in PLANES_MM]
    sections = [_section(region, plane, SIDES[side]) for plane in planes]
    value = float(np.mean([thickness for thickness, _ in sections]))
    if region.reaches_border(region.points):
        return Flavum(level, side, region, *nothing, flags, "the field of view cuts the ligament")
    if np.isnan(value):
        reason = "the label does not pass the level of the joint over 4 mm, or is not longer than thick there"
        return Flavum(level, side, region, *nothing, flags, reason)
    middle = len(PLANES_MM) // 2
    return Flavum(level, side, region, value, planes[middle].to_world(sections[middle][1]), flags)


def _row(case: Case, flavum: Flavum) -> Measurement:
    spacing = flavum.region.volume.spacing
    step = float(np.exp(np.log(spacing).mean()))
    info = quality(flavum.region, flags=(*case.spine.flags, *flavum.flags))
    return Measurement(
        "ligamentum_flavum",
        "ligament_thickness",
        "mm",
        flavum.thickness,
        METHOD,
        flavum.level,
        flavum.side,
        sd_error=step * np.sqrt(2 / 12),
        reason=flavum.reason,
        **info,
    )


def flavum_thickness(region: Region, frame: Frame, sign: float) -> float:
    """Return the thickness of one side's section on a plane: its extent across its length, about half of it, mm.

    NaN if the section is shorter than 4 mm or than 1.5 times its thickness.
    """
    return _section(region, frame, sign)[0]


def _section(region: Region, frame: Frame, sign: float) -> tuple[float, np.ndarray]:
    """Return the thickness of one side's section on a plane, and the ends of its middle chord in the plane's frame."""
    at = np.arange(-HALF_MM, HALF_MM, STEP_MM) + STEP_MM / 2  # centres of cells
    grid = np.zeros((at.size, at.size, 3))
    grid[..., 0], grid[..., 1] = at[:, None] - HALF_MM, at[None, :]
    seen = (region.sample(frame.to_world(grid)) >= 0.5) & (sign * grid[..., 1] > 0)
    points = grid[seen][:, :2]
    if points.shape[0] < 4:
        return float("nan"), np.empty((0, 3))
    centre = points.mean(axis=0)
    along = np.linalg.svd(points - centre, full_matrices=False)[2][0]
    place = (points - centre) @ along
    length = float(np.ptp(place)) + STEP_MM
    half = 0.5 * (place.min() + place.max())
    thick = float((np.abs(place - half) <= MIDDLE_MM).sum() * STEP_MM**2 / (2 * MIDDLE_MM))
    if length < max(SHORTEST_MM, LEAST_RATIO * thick - 1e-9):
        return float("nan"), np.empty((0, 3))
    across = np.array([-along[1], along[0]])
    middle = points[np.abs(place - half) <= MIDDLE_MM].mean(axis=0)
    ends = [middle + sign * 0.5 * thick * across for sign in (-1, 1)]
    return thick, np.column_stack([ends, [0.0, 0.0]])
