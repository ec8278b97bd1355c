"""Result of an importer: the long biomarker table, facts on the studies, and items left out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from lbp_prognosis._base import DataError, Result, argument_error, check_number
from lbp_prognosis.biomarkers._extraction_result import biomarker_frame
from lbp_prognosis.schema import FAILURE_COLUMNS, table_schemas, validate_package

__all__ = ["ImportedTable", "finish_import"]


@dataclass(frozen=True, repr=False)
class ImportedTable(Result):
    """Measurements of another program under the names of this library.

    Attributes
    ----------
    table : DataFrame
        The long biomarker table (columns of the data schema ``biomarker``); a value that the program did not give is
        missing with a ``reason``.
    studies : DataFrame
        Acquisition as the files state it, one row per study (columns of ``imaging_study`` that are known).
    left_out : DataFrame
        Items of the files that are not in the table: ``source, item, reason``.
    """

    table: pd.DataFrame
    studies: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=["patient_id", "study_id"]))
    left_out: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=["source", "item", "reason"]))

    def to_frame(self) -> pd.DataFrame:
        """Return the long biomarker table."""
        return self.table.copy()

    def as_readings(self, reader_id: str, *, occasion: int = 1) -> pd.DataFrame:
        """Return the values as the ``reading`` table, for agreement or as a reference standard.

        Parameters
        ----------
        reader_id : str
            Name of the reader, a person or a program.
        occasion : int, default 1
            Number of the reading: first, second, ….
        """
        if not isinstance(reader_id, str) or not reader_id.strip():
            raise argument_error("reader_id", "a name", reader_id)
        check_number("occasion", occasion, low=1, whole=True)
        made = self.table[self.table["value"].notna()].assign(reader_id=reader_id, occasion=int(occasion))
        columns = [name for name in table_schemas()["reading"].fields if name in made.columns]
        return made[columns].reset_index(drop=True)

    def _summary(self) -> str:
        known = int(self.table["value"].notna().sum())
        return (
            f"{known} values and {len(self.table) - known} missing of {self.table['study_id'].nunique()} studies, "
            f"{len(self.left_out)} items left out"
        )


def finish_import(
    rows: Iterable[Mapping[str, Any]],
    *,
    source: str,
    studies: pd.DataFrame | None = None,
    left_out: Iterable[tuple[str, str, str]] = (),
) -> ImportedTable:
    """Check rows against the data schemas and return them as a table.

    Raises
    ------
    DataError
        If a value is outside the range of its measure, or occurs twice; ``failures`` contains one row per fault.
    """
    table = biomarker_frame([dict(row) for row in rows])
    for name in ("patient_id", "study_id", "structure", "measure", "unit", "method_id"):
        table[name] = table[name].astype(str)
    for name in ("level", "side", "flags", "reason"):
        table[name] = table[name].where(table[name].notna(), "")
    if table.empty:
        raise DataError(f"{source} contains nothing that can be imported.", pd.DataFrame(columns=list(FAILURE_COLUMNS)))
    patients = pd.DataFrame({"patient_id": pd.unique(table["patient_id"])})
    # several formulas of one measure may stand in one file; they are kept apart when levels are pooled
    report = validate_package({"patient": patients, "biomarker": table}, mixed_methods=set(table["measure"]))
    if not report.ok:
        first = report.failures.iloc[0]
        raise DataError(
            f"{source}: {len(report.failures)} values do not fit their column; the first: row {first['row']}, "
            f"`{first['field']}` = {first['value']!r}: {first['reason']} ({first['message']}).",
            report.failures,
        )
    return ImportedTable(
        table,
        pd.DataFrame(columns=["patient_id", "study_id"]) if studies is None else studies,
        pd.DataFrame(list(left_out), columns=["source", "item", "reason"]),
    )
