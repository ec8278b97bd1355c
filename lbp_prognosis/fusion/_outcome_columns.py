"""Columns of the outcome for the imputation of training rows."""

from __future__ import annotations

import numpy as np

from lbp_prognosis._kernels import kaplan_meier_steps, step_at
from lbp_prognosis.survival import check_outcome

__all__ = ["outcome_columns"]


def outcome_columns(y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return columns for the imputation model, and their kinds (0 continuous, 1 binary).

    For times: the indicator of each cause and its Nelson–Aalen cumulative hazard at the row's own time. For a state at
    a visit: the state, missing if it was not observed. For scores: the scores, missing if they were not observed. An
    interval counts at the visit that ended it.

    References
    ----------
    White IR, Royston P. Imputing missing covariate values for the Cox model. Stat Med 2009;28:1982-1998.
    doi:10.1002/sim.3618
    """
    kind = check_outcome(y, ("right", "interval", "status", "measured", "repeated"), caller="MultipleImputation")
    if kind in ("measured", "repeated"):
        scores = y["value"][:, None] if kind == "measured" else y["values"]
        return scores.astype(float), np.zeros(scores.shape[1], dtype=int)
    if kind == "status":
        state = y["status"].astype(float)
        return np.where(state < 0, np.nan, state)[:, None], np.array([1])
    if kind == "interval":
        time = np.where(np.isfinite(y["upper"]), y["upper"], y["lower"])
    else:
        time = y["time"]
    entry = y["entry"] if "entry" in (y.dtype.names or ()) else None
    columns, kinds = [], []
    for cause in np.unique(y["event"][y["event"] > 0]):
        hit = y["event"] == cause
        steps = kaplan_meier_steps(time, hit, entry=entry)
        hazard = np.cumsum(
            np.divide(steps.events, steps.at_risk, out=np.zeros(len(steps.events)), where=np.asarray(steps.at_risk) > 0)
        )
        columns += [hit.astype(float), step_at(steps.times, hazard, time, left=0.0)]
        kinds += [1, 0]
    if not columns:
        return np.empty((y.shape[0], 0)), np.empty(0, dtype=int)
    return np.column_stack(columns), np.array(kinds)
