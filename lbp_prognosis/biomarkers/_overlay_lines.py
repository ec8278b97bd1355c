"""Lines in the figure of a case that show where it was measured, as paths in RAS millimetres."""

from __future__ import annotations

import numpy as np
from scipy.spatial import ConvexHull

from lbp_prognosis.biomarkers.families._alignment import hip_axis
from lbp_prognosis.biomarkers.families._case import Case
from lbp_prognosis.biomarkers.geometry._caps import Caps, measure_caps
from lbp_prognosis.biomarkers.geometry._cross_section import plane_across
from lbp_prognosis.biomarkers.geometry._frame import Frame, unit
from lbp_prognosis.biomarkers.geometry._heights import central_columns, sagittal_span

__all__ = ["lines_from_front", "lines_from_side", "sampled_bone", "slice_outline"]

Lines = list[tuple[str, np.ndarray]]
"""Kind of line, and its points, shape (n, 3)."""

MODIC_MM = 3.0
"""Depth below the surface at which Modic changes are drawn, so that they stay apart from the outline of the body."""

LEAST_SAMPLED = 30
"""Smallest number of voxels from which a marrow signal is read."""


def lines_from_side(case: Case) -> Lines:
    """Return endplates, heights, slips, planes across the canal, balance of the spine, defects and Modic changes."""
    return [
        *_endplates(case, along="ap"),
        *_disc_heights(case),
        *_body_heights(case),
        *(("slip", case.kept[name]) for name in case.kept if name.startswith("slip ")),
        *_planes(case),
        *_balance(case),
        *_findings(case),
    ]


def lines_from_front(case: Case) -> Lines:
    """Return endplates where their tilt to the side is measured, defects and Modic changes."""
    return [*(_endplates(case, along="left") if "alignment" in case.recipe.families else []), *_findings(case)]


def sampled_bone(case: Case, upright: Frame, across: str) -> Lines:
    """Return the outlines of the bone that was sampled, on the axes of a panel, (n, 2)."""
    found = [case.kept.get(f"sampled {level}") for level in case.spine.bodies]
    return [
        ("sample", _outline(upright, points, across))
        for points in found
        if points is not None and len(points) >= LEAST_SAMPLED
    ]


def slice_outline(frame: Frame, points: np.ndarray, spacing: np.ndarray) -> np.ndarray:
    """Return the closed outline of the voxels nearest to the sagittal plane of a frame, on its axes, (n, 2).

    The outline follows the voxels in strips across the longer side, because the convex outline of a bent canal would
    run through the disc in front of it. ``spacing`` of the voxels is in mm.
    """
    local = frame.to_local(points)
    aside = np.abs(local[:, 1])
    local = local[aside <= aside.min() + 1.0][:, [0, 2]]
    centre = local.mean(axis=0)
    axes = np.linalg.eigh(np.atleast_2d(np.cov(local - centre, rowvar=False)))[1] if len(local) > 1 else np.eye(2)
    across, along = ((local - centre) @ axes).T
    size = float(np.sort(spacing)[1])
    strip = np.floor((along - along.min()) / (1.5 * size)).astype(int)
    sides: list[list[tuple[float, float]]] = [[], []]
    for which in np.unique(strip):
        own = strip == which
        middle = float(along[own].mean())
        for side, end in zip(sides, (across[own].min() - size / 2, across[own].max() + size / 2)):
            side.append((float(end), middle))
    for side in sides:  # the strips' middles lie within the outer voxels
        side[0] = (side[0][0], float(along.min()) - size / 2)
        side[-1] = (side[-1][0], float(along.max()) + size / 2)
    return centre + np.array([*sides[0], *sides[1][::-1], sides[0][0]]) @ axes.T


def _outline(frame: Frame, points: np.ndarray, across: str) -> np.ndarray:
    """Return the closed convex outline of voxels in a panel, half a millimetre outside their centres."""
    local = frame.to_local(points)[:, [{"ap": 0, "left": 1}[across], 2]]
    cells = np.concatenate([local + np.array([a, b]) for a in (-0.5, 0.5) for b in (-0.5, 0.5)])
    corners = cells[ConvexHull(cells).vertices]
    return np.vstack([corners, corners[:1]])


def _endplates(case: Case, *, along: str) -> Lines:
    """Return each fitted endplate as a line from back to front (``ap``) or from side to side (``left``)."""
    bodies = [body for level, body in case.spine.bodies.items() if level not in case.spine.fragments]
    planes = [(body, plane) for body in bodies for plane in (body.superior, body.inferior) if plane is not None]
    # the border of a body that the field of view cuts is not an endplate
    planes = [(body, p) for body, p in planes if not (body.region.cut and body.region.reaches_border(p.point))]
    if case.spine.sacral is not None and bodies and along == "ap":
        planes.append((bodies[-1], case.spine.sacral))
    lines: Lines = []
    for body, plane in planes:
        way = np.cross(case.spine.left, plane.normal) if along == "ap" else np.cross(plane.normal, body.frame.ap)
        half = 0.5 * (body.depth if along == "ap" else body.width)
        lines.append(("endplate", np.array([plane.point + s * half * unit(way) for s in (-1, 1)])))
    return lines


def _disc_heights(case: Case) -> Lines:
    """Return the lines along which the three heights of each disc are read."""
    lines: Lines = []
    for level in case.disc_levels():
        disc, found = case.anatomy.get("disc", level), case.disc_frame(level)
        if disc is None or found is None or disc.cut:
            continue
        lines += _three(case, case.kept.get(f"caps {level}") or measure_caps(disc, found[0]), found[0], "height")
    return lines


def _body_heights(case: Case) -> Lines:
    """Return the lines along which the three heights of each whole body are read."""
    if "bone" not in case.recipe.families:
        return []
    whole = [body for body in case.spine.bodies.values() if not body.region.cut]
    return [line for body in whole for line in _three(case, body.caps, body.frame, "body_height")]


def _three(case: Case, caps: Caps, frame: Frame, kind: str) -> Lines:
    """Return three lines from the lower to the upper surface of a structure."""
    if not caps.inside.any():
        return []
    central = central_columns(caps, caps.inside, case.recipe.central_width)
    back, front = sagittal_span(caps, central)
    middle = float(caps.left[central].mean())
    lines: Lines = []
    for share in case.recipe.ap_points if np.isfinite(back) else ():
        at = back + share * (front - back)
        row = int(np.argmin(np.abs(caps.ap - at)))
        top, bottom = caps.top[row, central], caps.bottom[row, central]
        if np.isfinite(top).any():
            ends = [np.array([at, middle, height]) for height in (np.nanmean(bottom), np.nanmean(top))]
            lines.append((kind, frame.to_world(np.array(ends))))
    return lines


def _planes(case: Case) -> Lines:
    """Return the traces of the planes on which the canal is measured."""
    canal = case.anatomy.canal
    lines: Lines = []
    for level in case.disc_levels() if canal is not None else ():
        found = case.disc_frame(level)
        plane = plane_across(canal, found[0]) if canal is not None and found is not None else None
        if plane is not None:
            lines.append(("plane", np.array([plane.origin + s * 14.0 * plane.ap for s in (-1, 1)])))
    return lines


def _balance(case: Case) -> Lines:
    """Return the lines from the sacral endplate to the hip axis and on to t1, and the plumb line of c7."""
    sacral, ends = case.spine.sacral, case.spine.sacral_ends
    if sacral is None or "alignment" not in case.recipe.families:
        return []
    lines: Lines = []
    hips = hip_axis(case)
    if hips is not None:
        first = case.spine.bodies.get("t1")
        lines.append(("hips", np.array([sacral.point, hips, *([] if first is None else [first.region.centroid])])))
    seventh = case.spine.bodies.get("c7")
    if seventh is not None and ends is not None:
        top = seventh.region.centroid
        lines.append(("plumb", np.array([top, [top[0], top[1], ends[0][2]], [top[0], ends[0][1], ends[0][2]]])))
    return lines


def _findings(case: Case) -> Lines:
    """Return paths that mark defects of endplates and Modic changes, in RAS millimetres.

    A defect is drawn as the line from the fitted plane to its deepest column. Modic changes are drawn as two paths
    below the surface across the affected columns: from back to front and from side to side.
    """
    found: Lines = []
    for level, body in case.spine.bodies.items():
        for which, plane, inwards in (("superior", body.superior, -1.0), ("inferior", body.inferior, 1.0)):
            caps = body.caps
            surface = caps.top if which == "superior" else caps.bottom
            pit, changed = case.kept.get(f"pit {level} {which}"), case.kept.get(f"modic {level} {which}")
            if pit is not None and plane is not None:
                row, column = np.unravel_index(int(np.nanargmax(pit)), pit.shape)
                deepest = body.frame.to_world(np.array([caps.ap[row], caps.left[column], surface[row, column]]))
                found.append(("pit", np.array([deepest, deepest - inwards * float(pit[row, column]) * plane.normal])))
            if changed is not None and np.isfinite(surface[changed]).any():
                rows, columns = np.nonzero(changed & np.isfinite(surface))
                ap, left = caps.ap[rows], caps.left[columns]
                height = float(np.median(surface[rows, columns])) + inwards * MODIC_MM
                middle = float(np.median(ap)), float(np.median(left))
                for path in (
                    [(ap.min(), middle[1], height), (ap.max(), middle[1], height)],
                    [(middle[0], left.min(), height), (middle[0], left.max(), height)],
                ):
                    found.append(("modic", body.frame.to_world(np.array(path, dtype=float))))
    return found
