"""T2 of the nucleus and of the annulus of a disc, from a T2 map, and their contrast on a T2-weighted image."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from lbp_prognosis.biomarkers.families._case import Case, sample_image
from lbp_prognosis.biomarkers.families._measurement import Measurement, quality
from lbp_prognosis.biomarkers.geometry._frame import Frame
from lbp_prognosis.biomarkers.geometry._region import Region

__all__ = ["disc_parts", "disc_signals"]

FIFTH = 0.2
RIM_MM = 0.75
MIN_VOXELS = 10
PLAUSIBLE_MS = (5.0, 1000.0)
PARTS = {
    "nucleus": "nucleus_middle_three_fifths",
    "front": "annulus_front_fifth",
    "back": "annulus_back_fifth",
}


def disc_signals(case: Case, level: str, disc: Region, frame: Frame) -> list[Measurement]:
    """Return T2 of the parts of a disc if a T2 map is given, and their contrast if a T2-weighted image is.

    In a slab of the disc about its middle (the central 30 % of the width, at least one slice), its depth is divided
    into fifths: the front and the back fifth are the annulus [1]_, the three between them the nucleus. Voxels within
    0.75 mm of the surface are left out. ``t2`` is the median of a part, ms; ``disc_nucleus_annulus_ratio`` the median
    T2-weighted signal of the nucleus over that of both fifths of the annulus.

    References
    ----------
    .. [1] Does T2 mapping of the posterior annulus fibrosus indicate the presence of lumbar intervertebral disc
       herniation? A 3.0 Tesla magnetic resonance study. European Spine Journal. 2017;26(3).
       doi:10.1007/s00586-016-4873-x
    """
    fields = quality(disc)
    rows: list[Measurement] = []
    parts = {} if disc.cut else disc_parts(disc, frame)
    cut = "the field of view cuts the disc" if disc.cut else ""
    image, weighted = case.images.get("t2_map"), case.image_of("t2")
    if parts and (image is not None or weighted is not None):
        case.kept[f"part {level}"] = list(parts.values())
    if image is not None:
        for part, method in PARTS.items():
            values = sample_image(image, parts[part]) if parts else np.empty(0)
            valid = values[np.isfinite(values) & (values > 0)]
            why = cut or _no_time(values, valid)
            value = np.nan if why else float(np.median(valid))
            sd = _sd(valid) if not why else np.nan
            own = {**fields, "n_voxels": int(valid.size)}
            rows.append(Measurement("disc", "t2", "ms", value, method, level, sd_error=sd, reason=why, **own))
    if weighted is not None:
        by_part = {part: sample_image(weighted, points) for part, points in parts.items()}
        rows.append(_contrast(by_part, level, cut, fields))
    return rows


def disc_parts(disc: Region, frame: Frame) -> dict[str, np.ndarray]:
    """Return the RAS positions of the voxels of the nucleus and of the front and back fifth, in the middle slab."""
    local = frame.to_local(disc.points)
    low, high = local.min(axis=0), local.max(axis=0)
    thickest = float(disc.volume.spacing.max())
    slab = max(0.15 * (high[1] - low[1]), 0.75 * thickest)
    inner = ndimage.distance_transform_edt(disc.mask, sampling=disc.volume.spacing)[tuple(disc.indices.T)] > RIM_MM
    inner &= np.abs(local[:, 1] - 0.5 * (low[1] + high[1])) <= slab
    share = (local[:, 0] - low[0]) / (high[0] - low[0])
    chosen = {
        "nucleus": (share >= FIFTH) & (share <= 1 - FIFTH),
        "front": share > 1 - FIFTH,
        "back": share < FIFTH,
    }
    return {part: disc.points[inner & where] for part, where in chosen.items()}


def _no_time(values: np.ndarray, valid: np.ndarray) -> str:
    """Return why the values of a map are not relaxation times of a part; empty if they are."""
    if values.size < MIN_VOXELS:
        return f"this part of the disc contains fewer than {MIN_VOXELS} voxels"
    if valid.size < 0.8 * values.size:
        return f"the map has no value in {values.size - valid.size} of {values.size} voxels"
    if not PLAUSIBLE_MS[0] <= float(np.median(valid)) <= PLAUSIBLE_MS[1]:
        return f"a median of {np.median(valid):.3g} is not a T2 of a disc in milliseconds: give the map in ms"
    return ""


def _contrast(values: dict[str, np.ndarray], level: str, cut: str, fields: dict) -> Measurement:
    name, method = "disc_nucleus_annulus_ratio", "middle_three_fifths_over_outer_fifths"
    nucleus = values.get("nucleus", np.empty(0))
    annulus = np.concatenate([values["front"], values["back"]]) if values else np.empty(0)
    nucleus, annulus = nucleus[np.isfinite(nucleus)], annulus[np.isfinite(annulus)]
    why = cut
    if not why and min(nucleus.size, annulus.size) < MIN_VOXELS:
        why = f"a part of the disc contains fewer than {MIN_VOXELS} voxels of the image"
    if not why and np.median(annulus) <= 0:
        why = "no signal of the annulus"
    flags = (*fields["flags"], "no_bias_correction")
    own = {**fields, "n_voxels": int(nucleus.size + annulus.size), "flags": flags}
    if why:
        return Measurement("disc", name, "ratio", np.nan, method, level, reason=why, **own)
    inner, outer = float(np.median(nucleus)), float(np.median(annulus))
    error = abs(inner / outer) * float(np.hypot(_sd(nucleus) / max(abs(inner), 1e-9), _sd(annulus) / outer))
    return Measurement("disc", name, "ratio", inner / outer, method, level, sd_error=error, **own)


def _sd(values: np.ndarray) -> float:
    """Return the standard error of a median under a normal distribution."""
    return float(1.2533 * values.std() / np.sqrt(values.size))
