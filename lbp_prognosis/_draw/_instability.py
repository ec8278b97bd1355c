"""Instability of individual risks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["draw_instability"]


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
