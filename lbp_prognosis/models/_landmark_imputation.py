"""Missing predictors at landmarks, completed at each landmark by an imputer of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from sklearn.base import clone

from lbp_prognosis._base import DataError, argument_error
from lbp_prognosis.models._landmark import landmark

__all__ = ["CompletedLandmarks", "complete_landmarks", "completed_rows", "refuse_missing"]


class CompletedLandmarks(NamedTuple):
    """Predictors at each landmark, completed for the patients at risk there.

    Attributes
    ----------
    tables : list of dict of float to DataFrame
        One mapping per completed table; rows that are not at risk at a landmark are missing.
    imputers : dict of float to transformer
        Fitted, by landmark.
    """

    tables: list[dict[float, pd.DataFrame]]
    imputers: dict[float, Any]


def refuse_missing(frame: pd.DataFrame, what: str) -> None:
    """Refuse missing predictors of a model without an imputer."""
    lacking = [str(name) for name in frame.columns if frame[name].isna().any()]
    if lacking:
        told = f"missing values of {lacking[:5]}, {what}"
        raise DataError(
            f"`X` must be free of missing values in a DynamicRisk without `imputer`; got {told}. "
            "Give imputer=MultipleImputation(), which is fitted at each landmark to the patients at risk there."
        )


def complete_landmarks(
    frames: Mapping[float, pd.DataFrame], y: np.ndarray, width: float, imputer: Any
) -> CompletedLandmarks:
    """Fit a clone of the imputer at each landmark, to those at risk and their outcome in the window.

    Parameters
    ----------
    frames : mapping of float to DataFrame of shape (n, p)
        Predictors known at each landmark.
    y : ndarray of shape (n,)
        Made by `Surv.right`.
    width : float
        Length of the window.
    imputer : transformer
        With ``complete_training`` (several completed tables), or ``fit`` and ``transform``.

    Raises
    ------
    DataError
        If at a landmark a column is not known for any patient at risk.
    """
    imputers, completed = {}, {}
    for at, frame in frames.items():
        kept = landmark(y, frame.reset_index(drop=True), at, width)
        if not kept.rows.size:
            continue
        part = kept.X.reset_index(drop=True)
        nowhere = [str(name) for name in part.columns if part[name].isna().all()]
        if nowhere:
            raise DataError(
                f"No patient at risk at landmark {at:g} has a value of {nowhere[0]!r}, from which missing values could "
                "be imputed. Leave the column out, or begin at a later landmark."
            )
        step = clone(imputer)
        if hasattr(step, "complete_training"):
            tables = step.complete_training(part, kept.y)
        else:
            tables = [_as_frame(step.fit(part).transform(part), part)]
        imputers[at] = step
        completed[at] = [table.set_axis(kept.rows, axis=0).reindex(range(len(frame))) for table in tables]
    m = max((len(tables) for tables in completed.values()), default=0)
    # a landmark with fewer tables repeats them: it has fewer missing values
    return CompletedLandmarks([{at: t[k % len(t)] for at, t in completed.items()} for k in range(m)], imputers)


def _as_frame(values: Any, like: pd.DataFrame) -> pd.DataFrame:
    if isinstance(values, pd.DataFrame):
        return values
    array = np.asarray(values)
    if array.shape != like.shape:
        raise argument_error("imputer", f"a transformer that returns the {like.shape[1]} columns", f"{array.shape[1]}")
    return pd.DataFrame(array, columns=like.columns, index=like.index)


def completed_rows(
    imputer: Any, frame: pd.DataFrame, scores: list[Callable[[pd.DataFrame], np.ndarray] | None]
) -> Iterator[tuple[pd.DataFrame, np.ndarray, np.ndarray]]:
    """Yield for each model the completed rows, the position of the row of each, and their weights.

    Parameters
    ----------
    imputer : fitted transformer
        Of a landmark.
    frame : DataFrame of shape (n, p)
        New rows.
    scores : list of callable or None
        Linear predictor of each model, if its risk depends on the predictors through it alone.
    """
    if not hasattr(imputer, "completer"):
        table = _as_frame(imputer.transform(frame), frame)
        for _ in scores:
            yield table, np.arange(len(frame)), np.ones(len(frame))
        return
    complete = imputer.completer(frame)
    for score in scores:
        done = complete(None if score is None else _of_rows(score))
        yield done.frame, done.row, done.weight


def _of_rows(score: Callable[[pd.DataFrame], np.ndarray]) -> Callable[[pd.DataFrame, np.ndarray], np.ndarray]:
    return lambda table, row: score(table)
