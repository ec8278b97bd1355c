"""Result of an outcome definition, as the cohort uses it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import pandas as pd

from lbp_prognosis._base import Objection
from lbp_prognosis.cohort._timeline import Timeline
from lbp_prognosis.survival import OutcomeSpec

__all__ = ["DerivedOutcome", "OutcomeDefinition"]


@dataclass(frozen=True)
class DerivedOutcome:
    """Outcome of the patients at risk.

    Attributes
    ----------
    y : ndarray of shape (n,)
        Made by `Surv`, `Status` or `Measured`; times in ``spec.unit``.
    ids : Index
        Patients, in the order of ``y``.
    spec : OutcomeSpec
        What the outcome is.
    excluded : tuple of (str, int)
        Reasons for which patients are not at risk, with counts.
    observed : ndarray of bool, shape (n,)
        Whether the patient was followed to the primary horizon or to an event.
    notes : tuple of (str, int)
        Counts for the reader (visits not attended, unconfirmed runs …).
    objections : tuple of Objection
        Objections attached to results.
    earlier : DataFrame of shape (n, n_visits) or None
        A score at visits before the horizon, with their times as columns; NaN if not observed.
    """

    y: np.ndarray
    ids: pd.Index
    spec: OutcomeSpec
    excluded: tuple[tuple[str, int], ...]
    observed: np.ndarray
    notes: tuple[tuple[str, int], ...] = ()
    objections: tuple[Objection, ...] = field(default=())
    earlier: pd.DataFrame | None = None


class OutcomeDefinition(Protocol):
    """Any definition that derives an outcome from a timeline."""

    def derive(self, timeline: Timeline, ids: pd.Index) -> DerivedOutcome:
        """Return the outcome of the patients in ``ids`` who are at risk."""
        ...
