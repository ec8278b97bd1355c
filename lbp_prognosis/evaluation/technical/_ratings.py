"""Repeated measurements as a matrix: one row per subject, one column per rater, session or scanner."""

from __future__ import annotations

from typing import Any

import numpy as np

from lbp_prognosis._base import argument_error, check_same_rows, check_vector

__all__ = ["check_pair", "check_ratings"]


def check_ratings(ratings: Any, *, columns: int = 2) -> np.ndarray:
    """Return a finite (n_subjects, k) matrix with n ≥ 2 and k ≥ ``columns``."""
    try:
        if np.iscomplexobj(np.asarray(ratings)):
            raise TypeError  # a cast would drop the imaginary part
        matrix = np.asarray(ratings, dtype=float)
    except (TypeError, ValueError):
        raise argument_error(
            "ratings", "a table of numbers, one row per subject and one column per rater", ratings
        ) from None
    if matrix.ndim != 2 or matrix.shape[0] < 2 or matrix.shape[1] < columns:
        raise argument_error(
            "ratings",
            f"of shape (n_subjects ≥ 2, n_raters ≥ {columns})",
            f"shape {matrix.shape}",
            "Pivot long tables first: one row per subject, one column per rater or session.",
        )
    bad = ~np.isfinite(matrix).all(axis=1)
    if bad.any():
        raise argument_error(
            "ratings",
            "complete",
            f"missing values in rows {np.flatnonzero(bad)[:5].tolist()}",
            "Drop subjects without all measurements, and report how many.",
        )
    return matrix


def check_pair(first: Any, second: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return two finite vectors of one length; labels in another order are refused."""
    check_same_rows("second", second, "first", first)
    a = check_vector("first", first)
    b = check_vector("second", second)
    if b.size != a.size:
        raise argument_error("second", f"of length {a.size}, that of `first`", f"length {b.size}")
    if a.size < 3:
        raise argument_error("first", "measurements of at least three subjects", f"{a.size}")
    return a, b
