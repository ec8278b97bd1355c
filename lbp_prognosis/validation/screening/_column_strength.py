"""Discrimination of single columns: rank measures, and levels evaluated out of fold."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from lbp_prognosis._base import is_number, numbers_of

__all__ = ["Strength", "as_numbers", "strength"]

_FOLDS = 5
_BINS = 20


@dataclass(frozen=True)
class Strength:
    """Discrimination of a binary state by one column.

    Attributes
    ----------
    auc : float
        Area under the curve, oriented to be at least one half for an order, out of fold for levels; NaN where a state
        is missing.
    se : float
        Its standard error (Hanley and McNeil 1982, doi:10.1148/radiology.143.1.7063747).
    n : int
        Rows with a known value and a known state.
    """

    auc: float
    se: float
    n: int

    @property
    def low(self) -> float:
        """Lower limit of the two-sided 95 % interval."""
        return self.auc - 1.96 * self.se


def as_numbers(column: pd.Series) -> np.ndarray | None:
    """Return a column that contains numbers as floats with NaN for missing, or None if it contains words or dates."""
    return numbers_of(column) if is_number(column) else None


def strength(column: pd.Series, state: np.ndarray, fold: np.ndarray) -> Strength:
    """Return the discrimination of a state by one column.

    Parameters
    ----------
    column : Series of length n
        A predictor.
    state : ndarray of float of shape (n,)
        1, 0, or NaN where it is not known.
    fold : ndarray of int of shape (n,)
        Fold of each row, for frequencies of levels.
    """
    numbers = as_numbers(column)
    known = ~np.isnan(state) & ~np.asarray(column.isna())
    outcome = state[known] == 1
    events, others = int(outcome.sum()), int((~outcome).sum())
    if min(events, others) < 2:
        return Strength(np.nan, np.nan, int(known.sum()))
    best = 0.5
    if numbers is not None:
        area = _area(numbers[known], outcome)
        best = max(area, 1 - area)
    codes = _levels(column, numbers)[known]
    if np.unique(codes).size == 2:  # two levels are in order either way, and need no other folds
        area = _area(codes, outcome)
        best = max(best, area, 1 - area)
    elif np.unique(codes).size > 2:
        best = max(best, _area(_frequency(codes, outcome, fold[known]), outcome))
    return Strength(best, _hanley_mcneil(best, events, others), int(known.sum()))


def _area(score: np.ndarray, outcome: np.ndarray) -> float:
    from scipy.stats import rankdata

    ranks = rankdata(score)
    events = int(outcome.sum())
    return float((ranks[outcome].sum() - events * (events + 1) / 2) / (events * (outcome.size - events)))


def _levels(column: pd.Series, numbers: np.ndarray | None) -> np.ndarray:
    """Return levels as codes; a number of many values is cut at quantiles, so that a U-shape is seen too."""
    if numbers is None:
        return np.asarray(pd.factorize(column.astype(str))[0])
    known = numbers[~np.isnan(numbers)]
    if np.unique(known).size <= _BINS:
        return np.asarray(pd.factorize(numbers)[0])
    cuts = np.unique(np.quantile(known, np.arange(1, _BINS) / _BINS))
    return np.searchsorted(cuts, numbers, side="right")


def _frequency(codes: np.ndarray, outcome: np.ndarray, fold: np.ndarray) -> np.ndarray:
    """Return the frequency of the state in a row's level among the other folds, shrunk to the mean by one patient."""
    score = np.zeros(codes.size)
    for k in range(_FOLDS):
        out = fold == k
        if not out.any() or out.all():
            continue
        mean = outcome[~out].mean()
        size = np.bincount(codes[~out], minlength=codes.max() + 1)
        hits = np.bincount(codes[~out], weights=outcome[~out], minlength=codes.max() + 1)
        score[out] = ((hits + mean) / (size + 1))[codes[out]]
    return score


def _hanley_mcneil(area: float, events: int, others: int) -> float:
    first, second = area / (2 - area), 2 * area**2 / (1 + area)
    variance = area * (1 - area) + (events - 1) * (first - area**2) + (others - 1) * (second - area**2)
    return float(np.sqrt(max(variance, 0.0) / (events * others)))
