"""The result of a sample-size calculation: one row per criterion, and the largest of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from lbp_prognosis._base import Objection, Result

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["SampleSize"]


@dataclass(frozen=True, repr=False)
class SampleSize(Result):
    """Sample size by criterion.

    Attributes
    ----------
    purpose : {"development", "validation", "trial"}
        Purpose of the sample.
    outcome : {"binary", "survival", "continuous"}
        Kind of outcome.
    criteria : tuple of dict
        One mapping per criterion: ``criterion``, ``n``, and what it aims at (``target``).
    details : dict of str to float
        Quantities met on the way (R², its maximum, expected shrinkage, events per parameter …).
    parameters : dict of str to int
        Candidate parameters by modality (development only).
    """

    purpose: str
    outcome: str
    criteria: tuple[dict[str, object], ...]
    details: dict[str, float] = field(default_factory=dict)
    parameters: dict[str, int] = field(default_factory=dict)
    objections: tuple[Objection, ...] = ()

    @property
    def n(self) -> int:
        """Patients needed to meet all criteria."""
        return int(max(int(row["n"]) for row in self.criteria))  # type: ignore[call-overload]

    @property
    def events(self) -> float:
        """Expected events among ``n`` patients (NaN for a continuous outcome)."""
        return float(self.n * self.details.get("events_per_patient", np.nan))

    @property
    def events_per_parameter(self) -> float:
        """Expected events per candidate parameter at ``n`` (NaN outside development)."""
        count = sum(self.parameters.values())
        return self.events / count if count else float("nan")

    def criterion(self, name: str) -> int:
        """Return the patients needed for one criterion."""
        for row in self.criteria:
            if row["criterion"] == name:
                return int(row["n"])  # type: ignore[call-overload]
        raise KeyError(name)

    def to_frame(self) -> pd.DataFrame:
        """Return one row per criterion: ``purpose, outcome, criterion, n, events, target, decisive``."""
        per = self.details.get("events_per_patient", np.nan)
        return pd.DataFrame(
            [
                {
                    "purpose": self.purpose,
                    "outcome": self.outcome,
                    "criterion": row["criterion"],
                    "n": row["n"],
                    "events": float(row["n"]) * per,  # type: ignore[arg-type]
                    "target": row["target"],
                    "decisive": row["n"] == self.n,
                }
                for row in self.criteria
            ],
            columns=["purpose", "outcome", "criterion", "n", "events", "target", "decisive"],
        )

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the patients each criterion needs.

        Parameters
        ----------
        ax : Axes, optional
            Axes to draw on; a new figure by default.
        """
        from lbp_prognosis._draw import draw_estimates

        frame = self.to_frame()
        labels = [f"{r.criterion}{' (decides)' if r.decisive else ''}" for r in frame.itertuples()]
        return draw_estimates(
            frame.assign(label=labels, value=frame["n"]),
            axis=f"patients for {self.purpose}",
            neutral=float(self.n),
            digits=".0f",
            ax=ax,
        )

    def _summary(self) -> str:
        decisive = next(row["criterion"] for row in self.criteria if row["n"] == self.n)
        return f"{self.purpose}, {self.outcome}: {self.n} patients (decided by {decisive})"
