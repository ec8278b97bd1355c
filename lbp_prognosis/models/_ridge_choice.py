"""Ridge penalty of a regression, chosen by cross-validated deviance over whole patients."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pandas as pd

from lbp_prognosis._base import argument_error, check_choice, check_number
from lbp_prognosis.models._event_folds import event_folds
from lbp_prognosis.models._rare_causes import NotDetermined

__all__ = ["check_penalty", "chosen_ridge", "fold_labels", "fold_share", "ridge_grid", "saturated_loglik"]

_GRID = 10.0 ** np.linspace(1.5, -3.0, 13)
_BEYOND = 3  # penalties in a row at which the deviance rose, when the path may end
_MARGIN = 1.0  # and standard errors of the difference between folds by which it is above its minimum


def check_penalty(penalty: Any, choose: Any, cv: Any) -> bool:
    """Check a penalty that is a number or ``"cv"``; return whether it is to be chosen."""
    if not isinstance(penalty, str):
        check_number("penalty", penalty, low=0)
        return False
    if penalty != "cv":
        raise argument_error("penalty", 'a number of at least 0, or "cv"', repr(penalty))
    check_choice("choose", choose, ("min", "one_se"))
    check_number("cv", cv, low=2, whole=True)
    return True


def ridge_grid(events: float) -> np.ndarray:
    """Return penalties from strong to none, shape (13,).

    The information on a standardised column is about the number of events: multiples of it from 32 (coefficients shrink
    to 3 per cent) to 0.001 say the same in every sample.
    """
    return events * _GRID


def fold_labels(
    folds: Any, count: int, event: np.ndarray, clusters: np.ndarray | None, random_state: Any
) -> np.ndarray:
    """Return the fold of each row: those given, or whole clusters with events spread evenly."""
    if folds is None:
        return event_folds(count, event, clusters, random_state, argument="cv")
    labels = np.unique(np.asarray(folds), return_inverse=True)[1]
    if labels.size != event.size:
        raise argument_error("folds", f"of length {event.size}", f"length {labels.size}")
    return labels


def chosen_ridge(
    grid: np.ndarray,
    labels: np.ndarray,
    size: np.ndarray,
    deviances: Callable[[np.ndarray], Iterator[float]],
    choose: str,
) -> tuple[float, pd.DataFrame]:
    """Return the chosen penalty and the table it was chosen from.

    Parameters
    ----------
    grid : ndarray of shape (k,)
        Penalties, decreasing.
    labels : ndarray of int of shape (n,)
        Fold of each row.
    size : ndarray of shape (n,)
        What a row counts for in the size of its fold (events, or rows), 0 if nothing.
    deviances : callable
        From the training rows (n,) to an iterator of the deviance of the held-out rows at one penalty after the other,
        NaN without a fit. It is asked for no more penalties than are needed.
    choose : {"min", "one_se"}
        The smallest mean, or the largest penalty within one standard error of it.
    """
    walks, sizes = [], []
    for fold in range(int(labels.max()) + 1):
        train = labels != fold
        held = float(size[~train].sum())
        if held == 0 or not size[train].any():
            continue
        walks.append(deviances(train))
        sizes.append(held)
    if len(sizes) < 2:
        raise NotDetermined("Fewer than two folds contain an event: cross-validation has nothing to compare.")
    table, share = np.empty((len(sizes), 0)), np.array(sizes)[:, None]
    for _ in grid:
        table = np.hstack([table, [[next(walk) / held] for walk, held in zip(walks, sizes)]])
        mean = (table * share).sum(axis=0) / share.sum()
        if _is_past(table, mean, share):
            break
    if np.isnan(mean).all():
        raise NotDetermined(
            "At no penalty was there a fit in every fold: a column without penalty may separate patients with the "
            "event from the others. Penalise it, or take fewer folds."
        )
    se = _standard_error(table, mean, share)
    best = int(np.nanargmin(mean))
    place = int(np.argmax(mean <= mean[best] + se[best])) if choose == "one_se" else best
    return float(grid[place]), pd.DataFrame({"penalty": grid[: mean.size], "mean": mean, "se": se})


def _standard_error(table: np.ndarray, mean: np.ndarray, share: np.ndarray) -> np.ndarray:
    spread = ((table - mean) ** 2 * share).sum(axis=0) / share.sum()
    return np.sqrt(spread / (table.shape[0] - 1))


def _is_past(table: np.ndarray, mean: np.ndarray, share: np.ndarray) -> bool:
    """Say whether weaker penalties than the last have no prospect of a smaller mean (k,), of the folds (f, k)."""
    if np.isnan(mean).all():
        return False
    best, last = int(np.nanargmin(mean)), mean.size - 1
    if last - best < _BEYOND or not (np.diff(mean[best:]) > 0).all():
        return False
    gap = table[:, -1:] - table[:, [best]]
    return bool(mean[last] - mean[best] > _MARGIN * _standard_error(gap, mean[[last]] - mean[best], share)[0])


def fold_share(weights: np.ndarray, train: np.ndarray, *, standardize: bool, frequency: bool) -> float:
    """Return a fold's penalty over that of all rows, so that the penalty of a mean likelihood stays what it is.

    Parameters
    ----------
    weights : ndarray of shape (n,)
        Row weights.
    train : ndarray of bool of shape (n,)
        Rows of the fit.
    standardize : bool
        The penalty is of columns scaled to standard deviation 1 with divisor n − 1, n being rows or copies.
    frequency : bool
        Weights count copies.
    """

    def size(rows: np.ndarray) -> float:
        total = float(rows.sum())
        return total * (1 - 1 / (total if frequency else rows.size)) if standardize else total

    return size(weights[train]) / size(weights)


def saturated_loglik(time: np.ndarray, event: np.ndarray, weights: np.ndarray, strata: np.ndarray | None) -> float:
    """Return the largest log partial likelihood that any hazards can reach; it depends only on ties."""
    places = np.unique(time[event], return_inverse=True)[1]
    if strata is not None:
        stratum = np.unique(strata[event], return_inverse=True)[1]
        places = np.unique(np.column_stack([stratum, places]), axis=0, return_inverse=True)[1].reshape(-1)
    tied = np.bincount(places, weights=weights[event]).astype(float)  # whole numbers where there is no event
    return -float(np.sum(tied * np.log(tied, out=np.zeros_like(tied), where=tied > 0)))
