"""Colours and small moves that all figures share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["GRID", "INK", "PALETTE", "SOFT", "direct_labels", "new_axes", "tidy_axes"]

INK, SOFT, GRID = "#22303c", "#7d8a96", "#e6eaee"
# Okabe and Ito's colours, told apart under the common colour-vision deficiencies, darkened for thin lines on white
PALETTE = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#b07c00", "#3f95c4", "#6a3d9a")


def new_axes(ax: Axes | None, size: tuple[float, float] = (6.4, 4.2)) -> Axes:
    """Return ``ax``, or the axes of a new figure."""
    if ax is not None:
        return ax
    import matplotlib.pyplot as plt

    return plt.subplots(figsize=size, layout="constrained")[1]


def tidy_axes(ax: Axes, grid: str = "y") -> None:
    """Leave two spines, quiet ticks and a light grid."""
    ax.spines[["top", "right"]].set_visible(False)
    ax.spines[["left", "bottom"]].set_color(SOFT)
    ax.tick_params(colors=INK, labelsize=9, length=3, color=SOFT)
    ax.xaxis.label.set_color(INK)
    ax.yaxis.label.set_color(INK)
    if grid:
        ax.grid(axis=grid, color=GRID, linewidth=0.8)  # type: ignore[arg-type]
    ax.set_axisbelow(True)


def direct_labels(
    ax: Axes, x: float, heights: Sequence[float], labels: Sequence[str], colors: Sequence[str], *, gap: float = 0.055
) -> None:
    """Write each curve's name at its right end, moved apart just enough to be read.

    Parameters
    ----------
    ax : Axes
        Its limits must be final.
    x : float
        Where the curves end.
    heights, labels, colors : sequence
        One a curve.
    gap : float
        Least distance of two labels, as a share of the height of the axes.
    """
    low, high = ax.get_ylim()
    least = gap * (high - low)
    order = np.argsort(heights)
    placed = np.clip(np.asarray(heights, dtype=float)[order], low, high)
    for i in range(1, placed.size):
        placed[i] = max(placed[i], placed[i - 1] + least)
    overshoot = max(0.0, placed[-1] - high) if placed.size else 0.0
    placed -= overshoot
    for i in range(placed.size - 2, -1, -1):
        placed[i] = min(placed[i], placed[i + 1] - least)
    for rank, curve in enumerate(order):
        ax.annotate(
            labels[curve],
            (x, placed[rank]),
            xytext=(6, 0),
            textcoords="offset points",
            va="center",
            fontsize=9,
            color=colors[curve],
            annotation_clip=False,
        )
