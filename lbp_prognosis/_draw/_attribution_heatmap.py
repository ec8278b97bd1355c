"""Attributions of many patients at a glance: patients from left to right, players from top to bottom."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from lbp_prognosis._draw._attributions import change_of
from lbp_prognosis._draw._style import INK, SOFT, new_axes, tidy_axes, up_and_down

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

__all__ = ["draw_attribution_heatmap"]


def draw_attribution_heatmap(frame: pd.DataFrame, *, ax: Axes | None = None) -> Axes:
    """Draw a cell per patient and player; the predictions stand above as a line.

    Parameters
    ----------
    frame : DataFrame
        One row per patient and player, patients in the order wanted, players the first on top: ``row, player, value,
        prediction, base, scale``.
    ax : Axes, optional
        Where to draw; a new figure by default.
    """
    players = list(dict.fromkeys(frame["player"]))
    n = len(frame) // len(players)
    axes = new_axes(ax, (7.0, 1.9 + 0.3 * len(players)))
    table = frame["value"].to_numpy(dtype=float).reshape(n, len(players)).T
    largest = float(np.quantile(np.abs(table), 0.99)) or float(np.abs(table).max()) or 1.0
    image = axes.imshow(table, aspect="auto", cmap=up_and_down(), vmin=-largest, vmax=largest, interpolation="nearest")
    axes.set_yticks(range(len(players)), players)
    axes.set_xlabel(f"{n} patients, by prediction")
    tidy_axes(axes, grid="")
    axes.set_xticks([])
    axes.spines[["left", "bottom"]].set_visible(False)
    axes.tick_params(axis="y", length=0)
    above = axes.inset_axes((0, 1.03, 1, 0.9 / (0.3 * len(players) + 0.6)))
    prediction = frame["prediction"].to_numpy(dtype=float).reshape(n, len(players))[:, 0]
    above.plot(range(n), prediction, color=INK, linewidth=1.2)
    above.axhline(float(frame["base"].mean()), color=SOFT, linewidth=0.8, linestyle=(0, (4, 3)))
    above.set_xlim(-0.5, n - 0.5)
    above.set_ylabel("risk" if frame["scale"].iloc[0] == "risk" else "score", fontsize=9)
    tidy_axes(above)
    above.set_xticks([])
    bar = axes.figure.colorbar(image, ax=axes, aspect=24, pad=0.02, extend="both")
    bar.set_label(change_of(frame["scale"].iloc[0]), fontsize=9, color=INK)
    bar.outline.set_visible(False)
    bar.ax.tick_params(labelsize=8.5, length=2, color=SOFT)
    return axes
