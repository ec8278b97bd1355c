"""Baseline cumulative hazard that belongs to the ties method of the fit."""

from __future__ import annotations

import numpy as np

from lbp_prognosis._kernels._cox_data import cox_data
from lbp_prognosis._kernels._cox_sums import cumulative_hazards, group_sums, tied_events

__all__ = ["cox_baseline"]


def cox_baseline(
    time: np.ndarray,
    event: np.ndarray,
    eta: np.ndarray,
    *,
    entry: np.ndarray | None = None,
    strata: np.ndarray | None = None,
    weights: np.ndarray | None = None,
    ties: str = "efron",
    frequency: bool = False,
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return, for each stratum code 0…S−1, the event times and the cumulative hazard of a row with ``eta = 0``.

    Efron: a tied group of ``d`` events with total weight ``W`` adds ``Σ_l (W/d) / (S0 − (l/d)·D0)``; Breslow (also used
    with exact ties) ``W / S0``. The step function is right-continuous and 0 before the first event time.

    Parameters
    ----------
    time, event : ndarray of shape (n,)
        Time and whether it ends with the event.
    eta : ndarray of shape (n,)
        Linear predictor, offsets included.
    entry, strata, weights, ties, frequency
        As for `cox_fit`.
    """
    n = np.size(time)
    data = cox_data(np.empty((n, 0)), time, event, entry=entry, strata=strata)
    w = np.ones(n) if weights is None else np.asarray(weights, dtype=float)
    tied = tied_events(data, data.sorted(w), frequency)
    sums = group_sums(data, tied, data.sorted(np.asarray(eta, dtype=float)), ties == "efron")
    cumulative = cumulative_hazards(sums.hazard, data.ends) * np.exp(-sums.shift)
    out, start = [], 0
    for end in data.ends:
        out.append((data.times[start:end], cumulative[start:end]))
        start = end
    return out
