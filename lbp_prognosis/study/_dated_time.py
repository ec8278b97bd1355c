"""``dated_time``: time under observation from two columns of dates."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from lbp_prognosis._base import DataError, holds
from lbp_prognosis.schema import days_per
from lbp_prognosis.study._data_plan import DataPlan

__all__ = ["dated_time"]

_ISO = re.compile(r"\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?)?")
_ZONE = re.compile(r"\d{4}-\d{2}-\d{2}[T ].*(?:Z|[+-]\d{2}:?\d{2})")
_FAR = re.compile(r"(?<!\d)(?:0\d{3}|1[0-5]\d{2}|16[0-6]\d|167[0-6]|226[3-9]|22[7-9]\d|2[3-9]\d{2}|[3-9]\d{3})(?!\d)")
_WITHOUT = "Give local dates without a time zone: midnight in one zone is the day before in another."


def dated_time(frame: pd.DataFrame, plan: DataPlan, unit: str, name: str) -> tuple[pd.DataFrame, DataPlan]:
    """Return the table with columns of times and entries in the unit of the outcome, and the plan that names them.

    Parameters
    ----------
    frame : DataFrame
        Rows with known dates.
    plan : DataPlan
        With ``start`` and ``end``; ``entry``, if given, is a date too.
    unit : str
        Unit of the outcome.
    name : str
        Name of the file, for errors.

    Raises
    ------
    DataError
        If a column does not contain dates without a time zone, or a date comes before that of ``start``.
    """
    days = days_per(unit)
    start = _dates(frame[plan.start], plan, name)
    made = frame.copy()
    columns: dict[str, Any] = {}
    for role, column in (("time", plan.end), ("entry", plan.entry)):
        if not column:
            continue
        passed = (_dates(frame[column], plan, name) - start).dt.total_seconds() / 86400
        early = int((passed < 0).sum())
        if early:
            raise DataError(
                f"In {early} rows of {name!r} {column!r} is before {plan.start!r}. Correct the dates, or leave these "
                "rows out by `where`."
            )
        columns[role] = f"{column} - {plan.start}"
        made[columns[role]] = passed.to_numpy() / days
    return made, replace(plan, start="", end="", date_format="", **columns)


def _dates(series: pd.Series, plan: DataPlan, name: str) -> pd.Series:
    """Return a column of dates without a time zone; numbers, durations and other text are refused."""
    words = f"The column {series.name!r} of {name!r} must contain dates; "
    kind = holds(series)
    if kind == "duration":
        raise DataError(f"{words}it contains durations. Give them as numbers in the unit of the outcome under `time`.")
    zoned = int(series.map(lambda cell: getattr(cell, "tzinfo", None) is not None or _of_zone(cell)).sum())
    if zoned:
        raise DataError(f"{words}{zoned} cells have a time zone. {_WITHOUT}")
    if kind == "date":
        found = pd.to_datetime(series.where(series.map(_is_no_text)), errors="coerce")
        bad = int(found.isna().sum())
        if bad:
            raise DataError(
                f"{words}{bad} cells are not. Correct them, or declare words that mean missing: missing = …"
            )
        return found
    if kind != "text":
        raise DataError(f"{words}it contains {'numbers' if kind == 'number' else kind}. Write dates as YYYY-MM-DD.")
    stripped = series.str.strip()
    if plan.date_format:
        found = pd.to_datetime(stripped, format=plan.date_format, errors="coerce")
        form = f"of the form {plan.date_format!r}"
    else:
        iso = stripped.map(lambda cell: bool(_ISO.fullmatch(cell)))
        found = pd.to_datetime(stripped.where(iso), format="ISO8601", errors="coerce")
        form = "of the form YYYY-MM-DD"
    bad = int(found.isna().sum())
    if bad:
        remedy = "" if plan.date_format else " Give `date_format`, e.g. '%d.%m.%Y'."
        far = int(stripped.str.contains(_FAR).sum())
        if far:
            remedy += f" {far} of them have a year outside 1677 to 2262: if it is not a date, declare it missing."
        raise DataError(f"{words}{bad} cells are not {form}.{remedy}")
    return pd.Series(np.asarray(found), index=series.index, name=series.name)


def _of_zone(cell: object) -> bool:
    return isinstance(cell, str) and bool(_ZONE.fullmatch(cell.strip()))


def _is_no_text(cell: object) -> bool:
    return not isinstance(cell, str)
