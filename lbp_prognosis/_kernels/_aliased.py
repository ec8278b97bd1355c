"""Columns of a design that are linear combinations of the columns before them."""

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
    largest = np.abs(X).max(axis=0, initial=0.0)
    # each column on its own scale: what is left of a constant after centring is rounding of its own values
    X = X / np.where(largest > 0, largest, 1.0)
    X = X - X.mean(axis=0) if intercept else X
    size = np.sqrt(np.einsum("ij,ij->j", X, X))
    constant = size <= 1e-13 * np.sqrt(max(X.shape[0], 1))
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
