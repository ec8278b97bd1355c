"""Columns of a sparse matrix, centred and scaled in formulas only: what is stored is what is not zero."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csc_array

from lbp_prognosis._kernels._compiled import compiled

__all__ = ["SparseColumns", "sparse_columns"]

_FAR = 100.0  # standard deviations of its mean from 0, from which a column without zeros is stored about its mean
_CONSTANT = 1e-12  # standard deviation over largest value of a column that is constant but for rounding


@compiled()
def _moments(data, indices, indptr, weights, mean, variance, largest):  # pragma: no cover - compiled
    """Weighted mean and variance of each column in two passes over its values; zeros count by their weight."""
    total = 0.0
    for i in range(weights.size):
        total += weights[i]
    for j in range(indptr.size - 1):
        inside, first = 0.0, 0.0
        for k in range(indptr[j], indptr[j + 1]):
            w = weights[indices[k]]
            inside += w
            first += w * data[k]
            largest[j] = max(largest[j], abs(data[k]))
        middle = first / total
        second = max(total - inside, 0.0) * middle * middle
        for k in range(indptr[j], indptr[j + 1]):
            gap = data[k] - middle
            second += weights[indices[k]] * gap * gap
        mean[j], variance[j] = middle, second / total


@compiled()
def _slopes(data, indices, indptr, columns, residual, out):  # pragma: no cover - compiled
    """Products of some columns with a row vector."""
    for a in range(columns.size):
        j = columns[a]
        total = 0.0
        for k in range(indptr[j], indptr[j + 1]):
            total += data[k] * residual[indices[k]]
        out[a] = total


@compiled()
def _add_columns(data, indices, indptr, columns, values, out):  # pragma: no cover - compiled
    """Add multiples of some columns to a row vector."""
    for a in range(columns.size):
        v = values[a]
        if v != 0.0:
            j = columns[a]
            for k in range(indptr[j], indptr[j + 1]):
                out[indices[k]] += v * data[k]


@dataclass(frozen=True)
class SparseColumns:
    """Columns ``(x_ij − mean_j) / scale_j`` of which only ``x`` is stored.

    Attributes
    ----------
    matrix : csc_array of shape (n, p)
        The values ``x``, less ``origin``.
    mean : ndarray of shape (p,)
        Weighted means of what is stored.
    scale : ndarray of shape (p,)
        Weighted standard deviations (divisor: the sum of weights), or 1.
    usable : ndarray of bool of shape (p,)
        False for a constant column.
    origin : ndarray of shape (p,)
        0, but for columns without zeros that lie far from 0: sums of their values would lose what varies.
    """

    matrix: csc_array
    mean: np.ndarray
    scale: np.ndarray
    usable: np.ndarray
    origin: np.ndarray

    @property
    def shape(self) -> tuple[int, int]:
        """Numbers of rows and columns."""
        return int(self.matrix.shape[0]), int(self.matrix.shape[1])

    def slopes(self, residual: np.ndarray, columns: np.ndarray) -> np.ndarray:
        """Return the products of the scaled ``columns`` with a row vector, shape (k,)."""
        m = self.matrix
        out = np.empty(columns.size)
        _slopes(m.data, m.indices, m.indptr, columns, residual, out)
        return (out - self.mean[columns] * float(residual.sum())) / self.scale[columns]

    def add(self, columns: np.ndarray, coef: np.ndarray, out: np.ndarray) -> None:
        """Add ``coef`` times the scaled columns to ``out``, but for one constant that is the same in all rows."""
        m = self.matrix
        _add_columns(m.data, m.indices, m.indptr, columns, coef / self.scale[columns], out)


def sparse_columns(matrix: csc_array, weights: np.ndarray, *, standardize: bool = True) -> SparseColumns:
    """Return columns that are centred by their weighted means and scaled by their weighted standard deviations.

    Parameters
    ----------
    matrix : csc_array of shape (n, p)
        Finite values.
    weights : ndarray of shape (n,)
        Row weights.
    standardize : bool, default True
        Scale; otherwise ``scale`` is 1.
    """
    p = int(matrix.shape[1])
    mean, variance, largest = np.zeros((3, p))
    _moments(matrix.data, matrix.indices, matrix.indptr, weights, mean, variance, largest)
    sd = np.sqrt(variance)
    usable = sd > _CONSTANT * np.maximum(largest, 1e-300)
    origin = np.where(usable & (np.diff(matrix.indptr) == matrix.shape[0]) & (np.abs(mean) > _FAR * sd), mean, 0.0)
    if origin.any():
        data = matrix.data - np.repeat(origin, np.diff(matrix.indptr))
        matrix = csc_array((data, matrix.indices, matrix.indptr), shape=matrix.shape)
        _moments(data, matrix.indices, matrix.indptr, weights, mean, variance, largest)
        sd = np.sqrt(variance)
    scale = np.where(usable, sd, 1.0) if standardize else np.ones(p)
    return SparseColumns(matrix, mean, scale, usable, origin)
