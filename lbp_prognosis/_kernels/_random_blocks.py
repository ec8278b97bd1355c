"""Random blocks of patients: what a resample draws instead of patients where there are very many."""

from __future__ import annotations

import numpy as np

__all__ = ["BLOCKS", "DRAWN_SINGLY", "random_blocks"]

DRAWN_SINGLY = 20_000
"""Up to so many units a resample draws each for itself."""

BLOCKS = 10_000
"""Beyond that it draws this many blocks of units: standard errors then vary by 1/sqrt(2 · 10,000) = 0.7 % from one
division into blocks to another, a seventh of what 200 resamples vary by themselves."""


def random_blocks(rng: np.random.Generator, units: int) -> np.ndarray:
    """Divide units at random into `BLOCKS` blocks whose sizes differ by at most one.

    Neighbours in a table resemble each other (centres, dates), and every hundredth row of a sorted table represents all
    of it: blocks of either kind would have sums that vary too much, or too little. The sums of random blocks vary as
    the units do, without bias once multiplied by blocks/(blocks − 1).

    Parameters
    ----------
    rng : Generator
    units : int
        At least `BLOCKS`.

    Returns
    -------
    ndarray of int of shape (units,)
        Block of each unit, 0 … `BLOCKS` − 1.
    """
    return rng.permutation(units) * BLOCKS // units
