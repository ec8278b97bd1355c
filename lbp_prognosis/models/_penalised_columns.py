"""Columns of a penalised Cox model, filled or sparse: centred, scaled, and followed along the path."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Protocol

import numpy as np
from scipy.sparse import issparse

from lbp_prognosis._kernels import CoxPath, cox_data, cox_path, sparse_columns, sparse_cox_path

__all__ = ["PenalisedColumns", "penalised_columns"]

_SPARSE_BLOCK = 16  # penalties whose linear predictors are computed together


class PenalisedColumns(Protocol):
    """Columns of a penalised model as `ElasticNetCox` uses them.

    Attributes
    ----------
    mean : ndarray of shape (p,)
        Weighted means of all rows.
    block : int
        Coefficient vectors to be multiplied at once.
    """

    mean: np.ndarray
    block: int

    def products(self, rows: np.ndarray, coef: np.ndarray) -> np.ndarray:
        """Return ``(x − mean) @ coef.T`` of some rows, shape (m, k), or (m,) of one vector."""
        ...

    def path(
        self, rows: np.ndarray, outcome: dict[str, Any], weights: np.ndarray, standardize: bool, **settings: Any
    ) -> CoxPath:
        """Follow the path of some rows; coefficients are those of the columns as given."""
        ...


class _Filled:
    def __init__(self, X: np.ndarray, weights: np.ndarray) -> None:
        self.mean = (weights @ X) / weights.sum()
        self.centred = X - self.mean
        self.block = 1 << 30

    def products(self, rows: np.ndarray, coef: np.ndarray) -> np.ndarray:
        return self.centred[rows] @ coef.T

    def path(
        self, rows: np.ndarray, outcome: dict[str, Any], weights: np.ndarray, standardize: bool, **settings: Any
    ) -> CoxPath:
        inside = self.centred[rows]
        middle = (weights @ inside) / weights.sum()
        sd = np.sqrt((weights @ (inside - middle) ** 2) / weights.sum())
        constant = sd <= 1e-12 * np.maximum(np.abs(inside).max(axis=0), 1e-300)
        scale = np.where(constant, 1.0, sd) if standardize else np.ones(sd.size)
        columns = np.where(constant, 0.0, (inside - middle) / scale)
        path = cox_path(cox_data(columns, **outcome), weights=weights, **settings)
        return replace(path, coef=path.coef / scale)


class _Sparse:
    def __init__(self, X: Any, weights: np.ndarray) -> None:
        self.matrix = X
        self.mean = np.asarray(weights @ X) / weights.sum()
        self.block = _SPARSE_BLOCK

    def _part(self, rows: np.ndarray) -> Any:
        return self.matrix if rows.all() else self.matrix[rows]

    def products(self, rows: np.ndarray, coef: np.ndarray) -> np.ndarray:
        return np.asarray(self._part(rows) @ coef.T) - coef @ self.mean

    def path(
        self, rows: np.ndarray, outcome: dict[str, Any], weights: np.ndarray, standardize: bool, **settings: Any
    ) -> CoxPath:
        columns = sparse_columns(self._part(rows), weights, standardize=standardize)
        bare = cox_data(np.empty((weights.size, 0)), **outcome)
        path = sparse_cox_path(bare, columns, weights=weights, **settings)
        return replace(path, coef=path.coef / columns.scale)


def penalised_columns(X: Any, weights: np.ndarray) -> PenalisedColumns:
    """Return the columns of a filled or sparse matrix.

    Parameters
    ----------
    X : ndarray or csc_array of shape (n, p)
        Predictors.
    weights : ndarray of shape (n,)
        Row weights.
    """
    return _Sparse(X, weights) if issparse(X) else _Filled(X, weights)
