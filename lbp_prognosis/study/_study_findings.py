"""``StudyFindings``: all results of a study."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from lbp_prognosis._base import MetricResult, Objection, Result, time_words
from lbp_prognosis.evaluation import Evaluation, RiskGroups
from lbp_prognosis.evidence import Claim, Evidence
from lbp_prognosis.explain import ShapResult
from lbp_prognosis.report import PageSubgroups, PageTreatment, PageUpdates
from lbp_prognosis.study._judge_readings import ReadingResult
from lbp_prognosis.study._study import Study
from lbp_prognosis.study._study_data import StudyData
from lbp_prognosis.validation import AssociationTest, CrossValidation, InternalExternal

__all__ = ["StudyFindings"]


@dataclass(frozen=True, repr=False)
class StudyFindings(Result):
    """Results of a study; `StudyResult` documents and writes the fields."""

    study: Study
    data: StudyData
    cross_validation: CrossValidation = field(repr=False)
    evaluation: Evaluation = field(repr=False)
    apparent: Evaluation = field(repr=False)
    groups: RiskGroups | None = field(repr=False)
    sites: InternalExternal | None = field(repr=False)
    explanations: dict[str, ShapResult] = field(repr=False)
    models: dict[str, Any] = field(repr=False)
    association: AssociationTest | None = field(repr=False)
    readings: tuple[ReadingResult, ...] = field(repr=False)
    evidence: Evidence = field(repr=False)
    claims: tuple[Claim, ...]
    provenance: Mapping[str, Any] = field(repr=False)
    treatment: PageTreatment | None = field(default=None, repr=False)
    subgroups: PageSubgroups | None = field(default=None, repr=False)
    updates: PageUpdates | None = field(default=None, repr=False)
    visits: Mapping[float, Evaluation] = field(default_factory=dict, repr=False)
    objections: tuple[Objection, ...] = ()
    synthetic: bool = False

    @property
    def horizon(self) -> float:
        """The main horizon."""
        return self.data.spec.main_horizon

    def to_frame(self) -> pd.DataFrame:
        """Return all numbers of all results with their ``sample``."""
        return self.evidence.to_frame()

    def headline(self) -> pd.DataFrame:
        """Return the five headline numbers, out of fold: ``label, value, low, high, reason``."""
        main, unit = self.horizon, self.data.spec.unit
        found = self.evaluation
        at = f"at {time_words(main, unit)}"
        if not self.study.comparison:
            model = self.study.main_model
            rows = [
                (f"AUC {at}, {model}", found.metric("auc", model)),
                (f"IPA {at}, {model}", found.metric("ipa", model)),
                (f"O/E {at}, {model}", found.metric("observed_expected", model)),
                (f"calibration slope {at}, {model}", found.metric("calibration_slope", model)),
            ]
            if self.study.score is not None:
                rows[1] = (f"CRPS {at}, points, {model}", found.metric("crps", model))
            lines = [(label, *_at(result, main)) for label, result in rows]
            if found.decision is not None and self.study.thresholds is not None:
                t = self.study.thresholds.primary
                gain = found.decision.difference(model)
                lines.append((f"net benefit of {model} over treat all at a threshold of {t:g}", *_net(gain, main, t)))
        else:
            first, second = self.study.comparison
            rows = [
                (f"AUC {at}, {first}", found.metric("auc", first)),
                (f"AUC {at}, {second}", found.metric("auc", second)),
                (f"ΔIPA {at}, {second} − {first}", found.difference("ipa", second, first)),
                (f"O/E {at}, {second}", found.metric("observed_expected", second)),
            ]
            if self.study.score is not None:
                rows[2] = (f"ΔCRPS {at}, points, {second} − {first}", found.difference("crps", second, first))
            lines = [(label, *_at(result, main)) for label, result in rows]
            if found.decision is not None and self.study.thresholds is not None:
                t = self.study.thresholds.primary
                gain = found.decision.difference(second, first)
                lines.append((f"Δ net benefit at a threshold of {t:g}, {second} − {first}", *_net(gain, main, t)))
        return pd.DataFrame(lines, columns=["label", "value", "low", "high", "reason"])

    def _summary(self) -> str:
        return f"{self.study.title!r}, {len(self.data.X)} patients, {len(self.models)} models"


def _at(result: MetricResult, horizon: float) -> tuple[float, float, float, str]:
    times = np.atleast_1d(np.asarray(result.horizon, dtype=float))
    k = int(np.flatnonzero(np.isclose(times, horizon))[0]) if times.size > 1 else 0
    value, low, high = (float(np.atleast_1d(part)[k]) for part in (result.value, result.low, result.high))
    return value, low, high, result.reasons()[k]


def _net(difference: Any, horizon: float, threshold: float) -> tuple[float, float, float, str]:
    h = int(np.flatnonzero(np.isclose(difference.horizons, horizon))[0])
    k = int(np.flatnonzero(np.isclose(difference.thresholds, threshold))[0])
    parts = (float(part[h, k]) for part in (difference.value, difference.low, difference.high))
    value, low, high = parts
    return value, low, high, difference.reason_at(h, k)
