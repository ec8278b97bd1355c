"""``TreatmentPlan``: the treatment during follow-up that the declared strategy never starts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from lbp_prognosis._base import argument_error, check_choice
from lbp_prognosis.study._data_plan import DataPlan

__all__ = ["NEVER", "TreatmentPlan", "treatment_conflicts"]

NEVER = "never start"
Conflict = tuple[str, str, str, str, str]
"""Path of the key, reason, accepted, got, remedy."""


@dataclass(frozen=True)
class TreatmentPlan:
    """A treatment, the table of starts and covariates, and the strategy under which risks are evaluated.

    Attributes
    ----------
    name : str
        Name in words, e.g. ``surgery``.
    strategy : {"never start"}
        Strategy under which outcomes are estimated.
    table : str
        File with one row per patient and time of measurement, the first at time zero; relative to the folder of the
        data.
    start : str
        Column of the time at which the patient started the treatment, in the unit of the outcome; the same in all rows
        of a patient, empty for patients who did not start.
    columns : tuple of str
        Numeric columns that determine the treatment and predict the outcome, at baseline and later.
    id, time : str
        Columns of the patient, and of the time of measurement since time zero in the unit of the outcome.
    losses : {"marginal", "history"}
        Whether other losses to follow-up depend on no covariate, or on the same columns.
    missing : word, number, tuple of them, or mapping, optional
        Codes for missing values of this table, for all columns or by column; by default those of ``[table]`` or
        ``[data]`` that apply to all columns.
    """

    name: str
    strategy: str
    table: str
    start: str
    columns: tuple[str, ...]
    id: str = "patient_id"
    time: str = "time"
    losses: str = "marginal"
    missing: Any = None

    def __post_init__(self) -> None:
        if self.strategy != NEVER:
            raise argument_error(
                "treatment.strategy",
                repr(NEVER),
                repr(self.strategy),
                "A delayed or conditional start needs a model of patients who wait, and is not estimated here.",
            )
        check_choice("treatment.losses", self.losses, ("marginal", "history"))
        for key in ("name", "table", "start", "id", "time"):
            if not str(getattr(self, key)).strip():
                raise argument_error(f"treatment.{key}", "words", "an empty text")
        named = [self.id, self.time, self.start, *self.columns]
        if not self.columns or len(set(named)) != len(named):
            words = "at least one column, each column of the table named once"
            raise argument_error("treatment.columns", words, f"{list(self.columns)} together with {named[:3]}")

    @property
    def label(self) -> str:
        """Suffix of the name of a model fitted under the strategy."""
        return f"without {self.name}"


def treatment_conflicts(
    data: DataPlan | None, treatment: TreatmentPlan | None, outcome: Mapping[str, Any]
) -> Iterator[Conflict]:
    """Yield contradictions between parts of a protocol about a treatment.

    Parameters
    ----------
    data : DataPlan or None
        Source of the rows; None if it could not be read.
    treatment : TreatmentPlan or None
        The treatment; None if there is none, or it could not be read.
    outcome : mapping
        Table ``[outcome]``.
    """
    if data is None or treatment is None:
        return
    if data.wide and not data.id:
        yield ("table.id", "missing_key", "the column that names the patient, given with [treatment]", "no id", "")
    for key in ("status", "score", "entry"):
        if getattr(data, key):
            yield (
                "treatment",
                "conflict",
                "left out of a study without exact times from time zero",
                f"given with {key} = {getattr(data, key)!r}",
                "Outcomes without treatment need `time` and `event`, from time zero on.",
            )
    causes = outcome.get("causes")
    named = [*data.causes, *(causes if isinstance(causes, Mapping) else ())]
    if treatment.name in named:
        yield (
            "treatment.name",
            "conflict",
            "no event of the outcome: under the strategy it does not happen",
            repr(treatment.name),
            f"Leave {treatment.name!r} out of the causes, so that its patients are followed through it.",
        )
    if isinstance(outcome.get("kind"), str) and treatment.name == outcome["kind"]:
        yield ("treatment.name", "conflict", "another event than the outcome", repr(treatment.name), "")
