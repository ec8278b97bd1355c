"""``Surgery``: the first lumbar operation."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from lbp_prognosis.cohort._dated_outcome import dated_outcome
from lbp_prognosis.cohort._derived_outcome import DerivedOutcome
from lbp_prognosis.cohort._timeline import Timeline
from lbp_prognosis.cohort._visit_outcome import check_horizon_tuple
from lbp_prognosis.survival import OutcomeSpec

__all__ = ["Surgery"]


@dataclass(frozen=True)
class Surgery:
    """Time to the first operation, with death competing.

    Attributes
    ----------
    horizons : tuple of float
        Prediction times, in ``unit``.
    competing : tuple of str
        Event types that make surgery impossible.
    unit : str
        days, weeks, months or years.
    """

    horizons: tuple[float, ...]
    competing: tuple[str, ...] = ("death",)
    unit: str = "months"

    @property
    def spec(self) -> OutcomeSpec:
        """The definition in words and codes."""
        causes = {"surgery": 1, **{rival: number for number, rival in enumerate(self.competing, start=2)}}
        return OutcomeSpec(
            "surgery",
            "first lumbar operation",
            "bad",
            "index date",
            self.unit,
            check_horizon_tuple(self.horizons),
            causes,
            estimand="treatment-policy",
        )

    def derive(self, timeline: Timeline, ids: pd.Index) -> DerivedOutcome:
        """Return the right-censored outcome."""
        return dated_outcome(timeline, ids, timeline.first_event(("surgery",))["day"], self.spec)
