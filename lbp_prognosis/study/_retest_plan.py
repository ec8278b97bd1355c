"""``RetestPlan``: repeated measurements by which columns are judged inside the folds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lbp_prognosis._base import argument_error, check_number, icc_form, nearest
from lbp_prognosis.study._data_plan import DataPlan

__all__ = ["RetestPlan", "retest_conflicts"]

Conflict = tuple[str, str, str, str, str]
"""Path of the key, reason, accepted, got, remedy."""


@dataclass(frozen=True)
class RetestPlan:
    """Columns are predictors only if their repeated measurements agree, judged in the patients of each training set.

    Attributes
    ----------
    tables : tuple of str
        One file per occasion (test, retest) with one row per patient and the columns of ``[modalities]``; relative to
        the folder of the data.
    columns : tuple of str
        Columns to judge; by default all predictors that every table has.
    id : str
        Column of the patient.
    minimum : float
        Smallest acceptable lower confidence limit of the ICC.
    form : str
        Form of the ICC, as in `fusion.RepeatableColumns`.
    confidence : float
        Level of the interval.
    external : bool
        The measurements are of other patients than those of the study, and all of them are used in every fold.
    missing : word, number, tuple of them, or mapping, optional
        Codes for missing values of these tables; by default those of ``[table]`` or ``[data]`` that apply to all
        columns.
    """

    tables: tuple[str, ...]
    columns: tuple[str, ...] = ()
    id: str = "patient_id"
    minimum: float = 0.75
    form: str = "2,1"
    confidence: float = 0.95
    external: bool = False
    missing: Any = None

    def __post_init__(self) -> None:
        if len(self.tables) < 2 or len(set(self.tables)) != len(self.tables) or not all(map(str.strip, self.tables)):
            raise argument_error("retest.tables", "at least two files, one per occasion", list(self.tables))
        if len(set(self.columns)) != len(self.columns) or self.id in self.columns:
            raise argument_error("retest.columns", "columns that are each named once, without `id`", list(self.columns))
        if not self.id.strip():
            raise argument_error("retest.id", "words", "an empty text")
        check_number("retest.minimum", self.minimum, low=0, high=1)
        check_number("retest.confidence", self.confidence, low=0, high=1, open_low=True, open_high=True)
        icc_form(self.form)

    @property
    def words(self) -> str:
        """Return the judged columns, the criterion and the patients in words."""
        whom = "other patients" if self.external else "the patients of each training set"
        return (
            f"{', '.join(self.columns) or 'all predictors measured repeatedly'}, kept where the lower limit "
            f"({self.confidence:.0%}) of ICC({self.form}) of {', '.join(self.tables)} is at least {self.minimum:g}, "
            f"in {whom}"
        )


def retest_conflicts(
    data: DataPlan | None,
    retest: RetestPlan | None,
    modalities: Mapping[str, Sequence[str]],
    transform: Mapping[str, Sequence[str]],
) -> Iterator[Conflict]:
    """Yield contradictions between parts of a protocol about repeated measurements.

    Parameters
    ----------
    data : DataPlan or None
        Source of the rows; None if it could not be read.
    retest : RetestPlan or None
        The repeated measurements; None if there are none, or they could not be read.
    modalities : mapping of str to sequence of str
        Columns by modality; empty for all of a package.
    transform : mapping of str to sequence of str
        Columns by transformation.
    """
    if data is None or retest is None:
        return
    if data.wide and not data.id and not retest.external:
        yield ("table.id", "missing_key", "the column that names the patient, given with [retest]", "no id", "")
    every = [column for columns in modalities.values() for column in columns]
    for column in retest.columns:
        if every and column not in every:
            words = f"among the columns of [modalities]: {', '.join(every[:12])}"
            yield ("retest.columns", "reference", words, repr(column), nearest(column, every))
    changed = sorted({column for columns in transform.values() for column in columns} & set(retest.columns))
    if changed:
        yield (
            "retest.columns",
            "conflict",
            "without the columns of [transform]",
            ", ".join(map(repr, changed)),
            "Their measurements are on another scale than the predictor: transform both tables beforehand.",
        )
