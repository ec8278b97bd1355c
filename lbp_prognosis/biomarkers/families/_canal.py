"""Family 2: the spinal canal, the dural sac and their borders: foramina, facet joints, recesses, ligamentum flavum."""

from __future__ import annotations

import numpy as np

from lbp_prognosis.biomarkers.anatomy._axial_stack import AxialStack, SliceSection
from lbp_prognosis.biomarkers.families._case import Case
from lbp_prognosis.biomarkers.families._facet import measure_facets
from lbp_prognosis.biomarkers.families._flavum import measure_flavum
from lbp_prognosis.biomarkers.families._foramen import measure_foramen
from lbp_prognosis.biomarkers.families._lateral_recess import measure_lateral_recess
from lbp_prognosis.biomarkers.families._measurement import Measurement, quality
from lbp_prognosis.biomarkers.geometry._cross_section import CrossSection, cross_section, plane_across
from lbp_prognosis.biomarkers.geometry._frame import Frame
from lbp_prognosis.biomarkers.geometry._region import Region

__all__ = ["measure_canal"]

HALF_MM = 30.0


def measure_canal(case: Case) -> list[Measurement]:
    """Measure the canal, and the dural sac where it has its own label, at each disc and each body.

    Planes are perpendicular to the structure's own centre line, not to the axis of the scanner. ``canal_area_at_disc``
    is the mean of three planes 1 mm apart at the disc's middle; ``canal_area_min_near_disc`` the smallest such mean
    within the recipe's window; ``canal_area_min_over_levels`` the smallest value at a disc. On an axial stack areas are
    counted in its slices and corrected to the structure's own direction (``canal_area_in_slice`` if a single slice does
    not determine it). A canal label and a dural-sac label are different variables and are never mixed. Foramina are
    measured if the labels of the vertebrae contain posterior elements, facet joints and lateral recesses if articular
    processes are labelled, and the ligamentum flavum if it is labelled.
    """
    rows: list[Measurement] = []
    for name, region in (("canal", case.anatomy.canal), ("dural_sac", case.anatomy.dural_sac)):
        if region is not None and (name == "dural_sac" or case.anatomy.of("canal")):
            rows += _one(case, name, region)
    posterior = (*measure_facets(case), *measure_lateral_recess(case), *measure_flavum(case))
    return [*rows, *measure_foramen(case), *posterior]


def _one(case: Case, name: str, region: Region) -> list[Measurement]:
    rows = []
    areas: dict[str, float] = {}
    stack = case.stack
    for level in case.section_levels():
        if stack is not None and level in stack.levels:
            new, area = _in_stack(case, stack, name, region, level)
        else:
            found = case.disc_frame(level)
            if found is None:
                continue
            new, area = _at_disc(case, name, region, level, found[0])
        rows += new
        if np.isfinite(area):
            areas[level] = area
    for level, body in case.spine.bodies.items():
        if stack is not None and body.region.cut:
            continue  # a single slice of a vertebra does not determine its axis
        rows.append(_at_body(case, name, region, level, body.frame))
    if areas:
        info = _info(case, region)
        worst = min(areas, key=lambda key: areas[key])
        rows.append(
            Measurement(
                name,
                f"{name}_area",
                "mm2",
                areas[worst],
                f"{name}_area_min_over_levels",
                **{**info, "flags": (*info["flags"], f"at_{worst}", f"n_levels_read={len(areas)}")},
            )
        )
    if not rows:
        reason = "no level is known: name vertebrae or discs in the mask, or state `level` for an axial stack"
        rows.append(
            Measurement(name, f"{name}_area", "mm2", np.nan, f"{name}_area_at_disc", reason=reason, **quality(region))
        )
    return rows


def _trust(case: Case, region: Region) -> tuple[str, ...]:
    coarse = np.sort(region.volume.spacing)
    across = region.volume.affine[:3, :3] / region.volume.spacing
    up = np.abs(across.T @ np.array([0.0, 0.0, 1.0]))
    in_plane = region.volume.spacing[np.argsort(up)[:2]]
    flags = ("area_low_confidence",) if in_plane.max() > case.recipe.coarse_mm else ()
    return (*flags, *(("coarse_voxels",) if coarse[0] > case.recipe.coarse_mm else ()))


def _at_disc(case: Case, name: str, region: Region, level: str, frame: Frame) -> tuple[list[Measurement], float]:
    info = _info(case, region)
    across = plane_across(region, frame)
    names = (
        (f"{name}_area", "mm2", f"{name}_area_at_disc"),
        (f"{name}_ap", "mm", f"{name}_chord_at_disc"),
        (f"{name}_lr", "mm", f"{name}_chord_at_disc"),
        (f"{name}_area", "mm2", f"{name}_area_min_near_disc"),
    )
    if across is None:
        reason = "the label does not pass this level"
        return [Measurement(name, m, u, np.nan, method, level, reason=reason, **info) for m, u, method in names], np.nan
    window = case.recipe.canal_window_mm
    offsets = np.arange(-np.ceil(window) - 1, np.ceil(window) + 2)
    sections = [cross_section(region, across.at(across.origin + o * across.cc), HALF_MM) for o in offsets]
    centre = [s for o, s in zip(offsets, sections) if abs(o) <= 1]
    if any(s is None or s.at_border for s in centre):
        info = {**info, "touched_border": True, "flags": (*info["flags"], "touched_border")}
        reason = "the field of view cuts the structure at this level"
        return [Measurement(name, m, u, np.nan, method, level, reason=reason, **info) for m, u, method in names], np.nan
    seen = [s for s in centre if s is not None]
    area = float(np.mean([s.area for s in seen]))
    values = [area, float(np.mean([s.ap for s in seen])), float(np.mean([s.lr for s in seen])), _least(sections)]
    sds = _sds(region, seen[len(seen) // 2])
    return [
        Measurement(name, m, u, value, method, level, sd_error=sd, **info)
        for (m, u, method), value, sd in zip(names, values, (sds[0], sds[1], sds[2], sds[0]))
    ], area


def _in_stack(case: Case, stack: AxialStack, name: str, region: Region, level: str) -> tuple[list[Measurement], float]:
    """Measure on the slices of an axial stack: areas in the slices × the cosine of their angle to the structure."""
    info = _info(case, region)
    section = stack.section(region, level, mean_mm=0.51 * stack.step, window_mm=case.recipe.canal_window_mm)
    across = section is None or section.across
    flags = (*info["flags"], *stack.flags[level], *(() if across else ("one_slice",)))
    info = {**info, "flags": flags, "n_slices": 0 if section is None else len(section.slices)}
    kind = "at_disc" if across else "in_slice"
    reason = ""
    if section is None:
        reason = "the label does not pass this level"
    elif section.at_border:
        reason = "the field of view cuts the structure at this level"
        info = {**info, "touched_border": True, "flags": (*flags, "touched_border")}
    values, sds = (np.nan,) * 4, (np.nan,) * 3
    if section is not None and not reason:
        values = (section.area, section.ap, section.lr, section.least if section.across else np.nan)
        sds = _sds(region, section)
    rows = [
        Measurement(name, m, u, value, f"{name}_{method}", level, sd_error=sd, reason=reason or why, **info)
        for (m, u, method, why), value, sd in zip(
            (
                (f"{name}_area", "mm2", f"area_{kind}", ""),
                (f"{name}_ap", "mm", f"chord_{kind}", ""),
                (f"{name}_lr", "mm", f"chord_{kind}", ""),
                (f"{name}_area", "mm2", "area_min_near_disc", "" if across else "one slice has no neighbours"),
            ),
            values,
            (*sds, sds[0]),
        )
    ]
    return rows, values[0] if across else np.nan


def _least(sections: list[CrossSection | None]) -> float:
    """Return the smallest mean of three neighbouring planes, without planes at the border."""
    areas = np.array([np.nan if s is None or s.at_border else s.area for s in sections])
    means = np.convolve(areas, np.ones(3) / 3, mode="valid")
    return float(np.nanmin(means)) if np.isfinite(means).any() else np.nan


def _sds(region: Region, section: CrossSection | SliceSection) -> tuple[float, float, float]:
    """Predict the SDs of area and chords from the quantisation of the rim."""
    spacing, cosines = region.volume.spacing, region.volume.affine[:3, :3] / region.volume.spacing

    def step(direction: np.ndarray) -> float:
        return float(np.sqrt(np.sum((spacing * (direction @ cosines)) ** 2)))

    across, deep = step(section.frame.left), step(section.frame.ap)
    rim = np.pi * np.sqrt(max(section.ap * section.lr, 1.0))
    pieces = max(rim / max(min(across, deep), 0.1), 4.0)
    area = rim * np.sqrt(across * deep) / np.sqrt(12) / np.sqrt(pieces) * 2
    return float(area), deep * np.sqrt(2 / 12), across * np.sqrt(2 / 12)


def _at_body(case: Case, name: str, region: Region, level: str, frame: Frame) -> Measurement:
    """Return the front-to-back diameter at a body: the median over 5 mm."""
    info = _info(case, region)
    across = plane_across(region, frame)
    method = f"{name}_chord_at_body"
    if across is None:
        reason = "the label does not pass this level"
        return Measurement(name, f"{name}_ap", "mm", np.nan, method, level, reason=reason, **info)
    sections = [
        cross_section(region, across.at(across.origin + o * across.cc), HALF_MM) for o in (-2.5, -1.25, 0, 1.25, 2.5)
    ]
    seen = [s for s in sections if s is not None]
    if len(seen) < 5 or any(s.at_border for s in seen):
        info = {**info, "touched_border": True, "flags": (*info["flags"], "touched_border")}
        reason = "the field of view cuts the structure at this level"
        return Measurement(name, f"{name}_ap", "mm", np.nan, method, level, reason=reason, **info)
    sd = _sds(region, seen[2])[1]
    return Measurement(
        name, f"{name}_ap", "mm", float(np.median([s.ap for s in seen])), method, level, sd_error=sd, **info
    )


def _info(case: Case, region: Region) -> dict:
    """Return quality fields; whether a canal is cut is judged level by level, as its ends always leave the image."""
    info = quality(region, flags=_trust(case, region))
    info["flags"] = tuple(flag for flag in info["flags"] if flag != "touched_border")
    return {**info, "touched_border": False}
