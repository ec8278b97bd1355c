"""Tables that Arrow reads whole or in batches of rows: Parquet files, and tables of a DuckDB database."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from lbp_prognosis._base import DataError, argument_error, require

__all__ = ["DATABASES", "ArrowSource", "DatabaseTable", "ParquetTable", "database_tables", "readable", "the_table"]

DATABASES = (".duckdb", ".ddb")


class ArrowSource(Protocol):
    """A table on disk.

    ``stem`` names the table, ``words`` says in messages where it is, and ``unreadable`` that it cannot be read.
    """

    @property
    def stem(self) -> str: ...

    @property
    def words(self) -> str: ...

    @property
    def unreadable(self) -> str: ...

    def described(self) -> tuple[int, Any]:
        """Return the number of rows, and the schema of pyarrow."""
        ...

    def whole(self) -> Any:
        """Return the whole table of pyarrow."""
        ...

    def batches(self, rows: int, columns: list[str] | None) -> Iterator[Any]:
        """Yield record batches of at most ``rows`` rows, in order, with some columns or all."""
        ...


@dataclass(frozen=True)
class ParquetTable:
    """A Parquet file, whose page checksums are verified."""

    file: Path

    @property
    def stem(self) -> str:
        return self.file.stem

    @property
    def words(self) -> str:
        return f"file {self.file.name!r}"

    @property
    def unreadable(self) -> str:
        return f"The {self.words} is not a readable Parquet file"

    def described(self) -> tuple[int, Any]:
        with self._open(page_checksum_verification=False) as source:
            return source.metadata.num_rows, source.schema_arrow

    def whole(self) -> Any:
        with self._open() as source:
            return source.read()

    def batches(self, rows: int, columns: list[str] | None) -> Iterator[Any]:
        with self._open(buffer_size=2**20) as source:
            yield from source.iter_batches(batch_size=rows, columns=columns)

    @contextlib.contextmanager
    def _open(self, **options: Any) -> Iterator[Any]:
        pq = require("pyarrow.parquet", caller="read_table", extra="io")
        with readable(self.unreadable):
            with pq.ParquetFile(self.file, **{"page_checksum_verification": True, **options}) as source:
                yield source


@dataclass(frozen=True)
class DatabaseTable:
    """A table or view of a DuckDB database, opened for reading; its rows come in the order of the table.

    Attributes
    ----------
    file : Path
        The database.
    schema, table : str
        Where the table is.
    """

    file: Path
    schema: str
    table: str

    @property
    def stem(self) -> str:
        return self.table

    @property
    def words(self) -> str:
        return f"table {self.table!r} of {self.file.name!r}"

    @property
    def unreadable(self) -> str:
        return f"The {self.words} cannot be read"

    def described(self) -> tuple[int, Any]:
        with self._open() as base:
            count = base.execute(f"SELECT count(*) FROM {self._place}").fetchall()[0][0]
            return int(count), base.sql(f"SELECT * FROM {self._place} LIMIT 0").to_arrow_table().schema

    def whole(self) -> Any:
        with self._open() as base:
            return base.sql(f"SELECT * FROM {self._place}").to_arrow_table()

    def batches(self, rows: int, columns: list[str] | None) -> Iterator[Any]:
        chosen = "*" if columns is None else ", ".join(_quoted(column) for column in columns)
        with self._open() as base:
            asked = base.sql(f"SELECT {chosen} FROM {self._place}")
            # its name in the first versions of DuckDB that are accepted
            reader = (getattr(asked, "to_arrow_reader", None) or asked.fetch_arrow_reader)(rows)
            for batch in reader:  # a multiple of what DuckDB works with at once
                for low in range(0, batch.num_rows, rows):
                    yield batch.slice(low, rows)

    @property
    def _place(self) -> str:
        return f"{_quoted(self.schema)}.{_quoted(self.table)}"

    @contextlib.contextmanager
    def _open(self) -> Iterator[Any]:
        with _opened(self.file) as base, readable(self.unreadable):
            yield base


@contextlib.contextmanager
def readable(words: str) -> Iterator[None]:
    """Turn errors of pyarrow and DuckDB into a `DataError`."""
    try:
        yield
    except (DataError, GeneratorExit):
        raise
    except Exception as error:  # pyarrow's errors have no common public base
        if isinstance(error, ValueError | OverflowError) and "out of range" in str(error):
            words = f"{words}: a date lies outside the years 1 to 9999, such as infinity; make it missing"
        raise DataError(f"{words} ({type(error).__name__}).") from error


def database_tables(file: Path) -> list[DatabaseTable]:
    """Return the tables and views of a DuckDB database, by name and schema."""
    with _opened(file) as base:
        found = base.execute(
            "SELECT table_schema, table_name FROM information_schema.tables WHERE table_catalog = current_database()"
        ).fetchall()
    return sorted(
        (DatabaseTable(file, schema, table) for schema, table in found), key=lambda one: (one.table, one.schema)
    )


def the_table(file: Path, name: str | None) -> DatabaseTable:
    """Return the table of a database by its name, with or without its schema; the only one without a name.

    Raises
    ------
    ArgumentError
        If no table has the name, several schemas have one, or no name is given and there are several tables.
    """
    found = database_tables(file)
    names = ", ".join(sorted({one.table for one in found})) or "none"
    if name is None:
        if len(found) != 1:
            raise argument_error("sheet", f"the name of a table of {file.name!r}: {names}", "None")
        return found[0]
    chosen = [one for one in found if f"{one.schema}.{one.table}" == name] or [
        one for one in found if one.table.lower() == name.lower()
    ]
    exact = [one for one in chosen if one.table == name]
    chosen = exact or chosen
    if len(chosen) > 1:
        places = ", ".join(f"{one.schema}.{one.table}" for one in chosen)
        raise argument_error("sheet", f"one table of {file.name!r}: {places}", repr(name))
    if not chosen:
        raise argument_error("sheet", f"the name of a table of {file.name!r}: {names}", repr(name))
    return chosen[0]


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


@contextlib.contextmanager
def _opened(file: Path) -> Iterator[Any]:
    require("pyarrow", caller="read_table", extra="omop")
    duckdb = require("duckdb", caller="read_table", extra="omop")
    # rows in the order of the table; a view may read files here, and nothing is fetched from a network for it
    options = {
        "preserve_insertion_order": "true",
        "memory_limit": "1GB",
        "autoinstall_known_extensions": "false",
        "autoload_known_extensions": "false",
    }
    try:
        base = duckdb.connect(str(file), read_only=True, config=options)
    except duckdb.Error as error:
        raise DataError(
            f"The file {file.name!r} is not a DuckDB database that can be opened: {_why(error)}."
        ) from error
    with base:
        with contextlib.suppress(duckdb.Error):  # instants in one zone, whatever that of the machine; no zones: UTC
            base.execute("SET TimeZone = 'UTC'")
        yield base


def _why(error: Exception) -> str:
    """Say in words why DuckDB does not open a file, and what to do."""
    told = str(error).lower()
    if "set lock" in told or "different configuration" in told:
        return "it is open elsewhere; close it there, in this program too"
    if "encrypt" in told:
        return "it is encrypted; copy its tables to a database without a key"
    if "version number" in told or "newer" in told or "storage version" in told:
        return "another version of DuckDB wrote it; install that one, or export its tables as Parquet"
    return f"it is damaged, or a file of another kind ({type(error).__name__})"
