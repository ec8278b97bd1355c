"""The scales of a nomogram, one above the other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from lbp_prognosis._draw._style import GRID, INK, PALETTE, SOFT, new_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["draw_nomogram"]

_TICK = 0.1
_GAP, _LETTER = 0.008, 0.0095  # room of a label, as shares of the width


def draw_nomogram(
    points: pd.DataFrame, totals: pd.DataFrame, risks: pd.DataFrame, *, risk_label: str, ax: Axes | None = None
) -> Axes:
    """Draw points above, a scale a predictor (and direction), then total and risk.

    Parameters
    ----------
    points : DataFrame
        ``column, value, points, row``.
    totals : DataFrame
        ``total``, round numbers from 0.
    risks : DataFrame
        ``risk, total``.
    risk_label : str
        Name of the last scale.
    ax : Axes, optional
        Where to draw; a new figure by default.
    """
    groups: list[tuple[str, pd.DataFrame]] = []
    for name, part in points.groupby("column", sort=False):
        rows = [own for _, own in part.groupby("row", sort=True)]
        for k, own in enumerate(rows):
            # a direction begins at the mark where the one before it ended
            joined = own if k == 0 else pd.concat([rows[k - 1].tail(1), own])
            groups.append((str(name) if k == 0 else "", joined))
    widest = float(points["points"].max())
    n = len(groups)
    ax = new_axes(ax, (9.0, 0.62 * (n + 3) + 0.6))
    step = widest / 10
    marks = np.arange(11) * step
    _scale(ax, n + 2, marks, [f"{v:g}" for v in np.round(marks, 6)], widest, bold=True)
    for k, (_, part) in enumerate(groups):
        _scale(ax, n + 1 - k, part["points"].to_numpy(), [_word(v) for v in part["value"]], widest)
    most = max(float(totals["total"].max()), float(risks["total"].max()) if len(risks) else 0.0) or 1.0
    factor = widest / most
    _scale(ax, 1, totals["total"].to_numpy() * factor, [f"{v:g}" for v in totals["total"]], widest, bold=True)
    words = [f"{100 * r:g} %" for r in risks["risk"]]
    _scale(ax, 0, risks["total"].to_numpy() * factor, words, widest, color=PALETTE[0])
    for x in marks:
        ax.plot([x, x], [1.5, n + 2], color=GRID, linewidth=0.6, zorder=0)
    ax.set_xlim(-0.02 * widest, 1.03 * widest)
    ax.set_ylim(-0.6, n + 2.7)
    ax.set_yticks([n + 2, *(n + 1 - k for k in range(n)), 1, 0])
    ax.set_yticklabels(["points", *(name for name, _ in groups), "total points", risk_label])
    ax.set_xticks([])
    ax.tick_params(axis="y", length=0, labelsize=9, colors=INK)
    ax.spines[:].set_visible(False)
    return ax


def _word(value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    return f"{value:.4g}" if abs(value) < 1000 else f"{value:.6g}"


def _scale(
    ax: Axes, y: float, at: np.ndarray, words: list[str], width: float, *, bold: bool = False, color: str = INK
) -> None:
    """Draw one scale; labels go above the line where they would meet below it, and are left out where both are full."""
    if at.size == 0:
        return
    ax.plot([at.min(), at.max()], [y, y], color=color, linewidth=1.5 if bold else 1.0, solid_capstyle="butt")
    ends = {-1: -np.inf, 1: -np.inf}
    for k in np.argsort(at, kind="stable"):
        half = 0.5 * width * (_GAP + _LETTER * len(words[k]))
        side = next((s for s in (-1, 1) if at[k] - half >= ends[s]), 0)
        ax.plot([at[k], at[k]], [y, y + (side or -1) * _TICK], color=color, linewidth=0.8)
        if side == 0:
            continue
        ends[side] = at[k] + half
        ax.annotate(
            words[k],
            (at[k], y + side * _TICK),
            xytext=(0, 1.5 * side),
            textcoords="offset points",
            ha="center",
            va="top" if side < 0 else "bottom",
            fontsize=7.5,
            color=color if color != INK else SOFT if bold else INK,
        )
