"""Biomarkers of the user: a function from a case to rows, checked and carried like the library's own."""

from __future__ import annotations

import hashlib
import inspect
import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import fields
from importlib.metadata import entry_points
from typing import Any

from lbp_prognosis._base import argument_error, describe
from lbp_prognosis.biomarkers.anatomy._levels import level_rank
from lbp_prognosis.biomarkers.families._measurement import Measurement
from lbp_prognosis.schema import enumerations

__all__ = ["ENTRY_POINT_GROUP", "OwnFamily", "checked_rows", "describe_family", "family_name", "find_family"]

ENTRY_POINT_GROUP = "lbp_prognosis.biomarkers"
"""Group of entry points under which a package offers families by name."""

PREFIX = "own_"
"""Measures of the user begin with it, so that none is taken for one of the library's."""

OwnFamily = Callable[[Any], Iterable[Any]]
"""A function ``(case) -> rows``; a row is a `Measurement` or a mapping with its fields."""

_FIELDS = {field.name for field in fields(Measurement)}
_NEEDED = ("structure", "measure", "unit", "value")


def family_name(family: str | OwnFamily) -> str:
    """Return the name of a family: the word itself, or that of the function."""
    return family if isinstance(family, str) else str(getattr(family, "__name__", type(family).__name__))


def find_family(name: str) -> OwnFamily | None:
    """Return the function that an installed package offers under a name, or None."""
    found = [point for point in entry_points(group=ENTRY_POINT_GROUP) if point.name == name]
    return found[0].load() if found else None


def describe_family(family: OwnFamily) -> dict[str, str]:
    """Return what tells one state of a function from another: module, name, version and the SHA-256 of its source.

    A family whose source can't be read is described by its name and ``version`` alone.
    """
    try:
        digest = hashlib.sha256(inspect.getsource(family).encode("utf-8")).hexdigest()
    except (OSError, TypeError):  # built in a session, compiled, or an object
        digest = ""
    return {
        "name": family_name(family),
        "module": str(getattr(family, "__module__", "")),
        "version": str(getattr(family, "version", "")),
        "source_sha256": digest,
    }


def checked_rows(family: OwnFamily, rows: Any) -> list[Measurement]:
    """Return the rows of a family as measurements.

    Raises
    ------
    ArgumentError
        Naming the first row that is none: fields that are missing or unknown, a structure, level or side that the data
        schema does not know, a measure without the prefix ``own_``, a value that is no number, rows that are doubled.
    """
    name = family_name(family)
    if isinstance(rows, Mapping | str | bytes) or not isinstance(rows, Iterable):
        raise argument_error(name, "a function that returns a sequence of rows", describe(rows))
    found = [_row(name, k, row) for k, row in enumerate(rows)]
    keys = [(row.structure, row.measure, row.level, row.side, row.method_id) for row in found]
    doubled = sorted({key for key in keys if keys.count(key) > 1})
    if doubled:
        raise argument_error(name, "one row per structure, measure, level, side and method", f"two of {doubled[0]}")
    return found


def _row(name: str, number: int, row: Any) -> Measurement:
    where = f"{name}, row {number}"
    if isinstance(row, Measurement):
        row = {field: getattr(row, field) for field in _FIELDS}
    if not isinstance(row, Mapping):
        raise argument_error(where, "a Measurement or a mapping with its fields", describe(row))
    unknown, missing = sorted(set(row) - _FIELDS), [field for field in _NEEDED if field not in row]
    if unknown or missing:
        got = f"without {missing}" if missing else f"unknown {unknown}"
        raise argument_error(where, f"with the fields {', '.join(_NEEDED)} and of {sorted(_FIELDS)}", got)
    known = enumerations()
    if row["structure"] not in known["structures"]:
        raise argument_error(f"{where}: structure", "one of the data schema", repr(row["structure"]))
    if not re.fullmatch(PREFIX + r"[a-z0-9_]+", str(row["measure"])):
        raise argument_error(
            f"{where}: measure",
            f"a name of small letters, digits and _ that begins with {PREFIX!r}",
            repr(row["measure"]),
            "No measure of yours can then be taken for one of the library's.",
        )
    if not _is_level(row.get("level", "")):
        raise argument_error(f"{where}: level", "a vertebra or disc such as 'l4' or 'l4l5', or ''", repr(row["level"]))
    if row.get("side", "") not in ("", *known["sides"]):
        raise argument_error(f"{where}: side", f"one of {list(known['sides'])} or ''", repr(row["side"]))
    flags = row.get("flags", ())
    if isinstance(flags, str) or not isinstance(flags, Sequence) or not all(isinstance(flag, str) for flag in flags):
        raise argument_error(f"{where}: flags", "a sequence of words", describe(flags))
    return Measurement(
        **{
            **row,
            "value": _number(f"{where}: value", row["value"]),
            "sd_error": _number(f"{where}: sd_error", row.get("sd_error", math.nan)),
            "method_id": str(row.get("method_id") or name),
            "flags": tuple(flags),
        }
    )


def _number(where: str, value: Any) -> float:
    try:
        if isinstance(value, bool | str):
            raise TypeError
        return float(value)
    except (TypeError, ValueError):
        raise argument_error(where, "a number, NaN with a reason where there is none", describe(value)) from None


def _is_level(level: Any) -> bool:
    if level == "":
        return True
    try:
        level_rank(str(level))
    except ValueError:
        return False
    return True
