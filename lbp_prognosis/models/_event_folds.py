"""Folds of whole patients with the events spread evenly."""

from __future__ import annotations

import numpy as np

from lbp_prognosis._base import RandomState, argument_error, generator

__all__ = ["event_folds"]


def event_folds(
    count: int, event: np.ndarray, clusters: np.ndarray | None, random_state: RandomState, *, argument: str
) -> np.ndarray:
    """Return the fold 0…count−1 of each row.

    Parameters
    ----------
    count : int
        Number of folds.
    event : ndarray of bool of shape (n,)
        Units with an event are dealt out first.
    clusters : ndarray of int of shape (n,) or None
        Codes of units that stay together; rows by default.
    random_state : int, SeedSequence, Generator or None
        Order in which they are dealt.
    argument : str
        Name of the caller's argument ``count``, for the error if there are fewer units.
    """
    units = np.arange(event.size) if clusters is None else clusters
    total = int(units.max()) + 1
    if total < count:
        raise argument_error(argument, f"at most {total}, the number of rows or clusters", count)
    has = np.bincount(units, weights=event, minlength=total) > 0
    order = generator(random_state).permutation(total)
    order = order[np.argsort(~has[order], kind="stable")]
    fold = np.empty(total, dtype=np.int64)
    fold[order] = np.arange(total) % count
    return fold[units]
