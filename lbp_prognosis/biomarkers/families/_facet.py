"""Angle of each facet joint to the midsagittal plane, and the difference of the two sides."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from lbp_prognosis.biomarkers.families._case import SIDES, Case
from lbp_prognosis.biomarkers.families._measurement import Measurement, quality
from lbp_prognosis.biomarkers.geometry._frame import Frame
from lbp_prognosis.biomarkers.geometry._region import Region, union

__all__ = ["Facet", "axial_frame", "find_facets", "measure_facets"]

STEP_MM = 0.25
HALF_MM = 18.0
FACING_MM = 6.0
WIDER_MM = 1.0
"""Length, at least a voxel, by which the space may be wider than its narrow part: labels of a joint touch in places."""
LEAST_MM3 = 50.0
SHORTEST_MM = 5.0
PLANES_MM = (-2.0, -1.0, 0.0, 1.0, 2.0)
METHOD = "chord_of_joint_space"


@dataclass(frozen=True, eq=False)
class Facet:
    """A facet joint seen across the spine.

    Attributes
    ----------
    level, side : str
    regions : tuple of Region
        Inferior process of the vertebra above, superior process of the vertebra below.
    angle : float
        Degrees between its line and the midsagittal plane; NaN with ``reason``.
    ends : array of shape (2, 3)
        RAS positions of the front and the back end of the line; empty without it.
    length : float
        Length of the line, mm.
    reason : str
    flags : tuple of str
    """

    level: str
    side: str
    regions: tuple[Region, ...]
    angle: float
    ends: np.ndarray
    length: float = float("nan")
    reason: str = ""
    flags: tuple[str, ...] = ()


def measure_facets(case: Case) -> list[Measurement]:
    """Measure the angle of each facet joint whose two articular processes are labelled, and the tropism.

    ``facet_angle`` is the angle between the midsagittal plane and the line from the front (inner) to the back (outer)
    end of the joint space, on planes across the spine through the middle of the joint: 0° is sagittal, 90° coronal.
    ``facet_tropism`` is the absolute difference of the angles of the two sides [1]_. The joint space is the line
    halfway between the two processes where these face each other; five planes 1 mm apart are averaged. No threshold of
    tropism is applied; the thresholds in use range from 5° to 10°. The midsagittal plane is that of the bodies and the
    canal, so that an error in the direction of the front enters the tropism twice.

    References
    ----------
    .. [1] Gao T et al. Correlation between facet tropism and lumbar degenerative disease: a retrospective analysis.
       BMC Musculoskelet Disord. 2017;18:483. doi:10.1186/s12891-017-1849-x
    """
    rows: list[Measurement] = []
    facets = find_facets(case)
    for facet in facets:
        rows.append(_row(case, facet.level, facet.side, "facet_angle", facet.angle, _sd(facet), [facet]))
    for level in dict.fromkeys(facet.level for facet in facets):
        pair = [facet for facet in facets if facet.level == level]
        if len(pair) == 2:
            tropism, sd = abs(pair[0].angle - pair[1].angle), float(np.hypot(_sd(pair[0]), _sd(pair[1])))
            rows.append(_row(case, level, "", "facet_tropism", tropism, sd, pair))
    return rows


def _row(case: Case, level: str, side: str, measure: str, value: float, sd: float, facets: list[Facet]) -> Measurement:
    region = union([region for facet in facets for region in facet.regions], "facet", level, side)
    flags = (*case.spine.flags, *(flag for facet in facets for flag in facet.flags))
    reason = next((facet.reason for facet in facets if facet.reason), "")
    info = quality(region, flags=tuple(dict.fromkeys(flags)))
    return Measurement("facet", measure, "deg", value, METHOD, level, side, sd_error=sd, reason=reason, **info)


def find_facets(case: Case) -> list[Facet]:
    """Return the joints between neighbours whose articular processes are labelled, top to bottom, left first."""
    if "facets" not in case.kept:
        found = []
        for upper, lower in case.spine.pairs():
            for side in SIDES:
                above = case.anatomy.get("inferior_articular_process", upper, side)
                below = case.anatomy.get("superior_articular_process", lower, side)
                if above is not None and below is not None:
                    found.append(_one(case, upper, lower, side, above, below))
        case.kept["facets"] = found
    return list(case.kept["facets"])


def axial_frame(case: Case, upper: str, lower: str) -> tuple[Frame, tuple[str, ...]] | None:
    """Return the directions of a plane across the spine at a segment: those of the disc, else of a whole body."""
    found = case.disc_frame(upper + lower)
    if found is not None:
        return found
    for level in (lower, upper):
        body = case.spine.bodies.get(level)
        if body is not None and not body.region.cut:
            return body.frame, ("axis_from_body",)
    return None


def _one(case: Case, upper: str, lower: str, side: str, above: Region, below: Region) -> Facet:
    """Return the joint of a side, or the reason why its line is not visible."""

    def none(reason: str) -> Facet:
        return Facet(upper + lower, side, (above, below), np.nan, np.empty((0, 3)), reason=reason)

    if above.volume_mm3 < LEAST_MM3 or below.volume_mm3 < LEAST_MM3:
        return none("an articular process has less than 50 mm³ in the labels")
    axes = axial_frame(case, upper, lower)
    if axes is None:
        return none("no plane across the spine: neither endplates nor a whole body")
    away = _distance(above, below)
    if away.min() > FACING_MM:
        return none("the two articular processes do not face each other within 6 mm")
    near = above.points[away <= away.min() + 1.5]
    if above.reaches_border(near):
        return none("the field of view cuts the joint")
    frame = axes[0].at(near.mean(axis=0))
    sign = SIDES[side]
    planes = [frame.at(frame.origin + at * frame.cc) for at in PLANES_MM]
    lines = [_from_inside(line, sign) for plane in planes if (line := _line(plane, above, below))]
    if len(lines) < 3:
        return none("the joint space is shorter than 5 mm across the spine")
    angles = [_angle(front, back, sign) for front, back in lines]
    angle = float(np.mean(angles))
    front, back = (np.mean([line[end] for line in lines], axis=0) for end in (0, 1))
    ends = frame.to_world(np.array([[*front, 0.0], [*back, 0.0]]))
    return Facet(upper + lower, side, (above, below), angle, ends, float(np.linalg.norm(back - front)), "", axes[1])


def _distance(region: Region, other: Region) -> np.ndarray:
    """Return the distance of each voxel of a region to the nearest voxel of another, mm."""
    box = union([region, other], "both")
    outside = np.ones_like(box.mask)
    outside[tuple((other.indices + other.start - box.start).T)] = False
    away = ndimage.distance_transform_edt(outside, sampling=box.volume.spacing)
    return np.asarray(away[tuple((region.indices + region.start - box.start).T)])


def _line(frame: Frame, above: Region, below: Region) -> tuple[np.ndarray, np.ndarray] | None:
    """Return the front and the back end (ap, left) of the joint space on a plane; None if it is too short."""
    at = np.arange(-HALF_MM, HALF_MM + STEP_MM / 2, STEP_MM)
    grid = np.zeros((at.size, at.size, 3))
    grid[..., 0], grid[..., 1] = at[:, None], at[None, :]
    world = frame.to_world(grid)
    seen = [region.sample(world) >= 0.5 for region in (above, below)]
    if not (seen[0].any() and seen[1].any()):
        return None
    away = [ndimage.distance_transform_edt(~cells) * STEP_MM for cells in seen]
    gap = away[0] + away[1]
    middle = (np.abs(away[0] - away[1]) <= STEP_MM) & (gap <= FACING_MM)
    if not middle.any():
        return None
    middle &= gap <= np.quantile(gap[middle], 0.25) + max(WIDER_MM, _step(above))
    pieces, _ = ndimage.label(middle, structure=np.ones((3, 3)))
    points = grid[pieces == int(np.argmax(np.bincount(pieces[middle], minlength=2)))][:, :2]
    centre = points.mean(axis=0)
    along = np.linalg.svd(points - centre, full_matrices=False)[2][0]
    if along[0] > 0:
        along = -along  # from the front to the back
    place = (points - centre) @ along
    if np.ptp(place) < SHORTEST_MM:
        return None
    low, high = np.quantile(place, (0.1, 0.9))
    return points[place <= low].mean(axis=0), points[place >= high].mean(axis=0)


def _from_inside(line: tuple[np.ndarray, np.ndarray], sign: float) -> tuple[np.ndarray, np.ndarray]:
    """Return a line with its inner end first, which is its back end if the line lies beyond the coronal plane.

    Planes on both sides of the coronal plane then agree on which end is which, so that their ends can be averaged.
    """
    return line if _angle(*line, sign) <= 90.0 else line[::-1]


def _angle(front: np.ndarray, back: np.ndarray, sign: float) -> float:
    """Return the angle of a line to the midsagittal plane in degrees, positive if its back end lies further out.

    A line beyond the coronal plane (its inner end behind) has more than 90°; the angle lies in (−45°, 135°].
    """
    angle = float(np.degrees(np.arctan2(sign * (back[1] - front[1]), front[0] - back[0])))
    return angle + 180.0 if angle <= -45.0 else angle


def _sd(facet: Facet) -> float:
    """Predict the SD of the angle, in degrees, from the voxel lattice.

    On each plane, the SD of either end of the line is that of a voxel, step/√12. Planes within one voxel see the same
    voxels, so that the mean over their span counts as span/step independent readings, but at least one.
    """
    if not np.isfinite(facet.angle):
        return float("nan")
    step = _step(facet.regions[0])
    independent = max((PLANES_MM[-1] - PLANES_MM[0]) / step, 1.0)
    return float(np.degrees(step * np.sqrt(2 / 12) / facet.length / np.sqrt(independent)))


def _step(region: Region) -> float:
    """Return the geometric mean of the sides of a voxel, mm."""
    return float(np.exp(np.log(region.volume.spacing).mean()))
