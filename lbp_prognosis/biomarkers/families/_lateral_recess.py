"""Height and angle of the bony lateral recess of each side."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lbp_prognosis.biomarkers.anatomy._body_geometry import BodyGeometry
from lbp_prognosis.biomarkers.anatomy._levels import split_disc
from lbp_prognosis.biomarkers.families._case import SIDES, Case
from lbp_prognosis.biomarkers.families._foramen import whole_vertebra
from lbp_prognosis.biomarkers.families._measurement import Measurement, quality
from lbp_prognosis.biomarkers.geometry._region import Region

__all__ = ["Recess", "find_recesses", "measure_lateral_recess"]

STEP_MM = 0.25
BAND_MM = (1.0, 4.0)
ASIDE_MM = (3.0, 30.0)
WIDTH_MM = 8.0
RIM_MM = 0.5
REACH_MM = 25.0
SPAN_MM = 3.0
PLANES_MM = (-1.0, 0.0, 1.0)
METHOD = "bony_at_top_of_pedicle"


@dataclass(frozen=True, eq=False)
class Recess:
    """A lateral recess on the planes at the upper border of its pedicle.

    Attributes
    ----------
    level, side : str
        Level of the disc above the pedicle.
    height, angle : float
        mm and degrees; NaN with ``reasons``.
    ends : array of shape (2, 3)
        RAS positions between which the height is read; empty without it.
    reasons : (str, str)
        Why the height or the angle is missing.
    """

    level: str
    side: str
    height: float
    angle: float
    ends: np.ndarray
    reasons: tuple[str, str] = ("", "")


def measure_lateral_recess(case: Case) -> list[Measurement]:
    """Measure the lateral recesses of vertebrae whose superior articular processes are labelled.

    On planes across the vertebra at the upper border of the pedicle, medial to it, the floor is the back wall of the
    body and the roof the front of the superior articular process. ``lateral_recess_height`` is the shortest distance
    from the most anterior point of the process to the back wall; ``lateral_recess_angle`` that between the lines along
    floor and roof, positive where the recess opens inwards [1]_. Three planes 1 mm apart are averaged. Ligament, disc
    and capsule narrow the recess further; they are not part of this bony measure. The level is that of the disc above
    the pedicle.

    References
    ----------
    .. [1] Steurer J et al. Quantitative radiologic criteria for the diagnosis of lumbar spinal stenosis: a systematic
       literature review. BMC Musculoskelet Disord. 2011;12:175. doi:10.1186/1471-2474-12-175
    """
    rows = []
    limit = case.recipe.coarse_mm + 1e-6
    for found in find_recesses(case):
        vertebra = case.spine.bodies[split_disc(found.level)[1]]
        body, aside = vertebra.region, vertebra.region.step_along(vertebra.frame.left)
        info = quality(body, flags=(*case.spine.flags, *(("area_low_confidence",) if aside > limit else ())))
        deep = body.step_along(vertebra.frame.ap) / np.sqrt(6)
        slope = float(np.degrees(deep / WIDTH_MM * np.sqrt(12 * aside / WIDTH_MM)))
        for measure, unit, value, sd, reason in (
            ("lateral_recess_height", "mm", found.height, deep, found.reasons[0]),
            ("lateral_recess_angle", "deg", found.angle, slope, found.reasons[1]),
        ):
            rows.append(
                Measurement(
                    "subarticular_recess",
                    measure,
                    unit,
                    value,
                    METHOD,
                    found.level,
                    found.side,
                    sd_error=sd,
                    reason=reason,
                    **info,
                )
            )
    return rows


def find_recesses(case: Case) -> list[Recess]:
    """Return the recesses of the lower vertebra of each pair of neighbours, top to bottom, left first."""
    if "recesses" not in case.kept:
        case.kept["recesses"] = [
            _one(case, upper, lower, side, process)
            for upper, lower in case.spine.pairs()
            for side in SIDES
            if lower in case.spine.bodies
            and (process := case.anatomy.get("superior_articular_process", lower, side)) is not None
        ]
    return list(case.kept["recesses"])


def _one(case: Case, upper: str, lower: str, side: str, process: Region) -> Recess:
    """Return the recess of a side, or the reason why it is not visible."""

    def none(reason: str) -> Recess:
        return Recess(upper + lower, side, np.nan, np.nan, np.empty((0, 3)), (reason, reason))

    body, whole = case.spine.bodies[lower], whole_vertebra(case, lower)
    if body.region.cut:
        return none(f"the field of view cuts {lower}")
    border = None if whole is None else _pedicle_border(body, whole, SIDES[side])
    if border is None:
        return none(f"{lower} has no pedicle on this side in the labels")
    found = [_on_plane(body, process, SIDES[side], border[0] + at, border[1]) for at in PLANES_MM]
    seen = [one for one in found if one is not None]
    if len(seen) < len(PLANES_MM):
        return none("the superior articular process does not lie behind the body at the top of the pedicle")
    angles = [angle for _, angle, _ in seen]
    missing = "the process covers less than 3 mm of the recess" if np.isnan(angles).any() else ""
    middle = seen[len(seen) // 2][2]
    return Recess(
        upper + lower,
        side,
        float(np.mean([height for height, _, _ in seen])),
        float(np.mean(angles)),
        body.frame.to_world(middle),
        ("", missing),
    )


def _pedicle_border(body: BodyGeometry, whole: Region, sign: float) -> tuple[float, float] | None:
    """Return the height of the upper border of a pedicle and the position of its inner border, local coordinates, mm.

    Each border lies where the pedicle's section reaches half of its largest extent.
    """
    height = float(np.nanmedian(body.caps.top - body.caps.bottom))
    behind = -0.5 * body.depth - np.arange(*BAND_MM, 2 * STEP_MM)
    aside, up = np.arange(*ASIDE_MM, STEP_MM), np.arange(-0.7 * height, 0.7 * height, STEP_MM)
    held = whole.sample_columns(body.frame, behind, sign * aside, up) >= 0.5
    across = held.sum(axis=(0, 1))
    if held.sum() * 2 * STEP_MM**3 < 50.0:
        return None
    tall = np.flatnonzero(across >= 0.5 * across.max())
    wide = held[:, :, tall[0] : tall[-1] + 1].sum(axis=(0, 2))
    inner = np.flatnonzero(wide >= 0.5 * wide.max())
    return float(up[tall[-1]]), float(aside[inner[0]])


def _on_plane(
    body: BodyGeometry, process: Region, sign: float, up: float, inner: float
) -> tuple[float, float, np.ndarray] | None:
    """Return height, angle and the ends of the height (local coordinates) on a plane; None without a roof."""
    aside = np.arange(max(inner - WIDTH_MM, STEP_MM), inner - RIM_MM + STEP_MM / 2, STEP_MM)
    ap = np.arange(-0.5 * body.depth - REACH_MM, 0.0, STEP_MM)
    at = np.array([up])
    wall = body.region.sample_columns(body.frame, ap, sign * aside, at)[:, :, 0] >= 0.5
    bone = process.sample_columns(body.frame, ap, sign * aside, at)[:, :, 0] >= 0.5
    if not wall.any():
        return None
    floor = np.where(wall.any(axis=0), ap[np.argmax(wall, axis=0)], np.nan) - STEP_MM / 2
    bone &= ap[:, None] < floor[None, :]
    roof = np.where(bone.any(axis=0), ap[ap.size - 1 - np.argmax(bone[::-1], axis=0)], np.nan) + STEP_MM / 2
    both = np.isfinite(floor) & np.isfinite(roof)
    if not both.any():
        return None
    tip = int(np.nanargmax(np.where(both, roof, np.nan)))
    away = np.hypot(floor - roof[tip], aside - aside[tip])
    foot = int(np.nanargmin(away))
    angle = np.nan
    if np.ptp(aside[both]) >= SPAN_MM - 1e-9:
        slopes = [np.polyfit(-aside[both], line[both], 1)[0] for line in (floor, roof)]
        angle = float(np.degrees(np.arctan(slopes[0]) - np.arctan(slopes[1])))
    ends = np.array([[roof[tip], sign * aside[tip], up], [floor[foot], sign * aside[foot], up]])
    return float(away[foot]), angle, ends
