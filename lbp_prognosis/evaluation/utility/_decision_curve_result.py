"""``DecisionCurve``: net benefit over thresholds, and derived measures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy.special import ndtri

from lbp_prognosis._base import (
    MetricResult,
    Objection,
    Result,
    argument_error,
    check_choice,
    inside_range,
    interval,
    metric_frame,
    why_missing,
)
from lbp_prognosis._kernels import RESOLUTION
from lbp_prognosis.evaluation.utility._decision_data import DecisionData
from lbp_prognosis.evaluation.utility._drawn_horizon import drawn_horizon, grid_words, risk_words
from lbp_prognosis.evaluation.utility._net_benefit_difference import NetBenefitDifference
from lbp_prognosis.evaluation.utility._threshold_range import ThresholdRange

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["NO_RISK", "TREAT_ALL", "TREAT_NONE", "DecisionCurve"]

TREAT_ALL, TREAT_NONE = "treat all", "treat none"
NO_RISK = "no risk predicted at this horizon"
_NO_BENEFIT = "no patient is known to have had the target by this horizon: there is no benefit to have a share of"


@dataclass(frozen=True, repr=False)
class DecisionCurve(Result):
    """Net benefit of deciding by each model's risk, over thresholds and horizons.

    Arrays have the shape (n_models, n_horizons, n_thresholds); "treat all" is the last model.

    Attributes
    ----------
    models : tuple of str
        Names, ``"treat all"`` last. ("treat none" has net benefit 0.)
    horizons : ndarray of shape (n_horizons,)
        Unit of the outcome.
    thresholds : ndarray of shape (n_thresholds,)
        Risk at or above which a patient is treated.
    value, se, low, high : ndarray
        Estimate, standard error, pointwise limits.
    band_low, band_high : ndarray
        Simultaneous limits for all thresholds of a horizon; NaN without resamples.
    treated, true_positive, false_positive : ndarray
        Shares of all patients.
    carried_forward : ndarray of bool
        Whether follow-up among the treated ends before the horizon, so that the last estimate was carried forward.
    observed : ndarray of shape (n_horizons,)
        P(target by the horizon).
    metric : str
        ``"net_benefit"``, ``"standardised_net_benefit"`` or ``"interventions_avoided"``.
    reason : tuple of str
        Why a horizon's values are NaN for all models; empty otherwise. See `reason_for`.
    per : float
        Denominator of interventions avoided, in patients.
    """

    models: tuple[str, ...]
    horizons: np.ndarray
    thresholds: np.ndarray
    value: np.ndarray = field(repr=False)
    se: np.ndarray = field(repr=False)
    low: np.ndarray = field(repr=False)
    high: np.ndarray = field(repr=False)
    band_low: np.ndarray = field(repr=False)
    band_high: np.ndarray = field(repr=False)
    treated: np.ndarray = field(repr=False)
    true_positive: np.ndarray = field(repr=False)
    false_positive: np.ndarray = field(repr=False)
    carried_forward: np.ndarray = field(repr=False)
    observed: np.ndarray
    confidence: float
    method: str
    cause: int | None
    target: str
    at_threshold: str
    n: int
    n_events: int
    reason: tuple[str, ...]
    metric: str = "net_benefit"
    threshold_range: ThresholdRange | None = None
    objections: tuple[Objection, ...] = ()
    synthetic: bool = False
    scalar: bool = field(default=False, repr=False)
    per: float = 100.0
    _data: DecisionData | None = field(default=None, repr=False, compare=False)
    _resamples: tuple[np.ndarray | None, ...] = field(default=(), repr=False, compare=False)

    # ---- reading -------------------------------------------------------------------------------------------------

    def _model(self, name: str, argument: str) -> int:
        if name not in self.models:
            raise argument_error(argument, "one of " + ", ".join(map(repr, self.models)), name)
        return self.models.index(name)

    def _only(self) -> str:
        if len(self.models) != 2:
            raise argument_error("model", "named, as there are several: " + ", ".join(self.models[:-1]), "None")
        return self.models[0]

    def _place(self, threshold: float) -> int:
        near = np.flatnonzero(np.abs(self.thresholds - threshold) < RESOLUTION)
        if near.size == 0:
            raise argument_error(
                "threshold",
                "one of the thresholds of the curve",
                float(threshold),
                "Add it to `thresholds` of decision_curve.",
            )
        return int(near[0])

    def _needs_net_benefit(self, method: str) -> DecisionData:
        if self.metric != "net_benefit" or self._data is None:
            raise argument_error("self", f"a curve of net benefit for {method}", f"a curve of {self.metric}")
        return self._data

    def reason_for(self, model: str, h: int = 0) -> str:
        """Return why a model has no values at the ``h``-th horizon; empty if it has.

        Parameters
        ----------
        model : str
            Name; "treat none" is never without its 0.
        h : int, default 0
            Place of the horizon.
        """
        if model == TREAT_NONE or np.isfinite(self.value[self._model(model, "model"), h]).any():
            return ""
        return self.reason[h] or NO_RISK

    def reason_at(self, model: str, h: int, k: int) -> str:
        """Return why a model's value, or its interval, is missing at one threshold; empty if neither is.

        Parameters
        ----------
        model : str
            Name.
        h, k : int
            Places of the horizon and the threshold.
        """
        if model == TREAT_NONE:
            return ""
        m, clusters = self._model(model, "model"), None if self._data is None else self._data.clusters
        return why_missing(self.reason_for(model, h), self.value[m, h, k], self.low[m, h, k], clusters)

    def _reasons(self, *models: str) -> tuple[str, ...]:
        """Return why a combination of models has no value, horizon by horizon."""
        return tuple(
            next((text for name in models if (text := self.reason_for(name, h))), "") for h in range(self.horizons.size)
        )

    def influence(self, model: str, h: int = 0) -> np.ndarray:
        """Return influence values of the net benefit of a model at the ``h``-th horizon, of shape (n, n_thresholds)."""
        return self._needs_net_benefit("influence").influence(self._model(model, "model"), h)

    def at(self, threshold: float, *, model: str | None = None, reference: str = TREAT_NONE) -> MetricResult:
        """Return the net benefit of one model at one threshold, or its difference from a reference.

        Parameters
        ----------
        threshold : float
            One of the thresholds of the curve.
        model : str, optional
            Needed if there are several.
        reference : str, default "treat none"
            ``"treat none"``, ``"treat all"`` or a model.
        """
        place = self._place(threshold)
        weight = np.zeros(self.thresholds.size)
        weight[place] = 1.0
        return self._weighted("net_benefit", weight, model, reference, f"threshold {self.thresholds[place]:g}")

    # ---- what follows --------------------------------------------------------------------------------------------

    def difference(self, model: str, reference: str = TREAT_ALL) -> NetBenefitDifference:
        """Return net benefit of a model minus that of a reference, paired over patients.

        Parameters
        ----------
        model : str
            A model of the curve.
        reference : str, default "treat all"
            Another model, ``"treat all"`` or ``"treat none"``.
        """
        return self.differences([(model, reference)])[0]

    def differences(self, pairs: Sequence[tuple[str, str]]) -> list[NetBenefitDifference]:
        """Return `difference` of several pairs of a model and its reference.

        Parameters
        ----------
        pairs : sequence of (str, str)
            Model and reference of each.

        Notes
        -----
        Influence values are a number per patient and threshold: those of one horizon at a time are held, and beyond
        20,000 rows none, but their sums of squares.
        """
        data = self._needs_net_benefit("difference")
        named = [
            (self._model(model, "model"), None if reference == TREAT_NONE else self._model(reference, "reference"))
            for model, reference in pairs
        ]
        value = [self.value[first] - (0.0 if second is None else self.value[second]) for first, second in named]
        se, band_low, band_high = (np.full((len(pairs), *self.value.shape[1:]), np.nan) for _ in range(3))
        for h in range(self.horizons.size):
            if self.reason[h]:
                continue
            se[:, h] = data.standard_errors(h, named)
            draws = self._resamples[h] if self._resamples else None
            for i, (first, second) in enumerate(named):
                if draws is not None:
                    moved = draws[:, first] - (0.0 if second is None else draws[:, second]) - value[i][h]
                    half = simultaneous_factor(moved, se[i, h], self.confidence) * se[i, h]
                    band_low[i, h], band_high[i, h] = value[i][h] - half, value[i][h] + half
        return [
            NetBenefitDifference(
                model,
                reference,
                self.horizons,
                self.thresholds,
                value[i],
                se[i],
                *interval(value[i], se[i], self.confidence),
                band_low[i],
                band_high[i],
                self.confidence,
                self.method,
                self.cause,
                self.target,
                self.n,
                self.n_events,
                self._reasons(model, reference),
                self.threshold_range,
                self.objections,
                self.synthetic,
            )
            for i, (model, reference) in enumerate(pairs)
        ]

    def standardised(self) -> DecisionCurve:
        """Return net benefit divided by P(target by the horizon): the share of the greatest possible benefit."""
        data = self._needs_net_benefit("standardised")

        def change(m: int, h: int) -> tuple[np.ndarray, np.ndarray]:
            p, psi = data.incidence_influence(h)
            if p <= 0:
                return np.full(data.thresholds.size, np.nan), np.full((data.n, data.thresholds.size), np.nan)
            value = self.value[m, h] / p
            return value, (data.influence(m, h) - value * psi[:, None]) / p

        reasons = [text or ("" if self.observed[h] > 0 else _NO_BENEFIT) for h, text in enumerate(self.reason)]
        return replace(self._derived("standardised_net_benefit", change), reason=tuple(reasons))

    def interventions_avoided(self, per: float = 100.0) -> DecisionCurve:
        """Return net interventions avoided per ``per`` patients, compared with treating all, without missing an event.

        Parameters
        ----------
        per : float, default 100.0
            Number of patients.
        """
        data = self._needs_net_benefit("interventions_avoided")
        every, factor = len(self.models) - 1, per / data.odds

        def change(m: int, h: int) -> tuple[np.ndarray, np.ndarray]:
            psi = data.influence(m, h) - data.influence(every, h)
            return (self.value[m, h] - self.value[every, h]) * factor, psi * factor

        return self._derived("interventions_avoided", change, per=per, method=f"{self.method}; per {per:g} patients")

    def _derived(self, metric: str, change: Any, **fields: Any) -> DecisionCurve:
        value, se = np.full(self.value.shape, np.nan), np.full(self.value.shape, np.nan)
        for m in range(len(self.models)):
            for h in range(self.horizons.size):
                if not self.reason[h] and np.isfinite(self.value[m, h]).any():
                    value[m, h], psi = change(m, h)
                    se[m, h] = self._data.se(psi)  # type: ignore[union-attr]
        low, high, _ = inside_range(metric, value, *interval(value, se, self.confidence))
        nothing = np.full(value.shape, np.nan)
        return replace(
            self,
            metric=metric,
            value=value,
            se=se,
            low=low,
            high=high,
            band_low=nothing,
            band_high=nothing,
            _data=None,
            _resamples=(),
            **fields,
        )

    def weighted_area(
        self,
        threshold_range: ThresholdRange | None = None,
        *,
        weight: str = "uniform",
        model: str | None = None,
        reference: str = TREAT_NONE,
    ) -> MetricResult:
        """Return the weighted mean of net benefit (or of its difference from a reference) over a declared range.

        Parameters
        ----------
        threshold_range : ThresholdRange, optional
            By default the one given to `decision_curve`.
        weight : {"uniform", "beta22"}, default "uniform"
            Weight of the thresholds in the range.
        model : str, optional
            Needed if there are several.
        reference : str, default "treat none"
            ``"treat none"``, ``"treat all"`` or a model.

        Notes
        -----
        ∫ NB(t) g(t) dt / ∫ g(t) dt by the trapezoid rule on the thresholds of the curve, which must include both ends
        of the range.
        """
        check_choice("weight", weight, ("uniform", "beta22"))
        declared = threshold_range if threshold_range is not None else self.threshold_range
        if not isinstance(declared, ThresholdRange):
            raise argument_error("threshold_range", "a ThresholdRange", declared)
        first, last = (self.thresholds[self._place(end)] for end in (declared.low, declared.high))
        inside = np.flatnonzero((self.thresholds >= first) & (self.thresholds <= last))
        inside = inside[np.argsort(self.thresholds[inside])]
        t = self.thresholds[inside]
        step = np.zeros(t.size)  # trapezoid weights
        step[1:] += np.diff(t) / 2
        step[:-1] += np.diff(t) / 2
        g = step * declared.weight(t, weight)
        full = np.zeros(self.thresholds.size)
        full[inside] = g / g.sum()
        label = f"{weight} weight, thresholds {declared.low:g} to {declared.high:g}"
        return self._weighted("net_benefit_weighted_area", full, model, reference, label)

    def _weighted(self, metric: str, weight: np.ndarray, model: str | None, reference: str, label: str) -> MetricResult:
        data = self._needs_net_benefit(metric)
        name = self._only() if model is None else model
        first = self._model(name, "model")
        second = None if reference == TREAT_NONE else self._model(reference, "reference")
        used = weight > 0
        value = (self.value[first] - (0.0 if second is None else self.value[second]))[:, used] @ weight[used]
        reasons = self._reasons(name, reference)
        influence = np.full((data.n, self.horizons.size), np.nan)
        for h in range(self.horizons.size):
            if not self.reason[h]:
                psi = data.influence(first, h) - (0.0 if second is None else data.influence(second, h))
                influence[:, h] = psi @ weight
        se = data.se(influence)
        low, high = interval(value, se, self.confidence)
        shape = (lambda a: float(a[0])) if self.scalar else (lambda a: a)
        return MetricResult(
            metric=metric,
            tier="utility",
            value=shape(value),
            se=shape(se),
            low=shape(low),
            high=shape(high),
            confidence=self.confidence,
            method=f"{self.method}; {label}",
            cause=self.cause,
            target=self.target,
            model=name,
            horizon=float(self.horizons[0]) if self.scalar else self.horizons,
            n=self.n,
            n_events=self.n_events,
            reason=reasons[0] if self.scalar else reasons,
            influence=influence[:, 0] if self.scalar else influence,
            clusters=_labels(data),
            reference="" if second is None else reference,
            objections=self.objections,
            synthetic=self.synthetic,
        )

    # ---- showing -------------------------------------------------------------------------------------------------

    def to_frame(self) -> pd.DataFrame:
        """Return one row per model, horizon and threshold.

        Columns of evaluation frames, then ``threshold, target, reference, treated, true_positive, false_positive,
        band_low, band_high, carried_forward``. "treat none", whose net benefit is 0 by definition, has no rows.
        """
        rows = []
        for m, name in enumerate(self.models):
            for h, horizon in enumerate(self.horizons):
                for k, threshold in enumerate(self.thresholds):
                    place = (m, h, k)
                    rows.append(
                        {
                            "model": name,
                            "tier": "utility",
                            "metric": self.metric,
                            "cause": self.cause,
                            "horizon": horizon,
                            "value": self.value[place],
                            "se": self.se[place],
                            "low": self.low[place],
                            "high": self.high[place],
                            "confidence": self.confidence,
                            "method": self.method,
                            "n": self.n,
                            "n_events": self.n_events,
                            "reason": self.reason_at(name, h, k),
                            "threshold": threshold,
                            "target": self.target,
                            "reference": "",
                            "treated": self.treated[place],
                            "true_positive": self.true_positive[place],
                            "false_positive": self.false_positive[place],
                            "band_low": self.band_low[place],
                            "band_high": self.band_high[place],
                            "carried_forward": self.carried_forward[place],
                        }
                    )
        return metric_frame(rows, extra=_EXTRA)

    def plot(
        self, ax: Axes | None = None, *, horizon: float | None = None, bands: bool = False, label: str = ""
    ) -> Axes:
        """Draw the curves of one horizon, with treat all and treat none.

        Parameters
        ----------
        ax : Axes, optional
            Axes to draw on; a new figure by default.
        horizon : float, optional
            One of the horizons; the first with an estimate by default.
        bands : bool, default False
            Shade the simultaneous band instead of the pointwise interval.
        label : str, default ""
            Name of the risk for the axis: "no recovery by 12 months"; event and horizon by default.
        """
        from lbp_prognosis._draw import draw_decision_curve

        h = drawn_horizon(self.horizons, horizon, self.reason)
        frame = self.to_frame().sort_values("threshold", kind="stable")
        declared = self.threshold_range
        shade = None if declared is None else (declared.low, declared.high, declared.primary)
        return draw_decision_curve(
            frame[frame["horizon"] == self.horizons[h]],
            metric=self.metric,
            shade=shade,
            bands=bands,
            ax=ax,
            label=label or risk_words(self.target, float(self.horizons[h])),
            per=self.per,
        )

    def _summary(self) -> str:
        names = ", ".join(self.models[:-1])
        size = grid_words(self.thresholds, self.horizons)
        why = f"; not estimable: {self.reason[0]}" if all(self.reason) else ""
        return f"{self.metric} of {names}; {size}, n = {self.n}{why}"


_EXTRA = (
    "threshold",
    "target",
    "reference",
    "treated",
    "true_positive",
    "false_positive",
    "band_low",
    "band_high",
    "carried_forward",
)


def _labels(data: DecisionData) -> np.ndarray | None:
    if data.clusters is None:
        return None
    labels = np.empty(data.n, dtype=np.int64)
    labels[data.order] = data.clusters
    return labels


def simultaneous_factor(moved: np.ndarray, se: np.ndarray, confidence: float) -> float:
    """Critical value of a simultaneous band: quantile of the largest |deviation| / SE.

    Parameters
    ----------
    moved : ndarray of shape (resamples, k)
        Resampled minus estimated.
    se : ndarray of shape (k,)
        Standard errors; thresholds with none are left out.
    confidence : float
        Level. Never less than the pointwise normal quantile.
    """
    used = se > 1e-12
    floor = float(ndtri(0.5 + confidence / 2))
    if not used.any():
        return floor
    return max(floor, float(np.quantile(np.abs(moved[:, used] / se[used]).max(axis=1), confidence)))
