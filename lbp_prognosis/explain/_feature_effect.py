"""``feature_effect``: effect of one column on the risk, by accumulated local effects or by partial dependence."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from lbp_prognosis._base import (
    Result,
    argument_error,
    check_choice,
    check_number,
    numbers_in,
    takes_rows,
)
from lbp_prognosis.explain._worth import output_function, table_of

__all__ = ["FeatureEffect", "feature_effect"]


@dataclass(frozen=True, repr=False)
class FeatureEffect(Result):
    """The effect of one column, centred.

    Attributes
    ----------
    feature : str
        Column.
    grid : ndarray of shape (n_bins + 1,)
        Edges of the bins.
    effect : ndarray of shape (n_bins + 1, n_outputs)
        Effect at the edges; mean zero over the rows.
    kind : {"ale", "partial"}
        Accumulated local effects, or partial dependence.
    scale : str
        Scale of the effect: ``"risk"``, or the scale of the linear predictor, e.g. ``"log_hazard"``.
    horizons : ndarray or None
        On the risk scale.
    n : int
        Rows.
    """

    feature: str
    grid: np.ndarray
    effect: np.ndarray
    kind: str
    scale: str
    horizons: np.ndarray | None
    n: int
    synthetic: bool = False

    def to_frame(self) -> pd.DataFrame:
        """Return ``feature, kind, scale, horizon, at, effect, n``."""
        outputs = self.effect.shape[1]
        horizons = np.full(outputs, np.nan) if self.horizons is None else self.horizons
        return pd.DataFrame(
            {
                "feature": self.feature,
                "kind": self.kind,
                "scale": self.scale,
                "horizon": np.tile(horizons, self.grid.size),
                "at": np.repeat(self.grid, outputs),
                "effect": self.effect.ravel(),
                "n": self.n,
            }
        )

    def plot(self, ax: Any = None) -> Any:
        """Draw the effect against the column."""
        from lbp_prognosis._draw import draw_feature_effect

        return draw_feature_effect(self.to_frame(), ax=ax)

    def _summary(self) -> str:
        return f"{self.kind} of {self.feature}, {self.scale}, {self.n} rows"


@takes_rows()
def feature_effect(
    estimator: Any,
    X: Any,
    feature: str,
    *,
    kind: str = "ale",
    scale: str = "risk",
    horizons: Any = None,
    cause: int = 1,
    n_bins: int = 10,
) -> FeatureEffect:
    """Estimate the effect of one numeric column on the mean output.

    Parameters
    ----------
    estimator : fitted model
        With ``predict_risk`` or ``linear_predictor``.
    X : DataFrame of shape (n, p)
        Rows over which effects are averaged.
    feature : str
        Column.
    kind : {"ale", "partial"}, default "ale"
        Accumulated local effects change the column only within the bin of each row, so that correlated columns keep
        plausible values; partial dependence sets every row to every value.
    scale : {"linear_predictor", "log_hazard", "risk", "mean"}, default "risk"
        Output, as in `shap_values`.
    horizons : float or sequence of float, optional
        Prediction times, on the risk scale.
    cause : int, default 1
        Event code.
    n_bins : int, default 10
        Bins, between quantiles of the column.

    References
    ----------
    Apley DW, Zhu J. Visualizing the effects of predictor variables in black box supervised learning models. JRSS B
    2020;82:1059-1086. doi:10.1111/rssb.12377
    """
    check_choice("kind", kind, ("ale", "partial"))
    rows = table_of("X", X)
    if feature not in rows.columns:
        raise argument_error("feature", "a column of `X`", feature)
    bins = int(check_number("n_bins", n_bins, low=1, whole=True))
    function, times, named = output_function(estimator, scale, horizons, cause)
    values = numbers_in(rows, [feature])[:, 0]
    grid = np.unique(np.quantile(values, np.linspace(0, 1, bins + 1)))
    if grid.size < 2:
        raise argument_error("feature", "a column with at least two values", feature)
    if kind == "partial":
        effect = np.stack([function(rows.assign(**{feature: at})).mean(axis=0) for at in grid])
        return FeatureEffect(
            feature,
            grid,
            effect - function(rows).mean(axis=0),
            kind,
            named,
            times,
            len(rows),
            bool(rows.attrs.get("synthetic", False)),
        )
    inside = np.clip(np.searchsorted(grid, values, side="right") - 1, 0, grid.size - 2)
    step = function(rows.assign(**{feature: grid[inside + 1]})) - function(rows.assign(**{feature: grid[inside]}))
    counts = np.bincount(inside, minlength=grid.size - 1)
    sums = np.stack([np.bincount(inside, weights=column, minlength=grid.size - 1) for column in step.T], axis=1)
    local = np.divide(sums, counts[:, None], out=np.zeros_like(sums), where=counts[:, None] > 0)
    effect = np.vstack([np.zeros((1, step.shape[1])), np.cumsum(local, axis=0)])
    effect -= (counts[:, None] * (effect[:-1] + effect[1:]) / 2).sum(axis=0) / counts.sum()
    return FeatureEffect(feature, grid, effect, kind, named, times, len(rows), bool(rows.attrs.get("synthetic", False)))
