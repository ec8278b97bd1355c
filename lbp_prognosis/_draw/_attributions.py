"""Attributions of one patient: bars at one horizon, curves over many; and the effect of one column."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from lbp_prognosis._draw._style import INK, PALETTE, SOFT, direct_labels, new_axes, tidy_axes

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

__all__ = ["change_of", "draw_attributions", "draw_feature_effect", "size_of"]

_SCALES = {
    "log_hazard": "Change of the log-hazard",
    "log_cumulative_hazard": "Change of the log cumulative hazard",
    "log_subdistribution_hazard": "Change of the log subdistribution hazard",
    "log_odds": "Change of the log odds",
    "log_time": "Change of minus the log of time",
    "probit": "Change of the probit",
    "linear_predictor": "Change of the linear predictor",
    "risk": "Change of the risk",
    "mean": "Change of the mean score",
    "margin": "Change of the margin",
}


def change_of(scale: str, *, changed: bool = True) -> str:
    """Return the axis of attributions of a scale; with ``changed`` false that of the predictions themselves."""
    words = _SCALES.get(scale, scale)
    if changed:
        return words
    bare = words.removeprefix("Change of the ").removeprefix("Change of ")
    return bare[0].upper() + bare[1:]


def size_of(scale: str) -> str:
    """Return the axis of mean sizes of attributions of a scale."""
    words = change_of(scale)
    return f"Mean |{words[0].lower()}{words[1:]}|"


def draw_attributions(frame: pd.DataFrame, *, ax: Axes | None = None) -> Axes:
    """Draw one row's attributions.

    Parameters
    ----------
    frame : DataFrame
        One row per player and horizon: ``player, horizon, value, base, prediction, scale``, and where known ``se`` or
        ``sd``, ``stable``, and ``low`` and ``high`` of a band over time.
    ax : Axes, optional
        Where to draw.
    """
    if frame["horizon"].nunique() > 1:
        return _curves(frame, ax)
    axes = new_axes(ax, (6.4, 0.6 + 0.38 * len(frame)))
    shown = frame.iloc[np.argsort(np.abs(frame["value"].to_numpy()), kind="stable")]
    values = shown["value"].to_numpy()
    stable = shown["stable"].to_numpy(dtype=bool) if "stable" in shown else np.ones(len(shown), dtype=bool)
    colors = np.where(stable, np.where(values >= 0, PALETTE[1], PALETTE[0]), "#c3cad1")
    spread = shown["sd"].to_numpy() if "sd" in shown else shown["se"].to_numpy() if "se" in shown else None
    if spread is not None and np.isnan(spread).all():
        spread = None
    axes.barh(
        np.arange(len(shown)), values, color=colors, height=0.7, xerr=spread, error_kw={"ecolor": SOFT, "elinewidth": 1}
    )
    axes.set_yticks(np.arange(len(shown)), shown["player"].tolist())
    axes.axvline(0, color=INK, linewidth=0.8)
    scale, first = shown["scale"].iloc[0], shown.iloc[0]
    axes.set_xlabel(f"{_SCALES.get(scale, scale)}: from {first['base']:.3g} to {first['prediction']:.3g}")
    tidy_axes(axes, grid="x")
    return axes


def _curves(frame: pd.DataFrame, ax: Axes | None) -> Axes:
    """Draw a curve per player, with its band where there is one; dotted in grey where its sign is not stable."""
    axes = new_axes(ax)
    players = list(dict.fromkeys(frame["player"]))
    colors = [PALETTE[k % len(PALETTE)] for k in range(len(players))]
    ends = []
    for player, color in zip(players, colors):
        part = frame[frame["player"] == player].sort_values("horizon")
        times, values = part["horizon"].to_numpy(), part["value"].to_numpy()
        if "low" in part:
            axes.fill_between(times, part["low"], part["high"], color=color, alpha=0.14, linewidth=0)
        axes.plot(times, values, color=color, linewidth=1.8)
        if "stable" in part and not part["stable"].all():
            unstable = np.where(part["stable"].to_numpy(dtype=bool), np.nan, values)
            axes.plot(times, unstable, color="white", linewidth=1.8)
            axes.plot(times, unstable, color=color, linewidth=1.2, linestyle=(0, (1, 2)))
        ends.append(float(values[-1]))
    axes.axhline(0, color=INK, linewidth=0.8)
    axes.set_xlabel("Time")
    axes.set_ylabel(change_of(frame["scale"].iloc[0]))
    tidy_axes(axes)
    direct_labels(axes, float(frame["horizon"].max()), ends, players, colors)
    return axes


def draw_feature_effect(frame: pd.DataFrame, *, ax: Axes | None = None) -> Axes:
    """Draw the effect of one column: ``feature, kind, scale, horizon, at, effect``; one curve per horizon."""
    axes = new_axes(ax)
    horizons = frame["horizon"].drop_duplicates().tolist()
    for k, horizon in enumerate(horizons):
        part = frame[frame["horizon"].isna()] if horizon != horizon else frame[frame["horizon"] == horizon]
        label = None if horizon != horizon else f"at {horizon:g}"
        axes.plot(part["at"], part["effect"], color=PALETTE[k % len(PALETTE)], linewidth=1.8, label=label)
    axes.axhline(0, color=INK, linewidth=0.8)
    axes.set_xlabel(str(frame["feature"].iloc[0]))
    axes.set_ylabel(_SCALES.get(frame["scale"].iloc[0], "Change"))
    if len(horizons) > 1:
        axes.legend(frameon=False, fontsize=9)
    tidy_axes(axes)
    return axes
