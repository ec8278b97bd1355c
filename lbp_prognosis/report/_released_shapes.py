"""Tables and curves after the disclosure gate, from which a released page is drawn."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pandas as pd

from lbp_prognosis._base import MetricResult, Result

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["ReleasedCalibration", "ReleasedFlow", "ReleasedGroups", "ReleasedTable"]


@dataclass(frozen=True, repr=False)
class ReleasedTable(Result):
    """A table of patients with merged counts.

    Attributes
    ----------
    table : DataFrame
        Text.
    """

    table: pd.DataFrame = field(repr=False)

    def to_frame(self) -> pd.DataFrame:
        """Return the table."""
        return self.table


@dataclass(frozen=True, repr=False)
class ReleasedFlow(Result):
    """A flow with merged exclusions.

    Attributes
    ----------
    steps : DataFrame
        ``kind, step, n``.
    """

    steps: pd.DataFrame = field(repr=False)

    def to_frame(self) -> pd.DataFrame:
        """Return the steps."""
        return self.steps


@dataclass(frozen=True, repr=False)
class ReleasedGroups(Result):
    """Releasable risk groups with coarse curves.

    Attributes
    ----------
    model : str
        Model of the risks.
    names : tuple of str
        Groups, lowest risk first.
    table, workload : DataFrame
        As those of `RiskGroups`.
    curves : DataFrame
        ``group, time, value, low, high``; empty without curves.
    p, test : float, str
        Of the test that compares the curves; NaN without one.
    start : float
        Height of the curves at time zero.
    """

    model: str
    names: tuple[str, ...]
    table: pd.DataFrame = field(repr=False)
    workload: pd.DataFrame = field(repr=False)
    curves: pd.DataFrame = field(repr=False)
    p: float
    test: str
    start: float

    def to_frame(self) -> pd.DataFrame:
        """Return the table."""
        return self.table

    def plot(self, ax: Axes | None = None, *, unit: str = "", least: int = 0) -> Axes:
        """Draw the coarse curves without numbers at risk; without curves the observed risks.

        Parameters
        ----------
        ax : Axes, optional
            Where to draw; a new figure by default.
        unit : str, default ""
            Unit of time, for the label.
        least : int, default 0
            Not used: no number here is based on fewer patients.
        """
        from lbp_prognosis._draw import draw_group_bars, draw_risk_groups

        if self.curves.empty:
            return draw_group_bars(self.table, ax=ax)
        return draw_risk_groups(
            self.curves.assign(at_risk=0.0),
            self.table[["horizon", "group", "mean_risk"]],
            names=self.names,
            p=self.p,
            test=self.test,
            unit=unit,
            start=self.start,
            label="free of the event" if self.start == 1.0 else "cumulative incidence",
            numbers=False,
            ax=ax,
        )


@dataclass(frozen=True, repr=False)
class ReleasedCalibration(Result):
    """A calibration curve at round risks, without groups and without the risks of patients.

    Attributes
    ----------
    model : str
        Model of the risks.
    observed_expected, calibration_slope, ici : MetricResult
        Released numbers.
    curve : DataFrame
        ``risk, observed, low, high`` on a grid of risks; empty if it is not released.
    """

    model: str
    observed_expected: MetricResult | None
    calibration_slope: MetricResult | None
    ici: MetricResult | None
    curve: pd.DataFrame = field(repr=False)

    def to_frame(self) -> pd.DataFrame:
        """Return the curve."""
        return self.curve

    def plot(self, ax: Axes | None = None, *, label: str = "", **_: Any) -> Axes:
        """Draw the curve.

        Parameters
        ----------
        ax : Axes, optional
            Where to draw; a new figure by default.
        label : str, default ""
            Name of the risk.
        """
        from lbp_prognosis._draw import draw_calibration

        return draw_calibration(self.curve, None, None, model=self.model, label=label or "event", ax=ax)
