"""``Study``: the protocol of ``study.toml``, frozen and hashed."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from itertools import chain
from pathlib import Path
from typing import Any

from lbp_prognosis._base import DataError, FeatureMap, StrictTable, argument_error, content_hash
from lbp_prognosis.cohort import CohortSpec
from lbp_prognosis.disclosure import Gate, ReleaseLedger, chosen_gate
from lbp_prognosis.evaluation import ThresholdRange
from lbp_prognosis.evidence import Criteria, missing_constructs
from lbp_prognosis.study._data_plan import DataPlan
from lbp_prognosis.study._diagnostic_plan import DiagnosticPlan
from lbp_prognosis.study._model_plan import ModelPlan
from lbp_prognosis.study._plain import plain
from lbp_prognosis.study._read_study import PAGE, read_study
from lbp_prognosis.study._retest_plan import RetestPlan, retest_conflicts
from lbp_prognosis.study._score_plan import ScorePlan, package_outcome, score_conflicts
from lbp_prognosis.study._subgroups_plan import SubgroupsPlan, subgroups_conflicts
from lbp_prognosis.study._technical_plan import OF_MOVEMENT, TechnicalPlan
from lbp_prognosis.study._treatment_plan import TreatmentPlan, treatment_conflicts
from lbp_prognosis.study._updates_plan import UpdatesPlan, updates_conflicts
from lbp_prognosis.study._validation_plan import ValidationPlan
from lbp_prognosis.survival import OutcomeSpec

__all__ = ["Study"]


@dataclass(frozen=True, eq=False)
class Study:
    """Protocol of a study.

    Attributes
    ----------
    title : str
        Of the page.
    data : DataPlan
        Source of the rows.
    outcome : mapping
        For a package: a table for `cohort.outcome_from_dict`; for a wide table: the fields of `OutcomeSpec`. An outcome
        seen at visits may name its ``schedule``.
    score : ScorePlan or None
        For an outcome that is a score: its range and its cut.
    thresholds : ThresholdRange or None
        Thresholds of the decision, with the reason.
    models : tuple of ModelPlan
        Models; all are fitted in the same folds.
    modalities : mapping of str to tuple of str
        Columns by modality; for a package, columns not listed are not predictors. Empty: all columns of the cohort.
    comparison : tuple of str
        (model without, model with the addition); empty if there is none.
    cohort : mapping
        Fields of `CohortSpec`; for a package.
    imaging : mapping
        ``pool``: rules of `pool_levels` by measure; ``levels``, ``nominal``.
    biomechanics : mapping
        ``summary``, ``sides`` and ``errors`` of `biomechanics.summarise_trials`, which turn trials of the table
        ``motion_trial`` into values of sessions; for a package with that table.
    transform : mapping of str to tuple of str
        ``log1p``, ``log`` or ``sqrt`` to the columns it is applied to; the columns keep their names.
    clinical_minimum : mapping
        Construct to column(s).
    technical : tuple of TechnicalPlan
        Measures whose readings are compared with each other (package).
    diagnostic : tuple of DiagnosticPlan
        Measures that are compared with a reference read on the same images (package).
    validation : ValidationPlan
        Folds, repeats, sites.
    criteria : Criteria
        Values that a claim must reach.
    page : mapping
        ``mode`` ("not-for-release", or "release"; by default "release" if one of the next two is given),
        ``smallest_cell`` (5 for a release), ``release_ledger`` (a file next to the study), ``patient_level`` (false),
        ``table_one_by``.
    treatment : TreatmentPlan or None
        A treatment during follow-up, and the strategy under which risks are also evaluated.
    subgroups : SubgroupsPlan or None
        Groups of patients in which the comparison is repeated.
    updates : UpdatesPlan or None
        Risks updated at landmarks.
    retest : RetestPlan or None
        Repeated measurements; predictors that do not repeat are dropped in each training set.
    seed : int
        Seed of all random draws.
    prespecified : bool
        Whether horizons, thresholds and criteria were declared before the data were seen.
    folder, home : str
        Folders of the data, and of the protocol (and its mapping); part neither of the protocol nor of its hash.

    Examples
    --------
    >>> from lbp_prognosis.study import Study
    >>> study = Study.from_dict({
    ...     "title": "Recovery", "table": {"wide": "registry.csv", "time": "months", "event": "status"},
    ...     "outcome": {"name": "recovery", "definition": "Pain gone.", "polarity": "good", "time_zero": "visit",
    ...                 "unit": "months", "horizons": [12]},
    ...     "modalities": {"clinical": ["age", "pain"]},
    ...     "model": [{"name": "clinical", "kind": "cox", "modalities": ["clinical"]}]})
    >>> len(study.spec_hash), study.main_model
    (64, 'clinical')
    """

    title: str
    data: DataPlan
    outcome: Mapping[str, Any]
    models: tuple[ModelPlan, ...]
    thresholds: ThresholdRange | None = None
    step: float = 0.01
    modalities: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    comparison: tuple[str, ...] = ()
    cohort: Mapping[str, Any] = field(default_factory=dict)
    imaging: Mapping[str, Any] = field(default_factory=dict)
    biomechanics: Mapping[str, Any] = field(default_factory=dict)
    transform: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    clinical_minimum: Mapping[str, Any] = field(default_factory=dict)
    technical: tuple[TechnicalPlan, ...] = ()
    diagnostic: tuple[DiagnosticPlan, ...] = ()
    validation: ValidationPlan = field(default_factory=ValidationPlan)
    criteria: Criteria = field(default_factory=Criteria)
    page: Mapping[str, Any] = field(default_factory=dict)
    score: ScorePlan | None = None
    treatment: TreatmentPlan | None = None
    subgroups: SubgroupsPlan | None = None
    updates: UpdatesPlan | None = None
    retest: RetestPlan | None = None
    seed: int = 1
    prespecified: bool = False
    folder: str = "."
    home: str = "."

    def __post_init__(self) -> None:
        names = [model.name for model in self.models]
        if not names or len(set(names)) != len(names):
            raise argument_error("model", "at least one [[model]], each with a name of its own", str(names))
        unknown = [name for name in self.comparison if name not in names]
        if unknown or len(self.comparison) not in (0, 2):
            raise argument_error("comparison", f"`clinical` and `extended`, among {names}", str(list(self.comparison)))
        FeatureMap({str(name): tuple(columns) for name, columns in self.modalities.items()})
        missing_constructs(self.clinical_minimum, ())
        strange = sorted(set(self.transform) - {"log1p", "log", "sqrt"})
        if strange:
            raise argument_error("transform", "a table of log1p, log, sqrt", f"{strange}")
        wrong = sorted(set(self.page) - set(PAGE))
        if wrong:
            raise argument_error("page", f"a table of {', '.join(PAGE)}", f"{wrong}")
        object.__setattr__(self, "page", {**PAGE, **self.page})
        self.gate()  # refuses contradictions
        if (self.technical or self.diagnostic) and not self.data.package:
            raise argument_error("technical, diagnostic", "left out for a wide table, which has no readings", "given")
        of_score = score_conflicts(
            self.data,
            self.score,
            self.models,
            self.outcome,
            declared=self.score is not None,
        )
        of_treatment = treatment_conflicts(self.data, self.treatment, self.outcome)
        of_updates = updates_conflicts(self.data, self.updates, self.modalities)
        of_groups = subgroups_conflicts(self.data, self.subgroups, self.comparison, self.modalities, self.transform)
        of_retest = retest_conflicts(self.data, self.retest, self.modalities, self.transform)
        for path, _, accepted, got, remedy in chain(of_score, of_treatment, of_updates, of_groups, of_retest):
            raise argument_error(path, accepted, got, remedy or None)
        if self.data.package:
            CohortSpec.from_dict(self.cohort)
            package_outcome(self.outcome, self.score)
        else:
            self.wide_outcome()

    def __hash__(self) -> int:
        return hash(self.spec_hash)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Study) and self.spec_hash == other.spec_hash

    @property
    def spec_hash(self) -> str:
        """SHA-256 of the protocol."""
        return content_hash(self.to_dict())

    @property
    def main_model(self) -> str:
        """The model of the first claims: the comparator without the addition, or the first fitted model."""
        if self.comparison:
            return self.comparison[0]
        return next((model.name for model in self.models if model.kind != "null"), self.models[0].name)

    def wide_outcome(self) -> OutcomeSpec:
        """Return the declared outcome of a wide table."""
        fields = {k: v for k, v in self.outcome.items() if k != "schedule"}
        fields.setdefault("causes", {name: k for k, name in enumerate(self.data.causes, start=1)} or {"event": 1})
        fields.setdefault("ascertainment", "status" if self.data.status or self.data.score else "exact")
        read = StrictTable("study")
        found = read.record(OutcomeSpec, "outcome", fields)
        read.raise_if_any()
        assert found is not None
        return found

    def for_release(self, mode: str = "", ledger: str | os.PathLike[str] | None = None) -> Study:
        """Return the protocol with another mode of the page, or another ledger of releases.

        Parameters
        ----------
        mode : {"", "not-for-release", "release"}, default ""
            Mode; by default that of the protocol.
        ledger : path, optional
            Replaces the ledger of the protocol.

        Raises
        ------
        ArgumentError
            If the mode is none of these, or a ledger is given for a page that is not for release.
        """
        chosen_gate(mode, None, ledger)
        page = dict(self.page)
        if ledger is not None:
            page["release_ledger"] = str(Path(ledger).absolute())
        if mode:
            page["mode"] = mode
            if mode == "not-for-release":
                page |= {"smallest_cell": None, "release_ledger": ""}
        return replace(self, page=page)

    def gate(self) -> Gate | None:
        """Return the disclosure gate of the page; None if it is not for release."""
        return chosen_gate(self.page["mode"], self.page["smallest_cell"], self.page["release_ledger"])

    def release_ledger(self) -> ReleaseLedger | None:
        """Read the ledger of earlier releases; None if the protocol names none.

        Raises
        ------
        ArgumentError
            If no column of identifiers is named for a wide table; the ledger identifies patients by it.
        DataError
            If the file is not a ledger.
        """
        book = str(self.page["release_ledger"])
        if not book:
            return None
        if not (self.data.package or self.data.id):
            raise argument_error(
                "page.release_ledger",
                "given with [table] id = …, the column that names the patient",
                "a table without it",
            )
        return ReleaseLedger(Path(self.home) / book)

    def to_dict(self) -> dict[str, Any]:
        """Return the protocol as plain values, without paths on this machine."""
        fields = asdict(self)
        fields["page"]["release_ledger"] = ""
        # a protocol that uses no later addition keeps its registered digest
        for model in fields["models"]:
            if not model["formula"]:
                del model["formula"]
            if model["impute_with_outcome"]:
                del model["impute_with_outcome"]
        for plan in fields["technical"]:
            if plan["table"] == "reading":
                for name in ("table", *OF_MOVEMENT):
                    del plan[name]
        if not fields["biomechanics"]:
            del fields["biomechanics"]
        if self.score is None:
            del fields["score"], fields["data"]["score"]
        for name in ("start", "end", "date_format", "values", "reason"):
            if not fields["data"][name]:
                del fields["data"][name]
        if self.subgroups is None:
            del fields["subgroups"]
        for name in ("treatment", "updates", "retest"):
            if getattr(self, name) is None:
                del fields[name]
            elif fields[name]["missing"] is None:
                del fields[name]["missing"]
        if self.treatment is not None:
            given = fields["treatment"]
            fields["treatment"] = {key: value for key, value in given.items() if key == "missing" or value is not None}
        if self.updates is not None and self.updates.imputations == 0:
            del fields["updates"]["imputations"]
        del fields["folder"], fields["home"]
        return plain(fields)

    @classmethod
    def from_toml(cls, path: str | os.PathLike[str], *, data: str | os.PathLike[str] | None = None) -> Study:
        """Read ``study.toml``.

        Parameters
        ----------
        path : path
            The file.
        data : path, optional
            Folder to which paths to data are relative; by default the folder of the file.

        Raises
        ------
        DataError
            If the file is absent or not TOML.
        ArgumentError
            If a table or key is unknown, missing or of the wrong type.
        """
        try:
            text = Path(path).read_text(encoding="utf-8-sig")
            table = tomllib.loads(text)
        except (OSError, ValueError) as error:
            words = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise DataError(f"The study {str(path)!r} cannot be read as TOML ({words}).") from error
        home = Path(path).parent
        return cls.from_dict(table, folder=home if data is None else data, home=home)

    @classmethod
    def from_dict(
        cls, table: Mapping[str, Any], *, folder: str | os.PathLike[str] = ".", home: str | os.PathLike[str] = "."
    ) -> Study:
        """Return a study from the contents of ``study.toml``.

        Parameters
        ----------
        table : mapping
            Tables and keys of the file.
        folder : path, default "."
            Folder to which paths to data are relative.
        home : path, default "."
            Folder to which the path to a mapping is relative.

        Raises
        ------
        ArgumentError
            If the contents are not valid; ``failures`` lists every fault, with the nearest known key.
        """
        return cls(**read_study(table), folder=str(folder), home=str(home))
