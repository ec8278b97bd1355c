"""Log subdistribution hazard ratio of one covariate, in O(n log n), with influence values."""

from __future__ import annotations

import numpy as np

from lbp_prognosis._kernels._ipcw import censoring_process

__all__ = ["subdistribution_slope"]


def subdistribution_slope(
    z: np.ndarray, time: np.ndarray, event: np.ndarray, cause: int, weights: np.ndarray | None = None
) -> tuple[float, np.ndarray]:
    """Fit the proportional subdistribution hazards model of one covariate.

    A row with a competing event at S stays at risk at t > S with weight G(t−)/G(S−), the censoring curve counting
    events first; Breslow's ties.

    Parameters
    ----------
    z : ndarray of shape (n,)
        The covariate.
    time, event : ndarray of shape (n,)
        Follow-up and code (0 censored).
    cause : int
        Code of the event of interest; at least one row has it.
    weights : ndarray of shape (n,), optional
        Row weights.

    Returns
    -------
    slope : float
        NaN if the iteration does not settle (all events at the extreme of the covariate).
    influence : ndarray of shape (n,)
        For one copy of a row, the estimation of the censoring curve included.
    """
    v = np.ones(z.size) if weights is None else weights
    process = censoring_process(time, event, weights)
    code, left, m = process.code, process.left, process.times.size
    own, competing = event == cause, (event != 0) & (event != cause)
    with np.errstate(divide="ignore", invalid="ignore"):
        stay = np.where(competing, 1 / left[code], 0.0)
    deaths = np.bincount(code, weights=v * own, minlength=m)
    slope = 0.0
    for _ in range(50):
        s0, s1, s2 = (_at_risk(v * np.exp(slope * z) * z**k, stay, code, left, m) for k in range(3))
        mean, spread = _ratio(s1, s0, deaths), _ratio(s2, s0, deaths)
        information = float(deaths @ (spread - mean**2))
        if not information > 0:
            return np.nan, np.full(z.size, np.nan)
        step = (float((v * own) @ z) - float(deaths @ mean)) / information
        slope += step
        if abs(step) < 1e-10:
            break
    else:
        return np.nan, np.full(z.size, np.nan)
    score = _score_residuals(slope, z, v, process, own, stay, deaths)
    return slope, score * (v.sum() / information)


def _ratio(top: np.ndarray, bottom: np.ndarray, deaths: np.ndarray) -> np.ndarray:
    return np.divide(top, bottom, out=np.zeros_like(top), where=deaths > 0)


def _at_risk(terms: np.ndarray, stay: np.ndarray, code: np.ndarray, left: np.ndarray, m: int) -> np.ndarray:
    """Sum over the subdistribution risk set at each time."""
    still = np.cumsum(np.bincount(code, weights=terms, minlength=m)[::-1])[::-1]
    gone = np.cumsum(np.bincount(code, weights=terms * stay, minlength=m))
    return still + left * np.concatenate([[0.0], gone[:-1]])


def _score_residuals(slope, z, v, process, own, stay, deaths):
    """Row contributions to the score, and what they change in it through the censoring curve."""
    code, left, m = process.code, process.left, process.times.size
    hazard_ratio = np.exp(slope * z)
    s0, s1 = (_at_risk(v * hazard_ratio * z**k, stay, code, left, m) for k in range(2))
    mean, increment = _ratio(s1, s0, deaths), _ratio(deaths, s0, deaths)
    lived, lived_mean = np.cumsum(increment), np.cumsum(mean * increment)
    later, later_mean = (np.cumsum(x * left) for x in (increment, mean * increment))
    later, later_mean = later[-1] - later, later_mean[-1] - later_mean
    score = np.where(own, z - mean[code], 0.0) - hazard_ratio * (z * lived[code] - lived_mean[code])
    score -= hazard_ratio * stay * (z * later[code] - later_mean[code])
    # through G: rows with a competing event so far, and what they still add to the score
    p0, p1 = (np.cumsum(np.bincount(code, weights=v * hazard_ratio * stay * z**k, minlength=m)) for k in range(2))
    pull = (p1 * later - p0 * later_mean) * process.slope / v.sum()
    through = np.cumsum(pull * process.hazard)
    censored = (stay == 0) & ~own
    return score + np.where(censored, pull[code] - through[code], -(through - pull * process.hazard)[code])
