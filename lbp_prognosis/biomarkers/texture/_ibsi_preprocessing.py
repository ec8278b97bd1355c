"""Preprocessing by IBSI 1, from image and region to grey levels: resample, round, re-segment, bin.

Zwanenburg A et al. The Image Biomarker Standardization Initiative. Radiology. 2020;295:328–338.
doi:10.1148/radiol.2020191145, and its reference manual (arXiv:1612.07003), chapter 2.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from lbp_prognosis.biomarkers.texture._radiomics_settings import RadiomicsSettings

__all__ = ["Prepared", "grey_levels", "prepare", "resegmented", "sides_after"]

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

MARGIN_MM = 15.0
"""Margin of the image around the region, for the support of a spline."""

TIE = 1e-9
"""Tolerance with which a mask interpolated to one half counts as inside, whatever its rounding error."""


@dataclass(frozen=True, eq=False)
class Prepared:
    """A region ready to be measured.

    Attributes
    ----------
    volume : array of shape (nk, nj, ni)
        Intensities.
    region : array of bool
        The region that shape is measured on.
    spacing : array of shape (3,)
        Sides of a voxel along i, j, k in mm.
    """

    volume: Floats
    region: Bools
    spacing: Floats


def sides_after(spacing: Floats, settings: RadiomicsSettings) -> Floats:
    """Return the sides of a voxel along i, j, k in mm once it is resampled."""
    sides = np.array(spacing, dtype=float)
    if settings.spacing_mm is not None:
        sides[: 3 if settings.aggregation == "3d" else 2] = settings.spacing_mm
    return sides


def prepare(
    image: np.ndarray, region: Bools, spacing: Floats, settings: RadiomicsSettings, *, margin_mm: float = MARGIN_MM
) -> Prepared:
    """Resample image and region to cubes on a grid whose centre is that of the image; slice-wise, to squares.

    Intensities are interpolated linearly or by cubic splines, and rounded where the image contains whole numbers; the
    region is interpolated linearly and kept where it is at least one half.

    Parameters
    ----------
    image, region : arrays of shape (nk, nj, ni)
    spacing : array of shape (3,)
        Sides of a voxel along i, j, k in mm.
    settings : RadiomicsSettings
    margin_mm : float, default 15
        Width of the image around the region that is kept if it is resampled; filters must not read beyond it.
    """
    if settings.spacing_mm is None:
        return Prepared(np.asarray(image, dtype=float), region, np.asarray(spacing, dtype=float))
    sides = np.asarray(spacing, dtype=float)[::-1]
    new = sides_after(spacing, settings)[::-1]
    shape = np.array(image.shape)
    count = np.ceil(np.round(shape * sides / new, 9)).astype(int)
    first = 0.5 * ((shape - 1) - (count - 1) * new / sides)  # in voxels of the image: both grids share their centre
    starts, lengths, boxes = [], [], []
    for axis in range(3):
        where = np.flatnonzero(region.any(axis=tuple(a for a in range(3) if a != axis)))
        at = first[axis] + np.arange(count[axis]) * new[axis] / sides[axis]
        reach = max(margin_mm, MARGIN_MM) / sides[axis]
        wanted = np.flatnonzero((at >= where[0] - reach) & (at <= where[-1] + reach))
        pad = int(np.ceil(reach)) + 12  # the support of a spline dies out within some voxels
        low = max(int(where[0]) - pad, 0)
        boxes.append(slice(low, min(int(where[-1]) + pad + 1, int(shape[axis]))))
        starts.append(at[wanted[0]] - low)
        lengths.append(int(wanted.size))
    part, inside = np.asarray(image[tuple(boxes)], dtype=float), region[tuple(boxes)].astype(float)
    grid = {"offset": np.array(starts), "output_shape": tuple(lengths), "mode": "nearest", "prefilter": True}
    order = 3 if settings.interpolation == "cubic" else 1
    volume = ndimage.affine_transform(part, new / sides, order=order, **grid)
    if (part == np.floor(part)).all():  # a CT, however its numbers are stored
        volume = np.floor(volume + 0.5)
    soft = ndimage.affine_transform(inside, new / sides, order=1, **grid)
    return Prepared(volume, soft >= 0.5 - TIE, new[::-1])


def resegmented(prepared: Prepared, settings: RadiomicsSettings) -> Bools:
    """Return the voxels of the region that intensities and texture are read from.

    Those outside ``intensity_range`` are left out first, then those farther than ``outlier_sd`` SDs from the mean of
    the rest.
    """
    kept = prepared.region.copy()
    if settings.intensity_range is not None:
        low, high = settings.intensity_range
        kept &= (prepared.volume >= low) & (prepared.volume <= high)
    if settings.outlier_sd is not None and kept.any():
        values = prepared.volume[kept]
        half = settings.outlier_sd * float(values.std())
        kept &= np.abs(prepared.volume - float(values.mean())) <= half
    return kept


def grey_levels(volume: Floats, kept: Bools, settings: RadiomicsSettings, *, filtered: bool) -> npt.NDArray[np.int64]:
    """Return grey levels from 1 within the region, 0 outside.

    Bins of a fixed width are counted from the lower limit of ``intensity_range``; without a limit, or in a filtered
    image, from the lowest intensity of the region. A fixed number of bins divides the range of the region.
    """
    values = volume[kept]
    low, high = float(values.min()), float(values.max())
    out = np.zeros(volume.shape, dtype=np.int64)
    if settings.bin_count is not None:
        share = (values - low) / (high - low) if high > low else np.zeros(values.size)
        out[kept] = np.minimum(np.floor(settings.bin_count * share) + 1, settings.bin_count)
        return out
    if settings.intensity_range is not None and not filtered:
        low = settings.intensity_range[0]
    out[kept] = np.floor((values - low) / settings.bin_width) + 1
    return out
