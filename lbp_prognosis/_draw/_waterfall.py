"""One patient's way from the mean prediction to the own one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from lbp_prognosis._draw._attributions import change_of
from lbp_prognosis._draw._style import INK, PALETTE, SOFT, decimals_for, fixed_number, new_axes, short_number, tidy_axes

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

__all__ = ["draw_waterfall"]


def _named(player: str, text: str) -> str:
    """Return ``age = 50``; what is missing stands in brackets."""
    if not text:
        return player
    return f"{player} ({text})" if text.endswith("missing") else f"{player} = {text}"


def draw_waterfall(frame: pd.DataFrame, *, ax: Axes | None = None) -> Axes:
    """Draw bars that start where the one below ends: the mean prediction at the bottom, the patient's on top.

    Parameters
    ----------
    frame : DataFrame
        One row per player, from top to bottom: ``player, value, text, base, prediction, scale``, where ``text`` is the
        patient's value of the column.
    ax : Axes, optional
        Where to draw; a new figure by default.
    """
    axes = new_axes(ax, (6.6, 1.3 + 0.36 * len(frame)))
    values = frame["value"].to_numpy(dtype=float)[::-1]
    base, prediction = float(frame["base"].iloc[0]), float(frame["prediction"].iloc[0])
    starts = base + np.concatenate([[0.0], np.cumsum(values)[:-1]])
    lines = np.arange(values.size)
    axes.barh(lines, values, left=starts, height=0.66, color=np.where(values >= 0, PALETTE[1], PALETTE[0]), zorder=3)
    ends = starts + values
    axes.vlines(ends[:-1], lines[:-1], lines[1:], color=SOFT, linewidth=0.8, zorder=2)
    reach = np.concatenate([starts, ends])
    room = 0.16 * max(float(np.ptp(reach)), 1e-12)
    axes.set_xlim(reach.min() - room, reach.max() + room)
    axes.set_ylim(-1.0, values.size)
    decimals = decimals_for(float(np.abs(values).max()))
    for line, (start, value) in enumerate(zip(starts, values)):
        right = value >= 0
        axes.annotate(
            fixed_number(value, decimals, sign=True),
            (start + value, line),
            xytext=(4 if right else -4, 0),
            textcoords="offset points",
            ha="left" if right else "right",
            va="center",
            fontsize=8.5,
            color=PALETTE[1] if right else PALETTE[0],
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.6},  # over the dashed lines
            zorder=4,
        )
    names = [_named(player, text) for player, text in zip(frame["player"], frame["text"])]
    axes.set_yticks(lines, names[::-1])
    for at, height, words in (
        (base, -0.72, f"mean of the background {short_number(base)}"),
        (prediction, values.size - 0.28, f"this patient {short_number(prediction)}"),
    ):
        axes.plot([at, at], [-1.0, values.size], color=SOFT, linewidth=0.8, linestyle=(0, (4, 3)), zorder=1)
        left = at > reach.mean()
        axes.annotate(
            words,
            (at, height),
            xytext=(-4 if left else 4, 0),
            textcoords="offset points",
            ha="right" if left else "left",
            va="center",
            fontsize=8.5,
            color=INK,
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.6},
        )
    axes.set_xlabel(change_of(frame["scale"].iloc[0], changed=False))
    tidy_axes(axes, grid="")
    axes.tick_params(axis="y", length=0)
    return axes
