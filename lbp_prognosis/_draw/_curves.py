"""Step curves with bands, censoring marks and numbers at risk."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import numpy as np

from lbp_prognosis._base import metric_title
from lbp_prognosis._draw._style import INK, PALETTE, new_axes, tidy_axes

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

__all__ = ["draw_curves", "draw_interval_curve"]

# line styles tell curves apart in grey print
_DASHES = ("-", (0, (6, 2)), (0, (2, 1.5)), (0, (6, 2, 1.5, 2)))


def draw_curves(
    curves: pd.DataFrame,
    *,
    quantity: str,
    confidence: float,
    number_at_risk: Callable[[np.ndarray], Mapping[str, np.ndarray]],
    risk_table: bool = True,
    band: bool = True,
    unit: str = "",
    ax: Axes | None = None,
) -> Axes:
    """Draw one step curve per group.

    Parameters
    ----------
    curves : DataFrame
        Columns ``group, time, value, low, high, censored``.
    quantity : {"survival", "incidence", "cumulative_hazard", "censoring_survival"}
        Quantity of the curve; sets the label and where curves begin.
    confidence : float
        Level of the band, named in the label.
    number_at_risk : callable
        Times -> group -> numbers at risk, for the table.
    risk_table : bool
        Write the numbers under the axis.
    band : bool
        Shade from ``low`` to ``high``.
    unit : str
        Unit of time.
    ax : Axes, optional
        Where to draw; a new figure by default.
    """
    groups = list(dict.fromkeys(curves["group"]))
    ax = new_axes(ax, (7.0, 4.2 + (0.22 * len(groups) if risk_table else 0.0)))
    first = 1.0 if quantity in {"survival", "censoring_survival"} else 0.0
    for k, group in enumerate(groups):
        rows_of = curves[curves["group"] == group]
        ink = PALETTE[k % len(PALETTE)]
        time = np.concatenate([[0.0], rows_of["time"]])

        def heights(name: str, rows_of: pd.DataFrame = rows_of) -> np.ndarray:
            return np.concatenate([[first], rows_of[name].to_numpy(dtype=float)])

        value = heights("value")
        ax.step(time, value, where="post", color=ink, linestyle=_DASHES[k % len(_DASHES)], label=group or None)
        if band:
            ax.fill_between(time, heights("low"), heights("high"), step="post", color=ink, alpha=0.14, linewidth=0)
        marks = np.concatenate([[0.0], rows_of["censored"]]) > 0
        if quantity != "censoring_survival" and marks.sum() <= 200:
            ax.plot(time[marks], value[marks], linestyle="none", marker="|", markersize=5, color=ink)
    ax.set_xlim(left=0)
    if quantity != "cumulative_hazard":
        ax.set_ylim(0, 1.02)
    ax.set_ylabel(metric_title(quantity).capitalize() + (f" ({confidence:.0%} band)" if band else ""))
    ax.set_xlabel(f"Time ({unit})" if unit else "Time")
    tidy_axes(ax)
    if any(groups):
        ax.legend(frameon=False)
    if risk_table:
        _write_numbers(ax, groups, number_at_risk)
    return ax


def _write_numbers(
    ax: Axes, groups: list[str], number_at_risk: Callable[[np.ndarray], Mapping[str, np.ndarray]]
) -> None:
    """Write the numbers at risk at the ticks of the time axis, as text that moves with the axis."""
    ticks = [tick for tick in ax.get_xticks() if 0 <= tick <= ax.get_xlim()[1]]
    ax.set_xticks(ticks)
    # entry < t: no patient with delayed entry has come at 0, so the first column is read just after it
    numbers = number_at_risk(np.array([tick if tick > 0 else np.nextafter(0.0, 1.0) for tick in ticks]))
    # offsets in points, so that the layout may change the height of the axes without moving the rows apart
    ax.annotate(
        "At risk",
        (0, 0),
        xycoords="axes fraction",
        xytext=(0, -38),
        textcoords="offset points",
        fontsize=8,
        fontweight="bold",
        ha="left",
        va="top",
    )
    for k, group in enumerate(groups):
        if group:
            ax.annotate(
                str(group),
                (0, 0),
                xycoords="axes fraction",
                xytext=(-20, -51 - 12 * k),
                textcoords="offset points",
                ha="right",
                va="top",
                fontsize=8,
                color=PALETTE[k % len(PALETTE)],
                annotation_clip=False,
            )
        for tick, number in zip(ticks, numbers[group]):
            ax.annotate(
                f"{number:,.0f}",
                (tick, 0),
                xycoords=ax.get_xaxis_transform(),
                xytext=(0, -51 - 12 * k),
                textcoords="offset points",
                ha="center",
                va="top",
                fontsize=8,
                annotation_clip=False,
                color=PALETTE[k % len(PALETTE)] if group else INK,
            )


def draw_interval_curve(
    supports: pd.DataFrame,
    *,
    known: np.ndarray,
    value: np.ndarray,
    quantity: str,
    cause: int | None = None,
    unit: str = "",
    ax: Axes | None = None,
) -> Axes:
    """Draw a curve known at some times only: points there, boxes in which it must lie between them.

    Parameters
    ----------
    supports : DataFrame
        Columns ``left, right, cause, mass``.
    known : ndarray of shape (k,)
        Increasing times.
    value : ndarray of shape (k,)
        Height at each; NaN where it is not known after all.
    quantity : {"survival", "incidence"}
        Quantity of the curve.
    cause : int, optional
        Cause of an incidence.
    unit : str
        Unit of time.
    ax : Axes, optional
        Where to draw; a new figure by default.
    """
    ax = new_axes(ax)
    first = 1.0 if quantity == "survival" else 0.0
    fixed = ~np.isnan(value)
    times = np.concatenate([[0.0], known[fixed & (known > 0)]])
    heights = np.concatenate([[first], value[fixed & (known > 0)]])
    ax.plot(times, heights, linestyle="none", marker="o", markersize=3.5, color=PALETTE[0])
    finite = supports[np.isfinite(supports["right"]) & (supports["mass"] > 0)]
    mine = finite if cause is None else finite[finite["cause"] == cause]
    for begin, end, before, after in zip(times[:-1], times[1:], heights[:-1], heights[1:]):
        moves = mine[(mine["left"] < end) & (mine["right"] > begin)]
        low = max(begin, float(moves["left"].min())) if len(moves) else end
        high = min(end, float(moves["right"].max())) if len(moves) else end
        ax.hlines([before, after], [begin, high], [low, end], color=PALETTE[0])
        ax.fill_between([low, high], min(before, after), max(before, after), color=PALETTE[0], alpha=0.2, linewidth=0)
    ax.set_ylim(0, 1.02)
    ax.set_xlim(left=0)
    ax.set_ylabel(metric_title(quantity).capitalize())
    ax.set_xlabel(f"Time ({unit})" if unit else "Time")
    tidy_axes(ax)
    return ax
