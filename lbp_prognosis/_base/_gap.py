"""``gap``: the text in the place of a number that is missing, which says why; pages turn it into a footnote."""

from __future__ import annotations

import re

__all__ = ["DASH", "gap", "of_interval", "reason_of"]

DASH = "–"
_NO_INTERVAL = "no interval"
_GAP = re.compile(r"(–|[+−-]?\d[\d.,]*%?) \((?:not estimable: )?((?:(?<=: )|not |no interval).+)\)", re.DOTALL)


def gap(why: str, shown: str = DASH) -> str:
    """Return ``– (not estimable: no event)``, or a number whose interval is missing: ``0.7 (no interval: …)``.

    Parameters
    ----------
    why : str
        Reason; one that begins with "not" or "no interval" is given as it is. Nothing is added without one.
    shown : str, default "–"
        What stands before it.
    """
    if not why:
        return shown
    return f"{shown} ({why})" if why.startswith(("not ", _NO_INTERVAL)) else f"{shown} (not estimable: {why})"


def of_interval(why: str) -> bool:
    """Return whether a reason is that of a missing interval: the value beside it is known."""
    return why.startswith(_NO_INTERVAL)


def reason_of(cell: str) -> tuple[str, str]:
    """Return what a cell made by `gap` shows, and the reason it carries; the cell and nothing for any other."""
    found = _GAP.fullmatch(cell)
    return (found[1], found[2]) if found else (cell, "")
