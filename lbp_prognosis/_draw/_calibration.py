"""Calibration plots: observed against predicted risk, and where the patients are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from lbp_prognosis._draw._style import GRID, INK, PALETTE, SOFT, new_axes, tidy_axes

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

__all__ = ["draw_calibration"]


def draw_calibration(
    curve: pd.DataFrame,
    groups: pd.DataFrame | None,
    risks: np.ndarray | None,
    *,
    notes: Sequence[str] = (),
    model: str = "",
    label: str = "event",
    color: str = PALETTE[0],
    least: int = 0,
    ax: Axes | None = None,
) -> Axes:
    """Draw the smooth curve with its band, grouped estimates with intervals, and a histogram of the risks below.

    Parameters
    ----------
    curve : DataFrame
        Columns ``risk, observed, low, high``.
    groups : DataFrame, optional
        Columns ``mean_risk, observed, low, high``.
    risks : ndarray of shape (n,), optional
        Predicted risks, for the histogram; without them none is drawn.
    notes : sequence of str
        Lines written into the upper left corner, or the lower right if fewer points stand there.
    model, label : str
        Title; what the risk is of.
    color : str
        Colour of the curve.
    least : int
        Bars of the histogram with fewer patients are not drawn.
    ax : Axes, optional
        Where to draw; a new figure by default.
    """
    ax = new_axes(ax, (5.2, 5.2))
    highs = [float(curve["risk"].max() if risks is None else np.nanmax(risks))]
    if curve["observed"].notna().any():
        highs.append(float(curve[["observed", "risk"]].max().max()))
        highs.append(min(float(np.nanquantile(curve["high"].fillna(0), 0.9)), 1.0))
    if groups is not None:
        highs.append(float(groups[["observed", "mean_risk"]].max().max()))
        highs.append(min(float(np.nan_to_num(groups["high"].to_numpy(dtype=float)).max()), 1.0))
    top = min(1.0, 1.04 * max(highs))
    ax.plot([0, top], [0, top], color=SOFT, linewidth=1.0, linestyle=(0, (5, 3)), zorder=2)
    ax.fill_between(curve["risk"], curve["low"], curve["high"], color=color, alpha=0.16, linewidth=0, zorder=2)
    ax.plot(curve["risk"], curve["observed"], color=color, linewidth=2.2, zorder=4, solid_capstyle="round", gid="curve")
    if groups is not None:
        x, y = groups["mean_risk"].to_numpy(dtype=float), groups["observed"].to_numpy(dtype=float)
        ax.vlines(
            x, groups["low"], groups["high"], color=INK, linewidth=1.0, alpha=0.55, zorder=3, gid="groups-interval"
        )
        ax.plot(x, y, "o", ms=5, mfc="white", mec=INK, mew=1.2, zorder=5, gid="groups")
    depth = 0.0 if risks is None else 0.11 * top
    if risks is not None:
        _draw_histogram(ax, risks, top, depth, color, least)
    ax.set_xlim(0, top)
    ax.set_ylim(-depth * 1.15, top)
    ax.set_aspect("equal", adjustable="box")
    ax.set_xlabel(f"predicted risk of {label}")
    ax.set_ylabel("observed")
    if model:
        ax.set_title(model, loc="left", fontsize=10, color=INK)
    if notes:
        _write_notes(ax, notes, curve, groups, top)
    from matplotlib.ticker import MaxNLocator, PercentFormatter

    ticks = [tick for tick in MaxNLocator(5, steps=[1, 2, 2.5, 5, 10]).tick_values(0, top) if 0 <= tick <= top + 1e-9]
    ax.set_xticks(ticks)
    ax.set_yticks(ticks)
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    tidy_axes(ax, grid="")
    return ax


def _draw_histogram(ax: Axes, risks: np.ndarray, top: float, depth: float, color: str, least: int) -> None:
    """Show below the axis where the patients are."""
    counts, edges = np.histogram(risks, bins=np.linspace(0, top, 51))
    counts = np.where(counts < least, 0, counts)
    ax.bar(
        edges[:-1],
        counts / max(counts.max(), 1) * depth * 0.9,
        width=np.diff(edges),
        bottom=-depth * 1.12,
        align="edge",
        color=color,
        alpha=0.45,
        linewidth=0,
    )
    ax.axhline(0, color=GRID, linewidth=1.0, zorder=1)


def _write_notes(ax: Axes, notes: Sequence[str], curve: pd.DataFrame, groups: pd.DataFrame | None, top: float) -> None:
    """Write the numbers where they cover least: above the diagonal on the left, or below it on the right."""
    x, y = curve["risk"].to_numpy(dtype=float), curve["observed"].to_numpy(dtype=float)
    weight = np.full(x.size, 10 / max(x.size, 1))  # the whole curve counts as ten groups
    if groups is not None:  # the ends of an interval count as much as its middle
        x = np.concatenate([x, *[groups["mean_risk"].to_numpy(dtype=float)] * 3])
        y = np.concatenate([y, *(groups[name].to_numpy(dtype=float) for name in ("low", "observed", "high"))])
        weight = np.concatenate([weight, np.ones(x.size - weight.size)])
    right = weight[(x > 0.45 * top) & (y < 0.3 * top)].sum() < weight[(x < 0.55 * top) & (y > 0.7 * top)].sum()
    bottom = -ax.get_ylim()[0] / (top - ax.get_ylim()[0])
    ax.annotate(
        "\n".join(notes),
        (1, bottom) if right else (0, 1),
        xycoords="axes fraction",
        xytext=(-6, 8) if right else (8, -8),
        textcoords="offset points",
        ha="right" if right else "left",
        va="bottom" if right else "top",
        fontsize=8.5,
        color=INK,
        linespacing=1.45,
        zorder=7,
        bbox={"facecolor": "white", "alpha": 0.7, "edgecolor": "none", "pad": 1.5},
    )
