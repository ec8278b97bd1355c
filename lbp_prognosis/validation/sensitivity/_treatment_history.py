"""Courses of covariates of patients who may start a treatment, read from one row per patient and time."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any, TypeVar, cast

import numpy as np
import pandas as pd

from lbp_prognosis._base import DataError, argument_error, numbers_in
from lbp_prognosis.validation.sensitivity._leaving_hazard import Clock, Spells

__all__ = ["last_places", "ordered_by_ids", "patients_of", "rows_of", "spells_of"]


F = TypeVar("F", bound=Callable[..., Any])


def ordered_by_ids(function: F) -> F:
    """Bring ``treated_at`` into the order of ``ids`` where its labels are these names in another order."""

    @functools.wraps(function)
    def wrapped(y: Any, treated_at: Any, *args: Any, ids: Any = None, **options: Any) -> Any:
        named = isinstance(treated_at, pd.Series) and not isinstance(treated_at.index, pd.RangeIndex)
        if ids is not None and named and "label" not in (np.asarray(y).dtype.names or ()):
            names = pd.Index(np.asarray(ids, dtype=object))
            own = treated_at.index.astype(object)
            if names.is_unique and own.is_unique and len(own) == len(names) and own.isin(names).all():
                treated_at = treated_at.set_axis(own).reindex(names).reset_index(drop=True)
        return function(y, treated_at, *args, ids=ids, **options)

    return cast(F, wrapped)


def patients_of(ids: Any, n: int) -> np.ndarray:
    """Return the names of the patients in the order of the outcome; 0 … n − 1 where none are given."""
    found = np.arange(n).astype(object) if ids is None else np.asarray(ids, dtype=object)
    if found.shape != (n,) or len(set(found.tolist())) != n:
        raise argument_error(
            "ids", f"{n} different names, one per row of `y`", f"{len(set(found.tolist()))} of {found.size}"
        )
    return found


def rows_of(history: pd.DataFrame, patients: np.ndarray, id: str, time: str) -> tuple[np.ndarray, np.ndarray]:
    """Return the place of the patient of each row of the history, NaN if not among them, and the time of the row."""
    if not isinstance(history, pd.DataFrame):
        raise argument_error("history", "a DataFrame with one row per patient and time", history)
    absent = [name for name in (id, time) if name not in history.columns]
    if absent:
        raise argument_error("history", f"a frame with {id!r} and {time!r}", f"one without {absent}")
    at = numbers_in(history, [time], "history")[:, 0]
    row = pd.Series(np.arange(patients.size), index=pd.Index(patients, dtype=object))
    place = row.reindex(pd.Index(history[id].to_numpy(dtype=object), dtype=object)).to_numpy(dtype=float)
    if not np.isfinite(place).any():
        raise argument_error(
            "ids",
            f"patients of `history`, such as {history[id].iloc[:3].tolist()!r}",
            f"{patients[:3].tolist()!r}",
            "Give the patients in the order of `y`.",
        )
    return place, at


def spells_of(
    history: pd.DataFrame,
    patients: np.ndarray,
    id: str,
    time: str,
    columns: Sequence[str] | None,
    clock: Clock,
    until: np.ndarray,
    what: np.ndarray,
    entry: np.ndarray | None = None,
) -> Spells:
    """Stretches between measurements, from entry (n,) or time zero up to the end of each patient's follow-up."""
    if not isinstance(history, pd.DataFrame):
        raise argument_error("history", "a DataFrame with one row per patient and time", history)
    wanted = [name for name in history.columns if name not in (id, time)] if columns is None else list(columns)
    absent = [name for name in (id, time, *wanted) if name not in history.columns]
    if absent or not wanted:
        raise argument_error(
            "history", f"a frame with {id!r}, {time!r} and covariates", f"one without {absent or 'any'}"
        )
    values = pd.DataFrame(numbers_in(history, wanted, "history"), columns=[str(name) for name in wanted])
    place, at = rows_of(history, patients, id, time)
    _refuse_rows(history, id, values, at, place, patients, np.zeros(patients.size) if entry is None else entry)
    known = np.isfinite(place)
    order = np.lexsort((at[known], place[known]))
    patient = place[known][order].astype(int)
    at, X = at[known][order], values[known].iloc[order].reset_index(drop=True)
    last = np.append(patient[1:] != patient[:-1], True)
    after = np.where(at > 0, clock.after(at), 0.0)
    start = after
    end = clock.place(until, what)[patient]
    stop = np.where(last, end, np.append(after[1:], 0.0))
    if entry is not None:
        start = np.maximum(start, np.where(entry > 0, clock.after(entry), 0.0)[patient])
    used = (start < end) & (start < stop)  # two values between one pair of times: the later one holds
    ending = used & (last | (stop >= end))
    return Spells(
        patient=patient[used],
        start=start[used],
        stop=np.minimum(stop, end)[used],
        last=ending[used],
        X=X[used].reset_index(drop=True),
    )


def last_places(spells: Spells, n: int) -> np.ndarray:
    """Return the place at which the follow-up of each of n patients ends, 0 without any."""
    places = np.zeros(n)
    places[spells.patient[spells.last]] = spells.stop[spells.last]
    return places


def _refuse_rows(
    history: pd.DataFrame,
    id: str,
    values: pd.DataFrame,
    at: np.ndarray,
    place: np.ndarray,
    patients: np.ndarray,
    entry: np.ndarray,
) -> None:
    """Raise one error with a frame of all rows that cannot be used."""
    rows: list[dict[str, Any]] = []

    def add(bad: np.ndarray, field: str, reason: str, message: str) -> None:
        rows.extend(
            {"table": "history", "row": int(k), "field": field, "reason": reason, "value": "", "message": message}
            for k in np.flatnonzero(bad)
        )

    inside = np.isfinite(place)
    add(~np.isfinite(at), "time", "missing", "the time of measurement is missing")
    add(np.isfinite(at) & (at < 0), "time", "out_of_range", "the time is before time zero")
    for name in values:
        add(inside & ~np.isfinite(values[name].to_numpy()), str(name), "missing", "fill in before, or carry forward")
    twice = pd.DataFrame({"p": place, "t": at}).duplicated(keep="first").to_numpy() & inside & np.isfinite(at)
    add(twice, "time", "duplicate", "a second row of the patient at this time")
    first = np.full(patients.size, np.inf)
    np.minimum.at(first, place[inside].astype(int), np.where(np.isfinite(at[inside]), at[inside], np.inf))
    rows += [
        {
            "table": "history",
            "row": -1,
            "field": id,
            "reason": "no_row_at_time_zero" if entry[k] == 0 else "no_row_by_entry",
            "value": "",
            "message": f"the patient in row {int(k)} of `y` has no measurement at time zero"
            + (" or by entry" if entry[k] > 0 else ""),
        }
        for k in np.flatnonzero(first > entry)
    ]
    if rows:
        frame = pd.DataFrame(rows)
        kinds = ", ".join(f"{n} {reason}" for reason, n in frame["reason"].value_counts().items())
        raise DataError(
            f"`history` has {len(frame)} rows or patients that cannot be used ({kinds}): see `failures`.", frame
        )
