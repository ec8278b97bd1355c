"""``risk_groups``: observed outcomes in groups of predicted risk, and the workload of a threshold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from lbp_prognosis._base import (
    Objection,
    Result,
    argument_error,
    check_risk,
    check_thresholds,
    check_vector,
    metric_frame,
    objection,
    takes_rows,
)
from lbp_prognosis._kernels import threshold_bins
from lbp_prognosis.evaluation.prognostic._calibration_rows import CalibrationRows, calibration_rows
from lbp_prognosis.evaluation.prognostic._calibration_test import group_table
from lbp_prognosis.evaluation.prognostic._setting import Setting
from lbp_prognosis.survival import CurveTest, StepCurve, Weights, aalen_johansen, gray_test, log_rank

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["RiskGroups", "risk_groups"]


@dataclass(frozen=True, repr=False)
class RiskGroups(Result):
    """Groups of patients by predicted risk of the target.

    Attributes
    ----------
    names : tuple of str
        Names of the groups, in increasing order of risk.
    thresholds : ndarray of shape (n_groups − 1,)
        Thresholds between groups. A risk equal to a threshold belongs to the upper group.
    groups : ndarray of int of shape (n,)
        Group of each row; 0 is the lowest.
    table : DataFrame
        One row per horizon and group: ``horizon, group, n, n_events, share, at_risk, mean_risk, observed, se, low,
        high, reason``, of the target.
    workload : DataFrame
        One row per horizon and threshold: ``horizon, threshold, share_above, events_found, observed_above,
        number_per_event``: proportion of patients at or above the threshold, proportion of all events among them, their
        observed risk, and number treated per event.
    curves : StepCurve or None
        Cumulative incidence of the event by group; None for states and intervals.
    log_rank, gray : CurveTest or None
        Tests of equal (cause-specific) hazards, and, with competing events, of equal incidences.
    """

    names: tuple[str, ...]
    thresholds: np.ndarray
    groups: np.ndarray = field(repr=False)
    horizons: np.ndarray
    table: pd.DataFrame = field(repr=False)
    workload: pd.DataFrame = field(repr=False)
    curves: StepCurve | None = field(repr=False)
    log_rank: CurveTest | None = field(repr=False)
    gray: CurveTest | None = field(repr=False)
    confidence: float
    method: str
    cause: int
    target: str
    n: int
    n_events: int
    model: str = ""
    objections: tuple[Objection, ...] = ()
    synthetic: bool = False
    _rows: tuple[CalibrationRows, ...] = field(default=(), repr=False, compare=False)

    def against(self, other: Any, horizon: float | None = None) -> pd.DataFrame:
        """Return the cross-table with another stratification, with the observed risk in each cell.

        Parameters
        ----------
        other : array-like of shape (n,)
            Labels of the other stratification, or the ``groups`` of another `RiskGroups`.
        horizon : float, optional
            The last one by default.

        Returns
        -------
        DataFrame
            One row per cell: ``group, other, n, n_events, mean_risk, observed, se, low, high``. Cells are small, so
            interpret the estimates with their intervals.
        """
        labels = other.groups if isinstance(other, RiskGroups) else np.asarray(other)
        if labels.shape != self.groups.shape:
            raise argument_error("other", f"of length {self.groups.size}, one label per row of `y`", f"{labels.shape}")
        place = len(self._rows) - 1 if horizon is None else int(np.flatnonzero(np.isclose(self.horizons, horizon))[0])
        rows = self._rows[place]
        if rows.reason:
            raise argument_error("horizon", "one with an estimate", f"{rows.tau:g}: {rows.reason}")
        values, codes = np.unique(labels, return_inverse=True)
        words = other.names if isinstance(other, RiskGroups) else [str(value) for value in values]
        size = len(words)
        if isinstance(other, RiskGroups):
            codes = labels
        cells = self.groups * size + codes
        names = [f"{a}\x00{b}" for a in self.names for b in words]
        table = group_table(rows.everyone, cells[rows.everyone.index], names)
        split = table["group"].str.split("\x00", expand=True)
        table.insert(0, "other", split[1])
        table["group"] = split[0]
        return table[["group", "other", *[c for c in table.columns if c not in ("group", "other")]]]

    def to_frame(self) -> pd.DataFrame:
        """Return observed and mean predicted risks by group and horizon, with the evaluation columns."""
        rows = []
        for _, line in self.table.iterrows():
            shared = {
                "model": self.model,
                "tier": "prognostic",
                "cause": self.cause,
                "horizon": line["horizon"],
                "group": line["group"],
                "confidence": self.confidence,
                "n": line["n"],
                "n_events": line["n_events"],
                "reason": line["reason"],
                "target": self.target,
                "reference": "",
            }
            rows.append(
                {
                    **shared,
                    "metric": "observed_risk",
                    "value": line["observed"],
                    "se": line["se"],
                    "low": line["low"],
                    "high": line["high"],
                    "method": self.method,
                }
            )
            # predictions and shares are complete even in a group too small for an observed risk
            for metric, method in (("mean_risk", "mean of the predictions"), ("share", "share of all patients")):
                known = np.isfinite(line[metric])
                rows.append(
                    {
                        **shared,
                        "metric": metric,
                        "value": line[metric],
                        "method": method,
                        "reason": "" if known else line["reason"],
                    }
                )
        return metric_frame(rows, extra=("target", "reference"))

    def plot(self, ax: Axes | None = None, *, unit: str = "", least: int = 0) -> Axes:
        """Draw curves by group with bands, predicted means at the horizons, and numbers at risk.

        Parameters
        ----------
        ax : Axes, optional
            Axes to draw on; a new figure by default.
        unit : str, default ""
            Unit of time, for the label.
        least : int, default 0
            Smallest number at risk: a curve ends below it, and smaller numbers are masked.
        """
        from lbp_prognosis._draw import draw_group_bars, draw_risk_groups

        if self.curves is None:
            return draw_group_bars(self.table, ax=ax)
        frames = []
        for code, name in enumerate(self.names):
            if code not in self.curves.strata:
                continue
            one = self.curves[code]
            frames.append(
                pd.DataFrame(
                    {
                        "group": name,
                        "time": one.times,
                        "value": one.value,
                        "low": one.low,
                        "high": one.high,
                        "at_risk": one.at_risk,
                    }
                )
            )
        complement = self.target == "no_event"
        means = self.table[["horizon", "group", "mean_risk"]].copy()
        curves = pd.concat(frames, ignore_index=True)
        if complement:
            curves["value"], curves["low"], curves["high"] = 1 - curves["value"], 1 - curves["high"], 1 - curves["low"]
        # Gray's test compares incidence curves; the log-rank test compares hazards
        test = self.log_rank if self.gray is None else self.gray
        return draw_risk_groups(
            curves,
            means,
            names=self.names,
            p=None if test is None else test.p,
            unit=unit,
            test="log-rank" if self.gray is None else "Gray",
            start=1.0 if complement else 0.0,
            label="free of the event" if complement else "cumulative incidence",
            least=least,
            ax=ax,
        )

    def _summary(self) -> str:
        return f"{len(self.names)} groups, thresholds {np.round(self.thresholds, 4).tolist()}, n = {self.n}"


@takes_rows(group_by=None)
def risk_groups(
    y: np.ndarray,
    risk: Any,
    horizons: Any = None,
    thresholds: Any = None,
    *,
    quantiles: Any = None,
    development: Any = None,
    group_by: float | None = None,
    names: Sequence[str] | None = None,
    cause: int = 1,
    target: str = "event",
    sample_weight: Any = None,
    clusters: Any = None,
    confidence: float = 0.95,
    min_at_risk: float = 10,
    min_censoring_survival: float = 0.02,
) -> RiskGroups:
    """Return observed and predicted risks in groups of predicted risk, with the number of patients in each.

    Parameters
    ----------
    y : ndarray of shape (n,)
        Made by `Surv.right`, `Surv.interval` or `Status.at`.
    risk : array-like of shape (n, n_horizons) or (n,)
        P(event of ``cause`` by the horizon).
    horizons : float or sequence of float, optional
        Prediction horizons, in the unit of ``y``; a `Status` contains its own.
    thresholds : array-like of shape (n_groups − 1,), optional
        Risks of the TARGET that divide the groups; a risk equal to a threshold belongs to the upper group.
    quantiles : array-like of shape (n_groups − 1,), optional
        Quantiles of the ``development`` risks, e.g. (0.25, 0.5, 0.75), instead of thresholds.
    development : array-like of shape (n_development,) or (n_development, n_horizons), optional
        Predicted risks of the target in the development data, at the grouping horizon or at all horizons of ``risk``.
        Without them, quantiles are taken from these data, and the result carries an objection.
    group_by : float, optional
        Horizon whose risk defines the groups; the last by default.
    names : sequence of str, optional
        Names of the groups in increasing order of risk; by default the ranges.
    cause : int, default 1
        Event of interest.
    target : {"event", "no_event"}, default "event"
        Target of groups, tables and workload.
    sample_weight : array-like of shape (n,) or Weights, optional
        Row weights.
    clusters : array-like of shape (n,), optional
        Cluster of each row, for the standard errors.
    confidence : float, default 0.95
        Level of intervals.
    min_at_risk : float, default 10
        Smallest accepted number of patients followed to the horizon per group; below it the group's value is NaN with a
        reason.
    min_censoring_survival : float, default 0.02
        Limit for interval-censored outcomes; see `brier`.

    Returns
    -------
    RiskGroups
        With ``table``, ``workload``, ``curves``, ``log_rank``, method ``against``.
    """
    setting = Setting.check(
        y,
        horizons,
        accepted=("right", "interval", "status"),
        caller="risk_groups",
        cause=cause,
        target=target,
        censoring="marginal",
        sample_weight=sample_weight,
        clusters=clusters,
        confidence=confidence,
        min_at_risk=min_at_risk,
        min_censoring_survival=min_censoring_survival,
    )
    risks = check_risk("risk", risk, n=setting.n, n_horizons=setting.horizons.size)
    h = _group_horizon(setting, group_by)
    score = risks[:, h]
    if np.isnan(score).any():
        raise argument_error("risk", f"known at {setting.horizons[h]:g}, by which patients are grouped", "missing")
    if target == "no_event":
        score = 1 - score
    if np.ndim(development) == 2 and np.shape(development)[1] == setting.horizons.size:
        development = np.asarray(development)[:, h]
    cuts, objections = _cuts(thresholds, quantiles, development, np.repeat(score, setting.copies.astype(np.int64)))
    labels = _names(names, cuts)
    codes = threshold_bins(score, cuts)
    rows = calibration_rows(setting, risks)
    objections += setting.doubts
    for at in rows:
        objections += at.objections
    table = pd.concat([_table(at, codes, labels) for at in rows], ignore_index=True)
    workload = pd.concat([_workload(at, codes, cuts) for at in rows], ignore_index=True)
    curves, rank, gray = _curves(setting, codes)
    return RiskGroups(
        names=labels,
        thresholds=cuts,
        groups=codes,
        horizons=setting.horizons,
        table=table,
        workload=workload,
        curves=curves,
        log_rank=rank,
        gray=gray,
        confidence=setting.confidence,
        method=_method(setting, rows),
        cause=setting.cause,
        target=target,
        n=round(float(setting.copies.sum())),
        n_events=setting.n_events,
        objections=tuple(dict.fromkeys(objections)),
        _rows=tuple(rows),
    )


def _group_horizon(setting: Setting, group_by: float | None) -> int:
    if group_by is None:
        return setting.horizons.size - 1
    near = np.flatnonzero(np.isclose(setting.horizons, group_by))
    if near.size == 0:
        raise argument_error("group_by", f"one of the horizons {setting.horizons.tolist()}", group_by)
    return int(near[0])


def _cuts(thresholds: Any, quantiles: Any, development: Any, score: np.ndarray) -> tuple[np.ndarray, list[Objection]]:
    if (thresholds is None) == (quantiles is None):
        raise argument_error(
            "thresholds",
            "given, or `quantiles` with `development`",
            "both" if thresholds is not None else "neither",
            "Cut at risks that mean something, or at quantiles of the development data.",
        )
    if thresholds is not None:
        return np.round(check_thresholds(thresholds), 12), []
    shares = check_thresholds(quantiles)
    if development is None:
        cuts = np.unique(np.quantile(score, shares))
        return cuts, [objection("groups-cut-on-these-data")]
    risk = check_vector("development", development, low=0, high=1)
    return np.unique(np.quantile(risk, shares)), []


def _names(names: Sequence[str] | None, cuts: np.ndarray) -> tuple[str, ...]:
    if names is not None:
        if len(names) != cuts.size + 1 or len(set(names)) != len(names):
            raise argument_error("names", f"{cuts.size + 1} different names", str(list(names)))
        return tuple(str(name) for name in names)
    text = [f"{100 * cut:.3g}" for cut in cuts]
    middle = [f"{a} to {b} %" for a, b in pairwise(text)]
    return (f"below {text[0]} %", *middle, f"{text[-1]} % and above")


def _followed(rows: CalibrationRows, codes: np.ndarray, k: int) -> float:
    """Number of patients of the ``k``-th group under observation, or with a known state, at the horizon."""
    mine = codes[rows.index] == k
    if rows.time is not None:
        mine = mine & (rows.time >= rows.tau)
    return float(rows.setting.copies[rows.index][mine].sum())


_COLUMNS = [
    "horizon",
    "group",
    "n",
    "n_events",
    "share",
    "at_risk",
    "mean_risk",
    "observed",
    "se",
    "low",
    "high",
    "reason",
]


def _table(rows: CalibrationRows, codes: np.ndarray, names: tuple[str, ...]) -> pd.DataFrame:
    everyone = rows.everyone
    mine = codes[everyone.index]
    if rows.reason:
        out = pd.DataFrame({"group": list(names)}).reindex(columns=_COLUMNS)
        out["n"] = [int(rows.setting.copies[codes == k].sum()) for k in range(len(names))]
        out["horizon"], out["reason"] = rows.tau, rows.reason
        return out
    present = np.unique(mine)
    out = group_table(everyone, mine, list(names))
    weight = np.ones(mine.size) if everyone.weight is None else everyone.weight
    out["share"] = [weight[mine == k].sum() / weight.sum() for k in present]
    out["observed"] = out["observed"].clip(0.0, 1.0)  # all with the event: 0 up to rounding
    out["at_risk"] = [_followed(rows, codes, k) for k in present]
    thin = out["at_risk"] < rows.setting.min_at_risk
    out["reason"] = np.where(thin, f"fewer than {rows.setting.min_at_risk:g} followed to the horizon in this group", "")
    # if none or all had the event, the variance is zero: the estimate is kept without an interval
    bare = ~thin & out["low"].isna() & out["observed"].notna()
    out.loc[bare, "reason"] = "no interval: the events in this group are none or all"
    out.loc[thin, ["observed", "se", "low", "high"]] = np.nan
    out["horizon"] = rows.tau
    out = out.set_index("group").reindex(list(names)).reset_index()
    empty = out["n"].isna()
    out.loc[empty, ["n", "n_events", "share"]] = 0
    out.loc[empty, "reason"] = "no patient in this group"
    out["horizon"] = rows.tau
    out[["n", "n_events"]] = out[["n", "n_events"]].astype(int)
    return out[_COLUMNS]


def _workload(rows: CalibrationRows, codes: np.ndarray, cuts: np.ndarray) -> pd.DataFrame:
    columns = ["horizon", "threshold", "share_above", "events_found", "observed_above", "number_per_event"]
    out = []
    rows = rows.everyone
    mine = codes[rows.index]
    for k, cut in enumerate(cuts):
        line = {"horizon": rows.tau, "threshold": cut, **dict.fromkeys(columns[2:], np.nan)}
        out.append(line)
        if rows.reason:
            continue
        weight = np.ones(mine.size) if rows.weight is None else rows.weight
        above = mine > k
        line["share_above"] = float(weight[above].sum() / weight.sum())
        whole = rows.incidence[0] if rows.setting.target == "event" else 1 - rows.incidence[0]
        if not above.any():
            # no patient is above the threshold: no event is found there, and no risk can be estimated
            line["events_found"] = 0.0 if whole > 0 else np.nan
            continue
        groups = group_table(rows, above.astype(np.int64))
        treated = float(groups["observed"].iloc[-1])
        line["observed_above"] = treated
        line["events_found"] = line["share_above"] * treated / whole if whole > 0 else np.nan
        line["number_per_event"] = 1 / treated if treated > 0 else np.inf
    return pd.DataFrame(out, columns=columns)


def _curves(setting: Setting, codes: np.ndarray) -> tuple[StepCurve | None, CurveTest | None, CurveTest | None]:
    if setting.kind != "right":
        return None, None, None
    used = setting.row_weight > 0
    y, mine = setting.y[used], codes[used]
    weights = None if setting.weights is None else Weights(setting.row_weight[used], setting.weights.kind)
    curves = aalen_johansen(
        y,
        cause=setting.cause,
        strata=mine,
        sample_weight=weights,
        confidence=setting.confidence,
        min_at_risk=0,
        clusters=None if setting.clusters is None else setting.clusters[used],
    )
    tested = np.unique(mine).size > 1 and setting.weights is None
    rank = log_rank(y, mine, cause=setting.cause) if tested else None
    competing = bool(((y["event"] > 0) & (y["event"] != setting.cause)).any())
    return curves, rank, gray_test(y, mine, cause=setting.cause) if tested and competing else None


def _method(setting: Setting, rows: list[CalibrationRows]) -> str:
    if setting.kind == "status":
        return "observed states"
    if setting.kind == "interval":
        return "Turnbull's estimate" if rows[0].by_turnbull else "states known at the visit, attrition weights"
    return "Aalen–Johansen" if any(at.competing for at in rows) else "Kaplan–Meier"
