"""Tuning of other libraries' models on folds that keep a patient's rows, and the copies of a resample, together."""

from __future__ import annotations

from typing import Any

import numpy as np

from lbp_prognosis._base import argument_error

__all__ = ["tunes_on_folds", "with_whole_folds"]


def tunes_on_folds(model: Any) -> bool:
    """Say whether a scikit-learn model, or a step of it, chooses something on folds (has a parameter ``cv``)."""
    return bool(_places(model))


def with_whole_folds(model: Any, X: Any, labels: np.ndarray, clusters: np.ndarray) -> Any:
    """Give the outermost tuning folds that part no cluster.

    Parameters
    ----------
    model : estimator
        Changed in place: its ``cv`` becomes a list of (train, test) row numbers.
    X : DataFrame or ndarray of shape (n, p)
        Rows of the fit.
    labels : ndarray of int of shape (n,)
        Labels by which folds are balanced.
    clusters : ndarray of shape (n,)
        Who each row is.

    Notes
    -----
    A number of folds, or a splitter that knows no groups, is replaced by as many grouped and stratified folds; a
    grouped splitter is asked as it is. Where no cluster has two rows the model keeps its own folds.
    """
    from sklearn.model_selection import StratifiedGroupKFold

    repeated = np.unique(clusters).size < clusters.size
    for name in _places(model):
        given = model.get_params(deep=True)[name]
        if "Group" in type(given).__name__:
            splitter = given
        elif not repeated:
            continue
        else:
            shuffle = bool(getattr(given, "shuffle", False))
            seed = getattr(given, "random_state", None) if shuffle else None
            splitter = StratifiedGroupKFold(_count(given), shuffle=shuffle, random_state=seed)
        model.set_params(**{name: list(splitter.split(X, labels, clusters))})
    return model


def _places(model: Any) -> list[str]:
    """Names of the outermost ``cv``: folds inside the folds of a search are of other rows."""
    if not hasattr(model, "get_params"):
        return []
    names = sorted((n for n in model.get_params(deep=True) if n == "cv" or n.endswith("__cv")), key=len)
    outer: list[str] = []
    for name in names:
        if not any(name.startswith(kept.removesuffix("cv")) for kept in outer):
            outer.append(name)
    return outer


def _count(given: Any) -> int:
    if given is None:
        return 5
    count = given if isinstance(given, int | np.integer) else getattr(given, "n_splits", None)
    if count is None:
        raise argument_error(
            "cv",
            "a number of folds, or a splitter with `n_splits`, where rows are copies or belong together",
            given,
            "Row numbers given beforehand do not fit the rows of a resample.",
        )
    return int(count)
