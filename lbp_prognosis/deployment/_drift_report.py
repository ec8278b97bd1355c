"""``DriftReport``: results of monitoring."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from lbp_prognosis._base import Document, DocumentResult, Objection, metric_frame, time_words
from lbp_prognosis.deployment._drift_page import drift_document
from lbp_prognosis.validation import ModelUpdate

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["DriftReport"]


@dataclass(frozen=True, repr=False)
class DriftReport(DocumentResult):
    """Inputs and outcomes of a model in use.

    Attributes
    ----------
    inputs : DataFrame
        One row per batch and column: ``batch, column, missing_before, missing_now, psi, psi_by_chance, difference,
        outside, new_levels``.
    membership : DataFrame
        One row per batch: ``batch, n, auc, se``; AUC for distinguishing the batch from the reference by the predictors.
    windows : DataFrame
        One row per batch: ``batch, n, matured, unknown, observed, expected, observed_expected, low, high, slope,
        slope_se, reason``; matured patients only.
    chart : DataFrame
        One row per matured patient and direction, in order of entry: ``date, direction, patient, value, limit, alarm``.
    alarms : DataFrame
        The rows of ``chart`` that crossed their limit.
    horizon, unit, until : float, str, Timestamp
        Prediction time, its unit, and the last day of outcome assessment.
    false_alarms_per_year, alarms_expected : float
        The declared rate, and the expected number of false alarms over the years of the chart.
    false_alarm_probability : float
        Probability per patient and direction; its inverse is the average run length.
    n, n_matured : int
        Patients, and patients with matured outcomes.
    confidence : float
        Level of intervals.
    update : ModelUpdate or None
        Update that a closed test proposes after an alarm.
    objections : tuple of Objection
        ``drift``, ``inputs-moved``, ``levels-not-seen-before``, ``windows-not-matured``,
        ``windows-with-losses``.
    """

    inputs: pd.DataFrame = field(repr=False)
    membership: pd.DataFrame = field(repr=False)
    windows: pd.DataFrame = field(repr=False)
    chart: pd.DataFrame = field(repr=False)
    alarms: pd.DataFrame
    horizon: float
    unit: str
    until: pd.Timestamp
    false_alarms_per_year: float
    alarms_expected: float
    false_alarm_probability: float
    n: int
    n_matured: int
    confidence: float
    update: ModelUpdate | None
    objections: tuple[Objection, ...] = ()
    synthetic: bool = False

    @property
    def drifted(self) -> bool:
        """Whether a chart of outcomes has raised an alarm."""
        return len(self.alarms) > 0

    def to_frame(self) -> pd.DataFrame:
        """Return O/E and slope of each window, and the AUC of membership of each batch, with the evaluation columns."""
        rows = []
        for window in self.windows.to_dict("records"):
            common = {
                "tier": "prognostic",
                "horizon": self.horizon,
                "group": window["batch"],
                "confidence": self.confidence,
                "n": window["matured"],
                "n_events": round(window["observed"]),
                "reason": window["reason"],
            }
            rows.append(
                {
                    **common,
                    "metric": "observed_expected",
                    "value": window["observed_expected"],
                    "low": window["low"],
                    "high": window["high"],
                    "method": "matured patients; exact limits of a Poisson count",
                }
            )
            rows.append(
                {
                    **common,
                    "metric": "calibration_slope",
                    "value": window["slope"],
                    "se": window["slope_se"],
                    "method": "matured patients",
                }
            )
        for part in self.membership.to_dict("records"):
            rows.append(
                {
                    "tier": "prognostic",
                    "metric": "membership_auc",
                    "group": part["batch"],
                    "value": part["auc"],
                    "se": part["se"],
                    "n": part["n"],
                    "method": "ridge logistic regression, five folds",
                }
            )
        return metric_frame(rows)

    def _shows_patients(self) -> bool:
        return True

    def document(self) -> Document:
        """Return the page: findings, charts and tables; `to_html` writes it as one file without network."""
        return drift_document(self)

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the charts of outcomes with their limits, downwards for fewer events than predicted."""
        from lbp_prognosis._draw import draw_cusum

        return draw_cusum(self.chart, ax=ax)

    def figure(self) -> Figure:
        """Draw the charts, O/E by window and the shift of the inputs on one page."""
        import matplotlib.pyplot as plt

        from lbp_prognosis._draw import draw_cusum, draw_estimates, draw_shifts

        figure, axes = plt.subplots(3, 1, figsize=(7.4, 10.5), layout="constrained")
        draw_cusum(self.chart, ax=axes[0])
        known = self.windows[np.isfinite(self.windows["observed_expected"])]
        rows = known.rename(columns={"batch": "label", "observed_expected": "value"})
        draw_estimates(
            rows[["label", "value", "low", "high"]],
            axis=f"observed / expected by {time_words(self.horizon, self.unit)}, matured patients",
            neutral=1.0,
            digits=".2f",
            ax=axes[1],
        )
        draw_shifts(self.inputs, ax=axes[2])
        return figure

    def _summary(self) -> str:
        told = f"{len(self.alarms)} alarms" if self.drifted else "no alarm"
        return f"{told} of outcomes, {self.n_matured} of {self.n} patients matured, {len(self.windows)} windows"
