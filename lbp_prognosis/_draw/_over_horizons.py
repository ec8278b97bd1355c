"""One metric against the horizon."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lbp_prognosis._draw._style import INK, PALETTE, SOFT, new_axes, tidy_axes

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

__all__ = ["draw_over_horizons"]

_MANY = 12  # more horizons than this run together into a band


def draw_over_horizons(
    frame: pd.DataFrame,
    *,
    title: str,
    neutral: float | None = None,
    null: pd.DataFrame | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw estimates with their intervals on an axis of time; a band where there are many.

    Parameters
    ----------
    frame : DataFrame
        One model; columns ``horizon, value, low, high, confidence``.
    title : str
        Vertical axis.
    neutral : float, optional
        The value of no information, as a dashed line.
    null : DataFrame, optional
        Columns ``horizon, value`` of the model that knows nothing, as a dashed line.
    ax : Axes, optional
        Where to draw; a new figure by default.
    """
    ax = new_axes(ax, (6.0, 3.9))
    frame = frame.dropna(subset=["value"]).sort_values("horizon")
    x, color = frame["horizon"], PALETTE[0]
    ax.plot(x, frame["value"], color=color, linewidth=1.8, zorder=3)
    if len(frame) > _MANY:
        ax.fill_between(x, frame["low"], frame["high"], color=color, alpha=0.16, linewidth=0)
    else:
        ax.plot(x, frame["value"], "o", color=color, ms=6, zorder=4)
        ax.vlines(x, frame["low"], frame["high"], color=color, linewidth=1.8, alpha=0.65)
    if null is not None:
        ax.plot(null["horizon"], null["value"], color=SOFT, linewidth=1.2, linestyle=(0, (5, 3)), zorder=2)
        last = null.dropna(subset=["value"]).tail(1)
        if len(last):  # room for its name below the note on top
            low, high = ax.get_ylim()
            ax.set_ylim(low, max(high, float(last["value"].iloc[0]) + 0.1 * (high - low)))
        for row in last.itertuples():
            ax.annotate(
                "one risk for all",
                (row.horizon, row.value),
                xytext=(0, 6),
                textcoords="offset points",
                ha="right",
                va="bottom",
                fontsize=8.5,
                color=SOFT,
            )
    if len(frame) <= _MANY:  # the horizons that were asked for, not round numbers between them
        ax.set_xticks(x.tolist(), [f"{time:g}" for time in x])
    if neutral is not None:
        ax.axhline(neutral, color=SOFT, linewidth=1.0, linestyle=(0, (5, 3)), zorder=1)
    ax.set_xlabel("horizon")
    ax.set_ylabel(title)
    if len(frame):
        level = float(frame["confidence"].iloc[0])
        ax.annotate(
            f"{level:.0%} intervals, each horizon by itself",
            (1.0, 1.0),
            xycoords="axes fraction",
            xytext=(0, 4),
            textcoords="offset points",
            ha="right",
            fontsize=8,
            color=SOFT,
        )
    else:
        ax.annotate("not estimable", (0.5, 0.5), xycoords="axes fraction", ha="center", color=INK)
    tidy_axes(ax)
    return ax
