"""Checks that need more than one column or more than one table."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
import pandas as pd

from lbp_prognosis.schema._failures import column_failures, failure_frame
from lbp_prognosis.schema._table_schemas import TableSchema

__all__ = [
    "date_failures",
    "duplicate_failures",
    "index_date_failures",
    "known_keys",
    "method_counts",
    "method_failures",
    "method_failures_of",
    "range_failures",
    "reference_failures",
    "visit_failures",
]

Tables = Mapping[str, pd.DataFrame]
_BLOCK = 500_000


def _joined(frame: pd.DataFrame, columns: Collection[str]) -> tuple[pd.Series, np.ndarray]:
    """Return one text per row made of several key columns, and whether any part is missing."""
    parts = []
    missing = np.zeros(len(frame), dtype=bool)
    for name in columns:
        series = frame[name]
        missing |= series.isna().to_numpy()
        if pd.api.types.is_datetime64_any_dtype(series):
            parts.append(series.dt.strftime("%Y-%m-%d").fillna("").astype(str))
        elif series.dtype == float:
            parts.append(series.map("{:.17g}".format).astype(str))
        else:
            parts.append(series.astype(object).where(series.notna(), "").astype(str))
    key = parts[0]
    for part in parts[1:]:
        key = key + "\x1f" + part
    return key, missing


def duplicate_failures(frame: pd.DataFrame, schema: TableSchema) -> list[pd.DataFrame]:
    """Return all rows of a repeated key except the first; a missing optional part counts as a separate value."""
    columns = [name for name in schema.key if name in frame.columns]
    if not columns or not len(frame):
        return []
    absent = np.zeros(len(frame), dtype=bool)
    for name in columns:
        if schema.fields[name].required:
            absent |= frame[name].isna().to_numpy()
    repeated = frame.duplicated(columns, keep="first").to_numpy() & ~absent
    if not repeated.any():
        return []
    rows = np.flatnonzero(repeated)
    shown = np.full(len(frame), "", dtype=object)
    shown[rows] = _joined(frame.iloc[rows], columns)[0].str.replace("\x1f", " | ").to_numpy()
    return [
        column_failures(schema.name, "+".join(columns), "duplicate_key", repeated, shown, "the key may occur only once")
    ]


def known_keys(tables: Tables, schema: TableSchema) -> dict[tuple[str, tuple[str, ...]], np.ndarray]:
    """Return the keys a table may refer to, as text, by the table and columns referred to."""
    return {
        (target, columns): _joined(tables[target], columns)[0].unique()
        for _, target, columns, _ in schema.foreign_keys
        if target in tables and set(columns) <= set(tables[target].columns)
    }


def reference_failures(
    tables: Tables, schema: TableSchema, keys: Mapping[tuple[str, tuple[str, ...]], np.ndarray] | None = None
) -> list[pd.DataFrame]:
    """Return the rows whose key is absent from the table referred to; ``keys`` from `known_keys`."""
    frame, failures = tables[schema.name], []
    keys = known_keys(tables, schema) if keys is None else keys
    for columns, target, target_columns, optional in schema.foreign_keys:
        if not set(columns) <= set(frame.columns):
            continue  # reported as a missing field
        if target not in tables:
            if not optional:
                failures.append(
                    failure_frame(
                        [
                            {
                                "table": target,
                                "field": "+".join(target_columns),
                                "reason": "missing_table",
                                "message": f"table `{schema.name}` refers to it",
                            }
                        ]
                    )
                )
            continue
        if (target, target_columns) not in keys:
            continue
        known = keys[target, target_columns]
        bad = np.zeros(len(frame), dtype=bool)
        for low in range(0, len(frame), _BLOCK):  # one text per row, for few rows at a time
            key, missing = _joined(frame.iloc[low : low + _BLOCK], columns)
            bad[low : low + _BLOCK] = ~key.isin(known).to_numpy() & ~missing
        if bad.any():
            shown = np.full(len(frame), "", dtype=object)
            shown[bad] = _joined(frame[bad], columns)[0].str.replace("\x1f", " | ").to_numpy()
            words = f"not found in table `{target}`"
            failures.append(column_failures(schema.name, "+".join(columns), "foreign_key", bad, shown, words))
    return failures


def date_failures(frame: pd.DataFrame, schema: TableSchema) -> list[pd.DataFrame]:
    """Return the rows in which the later of two dates comes first."""
    failures = []
    for early, late in schema.date_order:
        if early in frame.columns and late in frame.columns:
            bad = (frame[late] < frame[early]).fillna(False).to_numpy(dtype=bool)
            if bad.any():
                failures.append(
                    column_failures(
                        schema.name, late, "date_order", bad, frame[late], f"must not come before `{early}`"
                    )
                )
    return failures


def range_failures(
    frame: pd.DataFrame, schema: TableSchema, ranges: Mapping[str, Mapping[str, Any]]
) -> list[pd.DataFrame]:
    """Return values outside the range of their measure or instrument, and units that differ from its unit."""
    rule = schema.value_ranges
    if not rule or not {rule["by"], rule["value"]} <= set(frame.columns):
        return []
    codes, names = pd.factorize(frame[rule["by"]])
    entries = [ranges.get(name, {}) for name in names] + [{}]

    def spread(key: str, default: Any, dtype: Any) -> np.ndarray:
        found = [entry.get(key) if entry.get(key) is not None else default for entry in entries]
        return np.array(found, dtype=dtype)[codes]

    low, high = spread("minimum", -np.inf, float), spread("maximum", np.inf, float)
    value = frame[rule["value"]].to_numpy(dtype=float)
    applies = np.ones(len(frame), dtype=bool)
    for column, wanted in rule.get("where", {}).items():
        applies &= (frame[column] == wanted).fillna(False).to_numpy(dtype=bool) if column in frame.columns else False
    failures = []
    units_fit = np.ones(len(frame), dtype=bool)
    if "unit" in rule and rule["unit"] in frame.columns:
        expected = spread("unit", "", object)
        given = frame[rule["unit"]].astype(object).where(frame[rule["unit"]].notna(), "").to_numpy()
        units_fit = (expected == "") | (given == "") | (given == expected)
        bad = applies & ~units_fit
        if bad.any():
            said = (
                np.array(
                    [f"the unit of this measure is {unit!r}: convert it while mapping" for unit in expected],
                    dtype=object,
                )
                if bad.any()
                else ""
            )
            failures.append(column_failures(schema.name, rule["unit"], "unit", bad, given, said))
    with np.errstate(invalid="ignore"):
        bad = applies & units_fit & ((value < low) | (value > high))
    if bad.any():
        said = np.array([""] * len(frame), dtype=object)
        for row in np.flatnonzero(bad):
            said[row] = f"{names[codes[row]]} is between {low[row]:g} and {high[row]:g}"
        failures.append(column_failures(schema.name, rule["value"], "range", bad, value, said))
    return failures


def method_counts(frame: pd.DataFrame, schema: TableSchema) -> pd.DataFrame | None:
    """Return the number of rows ``n`` by structure, measure and method; None where methods may differ."""
    rule = schema.one_method
    if not rule or not {rule["by"], rule["method"]} <= set(frame.columns):
        return None
    by = [name for name in ("structure", rule["by"], rule["method"]) if name in frame.columns]
    return frame.groupby(by, observed=True, sort=True).size().rename("n").reset_index()


def method_failures(frame: pd.DataFrame, schema: TableSchema, accepted: Collection[str]) -> list[pd.DataFrame]:
    """Return one failure per method of a measure of a structure, except the most frequent method."""
    return method_failures_of(method_counts(frame, schema), schema, accepted)


def method_failures_of(
    counts: pd.DataFrame | None, schema: TableSchema, accepted: Collection[str]
) -> list[pd.DataFrame]:
    """Return what `method_failures` returns, from the counts of the table."""
    if counts is None:
        return []
    rule = schema.one_method
    by = [name for name in ("structure", rule["by"]) if name in counts.columns]
    method = rule["method"]
    rows = []
    for key, group in counts.groupby(by, sort=True):
        names = [str(part) for part in key]
        if len(group) < 2 or names[-1] in accepted:
            continue
        usual = group.sort_values("n", ascending=False, kind="stable").iloc[0]
        for found in group.to_dict("records"):
            if found[method] != usual[method]:
                rows.append(
                    {
                        "table": schema.name,
                        "field": method,
                        "reason": "mixed_method",
                        "value": found[method],
                        "message": f"{' '.join(names)}: {found['n']} values, and {usual['n']} by {usual[method]!r}. "
                        "Give each method its own measure, or accept the mixture and choose one in the cohort.",
                    }
                )
    return [failure_frame(rows)] if rows else []


def visit_failures(visit: pd.DataFrame) -> list[pd.DataFrame]:
    """Return the visits whose attendance and date contradict each other."""
    if "attended" not in visit.columns:
        return []
    dated = np.zeros(len(visit), dtype=bool)
    for column in ("visit_date", "visit_day"):
        if column in visit.columns:
            dated |= visit[column].notna().to_numpy()
    came = visit["attended"].fillna(False).to_numpy(dtype=bool)
    stayed_away = (~visit["attended"].fillna(True)).to_numpy(dtype=bool)
    failures = []
    for bad, message in (
        (came & ~dated, "attended, but without `visit_date` or `visit_day`"),
        (stayed_away & dated, "not attended, but dated: write the plan into `planned_day`"),
    ):
        if bad.any():
            failures.append(column_failures("visit", "attended", "attendance", bad, visit["attended"], message))
    return failures


def index_date_failures(tables: Tables) -> list[pd.DataFrame]:
    """Return follow-up events dated before the index date, records dated after death, and undated events."""
    failures: list[pd.DataFrame] = []
    event = tables.get("event")
    if event is None or not {"patient_id", "event_type"} <= set(event.columns):
        return failures
    when = [name for name in ("event_date", "event_day") if name in event.columns]
    undated = event[when].isna().all(axis=1).to_numpy() if when else np.ones(len(event), dtype=bool)
    if undated.any():
        failures.append(
            column_failures(
                "event", "event_date", "no_time", undated, event["event_type"], "needs `event_date` or `event_day`"
            )
        )
    if "event_day" in when:
        early = (event["event_day"] < 0).to_numpy()
        if early.any():
            failures.append(
                column_failures(
                    "event", "event_day", "before_index", early, event["event_day"], "days count from the index date"
                )
            )
    patient = tables.get("patient")
    if patient is not None and {"patient_id", "index_date"} <= set(patient.columns) and "event_date" in when:
        start = event["patient_id"].map(patient.drop_duplicates("patient_id").set_index("patient_id")["index_date"])
        early = (event["event_date"] < start).fillna(False).to_numpy(dtype=bool)
        if early.any():
            failures.append(
                column_failures(
                    "event",
                    "event_date",
                    "before_index",
                    early,
                    event["event_date"],
                    "earlier than the patient's index date",
                )
            )
    for column in when:
        failures.extend(_after_death(tables, event, column))
    return failures


def _after_death(tables: Tables, event: pd.DataFrame, column: str) -> list[pd.DataFrame]:
    death = event[event["event_type"].eq("death").fillna(False)].groupby("patient_id")[column].min()
    if death.empty:
        return []
    stem = column.removeprefix("event_")
    failures = []
    for table, field in (("event", f"event_{stem}"), ("visit", f"visit_{stem}"), ("treatment", f"start_{stem}")):
        frame = tables.get(table)
        if frame is None or frame.empty or not {"patient_id", field} <= set(frame.columns):
            continue
        late = (frame[field] > frame["patient_id"].map(death)).fillna(False).to_numpy(dtype=bool)
        if late.any():
            failures.append(
                column_failures(table, field, "after_death", late, frame[field], "later than the patient's death")
            )
    return failures
