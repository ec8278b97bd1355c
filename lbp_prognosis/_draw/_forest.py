"""Forest plots: sites, the pooled value and the prediction interval for a new site."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

__all__ = ["draw_forest"]


def draw_forest(
    sites: pd.DataFrame,
    pooled: Mapping[str, float],
    *,
    metric: str,
    confidence: float,
    ax: Axes | None = None,
    summary: str = "pooled",
) -> Axes:
    """Draw one row per site and a diamond.

    Parameters
    ----------
    sites : DataFrame
        Columns ``label, value, low, high, weight``.
    pooled : mapping
        ``value, low, high``, and ``prediction_low, prediction_high`` where there is a prediction interval.
    metric : str
        Label of the horizontal axis.
    confidence : float
        Level named in the legend.
    ax : Axes, optional
        Where to draw; a new figure by default.
    summary : str, default "pooled"
        Label of the diamond.
    """
    import matplotlib.pyplot as plt

    k = len(sites)
    if ax is None:
        _, ax = plt.subplots(figsize=(7.0, 0.36 * (k + 4)), layout="constrained")
    ink, soft, accent = "#22303c", "#8795a1", "#0b6e99"
    rows = np.arange(k, 0, -1) + 1.5
    sizes = 14 + 90 * sites["weight"].to_numpy() / sites["weight"].max()
    ax.hlines(rows, sites["low"], sites["high"], color=soft, linewidth=1.4, zorder=2, gid="sites-interval")
    ax.scatter(sites["value"], rows, s=sizes, marker="s", color=ink, zorder=3, gid="sites")
    ax.fill(
        [pooled["low"], pooled["value"], pooled["high"], pooled["value"]],
        [1.0, 1.32, 1.0, 0.68],
        color=accent,
        zorder=3,
    )
    predicted = "prediction_low" in pooled
    if predicted:
        ax.hlines(0.0, pooled["prediction_low"], pooled["prediction_high"], color=accent, linewidth=4, alpha=0.45)
    ax.axvline(pooled["value"], color=accent, linewidth=0.8, linestyle=(0, (4, 3)), zorder=1)
    ticks = [*rows, 1.0, *([0.0] if predicted else [])]
    ax.set_yticks(ticks, [*sites["label"].astype(str), summary, *(["a new site"] if predicted else [])])
    ax.set_ylim(-0.7 if predicted else 0.3, k + 2.2)
    ax.set_xlabel(f"{metric or 'estimate'} ({confidence:.0%} intervals)")
    ax.spines[["top", "right", "left"]].set_visible(False)
    ax.tick_params(axis="y", length=0)
    return ax
