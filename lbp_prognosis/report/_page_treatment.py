"""``PageTreatment``: results on risks under a strategy of treatment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from lbp_prognosis._base import Objection
from lbp_prognosis.evaluation import Evaluation

__all__ = ["PageTreatment"]


@dataclass(frozen=True)
class PageTreatment:
    """Performance under a strategy of treatment, and its dependence on few patients.

    Attributes
    ----------
    name : str
        Of the treatment.
    columns : tuple of str
        Covariates on which the start of treatment may depend.
    evaluation : Evaluation
        At the main horizon, in patients weighted to represent all patients. Models whose names end in ``condition``
        were fitted under the strategy, the others to the observed data.
    starts : DataFrame
        Hazard ratios of starting: ``term, hr, low, high, p``; empty for a released page.
    positivity : DataFrame
        As `WithoutTreatment.positivity` or `UnderStrategy.positivity` returns it; for a released page ``horizon,
        treated, known, fifth``, or ``deviated`` instead of ``treated``.
    n, n_treated, n_lost : int or None
        As in `WithoutTreatment`; None if they are not released. Under another strategy those treated are the patients
        who started as it says.
    objections : tuple of Objection
        Of the weights.
    treated, known : ndarray of bool of shape (n,), or None
        Whether each patient had left the strategy by the main horizon, and whether the state at the horizon under the
        strategy is known; used only by the gate.
    scores : mapping of str to ndarray of shape (n,)
        Risk of the target by model, used only by the gate.
    strategy : str
        The strategy in words; empty: the treatment is never started.
    n_deviated : int or None
        Patients who left another strategy than this.
    """

    name: str
    columns: tuple[str, ...]
    evaluation: Evaluation = field(repr=False)
    starts: pd.DataFrame = field(repr=False)
    positivity: pd.DataFrame = field(repr=False)
    n: int | None = None
    n_treated: int | None = None
    n_lost: int | None = None
    objections: tuple[Objection, ...] = ()
    treated: np.ndarray | None = field(default=None, repr=False)
    known: np.ndarray | None = field(default=None, repr=False)
    scores: Mapping[str, np.ndarray] = field(default_factory=dict, repr=False)
    strategy: str = ""
    n_deviated: int | None = None

    @property
    def condition(self) -> str:
        """Words for "under the strategy", in which the names of models fitted to it end."""
        return "under the strategy" if self.strategy else f"without {self.name}"

    def to_frame(self) -> pd.DataFrame:
        """Return the frame of ``evaluation``, the strategy in ``group``."""
        return self.evaluation.to_frame().assign(group=self.strategy or f"never start {self.name}")
