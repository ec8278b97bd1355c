"""Derivatives of the Cox partial likelihood in the linear predictors themselves, as boosting needs them."""

from __future__ import annotations

import numpy as np

from lbp_prognosis._kernels._cox_data import CoxData
from lbp_prognosis._kernels._cox_sums import GroupSums, TiedEvents, group_sums, lived_hazard

__all__ = ["cox_gradient", "cox_likelihood"]


def cox_gradient(
    data: CoxData, tied: TiedEvents, eta: np.ndarray, *, efron: bool = True
) -> tuple[float, np.ndarray, np.ndarray]:
    """Return the log partial likelihood, its derivative in each row's linear predictor, and the expected events.

    Parameters
    ----------
    data : CoxData
        Risk sets; columns of X are not used.
    tied : TiedEvents
        Weighted events at each time.
    eta : ndarray of shape (n,)
        Linear predictors, in the caller's order of rows.
    efron : bool, default True
        Efron's ties; Breslow's otherwise.

    Notes
    -----
    With A the baseline hazard that a row has lived through, the expected events are ``w e^η A`` and the derivative is
    ``w δ − w e^η A``. The expected events bound the curvature from above, row by row and in sums over rows, and, unlike
    the diagonal of the information, they are the same for a weight as for copies.
    """
    inner = data.sorted(eta)
    sums = group_sums(data, tied, inner, efron)
    loglik = _loglik(data, tied, inner, sums)
    expected = lived_hazard(data, sums)
    np.multiply(expected, sums.risk, out=expected, where=expected > 0)
    gradient = np.where(data.event, tied.weights, 0.0) - expected
    return loglik, data.unsorted(gradient), data.unsorted(np.maximum(expected, 0.0))


def cox_likelihood(data: CoxData, tied: TiedEvents, eta: np.ndarray, *, efron: bool = True) -> float:
    """Return the log partial likelihood alone; parameters as for `cox_gradient`."""
    inner = data.sorted(eta)
    return _loglik(data, tied, inner, group_sums(data, tied, inner, efron))


def _loglik(data: CoxData, tied: TiedEvents, inner: np.ndarray, sums: GroupSums) -> float:
    return sums.loglik + float(np.dot(inner[data.event] - sums.shift, tied.weights[data.event]))
