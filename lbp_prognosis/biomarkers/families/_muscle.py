"""Family 4: size, fat and attenuation of the muscles along the spine."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy import ndimage

from lbp_prognosis.biomarkers.anatomy._axial_stack import AxialStack, SliceSection
from lbp_prognosis.biomarkers.anatomy._label_map import MUSCLES
from lbp_prognosis.biomarkers.families._case import Case, intensities
from lbp_prognosis.biomarkers.families._fat import FatModel, fat_models
from lbp_prognosis.biomarkers.families._measurement import Measurement, quality
from lbp_prognosis.biomarkers.geometry._cross_section import CrossSection, cross_section, plane_across
from lbp_prognosis.biomarkers.geometry._frame import Frame
from lbp_prognosis.biomarkers.geometry._region import Region

__all__ = ["AT_BODY", "measure_muscle"]

AT_BODY = "_at_body"
"""Ending of the name of a method at a body: values at bodies and at discs are two variables."""

HALF_MM = 90.0
CUT = "the field of view cuts the muscle"


def measure_muscle(case: Case) -> list[Measurement]:
    """Measure each muscle of each side at every disc, and as a whole.

    ``csa`` is the mean over planes across the muscle's own axis at the disc's middle; ``fcsa`` = csa × (1 − fat
    fraction); ``asymmetry`` = 100 |left − right| / max(left, right) of the areas. With ``Recipe(muscle_profile=True)``
    area and fat are also measured in the same way at the middle of each whole body, by methods that end in
    ``_at_body``.
    """
    rows: list[Measurement] = []
    areas: dict[tuple[str, str, str], float] = {}
    for structure in MUSCLES:
        for side in ("left", "right", ""):
            region = case.anatomy.get(structure, "", side)
            if region is not None:
                rows += _one(case, region, areas)
    rows += _asymmetry(case, areas)
    return rows


def _one(case: Case, region: Region, areas: dict[tuple[str, str, str], float]) -> list[Measurement]:
    name, side = region.structure, region.side
    rim = _eroded(region, case.recipe.muscle_erosion)
    models = fat_models(case, region, rim)
    ct = case.images.get("main") if case.modality == "ct" else None
    rows = [_volume(region), *_volume_l1_l5(case, region)]
    rows += _fat_rows(case, region, "", rim, models, ct, np.nan)
    levels = 0
    stack = case.stack
    for level in case.section_levels():
        if stack is not None and level in stack.levels:
            new = _in_stack(case, stack, region, level, rim, models, ct, areas)
            levels += bool(new)
            rows += new
            continue
        found = case.disc_frame(level)
        frame = plane_across(region, found[0], reach=12.0) if found is not None else None
        if frame is None:
            continue
        levels += 1
        rows += _at_level(case, region, level, frame, rim, models, ct, areas)
    if case.recipe.muscle_profile and stack is None:
        rows += _at_bodies(case, region, rim, models, ct)
    if not levels:
        reason = (
            "no level is named: also give a vertebra or disc mask, or state `level` for an axial stack"
            if not case.section_levels()
            else "the muscle passes no disc in this field of view"
        )
        rows.append(
            Measurement(name, "csa", "mm2", np.nan, "csa_across_muscle", side=side, reason=reason, **_info(region))
        )
    return rows


def _info(region: Region) -> dict:
    info = quality(region)
    return {**info, "flags": tuple(f for f in info["flags"] if f != "touched_border"), "touched_border": False}


def _volume(region: Region) -> Measurement:
    info = quality(region)
    value = np.nan if region.cut else region.volume_mm3 / 1000
    return Measurement(
        region.structure,
        "muscle_volume",
        "ml",
        value,
        "volume_voxels",
        side=region.side,
        reason=CUT if region.cut else "",
        **info,
    )


def _volume_l1_l5(case: Case, region: Region) -> list[Measurement]:
    """Return the volume between the upper endplate of l1 and the lower one of l5, if both bodies are whole."""
    top, bottom = case.spine.endplate("l1", "superior"), case.spine.endplate("l5", "inferior")
    whole = all(level in case.spine.bodies and not case.spine.bodies[level].region.cut for level in ("l1", "l5"))
    if top is None or bottom is None or not whole:
        return []
    p = region.points
    between = ((p - top.point) @ top.normal < 0) & ((p - bottom.point) @ bottom.normal > 0)
    info = _info(region)
    if region.reaches_border(p[between]) if between.any() else True:
        info = {**info, "touched_border": True, "flags": (*info["flags"], "touched_border")}
        return [
            Measurement(
                region.structure, "muscle_volume", "ml", np.nan, "volume_l1_l5", side=region.side, reason=CUT, **info
            )
        ]
    value = float(between.sum()) * region.volume.voxel_volume / 1000
    return [Measurement(region.structure, "muscle_volume", "ml", value, "volume_l1_l5", side=region.side, **info)]


def _at_level(
    case: Case,
    region: Region,
    level: str,
    frame: Frame,
    rim: np.ndarray,
    models: dict[str, FatModel | str],
    ct: object,
    areas: dict[tuple[str, str, str], float],
) -> list[Measurement]:
    name, side = region.structure, region.side
    info = _info(region)
    recipe = case.recipe
    offsets = (np.arange(recipe.muscle_slices) - (recipe.muscle_slices - 1) / 2) * recipe.muscle_slice_gap_mm
    sections = [cross_section(region, frame.at(frame.origin + o * frame.cc), HALF_MM) for o in offsets]
    seen = [s for s in sections if s is not None]
    if len(seen) < len(sections) or any(s.at_border for s in seen):
        info = {**info, "touched_border": True, "flags": (*info["flags"], "touched_border")}
        return [Measurement(name, "csa", "mm2", np.nan, "csa_across_muscle", level, side, reason=CUT, **info)]
    area = float(np.mean([s.area for s in seen]))
    areas[name, level, side] = area
    rows = _area_rows(case, region, level, area, _area_sd(region, seen[len(seen) // 2]), "csa_across_muscle", info)
    slab = max(2.5, 0.5 * float(region.volume.spacing.max()))
    near = np.abs((region.points - frame.origin) @ frame.cc) <= slab
    mask = np.zeros_like(region.mask)
    mask[tuple(region.indices[near].T)] = True
    rows += _fat_rows(case, region, level, mask & rim, models, ct, area)
    return rows


def _at_bodies(
    case: Case, region: Region, rim: np.ndarray, models: dict[str, FatModel | str], ct: object
) -> list[Measurement]:
    """Measure between the discs: at the middle of each whole body that the muscle passes."""
    rows: list[Measurement] = []
    for level, body in case.spine.bodies.items():
        frame = None if body.region.cut else plane_across(region, body.frame, reach=12.0)
        if frame is not None:
            rows += _at_level(case, region, level, frame, rim, models, ct, {})
    return [replace(row, method_id=row.method_id + AT_BODY) for row in rows]


def _in_stack(
    case: Case,
    stack: AxialStack,
    region: Region,
    level: str,
    rim: np.ndarray,
    models: dict[str, FatModel | str],
    ct: object,
    areas: dict[tuple[str, str, str], float],
) -> list[Measurement]:
    """Measure on the slices of an axial stack; no rows if the muscle does not pass them."""
    recipe = case.recipe
    reach = 0.5 * (recipe.muscle_slices - 1) * max(recipe.muscle_slice_gap_mm, stack.step)
    section = stack.section(region, level, mean_mm=max(reach, 0.51 * stack.step))
    if section is None:
        return []
    name, side = region.structure, region.side
    info = _info(region)
    flags = (*info["flags"], *stack.flags[level], *(() if section.across else ("one_slice",)))
    info = {**info, "flags": flags, "n_slices": len(section.slices)}
    method = "csa_across_muscle" if section.across else "csa_in_slice"
    if section.at_border:
        info = {**info, "touched_border": True, "flags": (*flags, "touched_border")}
        return [Measurement(name, "csa", "mm2", np.nan, method, level, side, reason=CUT, **info)]
    if section.across:
        areas[name, level, side] = section.area
    rows = _area_rows(case, region, level, section.area, _area_sd(region, section), method, info)
    chosen = np.isin(region.indices[:, stack.axis] + region.start[stack.axis], section.slices)
    mask = np.zeros_like(region.mask)
    mask[tuple(region.indices[chosen].T)] = True
    fat = _fat_rows(case, region, level, mask & rim, models, ct, section.area)
    return [*rows, *(replace(row, flags=tuple(dict.fromkeys((*row.flags, *stack.flags[level])))) for row in fat)]


def _area_rows(
    case: Case, region: Region, level: str, area: float, sd: float, method: str, info: dict
) -> list[Measurement]:
    name, side = region.structure, region.side
    rows = [Measurement(name, "csa", "mm2", area, method, level, side, sd_error=sd, **info)]
    if np.isfinite(case.stature_m):
        square = case.stature_m**2
        rows.append(
            Measurement(
                name,
                "csa_height_ratio",
                "mm2/m2",
                area / square,
                "csa_over_stature_squared",
                level,
                side,
                sd_error=sd / square,
                **info,
            )
        )
    return rows


def _area_sd(region: Region, section: CrossSection | SliceSection) -> float:
    spacing, cosines = region.volume.spacing, region.volume.affine[:3, :3] / region.volume.spacing
    steps = [np.sqrt(np.sum((spacing * (d @ cosines)) ** 2)) for d in (section.frame.ap, section.frame.left)]
    rim = 2 * np.sqrt(np.pi * section.area)
    return float(2 * rim * np.sqrt(steps[0] * steps[1]) / np.sqrt(12) / np.sqrt(max(rim / min(steps), 4)))


def _eroded(region: Region, voxels: int) -> np.ndarray:
    """Erode voxels from the rim within the slice (also across slices if voxels are cubes)."""
    if not voxels:
        return region.mask
    spacing = region.volume.spacing
    cross = ndimage.generate_binary_structure(3, 1)
    if spacing.max() > 2 * spacing.min():
        cut = [slice(None)] * 3
        axis = int(np.argmax(spacing))
        for edge in (0, 2):
            cut[axis] = slice(edge, edge + 1)
            cross[tuple(cut)] = False
    return ndimage.binary_erosion(region.mask, cross, iterations=voxels)


def _fat_rows(
    case: Case, region: Region, level: str, mask: np.ndarray, models: dict[str, FatModel | str], ct: object, area: float
) -> list[Measurement]:
    name, side = region.structure, region.side
    n = int(mask.sum())
    info = {**_info(region), "n_voxels": n}
    if case.recipe.muscle_erosion == 0:
        info["flags"] = (*info["flags"], "rim_not_eroded")
    rows = []
    for method, model in models.items():
        label = f"fat_fraction_{method}"
        if isinstance(model, str) or n < 20:
            reason = model if isinstance(model, str) else "fewer than 20 voxels within the rim"
            rows.append(Measurement(name, "fat_fraction", "%", np.nan, label, level, side, reason=reason, **info))
            continue
        share, sd, reason = model.share(region, mask)
        own = {**info, "flags": (*info["flags"], *model.flags)}
        rows.append(
            Measurement(
                name, "fat_fraction", "%", 100 * share, label, level, side, sd_error=100 * sd, reason=reason, **own
            )
        )
        if np.isfinite(area) and np.isfinite(share):
            rows.append(
                Measurement(
                    name, "fcsa", "mm2", area * (1 - share), f"fcsa_{method}", level, side, sd_error=area * sd, **own
                )
            )
    if ct is not None and n >= 20:
        low, high = case.recipe.attenuation_window
        values = intensities(ct, region, mask)  # type: ignore[arg-type]
        values = values[(values >= low) & (values <= high)]
        mean = float(values.mean()) if values.size >= 20 and not case.no_hu else np.nan
        sd = float(values.std() / np.sqrt(values.size)) if values.size else np.nan
        rows.append(
            Measurement(
                name,
                "muscle_attenuation",
                "HU",
                mean,
                "attenuation_in_window",
                level,
                side,
                sd_error=sd,
                reason=case.no_hu or ("" if values.size >= 20 else "fewer than 20 voxels in the window"),
                **info,
            )
        )
    return rows


def _asymmetry(case: Case, areas: dict[tuple[str, str, str], float]) -> list[Measurement]:
    rows = []
    for name, level, side in list(areas):
        if side == "left" and (name, level, "right") in areas:
            left, right = areas[name, level, "left"], areas[name, level, "right"]
            value = 100 * abs(left - right) / max(left, right)
            region = case.anatomy.get(name, "", "left")
            rows.append(
                Measurement(
                    name, "asymmetry", "%", value, "asymmetry_of_csa", level, **(_info(region) if region else {})
                )
            )
    return rows
