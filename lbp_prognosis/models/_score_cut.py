"""Risk at a cut of a predicted score: the cut of the call, or the one declared with the training outcome."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from lbp_prognosis._base import argument_error
from lbp_prognosis.survival import ScoreForecast

__all__ = ["risk_at_cut"]


def risk_at_cut(
    model: Any, cause: Any, at_most: Any, at_least: Any, *, maker: str
) -> Callable[[ScoreForecast], np.ndarray]:
    """Return the function from a predicted distribution to P(score at most, or at least, the cut), of shape (n,).

    Parameters
    ----------
    model : fitted model of scores
        With ``at_most_`` and ``at_least_``, the declared cut.
    cause : int
        Must be 1.
    at_most, at_least : float, array-like of shape (n,) or None
        The cut of the call.
    maker : str
        Constructor of the outcome, for the remedy.

    Raises
    ------
    ArgumentError
        If no cut or two cuts are known, or the cause is not 1.
    """
    if cause != 1:
        raise argument_error("cause", f"1 for {type(model).__name__}", cause)
    if at_most is None and at_least is None:
        at_most, at_least = model.at_most_, model.at_least_
    if (at_most is None) == (at_least is None):
        raise argument_error(
            "at_most",
            "given, or declared with the outcome",
            "neither" if at_most is None else "at_most and at_least",
            f"Say predict_risk(X, at_most=2), or {maker}(…, at_most=2) before the fit.",
        )
    if at_most is None:
        return lambda forecast: forecast.at_least(at_least)
    return lambda forecast: forecast.at_most(at_most)
