"""``Recurrence``: recurrence of pain among recovered patients."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd

from lbp_prognosis._base import argument_error
from lbp_prognosis.cohort._derived_outcome import DerivedOutcome
from lbp_prognosis.cohort._pain_recovery import PainRecovery
from lbp_prognosis.cohort._timeline import Timeline
from lbp_prognosis.cohort._visit_course import Course, competing_days, visit_intervals
from lbp_prognosis.cohort._visit_outcome import AtRisk, check_horizon_tuple, finish_interval
from lbp_prognosis.survival import OutcomeSpec

__all__ = ["Recurrence"]


@dataclass(frozen=True)
class Recurrence:
    """First visit with pain above a threshold after a sustained recovery.

    Attributes
    ----------
    horizons : tuple of float
        Prediction times since recovery, in the unit of ``recovery``.
    recovery : PainRecovery
        Definition of recovery; only recovered patients are at risk.
    above : float
        Pain has recurred if the value is greater than this.
    competing : tuple of str
        Event types that end the risk.

    Notes
    -----
    The clock starts at the first visit of the recovered run. By definition no patient can have a recurrence before the
    run is confirmed; this time is handled as delayed entry (``entry``), not as event-free time.
    """

    horizons: tuple[float, ...]
    recovery: PainRecovery = field(default_factory=lambda: PainRecovery(horizons=(12.0,)))
    above: float = 2.0
    competing: tuple[str, ...] = ("death",)

    @property
    def spec(self) -> OutcomeSpec:
        """The definition in words and codes."""
        causes = {"recurrence": 1, **{rival: number for number, rival in enumerate(self.competing, start=2)}}
        words = f"{self.recovery.instrument} above {self.above:g} after recovery ({self.recovery.spec.definition})"
        return OutcomeSpec(
            "recurrence",
            words,
            "bad",
            "recovery",
            self.recovery.unit,
            check_horizon_tuple(self.horizons),
            causes,
            "visits",
            "treatment-policy",
            constructs=(self.recovery.instrument,),
        )

    def derive(self, timeline: Timeline, ids: pd.Index) -> DerivedOutcome:
        """Return the outcome of recovered patients, with time since recovery."""
        if self.above < self.recovery.threshold:
            raise argument_error(
                "above", f"at least the threshold of recovery ({self.recovery.threshold:g})", self.above
            )
        totals = timeline.totals(self.recovery.instrument)
        gone = self.recovery.threshold
        base = AtRisk.at_baseline(
            totals,
            ids,
            self.recovery.baseline_window,
            lambda value: value <= gone,
            "already recovered at time zero",
            timeline.undated(self.recovery.instrument),
        )
        start, proof = self._recovered(timeline, totals, base.ids)
        recovered = np.isfinite(start)
        excluded = (*base.excluded, ("not recovered: not at risk of recurrence", int((~recovered).sum())))
        risk = AtRisk(base.ids[recovered], base.baseline[recovered], excluded, base.notes)
        start, proof = start[recovered], proof[recovered]
        course = Course.of(totals, risk.ids, after=proof)
        shift = np.repeat(start, course.stop - course.start)
        course = replace(course, day=course.day - shift)
        rival_day, rival_code = competing_days(timeline, risk.ids, self.competing)
        end = timeline.end.reindex(risk.ids).to_numpy(dtype=float) - start
        found = visit_intervals(course, course.value > self.above, 0.0, rival_day - start, rival_code, end)
        sustained = proof - start
        found = replace(found, lower=np.maximum(found.lower, np.minimum(sustained, found.upper)))
        none = np.zeros(len(risk.ids), dtype=bool)
        return finish_interval(timeline, risk, found, self.spec, sustained, none, "")

    def _recovered(self, timeline: Timeline, totals: pd.DataFrame, ids: pd.Index) -> tuple[np.ndarray, np.ndarray]:
        """Return the day of recovery and of its confirmation; NaN for the others."""
        course = Course.of(totals, ids)
        rival_day, rival_code = competing_days(timeline, ids, self.recovery.competing)
        end = timeline.end.reindex(ids).to_numpy(dtype=float)
        found = visit_intervals(
            course, course.value <= self.recovery.threshold, self.recovery.sustained, rival_day, rival_code, end
        )
        return np.where(found.code == 1, found.upper, np.nan), found.confirmed
