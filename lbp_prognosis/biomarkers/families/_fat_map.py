"""Unit of a fat-fraction image, and checks of it and of a pair of water and fat images."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lbp_prognosis.biomarkers.readers._image import Image

__all__ = ["FAT_UNITS", "FatUnit", "fat_unit", "pair_flags"]

GREY = 255.0
"""Largest grey value of eight bits."""

FAT_UNITS = ("fraction", "percent", "permille")
"""Units of a fat-fraction image that a study may state."""

_FULL = {"fraction": 1.0, "percent": 100.0, "permille": 1000.0}

UNEQUAL = 5.0
"""Ratio of the upper ranges of water and fat from which their scales are taken to be unequal."""


@dataclass(frozen=True)
class FatUnit:
    """The value of pure fat in an image.

    Attributes
    ----------
    full : float
        1, 100 or 1000; NaN if it cannot be determined.
    flags : tuple of str
        ``unit_read_from_image`` if no unit was stated.
    reason : str
        Why there is no unit; empty otherwise.
    """

    full: float
    flags: tuple[str, ...] = ()
    reason: str = ""


def fat_unit(image: Image, stated: str = "") -> FatUnit:
    """Return the unit of a fat-fraction image: the stated one, or the one inferred from the whole image.

    The image is read as a whole, not region by region, because a lean muscle in per cent looks like a fatty one as a
    fraction. Its 95th percentile is that of subcutaneous fat and marrow; a few noisy voxels beyond the range do not
    matter. The unit cannot be determined if the image contains no low and no high values, if the percentile lies
    between two units, or if the image contains grey values from 0 to 255.
    """
    if stated:
        return FatUnit(_FULL[stated])
    values = np.asarray(image.data, dtype=float)
    values = values[np.isfinite(values) & (values > 0)]
    unclear = FatUnit(
        float("nan"),
        reason="the unit of the fat map cannot be determined: state fat_fraction_unit ('fraction', 'percent', …)",
    )
    if values.size < 50:
        return unclear
    low, high = np.quantile(values, [0.05, 0.95])
    if 0.05 <= high <= 1.05 and low <= 0.5:
        return FatUnit(1.0, ("unit_read_from_image",))
    if 5.0 <= high <= 105.0 and low <= 50.0:
        return FatUnit(100.0, ("unit_read_from_image",))
    if 150.0 <= high <= 1050.0 and low <= 500.0 and values.max() > GREY:  # up to 255: grey values, of no known scale
        return FatUnit(1000.0, ("unit_read_from_image",))
    return unclear


def pair_flags(
    water: npt.NDArray[np.float64], fat: npt.NDArray[np.float64], subcutaneous: float, muscle: float
) -> tuple[str, ...]:
    """Return inconsistencies of a pair of water and fat images.

    Parameters
    ----------
    water, fat : arrays
        Intensities of the whole images.
    subcutaneous, muscle : float
        Fraction F / (F + W) in a label of subcutaneous fat (NaN without one), and the median over the muscle.

    Returns
    -------
    tuple of str
        ``water_fat_swap`` if subcutaneous fat appears as water or, without such a label, muscle appears mostly as fat;
        ``unequal_scales`` if the upper ranges differ by more than a factor of five.
    """
    flags = []
    if subcutaneous < 0.5 or (np.isnan(subcutaneous) and muscle > 0.6):
        flags.append("water_fat_swap")
    ends = [float(np.quantile(values, 0.99)) for values in (water, fat)]
    if min(ends) <= 0 or max(ends) / min(ends) > UNEQUAL:
        flags.append("unequal_scales")
    return tuple(flags)
