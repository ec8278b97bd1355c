"""``TechnicalPlan``: which readings are compared to see whether a measurement repeats."""

from __future__ import annotations

from dataclasses import dataclass

from lbp_prognosis._base import argument_error

__all__ = ["TechnicalPlan"]


@dataclass(frozen=True)
class TechnicalPlan:
    """One ``[[technical]]`` of the study file: does this measure repeat?

    Attributes
    ----------
    measure : str
        As in the table ``reading``.
    readers : tuple of str
        One reader (person or program): its occasions are compared. Several: their first readings are.
    structure : str
        Where the measure is read of several structures.
    levels : tuple of str
        Only these; all if empty. Each level is judged by itself, so that a patient counts once.
    name : str
        As it stands on the page; the measure in words if empty.
    """

    measure: str
    readers: tuple[str, ...]
    structure: str = ""
    levels: tuple[str, ...] = ()
    name: str = ""

    def __post_init__(self) -> None:
        if isinstance(self.readers, str) or not self.readers or len(set(self.readers)) != len(self.readers):
            raise argument_error("technical.readers", "a list of different readers", self.readers)
        if not self.name:
            object.__setattr__(self, "name", self.measure.replace("_", " "))
