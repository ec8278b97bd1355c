"""Treatment begun during follow-up: number of patients, and whether the declared estimand includes it."""

from __future__ import annotations

import numpy as np
import pandas as pd

from lbp_prognosis._base import Objection, objection
from lbp_prognosis.cohort._derived_outcome import DerivedOutcome
from lbp_prognosis.cohort._timeline import Timeline
from lbp_prognosis.schema import days_per
from lbp_prognosis.survival import outcome_kind

__all__ = ["treated_after"]

_TREATING_EVENTS = ("surgery",)  # event types that are treatments; others come from the table `treatment`
_MEANT = {
    "while-untreated": "under the declared estimand while-untreated the risk ends with treatment",
    "composite": "under the declared composite estimand treatment is part of the event",
    "hypothetical": "the declared hypothetical estimand asks for the course without treatment",
}


def treated_after(
    timeline: Timeline, derived: DerivedOutcome
) -> tuple[tuple[tuple[str, int], ...], tuple[Objection, ...]]:
    """Return counts of patients whose treatment began between time zero and the end of follow-up, and objections.

    A treatment that is an event of the outcome (of interest, or competing) is not counted. Under a treatment policy, or
    if no estimand was declared, the counts are notes; under any other estimand an objection (code
    ``treatment-ignored``) names the ignored treatments.
    """
    end = _follow_up_days(derived)
    known = set(derived.spec.causes)
    found: dict[str, int] = {}
    for begun in (_treatments(timeline), _events(timeline)):
        late = begun[~begun["name"].isin(known) & (begun["day"] > 0)]
        inside = late[late["day"] < late["patient_id"].map(end).astype(float)]
        for name, held in inside.groupby("name"):
            found[str(name)] = held["patient_id"].nunique()
    notes = tuple((f"began {name} during follow-up", n) for name, n in found.items())
    meant = _MEANT.get(derived.spec.estimand)
    if not found or meant is None:
        return notes, ()
    total = len(derived.ids)
    words = ", ".join(f"{name} in {n} of {total} patients" for name, n in found.items())
    return notes, (objection("treatment-ignored", treatments=words, meant=meant),)


def _treatments(timeline: Timeline) -> pd.DataFrame:
    table = timeline.tables.get("treatment")
    if table is None:
        return pd.DataFrame({"patient_id": [], "name": [], "day": []})
    return table[["patient_id", "treatment", "day"]].rename(columns={"treatment": "name"}).dropna()


def _events(timeline: Timeline) -> pd.DataFrame:
    table = timeline.tables.get("event")
    if table is None:
        return pd.DataFrame({"patient_id": [], "name": [], "day": []})
    treating = table[table["event_type"].isin(_TREATING_EVENTS)]
    return treating[["patient_id", "event_type", "day"]].rename(columns={"event_type": "name"}).dropna()


def _follow_up_days(derived: DerivedOutcome) -> pd.Series:
    """Days from time zero to the event, the last visit without it, or the visit of the horizon."""
    y, kind = derived.y, outcome_kind(derived.y)
    if kind in ("status", "measured"):
        until = np.full(len(derived.ids), float(derived.spec.horizons[0]))
    elif kind == "interval":
        until = np.where(np.isfinite(y["upper"]), y["upper"], y["lower"])
    else:
        until = y["time"].astype(float)
    return pd.Series(until * days_per(derived.spec.unit), index=derived.ids)
