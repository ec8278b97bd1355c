"""Baseline values: values in the window, chosen by rule; every excluded value is counted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from lbp_prognosis._base import DataError, FeatureMap, LeakageError, argument_error
from lbp_prognosis.cohort._cohort_spec import CohortSpec, Window
from lbp_prognosis.cohort._timeline import Timeline
from lbp_prognosis.schema import enumerations, failure_frame, measures, table_schemas

__all__ = ["baseline_biomarkers", "baseline_frame", "exposures"]

Counts = list[dict[str, Any]]


def _in_window(frame: pd.DataFrame, table: str, window: Window, tolerance: float, counts: Counts) -> pd.DataFrame:
    """Return rows with a value dated in the window; count the others by the reason for their exclusion."""
    valued = frame[frame["value"].notna()] if "value" in frame.columns else frame
    day = valued["day"]
    for reason, bad in (
        ("dated after the index date", day > tolerance),
        ("before the look-back window", day < -window.before),
        ("without a date", day.isna()),
    ):
        if bad.any():
            counts.append(
                {
                    "kind": "values",
                    "step": f"{table}: {reason}",
                    "n": int(bad.sum()),
                    "patients": int(valued.loc[bad, "patient_id"].nunique()),
                }
            )
    return valued[(day <= tolerance) & (day >= -window.before)]


def _choose(frame: pd.DataFrame, by: list[str], choice: str) -> pd.DataFrame:
    """Return the rows of the chosen day in each group (all rows for ``mean``); ties go to the earlier day."""
    if choice == "mean" or frame.empty:
        return frame
    keyed = frame.assign(_distance=frame["day"].abs())
    order = {"nearest": ["_distance", "day"], "last": ["day"], "first": ["day"]}[choice]
    keyed = keyed.sort_values(order, ascending=[choice != "last"] * len(order), kind="stable")
    picked = keyed.groupby(by, dropna=False, sort=False)["day"].transform("first")
    return frame[(keyed["day"] == picked).reindex(frame.index)]


def baseline_frame(
    timeline: Timeline, spec: CohortSpec, declared: Mapping[str, set[str]], counts: Counts
) -> tuple[pd.DataFrame, FeatureMap, list[str]]:
    """Return one row per patient, the columns by modality, and the columns without a modality.

    Columns: predictors of ``patient`` and ``site``; instruments (totals); measures of ``examination`` and ``motion``,
    with ``__left`` … where a side is given. ``declared`` names, by table, what the codebook adds.
    """
    patients = timeline.patients
    fields = table_schemas()["patient"].fields
    own = declared.get("patient", set())
    predictors = [c for c in patients.columns if (c in fields and fields[c].role == "predictor") or c in own]
    context = [c for c in patients.columns if c not in fields and c not in own]
    carried = [c for c in ("site", "arm") if c in patients.columns]
    frame = patients[[*carried, *predictors, *context]].copy()
    groups: dict[str, list[str]] = {"clinical": list(predictors)}
    provenance: dict[str, dict[str, Any]] = {
        c: {"table": "patient", "unit": fields[c].unit} for c in predictors if c in fields
    }
    for table, name in (("prom", "instrument"), ("examination", "measure"), ("motion", "measure")):
        if table not in timeline.tables:
            continue
        modality = enumerations()["tables"][table]
        wide = _wide(timeline.tables[table], table, name, spec, modality, counts)
        clash = set(wide.columns) & set(frame.columns)
        if clash:
            raise DataError(f"The table `{table}` and another table both give the column {sorted(clash)[0]!r}.")
        frame = frame.join(wide.reindex(frame.index))
        groups.setdefault(modality, []).extend(wide.columns)
        before = spec.windows[modality].before
        provenance.update({column: {"table": table, "window": before} for column in map(str, wide)})
    for column in frame.columns:
        kind = frame[column].dtype
        if isinstance(kind, pd.BooleanDtype):
            frame[column] = frame[column].astype("Float64").astype("float64")
        elif isinstance(kind, pd.StringDtype):
            frame[column] = frame[column].astype(object).where(frame[column].notna(), None)
    return frame, FeatureMap({key: tuple(value) for key, value in groups.items() if value}, provenance), context


def _wide(table: pd.DataFrame, name: str, key: str, spec: CohortSpec, modality: str, counts: Counts) -> pd.DataFrame:
    frame = table[table["item"].eq("total")] if name == "prom" else table
    window = spec.windows[modality]
    inside = _in_window(frame, name, window, spec.tolerance, counts)
    if name == "motion":
        inside = _one_method(inside, [key], spec, counts, "motion")
    columns = inside[key].astype(str)
    if "side" in inside.columns:
        columns = columns.where(inside["side"].isna(), columns + "__" + inside["side"].astype(str))
    inside = inside.assign(_column=columns)
    chosen = _choose(inside, ["patient_id", "_column"], window.choice)
    grouped = chosen.groupby(["patient_id", "_column"])["value"]
    return (grouped.mean() if window.choice == "mean" else grouped.first()).unstack("_column").rename_axis(columns=None)


def baseline_biomarkers(timeline: Timeline, spec: CohortSpec, counts: Counts) -> pd.DataFrame:
    """Return the long biomarker table restricted to the window, with one method and one study per measure."""
    columns = list(table_schemas()["biomarker"].fields)
    if "biomarker" not in timeline.tables:
        return pd.DataFrame(
            columns=["patient_id", "structure", "measure", "level", "side", "value", "unit", "method_id", "day"]
        )
    window = spec.windows["imaging"]
    inside = _in_window(timeline.tables["biomarker"], "biomarker", window, spec.tolerance, counts)
    inside = _one_method(inside, ["structure", "measure"], spec, counts, "biomarker")
    chosen = _choose(inside, ["patient_id", "structure", "measure"], window.choice)
    place = [c for c in ("patient_id", "structure", "measure", "level", "side") if c in chosen.columns]
    chosen = chosen.sort_values([*place, "day", "study_id"], kind="stable")
    if window.choice == "mean" and len(chosen):
        nominal = [m for m in chosen["measure"].unique() if measures().get(m, {}).get("kind") == "nominal"]
        if nominal:
            raise argument_error(
                "choice",
                "'nearest', 'last' or 'first' for imaging with nominal measures",
                f"'mean', which has no meaning for {nominal[0]!r}",
            )
        means = chosen.groupby(place, dropna=False)["value"].transform("mean")
        chosen = chosen.assign(value=means)
    chosen = chosen.drop_duplicates(place)
    kept = [c for c in columns if c in chosen.columns]
    return chosen[[*kept, "day"]].reset_index(drop=True)


def _one_method(frame: pd.DataFrame, by: list[str], spec: CohortSpec, counts: Counts, table: str) -> pd.DataFrame:
    """Keep one method per measure: the method named in the spec, or the only method; several methods are an error."""
    if "method_id" not in frame.columns or frame.empty:
        return frame
    wanted = frame["measure"].astype(object).map(dict(spec.methods)) if spec.methods else None
    if wanted is not None:
        other = wanted.notna() & frame["method_id"].astype(object).ne(wanted)
        if other.any():
            counts.append(
                {
                    "kind": "values",
                    "step": f"{table}: made by another method",
                    "n": int(other.sum()),
                    "patients": int(frame.loc[other, "patient_id"].nunique()),
                }
            )
            frame = frame[~other]
    methods = frame.groupby(by, observed=True)["method_id"].nunique()
    mixed = methods[methods > 1]
    if len(mixed):
        rows = [
            {
                "table": table,
                "field": "method_id",
                "reason": "mixed_method",
                "value": str(key),
                "message": f"{n} methods under one name",
            }
            for key, n in mixed.items()
        ]
        raise DataError(
            f"{len(mixed)} measures were made by more than one method, the first: {mixed.index[0]}. Name the one to "
            "keep: methods={measure: method_id}.",
            failure_frame(rows),
        )
    return frame


def exposures(timeline: Timeline, spec: CohortSpec, ids: pd.Index) -> pd.DataFrame:
    """Return ``exposed__<treatment>``, 1 if begun by time zero.

    With a landmark, patients who begin later count as not exposed; without a landmark, they are an error.

    Raises
    ------
    LeakageError
        If a treatment began after time zero: a patient must stay unrecovered until then to be treated (immortal time).
    """
    columns = {}
    for name in spec.exposures:
        table = timeline.tables.get("treatment")
        held = table[table["treatment"].eq(name)] if table is not None else pd.DataFrame()
        if held.empty:
            raise argument_error("exposures", "names in the table `treatment`", name)
        late = held["day"] > 0
        if late.any() and spec.landmark == 0:
            raise argument_error(
                "exposures",
                "treatments begun by time zero",
                f"{name!r}, begun later in {held.loc[late, 'patient_id'].nunique()} patients",
                "Move time zero with `landmark`, or model the treatment as time-dependent.",
                kind=LeakageError,
            )
        columns[f"exposed__{name}"] = pd.Series(ids.isin(held.loc[~late, "patient_id"]).astype(float), index=ids)
    return pd.DataFrame(columns, index=ids)
