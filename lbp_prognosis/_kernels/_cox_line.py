"""Cox's model of one column, compiled whole: slope and log partial likelihoods in a few passes over the rows."""

from __future__ import annotations

from typing import NamedTuple

import numba as nb
import numpy as np

__all__ = ["CoxLine", "cox_line"]


class CoxLine(NamedTuple):
    """Slope (NaN if the likelihood has no maximum within reach), log partial likelihoods there, at 0 and at 1."""

    slope: float
    loglik: float
    loglik_null: float
    loglik_one: float


@nb.njit(cache=True, nogil=True)
def _parts(x, code, event, groups, slope):  # pragma: no cover - compiled
    """Log partial likelihood (Efron), its derivative and information at a slope."""
    top = 0.0
    for i in range(x.size):
        top = max(top, slope * x[i])
    s = np.zeros((groups, 3))
    d = np.zeros((groups, 3))
    count = np.zeros(groups, dtype=np.int64)
    loglik, score, information = 0.0, 0.0, 0.0
    for i in range(x.size):
        k = code[i]
        a = np.exp(slope * x[i] - top)
        s[k, 0] += a
        s[k, 1] += a * x[i]
        s[k, 2] += a * x[i] * x[i]
        if event[i]:
            d[k, 0] += a
            d[k, 1] += a * x[i]
            d[k, 2] += a * x[i] * x[i]
            count[k] += 1
            loglik += slope * x[i] - top
            score += x[i]
    for k in range(groups - 1, -1, -1):
        if k < groups - 1:
            for j in range(3):
                s[k, j] += s[k + 1, j]
        for term in range(count[k]):
            f = term / count[k]
            rest = s[k, 0] - f * d[k, 0]
            mean = (s[k, 1] - f * d[k, 1]) / rest
            loglik -= np.log(rest)
            score -= mean
            information += (s[k, 2] - f * d[k, 2]) / rest - mean * mean
    return loglik, score, information


@nb.njit(cache=True, nogil=True)
def _maximise(x, code, event, groups, sd):  # pragma: no cover - compiled
    null = _parts(x, code, event, groups, 0.0)[0]
    slope = 1.0
    loglik, score, information = _parts(x, code, event, groups, slope)
    one = loglik
    if not np.isfinite(loglik):
        slope = 0.0
        loglik, score, information = _parts(x, code, event, groups, slope)
    for _ in range(50):
        if not information > 0:
            return np.nan, loglik, null, one
        step = score / information
        if abs(step) * sd <= 1e-9:
            return slope + step, loglik, null, one
        for _ in range(30):
            new, new_score, new_information = _parts(x, code, event, groups, slope + step)
            if new >= loglik - 1e-10 * (1 + abs(loglik)):
                break
            step /= 2
        else:
            return np.nan, loglik, null, one
        slope += step
        loglik, score, information = new, new_score, new_information
        if abs(slope) * sd > 50:
            return np.nan, loglik, null, one
    return np.nan, loglik, null, one


def cox_line(x: np.ndarray, code: np.ndarray, event: np.ndarray, groups: int) -> CoxLine:
    """Fit one column without delayed entry, strata or weights; Efron's ties.

    Parameters
    ----------
    x : ndarray of shape (n,)
        The column, not constant.
    code : ndarray of int of shape (n,)
        Number of the row's time among the ``groups`` distinct times, in ascending order.
    event : ndarray of bool of shape (n,)
        Whether the time ends with the event.
    groups : int
        Distinct times.

    Notes
    -----
    Newton's method from a slope of 1, where linear predictors of fitted models are nearly at their maximum.
    """
    centred = x - x.mean()  # the partial likelihood does not know the level
    return CoxLine(*_maximise(centred, code, event, groups, float(x.std())))
