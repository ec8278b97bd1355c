"""Links of an equation: from linear predictor and baseline to risk, and back."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.special import expit, gammainccinv, gammaincinv, logit, ndtr, ndtri

from lbp_prognosis._kernels import gamma_tails

__all__ = ["LEAST_SHAPE", "LINKS", "LP_SCALES", "lp_of_risk", "risk_of_lp"]

LINKS = ("cloglog", "logit", "probit", "loglog", "generalised_gamma")
LEAST_SHAPE = 1e-6
"""Smallest size of the shape of a generalised gamma: nearer 0 the model is the log-normal."""
LP_SCALES = {"cloglog": "log_hazard", "logit": "log_odds", "probit": "probit"}
"""Scale of the linear predictor of an equation by its link; the others are on no named scale."""


def risk_of_lp(link: str, lp: Any, baseline: Any, shape: float) -> np.ndarray:
    """Return risks at linear predictors and baselines of compatible shapes.

    Parameters
    ----------
    link : str
        One of `LINKS`.
    lp, baseline : array-like
        Linear predictors, and the baseline of `Equation` at the horizon.
    shape : float
        Shape q of the generalised gamma distribution; not used by other links.
    """
    base = np.asarray(baseline, dtype=float)
    with np.errstate(over="ignore", invalid="ignore"):
        if link == "cloglog":
            hazard = np.where(base == 0, 0.0 * np.asarray(lp), base * np.exp(lp))
            return np.asarray(-np.expm1(-hazard))
        if link == "loglog":
            return np.asarray(np.exp(-np.exp(-(base + lp))))
        if link == "generalised_gamma":
            low, high = gamma_tails(shape**-2, shape * (base + lp))
            return low if shape > 0 else high
        return np.asarray((expit if link == "logit" else ndtr)(base + lp))


def lp_of_risk(link: str, risk: np.ndarray, baseline: float, shape: float) -> np.ndarray:
    """Return the linear predictors at which the risks are reached: the inverse of `risk_of_lp`.

    Parameters
    ----------
    link : str
        One of `LINKS`.
    risk : ndarray
        In (0, 1).
    baseline : float
        At the horizon; above 0 for ``"cloglog"``.
    shape : float
        Shape q of the generalised gamma distribution.
    """
    if link == "cloglog":
        return np.asarray(np.log(-np.log1p(-risk)) - np.log(baseline))
    if link == "loglog":
        return np.asarray(-np.log(-np.log(risk)) - baseline)
    if link == "generalised_gamma":
        inverse = gammaincinv if shape > 0 else gammainccinv
        return np.asarray(np.log(inverse(shape**-2, risk) * shape**2) / shape - baseline)
    return np.asarray((logit if link == "logit" else ndtri)(risk) - baseline)
