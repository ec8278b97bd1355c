"""Cox's model of one column, compiled whole: slope and log partial likelihoods in a few passes over the rows."""

from __future__ import annotations

import numba as nb
import numpy as np

from lbp_prognosis._kernels._steps import distinct_times

__all__ = ["cox_line"]


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
            if not rest > 0:  # the range of the exponential is exhausted
                return -np.inf, 0.0, 0.0
            mean = (s[k, 1] - f * d[k, 1]) / rest
            loglik -= np.log(rest)
            score -= mean
            information += (s[k, 2] - f * d[k, 2]) / rest - mean * mean
    return loglik, score, information


@nb.njit(cache=True, nogil=True)
def _newton(x, code, event, groups, sd, slope):  # pragma: no cover - compiled
    """Return whether the maximum was found from this start, the slope and the log-likelihood there."""
    loglik, score, information = _parts(x, code, event, groups, slope)
    for _ in range(50):
        if not (information > 0 and np.isfinite(loglik)):
            return False, slope, loglik
        step = score / information
        if abs(step) * sd <= 1e-9:
            return True, slope + step, loglik
        if abs(slope + step) * sd > 50:
            return False, slope, loglik
        better = False
        for _ in range(30):
            new, new_score, new_information = _parts(x, code, event, groups, slope + step)
            if new >= loglik - 1e-10 * (1 + abs(loglik)):
                better = True
                break
            step /= 2
        if not better:
            return False, slope, loglik
        slope += step
        loglik, score, information = new, new_score, new_information
    return False, slope, loglik


@nb.njit(cache=True, nogil=True)
def _maximise(x, code, event, groups, sd):  # pragma: no cover - compiled
    null = _parts(x, code, event, groups, 0.0)[0]
    one = _parts(x, code, event, groups, 1.0)[0]
    found, slope, loglik = _newton(x, code, event, groups, sd, 1.0)
    if not found:
        found, slope, loglik = _newton(x, code, event, groups, sd, 0.0)
    return found, slope, loglik, null, one


def cox_line(
    time: np.ndarray, event: np.ndarray, x: np.ndarray, places: tuple[np.ndarray, np.ndarray] | None = None
) -> tuple[bool, float, float, float, float]:
    """Fit one column without delayed entry, strata or weights; Efron's ties.

    Parameters
    ----------
    time, event : ndarray of shape (n,)
        Time, and whether it ends with the event.
    x : ndarray of shape (n,)
        The column, not constant.
    places : tuple of ndarray, optional
        `distinct_times` of ``time``, where it is known already.

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
    centred = x - x.mean()  # the partial likelihood does not know the level
    found, slope, loglik, null, one = _maximise(centred, code, event, times.size, float(x.std()))
    return bool(found), float(slope), float(loglik), float(null), float(one)
