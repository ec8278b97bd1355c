"""``ChronicTransition``: whether pain persists at a fixed visit."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from lbp_prognosis._base import time_words
from lbp_prognosis.cohort._derived_outcome import DerivedOutcome
from lbp_prognosis.cohort._timeline import Timeline
from lbp_prognosis.cohort._visit_outcome import AtRisk, status_at_visit
from lbp_prognosis.survival import OutcomeSpec

__all__ = ["ChronicTransition"]


@dataclass(frozen=True)
class ChronicTransition:
    """State at one visit: pain above a threshold at ``horizon``.

    One visit gives a state, not a time: the outcome is a `Status`, −1 where no visit in the window was attended.

    Attributes
    ----------
    horizon : float
        Time of the visit, in ``unit``.
    instrument : str
        Pain or disability scale in ``prom`` (higher = worse).
    above : float
        The state is present if the value is greater than this.
    window : float
        Half-width of the visit window as a share of the horizon.
    unit : str
        days, weeks, months or years.
    """

    horizon: float
    instrument: str = "nrs_back"
    above: float = 2.0
    window: float = 0.2
    unit: str = "months"

    @property
    def spec(self) -> OutcomeSpec:
        """The definition in words and codes."""
        words = f"{self.instrument} above {self.above:g} at the visit of {time_words(self.horizon, self.unit)}"
        return OutcomeSpec(
            "chronic transition",
            words,
            "bad",
            "index date",
            self.unit,
            (self.horizon,),
            {"chronic": 1},
            "status",
            "treatment-policy",
            constructs=(self.instrument,),
        )

    def derive(self, timeline: Timeline, ids: pd.Index) -> DerivedOutcome:
        """Return the state at the visit of all patients."""
        totals = timeline.totals(self.instrument)
        everyone = AtRisk(ids, np.full(len(ids), np.nan), ())
        return status_at_visit(
            timeline,
            totals,
            everyone,
            lambda value, _: value > self.above,
            self.spec,
            self.window,
            undated=timeline.undated(self.instrument),
        )
