"""Which columns of a design say nothing that the columns before them have not said."""

from __future__ import annotations

import numpy as np

__all__ = ["aliased_columns"]


def aliased_columns(X: np.ndarray, *, intercept: bool = True, tolerance: float = 1e-11) -> np.ndarray:
    """Mark columns that are constant (with an intercept) or linear combinations of columns before them.

    Parameters
    ----------
    X : ndarray of shape (n, p)
        Columns.
    intercept : bool, default True
        A column of ones comes before them.
    tolerance : float
        Share of a column's own sum of squares that must be left after regression on the columns before it.
    """
    X = X - X.mean(axis=0) if intercept else X
    size = np.sqrt(np.einsum("ij,ij->j", X, X))
    floor = 1e-13 * np.sqrt(max(X.shape[0], 1)) * np.abs(X).max(initial=0.0)
    constant = size <= floor
    X = X / np.where(constant, 1.0, size)
    gram = X.T @ X
    out = np.zeros(X.shape[1], dtype=bool)
    for j in range(out.size):
        if constant[j] or not gram[j, j] > tolerance:
            out[j] = True
            continue
        row = gram[j, j + 1 :].copy()
        gram[j + 1 :, j + 1 :] -= np.outer(row, row) / gram[j, j]
    return out
