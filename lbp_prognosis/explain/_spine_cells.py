"""Attributions by level and measure, from the names of columns or their provenance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from lbp_prognosis._base import FeatureMap, argument_error, level_of_column, level_rank

__all__ = ["spine_cells"]


def spine_cells(
    players: tuple[str, ...], values: np.ndarray, modalities: Mapping[str, Sequence[str]] | None
) -> tuple[pd.DataFrame, float | None]:
    """Return ``level, measure, value``, top to bottom, and the sum over players of no level (None without any).

    Parameters
    ----------
    players : tuple of str
        Columns.
    values : ndarray of shape (n_players,)
        One value per player; where two columns are of one level and measure they are added up.
    modalities : mapping of str to sequence of str, optional
        A `FeatureMap` whose provenance names level and measure of a column wins over the column's name.
    """
    known = modalities.provenance if isinstance(modalities, FeatureMap) else {}
    cells: dict[tuple[str, str], float] = {}
    rest: list[float] = []
    for player, value in zip(players, values):
        own = known.get(player, {})
        found = level_of_column(player)
        if own.get("level"):
            parts = [str(own.get(part) or "") for part in ("structure", "measure")]
            cell = (str(own["level"]), found[1] if found is not None else "__".join(part for part in parts if part))
        elif found is not None:
            cell = found
        else:
            rest.append(float(value))
            continue
        cells[cell] = cells.get(cell, 0.0) + float(value)
    if not cells:
        raise argument_error(
            "players",
            "columns of levels, named as `disc_height__l4l5`",
            list(players)[:5],
            "Pool with the rule `each`, or give `modalities` with provenance.",
        )
    measures = list(dict.fromkeys(measure for _, measure in cells))
    ordered = sorted(cells, key=lambda cell: (level_rank(cell[0]), measures.index(cell[1])))
    frame = pd.DataFrame(
        {
            "level": [level for level, _ in ordered],
            "measure": [measure for _, measure in ordered],
            "value": [cells[cell] for cell in ordered],
        }
    )
    # the order of the measures is that of the columns, wherever the first level has them
    frame["measure"] = pd.Categorical(frame["measure"], measures)
    frame = frame.sort_values("measure", kind="stable")
    frame["measure"] = frame["measure"].astype(str)
    levels = sorted(set(frame["level"]), key=level_rank)
    full = pd.MultiIndex.from_product([levels, measures], names=["level", "measure"])
    table = frame.set_index(["level", "measure"])["value"].reindex(full).reset_index()
    return table, sum(rest) if rest else None
