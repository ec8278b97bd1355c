"""OMOP tables in Parquet or DuckDB; only the requested rows and columns are read."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pandas as pd

from lbp_prognosis._base import DataError, argument_error, arrow_frame, holds, require

__all__ = ["EVENTS", "OmopTables", "check_unit"]

EVENTS = {
    "condition_occurrence": ("condition_concept_id", "condition_start_date"),
    "procedure_occurrence": ("procedure_concept_id", "procedure_date"),
    "drug_exposure": ("drug_concept_id", "drug_exposure_start_date"),
    "measurement": ("measurement_concept_id", "measurement_date"),
}
"""Concept and date of the tables of events."""

_NUMBERS = ("value_as_number", "unit_concept_id", "year_of_birth", "gender_concept_id")


class _Source(Protocol):
    """Tables by their names in lower case."""

    names: frozenset[str]

    def columns(self, name: str) -> list[str]: ...

    def rows(self, name: str, columns: dict[str, str], concept: str, concepts: np.ndarray | None) -> Any: ...


class _Parquet:
    """A folder of files ``person.parquet``, or folders ``person`` of parts (in folders of their own, too)."""

    def __init__(self, folder: Path) -> None:
        self._pa = require("pyarrow", caller="omop_cohort", extra="omop")
        self._dataset = require("pyarrow.dataset", caller="omop_cohort", extra="omop")
        self._paths = {path.stem.lower(): path for path in sorted(folder.iterdir()) if self._is_table(path)}
        self.names = frozenset(self._paths)

    @staticmethod
    def _is_table(path: Path) -> bool:
        return path.suffix.lower() == ".parquet" or (path.is_dir() and any(path.rglob("*.parquet")))

    def columns(self, name: str) -> list[str]:
        return list(self._dataset.dataset(self._paths[name], format="parquet").schema.names)

    def rows(self, name: str, columns: dict[str, str], concept: str, concepts: np.ndarray | None) -> Any:
        data, field = self._dataset.dataset(self._paths[name], format="parquet"), self._dataset.field
        wanted = {given: field(own) for given, own in columns.items()}
        if concepts is None:
            return data.to_table(columns=wanted)
        pa = self._pa
        chosen = field(concept).cast(pa.int64()).isin(pa.array(concepts, pa.int64()))
        try:
            return data.to_table(columns=wanted, filter=chosen)
        except pa.ArrowInvalid:
            raise _no_concepts(name, concept) from None


class _DuckDB:
    """A database file, opened for reading; its tables may be in any schema."""

    def __init__(self, path: Path) -> None:
        require("pyarrow", caller="omop_cohort", extra="omop")
        duckdb = require("duckdb", caller="omop_cohort", extra="omop")
        try:
            self._base = duckdb.connect(str(path), read_only=True)
        except duckdb.Error as error:
            raise argument_error("folder", "a DuckDB database that can be opened", f"{path.name} ({error})") from None
        found = self._base.execute("SELECT table_schema, table_name FROM information_schema.tables").fetchall()
        self._places: dict[str, list[str]] = {}
        for schema, table in sorted(found):
            self._places.setdefault(table.lower(), []).append(f"{_quoted(schema)}.{_quoted(table)}")
        self.names = frozenset(self._places)

    def _place(self, name: str) -> str:
        if len(self._places[name]) > 1:
            raise argument_error("folder", f"a database with one table {name}", " and ".join(self._places[name]))
        return self._places[name][0]

    def columns(self, name: str) -> list[str]:
        return [each[0] for each in self._base.execute(f"SELECT * FROM {self._place(name)} LIMIT 0").description]

    def rows(self, name: str, columns: dict[str, str], concept: str, concepts: np.ndarray | None) -> Any:
        place, own = self._place(name), _quoted(concept)
        kinds = {each[0]: str(each[1]) for each in self._base.execute(f"SELECT * FROM {place} LIMIT 0").description}
        zoned = [
            c
            for given, c in columns.items()
            if given.endswith(("_date", "_datetime")) and kinds[c].endswith("TIME ZONE")
        ]
        if zoned:  # DuckDB gives the instant in the zone of the session, which may be another day
            raise DataError(f"{name}.{zoned[0]} has instants with a time zone: store dates.")
        asked = f"SELECT {', '.join(f'{_quoted(c)} AS {_quoted(given)}' for given, c in columns.items())} FROM {place}"
        if concepts is None:
            return self._base.sql(asked).to_arrow_table()
        if not kinds[concept].endswith(("INT", "INTEGER")):  # numbers of other kinds may be whole
            numbers = kinds[concept].startswith(("DOUBLE", "FLOAT", "REAL", "DECIMAL"))
            if (
                not numbers
                or self._base.execute(f"SELECT 1 FROM {place} WHERE {own} <> floor({own}) LIMIT 1").fetchall()
            ):
                raise _no_concepts(name, concept)
        chosen = f"{asked} WHERE TRY_CAST({own} AS BIGINT) IN (SELECT unnest(CAST(? AS BIGINT[])))"
        return self._base.sql(chosen, params=[concepts.tolist()]).to_arrow_table()


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _no_concepts(table: str, column: str) -> DataError:
    return DataError(f"{table}.{column} has text or fractions: concepts are whole numbers.")


class OmopTables:
    """Tables of the OMOP Common Data Model 5.3 or 5.4 in a folder (Parquet) or in a file of DuckDB.

    Parameters
    ----------
    folder : str or path
        Folder with ``person.parquet`` or a folder ``person`` of parts, and so on, or a DuckDB database; names of files,
        tables and columns may be in upper or lower case.
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self.folder = Path(folder)
        self.unused: list[tuple[str, str, str, pd.Series]] = []  # table, set, reason, and the person of each row
        self.source: _Source
        if self.folder.is_dir():
            self.source = _Parquet(self.folder)
        elif self.folder.is_file() and self.folder.suffix.lower() in (".duckdb", ".ddb", ".db"):
            self.source = _DuckDB(self.folder)
        else:
            wanted = "a folder of OMOP tables in Parquet, or a DuckDB database (*.duckdb, *.db)"
            raise argument_error("folder", wanted, str(self.folder))

    def read(self, name: str, columns: Sequence[str], concepts: np.ndarray | None = None) -> pd.DataFrame:
        """Return columns of a table; for a table of events, only rows with these concepts.

        A date that is missing, or whose column is, is the day of ``…_datetime``.

        Parameters
        ----------
        name : str
            Table.
        columns : sequence of str
            Names in lower case.
        concepts : ndarray of int, optional
            Concepts of `EVENTS`.

        Raises
        ------
        ArgumentError
            Without the table.
        DataError
            Without a column, or with dates, persons or values that can't be read.
        MissingPackageError
            Without the extra ``omop``.
        """
        if name not in self.source.names:
            raise argument_error(
                "folder", f"a folder with the table {name}", f"{sorted(self.source.names)[:12]} in {self.folder.name}"
            )
        own = {each.lower(): each for each in self.source.columns(name)}
        own |= {each: own[f"{each}time"] for each in columns if each not in own and f"{each}time" in own}
        lacking = [each for each in columns if each not in own]
        if lacking:
            raise DataError(f"The table {name} has no column {lacking}; it has {sorted(own)[:20]}.")
        concept = own[EVENTS[name][0]] if concepts is not None else ""
        asked = {each: own[each] for each in columns}
        times = {
            f"{each}time": own[f"{each}time"] for each in columns if own.get(f"{each}time", own[each]) != own[each]
        }
        table = self.source.rows(name, asked | times, concept, concepts)
        frame = arrow_frame(table, date_as_object=False)
        for each in columns:
            if each.endswith("_date"):
                frame[each] = self._days(name, each, frame[each])
            elif each == "person_id":
                frame[each] = self._persons(name, frame[each])
            elif each in _NUMBERS:
                frame[each] = self._numbers(name, each, frame[each])
        for each in times:  # of a record without a date the day of its time
            date = each.removesuffix("time")
            frame[date] = frame[date].fillna(self._days(name, each, frame[each].where(frame[date].isna())))
        return frame[list(columns)]

    @staticmethod
    def _persons(table: str, values: pd.Series) -> pd.Series:
        """Return ids as int64: text in one table would not match numbers in another."""
        if values.isna().any():
            raise DataError(f"The table {table} has rows without person_id.")
        if len(values) and not (holds(values) == "number" and (values % 1 == 0).all()):
            raise DataError(f"The table {table} has person_id of {values.dtype}: the data model has whole numbers.")
        return values.astype("int64")

    @staticmethod
    def _numbers(table: str, column: str, values: pd.Series) -> pd.Series:
        found = pd.to_numeric(values, errors="coerce").astype(float)
        wrong = found.isna() & values.notna()
        if wrong.any():
            raise DataError(f"{int(wrong.sum())} values of {table}.{column} are no numbers.")
        return found

    @staticmethod
    def _days(table: str, column: str, values: pd.Series) -> pd.Series:
        """Return dates as whole days; a time of day is dropped, since most sources have none."""
        if holds(values) == "number" and values.notna().any():  # 20200101 would be read as a time in 1970
            raise DataError(f"{table}.{column} has numbers: store dates, or text such as 2020-01-31.")
        # 01/02/2020 is ambiguous, and would silently be read as one of two days
        found = pd.to_datetime(values, format="ISO8601", errors="coerce")
        wrong = found.isna() & values.notna()
        if wrong.any():
            raise DataError(f"{int(wrong.sum())} dates of {table}.{column} can't be read: 2020-01-31 is one.")
        found = found.dt.tz_localize(None)
        if found.dt.unit != "ns":  # infinity, which databases know, overflows when its time of day is dropped
            first, last = (pd.Timestamp(day).as_unit(found.dt.unit) for day in ("0001-01-01", "9999-12-31"))
            found = found.clip(lower=first, upper=last)  # type: ignore[call-overload]  # the stubs know numbers alone
        return found.dt.normalize().astype("datetime64[ms]")

    def events(
        self, tables: Sequence[str], concepts: np.ndarray, name_of: str, extra: Sequence[str] = ()
    ) -> pd.DataFrame:
        """Return ``person_id, date`` and the extra columns of dated records with these concepts.

        Parameters
        ----------
        tables : sequence of str
            Tables of `EVENTS`; a table that the folder lacks is skipped if another table has such records.
        concepts : ndarray of int
            Concepts.
        name_of : str
            Name of the set, for messages.
        extra : sequence of str
            Further columns.

        Raises
        ------
        ArgumentError
            If all tables are absent, or one table is absent and the others have no such record.
        """
        present = [name for name in tables if name in self.source.names]
        if not present:
            raise argument_error("folder", f"a folder with one of the tables {list(tables)}", "none of them")
        parts = []
        for name in present:
            date = EVENTS[name][1]
            frame = self.read(name, ["person_id", date, *extra], concepts).rename(columns={date: "date"})
            undated = frame["date"].isna()
            self.leave_out(name, name_of, "no date", frame.loc[undated, "person_id"])
            parts.append(frame[~undated])
        lacking = [name for name in tables if name not in self.source.names]
        if lacking and not any(len(part) for part in parts):
            raise argument_error(
                "folder",
                f"a folder with {lacking}, since {present} have no record of {name_of}",
                "no such table",
                "Put an empty table there if there were no such records.",
            )
        return pd.concat([part for part in parts if len(part)] or parts[:1], ignore_index=True)

    def leave_out(self, table: str, name_of: str, reason: str, persons: pd.Series) -> None:
        """Note rows that are not used, by the persons who have them."""
        if len(persons):
            self.unused.append((table, name_of, reason, persons))

    def ancestors(self) -> tuple[np.ndarray, np.ndarray] | None:
        """Return the user's ``concept_ancestor`` as ancestors and descendants; None if absent.

        Raises
        ------
        DataError
            If a concept is not a whole number.
        """
        if "concept_ancestor" not in self.source.names:
            return None
        found = self.read("concept_ancestor", ["ancestor_concept_id", "descendant_concept_id"])
        return _concepts(found["ancestor_concept_id"]), _concepts(found["descendant_concept_id"])


def _concepts(values: pd.Series) -> np.ndarray:
    """Return concepts as whole numbers; as text they would not match any set."""
    numbers = pd.to_numeric(values, errors="coerce")
    if numbers.isna().any() or (numbers % 1 != 0).any():
        raise DataError(
            f"concept_ancestor.{values.name} has text, fractions or missing values: concepts are whole numbers."
        )
    return numbers.to_numpy(dtype=np.int64)


def check_unit(frame: pd.DataFrame, name: str) -> None:
    """Refuse measurements in several units; a missing unit is concept 0, as the data model has it."""
    units = sorted({int(each) for each in frame["unit_concept_id"].fillna(0)})
    if len(units) > 1:
        raise DataError(
            f"The measure {name!r} has values in several units, concepts {units} (0 is none): convert them to one unit "
            "in the table measurement."
        )
