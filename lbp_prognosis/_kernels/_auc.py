"""Weighted area under the ROC curve with the placement values its influence function is made of."""

from __future__ import annotations

import numpy as np
from numba import njit

__all__ = ["auc_placements", "rising_order"]


def rising_order(score: np.ndarray, order: np.ndarray | None = None) -> np.ndarray:
    """Return the rows in ascending order of ``score``; a previous ``order`` is kept if it still is one.

    Under proportional hazards the risks at all horizons have one order: it is checked in O(n) instead of sorted again.
    """
    if order is not None and _rises(order, score):
        return order
    return np.argsort(score)


@njit(cache=True)
def _rises(order, score):
    for k in range(1, order.size):
        if score[order[k]] < score[order[k - 1]]:
            return False
    return True


@njit(cache=True)
def auc_placements(order, score, case_weight, control_weight, row_weight):
    """Return the weighted AUC, and for each row the share of the other class that it beats.

    Parameters
    ----------
    order : ndarray of shape (n,), int64
        Rows in ascending order of ``score``.
    score : ndarray of shape (n,)
        Higher means more likely a case.
    case_weight, control_weight : ndarray of shape (n,)
        Inverse probability weights in each class, 0 outside it.
    row_weight : ndarray of shape (n,)
        Weight of the row itself.

    Returns
    -------
    auc : float
        Ties count one half.
    placement : ndarray of shape (n,)
        Cases: weighted share of the controls below. Controls: weighted share of the cases above. Else 0.
    cases, controls : float
        Total weight of each class.
    """
    n = order.size
    cases, controls = 0.0, 0.0
    for i in range(n):
        cases += row_weight[i] * case_weight[i]
        controls += row_weight[i] * control_weight[i]
    placement = np.zeros(n)
    if cases <= 0.0 or controls <= 0.0:
        return np.nan, placement, cases, controls
    auc, below_controls, below_cases = 0.0, 0.0, 0.0
    start = 0
    while start < n:
        stop = start + 1
        value = score[order[start]]
        same_cases = row_weight[order[start]] * case_weight[order[start]]
        same_controls = row_weight[order[start]] * control_weight[order[start]]
        while stop < n and score[order[stop]] == value:
            i = order[stop]
            same_cases += row_weight[i] * case_weight[i]
            same_controls += row_weight[i] * control_weight[i]
            stop += 1
        beaten = (below_controls + 0.5 * same_controls) / controls
        beating = (cases - below_cases - 0.5 * same_cases) / cases
        for k in range(start, stop):
            i = order[k]
            if case_weight[i] > 0.0:
                placement[i] = beaten
                auc += row_weight[i] * case_weight[i] * beaten
            elif control_weight[i] > 0.0:
                placement[i] = beating
        below_controls += same_controls
        below_cases += same_cases
        start = stop
    return auc / cases, placement, cases, controls
