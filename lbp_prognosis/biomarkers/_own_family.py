"""User-defined families: functions from a case to rows, which are checked like those of the library."""

from __future__ import annotations

import hashlib
import inspect
import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import fields
from importlib.metadata import entry_points
from typing import Any

import numpy as np

from lbp_prognosis._base import argument_error, describe
from lbp_prognosis.biomarkers.anatomy._levels import level_rank
from lbp_prognosis.biomarkers.families._measurement import SOURCE_MARK, Measurement
from lbp_prognosis.schema import enumerations

__all__ = ["ENTRY_POINT_GROUP", "OwnFamily", "checked_rows", "describe_family", "family_name", "find_family"]

ENTRY_POINT_GROUP = "lbp_prognosis.biomarkers"
"""Group of entry points under which a package offers families by name."""

PREFIX = "own_"
"""Prefix of user-defined measures, which sets them apart from those of the library."""

OwnFamily = Callable[[Any], Iterable[Any]]
"""A function ``(case) -> rows``; a row is a `Measurement` or a mapping with its fields."""

_FIELDS = {field.name for field in fields(Measurement)}
_NEEDED = ("structure", "measure", "unit", "value")


def family_name(family: str | OwnFamily) -> str:
    """Return the name of a family: the given name, or that of the function."""
    return family if isinstance(family, str) else str(getattr(family, "__name__", type(family).__name__))


def find_family(name: str) -> OwnFamily | None:
    """Return the function that an installed package offers under a name, or None.

    Raises
    ------
    ArgumentError
        If packages offer different functions under one name, or the function cannot be imported.
    """
    found = {point.value: point for point in entry_points(group=ENTRY_POINT_GROUP) if point.name == name}
    if len(found) > 1:
        raise argument_error("families", "names that one package offers", f"{name!r}, which stands for {sorted(found)}")
    for point in found.values():
        try:
            loaded: OwnFamily = point.load()
        except Exception as error:  # the package of a third party may raise anything
            package = point.dist.name if point.dist else "a package"
            raise argument_error(
                "families",
                "names of functions that can be imported",
                f"{name!r}, which {package} offers as {point.value}: {type(error).__name__}: {error}",
                f"Repair or reinstall {package}, or leave the family out.",
            ) from error
        return loaded
    return None


def describe_family(family: OwnFamily) -> dict[str, str]:
    """Return the identity of a function: module, name, version and the SHA-256 of its source.

    A family whose source cannot be read is described by its name and ``version`` alone. The source does not include the
    functions that it calls or values from outside: change ``version`` when these change.
    """
    try:
        digest = hashlib.sha256(inspect.getsource(family).encode("utf-8")).hexdigest()
    except (OSError, TypeError):  # defined interactively, compiled, or a callable object
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
        If a row is invalid; the message names the first one. Fields must be present, known and of the right type;
        structure, level and side must be in the data schema; a measure must begin with ``own_`` and have one unit per
        method; no row may occur twice.
    """
    name = family_name(family)
    if isinstance(rows, Mapping | str | bytes) or not isinstance(rows, Iterable):
        raise argument_error(name, "a function that returns a sequence of rows", describe(rows))
    found = [_row(name, k, row) for k, row in enumerate(rows)]
    keys = [(row.structure, row.measure, row.level, row.side, row.method_id) for row in found]
    doubled = sorted({key for key in keys if keys.count(key) > 1})
    if doubled:
        raise argument_error(name, "one row per structure, measure, level, side and method", f"two of {doubled[0]}")
    units: dict[tuple[str, str], str] = {}
    for row in found:
        unit = units.setdefault((row.measure, row.method_id), row.unit)
        if unit != row.unit:
            raise argument_error(
                name,
                "rows with one unit per measure and method",
                f"{unit!r} and {row.unit!r} for {row.measure!r}",
                "Convert one unit into the other, or give the measures different names.",
            )
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
    if not re.fullmatch(PREFIX + r"[a-z0-9]+(_[a-z0-9]+)*", str(row["measure"])):
        raise argument_error(
            f"{where}: measure",
            f"a name of small letters, digits and single _ that begins with {PREFIX!r}",
            repr(row["measure"]),
            "The prefix sets your measures apart from those of the library.",
        )
    if not _is_level(row.get("level", "")):
        raise argument_error(f"{where}: level", "a vertebra or disc such as 'l4' or 'l4l5', or ''", repr(row["level"]))
    if row.get("side", "") not in ("", *known["sides"]):
        raise argument_error(f"{where}: side", f"one of {list(known['sides'])} or ''", repr(row["side"]))
    method = row.get("method_id") or name
    if not isinstance(method, str) or SOURCE_MARK in method:
        raise argument_error(
            f"{where}: method_id",
            f"a name without {SOURCE_MARK!r}",
            repr(method),
            "The library adds this mark, followed by the tool of the label.",
        )
    flags = row.get("flags", ())
    if isinstance(flags, str) or not isinstance(flags, Sequence) or not all(isinstance(flag, str) for flag in flags):
        raise argument_error(f"{where}: flags", "a sequence of words", describe(flags))
    if strange := [flag for flag in flags if not re.fullmatch(r"[A-Za-z0-9_.:-]+", flag)]:
        raise argument_error(
            f"{where}: flags",
            "words of letters, digits, _, ., : and -",
            repr(strange[0]),
            "Flags are joined by ';' in the table.",
        )
    value = _number(f"{where}: value", row["value"])
    reason = _text(f"{where}: reason", row.get("reason", ""))
    return Measurement(
        row["structure"],
        row["measure"],
        _text(f"{where}: unit", row["unit"]),
        value,
        method,
        row.get("level", ""),
        row.get("side", ""),
        sd_error=_error(f"{where}: sd_error", row.get("sd_error", math.nan)),
        flags=tuple(flags),
        reason=reason or ("" if math.isfinite(value) else f"{name} gave no number"),
        n_voxels=_count(f"{where}: n_voxels", row.get("n_voxels")),
        n_slices=_count(f"{where}: n_slices", row.get("n_slices")),
        spacing=_text(f"{where}: spacing", row.get("spacing", "")),
        fit_residual=_number(f"{where}: fit_residual", row.get("fit_residual", math.nan)),
        touched_border=_yes_or_no(f"{where}: touched_border", row.get("touched_border")),
        level_from_bottom=_count(f"{where}: level_from_bottom", row.get("level_from_bottom")),
    )


def _number(where: str, value: Any) -> float:
    try:
        if isinstance(value, bool | np.bool_ | str | bytes):
            raise TypeError
        return float(value)
    except (TypeError, ValueError, OverflowError):
        raise argument_error(where, "a number, or NaN with a reason", describe(value)) from None


def _error(where: str, value: Any) -> float:
    found = _number(where, value)
    if found < 0:
        raise argument_error(where, "at least 0, or NaN if unknown", describe(value))
    return found


def _text(where: str, value: Any) -> str:
    if not isinstance(value, str):
        raise argument_error(where, "a text", describe(value))
    return str(value)


def _count(where: str, value: Any) -> int | None:
    """Return a Python integer: rows are written as JSON, which does not accept integers of NumPy."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 0:
        raise argument_error(where, "a whole number of at least 0, or None", describe(value))
    return int(value)


def _yes_or_no(where: str, value: Any) -> bool | None:
    if value is not None and not isinstance(value, bool | np.bool_):
        raise argument_error(where, "True, False or None", describe(value))
    return None if value is None else bool(value)


def _is_level(level: Any) -> bool:
    if level == "":
        return True
    try:
        level_rank(str(level))
    except ValueError:
        return False
    return True
