"""Missing blocks: rows in which all columns of a modality are missing."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

__all__ = ["absent_blocks"]


def absent_blocks(matrix: np.ndarray, blocks: Sequence[np.ndarray]) -> np.ndarray:
    """Return where a whole block of a row is missing, shape (n, p).

    Parameters
    ----------
    matrix : ndarray of shape (n, p)
        NaN where missing.
    blocks : sequence of ndarray of int
        Columns of each block.
    """
    out = np.zeros(matrix.shape, dtype=bool)
    for columns in blocks:
        out[np.ix_(np.isnan(matrix[:, columns]).all(axis=1), columns)] = True
    return out
