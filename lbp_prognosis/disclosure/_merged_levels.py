"""``merged_levels``: parts of a total merged until none is small in any column, without blank cells."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["merged_levels"]


def merged_levels(counts: Any, smallest: int, *, ordered: bool = False, last: int = 0) -> list[list[int]] | None:
    """Return which parts are shown together so that each count is 0 or at least ``smallest``.

    Parameters
    ----------
    counts : array-like of shape (n_parts, n_columns) or (n_parts,)
        Patients in each part (categories, missing values among them) and column (groups, the total among them).
    smallest : int
        k.
    ordered : bool, default False
        Whether only neighbours may be joined.
    last : int, default 0
        Parts at the end that are outside the order (missing values, "other"): they are joined like unordered ones.

    Returns
    -------
    list of list of int, or None
        Parts shown together, in the given order; None if fewer than two of several parts would be left.

    Notes
    -----
    A blank cell can be solved for from the margins; a merged cell cannot, because its parts are hidden. Among parts
    with a small count, the smallest is merged first, with its smaller neighbour or, without an order, with the smallest
    other part.

    Examples
    --------
    >>> from lbp_prognosis.disclosure import merged_levels
    >>> merged_levels([40, 3, 12, 30], 5)
    [[0], [1, 2], [3]]
    >>> merged_levels([97, 3], 5) is None
    True
    """
    table = np.asarray(counts, dtype=float)
    table = table[:, None] if table.ndim == 1 else table
    parts = [[k] for k in range(table.shape[0])]
    sums = [row.copy() for row in table]
    inside = table.shape[0] - last
    while True:
        low = [k for k, row in enumerate(sums) if ((row > 0) & (row < smallest)).any()]
        if not low:
            break
        if len(parts) == 1:
            return None
        first = min(low, key=lambda k: (sums[k].max(), k))
        others = [k for k in range(len(parts)) if k != first]
        if ordered and max(parts[first]) < inside:
            near = [k for k in (first - 1, first + 1) if 0 <= k < len(parts) and max(parts[k]) < inside]
            others = near or others
        second = min(others, key=lambda k: (sums[k].max(), k))
        keep, gone = sorted((first, second))
        parts[keep] = sorted(parts[keep] + parts[gone])
        sums[keep] = sums[keep] + sums[gone]
        del parts[gone], sums[gone]
    shown = sum(1 for row in sums if row.max() > 0)
    several = int((table.max(axis=1) > 0).sum()) > 1
    return None if several and shown < 2 else parts
