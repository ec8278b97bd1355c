"""Distance of a distribution from its reference, and of a count from its expectation."""

from __future__ import annotations

import numpy as np

__all__ = ["population_stability_index", "ratio_limits"]


def population_stability_index(reference: np.ndarray, new: np.ndarray, floor: float = 0.0) -> float:
    """Return Σ (q − p) log(q/p) over the shares of the same parts, ``p`` of reference and ``q`` new.

    Parameters
    ----------
    reference, new : ndarray of shape (k,)
        Shares or counts of each part; they are divided by their sums.
    floor : float, default 0.0
        Least share of a part: empty ones would make the index infinite.
    """
    p, q = (np.maximum(part / part.sum(), floor) for part in (reference.astype(float), new.astype(float)))
    used = (p > 0) | (q > 0)
    with np.errstate(divide="ignore"):
        return float(np.sum((q[used] - p[used]) * np.log(q[used] / p[used])))


def ratio_limits(observed: float, expected: float, confidence: float) -> tuple[float, float]:
    """Return exact limits of O/E where the observed number is a Poisson count.

    Parameters
    ----------
    observed, expected : float
        Events seen and expected.
    confidence : float
        Level.
    """
    tail = (1 - confidence) / 2
    from scipy.stats import chi2

    low = chi2.ppf(tail, 2 * observed) / 2 if observed > 0 else 0.0
    return float(low / expected), float(chi2.ppf(1 - tail, 2 * observed + 2) / 2 / expected)
