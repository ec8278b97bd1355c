"""Strength of association of each single predictor with the outcome."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

import numpy as np

from lbp_prognosis._draw._style import GRID, PALETTE, SOFT, new_axes, tidy_axes

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

__all__ = ["draw_strengths"]

_MOST = 30


def draw_strengths(strengths: pd.Series, marked: Collection[str], ax: Axes | None = None) -> Axes:
    """Draw the area under the curve of single predictors as dots, the strongest on top.

    Parameters
    ----------
    strengths : Series
        Area by name of the predictor; NaN is left out.
    marked : collection of str
        Names drawn in the colour of a warning.
    ax : Axes, optional
        Where to draw; a new figure by default.
    """
    shown = strengths.dropna().sort_values(ascending=False).head(_MOST)[::-1]
    ax = new_axes(ax, size=(6.4, 1.4 + 0.24 * max(len(shown), 1)))
    rows = np.arange(len(shown))
    suspicious = np.array([name in marked for name in shown.index], dtype=bool)
    ax.hlines(rows, 0.5, shown, color=GRID, linewidth=1.4, zorder=1)
    for chosen, colour, label in (
        (~suspicious, PALETTE[0], None),
        (suspicious, PALETTE[1], "suspicious: see the findings"),
    ):
        if chosen.any():
            ax.scatter(shown[chosen], rows[chosen], color=colour, s=26, zorder=2, label=label)
    ax.set_yticks(rows, [str(name) for name in shown.index])
    ax.set_xlim(0.48, 1.02)
    ax.axvline(0.5, color=SOFT, linewidth=0.8)
    ax.set_xlabel("area under the curve of one predictor alone")
    tidy_axes(ax, grid="x")
    if suspicious.any():
        ax.legend(frameon=False, loc="lower right", fontsize=9)
    return ax
