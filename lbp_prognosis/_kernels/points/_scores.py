"""Mean losses of predicted risks at one horizon, and that of the mean outcome."""

from __future__ import annotations

from typing import Any

import numpy as np

from lbp_prognosis._kernels._ipcw_loss import BRIER

__all__ = ["null_brier", "row_losses", "score_sums", "skill"]


def row_losses(kind: int, risk: np.ndarray, event: np.ndarray) -> np.ndarray:
    """Return the loss of each row (n,); arguments as for `score_sums`."""
    miss = np.abs(event - risk)
    return miss * miss if kind == BRIER else -np.log1p(-miss)


def score_sums(
    kind: int, risk: np.ndarray, event: np.ndarray, weight: np.ndarray, copies: np.ndarray
) -> tuple[float, float, float, float]:
    """Return the mean loss, the weighted share of events, the mean weight and the mean risk.

    Parameters
    ----------
    kind : int
        ``BRIER`` or ``LOG_SCORE``.
    risk : ndarray of shape (n,)
        P(event by the horizon); not read where there is no copy.
    event : ndarray of bool of shape (n,)
        Whether the row had the event by the horizon.
    weight : ndarray of shape (n,)
        Inverse probability that this is known, 0 where it is not.
    copies : ndarray of shape (n,)
        Weight of the row itself, possibly 0; means are over all copies.
    """
    total, own, mean = float(copies.sum()), copies * weight, float(copies @ risk)
    some = copies > 0
    if np.isnan(mean) and not some.all():
        return score_sums(kind, risk[some], event[some], weight[some], copies[some])
    if total == 0:
        return np.nan, np.nan, np.nan, np.nan
    lost, cases = float(own @ row_losses(kind, risk, event)), float(own @ event)
    return lost / total, cases / total, float(own.sum()) / total, mean / total


def null_brier(share: Any, lost: Any) -> Any:
    """Return the Brier score of the share of events F, F(1 − F) − F² · lost, where the weights have mean 1 − lost."""
    return share * (1 - share) - share**2 * lost


def skill(score: Any, null: Any) -> Any:
    """Return by which share a score falls below that of the null model: IPA."""
    return 1 - score / null
