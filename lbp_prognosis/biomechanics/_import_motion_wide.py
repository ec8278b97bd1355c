"""``import_motion_wide``: import a table with one row per session and one column per trial, by a mapping."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import pandas as pd

from lbp_prognosis._base import argument_error
from lbp_prognosis.biomechanics._motion_measures import motion_measure, motion_measures
from lbp_prognosis.biomechanics._motion_source import motion_source
from lbp_prognosis.biomechanics._motion_trials import MotionTrials, check_trials
from lbp_prognosis.schema import ColumnName

__all__ = ["import_motion_wide"]

_KEYS = ("measure", "side", "trial", "unit", "method_id")
_TRIAL = re.compile(r"trial_([1-9]\d*)\Z")


def import_motion_wide(
    source: Any,
    mapping: Mapping[str, Any] | None = None,
    *,
    method_id: str = "",
    patient_id: str = "patient_id",
    session_id: str = "",
    acquired_on: str = "",
    device: str = "",
) -> MotionTrials:
    """Import a table with one row per session and one column per measurement.

    Parameters
    ----------
    source : path or DataFrame
        The table: CSV, Excel, Stata, SPSS, SAS, Parquet, or a frame.
    mapping : mapping of str to (str or mapping), optional
        By column: its name in the grammar ``measure[__side][__trial_2]``, or a mapping with ``measure`` and, where
        needed, ``side, trial, unit, method_id``. ``unit`` is the unit of the column; values are converted. A column
        without a trial number contains the first trial. By default, all columns whose names follow the grammar.
    method_id : str, default ""
        Method of all columns for which the mapping gives none.
    patient_id : str, default "patient_id"
        Column with the patient.
    session_id, acquired_on : str, default ""
        Columns with the session and its date; one of them is needed.
    device : str, default ""
        Device, for all values.

    Returns
    -------
    MotionTrials
        ``trials``, ``failures`` (with row and column of the table) and ``left_out``: columns that are not mapped, and
        how many cells of each were empty.

    Raises
    ------
    ArgumentError
        If the mapping names an absent column, an unknown measure, or one trial twice.

    Examples
    --------
    >>> import pandas as pd
    >>> from lbp_prognosis.biomechanics import import_motion_wide
    >>> wide = pd.DataFrame({"patient_id": ["a"], "day": ["2020-03-01"], "Bend L (rad)": [0.35], "walk": ["4.5"]})
    >>> plan = {"Bend L (rad)": {"measure": "lateral_rom", "side": "left", "unit": "rad"},
    ...         "walk": {"measure": "gait_speed", "unit": "km/h"}}
    >>> found = import_motion_wide(wide, plan, method_id="lab", acquired_on="day")
    >>> found.trials[["measure", "side"]].values.tolist(), found.trials["value"].round(2).tolist()
    ([['lateral_rom', 'left'], ['gait_speed', '']], [20.05, 1.25])
    """
    frame, where = motion_source(source, "source")
    keys = {"patient_id": patient_id, "session_id": session_id, "acquired_on": acquired_on}
    for name, column in keys.items():
        if column and column not in frame.columns:
            raise argument_error(name, "a column of the table", repr(column))
    if not (session_id or acquired_on):
        raise argument_error("session_id, acquired_on", "columns that name the session", "neither")
    named = {name: column for name, column in keys.items() if column}
    plan = _plan(frame, mapping, set(named.values()), method_id)
    parts, places = [], []
    left = [(where, str(c), "not mapped") for c in frame.columns if c not in plan and c not in named.values()]
    for column, rule in plan.items():
        held = frame[column].notna().to_numpy()
        if (~held).any():
            left.append((where, column, f"{int((~held).sum())} empty cells"))
        part = frame.loc[held, list(named.values())].set_axis(list(named), axis=1)
        parts.append(part.assign(**rule, value=frame.loc[held, column].astype(object)))
        places.append(pd.DataFrame({"row": frame.index[held] + 1, "field": column}))
    long = pd.concat(parts, ignore_index=True)
    if long.empty:
        raise argument_error("source", "a table with values in the mapped columns", "empty cells throughout")
    if device:
        long["device"] = device
    long.attrs["synthetic"] = bool(getattr(source, "attrs", {}).get("synthetic", False))
    return check_trials(long, places=pd.concat(places, ignore_index=True), left_out=left)


def _plan(frame: pd.DataFrame, mapping: Any, keys: set[str], method_id: str) -> dict[str, dict[str, Any]]:
    if mapping is None:
        mapping = {c: c for c in frame.columns if c not in keys and str(c).split("__")[0] in motion_measures()}
    if not isinstance(mapping, Mapping) or not mapping:
        raise argument_error("mapping", "a mapping from column to measurement", mapping)
    absent = [column for column in mapping if column not in frame.columns]
    if absent:
        raise argument_error("mapping", "about columns of the table", f"{absent[:5]}, which it does not have")
    plan: dict[str, dict[str, Any]] = {}
    seen: dict[tuple[Any, ...], str] = {}
    for column, given in mapping.items():
        rule = _rule(str(column), given, method_id)
        place = (rule["measure"], rule["side"], rule["trial"])
        if place in seen:
            raise argument_error(
                "mapping",
                "a mapping in which each column is a trial of its own",
                f"{seen[place]!r} and {column!r}, both {' '.join(str(part) for part in place if part)}",
                "Number them: `trial`.",
            )
        seen[place] = str(column)
        plan[str(column)] = rule
    return plan


def _rule(column: str, given: Any, method_id: str) -> dict[str, Any]:
    if isinstance(given, str):
        name = ColumnName.parse(given)
        number = _TRIAL.match(name.pooling) if name.pooling else None
        if name.structure or name.level or (name.pooling and number is None):
            raise argument_error("mapping", "of names measure[__side][__trial_2]", repr(given))
        rule: dict[str, Any] = {"measure": name.measure, "side": name.side}
        rule["trial"] = int(number.group(1)) if number else 1
    elif isinstance(given, Mapping) and "measure" in given and not set(given) - set(_KEYS):
        rule = {"side": "", "trial": 1, **given}
    else:
        raise argument_error("mapping", f"of columns to a name or a mapping of {', '.join(_KEYS)}", {column: given})
    known = motion_measure(rule["measure"])
    trial = rule["trial"]
    if isinstance(trial, bool) or not isinstance(trial, int) or trial < 1:
        raise argument_error("mapping", f"with a trial of 1, 2, … for {column!r}", trial)
    rule["side"] = rule["side"] or None
    rule["unit"] = rule.get("unit") or known.unit
    rule["method_id"] = rule.get("method_id") or method_id
    if not rule["method_id"]:
        raise argument_error(
            "method_id",
            "named for each column",
            f"none for {column!r}",
            "The same name by two methods is two variables.",
        )
    return rule
