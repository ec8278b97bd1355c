"""A model in use: charts with their limits, and how far inputs have moved."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from lbp_prognosis._draw._style import GRID, INK, PALETTE, SOFT, new_axes, tidy_axes

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

__all__ = ["draw_cusum", "draw_shifts"]

_LARGE = 0.25
_NOTABLE = 0.1
_MOST = 20


def draw_cusum(frame: pd.DataFrame, *, ax: Axes | None = None) -> Axes:
    """Draw cumulative sums with their limits: the first direction upwards, the second downwards.

    Parameters
    ----------
    frame : DataFrame
        Columns ``date, direction, value, limit, alarm``, in order of date.
    ax : Axes, optional
        Where to draw; a new figure by default.
    """
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

    ax = new_axes(ax, (7.4, 4.0))
    directions = list(dict.fromkeys(frame["direction"]))
    ax.axhline(0, color=SOFT, linewidth=0.8)
    for sign, color, direction in zip((1, -1), PALETTE, directions):
        rows = frame[frame["direction"] == direction]
        dates = rows["date"].to_numpy()
        ax.step(dates, sign * rows["value"], where="post", color=color, linewidth=1.5)
        ax.step(dates, sign * rows["limit"], where="post", color=color, linewidth=0.9, linestyle=(0, (4, 2)), alpha=0.7)
        called = rows[rows["alarm"]]
        ax.plot(called["date"].to_numpy(), sign * called["value"], "o", color=color, ms=7, zorder=4)
        for row in called.head(1).itertuples():
            ax.annotate(
                f"{row.date:%Y-%m-%d}",
                (row.date, sign * row.value),
                xytext=(0, 7 * sign),
                textcoords="offset points",
                ha="center",
                va="bottom" if sign > 0 else "top",
                fontsize=8.5,
                color=color,
            )
        ax.annotate(
            direction,
            (0.01, 0.985 if sign > 0 else 0.015),
            xycoords="axes fraction",
            va="top" if sign > 0 else "bottom",
            fontsize=9,
            color=color,
        )
    top = max(float(np.nanmax(np.maximum(frame["value"], frame["limit"]))) if len(frame) else 1.0, 1e-9)
    ax.set_ylim(-1.35 * top, 1.35 * top)
    ax.set_yticks(ax.get_yticks())
    ax.set_yticklabels([f"{abs(tick):g}" for tick in ax.get_yticks()])
    ax.set_ylim(-1.35 * top, 1.35 * top)
    ax.set_ylabel("cumulative log likelihood ratio")
    ax.set_xlabel("date of entry of matured patients; dashed: limit")
    locator = AutoDateLocator(maxticks=8)
    ax.xaxis.set_major_locator(locator)
    ax.xaxis.set_major_formatter(ConciseDateFormatter(locator))
    tidy_axes(ax)
    return ax


def draw_shifts(frame: pd.DataFrame, *, ax: Axes | None = None) -> Axes:
    """Draw the stability index of each input, a mark per batch; the largest first.

    Parameters
    ----------
    frame : DataFrame
        Columns ``batch, column, psi``.
    ax : Axes, optional
        Where to draw; a new figure by default.
    """
    largest = frame.groupby("column", sort=False)["psi"].max().sort_values(ascending=False).head(_MOST)
    ax = new_axes(ax, (7.0, 1.2 + 0.3 * max(len(largest), 1)))
    batches = list(dict.fromkeys(frame["batch"]))
    names = list(largest.index)
    for edge, word, side in ((_NOTABLE, "notable", "right"), (_LARGE, "large", "left")):
        ax.axvline(edge, color=SOFT, linewidth=0.9, linestyle=(0, (4, 2)))
        ax.annotate(
            word,
            (edge, 1.0),
            xycoords=("data", "axes fraction"),
            xytext=(-3 if side == "right" else 3, 2),
            textcoords="offset points",
            ha=side,
            fontsize=8,
            color=SOFT,
        )
    for place, name in enumerate(names):
        rows = frame[frame["column"] == name]
        y = len(names) - place
        ax.plot([0, float(rows["psi"].max())], [y, y], color=GRID, linewidth=3, zorder=1, solid_capstyle="round")
        for row in rows.itertuples():
            share = (batches.index(row.batch) + 1) / len(batches)
            ax.plot(row.psi, y, "o", color=PALETTE[0], ms=6, alpha=0.25 + 0.75 * share, zorder=3)
    ax.set_yticks(range(len(names), 0, -1), names)
    ax.set_ylim(0.4, len(names) + 0.6)
    ax.set_xlim(left=0, right=max(0.3, 1.1 * float(largest.max()) if len(largest) else 0.3))
    ax.set_xlabel("population stability index against the reference; the darker, the later the batch")
    ax.tick_params(axis="y", labelcolor=INK)
    tidy_axes(ax, "x")
    return ax
