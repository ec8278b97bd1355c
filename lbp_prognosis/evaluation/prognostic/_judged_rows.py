"""``JudgedRows``: the rows used for the estimates at one horizon."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from lbp_prognosis.survival import OutcomeKind, Weights

__all__ = ["JudgedRows"]


@dataclass(frozen=True)
class JudgedRows:
    """Outcome and predicted risk of each row used in the evaluation.

    Attributes
    ----------
    y : ndarray of shape (n,)
        Outcome.
    risk : ndarray of shape (n,)
        P(event of ``cause`` by ``horizon``); NaN for rows of weight zero.
    kind : {"right", "interval", "status"}
        Kind of outcome.
    horizon : float
        Unit of the outcome.
    cause : int
        Event of interest.
    target : {"event", "no_event"}
        Target of the evaluation.
    copies : ndarray of shape (n,)
        Number of patients that each row represents; 0 for rows of weight zero.
    clusters : ndarray of shape (n,) or None
        Patient of each row, if patients have several rows.
    weights : Weights or None
        Row weights.
    """

    y: np.ndarray = field(repr=False)
    risk: np.ndarray = field(repr=False)
    kind: OutcomeKind
    horizon: float
    cause: int
    target: str
    copies: np.ndarray = field(repr=False)
    clusters: np.ndarray | None = field(default=None, repr=False)
    weights: Weights | None = field(default=None, repr=False)

    @property
    def score(self) -> np.ndarray:
        """Risk of the target, of shape (n,)."""
        return self.risk if self.target == "event" else 1 - self.risk

    def state(self, horizon: float | None = None) -> np.ndarray:
        """Return the known state at a horizon, of shape (n,): 1 with the target, 0 without it, −1 unknown.

        Parameters
        ----------
        horizon : float, optional
            Horizon, if different from that of the rows.
        """
        tau = self.horizon if horizon is None else float(horizon)
        if self.kind == "status":
            known, happened = self.y["status"] >= 0, self.y["status"] == 1
        elif self.kind == "interval":
            before = (self.y["upper"] <= tau) & (self.y["event"] > 0)
            known, happened = before | (self.y["lower"] >= tau), before & (self.y["event"] == self.cause)
        else:
            before = (self.y["time"] <= tau) & (self.y["event"] > 0)
            known, happened = before | (self.y["time"] >= tau), before & (self.y["event"] == self.cause)
        with_target = happened if self.target == "event" else ~happened
        return np.where(known, with_target.astype(np.int64), -1)
