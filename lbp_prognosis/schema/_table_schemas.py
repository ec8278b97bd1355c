"""Schemas of the library's tables, read from the JSON files of ``data_schemas``."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

from lbp_prognosis._base import DataError

__all__ = [
    "Field",
    "TableSchema",
    "data_schemas_folder",
    "enumerations",
    "instrument_ranges",
    "measures",
    "table_schemas",
]


@dataclass(frozen=True)
class Field:
    """One column of a table.

    Attributes
    ----------
    name, type, description : str
        Name, Table Schema type (string, number, integer, boolean, date), and description.
    unit : str
        Unit of the values; empty if there is none or if another column contains it.
    role : str
        key, time, group, predictor, exposure, value, method, error, acquisition or context.
    timing : str
        static, baseline or followup.
    required : bool
        Whether a value is required.
    enum : tuple of str
        Allowed values; empty if any.
    minimum, maximum : float or None
        Bounds, both inclusive.
    pattern : str
        Regular expression for the whole value; empty if any.
    extensible : bool
        Whether the codebook of a package may add to ``enum``.
    open_prefixes : tuple of str
        Values with this beginning are allowed in addition to ``enum``.
    """

    name: str
    type: str
    description: str
    unit: str = ""
    role: str = "context"
    timing: str = "static"
    required: bool = False
    enum: tuple[str, ...] = ()
    minimum: float | None = None
    maximum: float | None = None
    pattern: str = ""
    extensible: bool = False
    open_prefixes: tuple[str, ...] = ()


@dataclass(frozen=True)
class TableSchema:
    """One table: its columns, keys and the rules between columns.

    Attributes
    ----------
    name, description : str
        Name and description.
    fields : mapping of str to Field
        Columns, in order.
    key : tuple of str
        Columns that are unique together; a missing part counts as a separate value.
    foreign_keys : tuple of (columns, table, columns, optional)
        References; an optional reference is checked only if the other table is present.
    missing_values : tuple of str
        Words that mean missing.
    date_order : tuple of (earlier, later)
        Pairs of columns in which the second date must not precede the first.
    value_ranges : mapping
        Where the range (and unit) of a value depends on another column.
    one_method : mapping
        Columns that name the measure and its method.
    """

    name: str
    description: str
    fields: Mapping[str, Field]
    key: tuple[str, ...]
    foreign_keys: tuple[tuple[tuple[str, ...], str, tuple[str, ...], bool], ...]
    missing_values: tuple[str, ...]
    date_order: tuple[tuple[str, str], ...]
    value_ranges: Mapping[str, Any]
    one_method: Mapping[str, str]

    @property
    def required(self) -> tuple[str, ...]:
        """Names of the required columns."""
        return tuple(name for name, field in self.fields.items() if field.required)


@lru_cache(maxsize=1)
def data_schemas_folder() -> Path:
    """Return the folder of the JSON files: inside the installed package, or at the root of a checkout."""
    package = Path(__file__).resolve().parent.parent
    for folder in (package / "_data_schemas", package.parent / "data_schemas"):
        if (folder / "datapackage.json").is_file():
            return folder
    raise DataError("The folder `data_schemas` is neither inside the package nor next to it. Reinstall lbp-prognosis.")


def _json(name: str) -> Any:
    return json.loads((data_schemas_folder() / name).read_text(encoding="utf-8"))


@lru_cache(maxsize=1)
def table_schemas() -> Mapping[str, TableSchema]:
    """Return every table by name, in the order of the data package.

    Examples
    --------
    >>> from lbp_prognosis.schema import table_schemas
    >>> table_schemas()["patient"].key
    ('patient_id',)
    """
    package = _json("datapackage.json")
    return MappingProxyType({item["name"]: _table(_json(item["schema"])) for item in package["resources"]})


def _table(raw: Mapping[str, Any]) -> TableSchema:
    return TableSchema(
        name=raw["name"],
        description=raw["description"],
        fields=MappingProxyType({field["name"]: _field(field) for field in raw["fields"]}),
        key=tuple(raw["primaryKey"] if "primaryKey" in raw else raw["uniqueKeys"][0]),
        foreign_keys=tuple(
            (
                tuple(link["fields"]),
                link["reference"]["resource"],
                tuple(link["reference"]["fields"]),
                bool(link.get("optional", False)),
            )
            for link in raw.get("foreignKeys", ())
        ),
        missing_values=tuple(raw["missingValues"]),
        date_order=tuple((pair[0], pair[1]) for pair in raw.get("dateOrder", ())),
        value_ranges=raw.get("valueRanges", {}),
        one_method=raw.get("oneMethod", {}),
    )


def _field(raw: Mapping[str, Any]) -> Field:
    rule = raw.get("constraints", {})
    return Field(
        name=raw["name"],
        type=raw["type"],
        description=raw["description"],
        unit=raw["unit"],
        role=raw["role"],
        timing=raw["timing"],
        required=bool(rule.get("required", False)),
        enum=tuple(rule.get("enum", ())),
        minimum=rule.get("minimum"),
        maximum=rule.get("maximum"),
        pattern=rule.get("pattern", ""),
        extensible="extensible" in raw,
        open_prefixes=tuple(raw.get("openPrefixes", ())),
    )


@lru_cache(maxsize=1)
def measures() -> Mapping[str, Mapping[str, Any]]:
    """Return the known measures: name to ``unit, minimum, maximum, kind, direction, tables, description``."""
    return MappingProxyType(_json("measures.json"))


@lru_cache(maxsize=1)
def instrument_ranges() -> Mapping[str, Mapping[str, Any]]:
    """Return the known instruments: name to ``minimum, maximum`` of the total, ``direction, unit, description``."""
    return MappingProxyType(_json("instruments.json"))


@lru_cache(maxsize=1)
def enumerations() -> Mapping[str, Any]:
    """Return the fixed lists: ``vertebrae, discs, levels, sides, structures, imaging_modalities, modalities, tables``.

    ``tables`` maps a table to the modality of its values.
    """
    return MappingProxyType(_json("enumerations.json"))
