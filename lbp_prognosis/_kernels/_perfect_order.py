"""Limits of an area under the curve that is exactly 0 or 1, where no influence value says how uncertain it is."""

from __future__ import annotations

from scipy.optimize import brentq
from scipy.special import ndtri

__all__ = ["perfect_order_limits"]


def perfect_order_limits(value: float, cases: float, controls: float, confidence: float) -> tuple[float, float]:
    """Return Newcombe's limits (method 5) of an area of 0 or 1.

    The limit θ solves ``|value − θ| = z √V(θ)`` with
    ``V(θ) = θ(1 − θ)[1 + N((1 − θ)/(2 − θ) + θ/(1 + θ))]/(mn)`` and ``N = (m + n)/2 − 1`` for m cases and n controls.

    Parameters
    ----------
    value : float
        0 or 1.
    cases, controls : float
        How many there are, at least one each.
    confidence : float
        Level in (0, 1).

    References
    ----------
    Newcombe RG (2006). Confidence intervals for an effect size measure based on the Mann–Whitney statistic. Part 2.
    Stat Med 25:559–573. doi:10.1002/sim.2324
    """
    square, half = float(ndtri(0.5 + confidence / 2)) ** 2, (cases + controls) / 2 - 1

    def excess(theta: float) -> float:
        """(1 − θ)² − z² V(θ), less the factor 1 − θ of both."""
        spread = 1 + half * ((1 - theta) / (2 - theta) + theta / (1 + theta))
        return (1 - theta) * cases * controls - square * theta * spread

    lower = float(brentq(excess, 0.0, 1.0, xtol=1e-14))
    return (lower, 1.0) if value == 1 else (0.0, 1 - lower)
