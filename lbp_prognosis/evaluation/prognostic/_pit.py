"""``pit``: location and spread of predicted score distributions relative to the observed scores."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from lbp_prognosis._base import MetricResult, Objection, Result, check_number, metric_frame, takes_rows
from lbp_prognosis.evaluation.prognostic._score_setting import ScoreSetting

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["Pit", "pit"]


@dataclass(frozen=True, repr=False)
class Pit(Result):
    """Probability integral transform of scores.

    Attributes
    ----------
    edges : ndarray of shape (bins + 1,)
        Bin edges from 0 to 1.
    density, se : ndarray of shape (bins,)
        Height of the histogram (1 in all bins if the forecasts are correct), and its standard error.
    bias : MetricResult
        ``"pit_bias"``: mean of the transform − ½; positive if scores are higher than predicted.
    spread : MetricResult
        ``"pit_spread"``: variance of the transform divided by that of a uniform variable; above 1 if predicted
        distributions are too narrow, below 1 if they are too wide.
    """

    edges: np.ndarray
    density: np.ndarray
    se: np.ndarray
    bias: MetricResult
    spread: MetricResult
    model: str = ""
    objections: tuple[Objection, ...] = field(default=())

    @property
    def metrics(self) -> tuple[MetricResult, ...]:
        """Bias and spread."""
        return (self.bias, self.spread)

    def to_frame(self) -> pd.DataFrame:
        """Return bias and spread, with the columns of evaluation frames."""
        return metric_frame([row for result in self.metrics for row in result.rows()], extra=("target", "reference"))

    def histogram(self) -> pd.DataFrame:
        """Return the histogram: columns ``low, high, density, se``."""
        return pd.DataFrame({"low": self.edges[:-1], "high": self.edges[1:], "density": self.density, "se": self.se})

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the histogram with intervals.

        Parameters
        ----------
        ax : Axes, optional
            Axes to draw on; a new figure by default.
        """
        from lbp_prognosis._draw import draw_pit

        return draw_pit(self.histogram(), model=self.model, ax=ax)

    def _summary(self) -> str:
        return f"bias {self.bias.value:.3f}, spread {self.spread.value:.3f}, n = {self.bias.n}"


@takes_rows()
def pit(
    y: np.ndarray,
    forecast: Any,
    *,
    bins: int = 10,
    sample_weight: Any = None,
    clusters: Any = None,
    confidence: float = 0.95,
    min_at_risk: float = 10,
) -> Pit:
    """Return the probability integral transform of the scores, with the bias and spread of the forecasts.

    Parameters
    ----------
    y : ndarray of shape (n,)
        `Measured.at`; rows with a missing score are excluded.
    forecast : ScoreForecast
        Predicted distributions of the n patients.
    bins : int, default 10
        Number of bins of the histogram.
    sample_weight : array-like of shape (n,) or Weights, optional
        Row weights; `Weights` of kind ``"attrition"`` (see ``validation.attrition_weights``) weight the observed
        patients to represent all patients.
    clusters : array-like of shape (n,), optional
        Cluster of each row, e.g. patient or site, for the standard error.
    confidence : float, default 0.95
        Level of the interval.
    min_at_risk : float, default 10
        Smallest accepted number of observed scores; below it the value is NaN with a reason.

    Returns
    -------
    Pit
        Histogram, bias and spread.

    Notes
    -----
    A discrete distribution has no unique transform, so the transform of y is taken as uniform on (P(Y < y), P(Y ≤ y)),
    in expectation and without random numbers. If the forecasts are correct, the transform is uniform on (0, 1).

    References
    ----------
    Czado C, Gneiting T, Held L (2009). Biometrics 65:1254–1261. doi:10.1111/j.1541-0420.2009.01191.x

    Examples
    --------
    >>> from lbp_prognosis.survival import Measured, ScoreForecast
    >>> from lbp_prognosis.evaluation.prognostic import pit
    >>> y = Measured.at(12, [0, 1], lower=0, upper=1)
    >>> found = pit(y, ScoreForecast([0, 1], [[0.5, 0.5], [0.5, 0.5]]), bins=2, min_at_risk=0)
    >>> found.bias.value, found.density.tolist()
    (0.0, [1.0, 1.0])
    """
    check_number("bins", bins, low=2, whole=True)
    setting = ScoreSetting.check(
        y,
        caller="pit",
        sample_weight=sample_weight,
        clusters=clusters,
        confidence=confidence,
        min_at_risk=min_at_risk,
    )
    found, reason = setting.forecast(forecast), setting.reason
    edges = np.linspace(0, 1, bins + 1)
    density, error = np.full(bins, np.nan), np.full(bins, np.nan)
    bias: tuple[float, np.ndarray | None] = (np.nan, None)
    spread = bias
    if not reason:
        below = np.concatenate([np.zeros((len(found), 1)), found.cumulative()], axis=1)
        row = np.arange(len(found))
        low = below[row, np.searchsorted(found.levels, setting.value, side="left")]
        high = below[row, np.searchsorted(found.levels, setting.value, side="right")]
        first, second = (low + high) / 2, (low**2 + low * high + high**2) / 3
        mean, square = setting.mean(first), setting.mean(second)
        bias = (mean - 0.5, first - mean)
        spread = (12 * (square - mean**2), 12 * (second - square - 2 * mean * (first - mean)))
        density, error = _histogram(setting, low, high, edges)
    method = "uniform within the step of the score"
    return Pit(
        edges,
        density,
        error,
        setting.result("pit_bias", *bias, method=method, reason=reason),
        setting.result("pit_spread", *spread, method=method, reason=reason),
    )


def _histogram(
    setting: ScoreSetting, low: np.ndarray, high: np.ndarray, edges: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Mean share of the patients' intervals in each bin, divided by the bin width."""
    width = np.where(high > low, high - low, 1.0)[:, None]
    reached = np.clip((edges - low[:, None]) / width, 0.0, 1.0)
    reached[high <= low] = edges >= low[high <= low][:, None]
    reached[:, 0] = 0.0
    share = np.diff(reached, axis=1) * (edges.size - 1)
    mean = setting.weight @ share / setting.weight.sum()
    return mean, np.sqrt(np.diag(setting.covariance(share - mean)))
