"""``MembershipInference``: areas under the curve of attacks on a model's training data."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from lbp_prognosis._base import Objection, Result

__all__ = ["LARGEST_AUC", "MembershipInference"]

LARGEST_AUC = 0.55
"""The upper limit of the loss attack, or the lower one of the calibrated attack, above which there is an objection."""


@dataclass(frozen=True, repr=False)
class MembershipInference(Result):
    """Areas under the curve of two attacks that distinguish training data from other patients of the same population.

    Attributes
    ----------
    attacks : pandas.DataFrame
        One row per attack, ``attack, auc, se, low, high``: 0.5 is no better than chance.
    model : str
        Class of the model.
    n, n_members : int
        Number of patients, and of those to whom each model was fitted.
    n_models : int
        Locked models that were attacked.
    horizons : tuple of float
        Times of the risks; empty for scores.
    min_cell : int
        Of `lock`.
    confidence : float
        Level of the interval.
    redrawn : int
        Halves without a fit that were drawn again.
    objections : tuple of Objection
        ``members-recognisable`` if the upper limit of the loss attack, or the lower limit of the calibrated attack,
        exceeds 0.55.
    """

    attacks: pd.DataFrame
    model: str
    n: int
    n_members: int
    n_models: int
    horizons: tuple[float, ...]
    min_cell: int
    confidence: float
    redrawn: int = 0
    objections: tuple[Objection, ...] = ()
    synthetic: bool = False

    @property
    def auc(self) -> float:
        """AUC of the loss attack."""
        return float(self.attacks["auc"].iloc[0])

    @property
    def high(self) -> float:
        """Upper limit of the loss attack."""
        return float(self.attacks["high"].iloc[0])

    @property
    def calibrated_auc(self) -> float:
        """AUC of the calibrated attack."""
        return float(self.attacks["auc"].iloc[1])

    def to_frame(self) -> pd.DataFrame:
        """Return the attacks."""
        return self.attacks

    def _summary(self) -> str:
        parts = [
            f"{row['attack']} {row['auc']:.3f} ({row['low']:.3f} to {row['high']:.3f})"
            for row in self.attacks.to_dict("records")
        ]
        return f"AUC by {', by '.join(parts)}; {self.n_members} of {self.n} patients in each of {self.n_models} models"
