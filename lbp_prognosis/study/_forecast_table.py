"""Scores and their predicted distributions in a table of predictions."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from lbp_prognosis._base import ArgumentError, DataError, argument_error
from lbp_prognosis.survival import Measured, ScoreForecast

__all__ = ["forecasts_of_table", "score_of_table"]

_ROUNDED = 0.02


def score_of_table(
    frame: pd.DataFrame, horizon: float, column: str, span: str, at_most: float | None, at_least: float | None
) -> np.ndarray:
    """Return the scores of a table.

    Parameters
    ----------
    frame : DataFrame
        One row per patient.
    horizon : float
        Time of the visit.
    column : str
        Column of the score; missing means not observed.
    span : str
        Range of the instrument: ``"0:10"``.
    at_most, at_least : float or None
        Declared cut.

    Raises
    ------
    ArgumentError
        If the range is not valid, or two cuts are given.
    DataError
        If the column contains words, or scores outside the range.
    """
    try:
        low, high = (float(part) for part in span.split(":"))
        if not -np.inf < low < high < np.inf:
            raise ValueError
    except ValueError:
        raise argument_error("score_range", "low:high, the range of the score, e.g. '0:10'", repr(span)) from None
    points = pd.to_numeric(frame[column], errors="coerce")
    strange = frame[column].notna() & ~points.between(low, high)
    if strange.any():
        raise DataError(
            f"The score {column!r} must be a number from {low:g} to {high:g}, or missing; {int(strange.sum())} rows "
            "have another value."
        )
    return Measured.at(horizon, points.to_numpy(dtype=float), lower=low, upper=high, at_most=at_most, at_least=at_least)


def forecasts_of_table(frame: pd.DataFrame, names: Sequence[str]) -> tuple[dict[str, ScoreForecast], list[str]]:
    """Return the distributions by model, and notes on rounded distributions.

    Parameters
    ----------
    frame : DataFrame
        With the columns ``NAME_LEVEL`` of P(score = level), for example ``orm_0, orm_1, …, orm_10``.
    names : sequence of str
        Of the models.

    Raises
    ------
    DataError
        If a model has fewer than two such columns, or probabilities are missing, outside [0, 1] or do not sum to 1.
    """
    out, notes = {}, []
    for name in names:
        levels = {column: _level(str(column), name) for column in frame.columns}
        found = sorted((level, column) for column, level in levels.items() if level is not None)
        if len(found) < 2:
            raise DataError(
                f"The table has no distribution of {name!r}: columns {name}_0, {name}_1, … with the probability of "
                "each score are needed."
            )
        table = frame[[column for _, column in found]].apply(pd.to_numeric, errors="coerce").to_numpy(dtype=float)
        total = table.sum(axis=1)
        bad = ~(((table >= 0) & (table <= 1)).all(axis=1) & (np.abs(total - 1) <= _ROUNDED))
        if bad.any():
            rows = ", ".join(str(row + 1) for row in np.flatnonzero(bad)[:5])
            raise DataError(
                f"The probabilities of {name!r} must be in [0, 1] and sum to 1; {int(bad.sum())} rows do not (rows "
                f"{rows})."
            )
        if np.abs(total - 1).max() > 1e-6:
            notes.append(f"Probabilities of {name} are rounded, and were divided by their sums.")
        try:
            out[name] = ScoreForecast(np.array([level for level, _ in found]), table / total[:, None])
        except ArgumentError as error:
            raise DataError(str(error)) from None
    return out, notes


def _level(column: str, name: str) -> float | None:
    """Return the level of the score in a column's name; None if the column has another content."""
    text = column[len(name) + 1 :]
    if not column.startswith(f"{name}_") or "_" in text:
        return None
    try:
        level = float(text)
    except ValueError:
        return None
    return level if np.isfinite(level) else None
