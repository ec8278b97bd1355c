"""Some quantity against the threshold at which one would act."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from lbp_prognosis._draw._style import INK, PALETTE, SOFT, new_axes, tidy_axes

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

__all__ = ["draw_thresholds"]


def draw_thresholds(frame: pd.DataFrame, *, axis: str, ax: Axes | None = None) -> Axes:
    """Draw one curve per series.

    Parameters
    ----------
    frame : DataFrame
        Columns ``threshold, value, series``; optional ``low, high`` (a band).
    axis : str
        Vertical axis.
    ax : Axes, optional
        Where to draw; a new figure by default.
    """
    from matplotlib.ticker import PercentFormatter

    ax = new_axes(ax, (6.6, 4.0))
    marker = "o" if frame["threshold"].nunique() < 8 else ""
    for k, name in enumerate(dict.fromkeys(frame["series"])):
        part, color = frame[frame["series"] == name].sort_values("threshold"), PALETTE[k % len(PALETTE)]
        if "low" in part.columns and np.isfinite(part["low"].to_numpy(dtype=float)).any():
            ax.fill_between(part["threshold"], part["low"], part["high"], color=color, alpha=0.14, linewidth=0)
        ax.plot(part["threshold"], part["value"], marker=marker, ms=5, color=color, linewidth=1.9, label=str(name))
    ax.axhline(0, color=SOFT, linewidth=1.0, zorder=1)
    ax.legend(
        frameon=False,
        fontsize=8.5,
        labelcolor=INK,
        loc="lower left",
        bbox_to_anchor=(0, 1),
        ncols=4,
        borderaxespad=0.2,
        handletextpad=0.4,
        columnspacing=1.2,
    )
    ax.set_xlabel("threshold risk at which one would act")
    ax.set_ylabel(axis)
    if marker:  # few: each is named
        ax.set_xticks(sorted(frame["threshold"].unique()))
    ax.xaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    tidy_axes(ax)
    return ax
