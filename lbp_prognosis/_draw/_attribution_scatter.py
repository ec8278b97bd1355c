"""Attributions of one predictor against its values, coloured by a second one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from lbp_prognosis._draw._attributions import change_of
from lbp_prognosis._draw._style import INK, PALETTE, SOFT, low_to_high, new_axes, tidy_axes

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

__all__ = ["draw_attribution_scatter"]


def draw_attribution_scatter(
    frame: pd.DataFrame, *, player: str, second: str | None = None, ax: Axes | None = None
) -> Axes:
    """Draw a dot per patient; patients without a value stand at the left, apart.

    Parameters
    ----------
    frame : DataFrame
        One row per patient: ``value, number, text, scale`` of the predictor, and with ``second`` also ``second_number``
        and ``second_text``. A column whose numbers are all missing is drawn by its texts, as categories.
    player, second : str
        Names.
    ax : Axes, optional
        Where to draw; a new figure by default.
    """
    axes = new_axes(ax, (6.2, 4.2))
    places, ticks = _places(frame)
    missing = np.isnan(places)
    values = frame["value"].to_numpy(dtype=float)
    axes.axhline(0, color=INK, linewidth=0.8, zorder=2)
    style: dict[str, Any] = {"s": 16, "linewidths": 0, "alpha": 0.9, "zorder": 3}
    known = places[~missing]
    low, high = (float(known.min()), float(known.max())) if known.size else (0.0, 1.0)
    apart = low - 0.08 * max(high - low, 1e-12)
    at = np.where(missing, apart, places)
    groups = _groups(frame) if second is not None else {}
    if second is None:
        axes.scatter(at, values, color=PALETTE[0], **style)
    elif groups:
        for k, (name, rows) in enumerate(groups.items()):
            axes.scatter(at[rows], values[rows], color=PALETTE[k % len(PALETTE)], label=name, **style)
        axes.legend(title=second, frameon=False, fontsize=8.5, title_fontsize=8.5, loc="best")
    else:
        dots = axes.scatter(
            at,
            values,
            c=frame["second_number"].to_numpy(dtype=float),
            cmap=low_to_high(),
            plotnonfinite=True,
            **style,
        )
        bar = axes.figure.colorbar(dots, ax=axes, aspect=28, pad=0.02)
        bar.set_label(second, fontsize=9, color=INK)
        bar.outline.set_visible(False)
        bar.ax.tick_params(labelsize=8.5, length=2, color=SOFT)
    if missing.any():
        axes.axvline((apart + low) / 2, color=SOFT, linewidth=0.8, linestyle=(0, (2, 3)))
        axes.annotate(
            "missing",
            (apart, 1),
            xycoords=axes.get_xaxis_transform(),
            xytext=(0, 4),
            textcoords="offset points",
            ha="center",
            fontsize=8.5,
            color=SOFT,
        )
    if ticks is not None:
        axes.set_xticks(range(len(ticks)), ticks)
    axes.set_xlabel(player)
    axes.set_ylabel(change_of(frame["scale"].iloc[0]))
    tidy_axes(axes)
    return axes


def _places(frame: pd.DataFrame) -> tuple[np.ndarray, list[str] | None]:
    """Return where dots stand, NaN where the value is missing; with the names of categories, which are moved apart."""
    numbers = frame["number"].to_numpy(dtype=float)
    texts = frame["text"].to_numpy(dtype=object)
    named = np.array([text not in ("", "missing") for text in texts])
    if np.isfinite(numbers).any() or not named.any():
        return numbers, None
    kinds = sorted(set(texts[named]))
    place = {name: k for k, name in enumerate(kinds)}
    out = np.array([place.get(text, np.nan) for text in texts], dtype=float)
    # one after another across the width of the category, so that equal attributions are seen to be many
    for k in range(len(kinds)):
        rows = np.flatnonzero(out == k)
        out[rows] += np.linspace(-0.18, 0.18, rows.size) if rows.size > 1 else 0.0
    return out, kinds


def _groups(frame: pd.DataFrame) -> dict[str, np.ndarray]:
    """Return rows by the second predictor's category; empty if it is a number."""
    if np.isfinite(frame["second_number"].to_numpy(dtype=float)).any():
        return {}
    texts = frame["second_text"].to_numpy(dtype=object)
    return {str(name): np.flatnonzero(texts == name) for name in sorted(set(texts))}
