"""The flow of patients: boxes down the middle, exclusions to the right."""

from __future__ import annotations

import textwrap
from itertools import pairwise
from typing import Any

import pandas as pd

from lbp_prognosis._draw._style import INK, SOFT

__all__ = ["FLOW_KINDS", "draw_flow"]

FLOW_KINDS = ("start", "excluded", "end", "missing", "observed")
"""Kinds of the steps that are drawn; rows of the others are notes."""
_ASIDE = ("excluded", "missing")


def draw_flow(steps: pd.DataFrame, ax: Any = None) -> Any:
    """Draw rows of ``FLOW_KINDS`` from ``kind, step, n``; returns the axes.

    A column ``shown`` contains the counts as printed, if some are masked.
    """
    import matplotlib.pyplot as plt

    shown = steps[steps["kind"].isin(FLOW_KINDS) & ((steps["n"] > 0) | ~steps["kind"].isin(_ASIDE))]
    if ax is None:
        _, ax = plt.subplots(figsize=(6.0, 0.5 + 0.62 * len(shown)), layout="constrained")
    ax.set_axis_off()
    ax.set(xlim=(0, 1), ylim=(-len(shown) + 0.45, 0.5))
    whole = {"boxstyle": "round,pad=0.5", "facecolor": "#eef3f7", "edgecolor": SOFT, "linewidth": 0.9}
    aside = {"boxstyle": "round,pad=0.4", "facecolor": "white", "edgecolor": "#c9d2da", "linewidth": 0.9}
    line = {"arrowstyle": "-|>,head_width=0.18,head_length=0.35", "color": SOFT, "linewidth": 1.0, "shrinkA": 0}
    centre, right = 0.27, 0.47
    rows = shown.to_dict("records")
    ends = [-place for place, row in enumerate(rows) if row["kind"] not in _ASIDE]
    for above, below in pairwise(ends):
        ax.annotate("", (centre, below + 0.34), (centre, above - 0.30), arrowprops=line)
    for place, row in enumerate(rows):
        count = row.get("shown", row["n"])
        words = "\n".join(textwrap.wrap(str(row["step"]), 40 if row["kind"] in _ASIDE else 28))
        if row["kind"] in _ASIDE:
            ax.text(right, -place, f"{words}\nn = {count}", ha="left", va="center", fontsize=8.5, color=INK, bbox=aside)
            ax.annotate("", (right - 0.015, -place), (centre, -place), arrowprops={**line, "shrinkB": 2})
        else:
            ax.text(
                centre, -place, f"{words}\nn = {count}", ha="center", va="center", fontsize=9, color=INK, bbox=whole
            )
    return ax
