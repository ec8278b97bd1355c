"""The flow of patients: boxes down the middle, exclusions to the right."""

from __future__ import annotations

import textwrap
from typing import Any

import pandas as pd

__all__ = ["draw_flow"]


def draw_flow(steps: pd.DataFrame, ax: Any = None) -> Any:
    """Draw rows of ``kind`` start, excluded and end from ``kind, step, n``; returns the axes."""
    import matplotlib.pyplot as plt

    shown = steps[steps["kind"].isin(["start", "excluded", "end"]) & ((steps["n"] > 0) | (steps["kind"] != "excluded"))]
    if ax is None:
        _, ax = plt.subplots(figsize=(6.5, 0.9 + 0.75 * len(shown)), layout="constrained")
    ax.set_axis_off()
    ax.set(xlim=(0, 1), ylim=(-len(shown) + 0.4, 0.6))
    box = {"boxstyle": "round,pad=0.4", "facecolor": "white", "edgecolor": "0.3"}
    centre, right, last = 0.27, 0.74, None
    for place, row in enumerate(shown.to_dict("records")):
        height = -place
        words = "\n".join(textwrap.wrap(row["step"], 38))
        if row["kind"] == "excluded":
            ax.text(right, height, f"{words}\nn = {row['n']}", ha="center", va="center", fontsize=8, bbox=box)
            ax.annotate("", (right - 0.22, height), (centre, height), arrowprops={"arrowstyle": "->", "color": "0.3"})
            continue
        if last is not None:
            ax.annotate("", (centre, height + 0.28), (centre, last - 0.28),
                        arrowprops={"arrowstyle": "->", "color": "0.3"})  # fmt: skip
        ax.text(centre, height, f"{words}\nn = {row['n']}", ha="center", va="center", fontsize=9, bbox=box)
        last = height
    return ax
