"""Figure of a measured case: planes, landmarks and contours on the image."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from lbp_prognosis.biomarkers._overlay_lines import lines_from_front, lines_from_side, sampled_bone, slice_outline
from lbp_prognosis.biomarkers.anatomy._label_map import MUSCLES
from lbp_prognosis.biomarkers.families._alignment import hip_axis
from lbp_prognosis.biomarkers.families._case import SIDES, Case, sample_image
from lbp_prognosis.biomarkers.families._facet import axial_frame, find_facets
from lbp_prognosis.biomarkers.families._flavum import find_flava
from lbp_prognosis.biomarkers.families._foramen import find_foramina
from lbp_prognosis.biomarkers.families._lateral_recess import find_recesses
from lbp_prognosis.biomarkers.geometry._cross_section import plane_across
from lbp_prognosis.biomarkers.geometry._frame import Frame, make_frame, unit
from lbp_prognosis.biomarkers.geometry._region import Region

__all__ = ["overlay_panels", "save_overlay"]

STEP_MM = 0.75

CT_WINDOW = (-250.0, 800.0)
"""HU of black and white: muscle is dark, trabecular bone grey and cortical bone light in every panel of a CT."""

HIPS_MM = 250.0
"""Largest distance of the hip axis from the sacral endplate at which the panels are widened to show it."""


def save_overlay(case: Case, path: Path, title: str) -> None:
    """Write the figure of a case as one PNG file."""
    from lbp_prognosis._draw import draw_overlay

    draw_overlay(overlay_panels(case), path, title)


def overlay_panels(case: Case) -> list[dict[str, Any]]:
    """Return the panels: sagittal and coronal views, foramina of each side, facet joints, and up to four axial views.

    A panel is a mapping with ``title``, ``extent`` (left, right, bottom, top in mm), ``image`` (array or None),
    ``window`` (grey values of black and white, or None), ``contours`` (name, kind, occupancy array), ``lines`` (kind of
    ``LINE_NAMES`` of the drawing, points of shape (n, 2) in mm) and ``labels`` (text, point). Coronal and axial views
    show the patient's left on the right of the figure.
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
    for panel, across, lines in zip(panels, ("ap", "left"), (lines_from_side(case), lines_from_front(case))):
        panel["lines"] = [
            (kind, np.array([_on(upright, point, across, "cc") for point in path])) for kind, path in lines
        ]
        panel["lines"] += sampled_bone(case, upright, across)
    for family in case.recipe.own_families:
        for points_of in getattr(family, "overlay", lambda _: ())(case):
            path = np.asarray(points_of, dtype=float).reshape(-1, 3)
            for panel, across in zip(panels, ("ap", "left")):
                panel["lines"].append(("own", np.array([_on(upright, point, across, "cc") for point in path])))
    named = [(b.level, b.region.centroid) for b in bodies]
    named += [(disc.level, disc.centroid) for disc in case.anatomy.of("disc") if disc.level]
    for panel, across in zip(panels, ("ap", "left")):
        if across == "left":  # a spinous process lies behind the body of another level
            named = [(level, place) for level, place in named if level not in case.spine.fragments]
        panel["labels"] = [(level + _mark(case, level), _on(upright, centre, across, "cc")) for level, centre in named]
    if "canal" in case.recipe.families:
        panels += _foramen_panels(case, upright, points) + _joint_panels(case)
    return panels + _disc_panels(case, upright) + _across(case, regions)


def _mark(case: Case, level: str) -> str:
    """Return the note on a withheld or doubtful level, with the first reason."""
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


def _foramen_panels(case: Case, upright: Frame, points: np.ndarray) -> list[dict[str, Any]]:
    """Return one panel per side through the foramina that were measured, with the rim of each."""
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
    """Return panels across each segment whose facet joints, lateral recesses or ligaments were measured."""
    names = ("vertebral_body", "posterior_elements", "superior_articular_process", "inferior_articular_process")
    regions = [region for name in (*names, "ligamentum_flavum", "canal") for region in case.anatomy.of(name)]
    panels = []
    for upper, lower in case.spine.pairs():
        lines = [("facet", f.ends) for f in find_facets(case) if f.level == upper + lower and f.ends.size]
        recesses = [("recess", r.ends) for r in find_recesses(case) if r.level == upper + lower and r.ends.size]
        flava = [("flavum", f.ends) for f in find_flava(case) if f.level == upper + lower and f.ends.size]
        axes = axial_frame(case, upper, lower)
        for title, own in (("facets", lines), ("recesses", recesses), ("ligamenta flava", flava)):
            if not own or axes is None:
                continue
            frame = axes[0].at(np.vstack([ends for _, ends in own]).mean(axis=0))
            title = f"{title} at {upper}{lower} (patient's left to the right)"
            panel = _panel(case, title, frame, "left", "ap", np.empty((0, 3)), regions, half=35.0)
            panel["lines"] = [(kind, np.array([_on(frame, p, "left", "ap") for p in ends])) for kind, ends in own]
            panels.append(panel)
    return panels


def _disc_panels(case: Case, upright: Frame) -> list[dict[str, Any]]:
    """Return a panel for each disc whose signals were measured, with the outlines of what was sampled."""
    panels = []
    for level in case.disc_levels():
        kept = {kind: case.kept.get(f"{kind} {level}", []) for kind in ("part", "fluid")}
        disc = case.anatomy.get("disc", level)
        if disc is None or not any(kept.values()):
            continue
        frame = upright.at(disc.centroid)
        regions = [disc, *([case.anatomy.canal] if case.anatomy.canal is not None else [])]
        panel = _panel(
            case, f"signal of {level} (front to the right)", frame, "ap", "cc", disc.points, regions, half=38.0
        )
        panel["lines"] = [
            (kind, slice_outline(frame, points, disc.volume.spacing))
            for kind, groups in kept.items()
            for points in groups
            if len(points)
        ]
        panels.append(panel)
    return panels


def _slices(case: Case, regions: list[Region]) -> list[dict[str, Any]]:
    """Return panels of the slices on which the levels of an axial stack are read."""
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
    """Return panels of the lowest four planes on which the canal (or the disc) is measured."""
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
