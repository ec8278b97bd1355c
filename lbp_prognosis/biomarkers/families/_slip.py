"""Slip of a vertebra relative to the one below it."""

from __future__ import annotations

import numpy as np

from lbp_prognosis.biomarkers.anatomy._levels import split_disc
from lbp_prognosis.biomarkers.families._case import Case
from lbp_prognosis.biomarkers.families._measurement import Measurement, quality
from lbp_prognosis.biomarkers.geometry._frame import Frame, unit
from lbp_prognosis.biomarkers.geometry._heights import central_columns

__all__ = ["measure_slip", "meyerding_grade"]


def meyerding_grade(percent: float, cuts: tuple[float, ...], present: float = 0.0) -> int:
    """Return 0 for no forward slip, else 1 plus the number of cuts reached."""
    if percent <= present:
        return 0
    return 1 + int(sum(percent >= cut for cut in cuts))


def measure_slip(case: Case, level: str, frame: Frame) -> list[Measurement]:
    """Measure the slip along the upper endplate of the lower vertebra, positive forwards.

    The line of the lower endplate runs from its back corner P to its front corner Q; R is the lower back corner of the
    upper body. slip = (R − P)·e with e = (Q − P)/|Q − P|, and slip % = 100 slip/|Q − P|.
    """
    upper, lower = split_disc(level)
    above, below = case.spine.bodies.get(upper), case.spine.bodies.get(lower)
    method = "slip_lower_endplate"

    def none(reason: str, flags: tuple[str, ...] = ()) -> list[Measurement]:
        info = quality(above.region if above is not None else None, flags=flags)
        return [
            Measurement("disc", name, unit_, np.nan, method, level, reason=reason, **info)
            for name, unit_ in (("slip", "mm"), ("slip_percent", "%"), ("meyerding", "grade"))
        ]

    if above is None:
        return none(f"no body of {upper}")
    sacral = lower == "s1"
    if below is None and not sacral:
        return none(f"no body of {lower}")
    for body in (above, below):
        if body is not None and body.region.cut:
            return none(f"the field of view cuts {body.level}")
    lower_ends = case.spine.sacral_ends if below is None else _corners(below.caps, below.frame, "superior")
    upper_ends = _corners(above.caps, above.frame, "inferior")
    if lower_ends is None or upper_ends is None:
        return none("the corners of an endplate could not be found")
    back, front = lower_ends
    axis = unit(front - back)
    length = float(np.linalg.norm(front - back))
    slip = float((upper_ends[0] - back) @ axis)
    percent = 100 * slip / length
    case.kept[f"slip {level}"] = np.array([back, back + slip * axis, upper_ends[0]])
    spacing = float(
        np.sqrt(
            np.sum(
                (case.anatomy.grid.spacing * (axis @ (case.anatomy.grid.affine[:3, :3] / case.anatomy.grid.spacing)))
                ** 2
            )
        )
    )
    sd = spacing * np.sqrt(2 / 12)
    info = quality(above.region, flags=case.spine.flags)
    grade = meyerding_grade(percent, case.recipe.meyerding_cuts, case.recipe.slip_present_percent)
    return [
        Measurement("disc", "slip", "mm", slip, method, level, sd_error=sd, **info),
        Measurement("disc", "slip_percent", "%", percent, method, level, sd_error=100 * sd / length, **info),
        Measurement("disc", "meyerding", "grade", grade, method, level, **info),
    ]


def _corners(caps: object, frame: Frame, which: str) -> tuple[np.ndarray, np.ndarray] | None:
    """Return the back and front end of an endplate in the central slab, RAS.

    The ends are read just inside the body (a quarter of its height from the endplate), where the wall is whole, and are
    then projected along the axis onto the endplate.
    """
    from lbp_prognosis.biomarkers.geometry._caps import Caps
    from lbp_prognosis.biomarkers.geometry._heights import sagittal_span

    assert isinstance(caps, Caps)
    if not caps.inside.any():
        return None
    central = central_columns(caps, caps.inside, 0.3)
    back, front = sagittal_span(caps, central)
    surface = caps.top if which == "superior" else caps.bottom
    if not np.isfinite([back, front]).all():
        return None
    middle = float(caps.left[central].mean())
    heights = np.where(np.isfinite(surface), surface, np.nan)[:, central]
    with np.errstate(invalid="ignore"):
        usable = np.asarray(np.isfinite(heights).any(axis=1))
    if usable.sum() < 5:
        return None
    profile = np.array([np.nanmean(row) if ok else np.nan for row, ok in zip(heights, usable.tolist())])
    inner = usable & (caps.ap > back + 0.1 * (front - back)) & (caps.ap < front - 0.1 * (front - back))
    slope, offset = np.polyfit(caps.ap[inner], profile[inner], 1)
    ends = [np.array([a, middle, offset + slope * a]) for a in (back, front)]
    return frame.to_world(ends[0]), frame.to_world(ends[1])
