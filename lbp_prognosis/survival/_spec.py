"""``OutcomeSpec``: what the outcome is, said once and carried into every report."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from lbp_prognosis._base import argument_error, check_choice, check_horizons

__all__ = ["OutcomeSpec"]


@dataclass(frozen=True)
class OutcomeSpec:
    """The definition of an outcome.

    Attributes
    ----------
    name : str
        Short name, e.g. ``"pain recovery"``.
    definition : str
        How the event is recognised, in one sentence.
    polarity : {"good", "bad"}
        Whether the event is wished for. For a good event decisions are about its absence.
    time_zero : str
        From when the clock runs, e.g. ``"index consultation"``.
    unit : {"days", "weeks", "months", "years"}
        Unit of all times and horizons.
    horizons : tuple of float
        Prediction times, the first is the primary one unless ``primary_horizon`` is set.
    causes : dict of str to int
        Event names and codes; 1 is the event of interest.
    ascertainment : {"exact", "visits", "status"}
        Exactly dated, seen only at visits (interval-censored), or a state at one visit.
    estimand : str
        What is done about treatment during follow-up: ``"treatment-policy"``, ``"while-untreated"``,
        ``"composite"`` or ``"hypothetical"``.
    primary_horizon : float or None
        The main horizon.
    """

    name: str
    definition: str
    polarity: str
    time_zero: str
    unit: str
    horizons: tuple[float, ...]
    causes: Mapping[str, int] = field(default_factory=lambda: {"event": 1})
    ascertainment: str = "exact"
    estimand: str = "treatment-policy"
    primary_horizon: float | None = None

    def __post_init__(self) -> None:
        check_choice("polarity", self.polarity, ("good", "bad"))
        check_choice("unit", self.unit, ("days", "weeks", "months", "years"))
        check_choice("ascertainment", self.ascertainment, ("exact", "visits", "status"))
        check_choice("estimand", self.estimand, ("treatment-policy", "while-untreated", "composite", "hypothetical"))
        horizons, _ = check_horizons(self.horizons)
        object.__setattr__(self, "horizons", tuple(float(h) for h in horizons))
        object.__setattr__(self, "causes", dict(self.causes))
        if sorted(self.causes.values()) != list(range(1, len(self.causes) + 1)):
            raise argument_error("causes", "named with codes 1, 2, … without gaps", dict(self.causes))
        main = self.horizons[0] if self.primary_horizon is None else float(self.primary_horizon)
        if main not in self.horizons:
            raise argument_error("primary_horizon", f"one of the horizons {list(self.horizons)}", main)
        object.__setattr__(self, "primary_horizon", main)

    @property
    def target(self) -> str:
        """What decisions are about: ``"no_event"`` for a good event, ``"event"`` for a bad one."""
        return "no_event" if self.polarity == "good" else "event"

    @property
    def competing(self) -> tuple[str, ...]:
        """Names of the competing events."""
        return tuple(name for name, code in self.causes.items() if code != 1)

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as plain values."""
        return {**asdict(self), "horizons": list(self.horizons), "causes": dict(self.causes)}

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> OutcomeSpec:
        """Read what `to_dict` wrote."""
        return cls(**{**fields, "horizons": tuple(fields["horizons"])})
