"""Dates of Stata, SPSS and SAS, stored as numbers with a format in the header."""

from __future__ import annotations

import re
from typing import NamedTuple

import numpy as np
import pandas as pd

__all__ = ["FormattedDates", "format_dates"]

_DAY = 86_400
# seconds from the first day a program counts from to 1970-01-01
_ORIGINS = {"sas": -315_619_200, "stata": -315_619_200, "spss": -12_219_379_200}
_FIRST, _LAST = pd.Timestamp("1677-09-22"), pd.Timestamp("2262-04-11")

_SAS_DATES = re.compile(
    r"(?:E|B|IS)8601DA|DATE|DAY|DDMMYY[BCDNPS]?|MMDDYY[BCDNPS]?|YYMMDD[BCDNPS]?|XYYMMDD[BCDNPS]?"
    r"|MMYY[CDNPS]?|YYMM[CDNPS]?|MONYY|YYMON|MONNAME|MONTH|QTRR?|YYQR?[CDNPSZ]?|YEAR|WEEKDAY|WEEKDATE|WEEKDATX|WORDDATE"
    r"|WORDDATX|DOWNAME|JULDAY|JULIAN|PDJULG|PDJULI|MINGUO|NENGO|HDATE|HEBDATE|WEEK[UVW]|YYWEEK[UVW]|EURDF(?:DD|DE|DN|DWN"
    r"|MN|MY|WDX|WKX)|(?:AFR|CAT|CRO|CSY|DAN|DES|DEU|ENG|ESP|FIN|FRA|FRS|HUN|ITA|MAC|NLD|NOR|POL|PTG|RUS|SLO|SVE)DF(?:DD"
    r"|DE|DN|DWN|MN|MY|WDX|WKX)|NLDATE[A-Z]*"
)
_SAS_MOMENTS = re.compile(
    r"DATETIME|DATEAMPM|MDYAMPM|DTDATE|DTMONYY|DTWKDATX|DTYEAR|DTYYQC|(?:E|B|IS)8601(?:DN|DT|DX|DZ|LX)|EURDFDT|NLDATM[A-Z]*"
)
_SAS_DAYS_OF_MOMENTS = re.compile(r"DTDATE|DTMONYY|DTWKDATX|DTYEAR|DTYYQC|(?:E|B|IS)8601D[NX]")
_SAS_TIMES = re.compile(r"TIME|TIMEAMPM|HHMM|HOUR|MMSS|TOD|(?:E|B|IS)8601(?:TM|TX|TZ|LZ)|NLTIM[A-Z]*")
_SPSS = {
    **dict.fromkeys(("DATE", "ADATE", "EDATE", "SDATE", "JDATE", "QYR", "MOYR", "WKYR"), "date"),
    **dict.fromkeys(("DATETIME", "YMDHMS"), "moment"),
    **dict.fromkeys(("TIME", "DTIME", "MTIME"), "time"),
}
_PERIODS = {"tm": ("month", 12), "tq": ("quarter", 4), "th": ("half-year", 2), "ty": ("year", 1), "tw": ("week", 52)}


class FormattedDates(NamedTuple):
    """Column, note on its conversion (empty if it contains no dates), and the cells without a valid date."""

    values: pd.Series
    note: str
    bad: np.ndarray


def format_dates(series: pd.Series, program: str, form: str | None) -> FormattedDates:
    """Return the numbers of a column as dates if it has a date format; a cell out of range becomes missing."""
    nothing = FormattedDates(series, "", np.zeros(len(series), dtype=bool))
    if not form or not pd.api.types.is_numeric_dtype(series):
        return nothing
    numbers = series.to_numpy(dtype=float)
    kind = _stata_kind(form) if program == "stata" else _stem_kind(form, program)
    if kind == "":
        return nothing
    if kind == "unknown":
        return nothing._replace(note=f"the format {form} is of dates and not known here: kept as numbers")
    if kind == "time":
        unit = "milliseconds" if program == "stata" else "seconds"
        return nothing._replace(note=f"the format {form} is of times of day: kept as numbers, in {unit}")
    if kind in _PERIODS:
        days, note = _periods(numbers, kind), f"dates of {_PERIODS[kind][0]}s: the first day of each was taken"
        return _made(series, days * float(_DAY), "", note)
    return _moments(series, numbers, program, form, kind)


def _moments(series: pd.Series, numbers: np.ndarray, program: str, form: str, kind: str) -> FormattedDates:
    stem, note = _stem(form), ""
    if program == "stata":
        seconds = numbers / 1000.0 if kind in ("tc", "tC") else np.floor(numbers) * _DAY
        if kind == "tC":
            note = "the format %tC counts leap seconds: times are late by up to 27 seconds"
    elif kind == "date":
        seconds = np.floor(numbers) * _DAY if program == "sas" else np.floor(numbers / _DAY) * _DAY
    else:
        seconds = numbers
        if program == "sas" and _SAS_DAYS_OF_MOMENTS.fullmatch(stem):
            known = np.abs(numbers[np.isfinite(numbers)])
            # a date-time format over numbers of days: read as seconds, all would lie in the first days of 1960
            if known.size and known.max() < 150_000:
                seconds = np.floor(numbers) * _DAY
                note = f"the format {form} is of seconds, the numbers are days: read as days"
            else:
                seconds = np.floor(numbers / _DAY) * _DAY
    return _made(series, seconds, program, note)


def _made(series: pd.Series, seconds: np.ndarray, program: str, note: str) -> FormattedDates:
    """Return dates from seconds since the program's first day (or since 1970 without a program)."""
    since = seconds + _ORIGINS.get(program, 0)
    known = np.isfinite(seconds)
    with np.errstate(invalid="ignore"):
        inside = known & (since >= _FIRST.timestamp()) & (since <= _LAST.timestamp())
    bad = (known & ~inside) | np.isinf(seconds)
    whole = np.floor(np.where(inside, seconds, 0.0))
    parts = np.rint((np.where(inside, seconds, 0.0) - whole) * 1e6).astype("int64") * 1000
    stamps = (whole.astype("int64") + _ORIGINS.get(program, 0)) * 1_000_000_000 + parts
    dates = pd.Series(stamps.astype("datetime64[ns]"), index=series.index, name=series.name)
    return FormattedDates(dates.where(inside), note, bad)


def _periods(numbers: np.ndarray, kind: str) -> np.ndarray:
    """Return days since 1970-01-01 of the first day of Stata's months, quarters, halves, years and weeks."""
    per = _PERIODS[kind][1]
    with np.errstate(invalid="ignore"):
        count = np.floor(numbers)
        year = count if kind == "ty" else 1960 + np.floor(count / per)
        part = np.zeros_like(count) if kind == "ty" else count - (year - 1960) * per
        fits = np.isfinite(count) & (year >= 1600) & (year <= 2400)
    year, part = np.where(fits, year, 1970).astype(int), np.where(fits, part, 0).astype(int)
    months = 0 if kind == "tw" else part * (12 // per)
    first = (year - 1970).astype("timedelta64[Y]").astype("timedelta64[M]") + np.asarray(months).astype(
        "timedelta64[M]"
    )
    day = (np.datetime64("1970-01", "M") + first).astype("datetime64[D]").astype("int64")
    day = day + (7 * part if kind == "tw" else 0)
    # a count outside the calendar is a cell that cannot be converted, not a missing cell
    return np.where(np.isnan(numbers), np.nan, np.where(fits, day.astype(float), np.inf))


def _stata_kind(form: str) -> str:
    found = re.match(r"%-?(t[a-zA-Z]|d)(.*)", form)
    if found is None:
        return ""
    kind = "td" if found[1] == "d" else found[1]
    if kind in ("tc", "tC") and found[2] and not re.search(r"[CYNnDdJjLl]", found[2]):
        return "time"
    if kind in ("td", "tc", "tC", *_PERIODS):
        return kind
    return "" if kind == "tg" else "unknown"


def _stem(form: str) -> str:
    return re.sub(r"\d*(?:\.\d*)?\Z", "", form.strip().upper()) or form.strip().upper()


def _stem_kind(form: str, program: str) -> str:
    stem = _stem(form)
    if program == "spss":
        return _SPSS.get(stem, "")
    for kind, pattern in (("date", _SAS_DATES), ("moment", _SAS_MOMENTS), ("time", _SAS_TIMES)):
        if pattern.fullmatch(stem):
            return kind
    return "unknown" if re.search(r"8601|DATE|YYMM|MMYY|DATM", stem) else ""
