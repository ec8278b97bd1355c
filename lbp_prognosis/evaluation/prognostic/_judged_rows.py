"""``JudgedRows``: the rows behind the numbers of one horizon, for those who have to know who is counted."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from lbp_prognosis.survival import OutcomeKind, Weights

__all__ = ["JudgedRows"]


@dataclass(frozen=True)
class JudgedRows:
    """Outcome and predicted risk of every row, as they were judged.

    Attributes
    ----------
    y : ndarray of shape (n,)
        Outcome.
    risk : ndarray of shape (n,)
        P(event of ``cause`` by ``horizon``); NaN for rows of weight zero.
    kind : {"right", "interval", "status"}
        Of the outcome.
    horizon : float
        Unit of the outcome.
    cause : int
        Event of interest.
    target : {"event", "no_event"}
        Outcome that is counted.
    copies : ndarray of shape (n,)
        Patients a row stands for; 0 for rows of weight zero.
    clusters : ndarray of shape (n,) or None
        Patient of each row, where a patient has several.
    weights : Weights or None
        Of the rows.
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
        """Risk of the target (n,)."""
        return self.risk if self.target == "event" else 1 - self.risk

    def state(self, horizon: float | None = None) -> np.ndarray:
        """Return what is known at a horizon (n,): 1 with the target, 0 without it, −1 not known.

        Parameters
        ----------
        horizon : float, optional
            Another than the rows' own.
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
