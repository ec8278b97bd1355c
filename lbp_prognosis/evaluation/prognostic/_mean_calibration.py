"""``mean_calibration``: agreement of mean observed with predicted scores."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy.special import ndtri

from lbp_prognosis._base import MetricResult, Objection, Result, check_number, metric_frame, takes_rows
from lbp_prognosis._kernels import rcs_basis, rcs_knots
from lbp_prognosis.evaluation.prognostic._score_setting import ScoreSetting

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["MeanCalibration", "mean_calibration"]


@dataclass(frozen=True, repr=False)
class MeanCalibration(Result):
    """Calibration of predicted mean scores.

    Attributes
    ----------
    error : MetricResult
        ``"mean_error"``: mean observed − mean predicted score, in points.
    intercept, slope : MetricResult
        ``"mean_calibration_intercept"`` and ``"mean_calibration_slope"`` of the regression of observed on predicted
        scores.
    curve : DataFrame
        Columns ``predicted, observed, low, high``: a restricted cubic spline between the 1 % and 99 % quantiles of
        the predictions, with pointwise limits.
    groups : DataFrame
        Columns ``group, n, mean_predicted, observed, sd, low, high``: patients by tenths of the prediction.
    """

    error: MetricResult
    intercept: MetricResult
    slope: MetricResult
    curve: pd.DataFrame = field(compare=False)
    groups: pd.DataFrame = field(compare=False)
    model: str = ""
    objections: tuple[Objection, ...] = ()

    @property
    def metrics(self) -> tuple[MetricResult, ...]:
        """Error, intercept and slope."""
        return (self.error, self.intercept, self.slope)

    def to_frame(self) -> pd.DataFrame:
        """Return error, intercept and slope, with the columns of evaluation frames."""
        return metric_frame([row for result in self.metrics for row in result.rows()], extra=("target", "reference"))

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the curve with its band, the tenths with intervals, and the diagonal.

        Parameters
        ----------
        ax : Axes, optional
            Axes to draw on; a new figure by default.
        """
        from lbp_prognosis._draw import draw_mean_calibration

        return draw_mean_calibration(self.curve, self.groups, model=self.model, ax=ax)

    def _summary(self) -> str:
        return f"mean error {self.error.value:.3g}, slope {self.slope.value:.3g}, n = {self.error.n}"


@takes_rows()
def mean_calibration(
    y: np.ndarray,
    predicted: Any,
    *,
    n_groups: int = 10,
    sample_weight: Any = None,
    clusters: Any = None,
    confidence: float = 0.95,
    min_at_risk: float = 10,
) -> MeanCalibration:
    """Compare mean observed with predicted scores: overall, by a line, by a curve and by tenths.

    Parameters
    ----------
    y : ndarray of shape (n,)
        `Measured.at`; rows with a missing score are excluded.
    predicted : array-like of shape (n,) or ScoreForecast
        Predicted mean scores; for a forecast, its mean.
    n_groups : int, default 10
        Number of groups of equal size by the prediction; fewer groups if predictions are tied.
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
    MeanCalibration
        Ideal: error 0, intercept 0, slope 1. A slope below 1 means that predictions are too extreme.

    Notes
    -----
    Line and curve are fitted by least squares with sandwich standard errors, because scores near a floor do not have
    constant variance. The curve is a restricted cubic spline with four knots, three below 50 patients; it is a line if
    predictions take few values.

    References
    ----------
    Cox DR (1958). Biometrika 45:562–565. doi:10.1093/biomet/45.3-4.562

    Examples
    --------
    >>> from lbp_prognosis.survival import Measured
    >>> from lbp_prognosis.evaluation.prognostic import mean_calibration
    >>> y = Measured.at(12, [1, 2, 4, 5], lower=0, upper=10)
    >>> found = mean_calibration(y, [1, 2, 3, 4], n_groups=2, min_at_risk=0)
    >>> found.error.value, round(found.slope.value, 3)
    (0.5, 1.4)
    """
    check_number("n_groups", n_groups, low=1, whole=True)
    setting = ScoreSetting.check(
        y,
        caller="mean_calibration",
        sample_weight=sample_weight,
        clusters=clusters,
        confidence=confidence,
        min_at_risk=min_at_risk,
    )
    ahead, observed = setting.predicted(predicted, "mean"), setting.value
    reason = setting.reason
    error = np.nan if reason else setting.mean(observed - ahead)
    line: tuple[np.ndarray, np.ndarray | None] = (np.full(2, np.nan), None)
    unequal = reason
    curve = pd.DataFrame({name: np.empty(0) for name in ("predicted", "observed", "low", "high")})
    if not reason and np.ptp(ahead) > 1e-12 * max(float(np.abs(ahead).max()), 1.0):
        line = _least_squares(setting, np.column_stack([np.ones(ahead.size), ahead]))
        curve = _curve(setting, ahead)
    elif not reason:
        unequal = "all predictions are equal"
    own = [None, None] if line[1] is None else list(line[1].T)
    shared: dict[str, Any] = {"method": "least squares, sandwich errors", "reason": unequal}
    return MeanCalibration(
        setting.result(
            "mean_error", error, observed - ahead - error, method="patients whose score is known", reason=reason
        ),
        setting.result("mean_calibration_intercept", float(line[0][0]), own[0], **shared),
        setting.result("mean_calibration_slope", float(line[0][1]), own[1], **shared),
        curve,
        _groups(setting, ahead, n_groups),
    )


def _least_squares(setting: ScoreSetting, columns: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Regression coefficients of the observed scores on columns, and influence values of one copy of each row."""
    weighted = columns * setting.weight[:, None]
    bread = np.linalg.inv(weighted.T @ columns / setting.weight.sum())
    coef = bread @ (weighted.T @ setting.value) / setting.weight.sum()
    residual = setting.value - columns @ coef
    return coef, (columns * residual[:, None]) @ bread


def _curve(setting: ScoreSetting, ahead: np.ndarray) -> pd.DataFrame:
    count = 3 if ahead.size < 50 else 4
    knots = np.unique(rcs_knots(ahead, count)) if ahead.size > count else np.empty(0)

    def design(x: np.ndarray) -> np.ndarray:
        return np.column_stack([np.ones(x.size), rcs_basis(x, knots) if knots.size >= 3 else x])

    coef, own = _least_squares(setting, design(ahead))
    covariance = setting.covariance(own)
    first, last = np.quantile(ahead, [0.01, 0.99]).tolist()
    grid = np.linspace(first, last, 101)
    points = design(grid)
    half = np.sqrt(np.maximum(np.einsum("ij,jk,ik->i", points, covariance, points), 0))
    half *= ndtri(0.5 + setting.confidence / 2)
    middle = points @ coef
    return pd.DataFrame({"predicted": grid, "observed": middle, "low": middle - half, "high": middle + half})


def _groups(setting: ScoreSetting, ahead: np.ndarray, groups: int) -> pd.DataFrame:
    rows: list[dict[str, float]] = []
    edges = np.unique(np.quantile(ahead, np.linspace(0, 1, groups + 1)[1:-1])) if ahead.size else np.empty(0)
    place = np.searchsorted(edges, ahead, side="left")
    for group in np.unique(place):
        chosen = place == group
        weight = np.where(chosen, setting.weight, 0.0)
        share = weight.sum()
        mean = float(weight @ setting.value / share)
        apart = np.where(chosen, setting.value - mean, 0.0)
        se = float(np.sqrt(setting.covariance((apart * setting.weight.sum() / share)[:, None])[0, 0]))
        half = float(ndtri(0.5 + setting.confidence / 2)) * se
        rows.append(
            {
                "group": len(rows) + 1,
                "n": round(float(share)) if setting.frequency else int(chosen.sum()),
                "mean_predicted": float(weight @ ahead / share),
                "observed": mean,
                "sd": float(np.sqrt(weight @ apart**2 / share)),
                "low": mean - half,
                "high": mean + half,
            }
        )
    return pd.DataFrame(rows, columns=["group", "n", "mean_predicted", "observed", "sd", "low", "high"])
