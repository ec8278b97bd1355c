"""``UpdatesPlan``: risks updated at landmarks, from a table of visits."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lbp_prognosis._base import argument_error, check_choice, check_number, nearest
from lbp_prognosis.study._data_plan import DataPlan

__all__ = ["UpdatesPlan", "updates_conflicts"]

Conflict = tuple[str, str, str, str, str]
"""Path of the key, reason, accepted, got, remedy."""


@dataclass(frozen=True)
class UpdatesPlan:
    """A dynamic risk: predicted at each landmark, in patients still at risk, from the values known by the landmark.

    Attributes
    ----------
    landmarks : tuple of float
        Increasing times from 0 on, in the unit of the outcome.
    width : float
        Length of the window after each landmark.
    table : str
        File with one row per visit; relative to the folder of the data.
    columns : tuple of str
        Numeric columns of the table; the last value of each observed by the landmark is a predictor.
    fixed : tuple of str
        Numeric columns of ``[modalities]``, known at time zero, that are predictors at each landmark.
    id, time : str
        Columns of the patient, and of the visit since time zero in the unit of the outcome.
    max_age : float or None
        Values older than this count as unknown.
    baseline : {"strata", "smooth"}
        As in `DynamicRisk`.
    interactions : tuple of str
        Predictors whose effect changes over the landmarks.
    imputations : int
        Completed tables per fit: values that are not known at a landmark are imputed there, in each training set, as
        `DynamicRisk` does. 0 judges patients only at landmarks at which all their values are known.
    missing : word, number, tuple of them, or mapping, optional
        Codes for missing values of this table, for all columns or by column; by default those of ``[table]`` or
        ``[data]`` that apply to all columns.
    """

    landmarks: tuple[float, ...]
    width: float
    table: str
    columns: tuple[str, ...]
    fixed: tuple[str, ...] = ()
    id: str = "patient_id"
    time: str = "time"
    max_age: float | None = None
    baseline: str = "strata"
    interactions: tuple[str, ...] = ()
    imputations: int = 0
    missing: Any = None

    def __post_init__(self) -> None:
        points = [check_number("updates.landmarks", point, low=0) for point in self.landmarks]
        if not points or points != sorted(set(points)):
            raise argument_error("updates.landmarks", "increasing times from 0 on", list(self.landmarks))
        check_number("updates.width", self.width, low=0, open_low=True)
        if self.max_age is not None:
            check_number("updates.max_age", self.max_age, low=0)
        check_number("updates.imputations", self.imputations, low=0, high=1000, whole=True)
        check_choice("updates.baseline", self.baseline, ("strata", "smooth"))
        for key in ("table", "id", "time"):
            if not str(getattr(self, key)).strip():
                raise argument_error(f"updates.{key}", "words", "an empty text")
        named = [self.id, self.time, *self.columns]
        if not self.columns or len(set(named)) != len(named) or set(self.columns) & set(self.fixed):
            words = "at least one column, each named once and not in `fixed` too"
            raise argument_error("updates.columns", words, list(self.columns))
        for name in self.interactions:
            if name not in (*self.columns, *self.fixed):
                known = (*self.columns, *self.fixed)
                words = f"among {', '.join(known)}"
                raise argument_error("updates.interactions", words, repr(name), nearest(name, known) or None)


def updates_conflicts(
    data: DataPlan | None, updates: UpdatesPlan | None, modalities: Mapping[str, Sequence[str]]
) -> Iterator[Conflict]:
    """Yield contradictions between parts of a protocol about updates.

    Parameters
    ----------
    data : DataPlan or None
        Source of the rows; None if it could not be read.
    updates : UpdatesPlan or None
        The updates; None if there are none, or they could not be read.
    modalities : mapping of str to sequence of str
        Columns by modality; empty for all of a package.
    """
    if data is None or updates is None:
        return
    if data.wide and not data.id:
        yield ("table.id", "missing_key", "the column that names the patient, given with [updates]", "no id", "")
    for key in ("status", "score"):
        if getattr(data, key):
            yield (
                "updates",
                "conflict",
                "left out of a study without exact times",
                f"given with {key} = {getattr(data, key)!r}",
                "Landmarks need `time` and `event`: who is still at risk must be known.",
            )
    every = [column for columns in modalities.values() for column in columns]
    for column in updates.fixed:
        if every and column not in every:
            words = f"among the columns of [modalities]: {', '.join(every[:12])}"
            yield ("updates.fixed", "reference", words, repr(column), nearest(column, every))
