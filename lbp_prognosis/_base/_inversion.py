"""Survival given as risk is the commonest wrong number: say it where the mean gives it away."""

from __future__ import annotations

from lbp_prognosis._base._objection import Objection, objection

__all__ = ["inversion_objection"]


def inversion_objection(mean_risk: float, observed: float, model: str, horizon: float) -> Objection | None:
    """Return an objection if the mean risk fits the complement of what was observed much better than what was observed.

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
    """
    direct, inverted = abs(mean_risk - observed), abs(mean_risk - (1 - observed))
    if not (direct > 0.2 and inverted < direct / 3):
        return None
    name = f"of {model!r} " if model else ""
    return objection(
        "risk-looks-inverted", of=name, horizon=horizon, mean_risk=mean_risk, observed=observed, free=1 - observed
    )
