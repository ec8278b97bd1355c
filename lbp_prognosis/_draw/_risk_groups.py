"""Curves of risk groups, with mean predictions and numbers at risk."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from lbp_prognosis._draw._style import INK, RAMP, SOFT, direct_labels, low_to_high, new_axes, tidy_axes

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

__all__ = ["draw_group_bars", "draw_risk_groups"]


def _colors(count: int) -> list[str]:
    if count == 1:
        return [RAMP[0]]
    places = np.linspace(0, len(RAMP) - 1, count)
    if count <= len(RAMP):
        return [RAMP[round(place)] for place in places]
    from matplotlib.colors import to_hex

    ramp = low_to_high()
    return [to_hex(ramp(k / (count - 1))) for k in range(count)]


def draw_risk_groups(
    curves: pd.DataFrame,
    means: pd.DataFrame,
    *,
    names: Sequence[str],
    label: str,
    start: float,
    p: float | None = None,
    test: str = "log-rank",
    unit: str = "",
    least: int = 0,
    numbers: bool = True,
    ax: Axes | None = None,
) -> Axes:
    """Draw step curves with bands, diamonds where the predictions are, and the numbers at risk under the axis.

    Parameters
    ----------
    curves : DataFrame
        Columns ``group, time, value, low, high, at_risk``.
    means : DataFrame
        Columns ``horizon, group, mean_risk``.
    names : sequence of str
        Groups, lowest risk first.
    label : str
        Vertical axis.
    start : float
        Height at time zero.
    p : float, optional
        P-value of the test that compares the curves.
    test : str
        Its name.
    unit : str
        Unit of time.
    least : int
        A curve ends where fewer are at risk, and smaller numbers at risk are masked.
    numbers : bool
        Whether the numbers at risk are written under the axis.
    ax : Axes, optional
        Where to draw; a new figure by default.
    """
    ax = new_axes(ax, (7.4, 4.3 + 0.22 * len(names)))
    colors = dict(zip(names, _colors(len(names))))
    end = float(curves["time"].max())
    edge = 1.03 * end
    last, shown, high = [], [], 0.0
    for name in names:
        part = curves[curves["group"] == name]
        part = part[part["at_risk"] >= least]
        if part.empty:
            continue
        # a curve that reaches the last time is drawn a little over it, so that its last step is seen
        over = np.array([edge]) if part["time"].iloc[-1] >= end - 1e-9 else np.array([])
        time = np.concatenate([[0.0], part["time"], over])
        value, low, top = (
            np.concatenate([[start], part[c], part[c].iloc[-1:] if over.size else []]) for c in ("value", "low", "high")
        )
        ax.fill_between(time, low, top, step="post", color=colors[name], alpha=0.13, linewidth=0)
        ax.step(time, value, where="post", color=colors[name], linewidth=1.9)
        last.append(value[-1])
        shown.append(name)
        high = max(high, float(np.nanmax(value)), min(1.0, float(np.nanquantile(np.nan_to_num(top), 0.97))))
    high = max(high, _draw_means(ax, means, colors))
    ax.set_xlim(0, edge)
    ax.set_ylim(0, 1.0 if start == 1.0 else min(1.0, 1.14 * high))  # the note has room above the curves
    direct_labels(ax, edge, last, shown, [colors[name] for name in shown])
    ax.set_ylabel(label)
    ax.set_xlabel(f"time ({unit})" if unit else "time")
    _write_note(ax, p, test, below=start == 1.0)
    from matplotlib.ticker import PercentFormatter

    ax.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    tidy_axes(ax)
    if numbers:
        _numbers(ax, curves, shown, colors, least)
    return ax


def _draw_means(ax: Axes, means: pd.DataFrame, colors: dict[str, str]) -> float:
    """Draw a diamond per predicted mean, and return the largest."""
    high = 0.0
    for _, line in means.iterrows():
        if np.isfinite(line["mean_risk"]) and line["group"] in colors:
            ax.plot(
                line["horizon"],
                line["mean_risk"],
                marker="D",
                ms=6.5,
                mfc=colors[line["group"]],
                mec="white",
                mew=1.1,
                zorder=6,
                clip_on=False,
            )
            high = max(high, float(line["mean_risk"]))
    return high


def _write_note(ax: Axes, p: float | None, test: str, *, below: bool) -> None:
    """Say what the diamonds are, and the p-value, in the corner that the curves leave free."""
    note = "◆ predicted mean"
    if p is not None and np.isfinite(p):
        note += f" · {test} p {'< 0.001' if p < 0.001 else f'= {p:.3f}'}"
    place, side = ((0.02, 0.03), "bottom") if below else ((0.02, 0.97), "top")
    ax.annotate(note, place, xycoords="axes fraction", va=side, fontsize=8.5, color=SOFT)


def _numbers(ax: Axes, curves: pd.DataFrame, names: Sequence[str], colors: dict[str, str], least: int) -> None:
    ticks = [tick for tick in ax.get_xticks() if 0 <= tick <= ax.get_xlim()[1]]
    ax.set_xticks(ticks)
    ax.annotate(
        "at risk",
        (0, 0),
        xycoords="axes fraction",
        xytext=(0, -38),
        textcoords="offset points",
        fontsize=8,
        va="top",
        color=INK,
    )
    for k, name in enumerate(names):
        part = curves[curves["group"] == name]
        time, number = part["time"].to_numpy(), np.append(part["at_risk"].to_numpy(dtype=float), 0.0)
        ax.annotate(
            name,
            (0, 0),
            xycoords="axes fraction",
            xytext=(-20, -50 - 12 * k),
            textcoords="offset points",
            ha="right",
            va="top",
            fontsize=8,
            color=colors[name],
            annotation_clip=False,
        )
        for tick in ticks:
            count = number[np.searchsorted(time, tick, side="left")]
            ax.annotate(
                f"<{least}" if 0 < count < least else f"{count:,.0f}",
                (tick, 0),
                xycoords=ax.get_xaxis_transform(),
                xytext=(0, -50 - 12 * k),
                textcoords="offset points",
                ha="center",
                va="top",
                fontsize=8,
                color=colors[name],
                annotation_clip=False,
            )


def draw_group_bars(table: pd.DataFrame, *, ax: Axes | None = None) -> Axes:
    """Draw observed risk with intervals next to the predicted mean, group by group, for states at one visit.

    Parameters
    ----------
    table : DataFrame
        Columns ``horizon, group, n, mean_risk, observed, low, high``; the last horizon is drawn.
    ax : Axes, optional
        Where to draw; a new figure by default.
    """
    table = table[table["horizon"] == table["horizon"].max()] if table["horizon"].notna().any() else table
    ax = new_axes(ax, (6.2, 3.8))
    colors = _colors(len(table))
    x = np.arange(len(table))
    ax.vlines(x, table["low"], table["high"], color=colors, linewidth=2.2, alpha=0.6)
    ax.scatter(x, table["observed"], s=48, color=colors, zorder=3)
    ax.scatter(x + 0.14, table["mean_risk"], s=42, marker="D", facecolor="white", edgecolor=INK, zorder=3)
    ax.set_xticks(x, [f"{name}\nn = {n:,.0f}" for name, n in zip(table["group"], table["n"])])
    ax.set_xlim(-0.5, len(table) - 0.5)
    ax.set_ylim(0, min(1.0, 1.12 * float(np.nanmax([table["high"].max(), table["mean_risk"].max(), 0.05]))))
    ax.set_ylabel("risk")
    ax.annotate(
        "● observed  ◇ predicted mean", (0.02, 0.97), xycoords="axes fraction", va="top", fontsize=8.5, color=SOFT
    )
    from matplotlib.ticker import PercentFormatter

    ax.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    tidy_axes(ax)
    return ax
