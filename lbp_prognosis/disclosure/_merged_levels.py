"""``merged_levels``: parts of a total merged until none is small in any column, without blank cells."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["follows_from_sum", "merged_levels"]

_WITHIN = 2  # a count known to lie among three neighbouring numbers is known within one patient


def follows_from_sum(total: float, n_parts: int, most: float = np.inf) -> bool:
    """Return whether the parts of a sum follow from it within one patient, where each is of 1 to ``most`` patients.

    Five categories of one patient each have a sum of 5, which says that each is of one patient.

    Parameters
    ----------
    total : float
        Sum that is shown.
    n_parts : int
        Parts that are named, each of one patient or more.
    most : float, default inf
        Largest possible part.

    Examples
    --------
    >>> from lbp_prognosis.disclosure import follows_from_sum
    >>> follows_from_sum(5, 5), follows_from_sum(8, 5), follows_from_sum(9, 2, most=5)
    (True, False, True)
    """
    if n_parts < 2:
        return False
    rest = n_parts - 1
    return bool(min(most, total - rest) - max(1.0, total - rest * most) <= _WITHIN)


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
    other part. Without an order there is one group of merged parts. Merging goes on where a small part would follow
    from the sum within one patient: each named part is of one patient or more, and, without an order, none is larger
    than the smallest part shown, as the reader of these rules knows.

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
        sizes = np.array([row.max() for row in sums])
        low = [
            k
            for k, row in enumerate(sums)
            if ((row > 0) & (row < smallest)).any()
            or _is_solved(table[parts[k]], float(sizes[k]), _bounds(parts, sizes, k, ordered, inside), smallest)
        ]
        if not low:
            break
        if len(parts) == 1:
            return None
        first = min(low, key=lambda k: (sums[k].max(), k))
        others = [k for k in range(len(parts)) if k != first]
        if ordered and max(parts[first]) < inside:
            near = [k for k in (first - 1, first + 1) if 0 <= k < len(parts) and max(parts[k]) < inside]
            others = near or others
        elif not ordered:  # one group of merged parts: two would bound each other
            others = [k for k in others if len(parts[k]) > 1] or others
        second = min(others, key=lambda k: (sums[k].max(), k))
        keep, gone = sorted((first, second))
        parts[keep] = sorted(parts[keep] + parts[gone])
        sums[keep] = sums[keep] + sums[gone]
        del parts[gone], sums[gone]
    shown = sum(1 for row in sums if row.max() > 0)
    several = int((table.max(axis=1) > 0).sum()) > 1
    return None if several and shown < 2 else parts


def _is_solved(hidden: np.ndarray, total: float, bounds: list[float], smallest: int) -> bool:
    """Return whether the parts behind a sum follow from it, from the other sums, and from the rules of merging.

    A small hidden part leaves at most a bound for the largest of the others. The small one must not be confined to
    fewer than four numbers below ``smallest`` (or all of them, if there are fewer) by each of the bounds.
    """
    rest = int((hidden.max(axis=1) > 0).sum()) - 1
    if rest < 1:
        return False
    lowest = min(total - rest * bound for bound in bounds)
    return bool(lowest > max(1, smallest - _WITHIN - 2) or follows_from_sum(total, rest + 1, max(bounds)))


def _bounds(parts: list[list[int]], sizes: np.ndarray, place: int, ordered: bool, inside: int) -> list[float]:
    """Return what bounds hidden parts: the smallest part shown; in an order, the neighbour that was not chosen."""
    if ordered and max(parts[place]) < inside:
        if len(parts[place]) > 2:
            return [np.inf]
        sides = [k for k in (place - 1, place + 1) if 0 <= k < len(parts) and max(parts[k]) < inside]
        return [float(sizes[k]) - 1 for k in sides] if len(sides) == 2 else [np.inf]
    others = np.delete(sizes, place)
    others = others[others > 0]
    return [float(others.min()) - 1 if others.size else np.inf]  # equal ones are taken in their order
