"""Result of a bootstrap validation: apparent performance, optimism and corrected performance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pandas as pd

from lbp_prognosis._base import Objection, Result, argument_error, metric_frame, metric_title
from lbp_prognosis.evaluation.utility import DevelopmentValue, development_value
from lbp_prognosis.validation.resampling._calibration_instability import CalibrationInstability
from lbp_prognosis.validation.resampling._fixed_by_fit import FIXED_BY_FIT
from lbp_prognosis.validation.resampling._instability import Instability

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["BootstrapValidation", "mean_defined", "p632_plus"]


@dataclass(frozen=True, repr=False)
class BootstrapValidation(Result):
    """Optimism-corrected performance.

    Attributes
    ----------
    names : tuple of (metric, horizon, threshold)
        Measures, in the order of the columns.
    apparent : ndarray of shape (k,)
        Performance on the development data.
    optimism : ndarray of shape (k,)
        Mean over resamples of performance in the resample minus performance on the development data.
    corrected : ndarray of shape (k,)
        Performance corrected by ``method``.
    low, high : ndarray of shape (k,)
        Interval of ``corrected``.
    resampled, tested, out_of_bag : ndarray of shape (n_resamples, k)
        Performance of each resample's model in the resample, on the development data, and on rows left out.
    no_information : ndarray of shape (k,)
        Values for uninformative predictions (for .632+).
    n_failed : int
        Fits that failed and were drawn again.
    predictions : ndarray of shape (n_resamples, n, n_horizons) or None
        Risk of each original patient from each resample's model (float32).
    """

    sample: ClassVar[str] = "internal"  # what `Evidence` takes the numbers for

    names: tuple[tuple[str, float, float], ...]
    method: str
    interval_method: str
    apparent: np.ndarray
    optimism: np.ndarray
    corrected: np.ndarray
    low: np.ndarray
    high: np.ndarray
    confidence: float
    resampled: np.ndarray = field(repr=False)
    tested: np.ndarray = field(repr=False)
    out_of_bag: np.ndarray = field(repr=False)
    no_information: np.ndarray = field(repr=False)
    n: int = 0
    n_events: int = 0
    n_failed: int = 0
    model: str = ""
    cause: int = 1
    target: str = "event"
    risk: np.ndarray | None = field(default=None, repr=False)
    predictions: np.ndarray | None = field(default=None, repr=False)
    y: np.ndarray | None = field(default=None, repr=False)
    horizons: np.ndarray | None = field(default=None, repr=False)
    objections: tuple[Objection, ...] = ()
    synthetic: bool = False

    @property
    def mean_out_of_bag(self) -> np.ndarray:
        """Mean performance on rows left out."""
        return mean_defined(self.out_of_bag)

    @property
    def p632(self) -> np.ndarray:
        """0.368 apparent + 0.632 out-of-bag."""
        return 0.368 * self.apparent + 0.632 * self.mean_out_of_bag

    @property
    def p632_plus(self) -> np.ndarray:
        """Efron and Tibshirani's .632+, where a no-information value is defined; .632 elsewhere."""
        return p632_plus(self.apparent, self.mean_out_of_bag, self.no_information)

    def at(self, metric: str, horizon: float | None = None, threshold: float | None = None) -> pd.Series:
        """Return one measure: ``apparent, optimism, corrected, low, high, out_of_bag, p632, p632_plus``."""
        for k, (name, h, t) in enumerate(self.names):
            same_h = horizon is None or np.isclose(h, horizon)
            same_t = threshold is None or np.isclose(t, threshold)
            if name == metric and same_h and same_t:
                return pd.Series(
                    {
                        "apparent": self.apparent[k],
                        "optimism": self.optimism[k],
                        "corrected": self.corrected[k],
                        "low": self.low[k],
                        "high": self.high[k],
                        "out_of_bag": self.mean_out_of_bag[k],
                        "p632": self.p632[k],
                        "p632_plus": self.p632_plus[k],
                    }
                )
        raise argument_error("metric", f"one of {sorted({name for name, _, _ in self.names})}", metric)

    def instability(self, thresholds: Any = ()) -> Instability:
        """Return the instability of individual risks over samples; needs ``keep_predictions=True``."""
        if self.predictions is None or self.risk is None or self.y is None or self.horizons is None:
            raise argument_error("keep_predictions", "True for instability", "False", "Validate again and keep them.")
        return Instability.of(self.risk, self.predictions, self.y, self.horizons, thresholds, self.target, self.model)

    def calibration_instability(
        self, horizon: float | None = None, *, thresholds: Any = (), n_models: int = 100
    ) -> CalibrationInstability:
        """Return calibration curves, and net benefit, of the resamples' models on the original patients.

        Needs ``keep_predictions=True``.

        Parameters
        ----------
        horizon : float, optional
            The last by default.
        thresholds : array-like, default ()
            Decision thresholds.
        n_models : int, default 100
            Models whose curves are drawn.

        References
        ----------
        Riley RD, Collins GS. Stability of clinical prediction models developed using statistical or machine learning
        methods. Biom J 2023;65(8):2200302. doi:10.1002/bimj.202200302
        """
        risk, predictions, tau, y = self._kept(horizon, "the instability of calibration")
        return CalibrationInstability.of(
            y,
            risk,
            predictions,
            tau,
            thresholds,
            cause=self.cause,
            target=self.target,
            n_models=n_models,
            model=self.model,
        )

    def _kept(self, horizon: float | None, what: str) -> tuple[np.ndarray, np.ndarray, float, np.ndarray]:
        """Risks of the final model and of the resamples' models at one horizon, the horizon, and the outcome."""
        if self.predictions is None or self.risk is None or self.y is None or self.horizons is None:
            raise argument_error("keep_predictions", f"True for {what}", "False", "Validate again and keep them.")
        tau = float(self.horizons[-1] if horizon is None else horizon)
        place = np.flatnonzero(np.isclose(self.horizons, tau))
        if place.size == 0:
            raise argument_error("horizon", f"one of {self.horizons.tolist()}", horizon)
        k = int(place[0])
        return self.risk[:, k], self.predictions[:, :, k], tau, self.y

    def development_value(self, thresholds: Any, horizon: float | None = None) -> DevelopmentValue:
        """Return the value of perfect information at development; needs ``keep_predictions=True``.

        Parameters
        ----------
        thresholds : array-like
            Decision thresholds.
        horizon : float, optional
            The last by default.

        Notes
        -----
        Risks of the original patients by the resamples' models serve as draws of the right risks (see
        `evaluation.utility.development_value`).
        """
        risk, predictions, tau, _ = self._kept(horizon, "the value of development")
        return development_value(risk, predictions, thresholds, target=self.target, horizon=tau, model=self.model)

    def decision_curve(self, horizon: float | None = None) -> pd.DataFrame:
        """Return the corrected decision curve: ``horizon, threshold, apparent, corrected, low, high``."""
        rows = [
            {
                "horizon": h,
                "threshold": t,
                "apparent": self.apparent[k],
                "corrected": self.corrected[k],
                "low": self.low[k],
                "high": self.high[k],
            }
            for k, (name, h, t) in enumerate(self.names)
            if name == "net_benefit" and (horizon is None or np.isclose(h, horizon))
        ]
        return pd.DataFrame(rows, columns=["horizon", "threshold", "apparent", "corrected", "low", "high"])

    def to_frame(self) -> pd.DataFrame:
        """Return one row per measure: ``value`` is corrected; then ``threshold, apparent, optimism``."""
        rows = [
            {
                "model": self.model,
                "tier": "utility" if name == "net_benefit" else "prognostic",
                "metric": name,
                "cause": self.cause,
                "horizon": h,
                "value": self.corrected[k],
                "low": self.low[k],
                "high": self.high[k],
                "confidence": self.confidence,
                "method": f"bootstrap {self.method}, {self._kind(name)} interval",
                "n": self.n,
                "n_events": self.n_events,
                "threshold": t,
                "apparent": self.apparent[k],
                "optimism": self.optimism[k],
                "target": self.target,
                "reason": "" if np.isfinite(self.corrected[k]) else "not defined in the data or in every resample",
            }
            for k, (name, h, t) in enumerate(self.names)
        ]
        return metric_frame(rows, extra=("threshold", "target", "apparent", "optimism"))

    def plot(
        self, ax: Axes | None = None, *, metrics: Sequence[str] | None = None, horizon: float | None = None
    ) -> Axes:
        """Draw corrected measures with intervals, and apparent measures (hollow); the difference is the optimism.

        Parameters
        ----------
        ax : Axes, optional
            Axes to draw on; a new figure by default.
        metrics : sequence of str, optional
            Names of measures; by default those that share an axis from zero to about one.
        horizon : float, optional
            One prediction time; all by default.
        """
        from lbp_prognosis._draw import draw_estimates

        names = [name for name, _, _ in self.names]
        unknown = sorted(set(metrics or ()) - set(names))
        if unknown:
            raise argument_error("metrics", f"some of {sorted(set(names))}", unknown)
        rows = [
            {
                "label": _label(name, h, t, self.horizons),
                "value": self.corrected[k],
                "low": self.low[k],
                "high": self.high[k],
                "other": self.apparent[k],
            }
            for k, (name, h, t) in enumerate(self.names)
            if name in (metrics or _SHOWN)
            and (horizon is None or np.isnan(h) or np.isclose(h, horizon))
            and (metrics is not None or np.isfinite(self.corrected[k]))
        ]
        return draw_estimates(
            pd.DataFrame(rows, columns=["label", "value", "low", "high", "other"]),
            hollow="apparent",
            axis=f"corrected by {self.resampled.shape[0]} resamples ({self.method}), {self.confidence:.0%} intervals",
            ax=ax,
        )

    def figure(self, horizon: float | None = None) -> Figure:
        """Draw one page: measures, the decision curve if thresholds were given, and instability if risks were kept.

        Parameters
        ----------
        horizon : float, optional
            The last by default.
        """
        from lbp_prognosis._draw import draw_page

        times = np.array([h for _, h, _ in self.names if np.isfinite(h)]) if self.horizons is None else self.horizons
        tau = float(times[-1] if horizon is None else horizon)
        panels: list[tuple[float, Any]] = [(2.0, lambda ax: self.plot(ax, horizon=tau))]
        if len(self.decision_curve(tau)):
            panels.append((2.0, lambda ax: self._decision_panel(tau, ax)))
        if self.predictions is not None:
            place = int(np.flatnonzero(np.isclose(times, tau))[0])
            panels.append((1.0, lambda ax: self.instability().plot(ax, place)))
        return draw_page(panels)

    def _decision_panel(self, horizon: float, ax: Axes) -> Axes:
        from lbp_prognosis._draw import draw_thresholds

        curve = self.decision_curve(horizon)
        return draw_thresholds(
            pd.concat(
                [
                    curve.assign(value=curve["corrected"], series="corrected"),
                    curve[["threshold"]].assign(value=curve["apparent"], series="apparent"),
                ]
            ),
            axis="net benefit (true positives per patient)",
            ax=ax,
        )

    def _kind(self, name: str) -> str:
        given = self.interval_method == "shifted" and name in FIXED_BY_FIT
        return "influence" if given else self.interval_method

    def _summary(self) -> str:
        return (
            f"{self.model}, {self.method}, {self.resampled.shape[0]} resamples, {self.n} rows, {self.n_failed} failed"
        )


# measures that an axis from zero to about one shows together
_SHOWN = ("concordance", "auc", "dxy", "nagelkerke_r2", "calibration_slope", "observed_expected", "brier", "ipa")


def _label(name: str, horizon: float, threshold: float, horizons: np.ndarray | None) -> str:
    """Name a measure, with its time where there are several."""
    words = metric_title(name)
    if np.isfinite(horizon) and (horizons is None or horizons.size > 1):
        words += f", {horizon:g}"
    return words + (f" at {threshold:.3g}" if np.isfinite(threshold) else "")


def mean_defined(values: np.ndarray) -> np.ndarray:
    """Mean over resamples in which a measure is defined (NaN if in none)."""
    known = np.isfinite(values)
    count = known.sum(axis=0)
    return np.where(count > 0, np.where(known, values, 0).sum(axis=0) / np.maximum(count, 1), np.nan)


def p632_plus(apparent: np.ndarray, outside: np.ndarray, nothing: np.ndarray) -> np.ndarray:
    """Weigh apparent and out-of-bag performance by the relative overfitting; .632 where nothing is known of no effect.

    Efron B, Tibshirani R (1997). JASA 92:548–560. doi:10.1080/01621459.1997.10474007
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        # out-of-bag performance is limited to that of no information
        worse = np.where(nothing >= apparent, np.minimum(outside, nothing), np.maximum(outside, nothing))
        rate = np.clip((worse - apparent) / (nothing - apparent), 0.0, 1.0)
        weight = 0.632 / (1 - 0.368 * rate)
        plus = (1 - weight) * apparent + weight * worse
    return np.where(np.isfinite(nothing) & np.isfinite(rate), plus, 0.368 * apparent + 0.632 * outside)
