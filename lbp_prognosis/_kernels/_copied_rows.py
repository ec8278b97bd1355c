"""The same patients twice under other names: exactly, or with values that differ a little."""

from __future__ import annotations

import numpy as np

from lbp_prognosis._kernels._repeated_rows import near_twins, repeated_rows

__all__ = ["MOST_COMPARED", "copied_rows"]

MOST_COMPARED = 20_000
"""Only so many rows are looked at."""

_PERMUTATIONS = 5
_SHARE = 0.01  # of the rows, for exact copies
_CLEAR = 3.0  # standard deviations of the rows that repeat by chance (they come in twos)
_NEAR = 0.03  # of the rows, for near copies
_RATIO = 0.1  # of the distances to the first and the second neighbour
_CONTINUOUS = 20  # distinct values that make a coordinate


def copied_rows(values: np.ndarray, outcome: np.ndarray) -> tuple[int, str]:
    """Return how many rows seem to be copies of others, and ``"exact"``, ``"near"`` or an empty string.

    Parameters
    ----------
    values : ndarray of float of shape (n, p)
        Predictors or risks; NaN is a value of its own.
    outcome : ndarray of float of shape (n, q)
        Times and states; they belong to the same patients.

    Notes
    -----
    Exact copies: rows that agree in everything, compared with what remains when the outcomes change places at random
    (coarse predictors repeat by chance, and then they repeat with any outcome). At least one row in a hundred and three
    rows have to repeat beyond the largest of five permutations by half, and by three standard deviations of pairs that
    meet by chance. Near copies: rows whose nearest neighbour is a
    tenth as far as the second; three in a hundred rows, and three times as many as when every column is permuted by
    itself. Without copies the probability is about 10^−p in p dimensions.
    """
    rng = np.random.default_rng(0)
    if values.shape[0] > MOST_COMPARED:
        values, outcome = values[:MOST_COMPARED], outcome[:MOST_COMPARED]
    n = values.shape[0]
    mine, theirs = _codes(values), _codes(outcome)
    least = max(3, _SHARE * n)
    found = int(repeated_rows(np.column_stack([mine, theirs])).sum())
    if found >= least:
        chance = max(
            int(repeated_rows(np.column_stack([mine, theirs[rng.permutation(n)]])).sum()) for _ in range(_PERMUTATIONS)
        )
        if found - chance >= max(least, 0.5 * chance, _CLEAR * np.sqrt(2 * chance)):
            return found, "exact"
    points = _coordinates(np.column_stack([values, outcome]))
    if points.shape[1] < 3 or n < 30:
        return 0, ""
    near = int(near_twins(points, _RATIO).sum())
    mixed = [np.column_stack([rng.permutation(column) for column in points.T]) for _ in range(_PERMUTATIONS)]
    chance = max(int(near_twins(one, _RATIO).sum()) for one in mixed) if near >= least else 0
    return (near, "near") if near >= max(least, _NEAR * n, 3 * chance + 5) else (0, "")


def _codes(values: np.ndarray) -> np.ndarray:
    if values.shape[1] == 0:
        return np.zeros((values.shape[0], 1), dtype=np.int64)
    return np.column_stack([np.unique(column, return_inverse=True)[1] for column in values.T])


def _coordinates(values: np.ndarray) -> np.ndarray:
    """Return columns of many values on the scale of their ranks' normal scores; NaN in the middle."""
    from scipy.special import ndtri

    kept = []
    for column in values.T:
        known = ~np.isnan(column)
        distinct, place, copies = np.unique(column[known], return_inverse=True, return_counts=True)
        if distinct.size <= _CONTINUOUS or known.mean() < 0.5:
            continue
        ranks = (np.cumsum(copies) - (copies - 1) / 2)[place] / (known.sum() + 1)  # tied values share their mean rank
        score = np.zeros(column.size)
        score[known] = ndtri(ranks)
        kept.append(score)
    return np.column_stack(kept[:30]) if kept else np.empty((values.shape[0], 0))
