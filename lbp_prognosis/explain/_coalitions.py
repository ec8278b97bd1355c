"""Players and values of coalitions, by the fastest method that the model allows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from lbp_prognosis._base import LBPError, Objection, argument_error, is_number, numbers_of, objection
from lbp_prognosis.explain._boosted_worths import boosted_worths
from lbp_prognosis.explain._score_terms import ScoreTerms, score_terms
from lbp_prognosis.explain._worth import (
    Players,
    coalition_worths,
    fixed_columns,
    output_function,
    read_players,
    table_of,
    torn_block,
)

__all__ = ["MOST_PLAYERS", "Coalitions", "Worths", "coalitions_of", "doubts_of_background"]

MOST_PLAYERS = 12  # 4096 coalitions a row
SMALL_BACKGROUND = 50
_CORRELATED, _NAMED = 0.8, 3

Worths = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Coalitions:
    """Inputs shared by all explanations of one model.

    Attributes
    ----------
    rows, background : DataFrame
        Rows to explain; rows that stand for "not known".
    who : dict of str to tuple of str
        Columns by player.
    blocks : dict of str to tuple of str
        Columns by group; by player without groups.
    worths : callable
        From coalitions ``(n_coalitions, n_players)`` to mean outputs ``(n_coalitions, n, n_outputs)``.
    sums : ScoreTerms or None
        Where the output is a link of a sum over players.
    horizons : ndarray or None
        On the risk scale.
    scale : str
        Name of the scale.
    missing : ndarray of shape (n, n_players)
        Share of a player's columns that a row lacks.
    objections : tuple of Objection
        Objections to the background.
    """

    rows: pd.DataFrame
    background: pd.DataFrame
    who: Players
    blocks: Players
    worths: Worths
    sums: ScoreTerms | None
    horizons: np.ndarray | None
    scale: str
    missing: np.ndarray
    objections: tuple[Objection, ...]

    @property
    def data(self) -> pd.DataFrame | None:
        """Values of the explained rows, where each player is one column."""
        if any(columns != (player,) for player, columns in ((str(p), tuple(map(str, c))) for p, c in self.who.items())):
            return None
        return self.rows[[columns[0] for columns in self.who.values()]]


def _share_missing(rows: pd.DataFrame, who: Players) -> np.ndarray:
    """Return the share of each player's columns that is missing in each row, ``(n, n_players)``."""
    gone = rows.isna()
    return np.column_stack([gone[list(columns)].to_numpy().mean(axis=1) for columns in who.values()])


def coalitions_of(
    estimator: Any,
    X: Any,
    background: Any,
    *,
    scale: str,
    horizons: Any,
    cause: int,
    groups: Mapping[str, Sequence[str]] | None,
    grouped: bool,
    cut: Mapping[str, float] | None = None,
) -> Coalitions:
    """Check the arguments and choose the fastest method for the values of coalitions.

    Parameters
    ----------
    estimator, X, background, scale, horizons, cause, groups
        As in `shap_values`.
    grouped : bool
        Whether groups are the players.
    cut : mapping of str to float, optional
        ``at_most`` or ``at_least`` of a score, instead of the declared cut.
    """
    rows = table_of("X", X)
    drawn = table_of("background", background, like=rows)
    if drawn.isna().any().any():
        raise argument_error("background", "complete", "missing values", "Impute it, or choose complete rows.")
    function, times, named = output_function(estimator, scale, horizons, cause, cut)
    fixed = fixed_columns(estimator)
    blocks = read_players(rows, groups, fixed)
    who = blocks if grouped else read_players(rows, None, fixed)
    means_at_visits = scale == "mean" and times is not None
    worths: Worths | None = None
    if scale != "mean" and not cut:
        worths = boosted_worths(estimator, rows, drawn, who, times, cause)
    sums = None
    if worths is None and not means_at_visits and not cut:  # sums are of the declared cut
        try:
            sums = score_terms(estimator, function, scale, rows, drawn, who, cause)
        except LBPError as error:
            raise torn_block(function, rows, error) from error
    if sums is not None:
        worths = sums.worths
    elif worths is None:
        worths = partial(coalition_worths, function, rows, drawn, who)
    missing, doubts = _share_missing(rows, who), doubts_of_background(drawn, who)
    return Coalitions(rows, drawn, who, blocks, worths, sums, times, named, missing, doubts)


def doubts_of_background(background: pd.DataFrame, who: Players) -> tuple[Objection, ...]:
    """Return objections to a small background and to correlated columns of different players.

    Parameters
    ----------
    background : DataFrame
        Complete rows.
    who : mapping of str to tuple of str
        Columns by player.
    """
    doubts = []
    if len(background) < SMALL_BACKGROUND:
        doubts.append(objection("small-background", n=len(background)))
    owned = [(column, k) for k, columns in enumerate(who.values()) for column in columns]
    owned = [(column, k) for column, k in owned if is_number(background[column])]
    if len(background) > 2 and len(owned) > 1:
        numbers = np.column_stack([numbers_of(background[column]) for column, _ in owned])
        spread = numbers - numbers.mean(axis=0)
        size = np.sqrt((spread**2).sum(axis=0))
        known = size > 1e-12 * (1 + np.abs(numbers).max(axis=0))
        unit = np.divide(spread, size, out=np.zeros_like(spread), where=known)
        r = unit.T @ unit
        player = np.array([k for _, k in owned])
        found = np.argwhere(np.triu((np.abs(r) >= _CORRELATED) & (player[:, None] != player), 1))
        found = found[np.argsort(-np.abs(r[tuple(found.T)]), kind="stable")]
        if len(found):
            pairs = [f"{owned[i][0]} and {owned[j][0]} (r = {r[i, j]:.2f})" for i, j in found[:_NAMED]]
            more = f" and {len(found) - _NAMED} more" if len(found) > _NAMED else ""
            doubts.append(objection("correlated-players", pairs="; ".join(pairs) + more))
    return tuple(doubts)
