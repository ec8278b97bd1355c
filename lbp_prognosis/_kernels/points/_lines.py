"""Regressions of an outcome on one score: the slope of a hazard, level and line of a mean."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from lbp_prognosis._kernels._copies import centred_copies
from lbp_prognosis._kernels._cox import cox_fit_prepared
from lbp_prognosis._kernels._cox_data import cox_data
from lbp_prognosis._kernels._cox_line import cox_line
from lbp_prognosis._kernels._mean_regression import MeanFit, cloglog_pseudo_fit
from lbp_prognosis._kernels._pseudo_values import pseudo_values, pseudo_values_infinitesimal
from lbp_prognosis._kernels._row_parts import row_parts

__all__ = [
    "HazardLine",
    "calibration_pseudo_values",
    "hazard_line",
    "line_design",
    "observed_over_expected",
    "pseudo_levels",
    "transformed_risk",
]

RISK_MARGIN = 1e-8
EXACT_PSEUDO_VALUES = 5000


def transformed_risk(risk: np.ndarray, link: str) -> np.ndarray:
    """Return complementary log-log (``"cloglog"``) or logit of risks, with risks held 1e-8 away from 0 and 1."""
    out = np.empty(np.shape(risk))
    for rows in row_parts(len(out)):
        inside = np.clip(risk[rows], RISK_MARGIN, 1 - RISK_MARGIN)
        out[rows] = np.log(-np.log1p(-inside)) if link == "cloglog" else np.log(inside / (1 - inside))
    return out


def observed_over_expected(observed: float, expected: float) -> float:
    """Return the ratio of observed to mean predicted risk; NaN where nothing is expected."""
    return observed / expected if expected > 0 else float("nan")


class HazardLine(NamedTuple):
    """Cox's model of one score: slope and log partial likelihoods.

    ``fixed`` is that of slope 1: the null model with the score as offset.
    """

    slope: float
    loglik: float
    null: float
    fixed: float


def hazard_line(
    time: np.ndarray,
    event: np.ndarray,
    score: np.ndarray,
    copies: np.ndarray,
    *,
    entry: np.ndarray | None = None,
    places: tuple[np.ndarray, np.ndarray] | None = None,
) -> HazardLine:
    """Fit Cox's model of one score (Efron's ties); NaN where all scores are equal or there is no maximum.

    Parameters
    ----------
    time, event, score : ndarray of shape (n,)
        With competing events the hazard is that of the cause ``event`` marks.
    copies : ndarray of shape (n,)
        How many identical rows each row stands for, possibly 0.
    entry : ndarray of shape (n,), optional
        Delayed entry.
    places : tuple of ndarray, optional
        `distinct_times` of ``time``, where it is known already.
    """
    nan = float("nan")
    some = copies > 0
    if np.isnan(score[some]).any() or not centred_copies(score, copies)[1] >= 1e-12:
        return HazardLine(nan, nan, nan, nan)
    if entry is None:
        converged, *found = cox_line(time, event, score, places=places, copies=copies)
        if converged and np.isfinite(found[-1]):
            return HazardLine(*found)
    data = cox_data(score[some, None], time[some], event[some], entry=None if entry is None else entry[some])
    weights = copies[some]
    fit = cox_fit_prepared(data, weights=weights, frequency=True)
    fixed = cox_fit_prepared(data, weights=weights, frequency=True, offset=score[some], max_iter=1).loglik_null
    slope = float(fit.coef[0]) if fit.converged and not fit.aliased.any() else nan
    return HazardLine(slope, fit.loglik, fit.loglik_null, fixed)


def calibration_pseudo_values(
    time: np.ndarray,
    code: np.ndarray,
    tau: float,
    copies: np.ndarray | None,
    weights: np.ndarray | None,
    first: np.ndarray | None = None,
) -> np.ndarray:
    """Return pseudo-values of the incidence of code 1 at a horizon: exact up to 5000 patients, infinitesimal beyond.

    ``copies`` (n,) are whole numbers of patients by row, or ``weights`` (n,) their weights; None for one each.
    ``first`` (n,) is `incidence_influence` with these, where it is known already.
    """
    if weights is None and copies is None and time.size <= EXACT_PSEUDO_VALUES:
        return pseudo_values(time, code, tau)
    if copies is not None and copies.sum() <= EXACT_PSEUDO_VALUES:
        number = copies.astype(np.int64)
        values = pseudo_values(np.repeat(time, number), np.repeat(code, number), tau)
        return values[np.cumsum(number) - number]
    return pseudo_values_infinitesimal(time, code, tau, copies if weights is None else weights, first)


def line_design(x: np.ndarray) -> np.ndarray:
    """Return the columns of ones and ``x`` (n, 2), one after the other in memory."""
    columns = np.ones((2, x.size))
    columns[1] = x
    return columns.T


def pseudo_levels(
    design: np.ndarray, pseudo: np.ndarray, weights: np.ndarray | None, risk: np.ndarray, rowwise: bool = False
) -> tuple[MeanFit, MeanFit | None]:
    """Regress pseudo-values on the transformed risk, in its `line_design`, on the complementary log-log scale.

    With ``rowwise`` the fits keep the influence of each row, and not only the sums of squares.

    Returns
    -------
    level : MeanFit
        Of the intercept alone, with slope 1.
    line : MeanFit or None
        Of intercept and slope; None where all risks are equal. Of two optima, which risks of 0 or 1 can make, the
        better.
    """
    low, high = risk.min(), risk.max()
    level = cloglog_pseudo_fit(design[:, :1], pseudo, offset=design[:, 1], weights=weights, rowwise=rowwise)
    if high - low <= 1e-12:
        return level, None
    near = np.array([level.coef[0], 1.0]) if level.converged else None
    line = cloglog_pseudo_fit(design, pseudo, weights=weights, start=near, rowwise=rowwise)
    if near is None or (line.converged and low >= RISK_MARGIN and high <= 1 - RISK_MARGIN):
        return level, line
    again = cloglog_pseudo_fit(design, pseudo, weights=weights, rowwise=rowwise)
    return level, max(line, again, key=lambda one: (one.converged, one.loglik))
