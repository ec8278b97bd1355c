"""The tables of monitoring, from which its page is made."""

from __future__ import annotations

from typing import Protocol

import pandas as pd

from lbp_prognosis._base import Objection
from lbp_prognosis.validation import ModelUpdate

__all__ = ["MonitorTables"]


class MonitorTables(Protocol):
    """Tables and facts for the page; `DriftReport` documents them."""

    @property
    def inputs(self) -> pd.DataFrame:
        """Inputs by batch and column."""

    @property
    def windows(self) -> pd.DataFrame:
        """Outcomes by batch."""

    @property
    def chart(self) -> pd.DataFrame:
        """Charts by patient and direction."""

    @property
    def alarms(self) -> pd.DataFrame:
        """Rows of the chart that crossed their limit."""

    @property
    def horizon(self) -> float:
        """Prediction time."""

    @property
    def unit(self) -> str:
        """Unit of the horizon."""

    @property
    def until(self) -> pd.Timestamp:
        """Last day of outcomes."""

    @property
    def false_alarms_per_year(self) -> float:
        """Declared rate."""

    @property
    def n(self) -> int:
        """Patients."""

    @property
    def n_matured(self) -> int:
        """Patients with matured outcomes."""

    @property
    def update(self) -> ModelUpdate | None:
        """Proposed update."""

    @property
    def objections(self) -> tuple[Objection, ...]:
        """Objections."""

    @property
    def synthetic(self) -> bool:
        """Whether of simulated data."""
