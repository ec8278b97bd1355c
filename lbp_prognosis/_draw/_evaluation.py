"""Metrics with intervals over horizons, and the page of an evaluation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from lbp_prognosis._base import metric
from lbp_prognosis._draw._style import INK, PALETTE, SOFT, new_axes, tidy_axes

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["draw_metric", "draw_page"]


def draw_metric(frame: pd.DataFrame, *, title: str, ax: Axes | None = None) -> Axes:
    """Draw one metric: a dot with its interval a model and horizon.

    Parameters
    ----------
    frame : DataFrame
        Columns ``model, metric, horizon, value, low, high``.
    title : str
        Vertical axis.
    ax : Axes, optional
        Where to draw; a new figure by default.
    """
    ax = new_axes(ax, (5.4, 3.8))
    models, horizons = list(dict.fromkeys(frame["model"])), sorted(frame["horizon"].dropna().unique())
    places = {horizon: k for k, horizon in enumerate(horizons)} or {np.nan: 0}
    spread = 0.32
    for m, model in enumerate(models):
        part, color = frame[frame["model"] == model], PALETTE[m % len(PALETTE)]
        shift = 0.0 if len(models) == 1 else spread * (m / (len(models) - 1) - 0.5)
        x = np.array([places.get(horizon, 0) + shift for horizon in part["horizon"]])
        ax.vlines(x, part["low"], part["high"], color=color, linewidth=1.8, alpha=0.65)
        ax.plot(x, part["value"], "o", color=color, ms=6, label=model)
    neutral = metric(str(frame["metric"].iloc[0])).line
    if neutral is not None:
        ax.axhline(neutral, color=SOFT, linewidth=1.0, linestyle=(0, (5, 3)), zorder=1)
    ax.set_xlim(-0.5, len(places) - 0.5)
    ax.set_xticks(list(places.values()), [f"{h:g}" if np.isfinite(h) else "follow-up" for h in places])
    ax.set_xlabel("horizon")
    ax.set_ylabel(title)
    if len(models) > 1:
        # above the axes, where no interval runs
        ax.legend(
            frameon=False,
            fontsize=8.5,
            labelcolor=INK,
            loc="lower left",
            bbox_to_anchor=(0, 1),
            ncols=3,
            borderaxespad=0.2,
            handletextpad=0.3,
            columnspacing=1.2,
        )
    tidy_axes(ax)
    return ax


def draw_page(panels: Sequence[tuple[float, Callable[[Axes], Any]]], columns: int = 4) -> Figure:
    """Lay panels out in rows and let each draw itself.

    Parameters
    ----------
    panels : sequence of (width, function of Axes)
        Width in columns.
    columns : int
        Columns of the page.
    """
    import matplotlib.pyplot as plt

    rows: list[list[tuple[int, Callable[[Axes], Any]]]] = [[]]
    for width, draw in panels:
        if sum(w for w, _ in rows[-1]) + width > columns:
            rows.append([])
        rows[-1].append((int(width), draw))
    wide = max(sum(w for w, _ in row) for row in rows)
    figure = plt.figure(figsize=(4.0 * wide, 4.4 * len(rows)), layout="constrained")
    grid = figure.add_gridspec(len(rows), wide)
    for r, row in enumerate(rows):
        start = 0
        for k, (width, draw) in enumerate(row):
            end = wide if k == len(row) - 1 else start + width  # the last panel of a row fills it
            draw(figure.add_subplot(grid[r, start:end]))
            start = end
    return figure
