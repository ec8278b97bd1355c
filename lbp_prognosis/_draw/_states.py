"""Occupancy of states over time, a line per state."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lbp_prognosis._draw._style import PALETTE, new_axes, tidy_axes

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

__all__ = ["draw_states"]


def draw_states(frame: pd.DataFrame, *, label: str, unit: str = "", ax: Axes | None = None) -> Axes:
    """Draw one step line per state with its pointwise band.

    Parameters
    ----------
    frame : DataFrame
        Columns ``time, state, value, low, high``.
    label : str
        Of the vertical axis.
    unit : str
        Of time.
    ax : Axes, optional
        Where to draw; a new figure by default.
    """
    ax = new_axes(ax)
    for k, (state, rows) in enumerate(frame.groupby("state", sort=False)):
        color = PALETTE[k % len(PALETTE)]
        ax.fill_between(rows["time"], rows["low"], rows["high"], step="post", color=color, alpha=0.14, linewidth=0)
        ax.step(rows["time"], rows["value"], where="post", color=color, linewidth=2.0, label=str(state))
    ax.set_xlabel(f"time, {unit}" if unit else "time")
    ax.set_ylabel(label)
    ax.set_ylim(bottom=0)
    ax.legend(frameon=False, fontsize=9)
    tidy_axes(ax)
    return ax
