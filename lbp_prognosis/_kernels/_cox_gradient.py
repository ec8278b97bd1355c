"""Derivatives of the Cox partial likelihood in the linear predictors themselves, as boosting needs them."""

from __future__ import annotations

import numpy as np

from lbp_prognosis._kernels._cox_data import CoxData
from lbp_prognosis._kernels._cox_sums import TiedEvents, _before, _lived, cumulative_hazards, group_sums, lived_hazard

__all__ = ["cox_gradient"]


def cox_gradient(
    data: CoxData, tied: TiedEvents, eta: np.ndarray, *, efron: bool = True
) -> tuple[float, np.ndarray, np.ndarray]:
    """Return the log partial likelihood and, for each row, its first derivative and its negative second derivative.

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
    With A the hazard that a row has lived through, the derivative is ``w δ − w e^η A``; the curvature is the diagonal
    of the information, ``w e^η A − (w e^η)² Σ 1/S0²`` over the same event times (with Efron's shares at the row's own).
    """
    inner = data.sorted(eta)
    sums = group_sums(data, tied, inner, efron)
    expected = sums.risk * lived_hazard(data, sums)
    loglik = sums.loglik + float(np.dot(inner[data.event] - sums.shift, tied.weights[data.event]))
    square = np.empty(data.last.size)
    _lived(data.event, data.last, _before(data), cumulative_hazards(sums.c0, data.ends), 2 * sums.c1 - sums.c2, square)
    gradient = np.where(data.event, tied.weights, 0.0) - expected
    curvature = np.maximum(expected - sums.risk**2 * square, 0.0)
    return loglik, data.unsorted(gradient), data.unsorted(curvature)
