"""``DisabilityRecovery``: when disability has gone and stays gone."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from lbp_prognosis._base import check_number
from lbp_prognosis.cohort._derived_outcome import DerivedOutcome
from lbp_prognosis.cohort._pain_recovery import recovery_spec
from lbp_prognosis.cohort._timeline import Timeline
from lbp_prognosis.cohort._visit_outcome import AtRisk, threshold_outcome
from lbp_prognosis.survival import OutcomeSpec

__all__ = ["DisabilityRecovery"]


@dataclass(frozen=True)
class DisabilityRecovery:
    """First run of visits with disability at or below a threshold, sustained.

    Attributes
    ----------
    horizons : tuple of float
        Prediction times, in ``unit``.
    instrument : str
        Disability scale in ``prom`` (higher = worse).
    threshold : float
        Highest value that counts as recovered, on the scale of ``instrument``; always to be named.
    sustained : float
        Days for which it must hold; 0 takes the first visit.
    competing : tuple of str
        Event types that end the risk of recovery.
    unit, baseline_window, estimand, primary_horizon
        As in `PainRecovery`.
    """

    horizons: tuple[float, ...]
    instrument: str
    threshold: float
    sustained: float = 30.0
    competing: tuple[str, ...] = ("surgery", "death")
    unit: str = "months"
    baseline_window: float = 90.0
    estimand: str = "while-untreated"
    primary_horizon: float | None = None

    @property
    def spec(self) -> OutcomeSpec:
        """The definition in words and codes."""
        words = f"{self.instrument} at most {self.threshold:g}, sustained for {self.sustained:g} days"
        return recovery_spec("disability recovery", words, self.horizons, self.unit, self.competing, self.estimand,
                             self.primary_horizon)  # fmt: skip

    def derive(self, timeline: Timeline, ids: pd.Index) -> DerivedOutcome:
        """Return the interval-censored outcome of those at risk."""
        check_number("sustained", self.sustained, low=0)
        totals = timeline.totals(self.instrument)
        risk = AtRisk.at_baseline(totals, ids, self.baseline_window, lambda value: value <= self.threshold,
                                  "already recovered at time zero")  # fmt: skip
        return threshold_outcome(timeline, totals, risk, lambda value, _: value <= self.threshold, self.spec,
                                 self.sustained)  # fmt: skip
