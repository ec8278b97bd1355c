"""``protocol_fields``: every field of a protocol by its path, so that two protocols can be compared."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["protocol_fields", "shown_value"]


def protocol_fields(protocol: Mapping[str, Any]) -> dict[str, Any]:
    """Return the leaves of `Study.to_dict` by path: ``models[clinical].options.penalty``.

    Tables in a list (models, readings) are identified by their names; their order is a separate field, because seeds
    depend on it. Other lists are leaves. An empty table is a leaf.

    Parameters
    ----------
    protocol : mapping
        As `Study.to_dict` returns it.
    """
    out: dict[str, Any] = {}
    for key, value in protocol.items():
        _add(str(key), value, out)
    return out


def _add(path: str, value: Any, out: dict[str, Any]) -> None:
    if isinstance(value, Mapping) and value:
        for key, inner in value.items():
            _add(f"{path}.{key}", inner, out)
    elif _are_named(value):
        out[f"{path} (order)"] = [one["name"] for one in value]
        for one in value:
            for key, inner in one.items():
                if key != "name":
                    _add(f"{path}[{one['name']}].{key}", inner, out)
    else:
        out[path] = value


def _are_named(value: Any) -> bool:
    if not isinstance(value, list) or not value or not all(isinstance(one, Mapping) and "name" in one for one in value):
        return False
    names = [one["name"] for one in value]
    return len(set(names)) == len(names)


def shown_value(value: Any) -> str:
    """Return a value of a protocol as text; "–" if it is left out.

    Parameters
    ----------
    value : object
        A leaf.
    """
    if value is None or (isinstance(value, str | list | tuple | Mapping) and not value):
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        short = f"{value:g}"
        return short if float(short) == value else repr(value)  # so that unequal values are shown differently
    if isinstance(value, Mapping):
        return "; ".join(f"{key} = {shown_value(inner)}" for key, inner in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(f"({shown_value(one)})" if isinstance(one, Mapping) else shown_value(one) for one in value)
    return str(value)
