"""``known_at``: an outcome seen at visits, as a right-censored one that is true of one horizon."""

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
        Made by `Surv.right`. An event found by the horizon stands at the visit that found it; a patient seen free of
        it at the horizon or later is censored at the horizon; whoever was last seen before it, or had the
        event somewhere between that visit and one after the horizon, is censored at that visit.

    Notes
    -----
    P(event by the horizon) is estimated from it by Kaplan–Meier or Aalen–Johansen as if patients left at their last
    visit. It is right at this horizon and at none other: make one for each.

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
    # what came after the horizon is left out: it would be true of no other horizon
    time = np.where(happened, y["upper"], np.where(free, tau, y["lower"]))
    entry = y["entry"] if "entry" in (y.dtype.names or ()) else None
    return Surv.right(time, np.where(happened, y["event"], 0), entry=entry, censored=0)
