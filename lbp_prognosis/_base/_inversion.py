"""Survival given as risk is the commonest wrong number: say it where the mean gives it away."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from lbp_prognosis._base._objection import Objection, objection

__all__ = ["inversion_objection", "known_area"]


def inversion_objection(
    mean_risk: float, observed: float, model: str, horizon: float, area: Callable[[], float] | None = None
) -> Objection | None:
    """Return an objection if the mean risk fits the complement of what was observed much better than what was observed.

    A risk that ranks patients rightly is not inverted, however far its mean is off.

    Parameters
    ----------
    mean_risk : float
        Mean predicted risk.
    observed : float
        Kaplan–Meier or Aalen–Johansen risk of the same event at the same horizon.
    model : str
        Name for the sentence.
    horizon : float
        Horizon for the sentence.
    area : callable, optional
        Gives the area under the curve at the horizon; called only if the mean is suspicious.
    """
    direct, inverted = abs(mean_risk - observed), abs(mean_risk - (1 - observed))
    if not (direct > 0.2 and inverted < direct / 3):
        return None
    if area is not None and area() > 0.5:
        return None
    name = f"of {model!r} " if model else ""
    return objection(
        "risk-looks-inverted", of=name, horizon=horizon, mean_risk=mean_risk, observed=observed, free=1 - observed
    )


def known_area(risk: np.ndarray, case: np.ndarray, weight: np.ndarray) -> float:
    """Return the area under the curve of risks (n,) among known states, NaN without both states.

    Parameters
    ----------
    risk : ndarray of shape (n,)
        Risks.
    case : ndarray of bool of shape (n,)
        Whether the event happened by the horizon.
    weight : ndarray of shape (n,)
        Weights of the rows; 0 where the state is unknown.
    """
    _, place = np.unique(risk, return_inverse=True)
    cases = np.bincount(place, weights=np.where(case, weight, 0.0))
    others = np.bincount(place, weights=np.where(case, 0.0, weight))
    pairs = cases.sum() * others.sum()
    return float(np.sum(cases * (np.cumsum(others) - others / 2)) / pairs) if pairs > 0 else np.nan
