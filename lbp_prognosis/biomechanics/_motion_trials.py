"""``check_trials``: a long table of trials in the library's units, and a frame of failures."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from lbp_prognosis._base import Result, argument_error, as_pandas
from lbp_prognosis.biomechanics._motion_measures import TABLE, motion_measures
from lbp_prognosis.schema import convert_unit, failure_frame, known_units, validate_package

__all__ = ["MotionTrials", "check_trials", "left_out_frame"]

NEEDED = ("patient_id", "measure", "trial", "value", "unit", "method_id")
DATES = ("acquired_on", "acquired_day")
SESSION = ["patient_id", "session_id"]
PLACE = [*SESSION, "measure", "side"]


@dataclass(frozen=True, repr=False)
class MotionTrials(Result):
    """Single trials of movement, strength or activity.

    Attributes
    ----------
    trials : DataFrame
        Usable rows, in the library's units, with the columns of the data schema ``motion_trial``: ``patient_id,
        session_id, acquired_on`` or ``acquired_day, measure, side`` (empty where none) ``, trial, value, unit,
        method_id``, and ``device`` where it was given.
    failures : DataFrame
        One row per fault: ``table, row, field, reason, value, message``; ``row`` counts rows of the source from 1. Rows
        with a fault are not among the trials.
    left_out : DataFrame
        Unused items of the source that are not failures: ``source, item, reason``.
    """

    trials: pd.DataFrame
    failures: pd.DataFrame
    left_out: pd.DataFrame = field(default_factory=lambda: left_out_frame([]))

    def to_frame(self) -> pd.DataFrame:
        """Return the trials that can be used."""
        return self.trials.copy()

    def _summary(self) -> str:
        people = self.trials["patient_id"].nunique()
        return f"{len(self.trials)} trials of {people} patients, {len(self.failures)} failures"


def left_out_frame(rows: list[tuple[str, str, str]]) -> pd.DataFrame:
    """Return unused items as a frame."""
    return pd.DataFrame(rows, columns=["source", "item", "reason"])


def check_trials(
    trials: Any, *, places: pd.DataFrame | None = None, left_out: list[tuple[str, str, str]] | None = None
) -> MotionTrials:
    """Convert trials to the library's units, and list the rows that cannot be used with the reason.

    Parameters
    ----------
    trials : DataFrame
        One row per trial: ``patient_id, measure, trial, value, unit, method_id``; ``session_id`` or a date
        (``acquired_on`` as ``YYYY-MM-DD``, or ``acquired_day`` in days since the index date), which identifies the
        session if it has no name; where they exist ``side`` (left, right) and ``device``.
    places : DataFrame, optional
        Place of each row in its source file: ``row, field``; by default its number, counted from 1.
    left_out : list of (source, item, reason), optional
        Items that an importer left out.

    Returns
    -------
    MotionTrials
        Bad rows raise no error. Reasons: ``type`` (no number, no date), ``required`` (a part of the key, the value or
        the method is missing), ``enum`` (unknown measure or side), ``side`` (a side of a measure without sides),
        ``unit`` (a unit that cannot be converted), ``range`` (outside the plausible range), ``duplicate_key`` (all rows
        of a duplicated trial), ``mixed_method`` (two methods in one session) and ``mixed_date`` (two dates of one
        session).

    Raises
    ------
    ArgumentError
        If a required column is absent.

    Examples
    --------
    >>> import pandas as pd
    >>> from lbp_prognosis.biomechanics import check_trials
    >>> table = pd.DataFrame({"patient_id": ["a", "a"], "session_id": "1", "measure": "gait_speed", "trial": [1, 2],
    ...                       "value": [4.5, "fast"], "unit": "km/h", "method_id": "ten_metre_walk"})
    >>> found = check_trials(table)
    >>> found.trials["value"].tolist(), found.failures[["row", "field", "reason"]].values.tolist()
    ([1.25], [[2, 'value', 'type']])
    """
    frame = _converted(_columns(trials))
    checked = validate_package(
        {"patient": pd.DataFrame({"patient_id": frame["patient_id"].dropna().unique()}), TABLE: frame},
        mixed_methods=set(motion_measures()),
    )
    typed = checked.tables[TABLE]
    exact = _numbers(frame["value"])  # a column of numbers and words is read as text, which loses the last digit
    typed["value"] = np.where(np.isfinite(exact), exact, typed["value"].to_numpy(dtype=float))
    typed["side"] = typed["side"].astype(object).where(typed["side"].notna(), "").astype(str)
    found = checked.failures
    found = found[found["table"].eq(TABLE) & found["reason"].ne("duplicate_key")]
    bad = np.zeros(len(typed), dtype=bool)
    bad[found["row"].dropna().to_numpy(dtype=int) - 1] = True
    parts = [found]
    for fault in (_empty, _sideless, _twice, _two_dates, _two_methods):
        # a row that has failed is not checked further
        column, reason, wrong, words = fault(typed, bad)
        parts.append(_failures(typed, column, reason, wrong & ~bad, words))
        bad |= wrong
    failures = pd.concat([part for part in parts if len(part)], ignore_index=True) if bad.any() or len(found) else found
    good = typed[~bad].reset_index(drop=True)
    good["trial"] = good["trial"].astype(int)
    good.attrs["synthetic"] = bool(getattr(trials, "attrs", {}).get("synthetic", False))
    order = failures.sort_values("row", kind="stable", ignore_index=True)
    return MotionTrials(good, _placed(order, places), left_out_frame(left_out or []))


def _columns(trials: Any) -> pd.DataFrame:
    frame = as_pandas(trials)
    if not isinstance(frame, pd.DataFrame):
        raise argument_error("trials", "a frame with one row per trial", trials)
    absent = [name for name in NEEDED if name not in frame.columns]
    if absent:
        raise argument_error(
            "trials",
            f"a frame with the columns {', '.join(NEEDED)}",
            f"one without {', '.join(absent)}",
            "A measure without `method_id` is refused: the same name by two methods is two variables."
            if absent == ["method_id"]
            else None,
        )
    if frame.empty:
        raise argument_error("trials", "a frame with at least one row", "an empty one")
    dated = [name for name in DATES if name in frame.columns]
    if "session_id" not in frame.columns and not dated:
        raise argument_error("trials", "a frame with `session_id`, `acquired_on` or `acquired_day`", "one without")
    kept = [name for name in (*NEEDED, "session_id", *DATES, "side", "device") if name in frame.columns]
    frame = frame[kept].reset_index(drop=True)
    if "session_id" not in frame.columns:
        frame["session_id"] = [_text(cell) for cell in frame[dated[0]]]
    if "side" not in frame.columns:
        frame["side"] = None
    return frame


def _text(cell: Any) -> str | None:
    if cell is None or pd.isna(cell):
        return None
    return cell.strftime("%Y-%m-%d") if hasattr(cell, "strftime") else str(cell).strip()


def _converted(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the frame with values in the unit of their measure, if they are numbers in a convertible unit."""
    known = motion_measures()
    numbers = _numbers(frame["value"])
    values = frame["value"].to_numpy(dtype=object).copy()
    units = np.array([cell.strip() if isinstance(cell, str) else cell for cell in frame["unit"]], dtype=object)
    pairs = list(zip(frame["measure"], units))
    for measure, unit in dict.fromkeys(pair for pair in pairs if pair[0] in known and isinstance(pair[1], str)):
        wanted = known[measure].unit
        if unit == wanted or not _same_dimension(unit, wanted):
            continue
        rows = np.array([pair == (measure, unit) for pair in pairs])
        numeric = rows & np.isfinite(numbers)
        values[numeric] = convert_unit(numbers[numeric], unit, wanted)
        units[rows] = wanted
    return frame.assign(value=pd.Series(values, index=frame.index, dtype=object), unit=units)


def _numbers(cells: pd.Series) -> np.ndarray:
    return pd.to_numeric(cells, errors="coerce").to_numpy(dtype=float, na_value=np.nan)


def _same_dimension(source: str, target: str) -> bool:
    if source not in known_units() or target not in known_units():
        return False
    try:
        convert_unit([1.0], source, target)
    except ValueError:
        return False
    return True


_Fault = tuple[str, str, np.ndarray, str]


def _empty(typed: pd.DataFrame, bad: np.ndarray) -> _Fault:
    return "value", "required", typed["value"].isna().to_numpy(), "the trial has no value"


def _sideless(typed: pd.DataFrame, bad: np.ndarray) -> _Fault:
    unsided = [name for name, measure in motion_measures().items() if not measure.sided]
    said = typed["side"].ne("").to_numpy(dtype=bool)
    never = typed["measure"].isin(unsided).fillna(False).to_numpy(dtype=bool)
    wrong = said & (never | typed["side"].eq("midline").to_numpy(dtype=bool))
    return "side", "side", wrong, "this measure is of no side, or of left and right"


def _twice(typed: pd.DataFrame, bad: np.ndarray) -> _Fault:
    held = typed[~bad]
    wrong = held.duplicated([*PLACE, "trial"], keep=False)
    rows = wrong.reindex(typed.index, fill_value=False).to_numpy(dtype=bool)
    return "trial", "duplicate_key", rows, "the trial occurs more than once, and the right one is unknown"


def _two_dates(typed: pd.DataFrame, bad: np.ndarray) -> _Fault:
    dated = [name for name in DATES if name in typed.columns]
    wrong = np.zeros(len(typed), dtype=bool)
    for name in dated:
        dates = typed[~bad].groupby(SESSION, observed=True)[name].transform("nunique")
        wrong |= dates.gt(1).reindex(typed.index, fill_value=False).to_numpy(dtype=bool)
    return dated[0] if dated else "session_id", "mixed_date", wrong, "the session has more than one date"


def _two_methods(typed: pd.DataFrame, bad: np.ndarray) -> _Fault:
    methods = typed[~bad].groupby(PLACE, observed=True)["method_id"].transform("nunique")
    wrong = methods.gt(1).reindex(typed.index, fill_value=False).to_numpy(dtype=bool)
    return "method_id", "mixed_method", wrong, "trials of one session by more than one method"


def _failures(typed: pd.DataFrame, column: str, reason: str, wrong: np.ndarray, words: str) -> pd.DataFrame:
    rows = np.flatnonzero(wrong)
    return failure_frame(
        {
            "table": TABLE,
            "row": int(row) + 1,
            "field": column,
            "reason": reason,
            "value": typed[column].iloc[row],
            "message": words,
        }
        for row in rows
    )


def _placed(failures: pd.DataFrame, places: pd.DataFrame | None) -> pd.DataFrame:
    """Return failures with row and column of the file that the trials came from."""
    if places is None or failures.empty:
        return failures
    known = failures["row"].notna()
    at = failures.loc[known, "row"].to_numpy(dtype=int) - 1
    out = failures.copy()
    out.loc[known, "row"] = places["row"].to_numpy()[at]
    from_value = known & out["field"].isin(["value", "unit", "measure", "side", "trial"])
    out.loc[from_value, "field"] = places["field"].to_numpy(dtype=object)[
        failures.loc[from_value, "row"].astype(int) - 1
    ]
    return out
