"""Design of a score at several visits: columns with coefficients of their own at each visit, and common ones."""

from __future__ import annotations

import numpy as np

from lbp_prognosis._base import EstimationError
from lbp_prognosis._kernels import aliased_columns
from lbp_prognosis.models._collinear import kept_columns

__all__ = ["determined_columns", "visit_coefficients", "visit_columns"]


def determined_columns(
    X: np.ndarray, scores: np.ndarray, visits: np.ndarray, names: list[str], collinear: str
) -> np.ndarray:
    """Return which columns to estimate, of shape (p,), after a look at each visit.

    Parameters
    ----------
    X : ndarray of shape (n, p)
        Predictors.
    scores : ndarray of shape (n, V)
        Scores, NaN where a visit was missed.
    visits : ndarray of shape (V,)
        Times of the visits.
    names : list of str
        Of the predictors.
    collinear : {"error", "drop"}
        As in `LongitudinalOutcome`.

    Raises
    ------
    EstimationError
        If a visit has too few scores, or columns that are not determined there.
    """
    seen = ~np.isnan(scores)
    kept = kept_columns(X, None, names, collinear) if seen.any() else np.empty(0, dtype=bool)
    for k, visit in enumerate(visits):
        there = seen[:, k]
        if there.sum() < 3 + kept.sum() or np.unique(scores[there, k]).size < 2:
            raise EstimationError(
                "LongitudinalOutcome needs two different scores, and more of them than coefficients, at each visit; at "
                f"{visit:g} there are {int(there.sum())} for {1 + int(kept.sum())} coefficients. Leave the visit out, "
                "or drop columns."
            )
        aliased = aliased_columns(X[there][:, kept])
        if aliased.any():
            wrong = [names[j] for j in np.flatnonzero(kept)[aliased]]
            raise EstimationError(
                f"The coefficients of {wrong} are not determined at the visit {visit:g}: among those seen there, these "
                "columns are constant or combinations of columns before them. Drop them, or leave the visit out."
            )
    return kept


def visit_columns(X: np.ndarray, visit: np.ndarray, count: int, own: np.ndarray, common: np.ndarray) -> np.ndarray:
    """Return an intercept and the own columns of each visit, then the common columns."""
    block = np.column_stack([np.ones(visit.size), X[:, own]])
    spread = np.zeros((visit.size, count, block.shape[1]))
    spread[np.arange(visit.size), visit] = block
    return np.column_stack([spread.reshape(visit.size, -1), X[:, common]])


def visit_coefficients(
    count: int, own: np.ndarray, common: np.ndarray, centre: np.ndarray, scale: np.ndarray
) -> np.ndarray:
    """Return the matrix from coefficients of `visit_columns` to intercept and user's coefficients of each visit.

    Rows are an intercept and p coefficients per visit; columns without an estimate have rows of zeros.
    """
    width, block = 1 + own.size, 1 + int(own.sum())
    out = np.zeros((count * width, count * block + int(common.sum())))
    for k in range(count):
        top, left = k * width, k * block
        out[top, left] = 1.0
        for places, start in ((own, left + 1), (common, count * block)):
            columns = np.flatnonzero(places)
            at = start + np.arange(columns.size)
            out[top, at] = -(centre / scale)[columns]
            out[top + 1 + columns, at] = 1 / scale[columns]
    return out
