"""``monitor``: drift of inputs and, by CUSUM charts, of outcomes of a model in use."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from numbers import Number
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import logit

from lbp_prognosis._base import (
    Objection,
    RandomState,
    aligned,
    argument_error,
    check_choice,
    check_confidence,
    check_number,
    check_risk,
    generator,
    holds,
    is_number,
    objection,
    read_frame,
    takes_rows,
)
from lbp_prognosis._kernels import (
    copied_rows,
    cusum_scores_binary,
    cusum_scores_survival,
    cusum_with_limits,
    logistic_fit,
    poisson_fit,
    ratio_limits,
)
from lbp_prognosis.deployment._drift_report import DriftReport
from lbp_prognosis.deployment._ledger import Ledger
from lbp_prognosis.deployment._model_file import save_model
from lbp_prognosis.deployment._monitor_inputs import input_drift, membership
from lbp_prognosis.models import as_risk_model
from lbp_prognosis.survival import check_outcome, status_horizon
from lbp_prognosis.validation import ModelUpdate, update_model

__all__ = ["monitor"]

_DAYS = {"days": 1.0, "weeks": 7.0, "months": 365.25 / 12, "years": 365.25}
_DAY = 86_400e9  # nanoseconds
_FEW = 10
_FEW_APART = 0.05  # share of the patients, at most, whose dates are called far apart
_YEARS_APART = 5
_LARGE = 0.25
_LOST = 0.05  # share of matured patients lost among competing events, above which observed events exceed predicted
_PATHS = (2_000, 40_000)


@takes_rows()
def monitor(
    model: Any,
    batches: Iterable[tuple[Any, np.ndarray, Any]],
    *,
    horizon: float,
    false_alarms_per_year: float,
    ledger: Any = None,
    development_X: Any = None,
    unit: str = "months",
    until: Any = None,
    ratio: float = 2.0,
    confidence: float = 0.95,
    random_state: RandomState = 0,
) -> DriftReport:
    """Monitor a model in use by batches of new patients: inputs at once, outcomes when they have matured.

    Parameters
    ----------
    model : fitted model
        With ``predict_risk``; nothing is refitted.
    batches : iterable of (X, y, entry_date)
        Batches: predictors (a frame; columns are matched by name), outcome made by `Surv.right` or `Status.at`, and the
        date on which each patient's time begins. Charts follow the dates, whatever the order of the batches. A patient
        belongs to one batch; an objection is raised if patients seem to be given twice.
    horizon : float
        Prediction time, in the unit of ``y``.
    false_alarms_per_year : float
        Expected false alarms per year without any change, both directions together.
    ledger : path or Ledger, optional
        Chain of versions. After an alarm of outcomes the new version (closed test of `update_model`) is saved there
        as ``after-drift-<until>.lbpm`` and gets its line.
    development_X : DataFrame, optional
        Predictors of development; the first batch by default.
    unit : {"days", "weeks", "months", "years"}, default "months"
        Unit of ``y``.
    until : date, optional
        Last day of outcome assessment, without a time zone; by default the last day in the batches (times of follow-up
        included), which must not be in the future.
    ratio : float, default 2.0
        Odds ratio (of states) or hazard ratio (of times) to detect, upwards and, inverted, downwards.
    confidence : float, default 0.95
        Level of intervals.
    random_state : int, SeedSequence, Generator or None, default 0
        Seed of the simulated paths of the limits.

    Returns
    -------
    DriftReport
        Inputs by column and batch, outcomes by window, the charts with their limits, alarms and doubts.

    Raises
    ------
    ArgumentError
        If predictors of a batch are not a frame, dates are not valid, outcomes are of several kinds, or the batches
        end in the future and ``until`` is not given.

    Notes
    -----
    A patient is matured if entry + horizon is not after ``until``, regardless of earlier events. Counting events as
    they are recorded would overestimate the risk in a window, because events are known before the end of follow-up and
    event-free patients only then. Times with one cause enter the chart with their events and cumulative hazards by the
    horizon, so that patients lost to follow-up contribute as long as they were observed; states and competing events
    enter only if known. With competing events a loss hides event-free patients but never an event, so that an objection
    is raised above 5 % of losses.

    Limits are simulated with the risks of the patients on the chart (dynamic probability limits), so that the rate of
    false alarms does not depend on the case mix. Inputs raise separate objections and never an alarm of outcomes.

    References
    ----------
    Steiner SH et al. (2000). Biostatistics 1:441–452. doi:10.1093/biostatistics/1.4.441
    Biswas P, Kalbfleisch JD (2008). Stat Med 27:3382–3406. doi:10.1002/sim.3216
    Zhang X, Woodall WH (2015). Stat Med 34:3336–3348. doi:10.1002/sim.6547
    """
    tau = check_number("horizon", horizon, low=0, open_low=True)
    chain = ledger if isinstance(ledger, Ledger) or ledger is None else Ledger(ledger)
    rate = check_number("false_alarms_per_year", false_alarms_per_year, low=0, open_low=True)
    check_choice("unit", unit, tuple(_DAYS))
    check_number("ratio", ratio, low=1, open_low=True)
    confidence = check_confidence(confidence)
    parts = [_batch(k, each, tau) for k, each in enumerate(batches)]
    if not parts:
        raise argument_error("batches", "at least one batch", "none")
    if len({part.kind for part in parts}) > 1:
        raise argument_error("batches", "outcomes of one kind", sorted({part.kind for part in parts}))
    columns = list(parts[0].X.columns)
    other = next((part for part in parts if set(part.X.columns) != set(columns)), None)
    if other is not None:
        raise argument_error("batches", f"of one set of columns, {columns}", f"{list(other.X.columns)} in {other.name}")
    parts = [replace(part, X=part.X[columns]) for part in parts]
    days = _DAYS[unit]
    last = _until(parts, until, days)
    old = parts[0].X if development_X is None else development_X
    if not isinstance(old, pd.DataFrame) or set(old.columns) != set(columns):
        raise argument_error("development_X", "a frame with the columns of the batches", development_X)
    old = old[columns]
    inputs, members = [], []
    for part in parts[1 if development_X is None else 0 :]:
        inputs.append(input_drift(old, part.X).assign(batch=part.name))
        members.append((part.name, len(part.X), *membership(old, part.X)))
    # of all batches: a batch may have no competing event by chance, and its patients are on the same chart
    competing = any(part.kind == "right" and bool((part.y["event"] > 1).any()) for part in parts)
    ripe = [_matured(model, part, tau, last, days, competing) for part in parts]
    windows = pd.DataFrame([_window(part, confidence) for part in ripe])
    chart, sizes = _charts(_joined(ripe), rate, ratio, random_state)
    alarms = chart[chart["alarm"]].reset_index(drop=True)
    shifts = pd.concat(inputs, ignore_index=True) if inputs else pd.DataFrame(columns=_INPUT_COLUMNS)
    update = _updated(model, parts, ripe, tau) if len(alarms) else None
    if update is not None and chain is not None:
        target = chain.path.with_name(f"after-drift-{last:%Y-%m-%d}.lbpm")
        reason = f"drift: {update.method} update by closed test on {update.n} matured patients"
        save_model(update.model, target, reason=reason, ledger=chain, actor="monitor")
    return DriftReport(
        inputs=shifts[_INPUT_COLUMNS],
        membership=pd.DataFrame(members, columns=["batch", "n", "auc", "se"]),
        windows=windows,
        chart=chart,
        alarms=alarms,
        horizon=tau,
        unit=unit,
        until=last,
        false_alarms_per_year=rate,
        alarms_expected=sizes["expected"],
        false_alarm_probability=sizes["alpha"],
        n=sum(len(part.X) for part in parts),
        n_matured=int(windows["matured"].sum()),
        confidence=confidence,
        update=update,
        objections=tuple(
            [*_copies(parts), *_dates_apart(parts), *_doubts(shifts, windows, alarms, competing=competing)]
        ),
        synthetic=any(bool(part.X.attrs.get("synthetic", False)) for part in parts),
    )


_INPUT_COLUMNS = [
    "batch",
    "column",
    "missing_before",
    "missing_now",
    "psi",
    "psi_by_chance",
    "difference",
    "outside",
    "new_levels",
]


@dataclass(frozen=True)
class _Batch:
    name: str
    X: pd.DataFrame
    y: np.ndarray
    entry: pd.DatetimeIndex
    kind: str


def _batch(k: int, given: Any, tau: float) -> _Batch:
    if not isinstance(given, tuple | list) or len(given) != 3:
        raise argument_error("batches", "triples (X, y, entry_date)", given)
    X, y, dates = read_frame(given[0]), given[1], given[2]
    if not isinstance(X, pd.DataFrame):
        raise argument_error("batches", "predictors in frames, whose columns have names", X)
    if not len(X):
        raise argument_error("batches", "of at least one patient each", f"batch {k + 1} of none", "Leave it out.")
    kind = check_outcome(y, ("right", "status"), caller="monitor", instead="Visits become states by Status.at.")
    if kind == "status" and status_horizon(y) not in (None, tau):
        raise argument_error("horizon", f"{status_horizon(y):g}, that of the states", tau)
    entry = _dates("entry_date", aligned({"X": X, "entry_date": dates})[0]["entry_date"])
    if entry.tz is not None:
        raise argument_error(
            "entry_date", "dates without a time zone", f"dates of {entry.tz}", "Say dates.dt.tz_localize(None)."
        )
    if entry.isna().any() or not len(X) == y.shape[0] == len(entry):
        raise argument_error("batches", "as many rows in X, y and entry_date, none of these missing", f"batch {k + 1}")
    return _Batch(f"{k + 1}: {entry.min():%Y-%m-%d} to {entry.max():%Y-%m-%d}", X, y, entry, kind)


def _dates(name: str, given: Any) -> pd.DatetimeIndex:
    """Return dates without a time zone; numbers would be taken for nanoseconds since 1970."""
    column = (
        given if isinstance(given, pd.Series | pd.Index) else pd.Series(given, dtype=None if len(given) else object)
    )
    kind = holds(column)
    if kind not in ("date", "text", "nothing"):
        remedy = "Add them to a date: pd.Timestamp('2023-01-01') + pd.to_timedelta(days, unit='D')."
        raise argument_error(name, "dates", f"{kind}s" if kind in ("number", "duration") else kind, remedy)
    try:
        if any(isinstance(cell, Number) for cell in column.dropna()):
            raise TypeError("a number among dates")
        read = pd.to_datetime(column, format="ISO8601" if kind == "text" else None)
        return pd.DatetimeIndex(read).as_unit("ns")
    except (ValueError, TypeError, pd.errors.OutOfBoundsDatetime):
        raise argument_error(
            name,
            "dates, or text such as 2023-06-16",
            "others",
            "pd.to_datetime(…, format='%d.%m.%Y') makes dates of text.",
        ) from None


def _until(parts: list[_Batch], until: Any, days: float) -> pd.Timestamp:
    if until is not None:
        stamp = _dates("until", [until])[0]
        if pd.isna(stamp):
            raise argument_error("until", "a date", until)
        if stamp.tz is not None:
            raise argument_error("until", "a date without a time zone", str(stamp), "Say until.tz_localize(None).")
        return stamp
    last, today = float(np.concatenate([_ends(part, days) for part in parts]).max()), pd.Timestamp.now()
    if last > _since_1970(pd.DatetimeIndex([today]))[0] + 1:
        year = math.floor(1970 + last / 365.2425)
        raise argument_error(
            "until",
            "given, or batches that end by today",
            f"none, and a last day in the year {year}",
            "A wrong date, or times in another `unit`, would make patients matured who are not: correct them, or say "
            "until='2023-12-31' (the last day of outcome assessment).",
        )
    return pd.Timestamp(round(last * _DAY), unit="ns")


def _since_1970(dates: pd.DatetimeIndex) -> np.ndarray:
    """Days; sums with long times of follow-up are beyond the range of timestamps."""
    return dates.as_unit("ns").asi8 / _DAY


def _ends(part: _Batch, days: float) -> np.ndarray:
    """Return the last day on which each patient was seen, in days since 1970."""
    seen = _since_1970(part.entry)
    return seen + part.y["time"] * days if part.kind == "right" else seen


def _apart(days: np.ndarray) -> np.ndarray:
    """Return the rows of few dates that are farther from all others than these are from each other."""
    order = np.argsort(days, kind="stable")
    at = days[order]
    gaps = np.diff(at)
    if not gaps.size:
        return order[:0]
    cut = int(np.argmax(gaps)) + 1
    few, others = (order[:cut], at[cut:]) if cut <= days.size / 2 else (order[cut:], at[:cut])
    far = gaps[cut - 1] > max(np.ptp(others), _YEARS_APART * 365.25)
    return few if far and few.size <= max(1, _FEW_APART * days.size) else order[:0]


@dataclass(frozen=True)
class _Ripe:
    """Matured patients of a batch, in order of entry."""

    name: str
    n: int
    rows: np.ndarray
    date: pd.DatetimeIndex
    risk: np.ndarray
    expected: np.ndarray
    limit: np.ndarray
    event: np.ndarray
    survival: bool
    unknown: int


def _matured(model: Any, part: _Batch, tau: float, last: pd.Timestamp, days: float, competing: bool) -> _Ripe:
    seen = np.asarray((last - part.entry) / pd.Timedelta(days=1))
    ripe = np.flatnonzero(tau * days <= seen + 1e-9)  # days; their sums are rounded at 1e-11
    X, y = part.X.iloc[ripe], part.y[ripe]
    survival = part.kind == "right" and not competing
    risk = np.empty(0)
    if ripe.size:
        found = np.asarray(model.predict_risk(X, tau), dtype=float).reshape(ripe.size, -1)
        risk = check_risk("risk", found, n=ripe.size, n_horizons=1)[:, 0]
        if np.isnan(risk).any():
            raise argument_error("horizon", "within the follow-up of the model", f"{tau:g}, where it gives no risk")
    known = np.ones(ripe.size, dtype=bool)
    if survival:
        event = (y["event"] == 1) & (y["time"] <= tau)
        limit = -np.log1p(-np.minimum(risk, 1 - 1e-12))
        expected = _hazard_at(model, X, np.minimum(y["time"], tau), limit, tau)
        limit = np.where(event, limit, expected)
    elif part.kind == "right":
        happened = (y["event"] > 0) & (y["time"] <= tau)
        known = happened | (y["time"] >= tau)
        event, expected, limit = (y["event"] == 1) & happened, risk, risk
    else:
        known = y["status"] >= 0
        event, expected, limit = y["status"] == 1, risk, risk
    order = np.argsort(part.entry[ripe][known], kind="stable")
    rows = ripe[known][order]

    def taken(values: np.ndarray) -> np.ndarray:
        return np.asarray(values, dtype=float)[known][order]

    return _Ripe(
        part.name,
        len(part.X),
        rows,
        part.entry[rows],
        taken(risk),
        taken(expected),
        taken(limit),
        taken(event),
        survival,
        int((~known).sum()),
    )


def _hazard_at(model: Any, X: pd.DataFrame, end: np.ndarray, at_horizon: np.ndarray, tau: float) -> np.ndarray:
    """Cumulative hazard (n,) of the model at each patient's end of follow-up."""
    out = np.where(end >= tau, at_horizon, 0.0)
    early = np.unique(end[(end > 0) & (end < tau)])
    for start in range(0, early.size, 200):
        times = early[start : start + 200]
        rows = np.flatnonzero(np.isin(end, times))
        risk = np.asarray(model.predict_risk(X.iloc[rows], times), dtype=float).reshape(rows.size, -1)
        own = risk[np.arange(rows.size), np.searchsorted(times, end[rows])]
        if np.isnan(own).any():
            raise argument_error(
                "model",
                "one that gives risks at any time, for outcomes that are times",
                f"a {type(model).__name__} without a risk at {end[rows[np.isnan(own)][0]]:g}, where a patient was lost",
                "Make states at the horizon of the outcome (Status.at): an equation has only its own horizons.",
            )
        out[rows] = -np.log1p(-np.minimum(own, 1 - 1e-12))
    return out


def _window(part: _Ripe, confidence: float) -> dict[str, Any]:
    observed, expected = float(part.event.sum()), float(part.expected.sum())
    row: dict[str, Any] = {
        "batch": part.name,
        "n": part.n,
        "matured": part.rows.size,
        "unknown": part.unknown,
        "observed": observed,
        "expected": expected,
        "observed_expected": np.nan,
        "low": np.nan,
        "high": np.nan,
        "slope": np.nan,
        "slope_se": np.nan,
        "reason": "",
    }
    if part.rows.size == 0:
        return {**row, "reason": "no patient has matured: the window has no result yet"}
    if expected == 0:
        return {**row, "reason": "the model expects no event while these patients were seen"}
    low, high = ratio_limits(observed, expected, confidence)
    row |= {"observed_expected": observed / expected, "low": low, "high": high}
    if min(observed, part.rows.size - observed) < _FEW:
        return {**row, "reason": f"fewer than {_FEW} with or without the event: no slope"}
    p = np.clip(part.risk, 1e-8, 1 - 1e-8)
    lp = np.log(-np.log1p(-p)) if part.survival else logit(p)
    design = np.column_stack([np.ones(lp.size), lp - lp.mean()])
    if np.ptp(lp) < 1e-12:
        return {**row, "reason": "one risk for all: no slope"}
    if part.survival:
        known = part.expected > 0
        fit = poisson_fit(design[known], part.event[known], offset=np.log(part.expected[known]))
        slope = 1 + fit.coef[1]
    else:
        fit = logistic_fit(design, part.event)
        slope = fit.coef[1]
    if not fit.converged:
        return {**row, "reason": "the slope has no finite estimate"}
    return {**row, "slope": float(slope), "slope_se": float(np.sqrt(fit.covariance[1, 1]))}


def _joined(parts: list[_Ripe]) -> dict[str, Any]:
    dates = [part.date for part in parts if part.rows.size]
    if not dates:
        return {"date": pd.DatetimeIndex([]), "survival": parts[0].survival}
    date = dates[0].append(dates[1:]) if len(dates) > 1 else dates[0]
    order = np.argsort(date, kind="stable")
    columns = {
        name: np.concatenate([getattr(part, name) for part in parts])[order]
        for name in ("risk", "expected", "limit", "event")
    }
    return {"date": date[order], "survival": parts[0].survival, **columns}


def _charts(
    data: dict[str, Any], rate: float, ratio: float, seed: RandomState
) -> tuple[pd.DataFrame, dict[str, float]]:
    date = data["date"]
    columns = ["date", "direction", "patient", "value", "limit", "alarm"]
    if len(date) == 0:
        return pd.DataFrame(columns=columns).astype({"alarm": bool}), {"alpha": np.nan, "expected": 0.0}
    years = max((date[-1] - date[0]).days / 365.25, 1 / 365.25) if len(date) > 1 else 1.0
    alpha = rate * years / len(date) / 2
    if alpha >= 0.5:
        raise argument_error(
            "false_alarms_per_year", "less than one for each matured patient", f"{rate:g}, for {len(date)} patients"
        )
    paths = int(np.clip(40 / alpha, *_PATHS))
    frames = []
    for direction, size in (("more events than predicted", ratio), ("fewer events than predicted", 1 / ratio)):
        scores, draw = _scores(data, size)
        found = cusum_with_limits(scores, draw, alpha, paths=paths, random=generator(seed))
        frames.append(
            pd.DataFrame(
                {
                    "date": date,
                    "direction": direction,
                    "patient": np.arange(1, len(date) + 1),
                    "value": found.value,
                    "limit": found.limit,
                    "alarm": found.alarm,
                }
            )
        )
    return pd.concat(frames, ignore_index=True), {"alpha": alpha, "expected": rate * years}


Draw = Callable[[int, int, np.random.Generator], np.ndarray]


def _scores(data: dict[str, Any], size: float) -> tuple[np.ndarray, Draw]:
    n = data["event"].size
    if data["survival"]:
        limit = data["limit"]

        def follow(i: int, paths: int, random: np.random.Generator) -> np.ndarray:
            lived = random.exponential(size=paths)
            happened = lived <= limit[i]
            return cusum_scores_survival(np.minimum(lived, limit[i]), happened, size)

        return cusum_scores_survival(data["expected"], data["event"], size), follow
    risk = data["risk"]
    event, none = (cusum_scores_binary(risk, np.full(n, k), size) for k in (1, 0))

    def state(i: int, paths: int, random: np.random.Generator) -> np.ndarray:
        return np.where(random.random(paths) < risk[i], event[i], none[i])

    return np.where(data["event"] == 1, event, none), state


def _updated(model: Any, parts: list[_Batch], ripe: list[_Ripe], tau: float) -> ModelUpdate | None:
    """Closed test on all matured patients; None if they are too few or the outcome does not allow it."""
    X = pd.concat([part.X.iloc[own.rows] for part, own in zip(parts, ripe)], ignore_index=True)
    y = np.concatenate([part.y[own.rows] for part, own in zip(parts, ripe)])
    events = sum(own.event.sum() for own in ripe)
    if min(events, len(X) - events) < _FEW or (parts[0].kind == "right" and (y["event"] > 1).any()):
        return None
    y = y.view(parts[0].y.dtype)
    known = model if hasattr(model, "fit") else as_risk_model(lambda rows, horizons: model.predict_risk(rows, horizons))
    return update_model(known, X, y, horizon=None if parts[0].kind == "status" else tau)


def _copies(parts: list[_Batch]) -> list[Objection]:
    """Return an objection if patients are given twice: in one batch, or in batches that overlap."""
    table = pd.concat([part.X for part in parts], ignore_index=True)
    values = [
        table[name].to_numpy(dtype=float, na_value=np.nan)
        if is_number(table[name])
        else pd.factorize(table[name].astype(str))[0].astype(float)
        for name in table.columns
    ]
    entry = np.concatenate([part.entry.to_numpy().astype(np.int64) for part in parts]).astype(float)
    count, how = copied_rows(np.column_stack(values), entry[:, None])
    return [objection("patients-copied", variant="batches", count=count, n=len(table))] if how == "exact" else []


def _dates_apart(parts: list[_Batch]) -> list[Objection]:
    """Return an objection if few dates of entry lie years from all others: one digit of a date is wrong."""
    entry = np.concatenate([_since_1970(part.entry) for part in parts])
    few = _apart(entry)
    return [objection("dates-years-from-others", count=few.size, n=entry.size)] if few.size else []


def _doubts(inputs: pd.DataFrame, windows: pd.DataFrame, alarms: pd.DataFrame, *, competing: bool) -> list[Objection]:
    doubts = []
    if len(alarms):
        first = alarms.iloc[0]
        doubts.append(objection("drift", date=f"{first['date']:%Y-%m-%d}", direction=first["direction"]))
    if len(inputs):
        fresh = inputs[inputs["new_levels"] != ""]
        if len(fresh):
            told = "; ".join(f"{row.column} {row.new_levels}" for row in fresh.drop_duplicates("column").itertuples())
            doubts.append(objection("levels-not-seen-before", levels=told))
        moved = inputs[inputs["psi"] > np.maximum(_LARGE, inputs["psi_by_chance"])]["column"].unique()
        if len(moved):
            doubts.append(objection("inputs-moved", columns=", ".join(moved)))
    due = int((windows["matured"] + windows["unknown"]).sum())
    share = int(windows["unknown"].sum()) / due if due else 0.0
    if competing and share > _LOST:
        doubts.append(objection("windows-with-losses", share=share))
    empty = int((windows["matured"] == 0).sum())
    if empty == 1:
        doubts.append(objection("windows-not-matured", variant="one"))
    elif empty:
        doubts.append(objection("windows-not-matured", count=empty))
    return doubts
