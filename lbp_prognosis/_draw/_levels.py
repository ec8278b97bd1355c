"""Values of one measure by level."""

from __future__ import annotations

from typing import Any

import pandas as pd

__all__ = ["draw_levels"]


def draw_levels(frame: pd.DataFrame, measure: str, ax: Any = None) -> Any:
    """Draw values against levels, one line per case, side and method.

    Parameters
    ----------
    frame : DataFrame
        Columns ``patient_id, study_id, level, side, method_id, value, sd_error, unit``.
    measure : str
        Its name, for the axis.
    ax : matplotlib Axes, optional

    Returns
    -------
    Axes
    """
    import matplotlib.pyplot as plt

    if ax is None:
        ax = plt.subplots()[1]
    levels = list(dict.fromkeys(frame["level"]))
    keys = ["patient_id", "study_id", "side", "method_id"]
    for name, group in frame.groupby(keys, sort=False):
        label = " ".join(str(part) for part in name if part)
        at = [levels.index(level) for level in group["level"]]
        ax.errorbar(at, group["value"], yerr=group["sd_error"].fillna(0.0), marker="o", capsize=2, label=label)
    ax.set_xticks(range(len(levels)), levels)
    unit = str(frame["unit"].iloc[0]) if len(frame) else ""
    ax.set_ylabel(f"{measure} ({unit})" if unit else measure)
    if 0 < frame.groupby(keys).ngroups <= 8:
        ax.legend(fontsize=7)
    return ax
