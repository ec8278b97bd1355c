"""``missing_codes``: numbers of a column that look like codes for a missing value."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["MISSING_DECLARED", "missing_codes"]

MISSING_DECLARED = "missing_declared"
"""Entry of ``DataFrame.attrs``: names of columns of which the user said what is missing; the rest there are values."""

_DIGITS = ("7", "8", "9")
_HIGH = frozenset(float(digit * length) for digit in _DIGITS for length in (1, 2, 3, 4))
_LOW = frozenset({-1.0, *(-code for code in _HIGH)})
_GRADES = 5  # a single digit stands for missing only beside grades up to this one: counts reach 9 by themselves


def missing_codes(values: Any) -> dict[float, int]:
    """Return the values that look like codes for missing (-9, 99, 999 …), with the number of rows of each.

    Parameters
    ----------
    values : array-like of float, shape (n,)
        One column; NaN is missing.

    Returns
    -------
    dict of float to int
        Empty for most columns. A negative code counts if all other values are 0 or more, and is found in two rows or
        among whole numbers; -1 only beside values of at least 1, for whole numbers from -1 on are changes of a
        grade or score. A positive one counts if it is in two rows at least and lies apart from all
        other values: by their whole range for a single digit (beside values up to 5), by half of it otherwise.
    """
    numbers = np.asarray(values, dtype=float)
    distinct, counts = np.unique(numbers[np.isfinite(numbers)], return_counts=True)
    low = _below(distinct, counts)
    high = _above(distinct[low:], counts[low:])
    chosen = [*range(low), *range(len(distinct) - high, len(distinct))]
    return {float(distinct[k]): int(counts[k]) for k in chosen}


def _below(distinct: np.ndarray, counts: np.ndarray) -> int:
    """Return how many of the smallest values are negative codes."""
    size = int(np.searchsorted(distinct, 0.0))
    others = distinct[size:]
    if size == 0 or len(others) < 2 or not _LOW.issuperset(distinct[:size].tolist()):
        return 0
    whole = bool(np.all(others == np.floor(others)))
    repeated = bool(np.all(counts[:size] >= 2))
    if distinct[size - 1] == -1.0 and not (whole and others[0] >= 1 and others[-1] > 2):
        size -= 1
    return size if whole or repeated else 0


def _above(distinct: np.ndarray, counts: np.ndarray) -> int:
    """Return how many of the largest values are codes apart from the rest."""
    size = 0
    if len(distinct) and distinct[-1] in (7.0, 8.0):
        return 0  # of single digits, 9 is the code; 7 and 8 only beside it
    while size < len(distinct) and distinct[-1 - size] in _HIGH and counts[-1 - size] >= 2:
        size += 1
    for length in range(size, 0, -1):
        others, first = distinct[:-length], distinct[-length]
        if len(others) < 2:
            continue
        width, gap = others[-1] - others[0], first - others[-1]
        single = first < 10
        if single and (others[-1] > _GRADES or not np.all(others == np.floor(others))):
            continue
        if gap >= (width if single else width / 2):
            return length
    return 0
