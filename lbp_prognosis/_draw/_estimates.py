"""Numbers of several kinds in one figure: one row per number, a dot and its interval."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from lbp_prognosis._draw._style import INK, PALETTE, SOFT, new_axes, tidy_axes

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

__all__ = ["draw_counts", "draw_estimates"]


def draw_estimates(
    frame: pd.DataFrame,
    *,
    axis: str,
    neutral: float | None = None,
    hollow: str = "",
    log: bool = False,
    digits: str = ".3f",
    ax: Axes | None = None,
) -> Axes:
    """Draw one row per label, a colour per series, with the number.

    Parameters
    ----------
    frame : DataFrame
        Columns ``label, value``; optional ``low, high`` (interval), ``series`` (colour) and ``other`` (a second value,
        drawn hollow).
    axis : str
        Horizontal axis.
    neutral : float, optional
        Where there is nothing to see, as a dashed line.
    hollow : str, default ""
        What the hollow marks are.
    log : bool, default False
        Logarithmic axis.
    digits : str, default ".3f"
        Format of the numbers.
    ax : Axes, optional
        Where to draw; a new figure by default.
    """
    frame = frame.reset_index(drop=True)
    for name, default in (("low", np.nan), ("high", np.nan), ("other", np.nan), ("series", "")):
        frame = frame if name in frame.columns else frame.assign(**{name: default})
    labels, series = list(dict.fromkeys(frame["label"])), list(dict.fromkeys(frame["series"])) or [""]
    lines = len(labels) * max(1.0, 0.62 * len(series))
    ax = new_axes(ax, (7.0, 0.9 + 0.36 * lines + (0.3 if len(series) > 1 or hollow else 0)))
    numbers = frame[["value", "low", "high", "other"]].to_numpy(dtype=float)
    numbers[~np.isfinite(numbers)] = np.nan
    step = 0.62 / len(series)
    for row, (label, name) in enumerate(zip(frame["label"], frame["series"])):
        value, low, high, other = numbers[row]
        place = series.index(name)
        y = labels.index(label) + (place - (len(series) - 1) / 2) * step
        color = PALETTE[place % len(PALETTE)]
        if np.isfinite(low) or np.isfinite(high):
            # an open end runs to the edge of what is known
            ends = [value if np.isnan(low) else low, value if np.isnan(high) else high]
            ax.hlines(y, *ends, color=color, linewidth=1.8, alpha=0.65)
        if np.isfinite(other):
            ax.plot(other, y, "o", ms=6, mfc="white", mec=color, zorder=4)
        ax.plot(value, y, "o", ms=6, color=color, zorder=5)
        ax.annotate(
            _words(value, low, high, digits),
            (1.0, y),
            xycoords=("axes fraction", "data"),
            xytext=(6, 0),
            textcoords="offset points",
            va="center",
            fontsize=8,
            color=INK,
            annotation_clip=False,
        )
    if log:
        from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

        ax.set_xscale("log")
        ax.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
        ax.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:g}"))
        ax.xaxis.set_minor_formatter(NullFormatter())
    if neutral is not None:
        ax.axvline(neutral, color=SOFT, linewidth=1.0, linestyle=(0, (5, 3)), zorder=1)
    ax.set_ylim(max(len(labels), 1) - 0.5, -0.5)
    ax.set_yticks(range(len(labels)), [str(label) for label in labels])
    ax.set_xlabel(axis)
    _legend(ax, [str(name) for name in series], hollow)
    tidy_axes(ax, grid="x")
    ax.tick_params(axis="y", length=0)
    if not np.isfinite(numbers[:, 0]).any():
        ax.annotate("not estimable", (0.5, 0.5), xycoords="axes fraction", ha="center", color=INK)
    return ax


def draw_counts(table: pd.DataFrame, *, rows: str, columns: str, ax: Axes | None = None) -> Axes:
    """Draw a table of counts, the darker the more.

    Parameters
    ----------
    table : DataFrame
        Counts.
    rows, columns : str
        What the rows and the columns are.
    ax : Axes, optional
        Where to draw; a new figure by default.
    """
    counts = table.to_numpy(dtype=float)
    ax = new_axes(ax, (1.6 + 0.62 * counts.shape[1], 1.2 + 0.55 * counts.shape[0]))
    top = max(float(counts.max()), 1.0)
    ax.imshow(counts, cmap="Blues", vmin=0, vmax=1.15 * top)
    for (i, j), count in np.ndenumerate(counts):
        ax.text(j, i, f"{count:g}", ha="center", va="center", color="white" if count > 0.6 * top else INK, fontsize=9)
    ax.set_xticks(range(counts.shape[1]), [str(name) for name in table.columns])
    ax.set_yticks(range(counts.shape[0]), [str(name) for name in table.index])
    ax.set(xlabel=columns, ylabel=rows)
    ax.spines[:].set_visible(False)
    ax.tick_params(length=0, colors=INK, labelsize=9)
    return ax


def _words(value: float, low: float, high: float, digits: str) -> str:
    if not np.isfinite(value):
        return "–"
    if not (np.isfinite(low) and np.isfinite(high)):
        return f"{value:{digits}}"
    return f"{value:{digits}} ({low:{digits}} to {high:{digits}})"


def _legend(ax: Axes, series: list[str], hollow: str) -> None:
    """Above the axes, where no interval runs."""
    named = [(PALETTE[k % len(PALETTE)], name, True) for k, name in enumerate(series) if name]
    if hollow:
        named.append((PALETTE[0] if len(series) == 1 else SOFT, hollow, False))
    if not named or (len(named) == 1 and not hollow):
        return
    for color, name, full in named:
        ax.plot([], [], "o", ms=6, mfc=color if full else "white", mec=color, label=name)
    ax.legend(
        frameon=False,
        fontsize=8.5,
        labelcolor=INK,
        loc="lower left",
        bbox_to_anchor=(0, 1),
        ncols=4,
        borderaxespad=0.2,
        handletextpad=0.3,
        columnspacing=1.2,
    )
