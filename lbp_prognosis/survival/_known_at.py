"""``known_at``: right-censored form of an interval-censored outcome, valid at one horizon."""

from __future__ import annotations

import numpy as np

from lbp_prognosis._base import check_number
from lbp_prognosis.survival._outcome import check_outcome
from lbp_prognosis.survival._surv import Surv

__all__ = ["known_at"]


def known_at(y: np.ndarray, horizon: float) -> np.ndarray:
    """Return the known state at a horizon as a right-censored outcome.

    Parameters
    ----------
    y : ndarray of shape (n,)
        Made by `Surv.interval`.
    horizon : float
        A visit time, in the unit of ``y``.

    Returns
    -------
    ndarray of shape (n,)
        Made by `Surv.right`. An event detected by the horizon is dated at the visit that detected it. A patient
        observed event-free at or after the horizon is censored at the horizon. A patient last observed event-free
        before the horizon is censored at that visit, also if an event is detected at a visit after the horizon.

    Notes
    -----
    Kaplan–Meier or Aalen–Johansen estimates P(event by the horizon) from the result as if patients left at their last
    visit. The result is valid only at this horizon; use a separate call for each horizon.

    Examples
    --------
    >>> from lbp_prognosis import Surv
    >>> from lbp_prognosis.survival import known_at
    >>> known_at(Surv.interval([0, 3, 6, 12], [3, 12, float("inf"), float("inf")]), 6).tolist()
    [(3.0, 1), (3.0, 0), (6.0, 0), (6.0, 0)]
    """
    check_outcome(y, ("interval",), caller="known_at")
    tau = check_number("horizon", horizon, low=0, open_low=True)
    happened = y["upper"] <= tau
    free = ~happened & (y["lower"] >= tau)
    # observations after the horizon are excluded: the result is valid only at this horizon
    time = np.where(happened, y["upper"], np.where(free, tau, y["lower"]))
    entry = y["entry"] if "entry" in (y.dtype.names or ()) else None
    return Surv.right(time, np.where(happened, y["event"], 0), entry=entry, censored=0)
