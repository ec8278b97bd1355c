"""Mean absolute attributions as bars, a colour per group."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from lbp_prognosis._draw._style import PALETTE, SOFT, new_axes, tidy_axes

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

__all__ = ["draw_importance"]


def draw_importance(frame: pd.DataFrame, *, label: str, groups: Sequence[str] = (), ax: Axes | None = None) -> Axes:
    """Draw one bar per player, the largest on top.

    Parameters
    ----------
    frame : DataFrame
        Columns ``player, importance, group``.
    label : str
        Horizontal axis.
    groups : sequence of str
        All groups in the order of their colours, so that figures side by side agree; those of the frame by default.
    ax : Axes, optional
        Where to draw; a new figure by default.
    """
    ax = new_axes(ax, (5.2, 0.6 + 0.3 * len(frame)))
    present = set(frame["group"])
    order = [*groups, *sorted(present - set(groups))]
    colors = {name: PALETTE[k % len(PALETTE)] for k, name in enumerate(order)}
    shown = frame.iloc[::-1]
    ax.barh(range(len(shown)), shown["importance"], color=[colors[g] for g in shown["group"]], height=0.68)
    ax.set_yticks(range(len(shown)), shown["player"].tolist())
    ax.set_xlabel(label)
    tidy_axes(ax, grid="x")
    ax.tick_params(axis="y", length=0)
    if len(present) > 1 and present != set(frame["player"]):
        for k, name in enumerate(reversed([name for name in order if name in present])):
            ax.annotate(
                name or "other",
                (1, 0),
                xycoords="axes fraction",
                xytext=(-2, 6 + 13 * k),
                textcoords="offset points",
                ha="right",
                fontsize=8.5,
                color=colors[name],
            )
    ax.spines["bottom"].set_color(SOFT)
    return ax
