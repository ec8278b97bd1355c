"""Step functions of time, one per stratum, evaluated at horizons."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from lbp_prognosis._base import argument_error

__all__ = ["baseline_at_zero", "events_at", "steps_at"]


def steps_at(
    times: Sequence[np.ndarray], values: Sequence[np.ndarray], codes: np.ndarray | None, at: np.ndarray
) -> np.ndarray:
    """Read right-continuous step functions that are 0 before their first time.

    Parameters
    ----------
    times, values : sequence of ndarray
        One per stratum: jump times (m,) and values (m,) or (m, p).
    codes : ndarray of int of shape (n,) or None
        Stratum of each row; None reads the first function once.
    at : ndarray of shape (k,)
        Times of evaluation.

    Returns
    -------
    ndarray of shape (n, k), (n, k, p); without codes the first axis has length 1
        Values.
    """
    read = []
    for grid, value in zip(times, values):
        place = np.searchsorted(grid, at, side="right")
        padded = np.concatenate([np.zeros((1, *value.shape[1:])), value])
        read.append(padded[place])
    stacked = np.stack(read)
    return stacked[:1] if codes is None else stacked[codes]


def baseline_at_zero(model: Any, times: Any, stratum: Any) -> Any:
    """Carry the baseline a model stores at ``centre_`` to all predictors 0; by stratum, or one stratum."""
    at = np.atleast_1d(np.asarray(times, dtype=float))
    with np.errstate(over="ignore", invalid="ignore"):
        back = np.exp(-model.centre_ @ model.coef_)
        steps = [
            steps_at([grid], [hazard], None, at)[0]
            for grid, hazard in zip(model.baseline_times_, model.baseline_hazard_)
        ]
        values = [np.where(at <= model.max_time_, np.where(step > 0, step * back, 0.0), np.nan) for step in steps]
    levels = model.strata_levels_
    if not levels:
        if stratum is not None:
            raise argument_error("stratum", "None for a model without strata", stratum)
        return values[0]
    if stratum is None:
        return dict(zip(levels, values))
    if stratum not in levels:
        raise argument_error("stratum", f"one of {levels[:8]}", stratum)
    return values[levels.index(stratum)]


def events_at(
    grid: Sequence[np.ndarray], time: np.ndarray, event: np.ndarray, strata: np.ndarray | None
) -> list[np.ndarray]:
    """Return the number of rows with the event at each jump time, one array per stratum."""
    out = []
    for code, times in enumerate(grid):
        mine = event if strata is None else event & (strata == code)
        found = np.searchsorted(times, time[mine])
        out.append(np.bincount(found[found < times.size], minlength=times.size))
    return out
