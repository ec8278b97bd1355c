"""Sensitivity of performance to covariate-dependent censoring."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from lbp_prognosis._base import (
    Objection,
    Result,
    check_horizons,
    check_risks,
    metric_frame,
    metric_title,
    objection,
    takes_rows,
)
from lbp_prognosis.evaluation import brier, time_dependent_auc
from lbp_prognosis.survival import CensoringCox, check_outcome

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["CensoringSensitivity", "censoring_sensitivity"]

_MATTERS = objection("censoring-depends-on-predictors")


@dataclass(frozen=True, repr=False)
class CensoringSensitivity(Result):
    """AUC, Brier score and IPA under marginal weights and under weights from a Cox model of the censoring.

    Attributes
    ----------
    table : DataFrame
        Evaluation columns; ``group`` is ``marginal weights`` or ``Cox weights``.
    hazard_ratios : Series
        Hazard ratios of being censored, by column.
    """

    table: pd.DataFrame = field(repr=False)
    hazard_ratios: pd.Series
    objections: tuple[Objection, ...] = ()
    synthetic: bool = False

    def shifts(self) -> pd.DataFrame:
        """Return ``model, metric, horizon, marginal, cox, shift, shift_in_se``."""
        keys = ["model", "metric", "horizon"]
        marginal, cox = (
            self.table[self.table["group"] == name].set_index(keys)[["value", "se"]].astype(float)
            for name in ("marginal weights", "Cox weights")
        )
        out = pd.DataFrame({"marginal": marginal["value"], "cox": cox["value"]})
        out["shift"] = out["cox"] - out["marginal"]
        out["shift_in_se"] = out["shift"] / marginal["se"]
        return out.reset_index()

    def to_frame(self) -> pd.DataFrame:
        """Return the table."""
        return self.table

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw every measure under both kinds of weights.

        Parameters
        ----------
        ax : Axes, optional
            Axes to draw on; a new figure by default.
        """
        from lbp_prognosis._draw import draw_estimates

        several = self.table["model"].nunique() > 1
        labels = [
            f"{f'{r.model}, ' if several else ''}{metric_title(str(r.metric))} at {r.horizon:g}"
            for r in self.table.itertuples()
        ]
        return draw_estimates(self.table.assign(label=labels, series=self.table["group"]), axis="value", ax=ax)

    def _summary(self) -> str:
        largest = self.shifts()["shift_in_se"].abs().max()
        return f"largest shift {largest:.2f} standard errors"


@takes_rows()
def censoring_sensitivity(
    y: np.ndarray, risks: Any, horizons: Any, X: Any, *, cause: int = 1, **keywords: Any
) -> CensoringSensitivity:
    """Evaluate with both kinds of censoring weights, side by side.

    Parameters
    ----------
    y : ndarray of shape (n,)
        Made by `Surv.right`.
    risks : array-like of shape (n,) or (n, n_horizons), or mapping from name to such arrays
        Predicted risks.
    horizons : float or sequence of float
        Prediction times.
    X : DataFrame of shape (n, p)
        Complete covariates that may have made patients leave.
    cause : int, default 1
        Event code of interest.
    **keywords
        Passed to `evaluation.prognostic.brier` and `time_dependent_auc`.

    Returns
    -------
    CensoringSensitivity
        With the objection ``censoring-depends-on-predictors`` if a measure moves by more than half its error.

    Notes
    -----
    Standard errors under Cox weights take the weights as known.
    """
    check_outcome(y, ("right",), caller="censoring_sensitivity", instead="For a Status use attrition_weights.")
    times, scalar = check_horizons(horizons)
    models = check_risks(risks, n=y.shape[0], n_horizons=times.size)
    ask: Any = float(times[0]) if scalar else times
    fitted = CensoringCox().fit(y, X)
    rows: list[dict[str, Any]] = []
    for label, censoring in (("marginal weights", "marginal"), ("Cox weights", fitted)):
        for name, risk in models.items():
            score = brier(y, risk, ask, cause=cause, censoring=censoring, **keywords)
            results = [time_dependent_auc(y, risk, ask, cause=cause, censoring=censoring, **keywords), score]
            results += [score.ipa] if score.ipa is not None else []
            rows += [{**row, "model": name, "group": label} for result in results for row in result.rows()]
    table = metric_frame(rows, extra=("target", "reference"))
    ratios = pd.Series(np.exp(fitted.coef_), index=list(fitted.feature_names_in_), name="hazard ratio of censoring")
    result = CensoringSensitivity(table, ratios, (), bool(getattr(X, "attrs", {}).get("synthetic", False)))
    if (result.shifts()["shift_in_se"].abs() > 0.5).any():
        result = CensoringSensitivity(table, ratios, (_MATTERS,), result.synthetic)
    return result
