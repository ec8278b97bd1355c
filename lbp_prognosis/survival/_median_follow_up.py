"""Median follow-up by the reverse Kaplan–Meier curve."""

from __future__ import annotations

from typing import Any

import numpy as np

from lbp_prognosis._base import (
    MetricResult,
    check_confidence,
    check_number,
    takes_rows,
)
from lbp_prognosis.survival._curve_rows import curve_rows
from lbp_prognosis.survival._reverse_kaplan_meier import reverse_kaplan_meier

__all__ = ["median_follow_up"]


@takes_rows()
def median_follow_up(
    y: Any, *, p: float = 0.5, sample_weight: Any = None, confidence: float = 0.95, min_at_risk: float = 10
) -> MetricResult:
    """Median follow-up by the reverse Kaplan–Meier method.

    Parameters
    ----------
    y : ndarray of shape (n,)
        Outcome made by `Surv.right`; an event of any cause censors the follow-up time.
    p : float, default 0.5
        Probability of the quantile of follow-up.
    sample_weight : Weights or array-like of shape (n,), optional
        Row weights.
    confidence : float, default 0.95
        Level of the interval.
    min_at_risk : float, default 10
        With delayed entry, where the reverse curve starts (see `kaplan_meier`).

    Returns
    -------
    MetricResult
        ``metric="median_follow_up"`` in the unit of the outcome, without a standard error (for another ``p``
        ``"follow_up_quantile"``, with the share in ``group``); NaN with a reason if the reverse curve does not reach 1
        − p.

    Notes
    -----
    The p-quantile of `reverse_kaplan_meier`, with log-log limits; events leave before censorings at the same time.

    References
    ----------
    Schemper M, Smith TL. A note on quantifying follow-up in studies of failure time. Control Clin Trials
    1996;17:343–346. https://doi.org/10.1016/0197-2456(96)00075-X
    """
    share = check_number("p", p, low=0, high=1, open_low=True, open_high=True)
    check_confidence(confidence)
    rows = curve_rows(y, sample_weight, caller="median_follow_up")
    curve = reverse_kaplan_meier(y, sample_weight=sample_weight, confidence=confidence, min_at_risk=min_at_risk)
    found = curve.quantile(share).iloc[0]
    value = float(found["time"])
    return MetricResult(
        metric="median_follow_up" if share == 0.5 else "follow_up_quantile",
        group="" if share == 0.5 else f"{share:g}",
        tier="",
        value=value,
        se=float("nan"),
        low=float(found["low"]),
        high=float(found["high"]),
        confidence=float(confidence),
        method="reverse Kaplan–Meier; log-log interval",
        n=rows.size,
        n_events=int(np.sum((rows.event > 0) * (1 if rows.counts is None else rows.counts))),
        reason="" if np.isfinite(value) else "the reverse curve does not fall that far",
    )
