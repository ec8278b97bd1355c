"""Linear predictors whose last bit is a function of the row alone."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.sparse import issparse

__all__ = ["centred_products", "row_products"]

_BLOCK = 4096  # rows whose columns stay in the cache while they are added up
_FEW = 256  # rows whose columns cost more to address one by one than to add
_WIDE = 512  # columns of a few rows whose products are held at a time


def row_products(X: Any, coef: np.ndarray) -> np.ndarray:
    """Return ``X @ coef``, summed in the order of the columns for every row.

    A matrix product of BLAS adds up a row in another order according to where it stands, so that two patients alike in
    everything can differ in the last bit: equal scores are then no longer tied, and a patient's risk depends on who
    else is in the table.

    Parameters
    ----------
    X : ndarray or sparse array of shape (n, p)
        Finite values; of a sparse array only what is stored is read.
    coef : ndarray of shape (p,) or (p, k)
        Columns of zero coefficients are passed over.

    Returns
    -------
    ndarray of shape (n,) or (n, k)
        Sums.
    """
    if issparse(X):
        return np.asarray(X @ coef)
    used = np.flatnonzero(coef if coef.ndim == 1 else coef.any(axis=1))
    if coef.ndim == 1 and X.shape[0] <= _FEW:
        return _few_products(X, coef, used)
    out = np.zeros((X.shape[0], *coef.shape[1:]))
    for start in range(0, X.shape[0], _BLOCK):
        part, block = out[start : start + _BLOCK], X[start : start + _BLOCK]
        for j in used:
            part += block[:, j] * coef[j] if coef.ndim == 1 else block[:, j, None] * coef[j]
    return out


def _few_products(X: np.ndarray, coef: np.ndarray, used: np.ndarray) -> np.ndarray:
    """Return the sums of a few rows: `numpy.add.accumulate` adds one column after the other, whatever the layout."""
    out = np.zeros(X.shape[0])
    for start in range(0, used.size, _WIDE):
        taken = used[start : start + _WIDE]
        block = X if taken.size == X.shape[1] else X[:, taken]
        products = np.multiply(block, coef[taken], dtype=float)
        products[:, 0] += out
        out = np.add.accumulate(products, axis=1, out=products)[:, -1].copy()
    return out


def centred_products(X: Any, centre: np.ndarray, coef: np.ndarray) -> np.ndarray:
    """Return ``(X − centre) @ coef`` as `row_products` does; a sparse array is not centred in memory.

    Parameters
    ----------
    X : ndarray or sparse array of shape (n, p)
        Finite values.
    centre : ndarray of shape (p,)
        Values to subtract from each column.
    coef : ndarray of shape (p,)
        Coefficients.
    """
    if issparse(X):
        return row_products(X, coef) - float(centre @ coef)
    return row_products(X - centre, coef)
