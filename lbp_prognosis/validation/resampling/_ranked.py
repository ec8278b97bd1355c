"""Predictions for all rows, sorted once, on however many samples of the rows they are measured."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lbp_prognosis._kernels import rising_order, transformed_risk
from lbp_prognosis.survival import OutcomeKind

__all__ = ["Ranked"]


@dataclass(frozen=True)
class Ranked:
    """Predictions of a model for every row.

    Attributes
    ----------
    risk : ndarray of shape (k, n)
        P(event by each horizon).
    orders : list of ndarray of shape (n,)
        Rows in ascending order of each horizon's risk.
    score : ndarray of shape (n,)
        Linear predictor; the risk at the last horizon, on its own scale, ranks patients without one.
    order : ndarray of shape (n,)
        Rows in ascending order of it.
    linear : bool
        Whether the score is a linear predictor.
    """

    risk: np.ndarray
    orders: list[np.ndarray]
    score: np.ndarray
    order: np.ndarray
    linear: bool

    @classmethod
    def of(cls, risk: np.ndarray, lp: np.ndarray | None, kind: OutcomeKind) -> Ranked:
        """Sort risks (n, k) and the linear predictor, if there is one."""
        rows = np.ascontiguousarray(risk.T)
        score = transformed_risk(rows[-1], "logit" if kind == "status" else "cloglog") if lp is None else lp
        order = rising_order(score)
        orders = [order]
        for column in rows:
            orders.append(rising_order(column, orders[-1]))
        return cls(rows, orders[1:], score, order, lp is not None)
