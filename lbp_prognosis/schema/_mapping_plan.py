"""``checked_plan``: check of a mapping against its required types; all faults are reported before a file is opened."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from lbp_prognosis._base import ArgumentError, StrictTable, is_date_form, nearest
from lbp_prognosis.schema._table_schemas import table_schemas
from lbp_prognosis.schema._units import convert_unit, known_units

__all__ = ["DIALECT", "REDCAP", "checked_plan"]

DIALECT = ("sheet", "delimiter", "decimal", "thousands", "encoding")
REDCAP = ("missing_codes", "visit_date", "event_days")
_TABLE = ("name", "source", "where", "columns", "melt", "distinct")
_RULE: dict[str, Any] = {
    "from": str,
    "value": Any,
    "recode": Mapping[str, str | bool | float],
    "unit": str,
    "to": str,
    "scale": float,
    "date": str,
}
_REDCAP_TYPES: dict[str, Any] = {
    "missing_codes": Mapping[str, str],
    "visit_date": str,
    "event_days": Mapping[str, float],
}


def checked_plan(plan: Any, folder: Path, frames: Collection[str] = ()) -> dict[str, Any]:
    """Return the mapping after a check of its keys, types and references.

    Parameters
    ----------
    plan : mapping
        Contents of ``mapping.toml``.
    folder : Path
        Folder of its files; files elsewhere are refused.
    frames : collection of str
        Names of sources that are given as frames.

    Raises
    ------
    ArgumentError
        If the mapping has faults; the error carries all of them as ``failures``.
    """
    read = StrictTable("mapping")
    top = read.keys("mapping", plan, ("source", "table", "ignore"), ("table",))
    sources = read.value("source", Mapping[str, Any], top.get("source", {}))
    names = dict(sources) if isinstance(sources, Mapping) else {}
    for name, entry in names.items():
        _source(read, f"source.{name}", entry, folder)
    known = [*names, *frames]
    forms = [name for name, entry in names.items() if isinstance(entry, Mapping) and "redcap" in entry]
    tables = top.get("table", [])
    if not isinstance(tables, list | tuple):
        read.fault("table", "type", "table", "a list of tables, [[table]]", tables)
        tables = ()
    for k, entry in enumerate(tables, start=1):
        _table(read, f"table.{k}", entry, known, forms)
    ignored = read.value("ignore", Mapping[str, tuple[str, ...]], top.get("ignore", {}))
    for name in ignored if isinstance(ignored, Mapping) else ():
        _refer(read, f"ignore.{name}", "ignore", name, known, forms)
    read.raise_if_any()
    return top


def _refer(
    read: StrictTable, field: str, name: str, got: Any, known: Collection[str], forms: Collection[str] = ()
) -> None:
    """Record an unknown name; a REDCap project adds sources named after its forms."""
    if got not in known and not any(str(got).startswith(f"{form}.") for form in forms):
        read.fault(field, "reference", name, f"one of {', '.join(map(str, known))}", repr(got), nearest(got, known))


def _source(read: StrictTable, field: str, entry: Any, folder: Path) -> None:
    accepted = "a table with `file`, or with `redcap` and `dictionary`"
    if not isinstance(entry, Mapping) or ("file" in entry) == ("redcap" in entry):
        read.fault(field, "type", field, accepted, sorted(entry) if isinstance(entry, Mapping) else entry)
        return
    if "file" in entry:
        given = read.keys(field, entry, ("file", *DIALECT, "missing"))
        types = {key: str for key in ("file", *DIALECT)}
    else:
        given = read.keys(field, entry, ("redcap", "dictionary", *REDCAP), ("redcap", "dictionary"))
        types = {"redcap": str, "dictionary": str, **_REDCAP_TYPES}
    for key, value in given.items():
        if key in types:
            read.value(f"{field}.{key}", types[key], value)
        if key in ("file", "redcap", "dictionary") and isinstance(value, str) and not _inside(value, folder):
            read.fault(f"{field}.{key}", "range", f"{field}.{key}", "a file inside the folder", repr(value))


def _inside(name: str, folder: Path) -> bool:
    return "\x00" not in name and (folder / name).resolve().is_relative_to(folder.resolve())


def _table(read: StrictTable, field: str, entry: Any, known: Collection[str], forms: Collection[str]) -> None:
    given = read.keys(field, entry, _TABLE, ("name", "source"))
    if "name" in given:
        _refer(read, f"{field}.name", "table.name", given["name"], table_schemas())
    if "source" in given:
        _refer(read, f"{field}.source", "table.source", given["source"], known, forms)
    if "distinct" in given:
        read.value(f"{field}.distinct", bool, given["distinct"])
    if "where" in given:
        read.value(f"{field}.where", Mapping[str, Any], given["where"])
    _rules(read, f"{field}.columns", given.get("columns", {}))
    if "melt" in given:
        melt = read.keys(f"{field}.melt", given["melt"], ("key", "value", "columns"), ("key", "value", "columns"))
        for key in ("key", "value"):
            if key in melt:
                read.value(f"{field}.melt.{key}", str, melt[key])
        _rules(read, f"{field}.melt.columns", melt.get("columns", {}))


def _rules(read: StrictTable, field: str, rules: Any) -> None:
    """Return the definition of each column: a name, or a table."""
    if not isinstance(rules, Mapping):
        read.fault(field, "type", field, "a table", rules)
        return
    for name, rule in rules.items():
        where = f"{field}.{name}"
        if isinstance(rule, str):
            continue
        if not isinstance(rule, Mapping):
            read.fault(where, "type", where, "a column name, or a table with `from` or `value`", rule)
            continue
        given = read.keys(where, rule, tuple(_RULE))
        for key, value in given.items():
            read.value(f"{where}.{key}", _RULE[key], value)
        if ("from" in rule) == ("value" in rule):
            read.fault(where, "conflict", where, "a column name, or a table with `from` or `value`", sorted(rule))
        if ("unit" in rule) != ("to" in rule):
            read.fault(where, "conflict", where, "given `unit` and `to` together", sorted(rule))
        else:
            _units(read, where, given)
        if isinstance(given.get("date"), str) and not is_date_form(given["date"]):
            words = "how the source writes dates, e.g. '%d.%m.%Y'"
            read.fault(f"{where}.date", "text", f"{where}.date", words, repr(given["date"]))
        if given.get("scale") == 0:
            read.fault(f"{where}.scale", "range", f"{where}.scale", "a number other than 0", "0")


def _units(read: StrictTable, where: str, given: Mapping[str, Any]) -> None:
    """Check that two units are known and measure the same thing."""
    known = known_units()
    told = {key: given[key] for key in ("unit", "to") if isinstance(given.get(key), str)}
    strange = [key for key, unit in told.items() if unit not in known]
    for key in strange:
        words = f"one of {', '.join(known)}"
        read.fault(f"{where}.{key}", "choice", f"{where}.{key}", words, repr(told[key]), nearest(told[key], known))
    if len(told) == 2 and not strange:
        try:
            convert_unit([], told["unit"], told["to"])
        except ArgumentError:
            words = f"a unit of the same kind as {told['unit']!r}"
            read.fault(f"{where}.to", "conflict", f"{where}.to", words, repr(told["to"]))
