"""How strongly each predictor by itself tells the outcome."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

import numpy as np

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
    import matplotlib.pyplot as plt

    shown = strengths.dropna().sort_values(ascending=False).head(_MOST)[::-1]
    if ax is None:
        _, ax = plt.subplots(figsize=(6.0, 1.2 + 0.24 * max(len(shown), 1)), layout="constrained")
    rows = np.arange(len(shown))
    colours = ["#b3261e" if name in marked else "#0b6e99" for name in shown.index]
    ax.hlines(rows, 0.5, shown, color="#c9d1d8", linewidth=1.2, zorder=1)
    ax.scatter(shown, rows, c=colours, s=26, zorder=2)
    ax.set_yticks(rows, [str(name) for name in shown.index])
    ax.set_xlim(0.48, 1.02)
    ax.axvline(0.5, color="#8795a1", linewidth=0.8)
    ax.set_xlabel("area under the curve of one predictor alone")
    for side in ("top", "right"):
        ax.spines[side].set_visible(False)
    return ax
