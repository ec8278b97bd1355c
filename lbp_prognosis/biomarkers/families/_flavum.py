"""Thickness of the ligamentum flavum of each side, where a label of it exists."""

from __future__ import annotations

import numpy as np

from lbp_prognosis.biomarkers.families._case import SIDES, Case
from lbp_prognosis.biomarkers.families._facet import axial_frame, find_facets
from lbp_prognosis.biomarkers.families._measurement import Measurement, quality
from lbp_prognosis.biomarkers.geometry._frame import Frame
from lbp_prognosis.biomarkers.geometry._region import Region

__all__ = ["flavum_thickness", "measure_flavum"]

STEP_MM = 0.25
HALF_MM = 30.0
MIDDLE_MM = 1.5
SHORTEST_MM = 4.0
LEAST_RATIO = 1.5
"""Of length to thickness: in a section about as thick as long the two directions are exchanged by a voxel."""
PLANES_MM = (-1.0, 0.0, 1.0)
METHOD = "chord_at_half_length"


def measure_flavum(case: Case) -> list[Measurement]:
    """Measure the thickness of the ligamentum flavum where labels name it.

    ``ligament_thickness`` is the extent of the ligament's section across its own length, averaged over 3 mm at half of
    its length and over three planes 1 mm apart. The planes lie across the spine at the middle of the facet joints [1]_
    or, where no articular processes are labelled, of the disc. A label of both sides is divided at the midsagittal
    plane. None of the conventions of the library labels the ligament: a table of your own names it
    (``structure = "ligamentum_flavum", level = "l4l5"``).

    References
    ----------
    .. [1] Khasawneh R, Abu El-Rub E, Allouh M. Human lumbosacral root and ligamentum flavum thicknesses: a magnetic
       resonance study. Folia Morphol. 2023;82(1):72–78. doi:10.5603/FM.a2021.0120
    """
    rows = []
    for upper, lower in case.spine.pairs():
        for side, sign in SIDES.items():
            own = case.anatomy.get("ligamentum_flavum", upper + lower, side)
            region = own or case.anatomy.get("ligamentum_flavum", upper + lower)
            if region is not None:
                rows.append(_row(case, upper, lower, side, sign, region))
    return rows


def _row(case: Case, upper: str, lower: str, side: str, sign: float, region: Region) -> Measurement:
    level, axes = upper + lower, axial_frame(case, upper, lower)
    values: list[float] = []
    reason = "no plane across the spine: neither endplates nor a whole body"
    flags: tuple[str, ...] = ()
    if axes is not None:
        ends = [f.ends for f in find_facets(case) if f.level == level and f.ends.size]
        frame = axes[0]
        if ends:
            frame = frame.at(frame.origin + ((np.vstack(ends).mean(axis=0) - frame.origin) @ frame.cc) * frame.cc)
        flags = axes[1] if ends else (*axes[1], "at_middle_of_disc")
        planes = [frame.at(frame.origin + at * frame.cc) for at in PLANES_MM]
        values = [flavum_thickness(region, plane, sign) for plane in planes]
        reason = ""
        if np.isnan(values).any():
            reason = "the label does not pass the level of the joint over 4 mm, or is not longer than thick there"
        if region.reaches_border(region.points):
            reason = "the field of view cuts the ligament"
    value = float(np.mean(values)) if values and not reason else float("nan")
    spacing = region.volume.spacing
    step = float(np.exp(np.log(spacing).mean()))
    info = quality(region, flags=(*case.spine.flags, *flags))
    return Measurement(
        "ligamentum_flavum",
        "ligament_thickness",
        "mm",
        value,
        METHOD,
        level,
        side,
        sd_error=step * np.sqrt(2 / 12),
        reason=reason,
        **info,
    )


def flavum_thickness(region: Region, frame: Frame, sign: float) -> float:
    """Return the extent of one side's section on a plane across its length, about half of it, mm.

    NaN where the section is shorter than 4 mm or than 1.5 times its thickness.
    """
    at = np.arange(-HALF_MM, HALF_MM, STEP_MM) + STEP_MM / 2  # centres of cells
    grid = np.zeros((at.size, at.size, 3))
    grid[..., 0], grid[..., 1] = at[:, None] - HALF_MM, at[None, :]
    seen = (region.sample(frame.to_world(grid)) >= 0.5) & (sign * grid[..., 1] > 0)
    points = grid[seen][:, :2]
    if points.shape[0] < 4:
        return float("nan")
    centre = points.mean(axis=0)
    along = np.linalg.svd(points - centre, full_matrices=False)[2][0]
    place = (points - centre) @ along
    length = float(np.ptp(place)) + STEP_MM
    half = 0.5 * (place.min() + place.max())
    thick = float((np.abs(place - half) <= MIDDLE_MM).sum() * STEP_MM**2 / (2 * MIDDLE_MM))
    return thick if length >= max(SHORTEST_MM, LEAST_RATIO * thick - 1e-9) else float("nan")
