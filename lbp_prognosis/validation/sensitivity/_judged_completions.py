"""Measures of predictions in completed outcomes, and their pooling by Rubin's rules."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from lbp_prognosis._kernels import rubin_pool
from lbp_prognosis.evaluation import brier, time_dependent_auc
from lbp_prognosis.evaluation.prognostic import (
    crps,
    mean_absolute_error,
    mean_calibration,
    ordinal_concordance,
    score_r2,
)
from lbp_prognosis.survival import ScoreForecast

__all__ = ["SCORE_METRICS", "STATE_METRICS", "judged_scores", "judged_states", "pooled_rows"]

STATE_METRICS = (("auc", "logit"), ("brier", "identity"), ("observed_expected", "log"))
"""Measures of `judged_states`, and the scale on which they are pooled."""

SCORE_METRICS = (
    ("crps", "identity"),
    ("ordinal_concordance", "logit"),
    ("score_r2", "identity"),
    ("mae", "identity"),
    ("mean_error", "identity"),
)
"""Measures of `judged_scores`, and the scale on which they are pooled."""


def judged_states(complete: np.ndarray, risk: np.ndarray, visit: float) -> list[float]:
    """Return estimates and standard errors of AUC, Brier score and O/E, in turn.

    Parameters
    ----------
    complete : ndarray of shape (n,)
        States of all patients.
    risk : ndarray of shape (n,)
        Predicted.
    visit : float
        Time of the state.
    """
    state = complete["status"]
    ranked = time_dependent_auc(complete, risk, visit, min_at_risk=0)
    loss = brier(complete, risk, visit, min_at_risk=0)
    observed, n = float(state.mean()), state.size
    relative = float(np.sqrt((1 - observed) / (n * observed))) if observed > 0 else np.nan
    return [
        float(ranked.value),
        float(ranked.se),
        float(loss.value),
        float(loss.se),
        float(observed / risk.mean()),
        relative * float(observed / risk.mean()),
    ]


def judged_scores(complete: np.ndarray, forecast: ScoreForecast) -> list[float]:
    """Return estimates and standard errors of the ``SCORE_METRICS``, in turn.

    Parameters
    ----------
    complete : ndarray of shape (n,)
        Scores of all patients.
    forecast : ScoreForecast
        Predicted.
    """
    means = {r.metric: r for r in mean_calibration(complete, forecast, min_at_risk=0).metrics}
    found = [
        crps(complete, forecast, min_at_risk=0),
        ordinal_concordance(complete, forecast, min_at_risk=0),
        score_r2(complete, forecast, min_at_risk=0),
        mean_absolute_error(complete, forecast, min_at_risk=0),
        means["mean_error"],
    ]
    return [float(number) for result in found for number in (result.value, result.se)]


def pooled_rows(results: np.ndarray, metrics: Sequence[tuple[str, str]], confidence: float) -> list[dict[str, Any]]:
    """Return one row per measure: ``metric, value, se, low, high``, the standard error on the scale of the value.

    Parameters
    ----------
    results : ndarray of shape (m, 2 k)
        Estimates and standard errors, in turn, of each completed table.
    metrics : sequence of (str, str)
        Name and scale of each measure.
    confidence : float
        Level of the intervals.
    """
    rows = []
    for k, (metric, scale) in enumerate(metrics):
        value, se = results[:, 2 * k], results[:, 2 * k + 1]
        inner, error = value, se
        with np.errstate(divide="ignore", invalid="ignore"):
            if scale == "logit":
                inner, error = np.log(value / (1 - value)), se / (value * (1 - value))
            elif scale == "log":
                inner, error = np.log(value), se / value
        if np.isfinite(value).all() and not np.isfinite(inner).all():
            # an AUC of one, or no event at all, in some completed table: pooled as it is
            scale, inner, error = "identity", value, se
        pooled = rubin_pool(inner, error**2)
        low, high = pooled.limits(confidence)
        middle = _back(pooled.estimate, scale)
        slope = {"logit": middle * (1 - middle), "log": middle}.get(scale, 1.0)  # the error is of the value itself
        ends = {"value": middle, "low": _back(low, scale), "high": _back(high, scale)}
        rows.append({"metric": metric, "se": slope * float(pooled.se), **ends})
    return rows


def _back(value: Any, scale: str) -> float:
    if scale == "logit":
        return float(1 / (1 + np.exp(-value)))
    return float(np.exp(value)) if scale == "log" else float(value)
