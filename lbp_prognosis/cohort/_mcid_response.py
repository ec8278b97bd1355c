"""``MCIDResponse``: improvement since time zero by at least a declared amount."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from lbp_prognosis._base import argument_error, check_number, objection, time_words
from lbp_prognosis.cohort._derived_outcome import DerivedOutcome
from lbp_prognosis.cohort._recovery_spec import recovery_spec
from lbp_prognosis.cohort._timeline import Timeline
from lbp_prognosis.cohort._visit_outcome import AtRisk, check_horizon_tuple, status_at_visit, threshold_outcome
from lbp_prognosis.schema import instrument_ranges
from lbp_prognosis.survival import OutcomeSpec

__all__ = ["MCIDResponse"]


@dataclass(frozen=True)
class MCIDResponse:
    """Improvement from baseline by an absolute amount or a share of the baseline.

    Attributes
    ----------
    horizons : tuple of float
        Prediction times, in ``unit``.
    instrument : str
        Scale in ``prom`` of known direction.
    absolute : float, optional
        Smallest improvement in points.
    relative : float, optional
        Smallest improvement as a share of the baseline, e.g. 0.3. Exactly one of the two is given.
    visit : bool, default False
        If True, the state at the visit of the (only) horizon (`Status`); else the first visit with the response
        (`Surv`).
    window : float
        For ``visit``: half-width of the visit window as a share of the horizon.
    sustained, competing, unit, baseline_window, estimand, primary_horizon
        As in `PainRecovery`; ``sustained`` is 0 by default.

    Notes
    -----
    Patients who cannot improve by the amount (10 points from a baseline of 6) are not at risk. A change from baseline
    depends arithmetically on the baseline: results carry an objection.
    """

    horizons: tuple[float, ...]
    instrument: str
    absolute: float | None = None
    relative: float | None = None
    visit: bool = False
    window: float = 0.2
    sustained: float = 0.0
    competing: tuple[str, ...] = ("surgery", "death")
    unit: str = "months"
    baseline_window: float = 90.0
    estimand: str = "while-untreated"
    primary_horizon: float | None = None

    def __post_init__(self) -> None:
        if (self.absolute is None) == (self.relative is None):
            raise argument_error("absolute", "given, or `relative`, but not both", (self.absolute, self.relative))
        if self.absolute is not None:
            check_number("absolute", self.absolute, low=0, open_low=True)
        if self.relative is not None:
            check_number("relative", self.relative, low=0, high=1, open_low=True)

    @property
    def spec(self) -> OutcomeSpec:
        """The definition in words and codes."""
        amount = f"{self.absolute:g} points" if self.absolute is not None else f"{self.relative:.0%}"
        words = f"{self.instrument} better than at time zero by at least {amount}"
        if not self.visit:
            return recovery_spec(
                "response",
                words,
                self.horizons,
                self.unit,
                self.competing,
                self.estimand,
                self.primary_horizon,
                instrument=self.instrument,
                change=True,
            )
        horizons = check_horizon_tuple(self.horizons)
        if len(horizons) != 1:
            raise argument_error("horizons", "one horizon where `visit` is True", self.horizons)
        return OutcomeSpec(
            "response",
            f"{words}, at the visit of {time_words(horizons[0], self.unit)}",
            "good",
            "index date",
            self.unit,
            horizons,
            {"response": 1},
            "status",
            "treatment-policy",
            constructs=(self.instrument,),
            change=True,
        )

    def derive(self, timeline: Timeline, ids: pd.Index) -> DerivedOutcome:
        """Return the outcome of the patients who can improve by the amount."""
        known = instrument_ranges().get(self.instrument)
        if known is None or known["direction"] == "none":
            raise argument_error(
                "instrument", "one whose direction is known (data_schemas/instruments.json)", self.instrument
            )
        sign = 1.0 if known["direction"] == "higher_worse" else -1.0
        floor = float(known["minimum"] if sign > 0 else known["maximum"])

        def needed(baseline: np.ndarray) -> Any:
            return self.absolute if self.absolute is not None else float(self.relative or 0.0) * np.abs(baseline)

        def improved(value: Any, baseline: Any) -> Any:
            return sign * (baseline - value) >= np.asarray(needed(baseline)) - 1e-9

        def cannot(baseline: np.ndarray) -> np.ndarray:
            room = sign * (baseline - floor)
            return (room < np.asarray(needed(baseline)) - 1e-9) | (room <= 0)

        totals = timeline.totals(self.instrument)
        risk = AtRisk.at_baseline(
            totals,
            ids,
            self.baseline_window,
            cannot,
            "too little at time zero to improve by the amount",
            timeline.undated(self.instrument),
        )
        if self.visit:
            derived = status_at_visit(
                timeline, totals, risk, improved, self.spec, self.window, undated=timeline.undated(self.instrument)
            )
        else:
            derived = threshold_outcome(timeline, totals, risk, improved, self.spec, self.sustained)
        doubt = objection("change-from-baseline", variant="outcome", construct=self.instrument)
        return replace(derived, objections=(*derived.objections, doubt))
