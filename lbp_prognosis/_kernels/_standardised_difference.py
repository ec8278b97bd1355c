"""``standardised_difference``: by how many SDs two groups differ, of values that are known."""

from __future__ import annotations

import numpy as np

__all__ = ["standardised_difference"]


def standardised_difference(first: np.ndarray, second: np.ndarray, n_categories: int = 0) -> float:
    """Return the standardised difference, second group less first.

    Numbers: difference of means over the root of the mean of both variances. Two categories: the same of the share of
    the second category, with p(1 − p) as variance. More: Mahalanobis distance of the shares of all categories but the
    first [1]_, which has no sign. NaN where a group has no values (of numbers: fewer than two).

    Parameters
    ----------
    first, second : ndarray of float
        Known values of each group; for categories their places 0 … n_categories − 1.
    n_categories : int, default 0
        0 for numbers.

    References
    ----------
    .. [1] Yang D, Dalton JE. A unified approach to measuring the effect size between two groups using SAS. SAS Global
       Forum 2012; paper 335.
    """
    if min(first.size, second.size) < (1 if n_categories else 2):
        return float("nan")
    if n_categories == 0:
        return _ratio(second.mean() - first.mean(), (first.var(ddof=1) + second.var(ddof=1)) / 2)
    p, q = (np.bincount(part.astype(int), minlength=n_categories) / part.size for part in (first, second))
    used = (p + q) > 0
    p, q = p[used][1:], q[used][1:]
    if not p.size:
        return 0.0
    if p.size == 1:
        return _ratio(float(q[0] - p[0]), float(p[0] * (1 - p[0]) + q[0] * (1 - q[0])) / 2)
    spread: np.ndarray = (np.diag(p) - np.outer(p, p) + np.diag(q) - np.outer(q, q)) / 2
    gap: np.ndarray = q - p
    solved = np.linalg.pinv(spread, hermitian=True) @ gap
    if not np.allclose(spread @ solved, gap, atol=1e-9):  # no variance in a direction in which they differ
        return float("inf")
    return float(np.sqrt(max(float(gap @ solved), 0.0)))


def _ratio(gap: float, variance: float) -> float:
    if abs(gap) < 1e-12:
        return 0.0
    return float(gap / np.sqrt(variance)) if variance > 0 else float(np.copysign(np.inf, gap))
