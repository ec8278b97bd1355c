"""Calibration and decisions on the development patients by models of other samples."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from lbp_prognosis._base import (
    LBPError,
    Result,
    check_number,
    metric_frame,
    takes_rows,
)
from lbp_prognosis.evaluation import calibration
from lbp_prognosis.evaluation.utility import decision_curve

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["CalibrationInstability"]

_POINTS = 60


@dataclass(frozen=True, repr=False)
class CalibrationInstability(Result):
    """Calibration curves and net benefit of bootstrap models on the original patients, at one horizon.

    Attributes
    ----------
    grid : ndarray of shape (k,)
        Predicted risks of the event.
    final : ndarray of shape (k,)
        Observed risk at each of them for the final model (NaN outside its risks).
    curves : ndarray of shape (n_models, k)
        The same for each bootstrap model; NaN outside its risks, and everywhere where it has no curve.
    observed_expected, calibration_slope : ndarray of shape (n_models,)
        Of each bootstrap model on the original patients.
    thresholds : ndarray of shape (t,)
        Decision thresholds.
    net_benefit : ndarray of shape (n_models, t)
        Of each bootstrap model on the original patients.
    net_benefit_final : ndarray of shape (t,)
        Of the final model.
    """

    grid: np.ndarray = field(repr=False)
    final: np.ndarray = field(repr=False)
    curves: np.ndarray = field(repr=False)
    observed_expected: np.ndarray = field(repr=False)
    calibration_slope: np.ndarray = field(repr=False)
    thresholds: np.ndarray = field(repr=False)
    net_benefit: np.ndarray = field(repr=False)
    net_benefit_final: np.ndarray = field(repr=False)
    horizon: float
    target: str
    n: int
    model: str = ""

    @classmethod
    @takes_rows()
    def of(
        cls,
        y: np.ndarray,
        risk: np.ndarray,
        predictions: np.ndarray,
        horizon: float,
        thresholds: Any,
        *,
        cause: int,
        target: str,
        n_models: int,
        model: str,
    ) -> CalibrationInstability:
        """Draw a curve of the final model and of the first ``n_models``: ``predictions`` of shape (n_resamples, n)."""
        count = min(int(check_number("n_models", n_models, low=2, whole=True)), predictions.shape[0])
        options: dict[str, Any] = {"cause": cause, "n_resamples": 0}
        low, high = (float(v) for v in np.quantile(risk, [0.01, 0.99]))
        grid = np.linspace(low, high, _POINTS)
        drawn = [predictions[b].astype(float) for b in range(count)]
        kept = [_curve(y, r, horizon, grid, options) for r in (risk, *drawn)]
        levels = np.atleast_1d(np.asarray(thresholds, dtype=float)) if np.size(thresholds) else np.empty(0)
        benefit = np.full((count + 1, levels.size), np.nan)
        if levels.size:
            named = {str(b): r for b, r in enumerate((risk, *drawn))}
            found = decision_curve(y, named, horizon, levels, target=target, **options)
            benefit = found.value[: count + 1, 0]
        return cls(
            grid,
            kept[0][0],
            np.array([k[0] for k in kept[1:]]),
            np.array([k[1] for k in kept[1:]]),
            np.array([k[2] for k in kept[1:]]),
            levels,
            benefit[1:],
            benefit[0],
            float(horizon),
            target,
            y.shape[0],
            model,
        )

    def to_frame(self) -> pd.DataFrame:
        """Return the mean, and 2.5 and 97.5 per cent, over models: ``observed_expected``, ``calibration_slope``,
        ``net_benefit`` at each threshold."""
        common = {
            "model": self.model,
            "horizon": self.horizon,
            "n": self.n,
            "target": self.target,
            "confidence": 0.95,
            "method": f"percentiles of {len(self.curves)} bootstrap models",
        }
        rows = [
            {"metric": name, "tier": "prognostic", "threshold": np.nan, **_spread(values), **common}
            for name, values in (
                ("observed_expected", self.observed_expected),
                ("calibration_slope", self.calibration_slope),
            )
        ]
        rows += [
            {"metric": "net_benefit", "tier": "utility", "threshold": t, **_spread(self.net_benefit[:, k]), **common}
            for k, t in enumerate(self.thresholds)
        ]
        return metric_frame(rows, extra=("threshold", "target"))

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw every model's calibration curve on the original patients, and the final model's over them.

        Parameters
        ----------
        ax : Axes, optional
            Axes to draw on; a new figure by default.
        """
        from lbp_prognosis._draw import draw_overlaid

        return draw_overlaid(
            self.grid, self.final, self.curves, diagonal=True, xlabel="predicted risk", ylabel="observed risk", ax=ax
        )

    def plot_net_benefit(self, ax: Axes | None = None) -> Axes:
        """Draw every model's decision curve on the original patients, and the final model's over them.

        Parameters
        ----------
        ax : Axes, optional
            Axes to draw on; a new figure by default.
        """
        from lbp_prognosis._draw import draw_overlaid

        return draw_overlaid(
            self.thresholds,
            self.net_benefit_final,
            self.net_benefit,
            diagonal=False,
            xlabel="threshold risk at which one would act",
            ylabel="net benefit",
            ax=ax,
        )

    def _summary(self) -> str:
        low, high = np.nanquantile(self.calibration_slope, [0.025, 0.975])
        return f"{len(self.curves)} models, slopes {low:.2f} to {high:.2f} on the original patients"


def _curve(
    y: np.ndarray, risk: np.ndarray, horizon: float, grid: np.ndarray, options: dict[str, Any]
) -> tuple[np.ndarray, float, float]:
    try:
        found = calibration(y, risk, horizon, **options)
    except LBPError:  # a model that gives all the same risk has no curve
        return np.full(grid.size, np.nan), np.nan, np.nan
    curve = found.curves[0]
    observed = np.full(grid.size, np.nan)
    if curve.risk.size > 1 and not curve.reason:
        observed = np.interp(grid, curve.risk, curve.observed, left=np.nan, right=np.nan)
    return observed, float(found.observed_expected.value), float(found.calibration_slope.value)


def _spread(values: np.ndarray) -> dict[str, float]:
    known = values[np.isfinite(values)]
    if not known.size:
        return {"value": np.nan}
    low, high = np.quantile(known, [0.025, 0.975])
    return {"value": float(known.mean()), "low": float(low), "high": float(high)}
