"""Bland–Altman plots."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.axes import Axes

__all__ = ["draw_agreement"]

Line = tuple[float, float, float]


def draw_agreement(
    means: np.ndarray, differences: np.ndarray, *, bias: Line, lower: Line, upper: Line, ax: Axes | None = None
) -> Axes:
    """Draw differences against means; each line is (value, low, high) and carries its interval as a band."""
    import matplotlib.pyplot as plt

    if ax is None:
        _, ax = plt.subplots(figsize=(6.4, 4.2), layout="constrained")
    ink, soft, accent = "#22303c", "#8795a1", "#0b6e99"
    ax.scatter(means, differences, s=18, color=ink, alpha=0.75, linewidths=0, zorder=3)
    for (value, low, high), colour, label in (
        (bias, accent, "bias"),
        (lower, soft, "lower limit"),
        (upper, soft, "upper limit"),
    ):
        ax.axhspan(low, high, color=colour, alpha=0.13, linewidth=0)
        ax.axhline(value, color=colour, linewidth=1.4)
        ax.annotate(
            f"{label} {value:.3g}",
            (1.0, value),
            xycoords=("axes fraction", "data"),
            xytext=(4, 0),
            textcoords="offset points",
            va="center",
            fontsize=8,
            color=ink,
        )
    ax.axhline(0, color=ink, linewidth=0.6)
    ax.set(xlabel="mean of the two measurements", ylabel="first − second")
    ax.spines[["top", "right"]].set_visible(False)
    return ax
