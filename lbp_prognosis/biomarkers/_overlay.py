"""Figure of a measured case: planes, landmarks and contours on the image."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from scipy.spatial import ConvexHull

from lbp_prognosis.biomarkers.anatomy._label_map import MUSCLES
from lbp_prognosis.biomarkers.families._alignment import hip_axis
from lbp_prognosis.biomarkers.families._case import SIDES, Case, sample_image
from lbp_prognosis.biomarkers.families._facet import axial_frame, find_facets
from lbp_prognosis.biomarkers.families._foramen import find_foramina
from lbp_prognosis.biomarkers.families._lateral_recess import find_recesses
from lbp_prognosis.biomarkers.geometry._cross_section import plane_across
from lbp_prognosis.biomarkers.geometry._frame import Frame, make_frame, unit
from lbp_prognosis.biomarkers.geometry._heights import central_columns, sagittal_span
from lbp_prognosis.biomarkers.geometry._region import Region

__all__ = ["overlay_panels", "save_overlay"]

STEP_MM = 0.75

CT_WINDOW = (-250.0, 800.0)
"""HU of black and white: muscle is dark, trabecular bone grey and cortical bone light in every panel of a CT."""

HIPS_MM = 250.0
"""Distance from the sacral endplate up to which the hip axis widens the panels: a landmark elsewhere does not."""

MODIC_MM = 3.0
"""Distance below the surface at which Modic changes are drawn, apart from the outline of the body."""


def save_overlay(case: Case, path: Path, title: str) -> None:
    """Write one PNG of a case."""
    from lbp_prognosis._draw import draw_overlay

    draw_overlay(overlay_panels(case), path, title)


def overlay_panels(case: Case) -> list[dict[str, Any]]:
    """Return the panels: from the side and the front, of foramina by side, of facets, and across at four discs at most.

    A panel is a mapping with ``title``, ``extent`` (left, right, bottom, top in mm), ``image`` (array or None),
    ``window`` (grey values of black and white, or None), ``contours`` (name, kind, occupancy array), ``lines`` (kind of
    ``endplate, height, plane, hips, pit, modic, sample, foramen, facet, recess, own``, n × 2 points) and ``labels``
    (text, point). The view from the front and the view across show the patient's left on the right of the picture.
    """
    regions = _shown(case)
    if not regions:
        return []
    points = np.vstack([region.points[:: max(1, region.n_voxels // 4000)] for region in regions])
    sacral = case.spine.sacral
    hips = hip_axis(case) if sacral is not None else None
    if hips is not None and sacral is not None and np.linalg.norm(hips - sacral.point) < HIPS_MM:
        points = np.vstack([points, hips])
    left = case.spine.left if case.spine.bodies else np.array([-1.0, 0.0, 0.0])
    bodies = list(case.spine.bodies.values())
    centre = np.mean([b.region.centroid for b in bodies], axis=0) if bodies else points.mean(axis=0)
    up = np.array([0.0, 0.0, 1.0])
    upright = make_frame(centre, unit(up - (up @ left) * left), np.cross(left, up))
    panels = [
        _panel(case, "from the side (front to the right)", upright, "ap", "cc", points, regions),
        _panel(case, "from the front (patient's left to the right)", upright, "left", "cc", points, regions),
    ]
    panels[0]["lines"] = _endplate_lines(case, upright) + _height_lines(case, upright) + _plane_lines(case, upright)
    if hips is not None and sacral is not None:
        ends = (hips, sacral.point)
        panels[0]["lines"].append(("hips", np.array([_on(upright, end, "ap", "cc") for end in ends])))
    for kind, path in _findings(case):
        for panel, across in zip(panels, ("ap", "left")):
            panel["lines"].append((kind, np.array([_on(upright, point, across, "cc") for point in path])))
    for sampled in _samples(case):
        for panel, across in zip(panels, ("ap", "left")):
            panel["lines"].append(("sample", _silhouette(upright, sampled, across)))
    for family in case.recipe.own_families:
        for points_of in getattr(family, "overlay", lambda _: ())(case):
            path = np.asarray(points_of, dtype=float).reshape(-1, 3)
            for panel, across in zip(panels, ("ap", "left")):
                panel["lines"].append(("own", np.array([_on(upright, point, across, "cc") for point in path])))
    named = [(b.level, b.region.centroid) for b in bodies]
    named += [(disc.level, disc.centroid) for disc in case.anatomy.of("disc") if disc.level]
    for panel, across in zip(panels, ("ap", "left")):
        panel["labels"] = [(level + _mark(case, level), _on(upright, centre, across, "cc")) for level, centre in named]
    if "canal" in case.recipe.families:
        panels += _foramen_panels(case, upright, points) + _joint_panels(case)
    return panels + _across(case, regions)


def _mark(case: Case, level: str) -> str:
    """Return the note on a level that is withheld or doubted, with the first reason."""
    codes = case.gate.flags(level)
    if not codes:
        return ""
    return f" withheld: {codes[0]}" if case.gate.withheld(level) else f" ? {codes[0]}"


def _shown(case: Case) -> list[Region]:
    spine = case.spine
    found = [body.region for body in spine.bodies.values()]
    found += [r for r in case.anatomy.of("disc")]
    found += [
        r
        for name in ("canal", "dural_sac", "spinal_cord", "sacrum", "sacral_vertebra", *MUSCLES)
        for r in case.anatomy.of(name)
    ]
    if not spine.bodies:
        found += case.anatomy.of("vertebra") + case.anatomy.of("vertebral_body")
    return found


def _on(frame: Frame, point: np.ndarray, across: str, along: str) -> tuple[float, float]:
    local = frame.to_local(np.asarray(point))
    index = {"ap": 0, "left": 1, "cc": 2}
    return float(local[index[across]]), float(local[index[along]])


def _panel(
    case: Case,
    title: str,
    frame: Frame,
    across: str,
    along: str,
    points: np.ndarray,
    regions: list[Region],
    *,
    half: float | None = None,
) -> dict[str, Any]:
    index = {"ap": 0, "left": 1, "cc": 2}
    i, j = index[across], index[along]
    if half is None:
        local = frame.to_local(points)
        low, high = local.min(axis=0) - 15, local.max(axis=0) + 15
    else:
        low, high = np.full(3, -half), np.full(3, half)
    step = max(STEP_MM, float(max(high[i] - low[i], high[j] - low[j])) / 700)
    x, y = np.arange(low[i], high[i], step), np.arange(low[j], high[j], step)
    plane = np.zeros((y.size, x.size, 3))
    plane[..., i], plane[..., j] = x[None, :], y[:, None]
    world = frame.to_world(plane)
    image = case.images.get("main")
    contours = []
    for region in regions:
        part = region.window(frame, (j, y), (i, x))
        soft = np.zeros(plane.shape[:2], dtype=np.float32)
        soft[part] = region.sample(world[part])
        if (soft >= 0.5).any():
            contours.append((f"{region.structure} {region.level or region.side}".strip(), region.structure, soft))
    return {
        "title": title,
        "extent": (float(x[0]), float(x[-1]), float(y[0]), float(y[-1])),
        "image": None if image is None else sample_image(image, world),
        "window": None if case.no_hu else CT_WINDOW,
        "contours": contours,
        "lines": [],
        "labels": [],
    }


def _endplate_lines(case: Case, upright: Frame) -> list[tuple[str, np.ndarray]]:
    """Return each fitted endplate as a line in the sagittal panel."""
    lines = []
    planes = [
        (b.depth, plane) for b in case.spine.bodies.values() for plane in (b.superior, b.inferior) if plane is not None
    ]
    if case.spine.sacral is not None and case.spine.bodies:
        planes.append((list(case.spine.bodies.values())[-1].depth, case.spine.sacral))
    for depth, plane in planes:
        along = unit(np.cross(upright.left, plane.normal))
        ends = [plane.point + s * 0.5 * depth * along for s in (-1, 1)]
        lines.append(("endplate", np.array([_on(upright, end, "ap", "cc") for end in ends])))
    return lines


def _findings(case: Case) -> list[tuple[str, np.ndarray]]:
    """Return where endplates have defects and Modic changes, as paths in RAS millimetres.

    A defect is the line from the plane to its deepest column; Modic changes are two paths below the surface, across the
    columns they take up: from back to front and from side to side.
    """
    found = []
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


def _samples(case: Case) -> list[np.ndarray]:
    """Return the points in each body whose attenuation or marrow signal was read."""
    found = [case.kept.get(f"sampled {level}") for level in case.spine.bodies]
    return [points for points in found if points is not None and len(points) >= 30]


def _silhouette(frame: Frame, points: np.ndarray, across: str) -> np.ndarray:
    """Return the closed outline of points seen in a panel."""
    local = frame.to_local(points)[:, [{"ap": 0, "left": 1}[across], 2]]
    corners = local[ConvexHull(local).vertices]
    return np.vstack([corners, corners[:1]])


def _height_lines(case: Case, upright: Frame) -> list[tuple[str, np.ndarray]]:
    """Return where the three heights of each disc are read."""
    from lbp_prognosis.biomarkers.geometry._caps import measure_caps

    lines = []
    for level in case.disc_levels():
        disc, found = case.anatomy.get("disc", level), case.disc_frame(level)
        if disc is None or found is None or disc.cut:
            continue
        caps = case.kept.get(f"caps {level}") or measure_caps(disc, found[0])
        if not caps.inside.any():
            continue
        central = central_columns(caps, caps.inside, case.recipe.central_width)
        back, front = sagittal_span(caps, central)
        middle = float(caps.left[central].mean())
        for share in case.recipe.ap_points:
            if not np.isfinite(back):
                continue
            at = back + share * (front - back)
            row = int(np.argmin(np.abs(caps.ap - at)))
            top, bottom = caps.top[row, central], caps.bottom[row, central]
            if np.isfinite(top).any():
                ends = [found[0].to_world(np.array([at, middle, h])) for h in (np.nanmean(bottom), np.nanmean(top))]
                lines.append(("height", np.array([_on(upright, end, "ap", "cc") for end in ends])))
    return lines


def _plane_lines(case: Case, upright: Frame) -> list[tuple[str, np.ndarray]]:
    """Return where the canal is measured: the traces of the planes across it."""
    canal = case.anatomy.canal
    lines = []
    for level in case.disc_levels() if canal is not None else ():
        found = case.disc_frame(level)
        plane = plane_across(canal, found[0]) if canal is not None and found is not None else None
        if plane is not None:
            ends = [plane.origin + s * 14.0 * plane.ap for s in (-1, 1)]
            lines.append(("plane", np.array([_on(upright, end, "ap", "cc") for end in ends])))
    return lines


def _foramen_panels(case: Case, upright: Frame, points: np.ndarray) -> list[dict[str, Any]]:
    """Return a panel per side through the foramina that were measured, with the rim of each."""
    found = [foramen for foramen in find_foramina(case) if foramen.frame is not None]
    names = ("vertebra", "vertebral_body", "posterior_elements", "disc", "sacrum", "sacral_vertebra")
    regions = [region for name in names for region in case.anatomy.of(name)]
    panels = []
    for side in SIDES:
        own = [foramen for foramen in found if foramen.side == side]
        if not own:
            continue
        centre = np.mean([foramen.outline.mean(axis=0) for foramen in own], axis=0)
        aside = upright.at(upright.origin + ((centre - upright.origin) @ upright.left) * upright.left)
        panel = _panel(case, f"foramina of the {side}", aside, "ap", "cc", points, regions)
        panel["lines"] = [("foramen", np.array([_on(aside, p, "ap", "cc") for p in f.outline])) for f in own]
        panels.append(panel)
    return panels


def _joint_panels(case: Case) -> list[dict[str, Any]]:
    """Return a panel across each segment whose facet joints or lateral recesses were measured, with their lines."""
    names = ("vertebral_body", "posterior_elements", "superior_articular_process", "inferior_articular_process")
    regions = [region for name in (*names, "ligamentum_flavum", "canal") for region in case.anatomy.of(name)]
    panels = []
    for upper, lower in case.spine.pairs():
        lines = [("facet", f.ends) for f in find_facets(case) if f.level == upper + lower and f.ends.size]
        recesses = [("recess", r.ends) for r in find_recesses(case) if r.level == upper + lower and r.ends.size]
        axes = axial_frame(case, upper, lower)
        for title, own in (("facets", lines), ("recesses", recesses)):
            if not own or axes is None:
                continue
            frame = axes[0].at(np.vstack([ends for _, ends in own]).mean(axis=0))
            title = f"{title} at {upper}{lower} (patient's left to the right)"
            panel = _panel(case, title, frame, "left", "ap", np.empty((0, 3)), regions, half=35.0)
            panel["lines"] = [(kind, np.array([_on(frame, p, "left", "ap") for p in ends])) for kind, ends in own]
            panels.append(panel)
    return panels


def _slices(case: Case, regions: list[Region]) -> list[dict[str, Any]]:
    """Return the slices on which the levels of an axial stack are read."""
    assert case.stack is not None
    stack, panels = case.stack, []
    centre = np.mean([region.centroid for region in regions], axis=0)
    half = 95.0 if any(region.structure in MUSCLES for region in regions) else 45.0
    for level, at in list(stack.levels.items())[-4:]:
        index = case.anatomy.grid.to_index(centre)
        index[stack.axis] = np.rint(at)
        frame = make_frame(case.anatomy.grid.to_world(index), stack.up, np.array([0.0, 1.0, 0.0]))
        title = f"slice at {level} (patient's left to the right)"
        panels.append(_panel(case, title, frame, "left", "ap", np.empty((0, 3)), regions, half=half))
    return panels


def _across(case: Case, regions: list[Region]) -> list[dict[str, Any]]:
    """Return the planes on which the canal (or the disc) is measured, the lowest four."""
    if case.stack is not None:
        return _slices(case, regions)
    panels = []
    canal = case.anatomy.canal
    muscles = any(region.structure in MUSCLES for region in regions)
    for level in case.disc_levels()[-4:]:
        found = case.disc_frame(level)
        if found is None:
            continue
        frame = plane_across(canal, found[0]) if canal is not None else None
        frame = found[0] if frame is None else frame
        origin = found[0].origin if muscles else frame.origin
        frame = frame.at(origin - ((origin - frame.origin) @ frame.cc) * frame.cc)
        if canal is not None and not muscles:
            frame = frame.at(frame.origin + 15.0 * frame.ap)  # the disc is in front of the canal
        half = 95.0 if muscles else 45.0
        panels.append(
            _panel(
                case,
                f"across at {level} (patient's left to the right)",
                frame,
                "left",
                "ap",
                np.empty((0, 3)),
                regions,
                half=half,
            )
        )
    return panels
