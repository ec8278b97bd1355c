"""Scaled residuals against time: does an effect stay what it is?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from lbp_prognosis._draw._style import INK, PALETTE, SOFT, new_axes, tidy_axes

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

__all__ = ["draw_time_varying_effect"]


def draw_time_varying_effect(frame: pd.DataFrame, *, coef: float, label: str, ax: Axes | None = None) -> Axes:
    """Draw residuals, the straight trend on the transformed scale, and the constant coefficient.

    Parameters
    ----------
    frame : DataFrame
        Columns ``time, transformed, residual``.
    coef : float
        Coefficient under proportional hazards.
    label : str
        Name of the predictor.
    ax : Axes, optional
        Where to draw; a new figure by default.
    """
    ax = new_axes(ax, (6.0, 4.0))
    ax.scatter(frame["time"], frame["residual"], s=12, color=SOFT, alpha=0.7)
    order = np.argsort(frame["time"].to_numpy(), kind="stable")
    g = frame["transformed"].to_numpy()
    if np.ptp(g) > 0:
        slope, level = np.polyfit(g, frame["residual"].to_numpy(), 1)
        ax.plot(
            frame["time"].to_numpy()[order], (level + slope * g)[order], color=PALETTE[0], linewidth=2, label="trend"
        )
    ax.axhline(coef, color=INK, linestyle="--", linewidth=1, label="constant effect")
    ax.set(xlabel="Time", ylabel=f"Coefficient of {label}")
    ax.legend(frameon=False)
    tidy_axes(ax)
    return ax
