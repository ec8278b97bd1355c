"""``SparseTable``: a sparse matrix of predictors as rows with names, in the few models that take one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy.sparse import csc_array, issparse

from lbp_prognosis._base._errors import DataError, argument_error
from lbp_prognosis._base.intake._read_frame import column_names
from lbp_prognosis._base.intake._rows import refused_kind

__all__ = ["SparseTable", "is_sparse_frame", "read_sparse"]

_TOLD = 20  # bad cells listed


@dataclass(frozen=True, eq=False)
class SparseTable:
    """Rows of a sparse matrix.

    Attributes
    ----------
    matrix : csc_array of shape (n, p)
        Values, float64; what is not stored is 0.
    names : tuple of str or None
        Names of the columns; None for a bare matrix, whose columns are x0, x1, ….
    row_labels : Index or None
        Labels of the rows, if it came as a frame.
    """

    matrix: csc_array
    names: tuple[str, ...] | None = None
    row_labels: pd.Index | None = None

    @property
    def shape(self) -> tuple[int, int]:
        """Numbers of rows and columns."""
        return int(self.matrix.shape[0]), int(self.matrix.shape[1])

    def take(self, rows: np.ndarray) -> SparseTable:
        """Return rows by number."""
        labels = None if self.row_labels is None else self.row_labels.take(rows)
        return SparseTable(csc_array(self.matrix[rows]), self.names, labels)

    def select(self, names: Sequence[str]) -> SparseTable:
        """Return columns by name."""
        place = {name: j for j, name in enumerate(self.names or ())}
        columns = np.array([place[name] for name in names], dtype=np.int64)
        return SparseTable(csc_array(self.matrix[:, columns]), tuple(names), self.row_labels)

    def finite(self) -> csc_array:
        """Return the matrix; missing and infinite cells are reported together.

        Raises
        ------
        DataError
            With ``failures``: one row per bad cell, at most 20.
        """
        bad = np.flatnonzero(~np.isfinite(self.matrix.data))
        if bad.size == 0:
            return self.matrix
        columns = np.searchsorted(self.matrix.indptr, bad[:_TOLD], side="right") - 1
        failures = []
        for cell, column in zip(bad[:_TOLD].tolist(), columns.tolist()):
            value, row = float(self.matrix.data[cell]), int(self.matrix.indices[cell])
            field = f"x{column}" if self.names is None else self.names[column]
            reason = "missing" if np.isnan(value) else "infinite"
            failures.append(
                {
                    "table": "X",
                    "row": row,
                    "field": field,
                    "reason": reason,
                    "value": value,
                    "message": f"{field} is {reason} at row {row}.",
                }
            )
        named = list(dict.fromkeys(f"{each['field']!r} ({each['reason']})" for each in failures))
        told = ", ".join(named[:6])
        more = "" if bad.size == len(named[:6]) else f", {bad.size} cells in all"
        raise DataError(
            f"`X` must be numeric and finite; got columns {told}{more}. "
            "A value that a sparse matrix does not store is 0, not missing: impute first, and correct infinite values.",
            pd.DataFrame(failures),
        )


def is_sparse_frame(value: Any) -> bool:
    """Whether a value is a pandas frame of sparse columns alone, of which zeros are not stored."""
    if not isinstance(value, pd.DataFrame) or value.shape[1] == 0:
        return False
    return all(isinstance(dtype, pd.SparseDtype) and dtype.fill_value == 0 for dtype in value.dtypes)


def read_sparse(value: Any, name: str = "X") -> SparseTable:
    """Return a sparse matrix or array of any format, or a frame of sparse columns, as a `SparseTable`.

    Nothing given is changed; values that stand more than once are added up.

    Raises
    ------
    ArgumentError
        For complex values and text, one dimension, and names that stand more than once.
    """
    if isinstance(value, SparseTable):
        return value
    names, labels = None, None
    if isinstance(value, pd.DataFrame):
        names, labels = tuple(column_names(value, name)), value.index
        value = value.sparse.to_coo()  # type: ignore[attr-defined]  # an accessor of pandas
    if len(value.shape) != 2:
        raise argument_error(name, "a sparse matrix of two dimensions", f"{len(value.shape)}")
    kind = value.dtype.kind
    if kind == "c":
        raise refused_kind(name, "complex", "numbers")
    if kind not in "fiub":
        raise argument_error(name, "a sparse matrix of numbers", f"one of {value.dtype}")
    given = issparse(value) and value.format == "csc"
    matrix = csc_array(value, dtype=np.float64)
    if not matrix.has_canonical_format:
        matrix = matrix.copy() if given else matrix
        matrix.sum_duplicates()
    return SparseTable(matrix, names, labels)
