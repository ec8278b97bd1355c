"""Attributions on the spine: levels from top to bottom, measures from left to right."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from lbp_prognosis._draw._attributions import change_of, size_of
from lbp_prognosis._draw._style import (
    INK,
    SOFT,
    decimals_for,
    fixed_number,
    new_axes,
    short_number,
    tidy_axes,
    up_and_down,
)

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

__all__ = ["draw_spine_map"]


def draw_spine_map(
    frame: pd.DataFrame, *, scale: str, signed: bool = True, rest: float | None = None, ax: Axes | None = None
) -> Axes:
    """Draw a cell per level and measure.

    Parameters
    ----------
    frame : DataFrame
        One row per cell, levels in order from top to bottom: ``level, measure, value``; cells that are not there stay
        empty.
    scale : str
        Attributed quantity.
    signed : bool, default True
        Whether values are changes of one prediction; otherwise they are mean sizes of changes, from zero up.
    rest : float, optional
        Sum over all that is of no level, written below.
    ax : Axes, optional
        Where to draw; a new figure by default.
    """
    levels, measures = list(dict.fromkeys(frame["level"])), list(dict.fromkeys(frame["measure"]))
    longest = max(len(name) for name in measures)
    axes = new_axes(ax, (2.2 + 0.85 * len(measures), 1.5 + 0.42 * len(levels) + 0.05 * longest))
    table = np.full((len(levels), len(measures)), np.nan)
    table[[levels.index(x) for x in frame["level"]], [measures.index(x) for x in frame["measure"]]] = frame["value"]
    largest = float(np.nanmax(np.abs(table))) or 1.0
    decimals = decimals_for(largest)
    image = axes.imshow(table, aspect="auto", cmap=up_and_down(), vmin=-largest, vmax=largest)
    for i, j in zip(*np.nonzero(np.isfinite(table))):
        dark = abs(table[i, j]) > 0.6 * largest
        axes.text(
            j,
            i,
            fixed_number(table[i, j], decimals, sign=signed),
            ha="center",
            va="center",
            fontsize=8,
            color="white" if dark else INK,
        )
    axes.set_yticks(range(len(levels)), [_spoken(level) for level in levels])
    slanted = longest > 12
    axes.set_xticks(
        range(len(measures)),
        measures,
        rotation=30 if slanted else 0,
        ha="right" if slanted else "center",
        rotation_mode="anchor",
    )
    tidy_axes(axes, grid="")
    axes.spines[["left", "bottom"]].set_visible(False)
    axes.tick_params(length=0)
    bar = axes.figure.colorbar(image, ax=axes, aspect=24, pad=0.03)
    if not signed:
        bar.ax.set_ylim(0, largest)
    bar.set_label(change_of(scale) if signed else size_of(scale), fontsize=9, color=INK)
    bar.outline.set_visible(False)
    bar.ax.tick_params(labelsize=8.5, length=2, color=SOFT)
    if rest is not None:
        axes.set_title(
            f"predictors of no level: {short_number(rest, sign=signed)}", fontsize=8.5, color=SOFT, loc="left"
        )
    return axes


def _spoken(level: str) -> str:
    """Return ``L4–L5`` for ``l4l5``."""
    cut = next((k for k in range(2, len(level)) if level[k].isalpha()), len(level))
    return "–".join(part.upper() for part in (level[:cut], level[cut:]) if part)
