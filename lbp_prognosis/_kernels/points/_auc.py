"""Weighted area under the ROC curve with the placement values its influence function is made of."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

__all__ = ["auc_placements", "auc_point", "rising_order"]


def rising_order(score: np.ndarray, order: np.ndarray | None = None) -> np.ndarray:
    """Return the rows in ascending order of ``score``; a previous ``order`` is kept if it still is one.

    Under proportional hazards the risks at all horizons have one order: it is checked in O(n) instead of sorted again.
    """
    if order is not None:
        ranked = score[order]
        if not (ranked[1:] < ranked[:-1]).any():
            return order
    return np.argsort(score)


def auc_placements(
    order: np.ndarray, score: np.ndarray, event: np.ndarray, weight: np.ndarray, copies: np.ndarray
) -> tuple[float, np.ndarray, float, float]:
    """Return the weighted AUC, and for each row the share of the other class that it beats.

    Parameters
    ----------
    order : ndarray of shape (n,), int64
        Rows in ascending order of ``score``.
    score : ndarray of shape (n,)
        Higher means more likely a case.
    event : ndarray of bool of shape (n,)
        Cases.
    weight : ndarray of shape (n,)
        Inverse probability that this is known, 0 where it is not.
    copies : ndarray of shape (n,)
        Weight of the row itself, possibly 0.

    Returns
    -------
    auc : float
        Ties count one half.
    placement : ndarray of shape (n,)
        Cases: weighted share of the controls below. Controls: weighted share of the cases above. Else 0.
    cases, controls : float
        Total weight of each class.
    """
    walked = _walk(order, score, event, weight, copies)
    placement = np.zeros(order.size)
    if np.isfinite(walked.auc):
        below_cases = _below(walked.case, walked.new)
        beaten = np.where(walked.happened, walked.below / walked.controls, (walked.cases - below_cases) / walked.cases)
        placement[order] = np.where(weight[order] > 0.0, beaten, 0.0)
    return walked.auc, placement, walked.cases, walked.controls


def auc_point(order: np.ndarray, score: np.ndarray, event: np.ndarray, weight: np.ndarray, copies: np.ndarray) -> float:
    """Return the AUC of `auc_placements` without the placements; arguments as there."""
    return _walk(order, score, event, weight, copies).auc


class _Walked(NamedTuple):
    """The AUC and, by row in ``order``: class, weight as a case, where the score changes, weight of the controls below.

    ``cases`` and ``controls`` are the total weight of each class.
    """

    auc: float
    happened: np.ndarray
    case: np.ndarray
    new: np.ndarray
    below: np.ndarray
    cases: float
    controls: float


def _walk(order: np.ndarray, score: np.ndarray, event: np.ndarray, weight: np.ndarray, copies: np.ndarray) -> _Walked:
    own, happened = (copies * weight)[order], event[order]
    case = own * happened
    control = own - case
    # summed as the numerators are, so that a score that is the same for all has one half exactly
    cases, controls = float(case @ np.ones(case.size)), float(np.cumsum(control)[-1])
    if not (cases > 0.0 and controls > 0.0):
        return _Walked(np.nan, happened, case, happened, control, cases, controls)
    new = _changes(score[order])
    below = _below(control, new)
    return _Walked(float(case @ (below / controls)) / cases, happened, case, new, below, cases, controls)


def _changes(ranked: np.ndarray) -> np.ndarray:
    """Mark where the score differs from the one before."""
    new = np.empty(ranked.size, dtype=bool)
    new[:1] = True
    np.not_equal(ranked[1:], ranked[:-1], out=new[1:])
    return new


def _below(ranked: np.ndarray, new: np.ndarray) -> np.ndarray:
    """Weight of the rows with a lower score, and half of that with the same; ``new`` marks where the score changes."""
    before = np.cumsum(ranked)
    if new.all():
        return before - 0.5 * ranked
    starts = np.flatnonzero(new)
    ends = np.append(starts[1:], ranked.size) - 1
    low = before[starts] - ranked[starts]
    return np.repeat(0.5 * (low + before[ends]), np.diff(np.append(starts, ranked.size)))
