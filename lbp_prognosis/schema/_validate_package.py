"""``validate_package``: typed tables and one frame of failures from a folder, a database or a mapping of tables."""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pandas as pd

from lbp_prognosis._base import ArgumentError, DataError, Result, argument_error, check_number
from lbp_prognosis.schema._arrow_source import (
    DATABASES,
    ArrowSource,
    DatabaseTable,
    ParquetTable,
    database_tables,
    the_table,
)
from lbp_prognosis.schema._check_blocks import FirstReading, check_blocks, first_reading
from lbp_prognosis.schema._codebook_checks import codebook_extensions, codebook_failures, extended_ranges
from lbp_prognosis.schema._coerce import coerce_table
from lbp_prognosis.schema._column_name import ColumnName
from lbp_prognosis.schema._cross_checks import (
    date_failures,
    duplicate_failures,
    index_date_failures,
    method_failures,
    method_failures_of,
    range_failures,
    reference_failures,
    visit_failures,
)
from lbp_prognosis.schema._failures import failure_frame, merge_failures, without_values
from lbp_prognosis.schema._infer_types import infer_types
from lbp_prognosis.schema._missing_words import MissingWords
from lbp_prognosis.schema._pandera_checks import column_checks
from lbp_prognosis.schema._read_table import TableReading, read_table
from lbp_prognosis.schema._shown_values import all_values, usual_values
from lbp_prognosis.schema._table_blocks import ArrowBlocks, TableBlocks, scan_table
from lbp_prognosis.schema._table_schemas import TableSchema, table_schemas

__all__ = ["PackageReport", "validate_package"]

_SUFFIXES = (".csv", ".tsv", ".txt", ".parquet", ".xlsx", ".dta", ".sav", ".sas7bdat", ".xpt", *DATABASES)


@dataclass(frozen=True, repr=False)
class PackageReport(Result):
    """Contents of a package and its failures.

    Attributes
    ----------
    tables : dict of str to DataFrame
        The tables that were found, with typed columns, in the order of the data package.
    failures : DataFrame
        One row per failure: ``table, row, field, reason, value, message``; ``row`` counts data rows from 1. Empty if
        the package is valid.
    notes : DataFrame
        Remarks that are not faults: ``table, field, note`` (undeclared columns, dialect, decimal comma …).
    synthetic : bool
        Whether the package states that it was simulated (``"synthetic": true`` in its ``datapackage.json``, or frames
        that carry the mark).
    blocks : dict of str to TableBlocks
        The tables of more rows than ``block_rows``, which are read in blocks and are listed here instead of in
        ``tables``.
    """

    tables: dict[str, pd.DataFrame]
    failures: pd.DataFrame
    notes: pd.DataFrame
    synthetic: bool = False
    blocks: dict[str, TableBlocks] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        """Whether nothing failed."""
        return self.failures.empty

    def to_frame(self) -> pd.DataFrame:
        """Return the failures."""
        return self.failures

    def _repr_html_(self) -> str:
        shown = without_values(self.failures.head(60))
        table: str = shown.to_html(index=False, na_rep="", border=0)
        more = len(self.failures) - len(shown)
        return f"{table}<p>{more} more; to_frame() has them all, with values.</p>" if more else table

    def counts(self) -> pd.DataFrame:
        """Return how often each failure occurs: ``table, field, reason, n``."""
        keys = ["table", "field", "reason"]
        counted = self.failures.fillna({"field": ""}).groupby(keys, sort=False).size()
        return counted.rename("n").reset_index()

    def codings(self, *, show_values: bool = False) -> pd.DataFrame:
        """Return the units and codings that were applied.

        Columns ``table, field, declared, type, unit, role, timing, n, n_missing, values``. By default ``values``
        contains nothing that identifies a single patient: levels with five or more rows, and the middle 90 % range of
        numbers and dates; with ``show_values``, the smallest and largest values and the commonest words. Tables that
        are read in blocks are not described.
        """
        rows = []
        for name, frame in self.tables.items():
            schema = table_schemas()[name]
            for column in frame.columns:
                declared = schema.fields.get(column)
                series = frame[column]
                rows.append(
                    {
                        "table": name,
                        "field": column,
                        "declared": declared is not None,
                        "type": declared.type if declared else str(series.dtype),
                        "unit": declared.unit if declared else "",
                        "role": declared.role if declared else "",
                        "timing": declared.timing if declared else "",
                        "n": len(series),
                        "n_missing": int(series.isna().sum()),
                        "values": all_values(series) if show_values else usual_values(series),
                    }
                )
        return pd.DataFrame(rows)

    def accept_methods(self, measures: Collection[str]) -> PackageReport:
        """Return the report without the failures of measures for which more than one method is accepted."""
        schemas = table_schemas()
        again = [
            method_failures(self.tables[name], schema, measures)
            if name in self.tables
            else method_failures_of(self.blocks[name].methods, schema, measures)
            for name, schema in schemas.items()
            if name in self.tables or name in self.blocks
        ]
        others = self.failures[~self.failures["reason"].eq("mixed_method")]
        return replace(self, failures=merge_failures([others, *(item for found in again for item in found)]))

    def raise_if_failed(self) -> PackageReport:
        """Return the report, or raise a `DataError` that carries the failures."""
        if not self.ok:
            first = self.failures.iloc[0]
            at = "" if pd.isna(first["row"]) else f", row {first['row']}"
            of = "" if pd.isna(first["field"]) else f", field `{first['field']}`"
            raise DataError(
                f"The package has {len(self.failures)} failures; the first: table `{first['table']}`{at}{of}: "
                f"{first['reason']} ({first['message']}).",
                self.failures,
            )
        return self

    def _summary(self) -> str:
        counts = {name: len(frame) for name, frame in self.tables.items()}
        counts |= {name: len(rows) for name, rows in self.blocks.items()}
        sizes = ", ".join(f"{name} {count}" for name, count in counts.items())
        return f"{sizes or 'no tables'}; {len(self.failures)} failures"


def validate_package(
    source: str | os.PathLike[str] | Mapping[str, pd.DataFrame],
    *,
    mixed_methods: Collection[str] = (),
    block_rows: int | None = None,
) -> PackageReport:
    """Check tables against the data schemas: single columns, keys across tables, date order, units, ranges, methods.

    Parameters
    ----------
    source : path or mapping of str to DataFrame
        A folder with one file per table (``patient.csv``, ``visit.csv`` …; CSV, TSV, Parquet, Excel, Stata, SPSS, SAS,
        DuckDB), with or without its own ``datapackage.json``; a DuckDB database (``*.duckdb``) whose tables or views
        have these names; or the tables themselves by name.
    mixed_methods : collection of str, optional
        Measures of which more than one ``method_id`` is accepted.
    block_rows : int, optional
        Maximum number of rows of a table in Parquet or DuckDB in memory at once, for tables larger than memory. A table
        of more rows is read in blocks and is in ``report.blocks`` instead of ``report.tables``; the failures are the
        same. Memory also contains nine bytes per row, the columns by which tables are compared (keys; index date; dates
        of visits and events), one undeclared column at a time, and the failures; and for DuckDB up to 1 GB of its own.
        The codebook and other formats are read whole.
        By default every table is read whole.

    Returns
    -------
    PackageReport
        Typed tables and one frame of failures. Nothing is raised for faulty data: see ``raise_if_failed``.

    Raises
    ------
    ArgumentError
        If ``source`` is neither a folder or database nor a mapping of frames, ``block_rows`` is below 1, or is given
        with frames.

    See Also
    --------
    lbp_prognosis.schema.map_tables : How do my columns become those of the data package?
    lbp_prognosis.schema.read_table : How do I read CSV, Excel, Stata, SPSS or SAS?

    Examples
    --------
    >>> import pandas as pd
    >>> from lbp_prognosis.schema import validate_package
    >>> report = validate_package({"patient": pd.DataFrame({"patient_id": ["a", "a"], "age": [50, 500]})})
    >>> report.failures[["row", "field", "reason"]].values.tolist()
    [[2, 'age', 'maximum'], [2, 'patient_id', 'duplicate_key']]
    """
    notes: list[dict[str, str]] = []
    failures: list[pd.DataFrame] = []
    files: dict[str, ArrowBlocks] = {}
    if isinstance(source, Mapping):
        if block_rows is not None:
            raise argument_error("block_rows", "left out for frames: they are already in memory", block_rows)
        raw = _given(source)
        synthetic = any(bool(frame.attrs.get("synthetic")) for frame in raw.values())
    else:
        raw, files = _from_disk(Path(source), _row_limit(block_rows), failures, notes)
        synthetic = _says_synthetic(Path(source))
    schemas = table_schemas()
    tables: dict[str, pd.DataFrame] = {}
    read: dict[str, FirstReading] = {}
    for name, schema in schemas.items():
        if name in raw:
            tables[name], found = _columns(raw.pop(name), schema, notes)  # frees the untyped table
            failures.extend(found)
        elif name in files:
            read[name], found = _block_columns(
                TableBlocks(name, files[name]), schema, notes, codebook="codebook" in raw
            )
            failures.extend(found)
    compared = tables | {name: first.held for name, first in read.items() if first.held is not None}
    if "patient" not in compared and not _mentions(failures, "patient"):
        failures.append(
            failure_frame(
                [
                    {
                        "table": "patient",
                        "reason": "missing_table",
                        "field": "patient_id",
                        "message": "every package needs it",
                    }
                ]
            )
        )
    extended = codebook_extensions(tables.get("codebook"))
    for name, schema in schemas.items():
        if name in tables:
            failures.extend(_table(compared, tables[name], schema, extended.get(name, set()), mixed_methods))
        elif name in read:
            ranges = extended_ranges(tables.get("codebook"), name)
            failures.extend(check_blocks(read[name], compared, extended.get(name, set()), ranges, mixed_methods))
    if "visit" in compared:
        failures.extend(visit_failures(compared["visit"]))
    failures.extend(index_date_failures(compared))
    failures.extend(codebook_failures(compared))
    noticed = pd.DataFrame(notes, columns=["table", "field", "note"])
    blocks = {name: first.blocks for name, first in read.items()}
    return PackageReport(tables, _once(merge_failures(failures)), noticed, synthetic, blocks)


def _row_limit(block_rows: int | None) -> int | None:
    return None if block_rows is None else int(check_number("block_rows", block_rows, low=1, whole=True))


def _given(source: Mapping[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    known = table_schemas()
    for name, frame in source.items():
        if name not in known:
            raise argument_error("source", f"a mapping from table to frame; tables are {', '.join(known)}", repr(name))
        if not isinstance(frame, pd.DataFrame):
            raise argument_error(f"source[{name!r}]", "a DataFrame", frame)
    return dict(source)


def _says_synthetic(folder: Path) -> bool:
    try:
        described = json.loads((folder / "datapackage.json").read_text(encoding="utf-8-sig"))
    except (OSError, ValueError):  # no description, or a description that is reported as unreadable
        return False
    return isinstance(described, dict) and described.get("synthetic") is True


def _from_disk(
    source: Path, block_rows: int | None, failures: list[pd.DataFrame], notes: list[dict[str, str]]
) -> tuple[dict[str, pd.DataFrame], dict[str, ArrowBlocks]]:
    """Return the tables of a folder or a database: whole, or their reading in blocks."""
    try:
        folder, database = source.is_dir(), source.suffix.lower() in DATABASES and source.is_file()
    except (OSError, ValueError):
        folder = database = False
    if not folder and not database:
        accepted = "a folder of tables, a DuckDB database (*.duckdb), or a mapping of frames"
        raise argument_error("source", accepted, repr(str(source)))
    raw: dict[str, pd.DataFrame] = {}
    files: dict[str, ArrowBlocks] = {}
    found: Mapping[str, Path | DatabaseTable] = (
        _resources(source, failures, notes) if folder else _of_database(source, failures, notes)
    )
    for name, place in found.items():
        told: ArrowBlocks | TableReading | None = None
        try:
            table = _arrow(place, name)
            if block_rows is not None and table is not None and name != "codebook":
                told = scan_table(table, block_rows)
            if told is None:
                told = _whole(place, table)
        except (DataError, ArgumentError) as error:
            value = place.name if isinstance(place, Path) else place.table
            failures.append(
                failure_frame([{"table": name, "reason": "unreadable", "value": value, "message": str(error)}])
            )
            continue
        if isinstance(told, ArrowBlocks):
            files[name] = told
        else:
            raw[name] = told.frame
        failures.append(told.failures.assign(table=name))
        notes.extend({"table": name, "field": "", "note": note} for note in told.notes)
    return raw, files


def _arrow(place: Path | DatabaseTable, name: str) -> ArrowSource | None:
    """Return a table that Arrow reads; in a database of several tables the one with the name of the data package's."""
    if isinstance(place, DatabaseTable):
        return place
    if place.suffix.lower() in DATABASES:
        return the_table(place, name if len(database_tables(place)) > 1 else None)
    return ParquetTable(place) if place.suffix.lower() == ".parquet" else None


def _whole(place: Path | DatabaseTable, table: ArrowSource | None) -> TableReading:
    if isinstance(table, DatabaseTable):
        return read_table(table.file, infer=False, sheet=f"{table.schema}.{table.table}")
    assert isinstance(place, Path)
    return read_table(place, infer=False)


def _of_database(
    file: Path, failures: list[pd.DataFrame], notes: list[dict[str, str]]
) -> dict[str, Path | DatabaseTable]:
    """Return the tables of a database by their names in the data package, in lower case."""
    found: dict[str, Path | DatabaseTable] = {}
    for table in database_tables(file):
        name = table.table.lower()
        if name not in table_schemas():
            note = f"table {table.table!r} of the database is no table of the package and was not read"
            notes.append({"table": table.table, "field": "", "note": note})
        elif name in found:
            fault = {"table": name, "reason": "package", "value": f"{table.schema}.{table.table}"}
            failures.append(failure_frame([{**fault, "message": "the database has this table twice"}]))
        else:
            found[name] = table
    return found


def _resources(folder: Path, failures: list[pd.DataFrame], notes: list[dict[str, str]]) -> dict[str, Path]:
    """Return table -> file, from ``datapackage.json`` if there is one, else from the names of the files."""
    known = table_schemas()
    package = folder / "datapackage.json"
    if not package.is_file():
        found: dict[str, Path] = {}
        for path in sorted(folder.iterdir()):
            if path.suffix.lower() not in _SUFFIXES:
                continue
            name = path.stem.lower()
            if name in known and name not in found:
                found[name] = path
            else:
                notes.append(
                    {
                        "table": path.stem,
                        "field": "",
                        "note": f"file {path.name!r} is no table of the package and was not read",
                    }
                )
        return found
    return _declared_resources(folder, package, failures, notes)


def _declared_resources(
    folder: Path, package: Path, failures: list[pd.DataFrame], notes: list[dict[str, str]]
) -> dict[str, Path]:
    def fault(table: str, reason: str, value: Any, message: str) -> None:
        failures.append(failure_frame([{"table": table, "reason": reason, "value": value, "message": message}]))

    try:
        resources = json.loads(package.read_text(encoding="utf-8-sig"))["resources"]
        entries = [(str(item["name"]), item["path"]) for item in resources]
    except (ValueError, KeyError, TypeError) as error:
        fault("datapackage.json", "package", type(error).__name__, "must be JSON with `resources`, each `name`, `path`")
        return {}
    found: dict[str, Path] = {}
    root = folder.resolve()
    for name, path in entries:
        if name not in table_schemas():
            notes.append({"table": name, "field": "", "note": "the package has no table of this name; not read"})
        elif (
            not isinstance(path, str)
            or not path
            or "\x00" in path
            or not (folder / path).resolve().is_relative_to(root)
        ):
            fault(name, "unsafe_path", path, "a path must be relative and stay inside the folder of the package")
        elif not (folder / path).is_file():
            fault(name, "missing_table", path, "the package names it, but the file is not there")
        elif name in found:
            fault(name, "package", path, "the package names this table twice")
        else:
            found[name] = folder / path
    return found


def _columns(
    raw: pd.DataFrame, schema: TableSchema, notes: list[dict[str, str]]
) -> tuple[pd.DataFrame, list[pd.DataFrame]]:
    """Return the typed table, and failures of its columns' names and types."""
    rows: list[dict[str, Any]] = []
    frame = raw.copy(deep=False)
    frame.columns = [str(column).strip() for column in frame.columns]
    twice = frame.columns[frame.columns.duplicated()]
    for column in dict.fromkeys(twice):
        rows.append(
            {
                "table": schema.name,
                "field": column,
                "reason": "duplicate_column",
                "value": column,
                "message": "rename one of them",
            }
        )
    frame = frame.loc[:, ~frame.columns.duplicated()]
    rows += _header_faults(frame.columns, schema, notes)
    if frame.empty:
        rows.append({"table": schema.name, "reason": "empty", "field": "", "message": "a table needs rows"})
    own, faults = _undeclared(frame, schema, notes)
    rows += faults
    typed, failures = coerce_table(own, schema)
    return typed, [failure_frame(rows), *failures]


def _block_columns(
    blocks: TableBlocks, schema: TableSchema, notes: list[dict[str, str]], *, codebook: bool
) -> tuple[FirstReading, list[pd.DataFrame]]:
    """Read a whole table for the result of `_columns`; undeclared columns are read one at a time."""
    rows = _header_faults(blocks.columns, schema, notes)
    for column in blocks.columns:
        if column not in schema.fields:
            rows += _undeclared(blocks.source.whole(column), schema, notes)[1]
    first = first_reading(blocks, codebook=codebook)
    return first, [failure_frame(rows), *first.types]


def _header_faults(columns: Collection[str], schema: TableSchema, notes: list[dict[str, str]]) -> list[dict[str, Any]]:
    """Return faults in the names of columns, and missing columns."""
    rows: list[dict[str, Any]] = []
    for column in columns:
        if column in schema.fields:
            continue
        if ColumnName.is_plain(column):
            notes.append({"table": schema.name, "field": column, "note": "not declared; kept as it is"})
        else:
            rows.append(
                {
                    "table": schema.name,
                    "field": column,
                    "reason": "column_name",
                    "value": column,
                    "message": "use lower-case letters, digits and underscores, a letter first",
                }
            )
    for column in schema.required:
        if column not in columns:
            rows.append(
                {
                    "table": schema.name,
                    "field": column,
                    "reason": "missing_field",
                    "message": schema.fields[column].description,
                }
            )
    return rows


def _undeclared(
    frame: pd.DataFrame, schema: TableSchema, notes: list[dict[str, str]]
) -> tuple[pd.DataFrame, list[dict[str, Any]]]:
    """Return the table with undeclared columns of numbers converted, and questions about words.

    All cells of a text file are text; a codebook may declare such a column as predictor, so its numbers must be
    numeric.
    """
    others = [column for column in frame.columns if column not in schema.fields]
    if not others:
        return frame, []
    made, said, faults = infer_types(frame[others], MissingWords())
    notes.extend({"table": schema.name, "field": "", "note": note} for note in said)
    rows = [{"table": schema.name, **fault} for fault in faults if fault["reason"] in ("missing_word", "total_row")]
    return frame.assign(**{column: made[column] for column in others}), rows


def _table(
    tables: Mapping[str, pd.DataFrame],
    frame: pd.DataFrame,
    schema: TableSchema,
    extra: Collection[str],
    mixed_methods: Collection[str],
) -> list[pd.DataFrame]:
    codebook = tables.get("codebook")
    extensible = {name: extra for name, field in schema.fields.items() if field.extensible}
    return [
        *column_checks(frame, schema, extensible),
        *duplicate_failures(frame, schema),
        *reference_failures(tables, schema),
        *date_failures(frame, schema),
        *range_failures(frame, schema, extended_ranges(codebook, schema.name)),
        *method_failures(frame, schema, mixed_methods),
    ]


def _mentions(failures: list[pd.DataFrame], table: str) -> bool:
    return any((frame["table"] == table).any() for frame in failures)


def _once(failures: pd.DataFrame) -> pd.DataFrame:
    """Drop repeated failures: `required` where the type already failed, and a missing table reported twice."""
    if failures.empty:
        return failures
    typed = failures["reason"] == "type"
    spoiled = set(zip(failures.loc[typed, "table"], failures.loc[typed, "row"], failures.loc[typed, "field"]))
    repeats = [
        reason == "required" and (table, row, field) in spoiled
        for table, row, field, reason in zip(failures["table"], failures["row"], failures["field"], failures["reason"])
    ]
    kept = failures[~pd.Series(repeats, index=failures.index)]
    missing = (kept["reason"] == "missing_table") & kept.duplicated(["table", "reason"])
    return kept[~missing].reset_index(drop=True)
