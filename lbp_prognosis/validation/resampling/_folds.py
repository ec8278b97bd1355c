"""Folds stratified on the outcome, with patients kept in one fold and one draw per repeat."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from lbp_prognosis._base import LeakageError, argument_error, check_clusters, rows_in_words
from lbp_prognosis.survival import outcome_kind

__all__ = ["event_stratum", "given_folds", "rarer_events", "repeated_folds", "site_folds"]


def event_stratum(y: np.ndarray) -> np.ndarray:
    """Return the outcome of each row as a small code, for stratification."""
    kind = outcome_kind(y)
    if kind == "measured":  # missing scores, and the lower and upper half
        value = y["value"]
        return np.where(np.isnan(value), -1, value > np.nanmedian(value)).astype(np.int64)
    return (y["status"] if kind == "status" else y["event"]).astype(np.int64)


def rarer_events(y: np.ndarray, cause: int = 1) -> int:
    """Return how many patients carry the information: events of a time, the rarer outcome of a state.

    Parameters
    ----------
    y : ndarray of shape (n,)
        Structured outcome.
    cause : int, default 1
        Event code of interest of a time.
    """
    stratum = event_stratum(y)
    if outcome_kind(y) in ("right", "interval"):
        return int((stratum == cause).sum())
    return int(min((stratum == 0).sum(), (stratum == 1).sum()))


def repeated_folds(
    y: np.ndarray, *, n_splits: int, n_repeats: int, groups: np.ndarray | None, generators: list[np.random.Generator]
) -> np.ndarray:
    """Return fold numbers of shape (n_repeats, n).

    Parameters
    ----------
    y : ndarray of shape (n,)
        Structured outcome.
    n_splits, n_repeats : int
        Folds and repeats.
    groups : ndarray of int of shape (n,) or None
        Codes kept in one fold.
    generators : list of Generator
        One per repeat.

    Notes
    -----
    Groups are shuffled, ordered by their stratum (the largest event code in the group), and dealt to the folds in turn
    from a random start, so that folds differ by at most one group in each stratum's neighbourhood.
    """
    n = y.shape[0]
    codes = np.arange(n) if groups is None else groups
    count = int(codes.max()) + 1
    if count < n_splits:
        raise argument_error("n_splits", f"at most the number of groups ({count})", n_splits)
    stratum = np.full(count, -1, dtype=np.int64)
    np.maximum.at(stratum, codes, event_stratum(y))
    out = np.empty((n_repeats, n), dtype=np.int64)
    for repeat, rng in zip(range(n_repeats), generators, strict=True):
        shuffled = rng.permutation(count)
        ordered = shuffled[np.argsort(stratum[shuffled], kind="stable")]
        fold = np.empty(count, dtype=np.int64)
        names = rng.permutation(n_splits)
        fold[ordered] = names[np.arange(count) % n_splits]
        out[repeat] = fold[codes]
    return out


def given_folds(folds: Any, n: int, groups: np.ndarray | None) -> np.ndarray:
    """Return fold numbers 0…K−1 of shape (n_repeats, n) from the user's, refusing groups that are torn."""
    labels = np.atleast_2d(np.asarray(folds))
    if labels.ndim != 2 or labels.shape[1] != n:
        raise argument_error("folds", f"of shape ({n},) or (n_repeats, {n})", folds)
    missing = np.atleast_1d(np.any(pd.isna(labels), axis=0))
    if missing.any():
        raise argument_error("folds", "known for every row", f"missing folds at rows {rows_in_words(missing)}")
    out = np.stack([np.unique(row, return_inverse=True)[1] for row in labels]).astype(np.int64)
    if np.unique(out.max(axis=1)).size > 1 or out.max() < 1:
        raise argument_error("folds", "the same number of folds (at least two) in each repeat", "others")
    if groups is not None:
        for row in out:
            low, high = (np.full(groups.max() + 1, start) for start in (n, -1))
            np.minimum.at(low, groups, row)
            np.maximum.at(high, groups, row)
            if (low != high).any():
                raise argument_error(
                    "folds", "folds that keep groups whole", "groups on both sides of a split", kind=LeakageError
                )
    return out


def site_folds(sites: Any, n: int) -> tuple[np.ndarray, list[str]]:
    """Return site codes and names."""
    codes = check_clusters("sites", sites, n=n)
    if codes is None:
        raise argument_error("sites", "one label per row", "None")
    names = [str(name) for name in np.unique(np.asarray(sites))]
    if len(names) < 2:
        raise argument_error("sites", "labels of at least two sites", f"{len(names)}")
    return codes, names
