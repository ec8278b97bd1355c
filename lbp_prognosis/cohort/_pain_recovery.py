"""``PainRecovery``: when pain has gone and stays gone."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from lbp_prognosis._base import check_number
from lbp_prognosis.cohort._derived_outcome import DerivedOutcome
from lbp_prognosis.cohort._timeline import Timeline
from lbp_prognosis.cohort._visit_outcome import AtRisk, check_horizon_tuple, threshold_outcome
from lbp_prognosis.survival import OutcomeSpec

__all__ = ["PainRecovery", "recovery_spec"]


def recovery_spec(
    name: str, definition: str, horizons: tuple[float, ...], unit: str, competing: tuple[str, ...], estimand: str,
    primary: float | None,
) -> OutcomeSpec:  # fmt: skip
    """Return the `OutcomeSpec` of a good event seen at visits; 1 is recovery, 2 … compete."""
    short = name.replace(" ", "_")
    causes = {short: 1, **{rival: number for number, rival in enumerate(competing, start=2)}}
    return OutcomeSpec(name, definition, "good", "index date", unit, check_horizon_tuple(horizons), causes, "visits",
                       estimand, primary)  # fmt: skip


@dataclass(frozen=True)
class PainRecovery:
    """First run of visits with pain at or below a threshold, sustained.

    Attributes
    ----------
    horizons : tuple of float
        Prediction times, in ``unit``.
    instrument : str
        Pain scale in ``prom``.
    threshold : float
        Highest value that counts as recovered.
    sustained : float
        Days for which it must hold: a later attended visit must confirm it. 0 takes the first visit.
    competing : tuple of str
        Event types that end the risk of recovery, in the order of their codes 2, 3 ….
    unit : str
        days, weeks, months or years.
    baseline_window : float
        Days before time zero in which the baseline value may lie.
    estimand : str
        As in `OutcomeSpec`.
    primary_horizon : float, optional
        The main horizon; the first if not given.

    Notes
    -----
    The event is dated into (last attended visit before the run, first visit of the run]. It is known only later, when
    the run is confirmed; a run no visit confirms leaves the patient censored before it. Patients already at or below
    the threshold at time zero are not at risk.
    """

    horizons: tuple[float, ...]
    instrument: str = "nrs_back"
    threshold: float = 1.0
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
        return recovery_spec("pain recovery", words, self.horizons, self.unit, self.competing, self.estimand,
                             self.primary_horizon)  # fmt: skip

    def derive(self, timeline: Timeline, ids: pd.Index) -> DerivedOutcome:
        """Return the interval-censored outcome of those at risk."""
        check_number("sustained", self.sustained, low=0)
        totals = timeline.totals(self.instrument)
        risk = AtRisk.at_baseline(totals, ids, self.baseline_window, lambda value: value <= self.threshold,
                                  "already recovered at time zero")  # fmt: skip
        return threshold_outcome(timeline, totals, risk, lambda value, _: value <= self.threshold, self.spec,
                                 self.sustained)  # fmt: skip
