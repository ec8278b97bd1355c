"""``summarise_accelerometer``: one value per wearing period from the valid days of an accelerometer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from lbp_prognosis._base import DataError, argument_error, check_number
from lbp_prognosis.biomechanics._motion_measures import motion_measure
from lbp_prognosis.biomechanics._motion_source import motion_source
from lbp_prognosis.biomechanics._motion_summary import MotionSummary
from lbp_prognosis.biomechanics._motion_trials import check_trials
from lbp_prognosis.biomechanics._summarise_trials import summarise_trials
from lbp_prognosis.schema import failure_frame

__all__ = ["summarise_accelerometer"]

DAY = 1440.0  # minutes
_PERIOD = ["patient_id", "session_id"]


def summarise_accelerometer(
    source: Any,
    columns: Mapping[str, str],
    *,
    min_wear: float,
    min_days: int,
    method_id: str,
    patient_id: str = "patient_id",
    date: str = "date",
    wear: str = "wear_minutes",
    session_id: str = "",
) -> MotionSummary:
    """Average the valid days of each wearing period; raw signals are not processed.

    Parameters
    ----------
    source : path or DataFrame
        One row per patient and day, as exported by the program of the device.
    columns : mapping of str to str
        Column to measure, in the library's unit: ``activity_time``, ``sedentary_time`` (minutes per day),
        ``step_count`` …
    min_wear : float
        Smallest wear time of a valid day, in minutes, e.g. 600.
    min_days : int
        Smallest number of valid days of a period that is used, e.g. 4. Neither limit has a default: the protocol
        declares them.
    method_id : str
        Short name for the device, its position on the body and the cut-offs.
    patient_id, date, wear : str
        Columns with the patient, the day (``YYYY-MM-DD``) and the wear time in minutes.
    session_id : str, default ""
        Column with the wearing period; by default a patient has one.

    Returns
    -------
    MotionSummary
        ``n_trials`` is the number of valid days, ``acquired_on`` the last valid day (before it the mean was unknown),
        ``sd_error`` the SD of a day about its patient's mean, divided by the square root of the number of days.
        ``left_out`` names days with too little wear time and periods with too few valid days.

    Notes
    -----
    Faults of single rows: ``wear`` (minutes below 0 or above 1440, or more measured than worn), ``range`` (outside the
    plausible range of the measure), ``type``, ``required``, ``duplicate_key`` (all rows of a duplicated day). A
    value with a fault does not count as a valid day of its measure.

    Examples
    --------
    >>> import pandas as pd
    >>> from lbp_prognosis.biomechanics import summarise_accelerometer
    >>> days = pd.DataFrame({"patient_id": "a", "date": ["2020-03-01", "2020-03-02", "2020-03-03"],
    ...                      "wear_minutes": [700, 600, 599], "active": [30, 50, 400]})
    >>> found = summarise_accelerometer(days, {"active": "activity_time"}, min_wear=600, min_days=2, method_id="hip")
    >>> found.table[["value", "n_trials"]].values.tolist(), found.left_out["reason"].tolist()
    ([[40.0, 2.0]], ['worn for less than 600 minutes'])
    """
    frame, where = motion_source(source, "source")
    least = check_number("min_wear", min_wear, low=0, high=DAY, open_low=True)
    need = int(check_number("min_days", min_days, low=1, whole=True))
    if not method_id:
        raise argument_error("method_id", "a short name of the device, its place and the cut-offs", repr(method_id))
    measures = _measures(frame, columns)
    names = {"patient_id": patient_id, "session_id": session_id, "date": date, "wear": wear}
    days = _days(frame, names)
    faults = _bad_days(days, frame, names)
    good, periods, left = _worn(days, faults, least)
    parts, places = [], []
    for column, measure in measures.items():
        part, more, too_few = _valid(good, periods, frame[column], column, measure, need)
        faults += more
        left += too_few
        parts.append(part)
        places.append(pd.DataFrame({"row": part.index + 1, "field": column}))
    long = pd.concat(parts, ignore_index=True).assign(method_id=method_id)
    failures = failure_frame([{"table": where, **fault} for fault in faults]).sort_values("row", kind="stable")
    if long.empty:
        raise DataError(f"No period of {where} has {need} valid days; {len(failures)} failures.", failures)
    long.attrs["synthetic"] = bool(getattr(source, "attrs", {}).get("synthetic", False))
    made = summarise_trials(check_trials(long, places=pd.concat(places, ignore_index=True), left_out=left))
    kept = [part for part in (failures, made.failures) if len(part)]
    return replace(made, failures=pd.concat(kept, ignore_index=True) if kept else failures)


def _measures(frame: pd.DataFrame, columns: Any) -> dict[str, str]:
    """Return the measure of each column."""
    if not isinstance(columns, Mapping) or not columns:
        raise argument_error("columns", "a mapping from column to measure", columns)
    measures = {column: motion_measure(measure).name for column, measure in columns.items()}
    if len(set(measures.values())) < len(measures):
        raise argument_error("columns", "a mapping in which each column is a measure of its own", dict(columns))
    absent = [column for column in measures if column not in frame.columns]
    if absent:
        raise argument_error("columns", "columns of the table", f"{absent}")
    return measures


def _days(frame: pd.DataFrame, names: Mapping[str, str]) -> pd.DataFrame:
    """Return the day of each row: ``patient_id, session_id, date, wear``."""
    for name, column in names.items():
        if (column or name != "session_id") and column not in frame.columns:
            raise argument_error(name, "a column of the table", repr(column))
    session = names["session_id"]
    return pd.DataFrame(
        {
            "patient_id": frame[names["patient_id"]].astype(object),
            "session_id": frame[session].astype(object) if session else "worn",
            "date": pd.to_datetime(frame[names["date"]], format="%Y-%m-%d", errors="coerce"),
            "wear": pd.to_numeric(frame[names["wear"]], errors="coerce").astype(float),
        }
    )


def _bad_days(days: pd.DataFrame, frame: pd.DataFrame, names: Mapping[str, str]) -> list[dict[str, Any]]:
    """Return faults of days, at most one per row."""
    found: dict[int, dict[str, Any]] = {}

    def mark(wrong: Any, key: str, reason: str, message: str) -> None:
        for k in np.flatnonzero(np.asarray(wrong, dtype=bool)):
            value = frame[names[key]].iloc[k] if names[key] else ""
            row = {"row": int(k) + 1, "field": names[key] or key, "reason": reason, "value": value, "message": message}
            found.setdefault(int(k), row)

    for key in ("patient_id", "session_id"):
        mark(days[key].isna(), key, "required", "the row does not name the patient or the period")
    mark(days["date"].isna(), "date", "type", "a day is written YYYY-MM-DD")
    mark(days["wear"].isna(), "wear", "type", "minutes of wearing are a number")
    mark((days["wear"] < 0) | (days["wear"] > DAY), "wear", "wear", f"a day has 0 to {DAY:g} minutes")
    clear = days.drop(index=list(found))
    twice = clear.duplicated([*_PERIOD, "date"], keep=False)
    mark(twice.reindex(days.index, fill_value=False), "date", "duplicate_key", "the day occurs twice")
    return [found[k] for k in sorted(found)]


def _worn(
    days: pd.DataFrame, faults: list[dict[str, Any]], least: float
) -> tuple[pd.DataFrame, pd.DataFrame, list[tuple[str, str, str]]]:
    """Return the valid days, the periods of all days without a fault, and the days left out."""
    bad = np.zeros(len(days), dtype=bool)
    bad[[fault["row"] - 1 for fault in faults]] = True
    short = ~bad & (days["wear"] < least).to_numpy()
    left = [
        (str(days["patient_id"].iloc[k]), f"{days['date'].iloc[k]:%Y-%m-%d}", f"worn for less than {least:g} minutes")
        for k in np.flatnonzero(short)
    ]
    return days[~bad & ~short], days.loc[~bad, _PERIOD].drop_duplicates(), left


def _valid(
    good: pd.DataFrame, periods: pd.DataFrame, cells: pd.Series, column: str, measure: str, need: int
) -> tuple[pd.DataFrame, list[dict[str, Any]], list[tuple[str, str, str]]]:
    """Return the valid days of one measure as trials, its faults, and the periods with too few days."""
    fact = motion_measure(measure)
    unit = fact.unit
    numbers = pd.to_numeric(cells, errors="coerce").astype(float)
    held = good.assign(cell=cells.reindex(good.index), number=numbers.reindex(good.index))
    text = held["cell"].notna() & held["number"].isna()
    odd = held["number"].notna() & ~held["number"].between(fact.minimum, fact.maximum)
    more = (held["number"] > held["wear"]) & ~odd & (unit == "min/day")
    faults = [
        {"row": int(k) + 1, "field": column, "reason": reason, "value": held.loc[k, "cell"], "message": message}
        for wrong, reason, message in (
            (text, "type", "the value is no number"),
            (odd, "range", f"{measure} is between {fact.minimum:g} and {fact.maximum:g}"),
            (more, "wear", "more minutes measured than worn"),
        )
        for k in held.index[wrong]
    ]
    known = held[held["number"].notna() & ~odd & ~more].sort_values([*_PERIOD, "date"], kind="stable")
    kept = known[known.groupby(_PERIOD, sort=False)["date"].transform("size") >= need]
    used = set(kept[_PERIOD].itertuples(index=False, name=None))
    left = [
        (str(patient), f"{measure}, {session}", f"fewer than {need} valid days")
        for patient, session in periods.itertuples(index=False, name=None)
        if (patient, session) not in used
    ]
    groups = kept.groupby(_PERIOD, sort=False)
    last = groups["date"].transform("max")
    trials = pd.DataFrame(
        {
            "patient_id": kept["patient_id"],
            "session_id": kept["session_id"],
            "acquired_on": last,
            "measure": measure,
            "trial": groups.cumcount() + 1,
            "value": kept["number"],
            "unit": unit,
        }
    )
    return trials, faults, left
