"""``TreatmentPlan``: a treatment during follow-up, and the declared strategy of starting it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from lbp_prognosis._base import ArgumentError, argument_error, check_choice, check_number
from lbp_prognosis.study._data_plan import DataPlan
from lbp_prognosis.validation import NeverStart, StartBy, StartWhen

__all__ = ["NEVER", "TreatmentPlan", "treatment_conflicts"]

NEVER = "never start"
_KEYS: dict[str, tuple[str, ...]] = {
    NEVER: (),
    "start by": ("by", "earliest", "last"),
    "start when": ("column", "within", "at_least", "at_most", "last"),
}
"""Strategies, and the keys that describe them."""
_OPTIONAL = ("by", "earliest", "last", "column", "within", "at_least", "at_most", "truncate")
Conflict = tuple[str, str, str, str, str]
"""Path of the key, reason, accepted, got, remedy."""


@dataclass(frozen=True)
class TreatmentPlan:
    """A treatment, the table of starts and covariates, and the strategy under which risks are evaluated.

    Attributes
    ----------
    name : str
        Name in words, e.g. ``surgery``.
    strategy : {"never start", "start by", "start when"}
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
    by, earliest, last : float, optional
        Of ``"start by"``, as in `StartBy`.
    column, within, at_least, at_most : str and floats, optional
        Of ``"start when"``, as in `StartWhen`; ``last`` may be given, too.
    truncate : float, optional
        Quantile to which larger weights are reduced, as in `under_strategy`.
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
    by: float | None = None
    earliest: float | None = None
    last: float | None = None
    column: str | None = None
    within: float | None = None
    at_least: float | None = None
    at_most: float | None = None
    truncate: float | None = None

    def __post_init__(self) -> None:
        check_choice("treatment.strategy", self.strategy, tuple(_KEYS))
        self._check_strategy()
        check_choice("treatment.losses", self.losses, ("marginal", "history"))
        for key in ("name", "table", "start", "id", "time"):
            if not str(getattr(self, key)).strip():
                raise argument_error(f"treatment.{key}", "words", "an empty text")
        named = [self.id, self.time, self.start, *self.columns]
        if not self.columns or len(set(named)) != len(named):
            words = "at least one column, each column of the table named once"
            raise argument_error("treatment.columns", words, f"{list(self.columns)} together with {named[:3]}")

    def _check_strategy(self) -> None:
        allowed = _KEYS[self.strategy]
        given = [key for key in _OPTIONAL if getattr(self, key) is not None]
        stray = [key for key in given if key not in (*allowed, *(("truncate",) if allowed else ()))]
        if stray:
            words = f"left out with strategy = {self.strategy!r}"
            raise argument_error(f"treatment.{stray[0]}", words, repr(getattr(self, stray[0])))
        needed = [key for key in ("by", "column", "within") if key in allowed and key not in given]
        if needed:
            words = f"given with strategy = {self.strategy!r}"
            raise argument_error(f"treatment.{needed[0]}", words, "no such key")
        if self.truncate is not None:
            check_number("treatment.truncate", self.truncate, low=0.5, high=1, open_low=True)
        if self.column is not None and self.column not in self.columns:
            raise argument_error("treatment.column", f"one of {list(self.columns)}", repr(self.column))
        try:
            _ = self.declared
        except ArgumentError as error:
            raise ArgumentError(str(error).replace("`", "`treatment.", 1)) from error

    @property
    def declared(self) -> NeverStart | StartBy | StartWhen:
        """The strategy."""
        given = {key: getattr(self, key) for key in _KEYS[self.strategy] if getattr(self, key) is not None}
        if self.strategy == NEVER:
            return NeverStart()
        return StartBy(**given) if self.strategy == "start by" else StartWhen(**given)

    @property
    def words(self) -> str:
        """The strategy in words, with the treatment."""
        told = str(self.declared)
        return told.replace("start", f"start {self.name}", 1)

    @property
    def label(self) -> str:
        """Suffix of the name of a model fitted under the strategy."""
        return f"without {self.name}" if self.strategy == NEVER else "under the strategy"

    @property
    def condition(self) -> str:
        """Words for "under the strategy"."""
        return f"without {self.name}" if self.strategy == NEVER else f"under “{self.words}”"


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
                "Outcomes without treatment need `time` and `event`, from time zero on. Of patients who enter later, "
                "make a table that starts at a landmark.",
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
