"""Decision curves: net benefit against the threshold at which one would act."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from lbp_prognosis._base import metric_title
from lbp_prognosis._draw._style import INK, PALETTE, SOFT, direct_labels, new_axes, tidy_axes

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

__all__ = ["draw_decision_curve", "draw_net_benefit_difference"]

_UNITS = {
    "net_benefit": " (true positives per patient)",
    "interventions_avoided": " per {per:,g} patients",
}


def _shade(ax: Axes, shade: tuple[float, float, float] | None) -> None:
    if shade is None:
        return
    low, high, primary = shade
    ax.axvspan(low, high, color="#f3ead7", alpha=0.75, linewidth=0, zorder=0)
    ax.axvline(primary, color="#b08d3e", linewidth=0.9, linestyle=(0, (2, 2)), zorder=1)
    ax.annotate(
        "declared thresholds",
        ((low + high) / 2, 1.0),
        xycoords=("data", "axes fraction"),
        xytext=(0, -4),
        textcoords="offset points",
        ha="center",
        va="top",
        fontsize=8,
        color="#8a6a20",
    )


def _odds_axis(ax: Axes) -> None:
    """Second axis below: a threshold of 1/5 weighs a missed event as four needless treatments."""
    low, high = ax.get_xlim()
    odds = [(1, 99), (1, 19), (1, 9), (1, 4), (1, 3), (1, 2), (1, 1), (2, 1), (3, 1), (4, 1), (9, 1)]
    places = [(a / (a + b), f"{a}:{b}") for a, b in odds if low <= a / (a + b) <= high]
    kept: list[tuple[float, str]] = []
    for place in places:
        if not kept or place[0] - kept[-1][0] > 0.055 * (high - low):
            kept.append(place)
    if len(kept) < 2:
        return
    second = ax.secondary_xaxis(-0.17)
    second.set_xticks([p for p, _ in kept], [text for _, text in kept])
    second.set_xlabel("harm of treating needlessly : benefit of treating in time", fontsize=8.5, color=SOFT)
    second.tick_params(labelsize=8, colors=SOFT, length=2)
    second.spines["bottom"].set_visible(False)


def draw_decision_curve(
    frame: pd.DataFrame,
    *,
    metric: str,
    shade: tuple[float, float, float] | None = None,
    bands: bool = False,
    label: str = "event",
    per: float = 100.0,
    ax: Axes | None = None,
) -> Axes:
    """Draw one curve per model with its interval, treat all and treat none.

    Parameters
    ----------
    frame : DataFrame
        One horizon; columns ``model, threshold, value, low, high, band_low, band_high, carried_forward``.
    metric : str
        Names the vertical axis.
    shade : tuple of float, optional
        Low, high and primary threshold of the declared range.
    bands : bool
        Shade simultaneous bands instead of pointwise intervals.
    label : str
        Name of the risk, with its horizon.
    per : float
        Patients that interventions avoided are counted in.
    ax : Axes, optional
        Where to draw; a new figure by default.
    """
    ax = new_axes(ax, (7.2, 4.6))
    _shade(ax, shade)
    names = [name for name in frame["model"].unique() if name != "treat all"]
    ends, labels, colors = [], [], []
    edge = float(frame["threshold"].max())
    for number, name in enumerate(names):
        part = frame[frame["model"] == name].sort_values("threshold")
        color = PALETTE[number % len(PALETTE)]
        t, value = part["threshold"].to_numpy(), part["value"].to_numpy()
        low, high = (part["band_low"], part["band_high"]) if bands else (part["low"], part["high"])
        ax.fill_between(t, low, high, color=color, alpha=0.14, linewidth=0)
        ax.plot(t, value, color=color, linewidth=2.0, zorder=4, gid=f"model-{number}")
        carried = part["carried_forward"].to_numpy(dtype=bool)
        if carried.any():
            ax.plot(t[carried], value[carried], "o", ms=4, mfc="white", mec=color, zorder=5)
        ends.append(value[-1])
        labels.append(name)
        colors.append(color)
    models = frame[frame["model"] != "treat all"]
    top = np.nanmax([models["value"].max(), frame["value"].max()])
    # bands are seen whole, unless they are much wider than the curves are high
    limits = models[["band_low", "band_high"] if bands else ["low", "high"]].to_numpy(dtype=float)
    above, below = (limits[:, 1].max(), limits[:, 0].min()) if np.isfinite(limits).all() else (top, 0.0)
    every = frame[frame["model"] == "treat all"].sort_values("threshold")
    if metric != "interventions_avoided":
        ax.plot(every["threshold"], every["value"], color=INK, linewidth=1.2, linestyle=(0, (5, 3)), zorder=3)
    ax.axhline(0, color=SOFT, linewidth=1.2, zorder=2)
    floor = min(-0.12 * top, 1.1 * float(np.nanmin([models["value"].min(), 0.0])), max(1.05 * below, -0.3 * abs(top)))
    ax.set_ylim(floor, 1.08 * max(top, min(above, 1.3 * top)) if top > 0 else 0.1)
    ax.set_xlim(float(frame["threshold"].min()), edge)
    last = every["value"].to_numpy()
    ends.append(0.0)
    labels.append("treat none" if metric != "interventions_avoided" else "treat all")
    colors.append(SOFT)
    if metric != "interventions_avoided":
        if last[-1] >= floor:
            ends.append(last[-1])
            labels.append("treat all")
            colors.append(INK)
        else:
            _name_where_it_leaves(ax, every["threshold"].to_numpy(), last, floor)
    direct_labels(ax, edge, ends, labels, colors)
    ax.set_xlabel(f"risk of {label} at which one would act")
    ax.set_ylabel(metric_title(metric) + _UNITS.get(metric, "").format(per=per))
    from matplotlib.ticker import PercentFormatter

    ax.xaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    tidy_axes(ax)
    _odds_axis(ax)
    return ax


def _name_where_it_leaves(ax: Axes, t: np.ndarray, value: np.ndarray, floor: float) -> None:
    """Write "treat all" where its line leaves the picture below."""
    inside = np.flatnonzero(value >= floor)
    k = int(inside[-1]) if inside.size else 0
    after = min(k + 1, t.size - 1)
    share = (value[k] - floor) / (value[k] - value[after]) if value[k] > value[after] else 0.0
    leaves = t[k] + min(max(share, 0.0), 1.0) * (t[after] - t[k])
    ax.annotate("treat all", (leaves, floor), xytext=(4, 4), textcoords="offset points", fontsize=9, color=INK)


def draw_net_benefit_difference(
    frame: pd.DataFrame,
    *,
    shade: tuple[float, float, float] | None = None,
    label: str = "event",
    ax: Axes | None = None,
) -> Axes:
    """Draw a difference of net benefits with its pointwise interval and, where there is one, its band.

    Parameters
    ----------
    frame : DataFrame
        One horizon; columns ``model, reference, threshold, value, low, high, band_low, band_high``.
    shade : tuple of float, optional
        Low, high and primary threshold of the declared range.
    label : str
        Name of the risk, with its horizon.
    ax : Axes, optional
        Where to draw; a new figure by default.
    """
    ax = new_axes(ax, (6.8, 4.2))
    _shade(ax, shade)
    frame = frame.sort_values("threshold")
    t, color = frame["threshold"].to_numpy(), PALETTE[0]
    if frame["band_low"].notna().any():
        ax.fill_between(t, frame["band_low"], frame["band_high"], color=color, alpha=0.10, linewidth=0)
    ax.fill_between(t, frame["low"], frame["high"], color=color, alpha=0.20, linewidth=0)
    ax.plot(t, frame["value"], color=color, linewidth=2.0, gid="model-0")
    ax.axhline(0, color=INK, linewidth=1.0)
    ax.set_xlim(t[0], t[-1])
    first = frame.iloc[0]
    ax.set_ylabel("difference in net benefit")
    ax.set_xlabel(f"risk of {label} at which one would act")
    ax.set_title(f"{first['model']} − {first['reference']}", loc="left", fontsize=10, color=INK)
    level = f"{first['confidence']:.0%}"
    ax.annotate(
        f"dark: {level} at each threshold · light: {level} for all at once"
        if frame["band_low"].notna().any()
        else f"shaded: {level} at each threshold",
        (1.0, 0.0),
        xycoords="axes fraction",
        xytext=(-4, 5),
        textcoords="offset points",
        ha="right",
        fontsize=8,
        color=SOFT,
    )
    from matplotlib.ticker import PercentFormatter

    ax.xaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    tidy_axes(ax)
    return ax
