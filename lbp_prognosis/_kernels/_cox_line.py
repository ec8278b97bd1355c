"""Cox's model of one column, compiled whole: slope and log partial likelihoods in a few passes over the rows."""

from __future__ import annotations

import numpy as np

from lbp_prognosis._kernels._compiled import compiled, inner
from lbp_prognosis._kernels._copies import centred_copies
from lbp_prognosis._kernels._steps import distinct_times

__all__ = ["cox_line"]

_SMALL_STEP = 1e-6  # in standard deviations of the column: what is left after it is of the order of its square


@inner()
def _parts(x, code, event, copies, groups, slope):  # pragma: no cover - compiled
    """Log partial likelihood (Efron), its derivative and information at a slope."""
    top = 0.0
    for i in range(x.size):
        if copies[i] > 0.0:
            top = max(top, slope * x[i])
    s = np.zeros((groups, 3))
    d = np.zeros((groups, 3))
    count = np.zeros(groups, dtype=np.int64)
    loglik, score, information = 0.0, 0.0, 0.0
    for i in range(x.size):
        c = copies[i]
        if c == 0.0:
            continue
        k = code[i]
        a = c * np.exp(slope * x[i] - top) if slope != 0.0 else c
        s[k, 0] += a
        s[k, 1] += a * x[i]
        s[k, 2] += a * x[i] * x[i]
        if event[i]:
            d[k, 0] += a
            d[k, 1] += a * x[i]
            d[k, 2] += a * x[i] * x[i]
            count[k] += int(c)
            loglik += c * (slope * x[i] - top)
            score += c * x[i]
    for k in range(groups - 1, -1, -1):
        if k < groups - 1:
            for j in range(3):
                s[k, j] += s[k + 1, j]
        for term in range(count[k]):
            f = term / count[k]
            rest = s[k, 0] - f * d[k, 0]
            if not rest > 0:  # the range of the exponential is exhausted
                return -np.inf, 0.0, 0.0
            inverse = 1.0 / rest
            mean = (s[k, 1] - f * d[k, 1]) * inverse
            loglik -= np.log(rest)
            score -= mean
            information += (s[k, 2] - f * d[k, 2]) * inverse - mean * mean
    return loglik, score, information


@inner()
def _newton(x, code, event, copies, groups, sd, slope, at):  # pragma: no cover - compiled
    """Return whether the maximum was found from this start, the slope and the log-likelihood there."""
    loglik, score, information = at
    for _ in range(50):
        if not (information > 0 and np.isfinite(loglik)):
            return False, slope, loglik
        step = score / information
        if abs(step) * sd <= _SMALL_STEP:
            return True, slope + step, loglik + step * score / 2
        if abs(slope + step) * sd > 50:
            return False, slope, loglik
        better = False
        for _ in range(30):
            new = _parts(x, code, event, copies, groups, slope + step)
            if new[0] >= loglik - 1e-10 * (1 + abs(loglik)):
                better = True
                break
            step /= 2
        if not better:
            return False, slope, loglik
        slope += step
        loglik, score, information = new
    return False, slope, loglik


@compiled()
def _maximise(x, code, event, copies, groups, sd):  # pragma: no cover - compiled
    null = _parts(x, code, event, copies, groups, 0.0)
    one = _parts(x, code, event, copies, groups, 1.0)
    found, slope, loglik = _newton(x, code, event, copies, groups, sd, 1.0, one)
    if not found:
        found, slope, loglik = _newton(x, code, event, copies, groups, sd, 0.0, null)
    return found, slope, loglik, null[0], one[0]


def cox_line(
    time: np.ndarray,
    event: np.ndarray,
    x: np.ndarray,
    *,
    places: tuple[np.ndarray, np.ndarray] | None = None,
    copies: np.ndarray | None = None,
) -> tuple[bool, float, float, float, float]:
    """Fit one column without delayed entry and strata; Efron's ties.

    Parameters
    ----------
    time, event : ndarray of shape (n,)
        Time, and whether it ends with the event.
    x : ndarray of shape (n,)
        The column, not constant.
    places : tuple of ndarray, optional
        `distinct_times` of ``time``, where it is known already.
    copies : ndarray of shape (n,), optional
        Whole numbers: how many identical rows each row stands for, possibly 0.

    Returns
    -------
    converged : bool
        False if the likelihood has no finite maximum within reach.
    slope, loglik, loglik_null, loglik_one : float
        Coefficient, and log partial likelihoods there, at 0 and at 1.

    Notes
    -----
    Newton's method from a slope of 1, where linear predictors of fitted models are nearly at their maximum.
    """
    times, code = distinct_times(time) if places is None else places
    number = np.ones(x.size) if copies is None else copies
    centred, sd = centred_copies(x, number)  # the partial likelihood does not know the level
    found, slope, loglik, null, one = _maximise(centred, code, event, number, times.size, sd)
    return bool(found), float(slope), float(loglik), float(null), float(one)
