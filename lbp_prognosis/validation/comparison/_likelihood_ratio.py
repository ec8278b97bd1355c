"""Likelihood ratio test of nested fits, and the fraction of new information."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from lbp_prognosis._base import Result, argument_error, chi2, metric_frame, takes_rows

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["LikelihoodRatio", "likelihood_ratio"]


@dataclass(frozen=True, repr=False)
class LikelihoodRatio(Result):
    """Likelihood-ratio test of nested fits on the same patients, and the fraction of new information.

    Attributes
    ----------
    statistic, df, p : float
        2 (log L_with − log L_without), added parameters, χ² p-value. For models of several causes, likelihood and
        parameters cover all causes together.
    lr_without, lr_with : float
        Likelihood-ratio χ² of each fit against no predictors.
    fraction_new : float
        1 − lr_without / lr_with.
    fraction_new_adjusted : float
        Fraction with each χ² reduced by its number of parameters.
    fraction_new_variance : float
        1 − var(lp_without) / var(lp_with), for models of several causes, of the cause of interest.
    """

    statistic: float
    df: int
    p: float
    lr_without: float
    lr_with: float
    fraction_new: float
    fraction_new_adjusted: float
    fraction_new_variance: float
    n: int
    added: str = ""

    def to_frame(self) -> pd.DataFrame:
        """Return rows ``likelihood_ratio`` (with its p-value as a special column) and the fractions."""
        common = {"model": self.added, "tier": "prognostic", "n": self.n, "method": "apparent, nested fits"}
        rows: list[dict[str, Any]] = [
            {"metric": "likelihood_ratio", "value": self.statistic, "df": self.df, "p": self.p, **common}
        ]
        for name in ("fraction_new", "fraction_new_adjusted", "fraction_new_variance"):
            rows.append({"metric": name, "value": getattr(self, name), **common})
        return metric_frame(rows, extra=("df", "p"))

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the χ² of both fits against no predictors.

        Parameters
        ----------
        ax : Axes, optional
            Axes to draw on; a new figure by default.
        """
        from lbp_prognosis._draw import draw_estimates

        words = ("without", "with")
        rows = pd.DataFrame(
            {"label": [f"{w} {self.added}".strip() for w in words], "value": [self.lr_without, self.lr_with]}
        )
        return draw_estimates(rows, axis=f"likelihood-ratio χ²; {self._summary()}", neutral=0.0, digits=".1f", ax=ax)

    def _summary(self) -> str:
        return f"χ² {self.statistic:.3g} on {self.df} df, p = {self.p:.3g}; {self.fraction_new:.1%} of information new"


@takes_rows(X_without="matrix", X_with="matrix")
def likelihood_ratio(
    without: Any, with_: Any, X_without: Any, X_with: Any, *, added: str = "", cause: int = 1
) -> LikelihoodRatio:
    """Test the added parameters of a fit against a nested fit.

    Parameters
    ----------
    without, with_ : fitted models
        With ``log_likelihood_``, ``log_likelihood_null_``, ``coef_`` and ``linear_predictor``, unpenalised, fitted on
        the same patients. A model without predictors may be the smaller one.
    X_without, X_with : DataFrame or array of shape (n, p)
        Development predictors of each model.
    added : str, default ""
        Name of the added predictors.
    cause : int, default 1
        Event code of the linear predictor, for models of several causes (`CauseSpecificCox`, `DiscreteTimeHazard`).

    Notes
    -----
    The test is the most powerful test of association; it does not assess prediction in new patients. The likelihood of
    cause-specific hazards is a product over causes (Prentice et al. 1978, doi:10.2307/2530374): the log ratio, summed
    over causes, tests association of the added predictors with any cause.
    """
    for name, model in (("without", without), ("with_", with_)):
        for attribute in ("log_likelihood_", "log_likelihood_null_", "coef_", "linear_predictor"):
            if not hasattr(model, attribute):
                raise argument_error(
                    name,
                    f"a fitted model with `{attribute}`",
                    type(model).__name__,
                    "Models without a likelihood are compared by cross-fitted scores.",
                )
    if X_without.shape[0] != X_with.shape[0]:
        raise argument_error(
            "X_with",
            f"the same {X_without.shape[0]} patients",
            f"{X_with.shape[0]} rows",
            "Missing values must be handled in the same way in both fits.",
        )
    lr = [2 * (m.log_likelihood_ - m.log_likelihood_null_) for m in (without, with_)]
    size = [_parameters(m) for m in (without, with_)]
    df = size[1] - size[0]
    statistic = float(lr[1] - lr[0])
    if df < 1 or statistic < -1e-6:
        raise argument_error(
            "with_", "a fit that contains the other and more", f"{df} more coefficients, χ² {statistic:.3g}"
        )
    spread = [float(np.var(_linear_predictor(m, X, cause), ddof=1)) for m, X in ((without, X_without), (with_, X_with))]
    adjusted = (lr[0] - size[0]) / (lr[1] - size[1]) if lr[1] > size[1] else float("nan")
    return LikelihoodRatio(
        statistic=statistic,
        df=df,
        p=float(chi2.sf(max(statistic, 0.0), df)),
        lr_without=float(lr[0]),
        lr_with=float(lr[1]),
        fraction_new=float(1 - lr[0] / lr[1]),
        fraction_new_adjusted=float(1 - adjusted),
        fraction_new_variance=float(1 - spread[0] / spread[1]),
        n=int(X_with.shape[0]),
        added=added,
    )


def _parameters(model: Any) -> int:
    """Count the coefficients that are estimated, of all causes."""
    coef = model.coef_
    parts = list(coef.values()) if isinstance(coef, Mapping) else [coef]
    return sum(int(np.count_nonzero(np.asarray(part))) for part in parts)


def _linear_predictor(model: Any, X: Any, cause: int) -> np.ndarray:
    several = isinstance(model.coef_, Mapping) or np.ndim(model.coef_) == 2
    found: np.ndarray = model.linear_predictor(X, cause) if several else model.linear_predictor(X)
    return found
