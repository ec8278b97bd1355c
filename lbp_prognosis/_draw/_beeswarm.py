"""Attributions of many patients: a line per player, a dot per patient, coloured by the patient's value."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from lbp_prognosis._draw._attributions import change_of
from lbp_prognosis._draw._style import INK, SOFT, low_to_high, new_axes, tidy_axes

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

__all__ = ["draw_beeswarm"]

_BINS = 90
_HALF = 0.38  # of the distance between two lines


def draw_beeswarm(frame: pd.DataFrame, *, ax: Axes | None = None) -> Axes:
    """Draw one line per player, in the order of the frame, the first on top.

    Parameters
    ----------
    frame : DataFrame
        One row per patient and player: ``player, value, number, scale``. ``number`` is the patient's value of the
        column, missing where it has none or is no number.
    ax : Axes, optional
        Where to draw; a new figure by default.
    """
    players = list(dict.fromkeys(frame["player"]))
    axes = new_axes(ax, (6.6, 1.0 + 0.36 * len(players)))
    width = max(float(np.ptp(frame["value"])), 1e-12) / _BINS
    colours = low_to_high()
    coloured = False
    for line, player in enumerate(reversed(players)):
        part = frame[frame["player"] == player]
        values = part["value"].to_numpy(dtype=float)
        places = _places(part["number"].to_numpy(dtype=float))
        coloured |= bool(np.isfinite(places).any())
        axes.scatter(
            values,
            line + _spread(values, width),
            c=places,
            cmap=colours,
            plotnonfinite=True,
            vmin=0,
            vmax=1,
            s=11,
            linewidths=0,
            alpha=0.9,
            zorder=3,
        )
    axes.axvline(0, color=INK, linewidth=0.8, zorder=2)
    axes.set_yticks(range(len(players)), players[::-1])
    axes.set_ylim(-0.6, len(players) - 0.4)
    axes.set_xlabel(change_of(frame["scale"].iloc[0]))
    tidy_axes(axes, grid="x")
    axes.tick_params(axis="y", length=0)
    if coloured:
        _bar(axes, colours)
    return axes


def _places(numbers: np.ndarray) -> np.ndarray:
    """Return where each value stands among its column's, 0 the lowest and 1 the highest; ties share a place."""
    out = np.full(numbers.shape, np.nan)
    known = np.isfinite(numbers)
    levels, place = np.unique(numbers[known], return_inverse=True)
    if levels.size > 1:
        below = np.searchsorted(np.sort(numbers[known]), levels)
        out[known] = (below / max(below[-1], 1))[place]
    return out


def _spread(values: np.ndarray, width: float) -> np.ndarray:
    """Return offsets that keep dots of nearly the same value apart, half of them on each side of the line."""
    bins = np.round(values / width).astype(int)
    order = np.argsort(bins, kind="stable")
    sorted_bins = bins[order]
    starts = np.searchsorted(sorted_bins, sorted_bins)
    rank = np.empty(values.size)
    rank[order] = np.arange(values.size) - starts
    side = np.where(rank % 2 == 0, 1, -1) * np.ceil(rank / 2)
    highest = max(float(np.abs(side).max()), 1.0)
    return side * min(0.09, _HALF / highest)


def _bar(axes: Axes, colours: Any) -> None:
    from matplotlib.cm import ScalarMappable

    bar = axes.figure.colorbar(ScalarMappable(cmap=colours), ax=axes, ticks=[0, 1], aspect=24, pad=0.02, shrink=0.8)
    bar.ax.set_yticklabels(["low", "high"], fontsize=8.5, color=INK)
    bar.set_label("value of the predictor", fontsize=8.5, color=SOFT, labelpad=-6)
    bar.outline.set_visible(False)
    bar.ax.tick_params(length=0)
