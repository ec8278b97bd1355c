"""``DataPlan``: the source of the rows, a registry or one wide table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from lbp_prognosis._base import argument_error, is_date_form

__all__ = ["DataPlan"]

_YEARS = ("%Y", "%y", "%G", "%c", "%x", "%D", "%F", "ISO8601")


@dataclass(frozen=True)
class DataPlan:
    """The data of a study: ``package``, or ``wide`` with the columns that contain the outcome.

    Attributes
    ----------
    package : str
        Folder of a relational data package; relative to the folder of the data.
    mapping : str
        ``mapping.toml`` that turns files of ``package`` into its tables; relative to the study file.
    wide : str
        One table with one row per patient: CSV, Excel, Stata, SPSS, SAS, Parquet; relative to the folder of the data.
    id : str
        Column of patient identifiers (wide).
    time, event : str
        Columns of the outcome (wide).
    start, end : str
        Instead of ``time``: columns of the date of time zero, and of the event or last contact (wide).
    date_format : str
        Form of dates that are text, e.g. ``"%d.%m.%Y"``; YYYY-MM-DD by default (wide).
    entry : str
        Column of delayed entry (wide); a date where ``start`` is given.
    status : str
        Instead of time and event: column with the state at the only horizon: 0, 1, or missing if not observed (wide).
    score : str
        Instead of time and event: column with the score at the only horizon, missing if not observed; ``[score]``
        describes it (wide).
    reason : str
        With ``status`` or ``score``: column with the reason why it was not observed, for the flow of patients (wide).
    censored : object
        Code of ``event`` that means censored.
    causes : mapping of str to object
        Names of the events and their codes in ``event``.
    site : str
        Column of the centre, for leave-one-site-out.
    where : mapping of str to object
        Rows to keep: column to value or list of values (wide).
    sheet, delimiter, decimal, thousands, encoding : str
        Format of the table, if it is not to be inferred: see `schema.read_table`; for a DuckDB database ``sheet`` names
        the table (wide).
    nominal : tuple of str
        Columns whose numbers are codes of unordered categories.
    values : tuple of str
        Predictors whose numbers are all values, none a code for missing (a dose of 99), but for those that ``missing``
        declares.
    missing : word, number, tuple of them, or mapping, optional
        Codes for missing values, as in `schema.read_table`: for all columns, or by column (wide).
    synthetic : bool
        Marks simulated data (a package states it itself).
    """

    package: str = ""
    mapping: str = ""
    wide: str = ""
    id: str = ""
    time: str = ""
    event: str = ""
    start: str = ""
    end: str = ""
    date_format: str = ""
    entry: str = ""
    status: str = ""
    score: str = ""
    reason: str = ""
    censored: Any = None
    causes: Mapping[str, Any] = field(default_factory=dict)
    site: str = ""
    where: Mapping[str, Any] = field(default_factory=dict)
    sheet: str = ""
    delimiter: str = ""
    decimal: str = ""
    thousands: str = ""
    encoding: str = ""
    nominal: tuple[str, ...] = ()
    values: tuple[str, ...] = ()
    missing: Any = None
    synthetic: bool = False

    def __post_init__(self) -> None:
        if bool(self.package) == bool(self.wide):
            raise argument_error(
                "data", "either [data] package = … or [table] wide = …", "both" if self.package else "neither"
            )
        self._check_dates()
        timed = bool((self.time or self.start) and self.event)
        if self.wide and [timed, bool(self.status), bool(self.score)].count(True) != 1:
            given = {name: getattr(self, name) for name in ("time", "event", "status", "score")}
            raise argument_error(
                "table",
                "a table with `time` (or `start` and `end`) and `event`, or with `status`, or with `score`",
                ", ".join(f"{name}={value!r}" for name, value in given.items() if value or name != "score"),
            )
        for name in ("sheet", "delimiter", "decimal", "thousands", "encoding"):
            if not isinstance(getattr(self, name), str):
                raise argument_error(f"table.{name}", "text", getattr(self, name))
        for name, table in (("causes", self.causes), ("where", self.where)):
            for key, value in table.items():
                many = name == "where" and isinstance(value, list | tuple)
                if any(isinstance(part, Mapping | list | tuple) for part in (value if many else (value,))):
                    raise argument_error(
                        f"table.{name}.{key}", "a code" + " or a list of codes" * (name == "where"), value
                    )
        if isinstance(self.censored, Mapping | list | tuple):
            raise argument_error("table.censored", "a code", self.censored)
        times = (self.time, self.start, self.end, self.event, self.entry)
        twice = [c for c in (self.id, *times, self.status, self.score, self.reason, self.site) if c]
        if len(set(twice)) != len(twice):
            raise argument_error("table", "a table that names each column once", f"{twice}")
        if self.reason and not (self.status or self.score):
            raise argument_error(
                "table.reason", "left out of a table of times: reasons are of a `status` or `score`", repr(self.reason)
            )
        alone = "status" if self.status else "score"
        dated = self.time or self.start or self.event or self.entry or self.causes or self.censored is not None
        if getattr(self, alone) and dated:
            raise argument_error(
                "table", f"`{alone}` alone, without columns and codes of times", f"{alone}={getattr(self, alone)!r}"
            )
        if self.package and (self.time or self.event or self.status or self.score):
            raise argument_error(
                "data",
                "without columns of an outcome: that of a package is derived",
                "time or event",
                "Describe it under [outcome] kind = …",
            )

    def _check_dates(self) -> None:
        if bool(self.start) != bool(self.end):
            lacking = "end" if self.start else "start"
            raise argument_error(f"table.{lacking}", "the other of the two columns of dates", "nothing")
        if self.start and self.time:
            raise argument_error("table.time", "left out where `start` and `end` are given", repr(self.time))
        if self.start and self.package:
            raise argument_error("data.start", "left out of a package: its outcome is derived", repr(self.start))
        if self.date_format and not self.start:
            raise argument_error("table.date_format", "left out without `start` and `end`", repr(self.date_format))
        if self.date_format and not (
            any(code in self.date_format for code in _YEARS) and is_date_form(self.date_format)
        ):
            words = "a form with a year, e.g. '%d.%m.%Y'"
            raise argument_error("table.date_format", words, repr(self.date_format))
        if "%z" in self.date_format.lower():
            words = "a form without a time zone"
            raise argument_error("table.date_format", words, repr(self.date_format), "Give local dates.")
