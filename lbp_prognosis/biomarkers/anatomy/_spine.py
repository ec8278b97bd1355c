"""The geometry of one spine: a frame, two endplates and three axes for each vertebral body."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from scipy.interpolate import CubicSpline

from lbp_prognosis.biomarkers.anatomy._anatomy import Anatomy
from lbp_prognosis.biomarkers.anatomy._bodies import find_bodies
from lbp_prognosis.biomarkers.anatomy._body_geometry import BodyGeometry, measure_body
from lbp_prognosis.biomarkers.anatomy._levels import level_rank, neighbours
from lbp_prognosis.biomarkers.anatomy._sacrum import sacral_endplate
from lbp_prognosis.biomarkers.geometry._caps import EndplatePlane, fit_endplate, measure_caps
from lbp_prognosis.biomarkers.geometry._frame import Frame, make_frame, unit
from lbp_prognosis.biomarkers.geometry._region import Region

__all__ = ["Spine", "build_spine"]

AGREE_DEG = 60.0
"""Largest angle, seen along the spine, at which two levels agree on the front; scoliosis rotates bodies by less."""

FRAGMENT = 0.25
"""Share of the volume of whole bodies below which a cut body no longer shows where it is."""


@dataclass
class Spine:
    """All bodies of a case, the sacral endplate, and the direction to the front.

    Attributes
    ----------
    bodies : dict
        From level to `BodyGeometry`, top to bottom.
    sacral : EndplatePlane or None
        Upper endplate of the sacrum.
    sacral_ends : (array, array) or None
        Back and front corners of the sacral endplate in the middle.
    front_from : str
        Structure that determined the front: ``canal``, ``spinal_cord``, ``posterior_elements`` or ``image``.
    left : array of shape (3,)
        Mean direction to the patient's left: the normal of the patient's sagittal plane.
    fragments : frozenset
        Levels of which the field of view shows too little to locate the body (for example a spinous process).
    """

    bodies: dict[str, BodyGeometry]
    sacral: EndplatePlane | None = None
    sacral_frame: Frame | None = None
    sacral_ends: tuple[np.ndarray, np.ndarray] | None = None
    sacral_region: Region | None = None
    front_from: str = "image"
    left: np.ndarray = field(default_factory=lambda: np.array([-1.0, 0.0, 0.0]))
    flags: tuple[str, ...] = ()
    fragments: frozenset[str] = frozenset()

    def endplate(self, level: str, which: str) -> EndplatePlane | None:
        """Return an endplate; of the sacrum only the upper one exists."""
        if level == "s1":
            return self.sacral if which == "superior" else None
        body = self.bodies.get(level)
        return None if body is None else getattr(body, which)

    def pairs(self) -> list[tuple[str, str]]:
        """Return the pairs of neighbouring levels, including the sacrum."""
        return neighbours([*self.bodies, *(["s1"] if self.sacral is not None else [])])


def build_spine(anatomy: Anatomy, *, central: float = 0.8) -> Spine:
    """Find bodies, frames and endplates; ``central`` is the share of an endplate to which its plane is fitted."""
    regions = find_bodies(anatomy)
    levels = sorted(regions, key=level_rank)
    centres = {level: regions[level].centroid for level in levels}
    lowest = _sacral_region(anatomy)
    fragments = _fragments(regions)
    ups = _tangents([level for level in levels if level not in fragments], centres)
    for level in fragments:
        ups[level] = ups[min(ups, key=lambda other: abs(level_rank(other) - level_rank(level)))]
    fronts, source = _fronts(anatomy, regions, centres, ups)
    bodies = {}
    for level in levels:
        frame = make_frame(centres[level], ups[level], fronts[level])
        bodies[level] = measure_body(level, regions[level], frame, central)
    flags = () if source == "canal" else (f"front_from_{source}",)
    spine = Spine(bodies, front_from=source, flags=flags, fragments=fragments)
    if bodies:
        spine.left = unit(np.mean([body.frame.left for body in bodies.values()], axis=0))
    if lowest is not None and levels and not bodies[levels[-1]].region.cut:
        found = sacral_endplate(lowest, bodies[levels[-1]], anatomy.get("disc", levels[-1] + "s1"))
        if found is not None and neighbours([levels[-1], "s1"]):
            spine.sacral, spine.sacral_frame, spine.sacral_ends = found
            spine.sacral_region = lowest
    return spine


def _sacral_region(anatomy: Anatomy) -> Region | None:
    for structure in ("vertebral_body", "sacral_vertebra", "sacrum"):
        region = anatomy.get(structure, "s1")
        if region is not None:
            return region
    return None


def _fragments(regions: dict[str, Region]) -> frozenset[str]:
    """Return the levels cut by the field of view that keep less than a quarter of the volume of whole bodies."""
    whole = [region.volume_mm3 for region in regions.values() if not region.cut]
    if len(whole) < 2:
        return frozenset()
    least = FRAGMENT * float(np.median(whole))
    return frozenset(level for level, region in regions.items() if region.cut and region.volume_mm3 < least)


def _tangents(levels: list[str], centres: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return the direction to the head at each body, from a spline through the centres."""
    if len(levels) < 2:
        return {level: np.array([0.0, 0.0, 1.0]) for level in levels}
    points = np.array([centres[level] for level in levels])
    steps = np.linalg.norm(np.diff(points, axis=0), axis=1)
    s = np.concatenate([[0.0], np.cumsum(np.maximum(steps, 1e-3))])
    if len(levels) == 2:
        return dict.fromkeys(levels, unit(points[0] - points[1]))
    derivative = CubicSpline(s, points, bc_type="natural").derivative()(s)
    return {level: -unit(d) for level, d in zip(levels, derivative)}


def _fronts(
    anatomy: Anatomy, regions: dict[str, Region], centres: dict[str, np.ndarray], ups: dict[str, np.ndarray]
) -> tuple[dict[str, np.ndarray], str]:
    """Return the direction to the front at each body: away from the canal, or from the posterior elements.

    A level where this fails takes the mean of the others; if all fail, the patient's front (image axis) is used. What
    an implant or a cut leaves next to a body can look like posterior elements, so these count only if most levels have
    them on the same side.
    """
    canal = anatomy.canal
    cords = anatomy.of("spinal_cord")
    behind = canal or (cords[0] if cords else None)
    fronts: dict[str, np.ndarray] = {}
    source = "canal" if canal is not None else "spinal_cord"
    if behind is not None:
        for level in regions:
            offset = _away_from(behind.points, centres[level], ups[level], behind.volume.spacing.max())
            if offset is not None:
                fronts[level] = offset
    if not fronts:
        source = "posterior_elements"
        whole = {level for level, body in regions.items() if not body.cut}
        fronts = _agreed(_away_from_elements(anatomy, regions, centres, ups), ups, whole)
    if not fronts:
        source = "image"
    mean = unit(np.mean(list(fronts.values()), axis=0)) if fronts else np.array([0.0, 1.0, 0.0])
    return {level: fronts.get(level, mean) for level in regions}, source


def _away_from_elements(
    anatomy: Anatomy, regions: dict[str, Region], centres: dict[str, np.ndarray], ups: dict[str, np.ndarray]
) -> dict[str, np.ndarray]:
    """Return the direction away from the posterior elements at the levels whose label is more than the body."""
    fronts = {}
    for level, body in regions.items():
        vertebra = anatomy.get("vertebra", level) or anatomy.get("posterior_elements", level)
        if vertebra is None or (vertebra.n_voxels < 1.1 * body.n_voxels and vertebra.structure == "vertebra"):
            continue
        offset = centres[level] - vertebra.centroid
        offset = offset - (offset @ ups[level]) * ups[level]
        if np.linalg.norm(offset) > 2.0:
            fronts[level] = unit(offset)
    return fronts


def _agreed(fronts: dict[str, np.ndarray], ups: dict[str, np.ndarray], whole: set[str]) -> dict[str, np.ndarray]:
    """Return the largest set of levels that agree on the front; empty unless it is more than half of the levels.

    Levels count if they are seen whole (``whole``) or determine a front. Directions are compared at right angles to the
    spine, so that lordosis and kyphosis do not separate them.
    """
    cosine = np.cos(np.radians(AGREE_DEG))
    agreeing: list[str] = []
    for level, front in fronts.items():
        up = ups[level]
        across = {other: there - (there @ up) * up for other, there in fronts.items()}
        same = [other for other, there in across.items() if front @ there >= cosine * np.linalg.norm(there)]
        if len(same) > len(agreeing):
            agreeing = same
    return {level: fronts[level] for level in agreeing} if 2 * len(agreeing) > len({*whole, *fronts}) else {}


def _away_from(points: np.ndarray, centre: np.ndarray, up: np.ndarray, thickness: float) -> np.ndarray | None:
    along = (points - centre) @ up
    near = points[np.abs(along) <= max(3.0, thickness)]
    if near.shape[0] < 10:
        return None
    offset = centre - near.mean(axis=0)
    offset = offset - (offset @ up) * up
    return unit(offset) if np.linalg.norm(offset) > 3.0 else None


def own_axis(region: Region, frame: Frame) -> Frame:
    """Return the frame aligned with the bisector of the region's own two surfaces."""
    for _ in range(2):
        caps = measure_caps(region, frame)
        top = fit_endplate(caps, "superior", region)
        bottom = fit_endplate(caps, "inferior", region)
        if top is None or bottom is None:
            return frame
        frame = make_frame(region.centroid, top.normal + bottom.normal, frame.ap)
    return frame
