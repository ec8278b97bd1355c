"""Modic changes from a pair of images: type with its probability, and extent by side.

Each column of the endplate is read below its cortical bone, on T1 and on T2 (or a fat-suppressed image), relative to
the marrow of the middle third of the body's height. A lesion is a patch of enough neighbouring columns that have a
type; the median of the whole strip would hide a lesion that covers a third of the endplate.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage
from scipy.special import ndtr

from lbp_prognosis.biomarkers.anatomy._body_geometry import BodyGeometry
from lbp_prognosis.biomarkers.families._case import Case, intensities, sample_image
from lbp_prognosis.biomarkers.families._measurement import Measurement, quality
from lbp_prognosis.biomarkers.readers._image import Image

__all__ = ["column_types", "measure_modic"]

Floats = npt.NDArray[np.float64]

RIM_MM = 2.0
"""Distance from the outline of the body within which columns are not read: they are partly of other tissue."""

DEPTHS = 5
"""Number of points of a column, spread over the depth of the strip; three of them must lie in the body."""

MIXED = 0.25
"""Share of the lesion's area from which a second type is reported."""

LEAST_MM2 = 20.0
"""Smallest patch of columns that counts as a lesion and not as noise."""


@dataclass(frozen=True)
class _Signal:
    ratio: Floats
    sd: float


def column_types(t1: Floats, t2: Floats, sd1: float, sd2: float, low: float, high: float, *, stir: bool) -> Floats:
    """Return the probabilities of types 0 to 3 of each column.

    Signals are relative to central marrow and have normal errors. Type 1 is dark on T1 and bright on T2, type 2 bright
    on T1 and not dark on T2 (not bright where fat is suppressed), type 3 dark on both.

    Parameters
    ----------
    t1, t2 : arrays of one shape
        Signals of the columns over central marrow.
    sd1, sd2 : float
        SDs of their errors.
    low, high : float
        Ratios at which a signal counts as dark and as bright.
    stir : bool
        Whether fat is suppressed in the second image.

    Returns
    -------
    array of shape (4, ...)
        Probabilities of types 0 to 3, which sum to 1.
    """
    dark1, bright1 = ndtr((low - t1) / sd1), ndtr((t1 - high) / sd1)
    dark2, bright2 = ndtr((low - t2) / sd2), ndtr((t2 - high) / sd2)
    first = dark1 * bright2
    second = bright1 * ((1 - bright2) if stir else (1 - dark2))
    third = dark1 * dark2
    return np.stack([1 - first - second - third, first, second, third])


def measure_modic(case: Case, level: str, body: BodyGeometry, which: str) -> list[Measurement]:
    """Return type, probability and extent of Modic changes at an endplate; no rows without two images.

    ``modic``: the type with the largest area, 0 below the recipe's least share; flag ``mixed_1_2`` and so on if a
    second type covers a quarter of the lesion. ``modic_type_probability``: mean probability of that type over the
    columns of the lesion (of type 0: over all columns). ``modic_extent``: area of all types, whole and by side;
    ``modic_extent_share``: over the area of the endplate.
    """
    pair = _pair(case)
    if pair is None:
        return []
    t1, second, stir = pair
    structure, method = f"endplate_{which}", "columns_t1_stir" if stir else "columns_t1_t2"
    plane = getattr(body, which)

    def none(reason: str) -> list[Measurement]:
        return [
            Measurement(structure, name, unit, np.nan, method, level, reason=reason, **quality(body.region))
            for name, unit in (
                ("modic", "category"),
                ("modic_type_probability", "probability"),
                ("modic_extent_share", "%"),
                ("modic_extent", "mm2"),
            )
        ]

    if body.region.cut:
        return none("the field of view cuts the body")
    if plane is None:
        return none("too few columns for a plane")
    one, two = (_columns(case, image, body, which) for image in (t1, second))
    if one is None or two is None:
        return none("too few voxels of marrow")
    seen = np.isfinite(one.ratio) & np.isfinite(two.ratio)
    if seen.sum() < 100:
        return none("too few columns of marrow")
    recipe = case.recipe
    chances = column_types(one.ratio, two.ratio, one.sd, two.sd, recipe.modic_low, recipe.modic_high, stir=stir)
    best = np.where(seen, np.argmax(np.where(seen, chances, 0.0), axis=0), 0)
    cell = float(body.caps.ap[1] - body.caps.ap[0]) ** 2
    best = np.where(_patches(best > 0, cell), best, 0)
    areas = np.array([float((best == kind).sum()) * cell for kind in range(4)])
    whole, lesion = float(seen.sum()) * cell, float(areas[1:].sum())
    present = lesion >= recipe.modic_least_share * whole
    if present:
        case.kept[f"modic {level} {which}"] = best > 0
    kind = int(np.argmax(areas[1:])) + 1 if present else 0
    flags: tuple[str, ...] = ("nominal",)
    others = [k for k in (1, 2, 3) if present and k != kind and areas[k] >= MIXED * lesion]
    if others:
        pair_of = sorted([kind, max(others, key=lambda k: areas[k])])
        flags = (*flags, f"mixed_{pair_of[0]}_{pair_of[1]}")
    probability = float(chances[kind][(best > 0) if present else seen].mean())
    info = quality(body.region, n_voxels=int(seen.sum()), flags=flags)
    rows = [
        Measurement(structure, "modic", "category", kind, method, level, **info),
        Measurement(structure, "modic_type_probability", "probability", probability, method, level, **info),
        Measurement(structure, "modic_extent_share", "%", 100 * lesion / whole, method, level, **info),
    ]
    left = np.broadcast_to(body.caps.left[None, :], best.shape)
    for side, inside in (("", left == left), ("left", left > 0), ("right", left <= 0)):
        area = float(((best > 0) & inside).sum()) * cell
        sd = float(np.sqrt(np.pi * max(area, cell)) * np.sqrt(cell / 3))  # half a column around the outline
        rows.append(Measurement(structure, "modic_extent", "mm2", area, method, level, side, sd_error=sd, **info))
    return rows


def _pair(case: Case) -> tuple[Image, Image, bool] | None:
    """Return T1, the second image, and whether fat is suppressed in it; T2 is preferred to STIR."""
    t1 = case.image_of("t1")
    for contrast in ("t2", "stir"):
        image = case.image_of(contrast)
        if t1 is not None and image is not None:
            return t1, image, contrast == "stir"
    return None


def _columns(case: Case, image: Image, body: BodyGeometry, which: str) -> _Signal | None:
    """Return the signal of each column below the cortical bone over that of the middle of the body, and its SD."""
    region, caps = body.region, body.caps
    deep = ndimage.distance_transform_edt(region.mask, sampling=region.volume.spacing) > case.recipe.marrow_erosion_mm
    middle = intensities(image, region, _middle_third(body, deep))
    centre = float(np.median(middle)) if middle.size >= 30 else float("nan")
    if not np.isfinite(centre) or centre <= 0:
        return None
    surface = caps.top if which == "superior" else caps.bottom
    inwards = -1.0 if which == "superior" else 1.0
    steps = region.volume.affine[:3, :3].T @ body.frame.cc
    skip = case.recipe.modic_skip_mm + 0.5 * float(np.abs(steps).max())
    depths = skip + case.recipe.strip_mm * np.arange(DEPTHS) / (DEPTHS - 1)
    far = ndimage.distance_transform_edt(np.pad(caps.inside, 1), sampling=(caps.ap[1] - caps.ap[0],) * 2)[1:-1, 1:-1]
    used = caps.inside & np.isfinite(surface) & (far >= RIM_MM)
    ap, left = np.meshgrid(caps.ap, caps.left, indexing="ij")
    height = np.where(used, surface, 0.0)[..., None] + inwards * depths
    local = np.stack([np.broadcast_to(x[..., None], height.shape) for x in (ap, left)] + [height], axis=-1)
    world = body.frame.to_world(local)
    values = np.where(region.sample(world) >= 0.5, sample_image(image, world), np.nan).astype(float)
    enough = used & (np.isfinite(values).sum(axis=-1) >= 3)
    column = np.full(surface.shape, np.nan)
    column[enough] = np.nanmedian(values[enough], axis=-1)
    # noise of a median over some voxels, from the spread of the middle of the body
    spread = 1.4826 * float(np.median(np.abs(middle - centre))) / centre
    return _Signal(_smooth(column) / centre, max(0.5 * spread, 0.02))


def _middle_third(body: BodyGeometry, deep: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Return the voxels of the middle third of the height, which lesions of either endplate reach last."""
    voxels = np.argwhere(deep)
    height = body.frame.to_local(body.region.grid.to_world(voxels.astype(float)))[:, 2]
    low, high = float(np.nanmedian(body.caps.bottom)), float(np.nanmedian(body.caps.top))
    out = np.zeros_like(deep)
    out[tuple(voxels[np.abs(height - 0.5 * (low + high)) <= (high - low) / 6].T)] = True
    return out


def _smooth(values: Floats) -> Floats:
    """Return the median over 3 × 3 columns, without missing ones."""
    padded = np.pad(values, 1, constant_values=np.nan)
    around = np.stack([padded[i : i + values.shape[0], j : j + values.shape[1]] for i in range(3) for j in range(3)])
    known = np.isfinite(values)
    out = np.full(values.shape, np.nan)
    out[known] = np.nanmedian(around[:, known], axis=0)
    return out


def _patches(lesion: npt.NDArray[np.bool_], cell: float) -> npt.NDArray[np.bool_]:
    """Return the lesion without patches smaller than `LEAST_MM2`."""
    pieces, count = ndimage.label(lesion)
    if count == 0:
        return lesion
    sizes = np.bincount(pieces.ravel()) * cell
    sizes[0] = 0.0
    return np.asarray(sizes[pieces] >= LEAST_MM2)
