"""``DiagnosticPlan``: the reference with which a measure is compared."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from lbp_prognosis._base import argument_error, check_choice

__all__ = ["DiagnosticPlan"]


@dataclass(frozen=True)
class DiagnosticPlan:
    """One ``[[diagnostic]]`` of the study file: agreement of a measure with a reference read on the same images.

    Attributes
    ----------
    measure : str
        As in the tables ``reading`` and ``biomarker``.
    reference : str
        Reader of the table ``reading`` whose first readings are the reference.
    positive : float or tuple of float
        Value from which the reference is positive; for categories, the list of positive categories.
    against : {"readers", "standard"}
        Kind of reference: grades by readers, or a standard independent of them.
    test : str
        ``"biomarker"`` for the values of the biomarker table, else a reader.
    structure : str
        Structure, if the measure is read for several structures.
    name : str
        Name on the page; the measure in words if empty.
    """

    measure: str
    reference: str
    positive: Any
    against: str = "readers"
    test: str = "biomarker"
    structure: str = ""
    name: str = ""

    def __post_init__(self) -> None:
        check_choice("diagnostic.against", self.against, ("readers", "standard"))
        values = self.positive if isinstance(self.positive, tuple) else (self.positive,)
        if not values or any(isinstance(v, bool) or not isinstance(v, int | float) for v in values):
            raise argument_error("diagnostic.positive", "a number, or a list of categories", self.positive)
        if self.test == self.reference:
            raise argument_error("diagnostic.test", "another reader than the reference", repr(self.test))
        if not self.name:
            object.__setattr__(self, "name", self.measure.replace("_", " "))
