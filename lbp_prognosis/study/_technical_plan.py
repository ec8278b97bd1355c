"""``TechnicalPlan``: the repeated readings or trials that are compared."""

from __future__ import annotations

from dataclasses import dataclass

from lbp_prognosis._base import argument_error, check_choice, check_number
from lbp_prognosis.biomechanics import motion_measure

__all__ = ["OF_MOVEMENT", "TechnicalPlan"]

_OF_READINGS = {"between": "trials", "repeats": 2, "days": None}
OF_MOVEMENT = frozenset(_OF_READINGS)


@dataclass(frozen=True)
class TechnicalPlan:
    """One ``[[technical]]`` of the study file: repeatability of a measure.

    Attributes
    ----------
    measure : str
        As in the table ``reading`` or ``motion``.
    readers : tuple of str
        One reader (person or program): the reader's occasions are compared. Several readers: their first readings are
        compared. Not used for movement.
    structure : str
        Structure, if the measure is read for several structures.
    levels : tuple of str
        Levels to evaluate; all if empty. Each level is evaluated separately, so that a patient counts once.
    name : str
        Name on the page; the measure in words if empty.
    table : {"reading", "motion"}
        Readings of images, or measures of movement (of ``motion_trial`` where the package has it).
    between : {"trials", "sessions"}
        For movement: the compared measurements.
    repeats : int
        For movement: number of trials or sessions.
    days : float, optional
        For sessions: largest number of days between the first and the last.
    """

    measure: str
    readers: tuple[str, ...] = ()
    structure: str = ""
    levels: tuple[str, ...] = ()
    name: str = ""
    table: str = "reading"
    between: str = "trials"
    repeats: int = 2
    days: float | None = None

    def __post_init__(self) -> None:
        check_choice("technical.table", self.table, ("reading", "motion"))
        if self.table == "motion":
            self._check_movement()
        elif isinstance(self.readers, str) or not self.readers or len(set(self.readers)) != len(self.readers):
            raise argument_error("technical.readers", "a list of different readers", self.readers)
        for name, usual in _OF_READINGS.items() if self.table == "reading" else ():
            if getattr(self, name) != usual:
                raise argument_error(f"technical.{name}", "left out for readings of images", getattr(self, name))
        if not self.name:
            object.__setattr__(self, "name", self.measure.replace("_", " "))

    def _check_movement(self) -> None:
        motion_measure(self.measure)
        for name in ("readers", "structure", "levels"):
            if getattr(self, name):
                raise argument_error(f"technical.{name}", "left out for measures of movement", getattr(self, name))
        check_choice("technical.between", self.between, ("trials", "sessions"))
        check_number("technical.repeats", self.repeats, low=2, whole=True)
        if (self.days is None) != (self.between == "trials"):
            raise argument_error("technical.days", "given for sessions, and for them alone", self.days)
        if self.days is not None:
            check_number("technical.days", self.days, low=0)
