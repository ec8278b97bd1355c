"""Performance in subgroups of patients."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from lbp_prognosis._base import (
    Objection,
    Result,
    argument_error,
    check_horizons,
    check_number,
    check_risks,
    chi2,
    metric_title,
    objection,
    takes_rows,
)
from lbp_prognosis.evaluation import Evaluation, evaluate
from lbp_prognosis.survival import outcome_kind, status_horizon
from lbp_prognosis.validation.pooling._pool_performance import forward, scale_of
from lbp_prognosis.validation.resampling._evaluate_rows import evaluate_rows
from lbp_prognosis.validation.resampling._internal_external import eligible_groups
from lbp_prognosis.validation.sensitivity._subgroup_labels import subgroup_labels

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["SubgroupPerformance", "subgroup_performance"]

_SMALL = objection("groups-too-small")
_MEASURES = (
    "concordance",
    "auc",
    "brier",
    "ipa",
    "observed_expected",
    "citl",
    "calibration_slope",
    "ici",
    "net_benefit",
)


@dataclass(frozen=True, repr=False)
class SubgroupPerformance(Result):
    """Performance by group, with tests of heterogeneity.

    Attributes
    ----------
    groups : DataFrame
        ``variable, group, n, n_events, evaluated, reason``.
    table : DataFrame
        Evaluation columns, then ``threshold, target, reference, variable``; ``group`` is the group.
    overall : Evaluation
        Of all rows together.
    note : str
        Limitations of the table.
    """

    groups: pd.DataFrame
    table: pd.DataFrame = field(repr=False)
    overall: Evaluation = field(repr=False)
    models: tuple[str, ...] = ()
    confidence: float = 0.95
    objections: tuple[Objection, ...] = ()
    synthetic: bool = False
    note: str = (
        "Differences between groups describe how well predictions fit each group. They do not say that belonging to a "
        "group causes the outcome, nor why a model fits it worse: case mix, measurement, follow-up and care differ too."
    )

    def heterogeneity(self, against: str = "", metrics: Sequence[str] | None = None) -> pd.DataFrame:
        """Test, for each variable and measure, whether all groups could have the same value.

        Parameters
        ----------
        against : str, default ""
            A model: tests are of the differences of the other models from it, on their own scale. By default, of the
            values of each model.
        metrics : sequence of str, optional
            Measures to test, each at its horizons and thresholds; all by default.

        Returns
        -------
        DataFrame
            ``variable, model, metric, horizon, threshold, groups, q, df, p, p_holm, lowest, highest``: Cochran's Q on
            the scale of the measure (logit for C and AUC, log for O/E; differences as they are). ``p_holm`` is adjusted
            for all rows of the table; ``lowest`` and ``highest`` are the extreme values.
        """
        if against and against not in self.models:
            raise argument_error("against", f"one of {list(self.models)}, or left out", repr(against))
        tested = _MEASURES if metrics is None else [metrics] if isinstance(metrics, str) else list(metrics)
        unknown = [name for name in tested if name not in _MEASURES]
        if unknown:
            raise argument_error("metrics", f"measures among {list(_MEASURES)}", unknown)
        table = self.table[self.table["reference"] == against]
        keys = ["variable", "model", "metric", "horizon", "threshold"]
        rows = []
        for values, cell in table.groupby(keys, dropna=False, sort=False):
            metric = str(values[2])
            known = cell[np.isfinite(cell["value"]) & (cell["se"] > 0)]
            if metric not in tested or len(known) < 2:
                continue
            value = known["value"].to_numpy(float)
            z, slope = (value, np.ones(value.size)) if against else forward(scale_of(metric), value)
            weight = 1 / (known["se"].to_numpy(float) * slope) ** 2
            if not (np.isfinite(z).all() and np.isfinite(weight).all()):
                continue
            mean = np.sum(weight * z) / weight.sum()
            q, df = float(np.sum(weight * (z - mean) ** 2)), len(known) - 1
            rows.append(
                {
                    **dict(zip(keys, values)),
                    "groups": len(known),
                    "q": q,
                    "df": df,
                    "p": float(chi2.sf(q, df)),
                    "lowest": value.min(),
                    "highest": value.max(),
                }
            )
        out = pd.DataFrame(rows, columns=[*keys, "groups", "q", "df", "p", "lowest", "highest"])
        out["p_holm"] = _holm(out["p"].to_numpy(float))
        return out[[*keys, "groups", "q", "df", "p", "p_holm", "lowest", "highest"]]

    def to_frame(self) -> pd.DataFrame:
        """Return the table of all groups that could be evaluated."""
        return self.table

    def plot(
        self,
        ax: Axes | None = None,
        *,
        metric: str = "auc",
        model: str | None = None,
        horizon: float | None = None,
        threshold: float | None = None,
    ) -> Axes:
        """Draw one measure: a row per group, the value of all patients below."""
        from lbp_prognosis._draw import draw_forest

        def pick(frame: pd.DataFrame) -> pd.DataFrame:
            rows = frame[(frame["metric"] == metric) & (frame["model"] == (model or self.models[0]))]
            rows = rows[rows["reference"].fillna("") == ""]
            for column, value in (("horizon", horizon), ("threshold", threshold)):
                if value is not None:
                    rows = rows[np.isclose(rows[column].astype(float), value)]
            return rows[np.isfinite(rows["value"].astype(float))]

        groups, whole = pick(self.table), pick(self.overall.to_frame())
        if groups.empty or len(whole) != 1 or groups.duplicated(["variable", "group"]).any():
            raise argument_error(
                "metric", "a measure that, with horizon and threshold, is one number per group", metric
            )
        lines = pd.DataFrame(
            {
                "label": [f"{r.variable}: {r.group} ({r.n_events}/{r.n})" for r in groups.itertuples()],
                "value": groups["value"].to_numpy(float),
                "low": groups["low"].to_numpy(float),
                "high": groups["high"].to_numpy(float),
                "weight": groups["n"].to_numpy(float),
            }
        )
        pooled = {key: float(whole.iloc[0][key]) for key in ("value", "low", "high")}
        return draw_forest(
            lines, pooled, metric=metric_title(metric), confidence=self.confidence, ax=ax, summary="all patients"
        )

    def _summary(self) -> str:
        used = int(self.groups["evaluated"].sum())
        return f"{len(self.models)} models, {used} of {len(self.groups)} groups evaluated"


@takes_rows(groups="many labels")
def subgroup_performance(
    y: np.ndarray,
    risks: Any,
    groups: Mapping[str, Any] | pd.DataFrame,
    horizons: Any = None,
    thresholds: Any = None,
    *,
    bands: Mapping[str, Sequence[float]] | None = None,
    cause: int = 1,
    target: str = "event",
    linear_predictors: Any = None,
    min_events: int = 10,
    clusters: Any = None,
    confidence: float = 0.95,
    **keywords: Any,
) -> SubgroupPerformance:
    """Evaluate predictions in every group of every variable.

    Parameters
    ----------
    y : ndarray of shape (n,)
        Made by `Surv.right` or `Status.at`.
    risks : array-like of shape (n,) or (n, n_horizons), or mapping from name to such arrays
        Out-of-sample risks: cross-fitted, or of external patients.
    groups : mapping of str to array-like of shape (n,), DataFrame, or array-like of shape (n,)
        Labels by variable: sex, education, insurance, scanner, site … A numeric variable needs ``bands``. A single
        variable is named after its series, or "group".
    horizons : float or sequence of float, optional
        Prediction times; a `Status` contains its own.
    thresholds : array-like or ThresholdRange, optional
        Decision thresholds.
    bands : mapping of str to sequence of float, optional
        Cut points of numeric variables, declared and not searched: ``{"age": [40, 60]}`` gives below 40, 40 to below
        60, and 60 or more.
    cause : int, default 1
        Event code of interest.
    target : {"event", "no_event"}, default "event"
        Target of decisions.
    linear_predictors : array-like of shape (n,), or mapping, optional
        As in `evaluation.evaluate`.
    min_events : int, default 10
        A group with fewer events, or fewer patients followed without, by the last horizon is counted only.
    clusters : array-like of shape (n,), optional
        Cluster of each row, for the standard errors.
    confidence : float, default 0.95
        Level of intervals.
    **keywords
        Passed to `evaluation.evaluate`. What is row-wise (``sample_weight``, ``cumulative_hazards``) is given for all
        rows, as ``clusters`` and ``linear_predictors`` are, and cut to each group. A fitted model as ``censoring`` is
        that of all rows, read for those of the group; the marginal curve is estimated within each group.

    Returns
    -------
    SubgroupPerformance
        Table by group, ``heterogeneity()``, ``plot(metric=…)``.

    Raises
    ------
    ArgumentError
        If a numeric variable with more than ten values has no bands, or no group can be evaluated.
    """
    kind = outcome_kind(y)
    if horizons is None and kind == "status":
        horizons = status_horizon(y)
    times, scalar = check_horizons(horizons)
    models = check_risks(risks, n=y.shape[0], n_horizons=times.size)
    least = int(check_number("min_events", min_events, low=1, whole=True))
    ask = float(times[0]) if scalar else times
    options: dict[str, Any] = {
        "cause": cause,
        "target": target,
        "confidence": confidence,
        "linear_predictors": linear_predictors,
        "clusters": clusters,
        **keywords,
    }
    overall = evaluate(y, models, ask, thresholds, **options)
    counted, frames = [], []
    for variable, labels in subgroup_labels(groups, bands or {}, y.shape[0]).items():
        names, codes = list(labels.categories), np.asarray(labels.codes)
        listed = eligible_groups(y, codes, names, times[-1], cause, least).rename(columns={"site": "group"})
        counted.append(listed.assign(variable=variable))
        for k in np.flatnonzero(listed["evaluated"]):
            rows = np.flatnonzero(codes == k)
            found = evaluate_rows(y, models, rows, ask, thresholds, options)
            frames.append(found.to_frame().assign(group=names[k], variable=variable))
    listed = pd.concat(counted, ignore_index=True)[["variable", "group", "n", "n_events", "evaluated", "reason"]]
    if not frames:
        raise argument_error(
            "groups",
            f"at least one group with {least} events and {least} non-events",
            "none",
            "Lower min_events, or merge groups that belong together.",
        )
    table = pd.concat(frames, ignore_index=True)
    table["threshold"] = table["threshold"].astype(float) if "threshold" in table else np.nan
    table["reference"] = table["reference"].fillna("").astype(object)
    doubts = (*(() if listed["evaluated"].all() else (_SMALL,)), *overall.objections)
    return SubgroupPerformance(listed, table, overall, tuple(models), confidence, tuple(dict.fromkeys(doubts)))


def _holm(p: np.ndarray) -> np.ndarray:
    order = np.argsort(p, kind="stable")
    adjusted = np.maximum.accumulate(np.minimum(1.0, p[order] * np.arange(p.size, 0, -1)))
    out = np.empty(p.size)
    out[order] = adjusted
    return out
