"""``TableBlocks``: a typed table of any size, in Parquet or DuckDB, read one block of rows at a time."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal

import numpy as np
import pandas as pd

from lbp_prognosis._base import DataError, arrow_frame, beyond_floats
from lbp_prognosis.schema._arrow_source import ArrowSource, readable
from lbp_prognosis.schema._as_dates import as_dates
from lbp_prognosis.schema._coerce import coerce_table
from lbp_prognosis.schema._failures import column_failures, failure_frame, merge_failures
from lbp_prognosis.schema._read_parquet import DIGITS, check_flat, decimals_as
from lbp_prognosis.schema._read_table import header_of
from lbp_prognosis.schema._table_schemas import table_schemas

__all__ = ["ArrowBlocks", "TableBlocks", "scan_table", "shifted"]


@dataclass(frozen=True)
class ArrowBlocks:
    """Reading of a Parquet file, or of a table of DuckDB, in which every block has the types of the whole table.

    Attributes
    ----------
    place : ParquetTable or DatabaseTable
        Where the table is.
    rows : int
        Rows of a block.
    n_rows : int
        Rows of the table.
    names : mapping of str to str
        Column of the table, in order, and its name there.
    floats : frozenset of str
        Columns with missing cells; their whole numbers are floats, as in the whole table.
    exact : frozenset of str
        Those of them with numbers that a float would change: whole numbers with missing cells.
    decimals : mapping of str to bool
        Columns of decimals, and whether they have more digits than a float keeps.
    notes : tuple of str
        Remarks on how the file was read.
    failures : DataFrame
        Dates that are out of range.
    """

    place: ArrowSource
    rows: int
    n_rows: int
    names: Mapping[str, str]
    floats: frozenset[str] = frozenset()
    exact: frozenset[str] = frozenset()
    decimals: Mapping[str, bool] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    failures: pd.DataFrame = field(default_factory=failure_frame)

    def read(self, columns: Collection[str] | None = None) -> Iterator[tuple[int, pd.DataFrame]]:
        """Yield the number of rows before each block, and the block as `read_table` would read it."""
        wanted = [name for name in self.names if columns is None or name in columns]
        whole = {self.names[name] for name in self.exact}
        for start, frame in _batches(self.place, self.rows, [self.names[name] for name in wanted], whole):
            frame.columns = [str(column) for column in frame.columns]
            made = frame[[self.names[name] for name in wanted]]
            made.columns = wanted
            for name in wanted:
                if name in self.floats and isinstance(made[name].dtype, np.dtype) and made[name].dtype.kind in "iu":
                    made[name] = made[name].astype("float64")
                elif name in self.decimals:
                    made[name] = decimals_as(made[name], text=self.decimals[name])
                elif made[name].dtype == object and not isinstance(_first(made[name]), (str, type(None))):
                    made[name] = as_dates(made[name])[0]
            yield start, made

    def whole(self, column: str) -> pd.DataFrame:
        """Return a table of one whole column."""
        return pd.concat([frame for _, frame in self.read([column])], ignore_index=True)


def _first(series: pd.Series) -> object:
    """Return the first cell that is not missing; all cells of an Arrow column have one type."""
    place = series.first_valid_index()
    return None if place is None else series.loc[place]


def _batches(
    source: ArrowSource, rows: int, columns: list[str] | None = None, whole: Collection[str] = ()
) -> Iterator[tuple[int, pd.DataFrame]]:
    start = 0
    for batch in source.batches(rows, columns):
        with readable(source.unreadable):
            frame = arrow_frame(batch, whole=whole, date_as_object=True)
            named = any(name is not None for name in frame.index.names)
            frame = frame.reset_index(drop=not named)
        yield start, frame
        start += len(frame)


def scan_table(source: ArrowSource, rows: int) -> ArrowBlocks | None:
    """Read a whole table once, to determine the properties on which the type of each column depends.

    Parameters
    ----------
    source : ParquetTable or DatabaseTable
        Where the table is.
    rows : int
        Rows of a block.

    Returns
    -------
    ArrowBlocks or None
        None if the table has no more rows than one block, or columns made of several parts of an index without names.

    Raises
    ------
    DataError
        If the table cannot be read, or its header cannot be used.
    """
    declared, schema = source.described()
    check_flat(schema, source)
    with readable(source.unreadable):
        empty = schema.empty_table().to_pandas(date_as_object=True)
    fields = set(schema.names)
    notes: list[str] = []
    if any(name is not None for name in empty.index.names):
        notes.append(f"the index of the file became columns: {', '.join(map(str, empty.index.names))}")
        empty = empty.reset_index()
    given = [str(name) for name in empty.columns]
    if declared <= rows or not fields.issuperset(given):
        return None
    found = _Found.of(source, rows, given)
    if found.n != declared:
        raise DataError(f"The {source.words} declares {declared} rows and contains {found.n}.")
    notes += found.notes(given)
    only = ArrowBlocks(source, rows, declared, {name: name for name in given[:1]})
    kept = header_of(empty, lambda: only.whole(given[0]), notes, source.words)
    names = dict(zip(kept.columns, given[len(given) - len(kept.columns) :]))
    clear = {raw: name for name, raw in names.items()}
    return ArrowBlocks(
        source,
        rows,
        declared,
        names,
        frozenset(clear[raw] for raw in found.missing - found.large if raw in clear),
        frozenset(clear[raw] for raw in found.missing & found.large if raw in clear),
        {clear[raw]: most > DIGITS for raw, most in found.digits.items() if raw in clear},
        tuple(notes),
        merge_failures([failure_frame(), *(frame for raw in given for frame in found.failures.get(raw, []))]),
    )


@dataclass
class _Found:
    """Findings of a first reading about the columns, by their name in the file."""

    n: int = 0
    missing: set[str] = field(default_factory=set)
    large: set[str] = field(default_factory=set)
    digits: dict[str, int] = field(default_factory=dict)
    undated: dict[str, int] = field(default_factory=dict)
    failures: dict[str, list[pd.DataFrame]] = field(default_factory=dict)

    @classmethod
    def of(cls, source: ArrowSource, rows: int, given: list[str]) -> _Found:
        found = cls()
        for start, frame in _batches(source, rows):
            found.n += len(frame)
            for place, name in enumerate(given):
                found._column(source, name, frame.iloc[:, place], start)
        return found

    def _column(self, source: ArrowSource, name: str, series: pd.Series, start: int) -> None:
        if series.isna().any():
            self.missing.add(name)
        if pd.api.types.is_integer_dtype(series) or series.dtype == "float64":  # whole numbers with missing ones
            self.large |= {name} if beyond_floats(series) else set()
        present = series.dropna()
        if series.dtype != object or present.empty or isinstance(present.iloc[0], str):
            return
        if present.map(lambda cell: isinstance(cell, Decimal)).all():
            most = int(present.map(lambda cell: len(cell.normalize().as_tuple().digits)).max())
            self.digits[name] = max(self.digits.get(name, 0), most)
            return
        _, bad = as_dates(series)
        if bad.any():
            self.undated[name] = self.undated.get(name, 0) + int(bad.sum())
            frame = column_failures(source.stem, name, "bad_date", bad, series, "a date from 1677 to 2262")
            self.failures.setdefault(name, []).append(frame.assign(row=frame["row"] + start))

    def notes(self, given: list[str]) -> list[str]:
        """Return remarks, in the order of the columns."""
        said = []
        for name in given:
            if self.digits.get(name, 0) > DIGITS:
                said.append(f"{name}: decimals of more than {DIGITS} digits: kept as text")
            if name in self.undated:
                said.append(f"{name}: {self.undated[name]} dates outside 1677 to 2262 became missing")
        return said


@dataclass(frozen=True, repr=False)
class TableBlocks:
    """Table of a data package that is not kept in memory; each iteration reads it again in blocks of rows.

    Each block is a frame with typed columns as in `PackageReport.tables`; its index counts the rows of the whole table
    from 0. Columns that the data package does not declare have the types of the file or database.

    Attributes
    ----------
    name : str
        Table of the data package.
    source : ArrowBlocks
        Reading of the table.
    methods : DataFrame or None
        Number of rows ``n`` by structure, measure and method; None where methods may differ.

    See Also
    --------
    lbp_prognosis.schema.validate_package : Which makes them, given ``block_rows``.

    Examples
    --------
    >>> import pandas as pd, tempfile
    >>> from lbp_prognosis.schema import validate_package
    >>> patient = pd.DataFrame({"patient_id": ["a", "b", "c"], "age": [50, 60, 70]})
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     patient.to_parquet(f"{folder}/patient.parquet")
    ...     blocks = validate_package(folder, block_rows=2).blocks["patient"]
    ...     [block["age"].tolist() for block in blocks]
    [[50.0, 60.0], [70.0]]
    """

    name: str
    source: ArrowBlocks
    methods: pd.DataFrame | None = None

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns."""
        return tuple(self.source.names)

    @property
    def block_rows(self) -> int:
        """Rows of a block."""
        return self.source.rows

    def __len__(self) -> int:
        """Return the number of rows of the whole table."""
        return self.source.n_rows

    def __iter__(self) -> Iterator[pd.DataFrame]:
        """Yield the blocks."""
        return self.read()

    def __repr__(self) -> str:
        """Return a text with the size of the table."""
        return f"<TableBlocks: {self.name}, {len(self)} rows in blocks of {self.block_rows}>"

    def read(self, columns: Collection[str] | None = None) -> Iterator[pd.DataFrame]:
        """Yield the blocks with some columns only.

        Parameters
        ----------
        columns : collection of str, optional
            Names of the columns; by default all.
        """
        for _, frame, _ in self.raw_and_typed(columns):
            yield frame

    def raw_and_typed(
        self, columns: Collection[str] | None = None
    ) -> Iterator[tuple[pd.DataFrame, pd.DataFrame, list[pd.DataFrame]]]:
        """Yield the blocks as they were read and typed, each with its failures of type."""
        schema = table_schemas()[self.name]
        for start, raw in self.source.read(columns):
            frame, failures = coerce_table(raw, schema, ask=False)
            frame.index = pd.RangeIndex(start, start + len(frame))
            yield raw, frame, [shifted(found, start) for found in failures]


def shifted(failures: pd.DataFrame, start: int) -> pd.DataFrame:
    """Return failures of a block by the rows of the whole table."""
    return failures.assign(row=failures["row"] + start)
