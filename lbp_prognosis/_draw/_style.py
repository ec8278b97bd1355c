"""Colours and small moves that all figures share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import Colormap, LinearSegmentedColormap

__all__ = [
    "GRID",
    "INK",
    "PALETTE",
    "RAMP",
    "SOFT",
    "decimals_for",
    "direct_labels",
    "fixed_number",
    "low_to_high",
    "new_axes",
    "short_number",
    "tidy_axes",
    "up_and_down",
]

INK, SOFT, GRID = "#22303c", "#7d8a96", "#e6eaee"
# Okabe and Ito's colours, told apart under the common colour-vision deficiencies, darkened for thin lines on white
PALETTE = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#b07c00", "#3f95c4", "#6a3d9a")
# from blue to orange through purple: an order that stays readable in grey and for colour-blind readers
RAMP = ("#2c7fb8", "#5a6cb0", "#8856a7", "#c2476b", "#d95f0e")


def low_to_high() -> Colormap:
    """Return the colours of values from low to high; grey where there is none."""
    from matplotlib.colors import LinearSegmentedColormap

    return LinearSegmentedColormap.from_list("low_to_high", RAMP).with_extremes(bad="#aab3bb")


def up_and_down() -> LinearSegmentedColormap:
    """Return the colours of changes: blue where the outcome becomes less likely, white at none, orange where more."""
    from matplotlib.colors import LinearSegmentedColormap

    return LinearSegmentedColormap.from_list("up_and_down", (PALETTE[0], "#fbfbfb", PALETTE[1]))


def short_number(value: float, *, sign: bool = False) -> str:
    """Return a number of three digits with a true minus sign, never as a power of ten unless it is tiny or huge."""
    return f"{value:{'+' if sign else ''}.3g}".replace("-", "−")


def decimals_for(largest: float) -> int:
    """Return the decimals that give the largest of some numbers three digits."""
    return int(np.clip(2 - np.floor(np.log10(largest)), 0, 6)) if largest > 0 else 0


def fixed_number(value: float, decimals: int, *, sign: bool = False) -> str:
    """Return a number with so many decimals and a true minus sign; no sign where that is nothing."""
    text = f"{value:{'+' if sign else ''}.{decimals}f}"
    return (text.lstrip("+-") if float(text) == 0 else text).replace("-", "−")


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
        One per curve.
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
