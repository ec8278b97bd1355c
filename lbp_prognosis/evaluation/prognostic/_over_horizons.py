"""``OverHorizons``: a metric that has one value a horizon, and a picture of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lbp_prognosis._base import MetricResult

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["OverHorizons"]

_TITLES = {"auc": "AUC", "brier": "Brier score", "ipa": "IPA", "log_score": "log score"}
_NEUTRAL = {"auc": 0.5, "ipa": 0.0}


@dataclass(frozen=True, repr=False)
class OverHorizons(MetricResult):
    """A `MetricResult` that can be drawn against the horizon."""

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the values with their intervals against the horizon; for a Brier score also its null model.

        Parameters
        ----------
        ax : Axes, optional
            Where to draw; a new figure by default.
        """
        from lbp_prognosis._draw import draw_over_horizons

        title = _TITLES.get(self.metric, self.metric)
        null = getattr(self, "null", None)
        return draw_over_horizons(
            self.to_frame(), title=f"difference in {title}" if self.reference else title,
            neutral=0.0 if self.reference else _NEUTRAL.get(self.metric),
            null=None if null is None else null.to_frame(), ax=ax,
        )  # fmt: skip
