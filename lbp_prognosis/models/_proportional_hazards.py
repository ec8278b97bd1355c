"""Result of the test of proportional hazards."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from lbp_prognosis._base import Result, argument_error

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["ProportionalHazardsTest"]


@dataclass(frozen=True, repr=False)
class ProportionalHazardsTest(Result):
    """Test of proportional hazards.

    Attributes
    ----------
    terms : tuple of str
        Predictors, then ``"GLOBAL"``.
    statistic, df, p_value : ndarray of shape (p + 1,)
        Score tests, χ² with ``df`` degrees of freedom.
    transform : str
        Scale of time.
    times, transformed : ndarray of shape (n_events,)
        Event times, in the unit of the outcome, and their values on that scale.
    scaled_residuals : ndarray of shape (n_events, p)
        Scaled Schoenfeld residuals plus the coefficient.
    coef : ndarray of shape (p,)
        Coefficients of the model.
    """

    terms: tuple[str, ...]
    statistic: np.ndarray
    df: np.ndarray
    p_value: np.ndarray
    transform: str
    times: np.ndarray
    transformed: np.ndarray
    scaled_residuals: np.ndarray
    coef: np.ndarray

    def to_frame(self) -> pd.DataFrame:
        """Return one row per term: ``term, statistic, df, p, transform``."""
        return pd.DataFrame(
            {
                "term": self.terms,
                "statistic": self.statistic,
                "df": self.df,
                "p": self.p_value,
                "transform": self.transform,
            }
        )

    def _summary(self) -> str:
        return f"global χ² {self.statistic[-1]:.2f} on {self.df[-1]} df, p {self.p_value[-1]:.3g} ({self.transform})"

    def plot(self, ax: Axes | None = None, *, term: str | None = None) -> Axes:
        """Draw the scaled residuals of one term against time, with the fitted trend.

        Parameters
        ----------
        ax : Axes, optional
            Axes of the plot; a new figure by default.
        term : str, optional
            The first term by default.
        """
        from lbp_prognosis._draw import draw_time_varying_effect

        name = self.terms[0] if term is None else term
        if name not in self.terms[:-1]:
            raise argument_error("term", f"one of {list(self.terms[:-1])}", name)
        j = self.terms.index(name)
        frame = pd.DataFrame(
            {"time": self.times, "transformed": self.transformed, "residual": self.scaled_residuals[:, j]}
        )
        return draw_time_varying_effect(frame, coef=float(self.coef[j]), label=name, ax=ax)
