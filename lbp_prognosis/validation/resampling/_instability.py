"""Instability of individual risks over development samples."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from lbp_prognosis._base import (
    Objection,
    Result,
    check_thresholds,
    metric_frame,
    objection,
    takes_rows,
)
from lbp_prognosis._kernels import reaches

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["Instability"]

_UNSTABLE = objection("unstable-risks")
_FLIPPING = objection("unstable-decisions")


@dataclass(frozen=True, repr=False)
class Instability(Result):
    """Instability of individual predictions over bootstrap models.

    Attributes
    ----------
    risk : ndarray of shape (n, n_horizons)
        Risk by the final model.
    mape : ndarray of shape (n_horizons,)
        Mean absolute prediction error: |risk of a bootstrap model − risk of the final model|, averaged over models and
        patients.
    mape_patient : ndarray of shape (n, n_horizons)
        The same by patient.
    low, high : ndarray of shape (n, n_horizons)
        2.5 and 97.5 per cent of a patient's bootstrap risks.
    thresholds : ndarray of shape (k,)
        Decision thresholds.
    classification : ndarray of shape (n, n_horizons, k)
        Proportion of models whose decision differs from that of the final model.
    """

    risk: np.ndarray
    mape: np.ndarray
    mape_patient: np.ndarray = field(repr=False)
    low: np.ndarray = field(repr=False)
    high: np.ndarray = field(repr=False)
    thresholds: np.ndarray = field(repr=False)
    classification: np.ndarray = field(repr=False)
    horizons: np.ndarray = field(repr=False)
    n_resamples: int = 0
    model: str = ""
    target: str = "event"
    objections: tuple[Objection, ...] = ()

    @classmethod
    @takes_rows()
    def of(
        cls,
        risk: np.ndarray,
        predictions: np.ndarray,
        y: np.ndarray,
        horizons: np.ndarray,
        thresholds: Any,
        target: str,
        model: str,
    ) -> Instability:
        """Summarise the original patients' risks by bootstrap models: ``predictions`` (n_resamples, n, n_horizons)."""
        grid = check_thresholds(thresholds) if np.size(thresholds) else np.empty(0)
        away = np.abs(predictions - risk[None].astype(np.float32)).mean(axis=0, dtype=float)
        low, high = np.quantile(predictions, [0.025, 0.975], axis=0)
        final, drawn = (1 - risk, 1 - predictions) if target == "no_event" else (risk, predictions)
        flips = np.empty((*risk.shape, grid.size))
        for k, t in enumerate(grid):
            flips[..., k] = (reaches(drawn, t) != reaches(final, t)[None]).mean(axis=0)
        mape = away.mean(axis=0)
        doubts = (_UNSTABLE,) if (mape > 0.05).any() else ()
        if grid.size and (flips.mean(axis=0) > 0.10).any():
            doubts = (*doubts, _FLIPPING)
        return cls(risk, mape, away, low, high, grid, flips, horizons, predictions.shape[0], model, target, doubts)

    def to_frame(self) -> pd.DataFrame:
        """Return rows ``mape``, ``mape_max``, ``interval_width`` (mean) and ``classification_instability``."""
        common = {
            "model": self.model,
            "tier": "prognostic",
            "n": self.risk.shape[0],
            "method": f"{self.n_resamples} bootstrap models",
        }
        rows: list[dict[str, Any]] = []
        for h, horizon in enumerate(self.horizons):
            values = {
                "mape": self.mape[h],
                "mape_max": self.mape_patient[:, h].max(),
                "interval_width": (self.high[:, h] - self.low[:, h]).mean(),
            }
            rows += [{"metric": k, "value": float(v), "horizon": horizon, **common} for k, v in values.items()]
            rows += [
                {
                    "metric": "classification_instability",
                    "value": float(self.classification[:, h, k].mean()),
                    "horizon": horizon,
                    "threshold": t,
                    **common,
                }
                for k, t in enumerate(self.thresholds)
            ]
        return metric_frame(rows, extra=("threshold",))

    def plot(self, ax: Axes | None = None, horizon: int = 0) -> Axes:
        """Draw each patient's interval over bootstrap models against the risk by the final model."""
        from lbp_prognosis._draw import draw_instability

        return draw_instability(self.risk[:, horizon], self.low[:, horizon], self.high[:, horizon], ax=ax)

    def _summary(self) -> str:
        return f"mean absolute prediction error {np.round(self.mape, 4).tolist()}, {self.n_resamples} models"
