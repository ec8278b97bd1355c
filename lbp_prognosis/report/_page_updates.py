"""``PageUpdates``: results on risks updated at landmarks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from lbp_prognosis._base import Objection
from lbp_prognosis.evaluation import Evaluation

__all__ = ["PageUpdates"]


@dataclass(frozen=True)
class PageUpdates:
    """Performance at each landmark, in patients still at risk, and the courses of synthetic patients.

    Attributes
    ----------
    width : float
        Length of the window after each landmark.
    columns, fixed : tuple of str
        Predictors measured again at visits, and predictors known at time zero.
    evaluations : mapping of float to Evaluation
        By landmark, out of fold; time runs from the landmark. Model ``updated`` uses the values observed by the
        landmark, model ``not updated`` the values known at the first landmark.
    at_risk : DataFrame
        One row per landmark: ``landmark, n`` (evaluated), ``n_unknown`` (at risk with an unknown value, or without a
        prediction: see ``objections``), ``n_left``
        (follow-up had ended), ``n_not_entered``.
    n_unfitted : int or None
        Patients at risk at a landmark who are excluded from fits: at each such landmark a value is unknown.
    course : DataFrame
        Synthetic patients: ``patient, landmark, risk``, and their values.
    codes : mapping of float to ndarray of int of shape (n,)
        State of each patient at each landmark, used only by the gate: 1 with the target in the window, 0 without, −1
        unknown; 2 at risk and not evaluated, 3 not at risk.
    objections : tuple of Objection
        Objections to the predictions; those to the performance at a landmark are in its evaluation.
    imputations : int
        Completed tables per fit at each landmark; 0 if unknown values are not imputed.
    """

    width: float
    columns: tuple[str, ...]
    fixed: tuple[str, ...]
    evaluations: Mapping[float, Evaluation] = field(repr=False)
    at_risk: pd.DataFrame = field(repr=False)
    course: pd.DataFrame = field(repr=False)
    n_unfitted: int | None = None
    codes: Mapping[float, np.ndarray] = field(default_factory=dict, repr=False)
    objections: tuple[Objection, ...] = ()
    imputations: int = 0

    def to_frame(self) -> pd.DataFrame:
        """Return the frames of all evaluations, the landmark in ``group``."""
        parts = [found.to_frame().assign(group=f"landmark {at:g}") for at, found in self.evaluations.items()]
        return pd.concat([part.astype(object) for part in parts], ignore_index=True) if parts else pd.DataFrame()
