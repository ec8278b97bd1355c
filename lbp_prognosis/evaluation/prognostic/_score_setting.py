"""Checked arguments of metrics of predicted scores, and construction of their results."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from lbp_prognosis._base import (
    Objection,
    argument_error,
    check_clusters,
    check_confidence,
    check_number,
    check_vector,
    describe,
    influence_se,
    interval,
    objection,
)
from lbp_prognosis.evaluation.prognostic._over_horizons import OverHorizons
from lbp_prognosis.survival import (
    MeasuredSpec,
    ScoreForecast,
    Weights,
    check_outcome,
    check_weights,
    measured_spec,
)

__all__ = ["ScoreSetting"]


@dataclass(frozen=True)
class ScoreSetting:
    """Checked arguments of one call.

    ``seen`` (n,) marks rows with an observed score and positive weight; ``value`` and ``weight`` refer to these rows.
    """

    spec: MeasuredSpec
    n: int
    seen: np.ndarray
    value: np.ndarray
    weight: np.ndarray
    weights: Weights | None
    clusters: np.ndarray | None
    confidence: float
    min_at_risk: float

    @classmethod
    def check(
        cls, y: Any, *, caller: str, sample_weight: Any, clusters: Any, confidence: float, min_at_risk: float
    ) -> ScoreSetting:
        """Check all arguments except the predictions."""
        check_outcome(
            y, ("measured",), caller=caller, instead="For a time to event or a state use brier and calibration."
        )
        n = int(y.shape[0])
        weights = check_weights(sample_weight, n)
        row = np.ones(n) if weights is None else weights.values
        seen = ~np.isnan(y["value"]) & (row > 0)
        return cls(
            spec=measured_spec(y),
            n=n,
            seen=seen,
            value=y["value"][seen].astype(float),
            weight=row[seen],
            weights=weights,
            clusters=check_clusters("clusters", clusters, n=n),
            confidence=check_confidence(confidence),
            min_at_risk=check_number("min_at_risk", min_at_risk, low=0),
        )

    @property
    def frequency(self) -> bool:
        """Whether rows represent several copies."""
        return self.weights is not None and self.weights.kind == "frequency"

    @property
    def count(self) -> int:
        """Number of patients with an observed score."""
        return round(float(self.weight.sum() if self.frequency else self.seen.sum()))

    @property
    def reason(self) -> str:
        """Reason why nothing can be estimated; otherwise empty."""
        if self.count == 0:
            return "no score was observed"
        return f"{self.count} scores observed, fewer than {self.min_at_risk:g}" if self.count < self.min_at_risk else ""

    def mean(self, each: np.ndarray) -> float:
        """Weighted mean over observed rows."""
        return float(self.weight @ each / self.weight.sum())

    def forecast(self, forecast: Any) -> ScoreForecast:
        """Return the forecasts of observed rows."""
        if not isinstance(forecast, ScoreForecast):
            raise argument_error(
                "forecast", "a ScoreForecast", describe(forecast), "Models of scores give it by predict_forecast(X)."
            )
        if len(forecast) != self.n:
            raise argument_error("forecast", f"of {self.n} rows, one per row of `y`", f"{len(forecast)} rows")
        return forecast.take(np.flatnonzero(self.seen))

    def predicted(self, predicted: Any, of_forecast: str) -> np.ndarray:
        """Return predicted scores of observed rows; for a forecast, its ``"mean"`` or ``"median"``."""
        if isinstance(predicted, ScoreForecast):
            forecast = self.forecast(predicted)
            return forecast.mean() if of_forecast == "mean" else forecast.quantile(0.5)
        return check_vector("predicted", predicted, n=self.n)[self.seen]

    def influence(self, own: np.ndarray) -> np.ndarray:
        """Expand influence values of one copy of the observed rows to all rows, ``SE = sqrt(Σ ψ²) / n``.

        A row with a missing score does not contribute to the estimate.
        """
        factor = np.sqrt(self.weight) if self.frequency and self.clusters is None else self.weight
        out = np.zeros((self.n, *own.shape[1:]))
        out[self.seen] = (factor * (self.n / self.weight.sum())).reshape(-1, *[1] * (own.ndim - 1)) * own
        return out

    def covariance(self, own: np.ndarray) -> np.ndarray:
        """Covariance of estimates with influence values ``own`` (observed rows, k)."""
        psi = self.influence(own)
        if self.clusters is None:
            return psi.T @ psi / self.n**2
        count = int(self.clusters.max()) + 1
        sums = np.stack([np.bincount(self.clusters, weights=column, minlength=count) for column in psi.T], axis=1)
        return sums.T @ sums * (count / (count - 1) if count > 1 else np.nan) / self.n**2

    def result(
        self,
        metric: str,
        value: float,
        own: np.ndarray | None,
        *,
        method: str,
        reason: str = "",
        kind: type[OverHorizons] = OverHorizons,
        objections: tuple[Objection, ...] = (),
        **fields: Any,
    ) -> Any:
        """Build a result from influence values ``own`` of the observed rows; with a reason, all values are NaN."""
        if reason or own is None:
            value, psi = np.nan, np.full(self.n, np.nan)
        else:
            psi = self.influence(own)
        se = float(influence_se(psi, self.clusters))
        low, high = interval(value, se, self.confidence)
        alone = (objection("one-cluster"),) if self.clusters is not None and not self.clusters.any() else ()
        return kind(
            metric=metric,
            tier="prognostic",
            value=float(value),
            se=se,
            low=float(low),
            high=float(high),
            confidence=self.confidence,
            method=method,
            horizon=self.spec.horizon,
            n=self.count,
            reason=reason,
            influence=psi,
            clusters=self.clusters,
            objections=(*alone, *objections),
            **fields,
        )
