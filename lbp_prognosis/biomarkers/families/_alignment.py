"""Family 6: lordosis, Cobb angle of scoliosis, tilts and the pelvis."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from lbp_prognosis.biomarkers.families._case import Case
from lbp_prognosis.biomarkers.families._gap_score import gap_score
from lbp_prognosis.biomarkers.families._measurement import Measurement, quality
from lbp_prognosis.biomarkers.geometry._angles import coronal_tilt, sagittal_angle
from lbp_prognosis.biomarkers.geometry._caps import doubts
from lbp_prognosis.biomarkers.geometry._frame import unit

__all__ = ["hip_axis", "measure_alignment"]

LUMBAR = "lumbar_spine"


def measure_alignment(case: Case) -> list[Measurement]:
    """Measure the angles between endplates, and pelvic angles if the pelvic points are known.

    Angles are signed in the patient's own sagittal plane (lordosis positive). Quantities that refer to gravity (sacral
    slope, pelvic tilt, SVA, …) are measured against the vertical of the image and flagged with the patient's position,
    or with ``position_not_stated``.
    """
    rows = [*_lordosis(case), *_segmental(case), *_coronal(case), *_pelvis(case)]
    stated = case.position or "position_not_stated"
    return [_with_flag(row, stated) for row in rows]


def _with_flag(row: Measurement, flag: str) -> Measurement:
    return replace(row, flags=tuple(dict.fromkeys((*row.flags, flag))))


def _lordosis_between(
    case: Case, upper: tuple[str, str], lower: tuple[str, str]
) -> tuple[float, float, float, str, tuple[str, ...]]:
    """Return angle, SD, residual, the reason if an endplate is missing or cut, and doubts."""
    planes = []
    for level, which in (upper, lower):
        plane = case.spine.endplate(level, which)
        if plane is None:
            return np.nan, np.nan, np.nan, f"no {which} endplate of {level}", ()
        if level in case.spine.bodies and case.spine.bodies[level].region.cut:
            return np.nan, np.nan, np.nan, f"the field of view cuts {level}", ()
        planes.append(plane)
    angle = sagittal_angle(planes[0].normal, planes[1].normal, case.spine.left)
    return (
        angle,
        float(np.hypot(planes[0].sd_deg, planes[1].sd_deg)),
        max(p.rms for p in planes),
        "",
        doubts(*planes),
    )


def _lordosis(case: Case) -> list[Measurement]:
    rows: list[Measurement] = []
    if not any(level.startswith("l") for level in case.spine.bodies):
        return rows
    plans: Sequence[tuple[str, str, tuple[str, str], tuple[str, str]]] = (
        ("lumbar_lordosis", "l1_superior_to_s1_superior", ("l1", "superior"), ("s1", "superior")),
        ("lumbar_lordosis", "l1_superior_to_l5_inferior", ("l1", "superior"), ("l5", "inferior")),
    )
    for measure, method, upper, lower in plans:
        value, sd, residual, reason, doubt = _lordosis_between(case, upper, lower)
        rows.append(
            Measurement(
                LUMBAR,
                measure,
                "deg",
                value,
                method,
                sd_error=sd,
                fit_residual=residual,
                reason=reason,
                flags=(*case.spine.flags, *doubt),
            )
        )
    whole, low = _angle(case, "l1"), _angle(case, "l4")
    if np.isfinite([whole, low]).all() and abs(whole) > 1:
        rows.append(
            Measurement(
                LUMBAR, "lordosis_distribution", "%", 100 * low / whole, "l4s1_over_l1s1", flags=case.spine.flags
            )
        )
    return rows


def _angle(case: Case, top: str) -> float:
    return _lordosis_between(case, (top, "superior"), ("s1", "superior"))[0]


def _segmental(case: Case) -> list[Measurement]:
    rows = []
    for upper, lower in case.spine.pairs():
        value, sd, residual, reason, doubt = _lordosis_between(case, (upper, "superior"), (lower, "superior"))
        rows.append(
            Measurement(
                "disc",
                "segmental_lordosis",
                "deg",
                value,
                "superior_to_superior",
                upper + lower,
                sd_error=sd,
                fit_residual=residual,
                reason=reason,
                flags=(*case.spine.flags, *doubt),
            )
        )
    return rows


def _coronal(case: Case) -> list[Measurement]:
    """Return the largest difference of coronal tilts (Cobb), and the lateral offset of each body from the next."""
    bodies = {level: body for level, body in case.spine.bodies.items() if not body.region.cut}
    tilts = []
    doubt: tuple[str, ...] = ()
    front = unit(np.mean([body.frame.ap for body in bodies.values()], axis=0)) if bodies else np.array([0.0, 1.0, 0.0])
    up = np.cross(front, case.spine.left)
    up = up if up @ np.array([0.0, 0.0, 1.0]) > 0 else -up
    for body in bodies.values():
        for plane in (body.superior, body.inferior):
            if plane is not None:
                tilts.append((coronal_tilt(plane.normal, front, up), plane.sd_deg))
                doubt += plane.doubt
    value = float(np.ptp([t for t, _ in tilts])) if len(bodies) >= 2 else np.nan
    names = list(bodies)
    method = "largest_difference_of_endplate_tilts"
    reason = "" if len(bodies) >= 2 else "fewer than two whole bodies"
    flags = (*case.spine.flags, *((f"{names[0]}_to_{names[-1]}",) if names else ()), *dict.fromkeys(doubt))
    sd = float(np.sqrt(2) * np.median([s for _, s in tilts])) if tilts else np.nan
    rows = (
        [Measurement("spine", "cobb", "deg", value, method, sd_error=sd, reason=reason, flags=flags)] if names else []
    )
    for upper, lower in case.spine.pairs():
        if upper in bodies and lower in bodies:
            low = bodies[lower].frame
            step = bodies[upper].region.centroid - low.origin
            # The centres of two bodies that are tilted against each other lie on an arc, whose chord has half the tilt.
            lean = np.arctan2(bodies[upper].frame.cc @ low.left, bodies[upper].frame.cc @ low.cc)
            offset = float(step @ low.left - np.tan(lean / 2) * (step @ low.cc))
            spacing = float(case.anatomy.grid.spacing.max())
            rows.append(
                Measurement(
                    "disc",
                    "lateral_listhesis",
                    "mm",
                    offset,
                    "centroid_step_in_lower_frame",
                    upper + lower,
                    sd_error=spacing / np.sqrt(12) / 3,
                    **quality(bodies[upper].region, flags=case.spine.flags),
                )
            )
    return rows


def _pelvis(case: Case) -> list[Measurement]:
    """Return measures that need the sacrum, the femoral heads, c7 or t1."""
    rows: list[Measurement] = []
    sacral = case.spine.sacral
    left = case.spine.left
    up = np.array([0.0, 0.0, 1.0])
    flags = case.spine.flags
    if sacral is None:
        return rows
    slope = sagittal_angle(up, sacral.normal, left)
    rows.append(
        Measurement(
            "pelvis",
            "sacral_slope",
            "deg",
            slope,
            "s1_against_image_vertical",
            sd_error=sacral.sd_deg,
            flags=(*flags, *sacral.doubt),
        )
    )
    heads = hip_axis(case)
    if heads is None:
        reason = "no femoral heads: not in the field of view, not labelled and not given as landmarks"
        rows.append(
            Measurement("pelvis", "pelvic_incidence", "deg", np.nan, "s1_normal_to_heads", reason=reason, flags=flags)
        )
        return rows
    line = heads - sacral.point
    pi = sagittal_angle(-line, sacral.normal, left)
    tilt = sagittal_angle(-line, up, left)
    lordosis = _angle(case, "l1")
    rows += [
        Measurement("pelvis", "pelvic_incidence", "deg", pi, "s1_normal_to_heads", sd_error=sacral.sd_deg, flags=flags),
        Measurement("pelvis", "pelvic_tilt", "deg", tilt, "heads_to_s1_against_image_vertical", flags=flags),
    ]
    if np.isfinite(lordosis):
        rows.append(Measurement("whole_spine", "pi_minus_ll", "deg", pi - lordosis, "s1_normal_to_heads", flags=flags))
    rows += _global(case, sacral.point, heads, pi, slope, lordosis)
    return rows


def hip_axis(case: Case) -> np.ndarray | None:
    """Return the midpoint of the femoral heads from landmarks or labels."""
    points = []
    for side in ("left", "right"):
        given = case.landmarks.get(f"femoral_head_{side}")
        region = case.anatomy.get("femoral_head", "", side)
        if given is not None:
            points.append(np.asarray(given, dtype=float))
        elif region is not None and not region.cut:
            points.append(region.centroid)
    return np.mean(points, axis=0) if len(points) == 2 else None


def _global(
    case: Case, sacrum: np.ndarray, heads: np.ndarray, pi: float, slope: float, lordosis: float
) -> list[Measurement]:
    rows = []
    left = case.spine.left
    up = np.array([0.0, 0.0, 1.0])
    flags = case.spine.flags
    centres = {level: body.region.centroid for level, body in case.spine.bodies.items()}
    if "t1" in centres:
        tpa = sagittal_angle(sacrum - heads, centres["t1"] - heads, left)
        rows.append(Measurement("whole_spine", "tpa", "deg", tpa, "t1_heads_s1", flags=flags))
    if "c7" in centres and case.spine.sacral_frame is not None:
        front = np.cross(left, up)
        front = front if front @ case.spine.sacral_frame.ap > 0 else -front
        if case.spine.sacral_ends is not None:
            corner = case.spine.sacral_ends[0]
        else:
            depth = max((b.depth for b in case.spine.bodies.values() if np.isfinite(b.depth)), default=np.nan)
            corner = sacrum - 0.5 * depth * case.spine.sacral_frame.ap
        sva = float((centres["c7"] - corner) @ front)
        rows.append(Measurement("whole_spine", "sva", "mm", sva, "c7_centre_to_s1_back_corner", flags=flags))
        tilt = sagittal_angle(sacrum - heads, centres["c7"] - sacrum, left)
        rows.append(Measurement("whole_spine", "global_tilt", "deg", tilt, "c7_s1_heads", flags=flags))
        low = _angle(case, "l4")
        if np.isfinite([lordosis, low, case.age]).all() and lordosis != 0:
            score = gap_score(pi, slope, lordosis, low, tilt, case.age)
            reason = "" if case.position == "standing" else "the score is defined for the standing position only"
            value = score.total if not reason else np.nan
            rows.append(
                Measurement("whole_spine", "gap_score", "points", value, "gap_2017", reason=reason, flags=flags)
            )
    return rows
