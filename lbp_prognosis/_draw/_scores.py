"""Predicted scores: calibration of the mean, and the histogram of the probability integral transform."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from lbp_prognosis._draw._style import INK, PALETTE, SOFT, new_axes, tidy_axes

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

__all__ = ["draw_mean_calibration", "draw_pit"]


def draw_mean_calibration(
    curve: pd.DataFrame, groups: pd.DataFrame, *, model: str = "", color: str = PALETTE[0], ax: Axes | None = None
) -> Axes:
    """Draw mean observed against mean predicted score: curve with band, groups with intervals, the diagonal.

    Parameters
    ----------
    curve : DataFrame
        Columns ``predicted, observed, low, high``.
    groups : DataFrame
        Columns ``mean_predicted, observed, low, high``.
    model : str
        Title.
    color : str
        Colour of the curve.
    ax : Axes, optional
        Where to draw; a new figure by default.
    """
    ax = new_axes(ax, (5.2, 5.2))
    x, y = groups["mean_predicted"].to_numpy(dtype=float), groups["observed"].to_numpy(dtype=float)
    ends = np.concatenate([x, y, curve["predicted"].to_numpy(dtype=float)])
    low, high = float(np.nanmin(ends)), float(np.nanmax(ends))
    ax.plot([low, high], [low, high], color=SOFT, linewidth=1.0, linestyle=(0, (5, 3)), zorder=2)
    ax.fill_between(curve["predicted"], curve["low"], curve["high"], color=color, alpha=0.16, linewidth=0, zorder=2)
    ax.plot(curve["predicted"], curve["observed"], color=color, linewidth=2.2, zorder=4)
    ax.vlines(x, groups["low"], groups["high"], color=INK, linewidth=1.0, alpha=0.55, zorder=3)
    ax.plot(x, y, "o", ms=5, mfc="white", mec=INK, mew=1.2, zorder=5)
    ax.set_xlabel("mean predicted score")
    ax.set_ylabel("mean observed score")
    if model:
        ax.set_title(model, loc="left", fontsize=10, color=INK)
    tidy_axes(ax, grid="")
    return ax


def draw_pit(histogram: pd.DataFrame, *, model: str = "", color: str = PALETTE[0], ax: Axes | None = None) -> Axes:
    """Draw the histogram of the transform with intervals of two standard errors, and the line of right forecasts.

    Parameters
    ----------
    histogram : DataFrame
        Columns ``low, high, density, se``.
    model : str
        Title.
    color : str
        Colour of the bars.
    ax : Axes, optional
        Where to draw; a new figure by default.
    """
    ax = new_axes(ax, (5.2, 3.6))
    width = (histogram["high"] - histogram["low"]).to_numpy(dtype=float)
    middle = (histogram["high"] + histogram["low"]).to_numpy(dtype=float) / 2
    density, se = histogram["density"].to_numpy(dtype=float), histogram["se"].to_numpy(dtype=float)
    ax.bar(middle, density, width=0.92 * width, color=color, alpha=0.45, linewidth=0)
    ax.vlines(middle, density - 2 * se, density + 2 * se, color=INK, linewidth=1.0, alpha=0.55)
    ax.axhline(1, color=SOFT, linewidth=1.0, linestyle=(0, (5, 3)))
    ax.set_xlim(0, 1)
    ax.set_xlabel("place of the score in its predicted distribution")
    ax.set_ylabel("density")
    if model:
        ax.set_title(model, loc="left", fontsize=10, color=INK)
    tidy_axes(ax, grid="")
    return ax
