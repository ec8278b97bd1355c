"""``evaluate_table``: an evaluation page from a table of predictions."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from lbp_prognosis._base import (
    ArgumentError,
    DataError,
    argument_error,
    check_choice,
    check_risk,
    is_number,
    objection,
)
from lbp_prognosis.disclosure import NOT_FOUND, ReleaseLedger, chosen_gate, identifier_text
from lbp_prognosis.evaluation import Evaluation, evaluate, risk_groups
from lbp_prognosis.report import Page, evaluation_page
from lbp_prognosis.schema import read_table
from lbp_prognosis.study._forecast_table import forecasts_of_table, score_of_table
from lbp_prognosis.study._provenance import package_versions
from lbp_prognosis.study._withdrawn import of_withdrawn, withdrawn_ids
from lbp_prognosis.survival import ScoreForecast, Status, Surv, horizon_unit_doubt, measured_spec, measured_to_status

__all__ = ["evaluate_table", "outcome_of_table"]

_SAMPLES = ("apparent", "internal", "internal-external", "external")
_UNSAID = objection("origin-of-predictions")


def evaluate_table(
    path: str | os.PathLike[str],
    *,
    risks: Sequence[str],
    horizon: float,
    time: str = "",
    event: str = "",
    status: str = "",
    score: str = "",
    score_range: str = "",
    at_most: float | None = None,
    at_least: float | None = None,
    censored: str = "",
    thresholds: str = "",
    target: str = "event",
    clusters: str = "",
    unit: str = "",
    sample: str = "apparent",
    setting: str = "",
    title: str = "Evaluation of predictions",
    mode: str = "",
    smallest_cell: int | None = None,
    release_ledger: str | os.PathLike[str] | None = None,
    id: str = "",
    exclude_ids: Iterable[object] = (),
) -> Page:
    """Read predictions and outcomes, evaluate them, and return the page.

    Parameters
    ----------
    path : path
        CSV, Excel, Stata, SPSS, SAS or Parquet; one row per patient.
    risks : sequence of str
        Columns of predicted risks at the horizon, one per model. With ``score``, names of models whose columns
        ``NAME_LEVEL`` contain P(score = level).
    horizon : float
        In the unit of the times.
    time, event : str
        Columns of a right-censored outcome.
    status : str
        Column of the state at the horizon, instead of time and event.
    score : str
        Column of the score at the horizon, instead of time and event.
    score_range : str
        Range of the score, ``"0:10"``.
    at_most, at_least : float, optional
        Cut of the score that defines the event, declared before the data are seen; required by thresholds.
    censored : str, default ""
        Code for censored, if it is not 0.
    thresholds : str, default ""
        ``low:high`` (steps of 0.01) or a list with commas.
    target : {"event", "no_event"}, default "event"
        Target of decisions.
    clusters : str, default ""
        Column of clusters.
    unit : str, default ""
        Of time, for the page.
    sample : {"apparent", "internal", "internal-external", "external"}, default "apparent"
        Kind of validation, as the caller states it.
    setting : {"", "temporal", "geographic", "setting"}, default ""
        Difference between external and development patients.
    title : str, default "Evaluation of predictions"
        Of the page.
    mode : {"", "not-for-release", "release"}, default ""
        Whether the page is for release; by default it is for release if one of the next two arguments is given.
    smallest_cell : int, optional
        k, at least 2, for a page for release; 5 by default.
    release_ledger : path, optional
        File of earlier releases.
    id : str, default ""
        Column of patient identifiers, for the ledger and ``exclude_ids``.
    exclude_ids : iterable, optional
        Patients who withdrew: their rows are left out.

    Raises
    ------
    DataError, OutcomeError
        If the table does not meet the requirements.
    ArgumentError
        If an argument is not accepted.
    """
    gate = chosen_gate(mode, smallest_cell, release_ledger)
    ledger = None if release_ledger is None else ReleaseLedger(release_ledger)
    gone = withdrawn_ids(exclude_ids)
    if not id and (gone or ledger is not None):
        raise argument_error("id", "the column that names the patient, for the ledger and `exclude_ids`", "nothing")
    check_choice("target", target, ("event", "no_event"))
    check_choice("sample", sample, _SAMPLES)
    check_choice("setting", setting, ("", "temporal", "geographic", "setting"))
    if not risks or len(set(risks)) != len(risks):
        raise argument_error("risk", "one or more different columns", str(list(risks)))
    if [bool(time and event), bool(status), bool(score)].count(True) != 1:
        raise argument_error(
            "time, event",
            "both given, or `status` or `score` instead",
            f"time={time!r}, event={event!r}, status={status!r}" + (f", score={score!r}" if score else ""),
        )
    if not score and (score_range or at_most is not None or at_least is not None):
        raise argument_error("score_range, at_most, at_least", "given with `score`", "given without it")
    grid = _thresholds(thresholds)
    reading = read_table(path)
    frame = reading.frame
    wanted = [*(() if score else risks), *filter(None, (time, event, status, score, clusters, id))]
    for column in wanted:
        if column not in frame.columns:
            raise DataError(f"The table has no column {column!r}; it has {', '.join(map(repr, frame.columns[:30]))}.")
    notes = list(reading.notes)
    if gone:
        notes += [NOT_FOUND] if gone - {identifier_text(one) for one in frame[id]} else []
        frame = frame[~of_withdrawn(frame[id], gone)].reset_index(drop=True)
    if frame.empty:
        raise DataError("The table has no rows.")
    reading.raise_if_failed(wanted)
    predicted: dict[str, Any]
    if score:
        y = score_of_table(frame, float(horizon), score, score_range, at_most, at_least)
        predicted, rounded = forecasts_of_table(frame, risks)
        notes += rounded
    else:
        y = outcome_of_table(frame, horizon, time, event, status, censored)
        doubt = horizon_unit_doubt(y, np.array([float(horizon)]))
        if doubt:
            raise DataError(doubt)
        predicted = _risks(frame, risks)
    groups = frame[clusters].to_numpy() if clusters else None
    found = evaluate(y, predicted, float(horizon), grid, target=target, clusters=groups)
    doubts = (*((_UNSAID,) if sample == "apparent" else ()), *found.objections)
    found = replace(found, objections=doubts)
    page = _page(Path(path), notes, found, y, predicted, grid, float(horizon), unit, sample, setting, title)
    return replace(page, gate=gate, ledger=ledger, ids=_ids(frame, id))


def _ids(frame: pd.DataFrame, column: str) -> tuple[str, ...] | None:
    if not column:
        return None
    if frame[column].isna().any():
        raise DataError(f"The identifier {column!r} is missing in {int(frame[column].isna().sum())} rows.")
    return tuple(identifier_text(one) for one in frame[column])


def outcome_of_table(
    frame: pd.DataFrame, horizon: float, time: str, event: str, status: str, censored: str
) -> np.ndarray:
    """Return the outcome of a table: a time and an event, or a state at the horizon.

    Parameters
    ----------
    frame : DataFrame
        One row per patient.
    horizon : float
        Of the state, in the unit of the times.
    time, event : str
        Columns of a dated outcome, not used if ``status`` is given.
    status : str
        Column of the state at the horizon: 0, 1 or missing (unknown).
    censored : str
        Code of ``event`` for censored; 0 if empty.

    Returns
    -------
    ndarray of shape (n_rows,)
        Structured array, made by `Surv.right` or `Status.at`.

    Raises
    ------
    DataError
        If a column does not meet the requirements.
    """
    try:
        if status:
            state = pd.to_numeric(frame[status], errors="coerce")
            strange = frame[status].notna() & ~state.isin([-1, 0, 1])
            if strange.any():
                raise DataError(
                    f"The state {status!r} must be 0, 1 or missing; {int(strange.sum())} rows have another value."
                )
            return Status.at(horizon, state.fillna(-1).astype(int).to_numpy())
        code: Any = None
        if censored:
            code = pd.to_numeric(censored) if is_number(frame[event]) else censored
        return Surv.right(frame[time].to_numpy(), frame[event].to_numpy(), censored=code)
    except (ArgumentError, ValueError) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(str(error)) from None


def _risks(frame: pd.DataFrame, columns: Sequence[str]) -> dict[str, np.ndarray]:
    out = {}
    for column in columns:
        try:
            out[column] = check_risk(column, frame[column], n=len(frame), n_horizons=1)
        except ArgumentError as error:
            raise DataError(str(error)) from None
    return out


def _thresholds(text: str) -> np.ndarray | None:
    if not text.strip():
        return None
    try:
        if ":" in text:
            low, high = (float(part) for part in text.split(":"))
            if not 0 < low < high < 1:
                raise ValueError
            return np.round(np.linspace(low, high, max(2, round((high - low) / 0.01) + 1)), 6)
        return np.array(sorted(float(part) for part in text.split(",")))
    except ValueError:
        raise argument_error(
            "thresholds", "low:high with 0 < low < high < 1, or numbers with commas", repr(text)
        ) from None


def _of_event(y: np.ndarray, predicted: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return the outcome and the risk of the event; for a score without a cut, the score and its predicted mean."""
    if not isinstance(predicted, ScoreForecast):
        return y, predicted[:, 0]
    spec = measured_spec(y)
    if spec.cut is None:
        return y, predicted.mean()
    risk = predicted.at_least(spec.cut) if spec.at_most is None else predicted.at_most(spec.cut)
    return measured_to_status(y), risk


def _page(
    path: Path,
    notes: Sequence[str],
    found: Evaluation,
    y: np.ndarray,
    predicted: dict[str, Any],
    grid: np.ndarray | None,
    horizon: float,
    unit: str,
    sample: str,
    setting: str,
    title: str,
) -> Page:
    name = list(predicted)[-1]
    y, last = _of_event(y, predicted[name])
    groups = None
    if grid is not None and np.ptp(last) > 0:
        cuts = grid[[0, -1]] if grid.size > 1 else grid
        groups = replace(risk_groups(y, last, horizon, thresholds=cuts, target=found.target), model=name)
    provenance = {
        "versions": package_versions(),
        "seed": 0,
        "notes": list(notes),
        "warnings": [],
        "input_sha256": {path.name: hashlib.sha256(path.read_bytes()).hexdigest()},
    }
    return evaluation_page(
        found,
        title=title,
        horizon=horizon,
        unit=unit,
        sample=sample,
        setting=setting,
        groups=groups,
        models=dict.fromkeys(predicted, ()),
        provenance=provenance,
    )
