"""``check_minimum``: columns of ``[clinical_minimum]`` against those of a wide table."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from lbp_prognosis._base import argument_error, nearest

__all__ = ["check_minimum"]


def check_minimum(minimum: Mapping[str, Any], columns: Iterable[str]) -> None:
    """Refuse a construct of which the table has no column: a slip would read as a comparator that lacks it."""
    known = list(columns)
    for construct, named in minimum.items():
        names = (named,) if isinstance(named, str) else tuple(named)
        if names and not any(name in known for name in names):
            words = f"a column of the table, or one of several of which the table has one: {', '.join(known[:12])}"
            near = nearest(names[0], known) or f"Leave {construct} out if it was not measured."
            raise argument_error(f"clinical_minimum.{construct}", words, ", ".join(map(repr, names)), near)
