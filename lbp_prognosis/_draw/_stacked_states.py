"""Occupancy of states over time, stacked to the whole."""

from __future__ import annotations

from textwrap import wrap
from typing import TYPE_CHECKING

import numpy as np

from lbp_prognosis._draw._style import GRID, INK, PALETTE, new_axes, tidy_axes

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

__all__ = ["draw_stacked_states"]

# a hatch tells bands apart in grey print, and from the eighth on those of one colour
_HATCHES = ("", "///", "...", "\\\\\\", "xxx", "---", "ooo", "+++")
_LINE, _LONGEST = 24, 48


def draw_stacked_states(frame: pd.DataFrame, *, steps: bool = True, unit: str = "", ax: Axes | None = None) -> Axes:
    """Draw the share of patients in each state as bands that add up to one.

    Parameters
    ----------
    frame : DataFrame
        Columns ``time, state, value``; each state has all times, the first state lies at the bottom.
    steps : bool, default True
        Whether shares change in steps at the times; otherwise straight lines join them.
    unit : str
        Of time.
    ax : Axes, optional
        Where to draw; a new figure by default.
    """
    ax = new_axes(ax)
    times = np.unique(frame["time"].to_numpy(dtype=float))
    below = np.zeros(times.size)
    for k, (state, rows) in enumerate(frame.groupby("state", sort=False)):
        above = below + rows["value"].to_numpy(dtype=float)
        ax.fill_between(
            times,
            below,
            above,
            step="post" if steps else None,
            facecolor=PALETTE[k % len(PALETTE)],
            alpha=0.55,
            edgecolor="white",
            linewidth=0.6,
            hatch=_HATCHES[k % len(_HATCHES)],
            label=_label(str(state)),
        )
        ax.plot(times, above, drawstyle="steps-post" if steps else "default", color=INK, linewidth=0.7)
        below = above
    ax.set_xlim(times[0], times[-1])
    ax.set_ylim(0, 1)
    ax.set_xlabel(f"time, {unit}" if unit else "time")
    ax.set_ylabel("share of patients")
    handles, labels = ax.get_legend_handles_labels()
    ax.legend(handles, labels, frameon=False, fontsize=9, ncol=2, loc="lower left", bbox_to_anchor=(0.0, 1.0))
    tidy_axes(ax)
    ax.grid(axis="y", color=GRID, linewidth=0.6)
    return ax


def _label(name: str) -> str:
    """Return the name in lines; a very long one without its middle, since names often differ at their end."""
    if len(name) > _LONGEST:
        half = _LONGEST // 2
        name = f"{name[: half - 1]}… {name[-half + 1 :]}"
    lines = "\n".join(wrap(name, _LINE)) or name
    return f" {lines}" if lines.startswith("_") else lines  # Matplotlib leaves names with "_" out of a legend
