"""Frames for figures of attributions: one horizon, the largest players, values of the columns."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from lbp_prognosis._base import argument_error, check_number, column_kind, is_number, numbers_of

__all__ = ["numbers_and_texts", "place_of_horizon", "place_of_player", "shown_rows"]


def place_of_horizon(horizons: np.ndarray | None, outputs: int, horizon: float | None) -> int:
    """Return the index of a horizon's output; with several outputs the horizon is required."""
    if horizon is None:
        if outputs == 1:
            return 0
        raise argument_error("horizon", f"one of {[] if horizons is None else horizons.tolist()}", "None")
    known = np.empty(0) if horizons is None else horizons
    found = np.flatnonzero(np.isclose(known, horizon, rtol=1e-12, atol=0))
    if not found.size:
        raise argument_error(
            "horizon", f"one of {known.tolist()}" if known.size else "left out: there is none here", horizon
        )
    return int(found[0])


def place_of_player(players: tuple[str, ...], name: str, argument: str) -> int:
    """Return the index of a player."""
    if name not in players:
        raise argument_error(argument, f"one of the players {list(players)[:8]}", repr(name))
    return players.index(name)


def numbers_and_texts(column: pd.Series | None, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Return a column's values as numbers (NaN for categories) and as texts; without a column the texts are empty."""
    if column is None:
        return np.full(n, np.nan), np.full(n, "", dtype=object)
    missing = column.isna().to_numpy()
    numbers = numbers_of(column) if is_number(column) else np.full(n, np.nan)
    if column_kind(column) == "ordered":
        numbers = np.where(missing, np.nan, column.cat.codes.to_numpy(dtype=float))
    texts = np.array(
        ["missing" if gone else _text(value) for value, gone in zip(column.to_numpy(dtype=object), missing)],
        dtype=object,
    )
    return numbers, texts


def _text(value: Any) -> str:
    if isinstance(value, float | np.floating):
        return f"{value:.3g}".replace("-", "−")
    return str(value)


def shown_rows(result: Any, horizon: float | None, most: int, rows: Any = None) -> pd.DataFrame:
    """Return one row per patient and player, the players with the largest mean size first, the rest added up.

    Parameters
    ----------
    result : ShapResult
        Attributions (untyped here: it imports this file).
    horizon : float, optional
        Prediction time of the output; required if there are several.
    most : int
        Lines of the figure; with more players, the last line is the sum of the others.
    rows : ndarray of int, optional
        Positions of the patients, in the order to show; all by default.

    Returns
    -------
    DataFrame
        ``row, player, value, number, text, base, prediction, scale``, patient by patient.
    """
    check_number("most", most, low=2, whole=True)
    output = place_of_horizon(result.horizons, result.values.shape[2], horizon)
    places = np.arange(len(result.rows)) if rows is None else np.asarray(rows)
    values = result.values[places, :, output]
    order = np.argsort(-np.abs(values).mean(axis=0), kind="stable")
    kept = order if order.size <= most else order[: most - 1]
    rest = order[kept.size :]
    names = [result.players[j] for j in kept]
    columns = [values[:, kept]]
    numbers, texts = [], []
    for j in kept:
        column = None if result.data is None else result.data.iloc[places, j]
        number, text = numbers_and_texts(column, places.size)
        if column is None and result.missing is not None:  # for a modality the text says that it is absent
            share = result.missing[places, j]
            text = np.where(share == 1, "missing", np.where(share > 0, "partly missing", "")).astype(object)
        numbers.append(number)
        texts.append(text)
    if rest.size:
        names.append(f"{rest.size} others")
        columns.append(values[:, rest].sum(axis=1, keepdims=True))
        number, text = numbers_and_texts(None, places.size)
        numbers.append(number)
        texts.append(text)
    shown = np.hstack(columns)
    k = len(names)
    return pd.DataFrame(
        {
            "row": np.repeat(np.asarray([*result.rows, None], dtype=object)[:-1][places], k),
            "player": np.tile(np.asarray(names, dtype=object), places.size),
            "value": shown.ravel(),
            "number": np.column_stack(numbers).ravel(),
            "text": np.column_stack(texts).ravel(),
            "base": np.repeat(result.base[places, output], k),
            "prediction": np.repeat(result.prediction[places, output], k),
            "scale": result.scale,
        }
    )
