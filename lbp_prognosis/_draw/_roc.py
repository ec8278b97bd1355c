"""ROC curves."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.axes import Axes

__all__ = ["draw_roc"]


def draw_roc(
    false_positive_rate: np.ndarray, true_positive_rate: np.ndarray, *, label: str, ax: Axes | None = None
) -> Axes:
    """Draw one curve over the diagonal."""
    import matplotlib.pyplot as plt

    if ax is None:
        _, ax = plt.subplots(figsize=(4.6, 4.6), layout="constrained")
    ax.plot([0, 1], [0, 1], color="#8795a1", linewidth=0.8)
    ax.plot(false_positive_rate, true_positive_rate, color="#0b6e99", linewidth=2, drawstyle="steps-post")
    ax.annotate(label, (0.97, 0.05), xycoords="axes fraction", ha="right", color="#22303c")
    ax.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.01), xlabel="1 − specificity", ylabel="sensitivity", aspect="equal")
    ax.spines[["top", "right"]].set_visible(False)
    return ax
