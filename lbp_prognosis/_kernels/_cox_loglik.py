"""Log partial likelihood at given linear predictors."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from lbp_prognosis._kernels._cox_data import CoxData
from lbp_prognosis._kernels._cox_sums import group_sums, tied_events

__all__ = ["cox_loglik"]


def cox_loglik(
    data: CoxData, eta: np.ndarray, *, weights: np.ndarray | None = None, ties: str = "efron", frequency: bool = False
) -> np.ndarray:
    """Return the log partial likelihood of each column of ``eta``.

    Parameters
    ----------
    data : CoxData
        Risk sets; their columns are not used.
    eta : ndarray of shape (n, k)
        Linear predictors, offsets included, in the caller's order of rows.
    weights, ties, frequency
        As for `cox_fit`; ties are Efron's or Breslow's.
    """
    n = data.event.size
    bare = replace(data, X=np.empty((n, 0)))
    w = np.ones(n) if weights is None else np.ascontiguousarray(data.sorted(weights), dtype=float)
    tied = tied_events(bare, w, frequency)
    out = np.empty(eta.shape[1])
    event, total = data.event, w[data.event]
    for k in range(out.size):
        column = np.ascontiguousarray(data.sorted(eta[:, k]))
        sums = group_sums(bare, tied, column, ties == "efron")
        out[k] = sums.loglik + float(np.dot(column[event] - sums.shift, total))
    return out
