"""Approximation of an inverse link by a short sum of exponentials, with a bound of the error."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.special import expit, ndtr

from lbp_prognosis._kernels import ExponentialSum

__all__ = ["LINK_INVERSES", "fitted_exponentials"]

_FITTED, _THINNING = 1500, 24  # points of the least-squares fit, and how many times as many judge it
_LEAST_OVERHANG = 3.0  # of the period over the range, in units of the link's argument
_MOST = 400


def _one_minus_exp(x: np.ndarray) -> np.ndarray:
    with np.errstate(over="ignore"):
        return -np.expm1(-np.exp(x))


LINK_INVERSES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "cloglog": _one_minus_exp,
    "logit": expit,
    "probit": ndtr,
}
# the largest second derivative of each, rounded up
_BENDS = {"cloglog": 0.31, "logit": 0.0963, "probit": 0.243}


def fitted_exponentials(
    link: str, intercept: np.ndarray, slope: np.ndarray, low: float, high: float, tolerance: float
) -> tuple[ExponentialSum, float] | None:
    """Return exponentials for F_h(s) = link⁻¹(intercept_h + slope_h s), and a bound of |difference| on [low, high].

    Parameters
    ----------
    link : {"cloglog", "logit", "probit"}
        Name of the link.
    intercept, slope : ndarray of shape (n_outputs,)
        Of each output.
    low, high : float
        Range of the sums.
    tolerance : float
        Required bound.

    Returns
    -------
    tuple or None
        None where 400 frequencies do not reach the tolerance.

    Notes
    -----
    A straight line fits the difference between the two ends. A Fourier series fits the remainder by least squares; its
    period is longer than the range, so that the series may turn back outside the range. Between two points of a grid
    the difference exceeds its values at the points by at most δ²/8 times its largest second derivative; the second
    derivatives of the link and of the series are known.
    """
    steepest = float(np.abs(slope).max())
    if steepest == 0:
        return ExponentialSum(1.0, low, np.zeros((0, slope.size), dtype=complex), np.zeros(slope.size)), 0.0
    middle, reach = (low + high) / 2, max(high - low, 1.0 / steepest)
    grid = np.linspace(middle - reach / 2, middle + reach / 2, _THINNING * _FITTED + 1)
    inverse = LINK_INVERSES[link]
    target = np.column_stack([inverse(a + c * grid) for a, c in zip(intercept, slope)])
    period = reach + _LEAST_OVERHANG / steepest + 0.1 * reach
    step = 2 * np.pi / period
    line = (target[-1] - target[0]) / reach
    target -= np.outer(grid - middle, line)
    count = max(4, int(2.5 * steepest / step))
    while count <= _MOST:
        coarse = _basis(step * (grid[::_THINNING] - middle), count)
        found = np.linalg.lstsq(coarse, target[::_THINNING], rcond=min(1e-6, tolerance / 100))[0]
        if np.abs(coarse @ found - target[::_THINNING]).max() <= tolerance:
            missed = float(np.abs(_basis(step * (grid - middle), count) @ found - target).max())
            real, imaginary = found[1 : count + 1], found[count + 1 :]
            bends = (step * np.arange(1, count + 1)[:, None]) ** 2 * np.hypot(real, imaginary)
            bend = float((_BENDS[link] * slope**2 + bends.sum(axis=0)).max())
            bound = missed + bend * (grid[1] - grid[0]) ** 2 / 8
            if bound <= tolerance:
                # a cos + b sin = Re (a − ib) e^{iθ}
                return ExponentialSum(step, middle, real - 1j * imaginary, line), bound
        count = max(count + 2, int(1.15 * count))
    return None


def _basis(angle: np.ndarray, count: int) -> np.ndarray:
    """Return 1, the cosines and the sines of 1 to ``count`` times the angles."""
    turns = np.outer(angle, np.arange(1, count + 1))
    return np.hstack([np.ones((angle.size, 1)), np.cos(turns), np.sin(turns)])
