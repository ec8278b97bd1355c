"""``gamma_tails``: the incomplete gamma functions, near their centre too where the shape is huge."""

from __future__ import annotations

import numpy as np
from scipy import special

__all__ = ["gamma_tails"]

_HUGE = 5e4
_SERIES = 0.3
_ETA = 0.1


def gamma_tails(shape: float, s: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return P(k, k·exp(s)) and Q(k, k·exp(s)), the regularised lower and upper incomplete gamma functions.

    Parameters
    ----------
    shape : float
        k > 0.
    s : ndarray
        Log of the argument over the shape.

    Notes
    -----
    SciPy sums series beyond 4.5 standard deviations and stops after 2000 terms: at k = 1e8 its tail at −5 is 35 % too
    small. From k = 5e4 on the first two terms of Temme's uniform expansion are used, with a relative error of the order
    of 1/k² (NIST Digital Library of Mathematical Functions, 8.12).
    """
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        if shape < _HUGE:
            x = shape * np.exp(s)
            return np.asarray(special.gammainc(shape, x)), np.asarray(special.gammaincc(shape, x))
        near = np.abs(s) < _SERIES
        series = np.ones_like(s)
        for n in range(14, 2, -1):
            series = 1 + s / n * series
        half = np.where(near, s * s / 2 * series, np.where(np.isposinf(s), np.inf, np.expm1(s) - s))  # η²/2
        eta, mu = np.sign(s) * np.sqrt(2 * half), np.expm1(s)
        close = np.abs(eta) < _ETA
        first = np.where(close, np.polynomial.polynomial.polyval(eta, _FIRST), 1 / mu - 1 / eta)
        second = np.where(
            close,
            np.polynomial.polynomial.polyval(eta, _SECOND),
            1 / eta**3 - 1 / mu**3 - 1 / mu**2 - 1 / (12 * mu),
        )
        rest = np.exp(-shape * half) / np.sqrt(2 * np.pi * shape) * (first + second / shape)
        z = eta * np.sqrt(shape)
        rest = np.where(np.isfinite(rest), rest, 0.0)  # beyond exp(−745) both are 0
        low, high = special.ndtr(z) - rest, special.ndtr(-z) + rest
    return np.clip(low, 0.0, 1.0), np.clip(high, 0.0, 1.0)


# coefficients of η⁰, η¹, … of the two terms (Temme 1979, doi:10.1137/0510071; Didonato and Morris 1986,
# doi:10.1145/22721.23109)
_FIRST = (-1 / 3, 1 / 12, -2 / 135, 1 / 864, 1 / 2835, -139 / 777600, 1 / 25515, -571 / 261273600)
_SECOND = (-1 / 540, -1 / 288, 1 / 378, -77 / 77760, 1 / 4860, -4.01877572016e-07, -1.80985503345e-05)
