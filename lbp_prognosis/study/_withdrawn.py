"""Patients who withdrew: identifiers and rows."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from lbp_prognosis._base import argument_error
from lbp_prognosis.disclosure import identifier_text

__all__ = ["of_withdrawn", "withdrawn_ids"]


def withdrawn_ids(exclude_ids: Iterable[object]) -> frozenset[str]:
    """Return the identifiers as text.

    Raises
    ------
    ArgumentError
        If one text is given instead of a list.
    """
    if isinstance(exclude_ids, str):
        raise argument_error("exclude_ids", "a list of identifiers", repr(exclude_ids))
    return frozenset(identifier_text(one) for one in exclude_ids)


def of_withdrawn(ids: Iterable[object], gone: frozenset[str]) -> np.ndarray:
    """Return whether each row belongs to a patient who withdrew, of shape (n_rows,)."""
    return np.array([identifier_text(one) in gone for one in ids], dtype=bool)
