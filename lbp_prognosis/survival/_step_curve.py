"""``StepCurve``: survival, incidence and hazard curves, one or one per stratum."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from lbp_prognosis._base import Objection, Result, argument_error, as_numbers, check_number, describe
from lbp_prognosis._kernels import step_at
from lbp_prognosis.survival._curve_values import CurveValues

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["StepCurve"]

_AT_START = {"survival": 1.0, "censoring_survival": 1.0, "incidence": 0.0, "cumulative_hazard": 0.0}
_ALIKE = 1.5e-8  # closer heights count as one plateau, as in R's quantile of a survival curve


@dataclass(frozen=True, repr=False)
class StepCurve(Result):
    """A right-continuous step function of time with pointwise limits, or one per stratum.

    Attributes
    ----------
    quantity : {"survival", "incidence", "cumulative_hazard", "censoring_survival"}
        Quantity of the curve: P(T > t) for any event, P(T ≤ t, cause), −log-type cumulative hazard, or P(still under
        observation at t).
    times : ndarray of shape (m,)
        Distinct observed times, stratum after stratum, in the unit of the outcome.
    value, se, low, high : ndarray of shape (m,)
        Height from each time onwards, with standard error and limits. The standard error of a survival of exactly 0 is
        NaN.
    at_risk, events, competing, censored : ndarray of shape (m,)
        Numbers at risk (entry < t ≤ time), of events of interest, of other events and of censorings at each time.
        Frequency weights count; sampling weights do not.
    stratum : ndarray of int of shape (m,)
        Position in ``strata`` of each row.
    strata : tuple
        Labels; empty without strata.
    n, n_events : ndarray of int of shape (n_strata,)
        Patients and events of interest of each stratum.
    start : ndarray of shape (n_strata,)
        Start time of the curve. It is above 0 only if delayed entry left too few patients at risk before it; the curve
        is then conditional on being event-free at that time.
    confidence : float
        Level of the limits.
    interval : str
        Scale of the limits.
    method : str
        Estimator and variance in a few words.
    cause : int or None
        Cause of an incidence.
    """

    quantity: str
    times: np.ndarray
    value: np.ndarray
    se: np.ndarray
    low: np.ndarray
    high: np.ndarray
    at_risk: np.ndarray
    events: np.ndarray
    competing: np.ndarray
    censored: np.ndarray
    stratum: np.ndarray
    strata: tuple[Any, ...]
    n: np.ndarray
    n_events: np.ndarray
    start: np.ndarray
    confidence: float
    interval: str
    method: str
    cause: int | None = None
    entered: tuple[tuple[np.ndarray, np.ndarray] | None, ...] = field(default=(None,), repr=False)
    objections: tuple[Objection, ...] = ()
    synthetic: bool = False

    def __getitem__(self, label: Any) -> StepCurve:
        """Return the curve of one stratum by label."""
        if label not in self.strata:
            raise argument_error("label", f"one of the strata {list(self.strata)}", label)
        return self._one(self.strata.index(label))

    def _one(self, k: int) -> StepCurve:
        rows = self.stratum == k
        flat = {
            name: getattr(self, name)[rows]
            for name in ("times", "value", "se", "low", "high", "at_risk", "events", "competing", "censored")
        }
        return replace(
            self,
            **flat,
            stratum=np.zeros(int(rows.sum()), dtype=np.int64),
            n=self.n[k : k + 1],
            n_events=self.n_events[k : k + 1],
            start=self.start[k : k + 1],
            entered=(self.entered[k],),
            strata=(),
        )

    def _number_at_risk(self, at: np.ndarray) -> np.ndarray:
        """Number at risk at any time, for a single curve."""
        entered = self.entered[0]
        if entered is None:
            return np.append(self.at_risk, 0.0)[np.searchsorted(self.times, at, side="left")]
        gone = np.cumsum(self.events + self.competing + self.censored)
        come = np.concatenate([[0.0], entered[1]])[np.searchsorted(entered[0], at, side="left")]
        return np.maximum(come - step_at(self.times, gone, at, left=0.0, before=True), 0.0)

    def at(self, times: Any, *, min_at_risk: float = 1) -> CurveValues:
        """Return the values of the curve at given times.

        Parameters
        ----------
        times : float or sequence of float
            Times ≥ 0, in the unit of the outcome.
        min_at_risk : float, default 1
            Smallest accepted number at risk (``entry < t <= time``); below it the value is NaN with a reason, because
            the data contain no information beyond follow-up. 0 carries the last value forward.

        Returns
        -------
        CurveValues
            ``value, se, low, high, at_risk, reason``: floats for one time, arrays of shape (n_times,) for a sequence,
            (n_strata, n_times) with strata.
        """
        scalar = np.ndim(times) == 0
        at = np.atleast_1d(as_numbers("times", times, "numbers, in the unit of `y`"))
        if at.ndim != 1 or not np.isfinite(at).all() or (at < 0).any():
            raise argument_error("times", "finite numbers of at least 0, in the unit of `y`", describe(times))
        check_number("min_at_risk", min_at_risk, low=0)
        first = _AT_START[self.quantity]
        parts: list[tuple[np.ndarray, ...]] = []
        for k in range(self.n.size):
            curve = self._one(k)
            risk = curve._number_at_risk(at)
            early, few = at < curve.start[0], risk < min_at_risk
            reason = np.where(early, f"the curve starts at {curve.start[0]:g}", "").astype(object)
            reason[few & ~early] = f"fewer than {min_at_risk:g} at risk"
            hidden = early | few
            read = [
                np.where(hidden, np.nan, step_at(curve.times, values, at, left=left))
                for values, left in ((curve.value, first), (curve.se, 0.0), (curve.low, first), (curve.high, first))
            ]
            parts.append((*read, risk, reason))
        columns = [np.stack(column) for column in zip(*parts)]
        if not self.strata:
            columns = [column[0] for column in columns]
        if scalar:
            columns = [column[..., 0] for column in columns]
            if not self.strata:
                columns = [c.item() if isinstance(c, np.ndarray) else c for c in columns]
        value, se, low, high, risk, reason = columns
        return CurveValues(
            quantity=self.quantity,
            horizon=float(at[0]) if scalar else at,
            value=value,
            se=se,
            low=low,
            high=high,
            at_risk=risk,
            reason=reason,
            strata=self.strata,
            confidence=self.confidence,
            method=f"{self.method}; {self.interval} interval",
            cause=self.cause,
            n=self.n,
            n_events=self.n_events,
            objections=self.objections,
            synthetic=self.synthetic,
        )

    def quantile(self, p: Any = (0.25, 0.5, 0.75)) -> pd.DataFrame:
        """Return the times by which a proportion ``p`` has had the event.

        The quantile is the first time at which the curve reaches p. If the curve has a plateau exactly at p, it is the
        middle of the plateau, as in R's ``quantile.survfit``. Limits are the times at which the confidence limits of
        the curve reach p.

        Parameters
        ----------
        p : float or sequence of float, default (0.25, 0.5, 0.75)
            Shares in (0, 1).

        Returns
        -------
        DataFrame
            Columns ``group, p, time, low, high``; missing if the curve or its limit does not reach p.
        """
        shares = np.atleast_1d(np.asarray(p, dtype=float))
        if not ((shares > 0) & (shares < 1)).all():
            raise argument_error("p", "shares strictly between 0 and 1", p)
        if self.quantity == "cumulative_hazard":
            raise argument_error("p", "asked of a survival or incidence curve", "a cumulative hazard")
        falling = self.quantity != "incidence"
        rows = []
        for k, label in enumerate(self.strata or ("",)):
            curve = self._one(k)
            middle, first, last = (
                _reaches(curve.times, 1.0 - height if falling else height, shares)
                for height in (
                    (curve.value, curve.low, curve.high) if falling else (curve.value, curve.high, curve.low)
                )
            )
            rows += [
                {"group": label, "p": share, "time": middle[j], "low": first[j], "high": last[j]}
                for j, share in enumerate(shares)
            ]
        return pd.DataFrame(rows, columns=["group", "p", "time", "low", "high"])

    def to_frame(self) -> pd.DataFrame:
        """Return one row per stratum and time.

        Columns ``group, time, value, se, low, high, at_risk, events, competing, censored``.
        """
        labels = np.array([str(label) for label in self.strata] or [""], dtype=object)
        return pd.DataFrame(
            {
                "group": labels[self.stratum],
                "time": self.times,
                "value": self.value,
                "se": self.se,
                "low": self.low,
                "high": self.high,
                "at_risk": self.at_risk,
                "events": self.events,
                "competing": self.competing,
                "censored": self.censored,
            }
        )

    def plot(self, ax: Axes | None = None, *, risk_table: bool = True, band: bool = True, unit: str = "") -> Axes:
        """Draw the curve(s) with censoring marks.

        Parameters
        ----------
        ax : Axes, optional
            Axes to draw on; a new figure by default.
        risk_table : bool, default True
            Write the numbers at risk under the time axis.
        band : bool, default True
            Shade the pointwise limits.
        unit : str, default ""
            Unit of time, for the axis label.
        """
        from lbp_prognosis._draw import draw_curves

        return draw_curves(
            self.to_frame(),
            quantity=self.quantity,
            confidence=self.confidence,
            number_at_risk=self._risk_rows,
            risk_table=risk_table,
            band=band,
            unit=unit,
            ax=ax,
        )

    def _risk_rows(self, at: np.ndarray) -> dict[str, np.ndarray]:
        labels = [str(label) for label in self.strata] or [""]
        return {label: self._one(k)._number_at_risk(at) for k, label in enumerate(labels)}

    def _summary(self) -> str:
        among = f" in {len(self.strata)} strata" if self.strata else ""
        words = f"{self.quantity} of {int(self.n.sum())} patients, {int(self.n_events.sum())} events{among}"
        if self.quantity != "survival" or self.strata:
            return words
        middle = self.quantile(0.5).iloc[0]
        if np.isnan(middle["time"]):
            return f"{words}, median not reached"
        limits = (f"{limit:.4g}" if np.isfinite(limit) else "not reached" for limit in (middle["low"], middle["high"]))
        return f"{words}, median {middle['time']:.4g} ({' to '.join(limits)})"


def _reaches(times: np.ndarray, height: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """First time at which an increasing step function reaches each proportion, or the middle of a plateau at it."""
    known = ~np.isnan(height)
    times, height = times[known], np.maximum.accumulate(height[known])
    out = np.full(shares.size, np.nan)
    if times.size == 0:
        return out
    for j, share in enumerate(shares):
        there = np.searchsorted(height, share - _ALIKE, side="left")
        if there < times.size:
            above = np.searchsorted(height, share + _ALIKE, side="right")
            out[j] = (times[there] + times[min(above, times.size - 1)]) / 2 if above > there else times[there]
    return out
