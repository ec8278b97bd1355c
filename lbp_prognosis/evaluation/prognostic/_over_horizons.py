"""``OverHorizons``: a metric with its figure, over the horizons if it has one value per horizon."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from lbp_prognosis._base import MetricResult, metric, metric_title

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["OverHorizons"]

_OVER_HORIZONS = ("auc", "brier", "ipa", "log_score")


@dataclass(frozen=True, repr=False)
class OverHorizons(MetricResult):
    """A `MetricResult` with a figure: values against the horizon, or one row for a metric without single horizons."""

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw values with intervals against the horizon, and the null model of a Brier score.

        A metric of the whole follow-up is drawn as one row.

        Parameters
        ----------
        ax : Axes, optional
            Axes to draw on; a new figure by default.
        """
        from lbp_prognosis._draw import draw_estimates, draw_over_horizons

        title = metric_title(self.metric)
        if np.ndim(self.value) == 0 and (self.horizon is None or self.metric not in _OVER_HORIZONS):
            label = f"{self.model} − {self.reference}" if self.reference else self.model or title
            return draw_estimates(
                self.to_frame().assign(label=label),
                axis=f"difference in {title}" if self.reference else title,
                neutral=0.0 if self.reference else metric(self.metric).line,
                ax=ax,
            )
        null = getattr(self, "null", None)
        return draw_over_horizons(
            self.to_frame(),
            title=f"difference in {title}" if self.reference else title,
            neutral=0.0 if self.reference else metric(self.metric).line,
            null=None if null is None else null.to_frame(),
            ax=ax,
        )
