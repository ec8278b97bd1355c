"""Main effects and interactions of pairs, as a table of sizes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from lbp_prognosis._draw._attributions import size_of
from lbp_prognosis._draw._style import INK, PALETTE, SOFT, decimals_for, fixed_number, new_axes, tidy_axes

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

__all__ = ["draw_interactions"]


def draw_interactions(sizes: pd.DataFrame, *, scale: str, ax: Axes | None = None) -> Axes:
    """Draw the lower half: main effects on the diagonal, interactions below.

    Parameters
    ----------
    sizes : DataFrame of shape (k, k)
        Mean sizes, symmetric, labelled by player.
    scale : str
        Attributed quantity.
    ax : Axes, optional
        Where to draw; a new figure by default.
    """
    from matplotlib.colors import LinearSegmentedColormap

    players = [str(name) for name in sizes.index]
    k = len(players)
    axes = new_axes(ax, (2.6 + 0.6 * k, 1.8 + 0.45 * k))
    table = np.where(np.tri(k, dtype=bool), sizes.to_numpy(dtype=float), np.nan)
    largest = float(np.nanmax(table)) or 1.0
    colours = LinearSegmentedColormap.from_list("sizes", ("#fbfbfb", PALETTE[1]))
    image = axes.imshow(table, aspect="auto", cmap=colours, vmin=0, vmax=largest)
    decimals = decimals_for(largest)
    for i, j in zip(*np.nonzero(np.isfinite(table))):
        axes.text(
            j,
            i,
            fixed_number(table[i, j], decimals),
            ha="center",
            va="center",
            fontsize=8,
            fontweight="bold" if i == j else "normal",
            color="white" if table[i, j] > 0.6 * largest else INK,
        )
    axes.set_yticks(range(k), players)
    axes.set_xticks(range(k), players, rotation=35, ha="right", rotation_mode="anchor")
    tidy_axes(axes, grid="")
    axes.spines[["left", "bottom"]].set_visible(False)
    axes.tick_params(length=0)
    bar = axes.figure.colorbar(image, ax=axes, aspect=24, pad=0.03)
    bar.set_label(size_of(scale), fontsize=9, color=INK)
    bar.outline.set_visible(False)
    bar.ax.tick_params(labelsize=8.5, length=2, color=SOFT)
    axes.annotate(
        "on the diagonal: main effects",
        (1, 1),
        xycoords="axes fraction",
        xytext=(-2, -4),
        textcoords="offset points",
        ha="right",
        va="top",
        fontsize=8.5,
        color=SOFT,
    )
    return axes
