"""``Evaluation``: all metrics of each model and each pair of models."""

from __future__ import annotations

from dataclasses import dataclass, field
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from lbp_prognosis._base import MetricResult, Objection, Result, argument_error, gap, metric_frame, metric_title
from lbp_prognosis.evaluation.prognostic import Calibration, MeanCalibration, Pit
from lbp_prognosis.evaluation.utility import DecisionCurve, NetBenefitDifference

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["Evaluation"]

_SHOWN = (
    "concordance",
    "uno_concordance",
    "auc",
    "brier",
    "ipa",
    "log_score",
    "observed_expected",
    "calibration_slope",
    "ici",
    "ici_null",
    "royston_d",
    "nagelkerke_r2",
    "crps",
    "ordinal_concordance",
    "score_r2",
    "mae",
    "mean_error",
    "mean_calibration_slope",
)


@dataclass(frozen=True, repr=False)
class Evaluation(Result):
    """Performance of one or more models on the same patients.

    Attributes
    ----------
    models : tuple of str
        Names.
    horizons : ndarray of shape (n_horizons,)
        Unit of the outcome.
    metrics : dict of str to dict of str to MetricResult
        Model, then metric name.
    differences : tuple of MetricResult
        Paired differences between all pairs of models (later minus earlier), for metrics that allow them.
    calibrations : dict of str to Calibration
        Curves, groups and tests, by model.
    decision : DecisionCurve or None
        Decision curves of all models; None without thresholds.
    net_benefit_differences : tuple of NetBenefitDifference
        Differences between all pairs of models, and between each model and treat all.
    mean_calibrations, pits : dict of str to MeanCalibration, Pit
        Calibration of predicted score distributions, by model; empty for other predictions.
    """

    models: tuple[str, ...]
    horizons: np.ndarray
    metrics: dict[str, dict[str, MetricResult]] = field(repr=False)
    differences: tuple[MetricResult, ...] = field(repr=False)
    calibrations: dict[str, Calibration] = field(repr=False)
    decision: DecisionCurve | None = field(repr=False)
    net_benefit_differences: tuple[NetBenefitDifference, ...] = field(repr=False)
    target: str
    cause: int
    n: int
    n_events: int
    objections: tuple[Objection, ...] = ()
    synthetic: bool = False
    mean_calibrations: dict[str, MeanCalibration] = field(default_factory=dict, repr=False)
    pits: dict[str, Pit] = field(default_factory=dict, repr=False)

    def _model(self, model: str | None) -> str:
        if model is None and len(self.models) == 1:
            return self.models[0]
        if model not in self.models:
            raise argument_error("model", "one of " + ", ".join(map(repr, self.models)), repr(model))
        return str(model)

    def metric(self, name: str, model: str | None = None) -> MetricResult:
        """Return one metric of one model (``model`` may be left out if there is only one).

        Parameters
        ----------
        name : str
            E.g. ``"auc"``, ``"ici"``.
        model : str, optional
            Name of the model.
        """
        found = self.metrics[self._model(model)]
        if name not in found:
            raise argument_error("name", "one of " + ", ".join(map(repr, found)), repr(name))
        return found[name]

    def difference(self, name: str, model: str, reference: str) -> MetricResult:
        """Return the paired difference ``model − reference`` of one metric.

        Parameters
        ----------
        name : str
            E.g. ``"auc"``.
        model, reference : str
            Names of the models.
        """
        first, second = self.metric(name, model), self.metric(name, reference)
        if not first.comparable(second):  # pooled over imputations: only differences that were pooled as differences
            for found in self.differences:
                if (found.metric, found.model, found.reference) == (first.metric, model, reference):
                    return found
        return first.minus(second)

    def to_frame(self) -> pd.DataFrame:
        """Return all results as one frame.

        Columns of evaluation frames, then ``threshold, target, reference``. A row with a ``reference`` is a paired
        difference; net benefit has one row per threshold, with the model ``"treat all"`` among them.
        """
        rows: list[dict[str, Any]] = []
        for model in self.models:
            for result in self.metrics[model].values():
                rows += result.rows()
        for result in self.differences:
            rows += result.rows()
        if self.decision is not None:
            rows += _curve_rows(self.decision)
            for difference in self.net_benefit_differences:
                rows += _difference_rows(difference)
        return metric_frame(rows, extra=("threshold", "target", "reference"))

    def table(self) -> pd.DataFrame:
        """Return a summary table: one row per model and horizon, with intervals or why there is none, as text."""
        shown = [name for name in _SHOWN if any(name in self.metrics[model] for model in self.models)]
        rows = []
        for model in self.models:
            for h, horizon in enumerate(self.horizons):
                row: dict[str, Any] = {"model": model, "horizon": horizon}
                for name in shown:
                    row[metric_title(name)] = _text(self.metrics[model].get(name), h)
                rows.append(row)
        return pd.DataFrame(rows)

    def difference_table(self) -> pd.DataFrame:
        """Return a summary table of paired differences: one row per pair and horizon, with intervals as text.

        Columns ``difference`` (model − reference), ``horizon``, then one per metric, as in `table`.
        """
        pairs: dict[str, dict[str, MetricResult]] = {}
        for found in self.differences:
            pairs.setdefault(f"{found.model} − {found.reference}", {})[found.metric] = found
        shown = [n for n in _SHOWN if n != "ici_null" and any(n in metrics for metrics in pairs.values())]
        return pd.DataFrame(
            [
                {"difference": pair, "horizon": horizon, **{metric_title(n): _text(metrics.get(n), h) for n in shown}}
                for pair, metrics in pairs.items()
                for h, horizon in enumerate(self.horizons)
            ]
        )

    def _repr_html_(self) -> str:
        events = f", {self.n_events:,} events, target “{escape(self.target)}”" if self.calibrations else ""
        words = f"<p><b>Evaluation</b>: n = {self.n:,}{events}</p>"
        table = self.table().to_html(index=False, border=0, na_rep="", float_format=lambda value: f"{value:g}")
        notes = "".join(f"<li>{escape(str(o))}</li>" for o in self.objections)
        pairs = ""
        if self.differences:
            pairs = self.difference_table().to_html(index=False, border=0, float_format=lambda value: f"{value:g}")
        return words + table + pairs + (f"<ul>{notes}</ul>" if notes else "")

    def plot(self, ax: Axes | None = None, *, metric: str | None = None) -> Axes:
        """Draw one metric with intervals over the horizons, one colour per model.

        Parameters
        ----------
        ax : Axes, optional
            Axes to draw on; a new figure by default.
        metric : str, optional
            Name of a metric; by default the AUC, or the CRPS of scores without a declared cut.
        """
        from lbp_prognosis._draw import draw_metric

        if metric is None:
            metric = "auc" if self.calibrations else "crps"
        rows = [row for model in self.models for row in self.metric(metric, model).rows()]
        return draw_metric(metric_frame(rows, extra=("target", "reference")), title=metric_title(metric), ax=ax)

    def figure(self, horizon: float | None = None) -> Figure:
        """Draw one page for a horizon: calibration of every model, discrimination, accuracy and decision curve.

        For predicted scores, the page begins with calibration of the mean and the probability integral transform.

        Parameters
        ----------
        horizon : float, optional
            Horizon of the page; by default the last one at which calibration can be estimated.
        """
        from lbp_prognosis._draw import draw_page

        tau = float(self._last_estimated() if horizon is None else horizon)
        panels: list[tuple[float, Any]] = [
            (1.0, lambda ax, part=part: part.plot(ax))
            for part in (*self.mean_calibrations.values(), *self.pits.values())
        ]
        panels += [(1.0, lambda ax, name=name: self._calibration_panel(name, tau, ax)) for name in self.calibrations]
        panels += [
            (1.0, lambda ax, name=name: self.plot(ax, metric=name))
            for name in ("auc", "ipa")
            if all(name in self.metrics[model] for model in self.models)
        ]
        near = np.flatnonzero(np.isclose(self.horizons, tau))
        if self.decision is not None and near.size and not self.decision.reason[int(near[0])]:
            panels.append((2.0, lambda ax: self.decision.plot(ax, horizon=tau)))
        return draw_page(panels)

    def _last_estimated(self) -> float:
        ratios = [np.atleast_1d(np.asarray(c.observed_expected.value, dtype=float)) for c in self.calibrations.values()]
        if not ratios:
            return float(self.horizons[-1])
        known = np.flatnonzero(np.isfinite(ratios).all(axis=0))
        return float(self.horizons[known[-1] if known.size else -1])

    def _calibration_panel(self, name: str, tau: float, ax: Axes) -> Axes:
        from lbp_prognosis._draw import PALETTE

        return self.calibrations[name].plot(ax, horizon=tau, color=PALETTE[self.models.index(name) % len(PALETTE)])

    def _summary(self) -> str:
        pairs = f", {len(self.models)} models" if len(self.models) > 1 else ""
        at = f"{self.horizons.size} horizons" if self.horizons.size > 1 else f"horizon {self.horizons[0]:g}"
        events = f", {self.n_events} events" if self.calibrations else ""
        return f"{at}{pairs}, n = {self.n}{events}"


def _interval(value: float, low: float, high: float, why: str) -> str:
    if not np.isfinite(value):
        return gap(why)
    # a value that rounds to zero has no sign
    value, low, high = (round(float(number), 3) + 0.0 for number in (value, low, high))
    if not np.isfinite(low):
        return gap(why, f"{value:.3f}")
    return f"{value:.3f} ({low:.3f} to {high:.3f})"


def _text(result: MetricResult | None, h: int) -> str:
    if result is None:
        return ""
    value, low, high = (np.atleast_1d(np.asarray(a, dtype=float)) for a in (result.value, result.low, result.high))
    k = min(h, value.size - 1)
    why = result.reasons()[k]
    if result.metric == "ici_null":
        return gap(why) if not np.isfinite(value[k]) else f"{value[k]:.3f}"
    return _interval(value[k], low[k], high[k], why)


def _curve_rows(curve: DecisionCurve) -> list[dict[str, Any]]:
    shared = {
        "tier": "utility",
        "metric": curve.metric,
        "cause": curve.cause,
        "group": "",
        "confidence": curve.confidence,
        "method": curve.method,
        "n": curve.n,
        "n_events": curve.n_events,
        "target": curve.target,
        "reference": "",
    }
    return [
        {
            **shared,
            "model": name,
            "horizon": horizon,
            "threshold": threshold,
            "value": curve.value[m, h, k],
            "se": curve.se[m, h, k],
            "low": curve.low[m, h, k],
            "high": curve.high[m, h, k],
            "reason": curve.reason_at(name, h, k),
        }
        for m, name in enumerate(curve.models)
        for h, horizon in enumerate(curve.horizons)
        for k, threshold in enumerate(curve.thresholds)
    ]


def _difference_rows(difference: NetBenefitDifference) -> list[dict[str, Any]]:
    shared = {
        "tier": "utility",
        "metric": "net_benefit",
        "cause": difference.cause,
        "group": "",
        "model": difference.model,
        "confidence": difference.confidence,
        "method": f"{difference.method}; paired difference",
        "n": difference.n,
        "n_events": difference.n_events,
        "target": difference.target,
        "reference": difference.reference,
    }
    return [
        {
            **shared,
            "horizon": horizon,
            "threshold": threshold,
            "value": difference.value[h, k],
            "se": difference.se[h, k],
            "low": difference.low[h, k],
            "high": difference.high[h, k],
            "reason": difference.reason_at(h, k),
        }
        for h, horizon in enumerate(difference.horizons)
        for k, threshold in enumerate(difference.thresholds)
    ]
