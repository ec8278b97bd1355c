"""Common part of outcomes observed at visits."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from lbp_prognosis._base import Objection, argument_error, objection
from lbp_prognosis.cohort._derived_outcome import DerivedOutcome
from lbp_prognosis.cohort._timeline import Timeline
from lbp_prognosis.cohort._visit_course import (
    Course,
    VisitIntervals,
    baseline_value,
    competing_days,
    visit_intervals,
)
from lbp_prognosis.schema import days_per
from lbp_prognosis.survival import OutcomeSpec, Status, Surv

__all__ = [
    "AtRisk",
    "attrition_objection",
    "check_horizon_tuple",
    "finish_interval",
    "status_at_visit",
    "threshold_outcome",
]

_ATTRITION = 0.20  # share not followed above which an objection is raised


@dataclass(frozen=True)
class AtRisk:
    """Patients at risk: ids, baseline values, reasons for exclusion and for missing baseline values."""

    ids: pd.Index
    baseline: np.ndarray
    excluded: tuple[tuple[str, int], ...]
    notes: tuple[tuple[str, int], ...] = ()

    @classmethod
    def at_baseline(
        cls, totals: pd.DataFrame, ids: pd.Index, before: float, already: Any, words: str, undated: pd.Index
    ) -> AtRisk:
        """Keep patients with a baseline value that is not yet the event; ``already`` maps values to booleans.

        ``undated`` are patients with a value of unknown day: it may have been the value at time zero.
        """
        values = baseline_value(totals, ids, before)
        unknown = np.isnan(values)
        with np.errstate(invalid="ignore"):
            there = already(values) & ~unknown
        kept = ~unknown & ~there
        excluded = (("outcome measure missing at time zero", int(unknown.sum())), (words, int(there.sum())))
        return cls(ids[kept], values[kept], excluded, _why_missing(totals, ids[unknown], before, undated))


def _why_missing(totals: pd.DataFrame, ids: pd.Index, before: float, undated: pd.Index) -> tuple[tuple[str, int], ...]:
    """Return the reasons for which patients lack the outcome measure at time zero, with counts."""
    held = totals[totals["patient_id"].isin(ids)]
    late = ids.isin(held.loc[held["day"] > 0, "patient_id"])
    early = ids.isin(held.loc[held["day"] < -before, "patient_id"])
    dateless = ids.isin(undated)
    first = held.loc[held["day"] > 0].groupby("patient_id")["day"].min()
    soon = f", in {int((first <= 7).sum())} within a week: is time zero right?" if (first <= 7).any() else ""
    reasons = (
        ("without a date", dateless),
        (f"measured before the {before:g} days of the baseline window", early & ~dateless),
        (f"measured only after time zero{soon}", late & ~early & ~dateless),
        ("never measured", ~late & ~early & ~dateless),
    )
    return tuple((f"outcome measure at time zero: {why}", int(who.sum())) for why, who in reasons if who.any())


def check_horizon_tuple(horizons: Any) -> tuple[float, ...]:
    """Return horizons as a tuple; a bare number is one horizon."""
    return tuple(float(horizon) for horizon in np.atleast_1d(np.asarray(horizons, dtype=float)))


def threshold_outcome(
    timeline: Timeline, totals: pd.DataFrame, risk: AtRisk, met: Any, spec: OutcomeSpec, sustained: float
) -> DerivedOutcome:
    """Derive an interval-censored outcome: first sustained run of values for which ``met(value, baseline)``."""
    after = timeline.entry.reindex(risk.ids).to_numpy(dtype=float)
    course = Course.of(totals, risk.ids)
    of_patient = np.repeat(np.arange(len(risk.ids)), course.stop - course.start)
    rival_day, rival_code = competing_days(timeline, risk.ids, spec.competing)
    early = rival_day <= 0
    end = timeline.end.reindex(risk.ids).to_numpy(dtype=float)
    found = visit_intervals(course, met(course.value, risk.baseline[of_patient]), sustained, rival_day, rival_code, end)
    words = f"{' or '.join(spec.competing)} at or before time zero" if spec.competing else ""
    derived = finish_interval(timeline, risk, found, spec, after, early, words)
    gap = (
        "competing event after a missed visit: the event may have come before it",
        _after_gap(timeline, totals, risk.ids, found, derived.ids),
    )
    return replace(derived, notes=(*derived.notes, gap))


def _after_gap(timeline: Timeline, totals: pd.DataFrame, ids: pd.Index, found: VisitIntervals, kept: pd.Index) -> int:
    """Count competing events with a missed planned visit between the last value and the event."""
    visit = timeline.visit
    if "planned_day" not in visit.columns or not (found.code > 1).any():
        return 0
    rival = pd.Series(found.upper, index=ids)[(found.code > 1) & ids.isin(kept)]
    seen = totals[totals["patient_id"].isin(rival.index)]
    last = seen[seen["day"] <= seen["patient_id"].map(rival).astype(float)].groupby("patient_id")["day"].max()
    missed = visit[~visit["attended"].fillna(False).astype(bool) & visit["patient_id"].isin(rival.index)]
    day = missed["planned_day"]
    between = (day > missed["patient_id"].map(last).astype(float)) & (
        day < missed["patient_id"].map(rival).astype(float)
    )
    return int(missed.loc[between, "patient_id"].nunique())


def finish_interval(
    timeline: Timeline,
    risk: AtRisk,
    found: VisitIntervals,
    spec: OutcomeSpec,
    entry: np.ndarray,
    drop: np.ndarray,
    drop_words: str,
) -> DerivedOutcome:
    """Turn days into the unit of the study, apply delayed entry, and count."""
    per = days_per(spec.unit)
    entered = entry > 0
    # patients whose event or last contact precedes entry were never at risk under observation
    gone = entered & (np.where(np.isfinite(found.upper), found.upper, found.lower) <= entry)
    kept = ~drop & ~gone
    lower = np.maximum(found.lower, entry)[kept] / per
    upper = found.upper[kept] / per
    exact = (found.lower == found.upper)[kept]
    lower = np.where(exact, upper, lower)
    code = found.code[kept]
    y = Surv.interval(lower, upper, code, entry=entry[kept] / per if entered.any() else None)
    main = spec.main_horizon
    observed = (code > 0) | (lower >= 0.8 * main)
    excluded = [*risk.excluded, (drop_words, int(drop.sum()))]
    if entered.any():
        excluded.append(("event or last visit before delayed entry", int((gone & ~drop).sum())))
    never = int(((code == 0) & (lower <= entry[kept] / per)).sum())
    notes = [
        *risk.notes,
        ("no attended visit after time zero", never),
        ("run not confirmed by a later visit", int(found.unconfirmed[kept].sum())),
    ]
    return DerivedOutcome(
        y,
        risk.ids[kept],
        spec,
        tuple((w, n) for w, n in excluded if w),
        observed,
        tuple(notes),
        attrition_objection(observed, spec),
    )


def attrition_objection(observed: np.ndarray, spec: OutcomeSpec) -> tuple[Objection, ...]:
    """Return an objection if more than a fifth of patients were not followed to the primary horizon."""
    lost = 1.0 - float(np.mean(observed)) if observed.size else 0.0
    if lost <= _ATTRITION:
        return ()
    return (objection("attrition", lost=lost, horizon=spec.main_horizon, unit=spec.unit),)


def undated_note(undated: pd.Index | None, ids: pd.Index, observed: np.ndarray) -> tuple[tuple[str, int], ...]:
    """Return the note of the flow on patients not observed at the visit who have a total whose day is not known."""
    lost = 0 if undated is None else int((ids.isin(undated) & ~observed).sum())
    return (("not observed, with a total at a missed or undated visit", lost),) if lost else ()


def status_at_visit(
    timeline: Timeline,
    totals: pd.DataFrame,
    risk: AtRisk,
    met: Any,
    spec: OutcomeSpec,
    window: float,
    dead: bool = True,
    undated: pd.Index | None = None,
) -> DerivedOutcome:
    """Derive the state at the attended visit nearest the horizon, within ``window`` (a share of it); −1 without one.

    Parameters
    ----------
    timeline, totals, risk : Timeline, DataFrame, AtRisk
        Observed visits and events, and the patients at risk.
    met : callable
        ``met(value, baseline)`` returns whether the state is present.
    spec : OutcomeSpec
        With one horizon.
    window : float
        Half-width of the visit window as a share of the horizon.
    dead : bool, default True
        Whether values after an administrative end or a death are ignored.
    undated : Index, optional
        Patients with a total whose day is not known.
    """
    if not 0 <= window < 1:
        raise argument_error("window", "a share of the horizon in [0, 1)", window)
    per, horizon = days_per(spec.unit), float(spec.horizons[0])
    target = horizon * per
    course = Course.of(totals, risk.ids)
    limit = timeline.end.reindex(risk.ids).to_numpy(dtype=float)
    if dead:
        limit = np.minimum(limit, competing_days(timeline, risk.ids, ("death",))[0])
    status = np.full(len(risk.ids), -1, dtype=int)
    for i in range(len(risk.ids)):
        day = course.day[course.start[i] : course.stop[i]]
        distance = np.where(
            (np.abs(day - target) <= window * target + 1e-9) & (day <= limit[i]), np.abs(day - target), np.inf
        )
        if day.size and np.isfinite(distance.min()):
            row = course.start[i] + int(distance.argmin())
            status[i] = int(met(course.value[row], risk.baseline[i]))
    observed = status >= 0
    notes = (
        *risk.notes,
        ("no attended visit in the window: state not observed", int((~observed).sum())),
        *undated_note(undated, risk.ids, observed),
    )
    return DerivedOutcome(
        Status.at(horizon, status), risk.ids, spec, risk.excluded, observed, notes, attrition_objection(observed, spec)
    )
