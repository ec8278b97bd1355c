"""``Page``: the results that the evidence page shows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from lbp_prognosis._base import FeatureMap, Objection, Result, time_words
from lbp_prognosis.disclosure import Gate, Release, ReleaseLedger
from lbp_prognosis.evaluation import Evaluation, RiskGroups, ThresholdRange
from lbp_prognosis.evidence import Claim, Evidence, Verdict
from lbp_prognosis.report._page_scores import PageScores
from lbp_prognosis.report._page_states import PageStates
from lbp_prognosis.report._page_subgroups import PageSubgroups
from lbp_prognosis.report._page_treatment import PageTreatment
from lbp_prognosis.report._page_updates import PageUpdates
from lbp_prognosis.report._released_shapes import ReleasedGroups
from lbp_prognosis.survival import OutcomeSpec
from lbp_prognosis.validation import AssociationTest, InternalExternal

__all__ = ["Page"]


@dataclass(frozen=True)
class Page:
    """Results, with the texts that the page shows next to them.

    Attributes
    ----------
    title : str
        Of the page.
    evaluation : Evaluation
        Evaluation with the headline numbers.
    horizon : float
        The main one.
    evidence : Evidence
        Results by tier.
    claims : tuple of Claim
        Claims that the page answers.
    sample : str
        Kind of validation of ``evaluation``, e.g. ``"out of fold"``, shown with the numbers.
    how : str
        The kind of validation in a sentence.
    outcome : OutcomeSpec or None
        Predicted outcome.
    unit : str
        Of time.
    comparison : tuple of str
        (without, with the addition); empty if nothing was added.
    addition : str
        The addition, e.g. ``"imaging"``.
    headline : DataFrame
        ``label, value, low, high``.
    thresholds : ThresholdRange or None
        Declared thresholds.
    flow : Result or None
        With ``steps`` of ``kind, step, n``.
    table_ones : mapping of str to Result
        Caption to Table 1.
    groups : RiskGroups or ReleasedGroups or None
        Observed against predicted in groups.
    scores : PageScores or None
        Observed and predicted scores, if the outcome is a score.
    treatment : PageTreatment or None
        Performance under the strategy that a treatment is never started.
    subgroups : PageSubgroups or None
        The comparison in groups of patients; not shown on a page for release.
    states : PageStates or None
        Who was in which state over time, if the outcome is a state.
    updates : PageUpdates or None
        Performance of risks that are predicted again at landmarks.
    apparent : Evaluation or None
        On the rows to which the models were fitted.
    sites : InternalExternal or None
        Leave-one-site-out.
    association : AssociationTest or None
        Of the addition, on the rows to which the models were fitted.
    explanations : mapping of str to Result
        ``modalities``, ``columns``, ``columns_risk``.
    modalities : FeatureMap or None
        Columns by modality.
    columns : DataFrame or None
        ``column, modality, type, n, n_missing, range``: units and codings as read.
    parameters : mapping of str to int
        Model to its number of candidate parameters for the event; trees, nets and the like are absent.
    protocol : tuple of (str, str)
        Lines of the protocol.
    provenance : mapping
        Versions, hashes, seed, warnings.
    objections : tuple of Objection
        All doubts.
    absent : tuple of str
        Limits of these data, in sentences.
    gate : Gate or None
        Disclosure rules of the release. None: the page is not for release, shows all results, and carries a banner.
    ledger : ReleaseLedger or None
        Of earlier releases.
    ids : tuple of str or None
        Identifier of each row of ``evaluation``, for the ledger.
    rows : DataFrame or None
        Predictors of each row, used only by the gate, which checks whether one patient dominates a mean.
    patient_level : bool
        Whether figures may show single patients.
    synthetic : bool
        Whether the data were simulated.
    release : Release or None
        Actions of the gate; filled by `released_page`, as are all attributes below.
    verdicts : tuple of Verdict
        Answers to ``claims``, without counts.
    ladder : DataFrame or None
        The verdicts as a table.
    numbers : DataFrame or None
        Rows of ``results.parquet``.
    n_events : int or None
        Events by the main horizon, if they are released.
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
    groups: RiskGroups | ReleasedGroups | None = None
    scores: PageScores | None = None
    treatment: PageTreatment | None = None
    subgroups: PageSubgroups | None = None
    states: PageStates | None = None
    updates: PageUpdates | None = None
    apparent: Evaluation | None = None
    sites: InternalExternal | None = None
    association: AssociationTest | None = None
    explanations: Mapping[str, Any] = field(default_factory=dict)
    modalities: FeatureMap | None = None
    columns: pd.DataFrame | None = None
    parameters: Mapping[str, int] = field(default_factory=dict)
    protocol: tuple[tuple[str, str], ...] = ()
    provenance: Mapping[str, Any] = field(default_factory=dict)
    objections: tuple[Objection, ...] = ()
    absent: tuple[str, ...] = ()
    gate: Gate | None = None
    ledger: ReleaseLedger | None = None
    ids: tuple[str, ...] | None = field(default=None, repr=False)
    rows: pd.DataFrame | None = field(default=None, repr=False)
    patient_level: bool = False
    synthetic: bool = False
    release: Release | None = field(default=None, repr=False)
    verdicts: tuple[Verdict, ...] = ()
    ladder: pd.DataFrame | None = field(default=None, repr=False)
    numbers: pd.DataFrame | None = field(default=None, repr=False)
    n_events: int | None = None

    def verdict(self, claim: Claim) -> Verdict:
        """Return the verdict on a claim, without counts if the page is released.

        Parameters
        ----------
        claim : Claim
            One of ``claims``.
        """
        if self.release is None:
            return self.evidence.supports(claim)
        return next(verdict for verdict in self.verdicts if verdict.claim == claim)

    @property
    def time(self) -> str:
        """The main horizon in words."""
        return time_words(self.horizon, self.unit)

    @property
    def when(self) -> str:
        """The main horizon with its preposition: an event by, a state at a time."""
        return f"{'by' if self.states is None else 'at'} {self.time}"

    @property
    def target_words(self) -> str:
        """The target of decisions in words."""
        name = self.outcome.name if self.outcome else self.states.state if self.states else "the event"
        return f"no {name}" if self.evaluation.target == "no_event" else name
