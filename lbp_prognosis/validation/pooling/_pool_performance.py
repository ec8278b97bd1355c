"""Performance measured in several imputations of one table, pooled by Rubin's rules."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pandas as pd
from scipy.special import expit, logit

from lbp_prognosis._base import (
    METRIC_COLUMNS,
    METRICS,
    Objection,
    Result,
    argument_error,
    check_confidence,
    check_number,
    inside_range,
    metric_frame,
    of_interval,
)
from lbp_prognosis._kernels import rubin_pool
from lbp_prognosis.validation.pooling._multiply_imputed import IMPUTED_BEFORE

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["PooledPerformance", "backward", "forward", "pool_one", "pool_performance", "scale_of"]

_KEYS = ("model", "tier", "metric", "cause", "horizon", "group", "threshold", "target", "reference")
_SPECIAL = ("threshold", "target", "reference")
_AT_THE_EDGE = "no interval: the value is at the edge of its range in every imputation"
_NO_ERROR = "no interval: an imputation has no standard error"


@dataclass(frozen=True, repr=False)
class PooledPerformance(Result):
    """Performance pooled over imputations.

    Attributes
    ----------
    frame : DataFrame
        Evaluation columns, then ``threshold, target, reference, scale, df, fmi, m``.
    m : int
        Imputations.
    sample : str
        How `Evidence` classifies the results: that of the pooled results.
    """

    frame: pd.DataFrame = field(repr=False)
    m: int
    sample: str = "apparent"
    objections: tuple[Objection, ...] = ()
    synthetic: bool = False

    scales: ClassVar[str] = "logit for C and AUC, log for O/E, Fisher's z for R², none for the others"

    def metric(self, name: str, **where: Any) -> pd.Series:
        """Return the one row of a metric; ``model``, ``horizon``, ``threshold``, ``reference`` … tell rows apart."""
        rows = self.frame[self.frame["metric"] == name]
        where.setdefault("reference", "")
        for key, value in where.items():
            same = np.isclose(rows[key].astype(float), value) if isinstance(value, int | float) else rows[key] == value
            rows = rows[same]
        if len(rows) != 1:
            raise argument_error("name", "a metric that, with the keywords, names one row", f"{len(rows)} rows")
        return rows.iloc[0]

    def to_frame(self) -> pd.DataFrame:
        """Return the pooled rows."""
        return self.frame

    def plot(self, ax: Axes | None = None, *, metric: str = "auc") -> Axes:
        """Draw one pooled measure over the horizons, a colour per model.

        Parameters
        ----------
        ax : Axes, optional
            Axes to draw on; a new figure by default.
        metric : str, default "auc"
            Name of a metric.
        """
        from lbp_prognosis._draw import draw_metric

        rows = self.frame[(self.frame["metric"] == metric) & (self.frame["reference"].fillna("") == "")]
        if rows.empty:
            raise argument_error("metric", f"one of {sorted(self.frame['metric'].unique())}", metric)
        return draw_metric(rows, title=metric, ax=ax)

    def _summary(self) -> str:
        return f"{len(self.frame)} rows over {self.m} imputations"


def pool_performance(
    results: Sequence[Any], *, df_complete: float | None = None, confidence: float = 0.95
) -> PooledPerformance:
    """Pool results of the same analysis in every imputation.

    Parameters
    ----------
    results : sequence of Result
        One per imputation (`MetricResult`, `Evaluation`, `ExternalValidation` …), with the same rows.
    df_complete : float, optional
        Degrees of freedom that complete data would have (Barnard and Rubin); infinite if not given.
    confidence : float, default 0.95
        Level of intervals.

    Returns
    -------
    PooledPerformance
        Marked ``imputed-outside-resampling``.

    Raises
    ------
    ArgumentError
        If the results have other rows.

    Notes
    -----
    Estimates and variances are pooled on the scale where they are nearly normal: logit for C and AUC, log for O/E,
    Fisher's z for R², and as they are for all others and for differences. ``se`` is carried back by
    the delta method. Measures without a standard error are averaged on their scale. A measure that is undefined in
    some imputation is not pooled.

    References
    ----------
    Marshall A et al. Combining estimates of interest in prognostic modelling studies after multiple imputation. BMC
    Med Res Methodol 2009;9:57. doi:10.1186/1471-2288-9-57
    Barnard J, Rubin DB. Biometrika 1999;86:948-955. doi:10.1093/biomet/86.4.948
    """
    check_confidence(confidence)
    if df_complete is not None:
        check_number("df_complete", df_complete, low=0, open_low=True)
    parts = list(results)
    if len(parts) < 2 or any(not isinstance(part, Result) for part in parts):
        raise argument_error("results", "at least two results, one per imputation", results)
    frames = [part.to_frame() for part in parts]
    if any(name not in frames[0].columns for name in METRIC_COLUMNS):
        raise argument_error("results", "results whose frames have the evaluation columns", type(parts[0]).__name__)
    keys = [name for name in _KEYS if name in frames[0].columns]
    first = frames[0][keys].reset_index(drop=True)
    for k, frame in enumerate(frames[1:], start=2):
        if not frame.reindex(columns=keys).reset_index(drop=True).equals(first):
            raise argument_error("results", "results of the same rows", f"result {k}, which has others")
    values = np.array([frame["value"].to_numpy(float) for frame in frames])
    errors = np.array([frame["se"].to_numpy(float) for frame in frames])
    rows = []
    why = [frame["reason"] if "reason" in frame else [""] * len(frame) for frame in frames]
    said = [next((str(each) for each in told if isinstance(each, str) and each), "") for told in zip(*why)]
    for j, row in enumerate(frames[0].to_dict("records")):
        row["reason"] = said[j]
        kept = {key: row[key] for key in (*METRIC_COLUMNS, *_SPECIAL) if key in row}
        pooled = pool_one(row, values[:, j], errors[:, j], np.inf if df_complete is None else df_complete, confidence)
        method = "; ".join(filter(None, (row["method"], f"pooled over {len(parts)} imputations")))
        rows.append({**kept, **pooled, "confidence": confidence, "m": len(parts), "method": method})
    samples = {getattr(part, "sample", "apparent") for part in parts}
    doubts = dict.fromkeys((IMPUTED_BEFORE, *(o for part in parts for o in getattr(part, "objections", ()))))
    return PooledPerformance(
        metric_frame(rows, extra=(*_SPECIAL, "scale", "df", "fmi", "m")),
        len(parts),
        samples.pop() if len(samples) == 1 else "apparent",
        tuple(doubts),
        any(bool(getattr(part, "synthetic", False)) for part in parts),
    )


def scale_of(metric: str, reference: Any = "") -> str:
    """Return the scale on which a measure is pooled; differences (with a reference) are pooled as they are."""
    if isinstance(reference, str) and reference:
        return "identity"
    return METRICS[metric].scale


def forward(scale: str, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return values on the scale, and the slope of the map."""
    with np.errstate(divide="ignore", invalid="ignore"):
        if scale == "logit":
            return logit(x), 1 / (x * (1 - x))
        if scale == "log":
            return np.log(x), 1 / x
        if scale == "fisher":
            return np.arctanh(x), 1 / (1 - x**2)
    return x, np.ones_like(x)


def backward(scale: str, z: Any) -> Any:
    """Return values on their own scale."""
    if scale == "logit":
        return expit(z)
    if scale == "log":
        return np.exp(z)
    return np.tanh(z) if scale == "fisher" else z


def pool_one(
    row: dict[str, Any], values: np.ndarray, errors: np.ndarray, df: float, confidence: float
) -> dict[str, Any]:
    """Return one measure pooled on its scale: ``scale, value, se, low, high, df, fmi`` (and ``reason``)."""
    scale = scale_of(row["metric"], row.get("reference", ""))
    nothing = {
        "scale": scale,
        "value": np.nan,
        "se": np.nan,
        "low": np.nan,
        "high": np.nan,
        "df": np.nan,
        "fmi": np.nan,
    }
    if np.isnan(values).any():
        why = str(row["reason"] or "")
        return {**nothing, "reason": why if why and not of_interval(why) else "not defined in some imputation"}
    z, slope = forward(scale, values)
    if not np.isfinite(z).all():
        if np.ptp(values) == 0:  # the same value at the edge of its range in every imputation
            return {**nothing, "value": float(values[0]), "reason": row["reason"] or _AT_THE_EDGE}
        scale, (z, slope) = "identity", forward("identity", values)
    value = float(backward(scale, z.mean()))
    if not (np.isfinite(errors).all() and (errors >= 0).all()):
        return {**nothing, "scale": scale, "value": value, "reason": row["reason"] or _NO_ERROR}
    if not errors.any() and np.ptp(values) == 0:  # known without error, and the same in every imputation
        return {**nothing, "scale": scale, "value": value, "se": 0.0, "low": value, "high": value, "reason": ""}
    pooled = rubin_pool(z, (errors * slope) ** 2, df)
    low, high = (float(backward(scale, limit)) for limit in pooled.limits(confidence))
    back = 1 / forward(scale, np.asarray(value))[1]
    if scale == "identity" and not row.get("reference", ""):
        low, high = (float(limit) for limit in inside_range(row["metric"], value, low, high)[:2])
    return {
        "scale": scale,
        "value": value,
        "se": float(pooled.se * back),
        "low": low,
        "high": high,
        "df": float(pooled.df),
        "fmi": float(pooled.fmi),
        "reason": "",  # that one result has no interval of its own is no matter where all have a standard error
    }
