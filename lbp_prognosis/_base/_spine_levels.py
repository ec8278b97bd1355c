"""Names and order of vertebrae and discs, and which column is of which level.

A vertebra is ``c1 … c7, t1 … t13, l1 … l6, s1``; a disc bears the names of both its vertebrae (``l4l5``).
"""

from __future__ import annotations

__all__ = ["VERTEBRAE", "level_of_column", "level_rank", "split_disc"]

VERTEBRAE: tuple[str, ...] = (
    *(f"c{k}" for k in range(1, 8)),
    *(f"t{k}" for k in range(1, 14)),
    *(f"l{k}" for k in range(1, 7)),
    "s1",
)
_RANK = {name: rank for rank, name in enumerate(VERTEBRAE)}


def split_disc(disc: str) -> tuple[str, str]:
    """Return the vertebra above and the one below a disc."""
    for cut in range(2, len(disc) - 1):
        if disc[:cut] in _RANK and disc[cut:] in _RANK:
            return disc[:cut], disc[cut:]
    raise ValueError(f"{disc!r} is not the name of a disc")


def level_rank(level: str) -> float:
    """Return the cranio-caudal rank of a vertebra or disc (a disc lies half a step below its upper vertebra)."""
    if level in _RANK:
        return float(_RANK[level])
    return _RANK[split_disc(level)[0]] + 0.5


def level_of_column(column: str) -> tuple[str, str] | None:
    """Return the level of a column, and the column's name without it; None where its name holds no level.

    Parameters
    ----------
    column : str
        Named as wide tables are: parts joined by two underscores, after the measure the level (``disc_height__l4l5``,
        ``disc__height__l4l5__left``).
    """
    parts = column.split("__")
    for place, part in enumerate(parts):
        if place and (part in _RANK or _is_disc(part)):
            return part, "__".join(parts[:place] + parts[place + 1 :])
    return None


def _is_disc(name: str) -> bool:
    try:
        split_disc(name)
    except ValueError:
        return False
    return True
