"""OMOP tables in Parquet; only the requested rows and columns are read."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

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


class OmopTables:
    """Tables of the OMOP Common Data Model 5.3 or 5.4 in a folder: ``person.parquet`` or a folder ``person`` of parts.

    Parameters
    ----------
    folder : str or path
        Folder of the tables; names of files and columns may be in upper or lower case.
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self.folder = Path(folder)
        if not self.folder.is_dir():
            raise argument_error("folder", "a folder of OMOP tables in Parquet", str(self.folder))
        self.paths = {path.stem.lower(): path for path in sorted(self.folder.iterdir()) if self._is_table(path)}

    @staticmethod
    def _is_table(path: Path) -> bool:
        return path.suffix.lower() == ".parquet" or (path.is_dir() and any(path.glob("*.parquet")))

    def read(self, name: str, columns: Sequence[str], concepts: np.ndarray | None = None) -> pd.DataFrame:
        """Return columns of a table; for a table of events, only rows with these concepts.

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
            Without the extra ``io``.
        """
        pa = require("pyarrow", caller="omop_cohort", extra="io")
        dataset = require("pyarrow.dataset", caller="omop_cohort", extra="io")
        if name not in self.paths:
            raise argument_error(
                "folder", f"a folder with the table {name}", f"{sorted(self.paths)[:12]} in {self.folder.name}"
            )
        data = dataset.dataset(self.paths[name], format="parquet")
        own = {each.lower(): each for each in data.schema.names}
        lacking = [each for each in columns if each not in own]
        if lacking:
            raise DataError(f"The table {name} has no column {lacking}; it has {sorted(own)[:20]}.")
        chosen = None
        if concepts is not None:
            chosen = dataset.field(own[EVENTS[name][0]]).cast(pa.int64()).isin(pa.array(concepts, pa.int64()))
        try:
            table = data.to_table(columns={each: dataset.field(own[each]) for each in columns}, filter=chosen)
        except pa.ArrowInvalid:
            if chosen is None:
                raise
            raise DataError(f"{name}.{EVENTS[name][0]} has text or fractions: concepts are whole numbers.") from None
        frame = arrow_frame(table, date_as_object=False)
        for each in columns:
            if each.endswith("_date"):
                frame[each] = self._days(name, each, frame[each])
            elif each == "person_id":
                frame[each] = self._persons(name, frame[each])
            elif each in _NUMBERS:
                frame[each] = self._numbers(name, each, frame[each])
        return frame

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
        return found.dt.tz_localize(None).dt.normalize().astype("datetime64[ms]")

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
        present = [name for name in tables if name in self.paths]
        if not present:
            raise argument_error("folder", f"a folder with one of the tables {list(tables)}", "none of them")
        parts = []
        for name in present:
            date = EVENTS[name][1]
            frame = self.read(name, ["person_id", date, *extra], concepts).rename(columns={date: "date"})
            parts.append(frame[frame["date"].notna()])
        lacking = [name for name in tables if name not in self.paths]
        if lacking and not any(len(part) for part in parts):
            raise argument_error(
                "folder",
                f"a folder with {lacking}, since {present} have no record of {name_of}",
                "no such table",
                "Put an empty table there if there were no such records.",
            )
        return pd.concat([part for part in parts if len(part)] or parts[:1], ignore_index=True)

    def ancestors(self) -> tuple[np.ndarray, np.ndarray] | None:
        """Return the user's ``concept_ancestor`` as ancestors and descendants; None if absent.

        Raises
        ------
        DataError
            If a concept is not a whole number.
        """
        if "concept_ancestor" not in self.paths:
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
