"""``read_fields``: a table of the study file into a frozen record, with unknown keys refused."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, fields
from typing import Any, TypeVar

from lbp_prognosis._base import argument_error

__all__ = ["plain", "read_fields"]

T = TypeVar("T")


def read_fields(kind: type[T], name: str, table: Any) -> T:
    """Build a record from a TOML table; lists become tuples.

    Parameters
    ----------
    kind : type
        A dataclass.
    name : str
        Of the table in the file, for messages.
    table : mapping
        What stood there.
    """
    if not isinstance(table, Mapping):
        raise argument_error(name, "a table", table)
    known = [entry.name for entry in fields(kind)]  # type: ignore[arg-type]
    unknown = sorted(set(table) - set(known))
    if unknown:
        raise argument_error(name, f"a table of {', '.join(known)}", f"{unknown}")
    needed = [
        entry.name
        for entry in fields(kind)  # type: ignore[arg-type]
        if entry.default is MISSING and entry.default_factory is MISSING
    ]
    absent = [key for key in needed if key not in table]
    if absent:
        raise argument_error(name, f"a table with {', '.join(needed)}", f"one without {absent}")
    return kind(**{key: tuple(value) if isinstance(value, list) else value for key, value in table.items()})


def plain(value: Any) -> Any:
    """Return a value as JSON and TOML know it: tuples as lists, mappings sorted by nothing but their own order."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return value
