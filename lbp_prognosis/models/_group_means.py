"""The matrix that averages rows by group."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from lbp_prognosis._base import argument_error

__all__ = ["group_means"]


def group_means(groups: Any, n: int) -> np.ndarray:
    """Return the matrix (g, n) that takes values of rows to means of groups, in the sorted order of their labels."""
    labels = np.asarray(groups)
    if labels.shape != (n,):
        raise argument_error("groups", f"a vector with the group of each of {n} rows", f"shape {labels.shape}")
    if pd.isna(labels).any():
        raise argument_error("groups", "known for every row", "missing labels")
    found, place = np.unique(labels, return_inverse=True)
    inside = place == np.arange(found.size)[:, None]
    return inside / inside.sum(axis=1, keepdims=True)
