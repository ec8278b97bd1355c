"""``Page``: the results a page is made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from lbp_prognosis._base import FeatureMap, Objection, Result
from lbp_prognosis.evaluation import Evaluation, RiskGroups, ThresholdRange
from lbp_prognosis.evidence import Claim, Evidence
from lbp_prognosis.survival import OutcomeSpec
from lbp_prognosis.validation import AssociationTest, InternalExternal

__all__ = ["Page"]


@dataclass(frozen=True)
class Page:
    """Results, and the few words a page needs beside them.

    Attributes
    ----------
    title : str
        Of the page.
    evaluation : Evaluation
        Whose numbers lead.
    horizon : float
        The main one.
    evidence : Evidence
        Results by tier.
    claims : tuple of Claim
        Those to be answered.
    sample : str
        How the numbers of ``evaluation`` came about, e.g. ``"out of fold"``; stands beside them.
    how : str
        The same in a sentence.
    outcome : OutcomeSpec or None
        What is predicted.
    unit : str
        Of time.
    comparison : tuple of str
        (without, with the addition); empty if nothing was added.
    addition : str
        What is added, e.g. ``"imaging"``.
    headline : DataFrame
        ``label, value, low, high``.
    thresholds : ThresholdRange or None
        Declared thresholds.
    flow : Result or None
        With ``steps`` of ``kind, step, n``.
    table_ones : mapping of str to Result
        Caption to Table 1.
    groups : RiskGroups or None
        Observed against predicted in groups.
    apparent : Evaluation or None
        On the rows the models were fitted to.
    sites : InternalExternal or None
        Leave-one-site-out.
    association : AssociationTest or None
        Of the addition, on the rows the models were fitted to.
    explanations : mapping of str to Result
        ``modalities``, ``columns``, ``columns_risk``.
    modalities : FeatureMap or None
        Columns by modality.
    columns : DataFrame or None
        ``column, modality, type, n, n_missing, range``: units and codings as they were understood.
    protocol : tuple of (str, str)
        Lines of the protocol.
    provenance : mapping
        Versions, hashes, seed, warnings.
    objections : tuple of Objection
        All doubts.
    absent : tuple of str
        What these data cannot say, in sentences.
    smallest_cell : int
        Counts from 1 to one less are masked.
    patient_level : bool
        Whether pictures may show single patients.
    synthetic : bool
        Whether the data were simulated.
    """

    title: str
    evaluation: Evaluation
    horizon: float
    evidence: Evidence
    claims: tuple[Claim, ...]
    sample: str
    how: str
    outcome: OutcomeSpec | None = None
    unit: str = ""
    comparison: tuple[str, ...] = ()
    addition: str = "imaging"
    headline: pd.DataFrame = field(default_factory=pd.DataFrame)
    thresholds: ThresholdRange | None = None
    flow: Any = None
    table_ones: Mapping[str, Result] = field(default_factory=dict)
    groups: RiskGroups | None = None
    apparent: Evaluation | None = None
    sites: InternalExternal | None = None
    association: AssociationTest | None = None
    explanations: Mapping[str, Any] = field(default_factory=dict)
    modalities: FeatureMap | None = None
    columns: pd.DataFrame | None = None
    protocol: tuple[tuple[str, str], ...] = ()
    provenance: Mapping[str, Any] = field(default_factory=dict)
    objections: tuple[Objection, ...] = ()
    absent: tuple[str, ...] = ()
    smallest_cell: int = 5
    patient_level: bool = False
    synthetic: bool = False

    @property
    def time(self) -> str:
        """The main horizon in words."""
        return f"{self.horizon:g} {self.unit}".strip()

    @property
    def target_words(self) -> str:
        """What decisions are about, in words."""
        name = self.outcome.name if self.outcome else "the event"
        return f"no {name}" if self.evaluation.target == "no_event" else name
