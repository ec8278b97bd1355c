"""``Flow``: from all patients of the package to those in the cohort, step by step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pandas as pd

from lbp_prognosis._base import Result

__all__ = ["Flow"]


@dataclass(frozen=True, repr=False)
class Flow(Result):
    """Excluded patients with reasons, and values that were not used.

    Attributes
    ----------
    steps : DataFrame
        ``kind, step, n, patients``. For ``start``, ``excluded`` and ``end``, ``n`` counts patients; for ``values``
        it counts values refused as predictors and ``patients`` counts their patients; ``note`` rows count patients.
    """

    steps: pd.DataFrame

    def to_frame(self) -> pd.DataFrame:
        """Return the steps."""
        return self.steps

    @property
    def n_start(self) -> int:
        """Patients in the package."""
        return int(self.steps.loc[self.steps["kind"].eq("start"), "n"].iloc[0])

    @property
    def n_end(self) -> int:
        """Patients in the cohort."""
        return int(self.steps.loc[self.steps["kind"].eq("end"), "n"].iloc[0])

    def refused(self, reason: str = "dated after the index date") -> int:
        """Return how many values were not used for a reason."""
        rows = self.steps["kind"].eq("values") & self.steps["step"].str.endswith(reason)
        return int(self.steps.loc[rows, "n"].sum())

    def plot(self, ax: Any = None) -> Any:
        """Draw the flow; returns the axes."""
        from lbp_prognosis._draw import draw_flow

        return draw_flow(self.steps, ax=ax)

    def _summary(self) -> str:
        return f"{self.n_start} patients, {self.n_end} in the cohort"
