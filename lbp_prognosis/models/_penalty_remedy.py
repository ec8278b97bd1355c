"""Remedies where a likelihood has no finite maximum: a penalty, a larger one, or one on the column that lacks it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

__all__ = ["penalty_remedy"]


def penalty_remedy(penalty: float, factors: np.ndarray, names: Sequence[str], guilty: Sequence[int]) -> str:
    """Return the beginning of a remedy, without a full stop.

    Parameters
    ----------
    penalty : float
        Penalty of the fit that failed.
    factors : ndarray of shape (p,)
        Penalty factors of its columns.
    names : sequence of str
        Their names.
    guilty : sequence of int
        Columns whose coefficients drift off; all if none is known.
    """
    if penalty == 0:
        return "Give a `penalty` (a ridge keeps coefficients finite)"
    places = list(guilty) or list(range(len(names)))
    free = [repr(str(names[j])) for j in places if factors[j] == 0]
    if free:
        told = ", ".join(free[:3]) + (", …" if len(free) > 3 else "")
        return f"Give {told} a factor above 0 in `penalty_factors` (the `penalty` of {penalty:g} does not reach it)"
    return f"Give a `penalty` larger than {penalty:g}"
