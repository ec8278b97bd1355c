"""Values of coalitions: mean output when some players keep their values and the others come from the background."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from inspect import Parameter, signature
from typing import Any

import numpy as np
import pandas as pd

from lbp_prognosis._base import (
    HAZARD_SCALES,
    FeatureMap,
    LBPError,
    argument_error,
    check_choice,
    check_horizons,
    linear_predictor_of,
    linear_predictor_scale,
)

__all__ = ["Players", "coalition_worths", "fixed_columns", "output_function", "read_players", "table_of", "torn_block"]

CHUNK = 200_000  # completed rows predicted at a time
Players = dict[str, tuple[str, ...]]


def table_of(name: str, X: Any, like: pd.DataFrame | None = None) -> pd.DataFrame:
    """Return a frame; with ``like`` its columns in that order."""
    if isinstance(X, pd.DataFrame):
        frame = X
    else:
        array = np.asarray(X)
        if array.ndim != 2:
            raise argument_error(name, "a frame or a two-dimensional array", X)
        frame = pd.DataFrame(array, columns=[f"x{k}" for k in range(array.shape[1])] if like is None else like.columns)
    if like is not None:
        absent = [column for column in like.columns if column not in frame.columns]
        if absent:
            raise argument_error(name, "a table with the columns of `X`", f"one without {absent[:5]}")
        frame = frame[list(like.columns)]
    if len(frame) == 0:
        raise argument_error(name, "a table of at least one row", "no rows")
    return frame


def fixed_columns(estimator: Any) -> set[str]:
    """Return columns that are not predictors: strata, offset, columns read only by steps, and dropped columns."""
    fixed = {*getattr(estimator, "held_columns_", ()), *getattr(estimator, "unused_columns_", ())}
    for step in getattr(estimator, "steps", ()):
        fixed |= set(getattr(step[1] if isinstance(step, tuple) else step, "context_columns", ()))
    for parameter in ("strata", "offset"):
        named = getattr(estimator, parameter, None)
        fixed |= {named} if isinstance(named, str) else set(named) if isinstance(named, list | tuple) else set()
    return fixed


def read_players(X: pd.DataFrame, groups: Mapping[str, Sequence[str]] | None, fixed: Collection[str] = ()) -> Players:
    """Return player -> columns; without groups each column is a player. Raise if a column belongs to no group.

    ``fixed`` columns are not players: a row keeps its own values of them in every coalition.
    """
    if groups is None:
        return {str(column): (column,) for column in X.columns if column not in fixed}
    # a modality is not a player if X has none of its columns
    players = {
        name: present
        for name, columns in FeatureMap({str(k): tuple(v) for k, v in groups.items()}).items()
        if (present := tuple(column for column in columns if column in X.columns))
    }
    left = [c for c in X.columns if c not in fixed and not any(c in columns for columns in players.values())]
    if not players or left:
        raise argument_error(
            "groups",
            "a mapping that contains every column of `X`",
            f"one without {left[:5]}",
            "Each column belongs to one player: add it to a group, or drop it from `X`.",
        )
    return players


def output_function(
    estimator: Any, scale: str, horizons: Any, cause: int, cut: Mapping[str, float] | None = None
) -> tuple[Callable[[pd.DataFrame], np.ndarray], np.ndarray | None, str]:
    """Return a function from a table to ``(n, n_outputs)``, the horizons (None off the risk scale), and the scale.

    The name of a linear predictor's scale is the one that the model states. ``cut`` is that of a score, for its risk.
    """
    given = dict(cut or {})
    for name, value in given.items():
        if scale != "risk":
            raise argument_error(name, 'left out unless scale="risk"', value)
        taken = signature(getattr(estimator, "predict_risk", lambda: None)).parameters
        if name not in taken and not any(each.kind is Parameter.VAR_KEYWORD for each in taken.values()):
            raise argument_error(name, "left out for a model that predicts no score", value)
    check_choice("scale", scale, ("linear_predictor", "log_hazard", "risk", "mean"))
    if scale == "mean":
        return _mean_function(estimator, horizons)
    if scale != "risk":
        if horizons is not None:
            raise argument_error("horizons", "left out for a linear predictor, which has no horizon", horizons)
        if not hasattr(estimator, "linear_predictor"):
            raise argument_error(
                "estimator",
                f'a model with `linear_predictor` for scale="{scale}"',
                estimator,
                'Explain its risk instead: scale="risk", horizons=…',
            )
        stated = linear_predictor_scale(estimator)
        if scale == "log_hazard" and stated is not None and stated not in HAZARD_SCALES:
            raise argument_error(
                "scale",
                f'"linear_predictor" or "risk" for {type(estimator).__name__}',
                '"log_hazard"',
                f'Its linear predictor is on the scale "{stated}".',
            )
        named = scale if scale == "log_hazard" else stated or "linear_predictor"
        return lambda table: linear_predictor_of(estimator, table, cause)[:, None], None, named
    if horizons is None:
        raise argument_error("horizons", "given on the risk scale", "None")
    times, _ = check_horizons(horizons)
    if not hasattr(estimator, "predict_risk"):
        raise argument_error("estimator", "a fitted model with `predict_risk`", estimator)
    return lambda table: np.asarray(estimator.predict_risk(table, times, cause, **given), dtype=float), times, scale


def _mean_function(
    estimator: Any, horizons: Any
) -> tuple[Callable[[pd.DataFrame], np.ndarray], np.ndarray | None, str]:
    """Return the predicted mean of a score, or of a count of events; at visits or times where there are several."""
    if not hasattr(estimator, "predict_mean"):
        raise argument_error("estimator", 'a model with `predict_mean` for scale="mean"', estimator)
    several = {"visit", "times"} & set(signature(estimator.predict_mean).parameters)
    if not several:
        if horizons is not None:
            raise argument_error("horizons", "left out for the mean of a score at one visit", horizons)
        return lambda table: np.asarray(estimator.predict_mean(table), dtype=float)[:, None], None, "mean"
    if horizons is None:
        raise argument_error("horizons", "the visits whose means are explained", "None")
    times, _ = check_horizons(horizons)

    def means(table: pd.DataFrame) -> np.ndarray:
        return np.column_stack([np.ravel(estimator.predict_mean(table, float(at))) for at in times])

    return means, times, "mean"


def coalition_worths(
    function: Callable[[pd.DataFrame], np.ndarray],
    X: pd.DataFrame,
    background: pd.DataFrame,
    players: Players,
    members: np.ndarray,
) -> np.ndarray:
    """Return ``(n_coalitions, n, n_outputs)``: mean over the background of the output with a coalition's values kept.

    A player in a coalition keeps its missing values, so that the value of the full coalition is the prediction.
    """
    n, size, count = len(X), len(background), members.shape[0]
    pool = pd.concat([background, X], ignore_index=True)
    if not pool.dtypes.equals(background.dtypes):
        pool = pool.astype(background.dtypes.to_dict(), errors="ignore")
    owner = {column: k for k, columns in enumerate(players.values()) for column in columns}
    per_patient = count * size
    step = max(1, CHUNK // per_patient)
    out: np.ndarray | None = None
    base = np.tile(np.arange(size), count)
    for start in range(0, n, step):
        rows = np.arange(start, min(start + step, n))
        columns = {}
        for column in X.columns:
            if column in owner:
                kept = np.repeat(members[:, owner[column]], size)
                index = np.where(kept[None, :], size + rows[:, None], base[None, :])
            else:
                index = np.broadcast_to(size + rows[:, None], (rows.size, per_patient))
            columns[column] = pool[column].array.take(index.ravel())
        try:
            values = function(pd.DataFrame(columns, columns=X.columns))
        except LBPError as error:
            raise torn_block(function, X, error) from error
        means = values.reshape(rows.size, count, size, -1).mean(axis=2)
        if out is None:
            out = np.empty((count, n, means.shape[2]))
        out[:, rows] = means.transpose(1, 0, 2)
    assert out is not None
    return out


def torn_block(function: Callable[[pd.DataFrame], np.ndarray], X: pd.DataFrame, error: LBPError) -> LBPError:
    """Return the error of a coalition; that of a block in parts, if the model takes the rows themselves."""
    if not X.isna().any().any():
        return error
    try:
        function(X)
    except LBPError:
        return error
    return argument_error(
        "players",
        '"groups" for rows without a modality that the model takes only as a whole',
        "players that are parts of it",
        'Take groups=modalities, players="groups", or prediction_shapley.',
    )
