"""Names and order of vertebrae and discs.

A vertebra is ``c1 … c7, t1 … t13, l1 … l6, s1``; a disc is named after both its vertebrae (``l4l5``).
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

from lbp_prognosis._base import VERTEBRAE, level_rank, split_disc

__all__ = ["VERTEBRAE", "disc_between", "level_rank", "neighbours", "split_disc"]


def disc_between(upper: str, lower: str) -> str:
    """Return the name of the disc between two vertebrae."""
    return upper + lower


# Steps that anatomy allows: besides the next name, the variants of transitional anatomy.
_VARIANTS = {("t12", "l1"), ("t13", "l1"), ("t11", "l1"), ("l5", "s1"), ("l4", "s1"), ("l6", "s1")}


def neighbours(levels: Iterable[str]) -> list[tuple[str, str]]:
    """Return the pairs of levels that touch each other, top to bottom; a missing level breaks the chain."""
    ordered = sorted(set(levels), key=level_rank)
    pairs = []
    for upper, lower in pairwise(ordered):
        same_region = upper[0] == lower[0] and int(lower[1:]) == int(upper[1:]) + 1
        if same_region or (upper, lower) == ("c7", "t1") or (upper, lower) in _VARIANTS:
            pairs.append((upper, lower))
    return pairs
