"""One curve per stratum, joined into a `StepCurve`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from lbp_prognosis._base import check_confidence, check_number
from lbp_prognosis.survival._curve_rows import CurveRows, curve_rows, label_codes
from lbp_prognosis.survival._step_curve import StepCurve

__all__ = ["Branch", "build_curve"]


class Branch(NamedTuple):
    """The arrays of one stratum, one entry per distinct time."""

    times: np.ndarray
    value: np.ndarray
    se: np.ndarray
    low: np.ndarray
    high: np.ndarray
    at_risk: np.ndarray
    events: np.ndarray
    competing: np.ndarray
    censored: np.ndarray


def build_curve(
    y: Any,
    estimate: Callable[[CurveRows], Branch],
    *,
    caller: str,
    quantity: str,
    strata: Any,
    sample_weight: Any,
    confidence: float,
    interval: str,
    method: str,
    variance: str = "Greenwood",
    min_at_risk: float,
    cause: int | None = None,
    clusters: Any = None,
) -> StepCurve:
    """Apply ``estimate`` to the rows of each stratum."""
    check_confidence(confidence)
    check_number("min_at_risk", min_at_risk, low=0)
    every = curve_rows(y, sample_weight, caller=caller, cause=cause, clusters=clusters)
    if every.robust or every.clusters is not None:
        variance = "robust"
    labels: tuple[Any, ...] = ()
    if strata is None:
        groups = [every]
    else:
        codes, labels = label_codes("strata", strata, y.shape[0])
        if every.time.size != y.shape[0]:  # rows of weight zero were removed
            weights = np.asarray(getattr(sample_weight, "values", sample_weight), dtype=float)
            codes = codes[weights > 0]
        groups = [every.take(codes == k) for k in range(len(labels))]
        keep = [k for k, rows in enumerate(groups) if rows.time.size]
        groups, labels = [groups[k] for k in keep], tuple(labels[k] for k in keep)
    entered: list[tuple[np.ndarray, np.ndarray] | None] = []
    branches, starts, sizes, counts = [], [], [], []
    for rows in groups:
        kept, start = rows.from_enough_at_risk(min_at_risk)
        branch = estimate(kept)
        branches.append(branch)
        starts.append(start)
        sizes.append(kept.size)
        counts.append(round(float(branch.events.sum())))
        if kept.entry is None:
            entered.append(None)
        else:
            order = np.argsort(kept.entry, kind="stable")
            size = np.ones(order.size) if kept.counts is None else kept.counts[order]
            entered.append((kept.entry[order], np.cumsum(size)))
    joined: dict[str, Any] = {
        name: np.concatenate([getattr(branch, name) for branch in branches]) for name in Branch._fields
    }
    return StepCurve(
        quantity=quantity,
        **joined,
        stratum=np.repeat(np.arange(len(branches)), [branch.times.size for branch in branches]),
        strata=labels,
        n=np.array(sizes),
        n_events=np.array(counts),
        start=np.array(starts),
        confidence=float(confidence),
        interval=interval,
        method=f"{method}, {variance} variance",
        cause=cause,
        entered=tuple(entered),
    )
