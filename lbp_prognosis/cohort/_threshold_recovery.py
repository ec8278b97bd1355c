"""``ThresholdRecovery``: common part of recoveries from pain or disability observed at visits."""

from __future__ import annotations

from typing import ClassVar

import pandas as pd

from lbp_prognosis._base import check_number
from lbp_prognosis.cohort._derived_outcome import DerivedOutcome
from lbp_prognosis.cohort._recovery_spec import recovery_spec
from lbp_prognosis.cohort._timeline import Timeline
from lbp_prognosis.cohort._visit_outcome import AtRisk, threshold_outcome
from lbp_prognosis.survival import OutcomeSpec

__all__ = ["ThresholdRecovery"]


class ThresholdRecovery:
    """First run of visits with a scale at or below a threshold, sustained; the fields are those of the definition."""

    outcome_name: ClassVar[str]
    horizons: tuple[float, ...]
    instrument: str
    threshold: float
    sustained: float
    competing: tuple[str, ...]
    unit: str
    baseline_window: float
    estimand: str
    primary_horizon: float | None

    @property
    def spec(self) -> OutcomeSpec:
        """The definition in words and codes."""
        words = f"{self.instrument} at most {self.threshold:g}"
        words += f", sustained for {self.sustained:g} days" if self.sustained else " at a visit"
        return recovery_spec(
            self.outcome_name,
            words,
            self.horizons,
            self.unit,
            self.competing,
            self.estimand,
            self.primary_horizon,
            instrument=self.instrument,
        )

    def derive(self, timeline: Timeline, ids: pd.Index) -> DerivedOutcome:
        """Return the interval-censored outcome of those at risk."""
        check_number("sustained", self.sustained, low=0)
        totals = timeline.totals(self.instrument)
        risk = AtRisk.at_baseline(
            totals,
            ids,
            self.baseline_window,
            lambda value: value <= self.threshold,
            "already recovered at time zero",
            timeline.undated(self.instrument),
        )
        return threshold_outcome(
            timeline, totals, risk, lambda value, _: value <= self.threshold, self.spec, self.sustained
        )
