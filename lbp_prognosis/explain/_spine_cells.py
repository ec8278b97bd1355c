"""Attributions by level and measure, from the names of columns or their provenance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from lbp_prognosis._base import LevelMap, argument_error

__all__ = ["spine_cells"]


def spine_cells(
    players: tuple[str, ...], values: np.ndarray, modalities: Mapping[str, Sequence[str]] | None
) -> tuple[pd.DataFrame, float | None]:
    """Return ``level, measure, value``, top to bottom, and the sum over players without a level (None if none).

    Parameters
    ----------
    players : tuple of str
        Columns.
    values : ndarray of shape (n_players,)
        One value per player; values of columns with the same level and measure are added up.
    modalities : mapping of str to sequence of str, optional
        Level and measure in the provenance of a `FeatureMap` take precedence over the column's name.
    """
    levels = LevelMap.of(players, modalities)
    if not levels:
        raise argument_error(
            "players",
            "columns of levels, named as `disc_height__l4l5`",
            list(players)[:5],
            "Pool with the rule `each`, or give `modalities` with provenance.",
        )
    by_player = dict(zip(players, map(float, values)))
    rest = [value for player, value in by_player.items() if player not in levels]
    return levels.gathered(by_player), sum(rest) if rest else None
