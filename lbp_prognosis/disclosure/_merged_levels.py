"""``merged_levels``: parts of a total merged until none is small in any column, without blank cells."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["follows_from_sum", "merged_levels"]

_WITHIN = 2  # a count known to lie among three neighbouring numbers is known within one patient
_MOST_TRIED = 1000  # tables a reader tries


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
    than the smallest part shown, as the reader of these rules knows. It also goes on where other counts with the same
    sums, tried at random, are merged otherwise: an empty grade next to two small ones shows which of them is smaller.

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
    rules, alone = (smallest, ordered, table.shape[0] - last), [[k] for k in range(table.shape[0])]
    parts, sizes = _merged(table, alone, *rules), table.max(axis=1)
    if parts is None or parts == alone or _merged(sizes[:, None], alone, *rules) != parts:
        return parts  # of groups: what merged one of them says nothing of the whole
    while parts is not None and (told := _told(parts, sizes, *rules)):
        parts = _merged(table, parts, *rules, told=told)
    return parts


def _merged(
    table: np.ndarray, start: list[list[int]], smallest: int, ordered: bool, inside: int, told: list[int] | None = None
) -> list[list[int]] | None:
    """Return the merged parts, from ``start`` on; the parts ``told`` are merged whatever their sums."""
    parts, sums = [list(part) for part in start], [table[part].sum(axis=0) for part in start]
    while True:
        sizes = np.array([row.max() for row in sums])
        low = [
            k
            for k, row in enumerate(sums)
            if k in (told or ())
            or ((row > 0) & (row < smallest)).any()
            or _is_solved(table[parts[k]], float(sizes[k]), _bounds(parts, sizes, k, ordered, inside), smallest)
        ]
        if not low:
            break
        if len(parts) == 1:
            return None
        told = None
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


def _told(parts: list[list[int]], sizes: np.ndarray, smallest: int, ordered: bool, inside: int) -> list[int]:
    """Return the places of parts of which a reader who tries the rules on other counts finds a small one within one.

    A grade next to missing values, or next to an empty grade, has only one way to be merged, which shows which of two
    parts is the smaller one. Counts are tried that have the same sums; what is not found in a thousand is merged.
    """
    hidden = [[k for k in part if sizes[k] > 0] for part in parts]
    groups = [k for k, part in enumerate(hidden) if len(part) > 1]
    sums, alone = {k: int(sizes[hidden[k]].sum()) for k in groups}, [[k] for k in range(len(sizes))]
    reach, rng = smallest + _WITHIN + 1, np.random.default_rng(0)
    low, high, told = np.full(len(sizes), np.inf), np.zeros(len(sizes)), groups
    seen = set[bytes]()
    for _ in range(_MOST_TRIED if groups else 0):
        other = sizes.copy()
        for k in groups:
            other[hidden[k]] = _other_counts(len(hidden[k]), sums[k], reach, rng)
        known = other.tobytes() in seen or not ((other < low) | (other > high)).any()
        seen.add(other.tobytes())
        if known or _merged(other[:, None], alone, smallest, ordered, inside) != parts:
            continue
        low, high = np.minimum(low, other), np.maximum(high, other)
        confined = (high < smallest) & (high - low <= min(_WITHIN, smallest - 3))
        told = [k for k in groups if confined[hidden[k]].any()]
        if not told:
            break
    return told


def _other_counts(n: int, total: int, reach: int, rng: np.random.Generator) -> np.ndarray:
    """Return counts of 1 or more with a sum: small ones and a rest, or a few patients spread over all but one."""
    each = rng.integers(1, rng.integers(1, reach + 1) + 1, n)
    large = int(rng.integers(n))
    if rng.random() < 0.5 or each.sum() - each[large] >= total:
        spread = rng.integers(n, size=int(rng.integers(total - n + 1)))
        each = 1 + np.bincount(spread, minlength=n)
    each[large] += total - each.sum()
    return each


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
