"""``Entry``: a result with its kind of validation, and the findings that a rule may use."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from lbp_prognosis._base import Objection, Result, check_choice
from lbp_prognosis.evidence._clinical_minimum import missing_constructs
from lbp_prognosis.evidence._criteria import Criteria

__all__ = ["Entry", "Findings"]


@dataclass(frozen=True)
class Entry:
    """A result, and its kind of validation.

    Attributes
    ----------
    result : Result
        The result.
    frame : pandas.DataFrame
        Its rows, with the columns of evaluation frames.
    sample : {"apparent", "internal", "internal-external", "external"}
        Evaluated on the rows to which the model was fitted; out of sample by resampling; with sites left out; on other
        patients.
    setting : str
        Difference of the external patients: ``"temporal"``, ``"geographic"`` or ``"setting"``.
    against : str
        Comparison of diagnostic results: ``"readers"`` or ``"standard"``.
    """

    result: Result
    frame: pd.DataFrame = field(repr=False)
    sample: str
    setting: str = ""
    against: str = ""

    @property
    def objections(self) -> tuple[Objection, ...]:
        """Objections of the result."""
        return tuple(getattr(self.result, "objections", ()))

    @property
    def synthetic(self) -> bool:
        """Whether the result comes from simulated data."""
        return bool(getattr(self.result, "synthetic", False))


@dataclass(frozen=True)
class Findings:
    """Results and the facts needed to judge them; `Evidence` documents the fields, and judges."""

    entries: tuple[Entry, ...] = ()
    models: Mapping[str, Iterable[str]] = field(default_factory=dict)
    clinical_minimum: Mapping[str, Any] = field(default_factory=dict)
    prespecified: bool = False
    label: str = "outcome"
    criteria: Criteria = field(default_factory=Criteria)
    simulated: bool = False

    def __post_init__(self) -> None:
        check_choice("label", self.label, ("outcome", "reader"))
        object.__setattr__(self, "models", {str(name): tuple(columns) for name, columns in self.models.items()})
        missing_constructs(self.clinical_minimum, ())  # refuses unknown constructs early

    @property
    def synthetic(self) -> bool:
        """Whether any result comes from simulated data."""
        return self.simulated or any(entry.synthetic for entry in self.entries)

    @property
    def objections(self) -> tuple[Objection, ...]:
        """All objections, each once."""
        return tuple(dict.fromkeys(o for entry in self.entries for o in entry.objections))
