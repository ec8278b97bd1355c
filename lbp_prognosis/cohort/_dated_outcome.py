"""Common part of outcomes that a register or a record dates exactly."""

from __future__ import annotations

import numpy as np
import pandas as pd

from lbp_prognosis.cohort._derived_outcome import DerivedOutcome
from lbp_prognosis.cohort._timeline import Timeline
from lbp_prognosis.cohort._visit_course import competing_days
from lbp_prognosis.cohort._visit_outcome import attrition_objection
from lbp_prognosis.schema import days_per
from lbp_prognosis.survival import OutcomeSpec, Surv

__all__ = ["dated_outcome"]

_LEAVING = ("withdrawal", "lost_to_followup")


def dated_outcome(timeline: Timeline, ids: pd.Index, first: pd.Series, spec: OutcomeSpec) -> DerivedOutcome:
    """Derive a right-censored outcome from the day of the first event.

    Parameters
    ----------
    timeline : Timeline
        Source of competing events, last contact and administrative end.
    ids : Index
        Patients.
    first : Series
        Day of the event of interest, indexed by patient; missing without one.
    spec : OutcomeSpec
        Names of the competing events, and the unit.
    """
    event = first.reindex(ids).astype(float).fillna(np.inf).to_numpy()
    rival_day, rival_code = competing_days(timeline, ids, spec.competing)
    left = timeline.first_event(_LEAVING)["day"].reindex(ids).astype(float).fillna(np.inf).to_numpy()
    known = timeline.last_contact.reindex(ids).to_numpy(dtype=float)
    censor = np.fmin(np.fmin(known, left), timeline.end.reindex(ids).to_numpy(dtype=float))
    # an administrative end does not show that a patient was followed up to it
    unknown = ~np.isfinite(known) & ~np.isfinite(left) & ~np.isfinite(event) & ~np.isfinite(rival_day)
    time = np.minimum(np.minimum(event, rival_day), censor)
    code = np.where(time == event, 1, np.where(time == rival_day, rival_code, 0))
    code = np.where(np.isfinite(time), code, 0)
    entry = timeline.entry.reindex(ids).to_numpy(dtype=float)
    before = ~unknown & (time <= 0)
    late = ~unknown & ~before & (time <= entry)
    kept = ~unknown & ~before & ~late
    per = days_per(spec.unit)
    entered = bool((entry > 0).any())
    y = Surv.right(time[kept] / per, code[kept], censored=0, entry=entry[kept] / per if entered else None)
    excluded = [
        ("no follow-up known", int(unknown.sum())),
        ("event or end of follow-up at or before time zero", int(before.sum())),
    ]
    if entered:
        excluded.append(("event or end of follow-up before delayed entry", int(late.sum())))
    main = spec.main_horizon
    observed = (y["event"] > 0) | (y["time"] >= 0.8 * main)
    return DerivedOutcome(y, ids[kept], spec, tuple(excluded), observed, (), attrition_objection(observed, spec))
