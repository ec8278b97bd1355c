"""Fixed follow-up: a patient censored where follow-up ends for all is known to be event-free there."""

from __future__ import annotations

import numpy as np

__all__ = ["followed_times"]


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
