"""``ReturnToWork``: sustained return to work."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from lbp_prognosis._base import check_number
from lbp_prognosis.cohort._dated_outcome import dated_outcome
from lbp_prognosis.cohort._derived_outcome import DerivedOutcome
from lbp_prognosis.cohort._timeline import Timeline
from lbp_prognosis.cohort._visit_outcome import check_horizon_tuple
from lbp_prognosis.survival import OutcomeSpec

__all__ = ["ReturnToWork"]


@dataclass(frozen=True)
class ReturnToWork:
    """First dated return to work that is sustained.

    Attributes
    ----------
    horizons : tuple of float
        Prediction times, in ``unit``.
    sustained : float
        Days the return must last. A return does not count if it ended earlier, or if follow-up after it was shorter;
        without ``end_date`` it lasts until the next sick leave.
    competing : tuple of str
        Event types that preclude a return.
    unit : str
        days, weeks, months or years.
    """

    horizons: tuple[float, ...]
    sustained: float = 28.0
    competing: tuple[str, ...] = ("retirement", "death")
    unit: str = "months"

    @property
    def spec(self) -> OutcomeSpec:
        """The definition in words and codes."""
        causes = {"return_to_work": 1, **{rival: number for number, rival in enumerate(self.competing, start=2)}}
        return OutcomeSpec(
            "return to work",
            f"return to work sustained for {self.sustained:g} days",
            "good",
            "index date",
            self.unit,
            check_horizon_tuple(self.horizons),
            causes,
            estimand="treatment-policy",
        )

    def derive(self, timeline: Timeline, ids: pd.Index) -> DerivedOutcome:
        """Return the right-censored outcome."""
        check_number("sustained", self.sustained, low=0)
        event = timeline.event
        back = event[event["event_type"].eq("return_to_work")].dropna(subset=["day"]).reset_index(drop=True)
        leaves = event[event["event_type"].eq("sick_leave")].dropna(subset=["day"])[["patient_id", "day"]]
        pairs = back.reset_index().merge(leaves, on="patient_id", suffixes=("", "_leave"))
        relapse = pairs[pairs["day_leave"] >= pairs["day"]].groupby("index")["day_leave"].min()
        known = back["patient_id"].map(timeline.last_contact).astype(float)
        until = back["end_day"].fillna(relapse.reindex(back.index)).fillna(known)
        lasting = back[(until - back["day"] >= self.sustained).to_numpy(dtype=bool)]
        return dated_outcome(timeline, ids, lasting.groupby("patient_id")["day"].min(), self.spec)
