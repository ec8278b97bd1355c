"""Cox's partial likelihood with coefficients that may not be negative, for few columns."""

from __future__ import annotations

import numpy as np

from lbp_prognosis._kernels._convex_weights import convex_minimum
from lbp_prognosis._kernels._cox_data import cox_data
from lbp_prognosis._kernels._cox_sums import evaluate, tied_events

__all__ = ["cox_nonnegative"]


def cox_nonnegative(
    X: np.ndarray,
    time: np.ndarray,
    event: np.ndarray,
    *,
    weights: np.ndarray | None = None,
    free: np.ndarray | None = None,
    frequency: bool = False,
) -> tuple[np.ndarray, bool]:
    """Maximise the log partial likelihood (Efron's ties) over coefficients of at least 0.

    Parameters
    ----------
    X : ndarray of shape (n, p)
        Columns without missing values.
    time, event : ndarray of shape (n,)
        Time and whether it ends with the event.
    weights : ndarray of shape (n,), optional
        Row weights.
    free : ndarray of bool of shape (p,), optional
        Coefficients that may be negative.
    frequency : bool, default False
        Weights are counts of identical rows.

    Returns
    -------
    coef : ndarray of shape (p,)
        Exactly 0 where the bound holds it.
    converged : bool
    """
    data = cox_data(X - X.mean(axis=0), time, event)
    rows = np.ones(time.size) if weights is None else np.ascontiguousarray(data.sorted(weights), dtype=float)
    tied = tied_events(data, rows, frequency)

    def at(coef: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
        value, gradient, information = evaluate(data, tied, None, coef, True)
        return -value, -gradient, information

    return convex_minimum(at, np.zeros(X.shape[1]), total=None, free=free)
