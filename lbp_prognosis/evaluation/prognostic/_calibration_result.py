"""``Calibration``: calibration of one model at one or more horizons."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from lbp_prognosis._base import MetricResult, Objection, Result, argument_error, check_number, metric_title
from lbp_prognosis.evaluation.prognostic._calibration_curve import CalibrationCurve
from lbp_prognosis.evaluation.prognostic._calibration_rows import CalibrationRows
from lbp_prognosis.evaluation.prognostic._calibration_test import (
    CalibrationTest,
    a_calibration,
    d_calibration,
    group_table,
    grouped_test,
    risk_cuts,
)
from lbp_prognosis.evaluation.prognostic._judged_rows import JudgedRows

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["Calibration"]


@dataclass(frozen=True, repr=False)
class Calibration(Result):
    """Calibration of one model at one or more horizons.

    The scalar results are `MetricResult` objects; ``.value, .se, .low, .high`` have the shape of the horizons.

    Attributes
    ----------
    observed_expected : MetricResult
        Observed over mean predicted risk at the horizon.
    observed_expected_followup : MetricResult or None
        Observed over expected events during follow-up; None without ``cumulative_hazard``.
    citl : MetricResult
        Intercept with the slope fixed at one (0 is perfect).
    calibration_intercept, calibration_slope : MetricResult
        Joint intercept (0 is perfect); slope (1 is perfect).
    ici, e50, e90, emax : MetricResult
        Mean, median, 90 % quantile and maximum of |observed − predicted| over the patients, by the smooth curve.
    ici_null : MetricResult
        Mean ICI of a perfectly calibrated model with these data; ``high`` is its quantile at the confidence level.
    others : dict of str to MetricResult
        Further results by name, e.g. ``"calibration_slope_pseudo"``, ``"calibration_slope_followup"``,
        ``"calibration_slope_finegray"``, ``"spiegelhalter_z"``.
    curves : tuple of CalibrationCurve
        One per horizon.
    horizons : ndarray
        Unit of the outcome.
    """

    observed_expected: MetricResult
    observed_expected_followup: MetricResult | None
    citl: MetricResult
    calibration_intercept: MetricResult
    calibration_slope: MetricResult
    ici: MetricResult
    e50: MetricResult
    e90: MetricResult
    emax: MetricResult
    ici_null: MetricResult
    others: dict[str, MetricResult] = field(repr=False)
    curves: tuple[CalibrationCurve, ...] = field(repr=False)
    horizons: np.ndarray
    model: str = ""
    objections: tuple[Objection, ...] = ()
    synthetic: bool = False
    _rows: tuple[CalibrationRows, ...] = field(default=(), repr=False, compare=False)
    _joint: tuple[tuple[float, float], ...] = field(default=(), repr=False, compare=False)
    _hazard: np.ndarray | None = field(default=None, repr=False, compare=False)

    @property
    def metrics(self) -> tuple[MetricResult, ...]:
        """All scalar results, in the order of the frame."""
        named = (
            self.observed_expected,
            self.observed_expected_followup,
            self.citl,
            self.calibration_intercept,
            self.calibration_slope,
            self.ici,
            self.ici_null,
            self.e50,
            self.e90,
            self.emax,
        )
        return tuple(m for m in (*named, *self.others.values()) if m is not None)

    def _at(self, horizon: float | None, method: str) -> CalibrationRows:
        if horizon is None:
            if len(self._rows) > 1:
                raise argument_error("horizon", f"one of {self.horizons.tolist()} for {method}", "None")
            place = 0
        else:
            near = np.flatnonzero(np.isclose(self.horizons, horizon))
            if near.size == 0:
                raise argument_error("horizon", f"one of {self.horizons.tolist()}", horizon)
            place = int(near[0])
        rows = self._rows[place]
        if rows.reason:
            raise argument_error("horizon", "one with an estimate", f"{rows.tau:g}: {rows.reason}")
        return rows

    def keeps_rows(self, horizon: float) -> bool:
        """Return whether `judged` has rows at a horizon; it has none after pooling, or without an estimate.

        Parameters
        ----------
        horizon : float
            Any time.
        """
        near = np.flatnonzero(np.isclose(self.horizons, horizon))
        return bool(self._rows) and near.size > 0 and not self._rows[int(near[0])].reason

    def judged(self, horizon: float) -> JudgedRows:
        """Return outcome, risk and weight of each row.

        Parameters
        ----------
        horizon : float
            One of the horizons.

        Raises
        ------
        ArgumentError
            If nothing was estimated at the horizon, or the result keeps no rows (results pooled over imputations).
        """
        if not self._rows:
            raise argument_error("self", "a calibration that keeps its rows", "numbers pooled over imputations")
        rows = self._at(horizon, "judged")
        setting, risk = rows.setting, np.full(rows.setting.n, np.nan)
        risk[rows.index] = rows.risk
        return JudgedRows(
            setting.y,
            risk if rows.all_risks is None else rows.all_risks,
            setting.kind,
            rows.tau,
            setting.cause,
            setting.target,
            setting.copies,
            setting.clusters,
            setting.weights,
        )

    def groups(self, groups: int = 10, horizon: float | None = None) -> pd.DataFrame:
        """Return observed and predicted risks in quantile groups of the predicted risk.

        For outcomes at visits, the observed risk is Turnbull's estimate from all patients of a group, including those
        with an unknown state at the visit.

        Parameters
        ----------
        groups : int, default 10
            Number of groups. Equal risks stay in one group, so there may be fewer groups.
        horizon : float, optional
            Needed if there are several.

        Returns
        -------
        DataFrame
            Columns ``group, n, n_events, mean_risk, observed, se, low, high``.
        """
        rows = self._at(horizon, "groups").everyone
        count = int(check_number("groups", groups, low=2, whole=True))
        return group_table(rows, np.searchsorted(risk_cuts(rows, count), rows.risk, side="left"))

    def gnd(self, groups: int = 10, min_events: int = 5, horizon: float | None = None) -> CalibrationTest:
        """Return the Greenwood–Nam–D'Agostino test.

        Parameters
        ----------
        groups : int, default 10
            Number of groups of predicted risk.
        min_events : int, default 5
            Groups with fewer events are merged with their neighbour; 0 merges none.
        horizon : float, optional
            Needed if there are several.

        References
        ----------
        Demler OV, Paynter NP, Cook NR. Tests of calibration and goodness-of-fit in the survival setting. Stat Med
        2015;34:1659–1680. doi:10.1002/sim.6428.
        """
        return grouped_test(self._at(horizon, "gnd"), "gnd", groups, min_events)

    def hosmer_lemeshow(self, groups: int = 10, min_events: int = 0, horizon: float | None = None) -> CalibrationTest:
        """Return the Hosmer–Lemeshow test with Kaplan–Meier risks, as proposed by D'Agostino and Nam.

        The variance ignores censoring; prefer `gnd`. The parameters are those of `gnd`.
        """
        return grouped_test(self._at(horizon, "hosmer_lemeshow"), "hosmer_lemeshow", groups, min_events)

    def joint_test(self, horizon: float | None = None) -> CalibrationTest:
        """Return the Wald test of joint intercept 0 and slope 1 (two degrees of freedom).

        Parameters
        ----------
        horizon : float, optional
            Needed if there are several.
        """
        rows = self._at(horizon, "joint_test")
        statistic, p = self._joint[rows.h]
        return CalibrationTest(
            "joint",
            rows.tau,
            statistic,
            2.0,
            p,
            np.empty(0),
            np.empty(0),
            round(float(rows.setting.copies.sum())),
            round(rows.events_by_horizon),
            "" if np.isfinite(statistic) else "no joint fit",
        )

    def a_calibration(self, bins: int = 10, min_expected: float = 5.0) -> CalibrationTest:
        """Return Akritas' test of the whole predicted distribution (needs ``cumulative_hazard`` of full follow-up).

        Parameters
        ----------
        bins : int, default 10
            Cells of predicted survival.
        min_expected : float, default 5.0
            Adjacent cells are merged until each expects this many events; 0 merges none.
        """
        return a_calibration(self._rows[0], self._hazard, bins, min_expected)

    def d_calibration(self, bins: int = 10) -> CalibrationTest:
        """Return Haider's D-calibration test (needs ``cumulative_hazard`` of full follow-up).

        Parameters
        ----------
        bins : int, default 10
            Bins of predicted survival.
        """
        return d_calibration(self._rows[0], self._hazard, bins)

    def to_frame(self) -> pd.DataFrame:
        """Return one row per metric and horizon, with the evaluation columns, ``target`` and ``reference``."""
        return pd.concat([metric.to_frame() for metric in self.metrics], ignore_index=True)

    def plot(
        self,
        ax: Axes | None = None,
        *,
        horizon: float | None = None,
        groups: int = 10,
        color: str | None = None,
        least: int = 0,
        label: str = "",
    ) -> Axes:
        """Draw the smooth curve with its band, the groups, the estimates and a histogram of the risks.

        Parameters
        ----------
        ax : Axes, optional
            Axes to draw on; a new figure by default.
        horizon : float, optional
            Horizon to draw; the first by default.
        groups : int, default 10
            Number of grouped points; 0 draws none.
        color : str, optional
            Colour of the curve.
        least : int, default 0
            Groups and bars of the histogram with fewer patients are not drawn.
        label : str, default ""
            Name of the risk for the axis: "no recovery by 12 months"; event and horizon by default.
        """
        from lbp_prognosis._draw import draw_calibration

        rows = self._at(self.horizons[0] if horizon is None else horizon, "plot")
        curve = self.curves[rows.h]
        complement = rows.setting.target == "no_event"

        def turn(a: np.ndarray) -> np.ndarray:
            return 1 - a if complement else a

        frame = pd.DataFrame(
            {
                "risk": turn(curve.risk),
                "observed": turn(curve.observed),
                "low": turn(curve.high if complement else curve.low),
                "high": turn(curve.low if complement else curve.high),
            }
        )
        lines = [_line(m, rows.h) for m in (self.observed_expected, self.calibration_slope, self.ici)]
        null = np.atleast_1d(np.asarray(self.ici_null.value))[rows.h]
        if np.isfinite(null):
            lines.append(f"ICI if perfect {null:.3f}")
        table = self.groups(groups, rows.tau) if groups else None
        if table is not None:
            table = table[table["n"] >= least]
        label = label or f"{'no event' if complement else 'event'} by {rows.tau:g}"
        return draw_calibration(
            frame.sort_values("risk"),
            table,
            turn(rows.risk),
            notes=lines,
            model=self.model,
            label=label,
            least=least,
            ax=ax,
            **({} if color is None else {"color": color}),
        )

    def _summary(self) -> str:
        parts: list[Any] = [self.observed_expected, self.calibration_slope, self.ici]
        if len(self._rows) == 1:
            return "; ".join(_line(m, 0) for m in parts)
        if len(self._rows) > 3:
            return f"{len(self._rows)} horizons, {self.observed_expected.method}"
        return "; ".join(
            f"at {horizon:g} {_line(parts[0], h)}, {_line(parts[2], h)}" for h, horizon in enumerate(self.horizons)
        )


def _line(metric: MetricResult, h: int) -> str:
    value, low, high = (
        float(np.atleast_1d(np.asarray(a, dtype=float))[h]) for a in (metric.value, metric.low, metric.high)
    )
    name = metric_title(metric.metric).removeprefix("calibration ")
    digits = 3 if metric.metric == "ici" else 2
    if not np.isfinite(value):
        return f"{name} not estimable"
    if not np.isfinite(low):
        return f"{name} {value:.{digits}f}"
    return f"{name} {value:.{digits}f} ({low:.{digits}f} to {high:.{digits}f})"
