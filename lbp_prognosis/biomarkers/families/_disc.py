"""Family 1: height, shape and signal of the disc, and the slip of the vertebra above it."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from lbp_prognosis.biomarkers.anatomy._body_geometry import BodyGeometry
from lbp_prognosis.biomarkers.anatomy._levels import split_disc
from lbp_prognosis.biomarkers.families._case import Case
from lbp_prognosis.biomarkers.families._disc_signal import disc_signals
from lbp_prognosis.biomarkers.families._measurement import Measurement, quality
from lbp_prognosis.biomarkers.families._signal_ratio import disc_fluid_ratio
from lbp_prognosis.biomarkers.families._slip import measure_slip
from lbp_prognosis.biomarkers.geometry._caps import (
    Caps,
    at_voxels,
    doubts,
    fit_endplate,
    measure_caps,
    pedicle_columns,
)
from lbp_prognosis.biomarkers.geometry._frame import Frame
from lbp_prognosis.biomarkers.geometry._heights import central_columns, height_sd, heights_along_depth
from lbp_prognosis.biomarkers.geometry._region import Region

__all__ = ["measure_disc"]

_BORDER = "the field of view cuts the disc"


def measure_disc(case: Case) -> list[Measurement]:
    """Measure every disc and every gap between two neighbouring bodies.

    Heights (mm) by four formulas: ``disc_height_area`` = volume / area on the mid-plane; ``disc_height_three_point`` =
    mean of the heights at the back, middle and front; ``disc_height_chord`` = mean length of the columns through the
    mask; ``disc_height_gap`` = mean distance between the two bodies. They differ by definition: the last needs no disc
    mask and includes the cartilage.
    """
    rows: list[Measurement] = []
    for level in case.disc_levels():
        rows += _one_disc(case, level)
    if not rows and case.anatomy.of("disc"):
        disc = case.anatomy.of("disc")[0]
        reason = "the discs have no level: also give a vertebra mask that names levels"
        rows.append(
            Measurement("disc", "disc_height", "mm", np.nan, "disc_height_area", reason=reason, **quality(disc))
        )
        rows.append(Measurement("disc", "volume", "ml", disc.volume_mm3 / 1000, "volume_voxels", **quality(disc)))
    return rows


def _one_disc(case: Case, level: str) -> list[Measurement]:
    disc = case.anatomy.get("disc", level)
    found = case.disc_frame(level)
    rows: list[Measurement] = []
    if found is None:
        cut = [name for name in split_disc(level) if name in case.spine.bodies and case.spine.bodies[name].region.cut]
        reason = f"the field of view cuts {cut[0]}" if cut else "no body next to the disc defines its axes"
        rows.append(
            Measurement("disc", "disc_height", "mm", np.nan, "disc_height_area", level, reason=reason, **quality(disc))
        )
        return rows
    frame, flags = found
    caps, doubt = _disc_caps(case, level, disc, frame) if disc is not None else (None, ())
    rows += _heights(case, level, disc, caps, frame, (*flags, *doubt))
    if disc is not None and caps is not None:
        rows += _shape(case, level, disc, caps, flags)
    rows += _wedge(case, level, disc)
    rows += measure_slip(case, level, frame)
    if disc is not None:
        rows.append(disc_fluid_ratio(case, level, disc, frame))
        rows += disc_signals(case, level, disc, frame)
    return rows


def _disc_caps(case: Case, level: str, disc: Region, frame: Frame) -> tuple[Caps, tuple[str, ...]]:
    caps = case.kept[f"caps {level}"] = measure_caps(disc, frame)
    top, bottom = fit_endplate(caps, "superior", disc), fit_endplate(caps, "inferior", disc)
    return at_voxels(caps, top, bottom), doubts(top, bottom)


def _heights(
    case: Case, level: str, disc: Region | None, caps: Caps | None, frame: Frame, flags: tuple[str, ...]
) -> list[Measurement]:
    recipe = case.recipe
    grid = case.anatomy.grid
    sd = height_sd(grid, frame.cc)
    chord = _chord_mean(caps) if caps is not None else np.nan
    gap, gap_flags, gap_reason = _gap(case, level, frame)
    facing = [case.spine.endplate(name, side) for name, side in zip(split_disc(level), ("inferior", "superior"))]
    gap_flags = (*gap_flags, *doubts(*facing))
    if np.isfinite(gap) and np.isfinite(chord) and abs(gap - chord) > recipe.leak_mm:
        flags = (*flags, "segmentation_leak")
    cut = disc is not None and disc.cut
    reason = _BORDER if cut else "" if disc is not None else "no disc mask at this level"
    info = quality(disc, flags=flags)
    three: tuple[float, ...] = (np.nan,) * 3
    depth = np.nan
    if caps is not None and not cut:
        three, depth = heights_along_depth(
            caps, np.where(caps.inside, caps.top - caps.bottom, np.nan), recipe.ap_points, recipe.central_width
        )
    area = float(np.nansum(caps.middle)) * (caps.ap[1] - caps.ap[0]) ** 2 if caps is not None else np.nan
    values = {
        "area": _volume(caps) / area if caps is not None and area > 0 and not cut else np.nan,
        "three_point": float(np.mean(three)),
        "chord": chord if not cut else np.nan,
    }
    rows = []
    for method in recipe.disc_heights:
        if method == "gap":
            more = quality(disc, flags=(*flags, *gap_flags))
            rows.append(
                Measurement(
                    "disc", "disc_height", "mm", gap, "disc_height_gap", level, sd_error=sd, reason=gap_reason, **more
                )
            )
        else:
            rows.append(
                Measurement(
                    "disc",
                    "disc_height",
                    "mm",
                    values[method],
                    f"disc_height_{method}",
                    level,
                    sd_error=sd,
                    reason=reason,
                    **info,
                )
            )
    for name, value in zip(("posterior", "middle", "anterior"), three):
        rows.append(
            Measurement(
                "disc",
                f"disc_height_{name}",
                "mm",
                value,
                "disc_height_column",
                level,
                sd_error=sd,
                reason=reason,
                **info,
            )
        )
    rows += _indices(case, level, three, depth, sd, reason, info)
    return rows


def _volume(caps: Caps) -> float:
    """Return the volume between the two surfaces as the voxels place them, mm³."""
    return float(caps.chord.sum()) * (caps.ap[1] - caps.ap[0]) ** 2


def _chord_mean(caps: Caps) -> float:
    inside = _core(caps.inside)
    return float(caps.chord[inside].mean()) if inside.sum() >= 9 else np.nan


def _core(inside: np.ndarray) -> np.ndarray:
    """Leave out the outer tenth of the footprint, where columns are cut by the rim."""
    if not inside.any():
        return inside
    distance = ndimage.distance_transform_edt(np.pad(inside, 1))[1:-1, 1:-1]
    return distance > 0.2 * distance.max()


def _gap(case: Case, level: str, frame: Frame) -> tuple[float, tuple[str, ...], str]:
    """Return the mean distance between the two bodies over their common footprint."""
    upper, lower = split_disc(level)
    above = case.spine.bodies.get(upper)
    below = case.spine.bodies.get(lower)
    if above is None or above.inferior is None:
        return np.nan, (), f"no body of {upper}"
    if above.region.cut:
        return np.nan, ("touched_border",), f"the field of view cuts {upper}"
    if below is None:
        plane = case.spine.endplate(lower, "superior")
        if plane is None:
            return np.nan, (), f"no upper endplate of {lower}"
        middle = 0.5 * (above.inferior.point + plane.point)
        top = _height_at(above.inferior.point, above.inferior.normal, middle, frame.cc)
        bottom = _height_at(plane.point, plane.normal, middle, frame.cc)
        return top - bottom, ("gap_between_planes",), ""
    if below.region.cut:
        return np.nan, ("touched_border",), f"the field of view cuts {lower}"
    lower_caps = _facing(below, frame, "superior")
    points = np.stack(np.meshgrid(lower_caps.ap, lower_caps.left, indexing="ij"), axis=-1)
    upper_caps = _facing(above, frame, "inferior")
    floor, roof = _whole_columns(lower_caps, below, "superior"), _whole_columns(upper_caps, above, "inferior")
    rows = np.searchsorted(upper_caps.ap, points[..., 0] - 1e-6)
    columns = np.searchsorted(upper_caps.left, points[..., 1] - 1e-6)
    valid = (rows < upper_caps.ap.size) & (columns < upper_caps.left.size)
    valid &= (points[..., 0] >= upper_caps.ap[0] - 1e-6) & (points[..., 1] >= upper_caps.left[0] - 1e-6)
    ceiling = np.full(floor.shape, np.nan)
    ceiling[valid] = roof[rows[valid], columns[valid]]
    both = _core(np.isfinite(floor) & np.isfinite(ceiling))
    if both.sum() < 25:
        return np.nan, (), "the bodies share no footprint"
    gaps = ceiling[both] - floor[both]
    return float(np.median(gaps) if np.ptp(gaps) > 30 else gaps.mean()), (), ""


def _facing(body: BodyGeometry, frame: Frame, which: str) -> Caps:
    """Return the columns of a body in the frame of the disc, with the facing surface as the voxels place it."""
    caps = measure_caps(body.region, frame)
    plane = fit_endplate(caps, which, body.region, drop_pedicles=_cut_out(body))
    return at_voxels(caps, plane, None) if which == "superior" else at_voxels(caps, None, plane)


def _cut_out(body: BodyGeometry) -> bool:
    return bool({"body_cut_at_canal", "body_by_opening"} & set(body.region.flags))


def _whole_columns(caps: Caps, body: BodyGeometry, which: str) -> np.ndarray:
    """Return the surface of a body without the remains of its pedicles."""
    surface = caps.top if which == "superior" else caps.bottom
    if not _cut_out(body):
        return surface
    return np.where(pedicle_columns(caps), np.nan, surface)


def _height_at(point: np.ndarray, normal: np.ndarray, place: np.ndarray, axis: np.ndarray) -> float:
    """Return the distance of a plane from ``place`` along ``axis``."""
    return float((point - place) @ normal / (axis @ normal))


def _indices(
    case: Case, level: str, three: tuple[float, ...], depth: float, sd: float, reason: str, info: dict
) -> list[Measurement]:
    """Return the three versions of the disc height index."""
    upper, lower = split_disc(level)
    recipe = case.recipe
    bodies = [case.spine.bodies[name] for name in (upper, lower) if name in case.spine.bodies]
    around: list[tuple[float, ...]] = []
    for body in bodies:
        if not body.region.cut:
            found, _ = heights_along_depth(
                body.caps, body.caps.top - body.caps.bottom, recipe.ap_points, recipe.central_width
            )
            around.append(found)
    reference = float(np.mean(around)) if around else np.nan
    mean = float(np.mean(three))
    no_body = reason or ("" if around else "no complete body next to the disc")
    one = dict(info, flags=(*info.get("flags", ()), *(("one_reference_body",) if len(around) == 1 else ())))

    def row(value: float, method: str, error: float, why: str, fields: dict) -> Measurement:
        return Measurement(
            "disc", "disc_height_index", "ratio", value, method, level, sd_error=error, reason=why, **fields
        )

    return [
        row(mean / reference, "dhi_mean_body", sd / reference, no_body, one),
        row((three[0] + three[2]) / depth, "dhi_front_back_depth", np.sqrt(2) * sd / depth, reason, info),
        row(
            sum(three) / float(np.sum([np.mean(column) for column in zip(*around)])) if around else np.nan,
            "dhi_sum_of_three",
            sd / reference,
            no_body,
            one,
        ),
    ]


def _shape(case: Case, level: str, disc: Region, caps: Caps, flags: tuple[str, ...]) -> list[Measurement]:
    info = quality(disc, flags=flags)
    reason = _BORDER if disc.cut else ""
    cell = (caps.ap[1] - caps.ap[0]) ** 2
    area = float(np.nansum(caps.middle)) * cell
    volume = disc.volume_mm3 / 1000
    rim = 2 * np.sqrt(np.pi * max(area, 0.0))
    across = float(np.sort(disc.volume.spacing)[-2:].mean())
    sd = rim**0.5 * across / np.sqrt(12)
    if disc.cut:
        area = volume = np.nan
    return [
        Measurement("disc", "disc_area", "mm2", area, "disc_area_midplane", level, sd_error=sd, reason=reason, **info),
        Measurement(
            "disc",
            "disc_volume",
            "ml",
            volume,
            "volume_voxels",
            level,
            reason=reason,
            sd_error=np.sqrt(disc.n_voxels ** (2 / 3) * 6 / 12) * disc.volume.voxel_volume / 1000,
            **info,
        ),
    ]


def _wedge(case: Case, level: str, disc: Region | None) -> list[Measurement]:
    """Return the sagittal angle between the endplates that face the disc, positive if it opens forwards."""
    from lbp_prognosis.biomarkers.geometry._angles import sagittal_angle

    upper, lower = split_disc(level)
    above, below = case.spine.endplate(upper, "inferior"), case.spine.endplate(lower, "superior")
    cut = [name for name in (upper, lower) if name in case.spine.bodies and case.spine.bodies[name].region.cut]
    info = quality(disc, flags=case.spine.flags)
    if above is None or below is None or cut:
        reason = f"the field of view cuts {cut[0]}" if cut else "an endplate next to the disc is missing"
        return [
            Measurement("disc", "disc_wedge", "deg", np.nan, "wedge_of_facing_endplates", level, reason=reason, **info)
        ]
    residual = max(above.rms, below.rms)
    if residual > case.recipe.residual_mm:
        info["flags"] = (*info.get("flags", ()), "uneven_endplate")
    info["flags"] = (*info.get("flags", ()), *doubts(above, below))
    angle = sagittal_angle(above.normal, below.normal, case.spine.left)
    return [
        Measurement(
            "disc",
            "disc_wedge",
            "deg",
            angle,
            "wedge_of_facing_endplates",
            level,
            sd_error=float(np.hypot(above.sd_deg, below.sd_deg)),
            fit_residual=residual,
            **info,
        )
    ]


def central_height_columns(caps: Caps, share: float) -> np.ndarray:
    """Return the columns used for the central heights (for figures)."""
    return central_columns(caps, caps.inside, share)
