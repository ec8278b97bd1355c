"""``read_wide``: rows and outcome from one table with one row per patient."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from lbp_prognosis._base import (
    DataError,
    argument_error,
    holds,
    time_words,
)
from lbp_prognosis.cohort import Flow, outcome_steps
from lbp_prognosis.disclosure import NOT_FOUND, identifier_text
from lbp_prognosis.schema import TableReading, failure_frame, read_table
from lbp_prognosis.study._data_plan import DataPlan
from lbp_prognosis.study._dated_time import dated_time
from lbp_prognosis.study._score_plan import ScorePlan
from lbp_prognosis.study._with_digest import digest_of_file, with_digest
from lbp_prognosis.study._withdrawn import of_withdrawn
from lbp_prognosis.survival import Measured, OutcomeSpec, Status, Surv, horizon_unit_doubt

__all__ = ["WideRows", "read_wide"]


@dataclass(frozen=True)
class WideRows:
    """Rows of a wide table, indexed by patient, and their outcome."""

    frame: pd.DataFrame
    y: np.ndarray
    flow: Flow
    hashes: dict[str, str]
    notes: tuple[str, ...]
    value_labels: dict[str, dict[Any, str]]
    labels: dict[str, str]
    baseline: np.ndarray | None = None
    earlier: pd.DataFrame | None = None


def read_wide(
    plan: DataPlan,
    path: Path,
    spec: OutcomeSpec,
    columns: Sequence[str] = (),
    gone: frozenset[str] = frozenset(),
    score: ScorePlan | None = None,
) -> WideRows:
    """Read the table, keep the requested rows, and make the outcome.

    ``columns`` are the predictors; words among their numbers are refused. Patients in ``gone`` have withdrawn.
    ``score`` describes the column of a score.

    Rows without an outcome are counted and left out (rows without a state or a score at a visit are kept, as not
    observed).

    Raises
    ------
    DataError
        If the file or a column does not meet the requirements, or a patient has two rows.
    """
    dialect = ("sheet", "delimiter", "decimal", "thousands", "encoding")
    asked = {key: getattr(plan, key) for key in dialect if getattr(plan, key)}
    reading = read_table(path, missing=plan.missing, **asked)
    frame, notes = reading.frame, list(reading.notes)
    before = "" if score is None else score.baseline
    visits = {} if score is None else score.visits
    told = (
        plan.id,
        plan.time,
        plan.start,
        plan.end,
        plan.event,
        plan.entry,
        plan.status,
        plan.score,
        plan.reason,
        before,
        plan.site,
        *plan.where,
        *visits.values(),
    )
    for column in filter(None, told):
        if column not in frame.columns:
            raise DataError(
                f"The table {path.name!r} has no column {column!r}; it has {', '.join(map(repr, frame.columns[:30]))}."
            )
    times = (plan.time, plan.start, plan.end, plan.event, plan.entry)
    outcome = [c for c in (*times, plan.status, plan.score, before, *visits.values()) if c]
    _whole_rows(reading.raise_if_failed([*outcome, *columns]), plan, path.name)
    notes += _not_found(frame, plan, gone)
    steps: list[dict[str, Any]] = [{"kind": "start", "step": f"rows of {path.name}", "n": len(frame)}]
    frame = _where(frame, plan.where, steps)
    if frame.empty:
        raise DataError(f"The table {path.name!r} has no rows" + (" left by `where`." if plan.where else "."))
    frame = _indexed(frame, plan, path.name)
    if gone:
        left = of_withdrawn(frame.index, gone)
        if left.any():
            steps.append({"kind": "excluded", "step": "withdrawn", "n": int(left.sum())})
            frame = frame[~left]
    dated = [c for c in times if c]
    if dated:
        undated = frame[dated].isna().any(axis=1)
        if undated.any():
            steps.append({"kind": "excluded", "step": f"without {' or '.join(dated)}", "n": int(undated.sum())})
            frame = frame[~undated]
    if frame.empty:
        raise DataError(f"No row of {path.name!r} has an outcome.")
    steps.append({"kind": "end", "step": "patients in the cohort", "n": len(frame)})
    timed = dated_time(frame, plan, spec.unit, path.name) if plan.start else (frame, plan)
    y = _outcome(*timed, spec) if score is None else _score(frame, plan, spec, score)
    reasons = None
    if plan.reason:
        coding = reading.value_labels.get(plan.reason, {})
        reasons = frame[plan.reason].astype(object).map(lambda code: coding.get(code, code))
    steps += outcome_steps(y, spec.main_horizon, spec.unit, reasons)
    flow = Flow(pd.DataFrame(steps).assign(patients=pd.array([None] * len(steps), dtype="Int64")))
    labels = [
        f"{c}: {reading.labels[c]}" for c in (plan.time, plan.event, plan.status, plan.score) if reading.labels.get(c)
    ]
    notes += [f"Label of {text}" for text in labels]
    hashes = with_digest({}, plan.wide, digest_of_file(path))
    if catalog := reading.dialect.get("catalog"):
        hashes = with_digest(hashes, str(Path(plan.wide).parent / catalog), digest_of_file(path.parent / catalog))
    words = {column: dict(codes) for column, codes in reading.value_labels.items()}
    known = None if not before else _points(frame, before, score)
    seen = pd.DataFrame({time: _points(frame, column, score) for time, column in visits.items()}, index=frame.index)
    return WideRows(frame, y, flow, hashes, tuple(notes), words, dict(reading.labels), known, seen if visits else None)


def _not_found(frame: pd.DataFrame, plan: DataPlan, gone: frozenset[str]) -> list[str]:
    """Return a note if a patient who withdrew has no row, before `where` is applied."""
    if gone and not plan.id:
        raise argument_error(
            "exclude_ids", "given with [table] id = …, the column that names the patient", f"{len(gone)} without it"
        )
    return [NOT_FOUND] if gone and gone - {identifier_text(one) for one in frame[plan.id]} else []


def _whole_rows(reading: TableReading, plan: DataPlan, name: str) -> None:
    """Refuse text among times, naming its rows and not its content."""
    for column in filter(None, (plan.time, "" if plan.start else plan.entry)):
        series = reading.frame[column]
        if holds(series) in ("text", "mixed"):
            words = pd.to_numeric(series, errors="coerce").isna() & series.notna()
            rows = ", ".join(str(row + 1) for row in np.flatnonzero(words)[:5])
            raise DataError(
                f"The column {column!r} of {name!r} must contain numbers; {int(words.sum())} cells are text (rows "
                f"{rows}). Remove them, or declare them under `missing`."
            )


def _where(frame: pd.DataFrame, rules: Mapping[str, Any], steps: list[dict[str, Any]]) -> pd.DataFrame:
    for column, wanted in rules.items():
        values = list(wanted) if isinstance(wanted, list | tuple) else [wanted]
        dates = holds(frame[column]) == "date"
        there = pd.to_datetime(frame[column], errors="coerce") if dates else frame[column]
        asked = pd.to_datetime(pd.Series(values).astype(str), format="ISO8601", errors="coerce") if dates else values
        kept = there.isin(asked) & (there.notna() if dates else True)
        words = f"{column} other than {', '.join(map(str, values))}"
        steps.append({"kind": "excluded", "step": words, "n": int((~kept).sum())})
        frame = frame[kept]
    return frame


def _indexed(frame: pd.DataFrame, plan: DataPlan, name: str) -> pd.DataFrame:
    if not plan.id:
        return frame.reset_index(drop=True)
    keys = frame[plan.id]
    bad = keys.isna() | keys.duplicated()
    if bad.any():
        rows = [
            {
                "table": name,
                "row": int(row) + 1,
                "field": plan.id,
                "value": keys.loc[row],
                "reason": "required" if pd.isna(keys.loc[row]) else "duplicate_key",
                "message": "each patient needs one row; for repeated measures use a package",
            }
            for row in keys.index[bad]
        ]
        raise DataError(
            f"The table {name!r} must contain each patient once; {int(bad.sum())} rows repeat one or lack {plan.id!r}.",
            failure_frame(rows),
        )
    return frame.set_index(plan.id, drop=False).rename_axis("patient_id")


def _outcome(frame: pd.DataFrame, plan: DataPlan, spec: OutcomeSpec) -> np.ndarray:
    if plan.status:
        state = pd.to_numeric(frame[plan.status], errors="coerce")
        strange = frame[plan.status].notna() & ~state.isin([0, 1])
        if strange.any():
            raise DataError(
                f"The state {plan.status!r} must be 0, 1 or missing; {int(strange.sum())} rows have another value."
            )
        return Status.at(spec.main_horizon, state.fillna(-1).astype(int).to_numpy())
    entry = frame[plan.entry].to_numpy() if plan.entry else None
    keywords: dict[str, Any] = {}
    if plan.causes:
        keywords["causes"] = dict(plan.causes)
    if plan.censored is not None:
        keywords["censored"] = plan.censored
    y = Surv.right(frame[plan.time].to_numpy(), frame[plan.event].to_numpy(), entry=entry, **keywords)
    _follow_up(y, plan, spec)
    return y


def _score(frame: pd.DataFrame, plan: DataPlan, spec: OutcomeSpec, score: ScorePlan) -> np.ndarray:
    """Return the score of each patient; NaN where it was not observed."""
    points = _points(frame, plan.score, score)
    if np.isnan(points).all():
        raise DataError(f"No row has a score: the column {plan.score!r} is empty.")
    return Measured.at(
        spec.main_horizon,
        points,
        lower=score.lower,
        upper=score.upper,
        kind=score.kind,
        at_most=score.at_most,
        at_least=score.at_least,
    )


def _points(frame: pd.DataFrame, column: str, score: ScorePlan | None) -> np.ndarray:
    """Return a column of scores, refusing words and values outside the range of the instrument."""
    assert score is not None
    points = pd.to_numeric(frame[column], errors="coerce").astype(float)
    strange = frame[column].notna() & ~points.between(score.lower, score.upper)
    if strange.any():
        raise DataError(
            f"The score {column!r} must be a number from {score.lower:g} to {score.upper:g}, or missing; "
            f"{int(strange.sum())} rows have another value. Declare codes of missing values under `missing`."
        )
    return points.to_numpy()


def _follow_up(y: np.ndarray, plan: DataPlan, spec: OutcomeSpec) -> None:
    """Refuse a horizon beyond all follow-up, whose unit is usually wrong."""
    longest, last = float(y["time"].max()), max(spec.horizons)
    if longest < last:
        raise DataError(
            f"No patient was followed to the horizon of {time_words(last, spec.unit)}: the longest {plan.time!r} is "
            f"{longest:g}. Is it in {spec.unit}?"
        )
    doubt = horizon_unit_doubt(y, np.asarray(spec.horizons))
    if doubt:
        raise DataError(
            f"{doubt} The horizons are in {spec.unit}; the times {plan.time!r} look like days, or another unit."
        )
