"""Instability of individual risks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from lbp_prognosis._draw._style import INK, PALETTE, SOFT, new_axes, tidy_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["draw_instability", "draw_overlaid"]


def draw_instability(risk: np.ndarray, low: np.ndarray, high: np.ndarray, ax: Axes | None = None) -> Axes:
    """Draw intervals of risks over resampled models against the final model's risk."""
    import matplotlib.pyplot as plt

    if ax is None:
        _, ax = plt.subplots(figsize=(5.2, 5.0), layout="constrained")
    order = np.argsort(risk)
    ax.vlines(risk[order], low[order], high[order], color="#0b6e99", alpha=0.25, linewidth=0.8)
    ax.plot([0, 1], [0, 1], color="#22303c", linewidth=1)
    ax.set(xlim=(0, 1), ylim=(0, 1), xlabel="risk by the model", ylabel="risk by models of other samples (95 %)")
    ax.set_aspect("equal")
    ax.spines[["top", "right"]].set_visible(False)
    return ax


def draw_overlaid(
    x: np.ndarray,
    final: np.ndarray,
    curves: np.ndarray,
    *,
    diagonal: bool,
    xlabel: str,
    ylabel: str,
    ax: Axes | None = None,
) -> Axes:
    """Draw many thin curves and one over them.

    Parameters
    ----------
    x : ndarray of shape (k,)
        Horizontal values.
    final : ndarray of shape (k,)
        The curve on top.
    curves : ndarray of shape (m, k)
        The others.
    diagonal : bool
        Draw the diagonal; otherwise the line of zero.
    xlabel, ylabel : str
        Axes.
    ax : Axes, optional
        Where to draw; a new figure by default.
    """
    ax = new_axes(ax, (5.2, 4.8))
    ax.plot(x, curves.T, color=SOFT, linewidth=0.7, alpha=0.5, zorder=2)
    ax.plot([], [], color=SOFT, linewidth=1.0, label=f"{len(curves)} models of other samples")
    ax.plot(x, final, color=PALETTE[0], linewidth=2.2, zorder=4, label="the model")
    if diagonal:
        ax.plot([0, 1], [0, 1], color=INK, linewidth=0.9, linestyle=(0, (5, 3)), zorder=3)
        ax.set(xlim=(0, 1), ylim=(0, 1))
    else:
        ax.axhline(0, color=INK, linewidth=0.9, linestyle=(0, (5, 3)), zorder=3)
    ax.set(xlabel=xlabel, ylabel=ylabel)
    ax.legend(
        frameon=False, fontsize=8.5, labelcolor=INK, loc="lower left", bbox_to_anchor=(0, 1), ncols=2, borderaxespad=0.2
    )
    tidy_axes(ax)
    return ax
