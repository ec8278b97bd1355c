"""``deprecated``: the one place from which a deprecated name or keyword warns, with the version in which it goes.

``deprecations.csv`` lists them: a call for a name that is not listed is an error, so the list is complete.
"""

from __future__ import annotations

import csv
import warnings
from dataclasses import dataclass
from functools import cache
from pathlib import Path

__all__ = ["Deprecation", "deprecated", "deprecations"]


@dataclass(frozen=True)
class Deprecation:
    """A name or keyword that will be removed.

    Attributes
    ----------
    name : str
        ``room.name``, or ``room.name(keyword=)``.
    since, goes : str
        Version that deprecated it, and version that no longer has it.
    instead : str
        What to use.
    """

    name: str
    since: str
    goes: str
    instead: str


@cache
def deprecations() -> dict[str, Deprecation]:
    """Return every deprecated name and keyword, by name."""
    with (Path(__file__).parent / "deprecations.csv").open(encoding="utf-8", newline="") as lines:
        return {row["name"]: Deprecation(**row) for row in csv.DictReader(lines)}


def deprecated(name: str, *, through: int = 0) -> None:
    """Warn the caller of the calling function that ``name``, listed in ``deprecations.csv``, will be removed.

    Parameters
    ----------
    name : str
        As listed.
    through : int, default 0
        Wrappers between the calling function and its caller.

    Raises
    ------
    KeyError
        If the name is not listed.
    """
    found = deprecations()[name]
    warnings.warn(
        f"`{name}` is deprecated since version {found.since} and will be removed in {found.goes}. Use {found.instead}.",
        DeprecationWarning,
        stacklevel=3 + through,
    )
