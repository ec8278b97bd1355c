"""Follow-up as it is known at a horizon: fixed follow-up, and states at visits."""

from __future__ import annotations

import numpy as np

__all__ = ["followed_by_visits", "followed_times"]


def followed_times(
    time: np.ndarray, event: np.ndarray, horizons: np.ndarray, copies: np.ndarray | None = None
) -> tuple[np.ndarray, float | None]:
    """Move those censored at a horizon that no patient is seen beyond to just after it.

    Parameters
    ----------
    time : ndarray of shape (n,)
        Follow-up times.
    event : ndarray of shape (n,)
        0 where censored.
    horizons : ndarray of shape (k,)
        Prediction times.
    copies : ndarray of shape (n,), optional
        Rows with 0 are not there.

    Returns
    -------
    times : ndarray of shape (n,)
        As given, unless the last time is a horizon at which a patient is censored (a fixed follow-up).
    end : float or None
        That horizon.

    Notes
    -----
    Where a patient is seen later, a censoring at the horizon is one like any other, as in R.
    """
    time = np.asarray(time, dtype=float)
    there = np.ones(time.size, dtype=bool) if copies is None else np.asarray(copies) > 0
    if not there.any():
        return time, None
    last = float(time[there].max())
    stopped = (time == last) & (np.asarray(event) == 0)
    if not (np.any(np.asarray(horizons) == last) and (stopped & there).any()):
        return time, None
    return np.where(stopped, np.nextafter(last, np.inf), time), last


def followed_by_visits(
    lower: np.ndarray, upper: np.ndarray, event: np.ndarray, tau: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return follow-up and event code (0 censored) of patients seen at visits, by the state that is known at ``tau``.

    An event seen by ``tau`` counts from the visit that showed it, a patient seen free of it at ``tau`` or later is
    followed beyond ``tau`` (to a time after all visits), and any other left after the last visit without it.

    Parameters
    ----------
    lower, upper : ndarray of shape (n,)
        Last visit without the event, and first with it; infinite if there is none.
    event : ndarray of shape (n,)
        Code of the event.
    tau : float
        Horizon.
    """
    happened, free = upper <= tau, lower >= tau
    free &= ~((lower == upper) & happened)
    time = np.where(happened, upper, np.where(free, 2 * max(tau, float(lower.max())) + 1, lower))
    return time, np.where(happened, event, 0)
