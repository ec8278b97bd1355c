"""``OutcomeSpec``: definition of the outcome, declared once and included in all reports."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from lbp_prognosis._base import Objection, argument_error, check_choice, check_horizons, objection

__all__ = ["OutcomeSpec"]

_UNDECLARED = objection("estimand-not-declared")
_HYPOTHETICAL = objection("estimand-hypothetical")
_TREATMENTS = ("surg", "operat", "treat", "injection", "opioid", "fusion", "decompression", "rehab", "physio", "therap")


@dataclass(frozen=True)
class OutcomeSpec:
    """The definition of an outcome.

    Attributes
    ----------
    name : str
        Short name, e.g. ``"pain recovery"``.
    definition : str
        Definition of the event, in one sentence.
    polarity : {"good", "bad"}
        Whether the event is desirable. For a good event, decisions concern its absence.
    time_zero : str
        Start of follow-up, e.g. ``"index consultation"``.
    unit : {"days", "weeks", "months", "years"}
        Unit of all times and horizons.
    horizons : tuple of float
        Prediction times; the first is primary unless ``primary_horizon`` is set.
    causes : dict of str to int
        Event names and codes; 1 is the event of interest.
    ascertainment : {"exact", "visits", "status"}
        Exactly dated, seen only at visits (interval-censored), or a state at one visit.
    estimand : str
        Strategy for treatment during follow-up: ``"treatment-policy"`` (risks under the care given),
        ``"while-untreated"`` (treatment ends the risk: censored or competing), ``"composite"`` (treatment is part of
        the event) or ``"hypothetical"`` (as if no patient were treated). An empty string means not declared and raises
        an objection.
    primary_horizon : float or None
        The main horizon.
    constructs : tuple of str
        Scales or constructs that define the outcome, e.g. ``("nrs_back",)``; `evidence.shared_constructs` checks
        predictors that measure them.
    change : bool
        Whether the outcome is a change from the patient's baseline value of these constructs.
    """

    name: str
    definition: str
    polarity: str
    time_zero: str
    unit: str
    horizons: tuple[float, ...]
    causes: Mapping[str, int] = field(default_factory=lambda: {"event": 1})
    ascertainment: str = "exact"
    estimand: str = ""
    primary_horizon: float | None = None
    constructs: tuple[str, ...] = ()
    change: bool = False

    def __post_init__(self) -> None:
        check_choice("polarity", self.polarity, ("good", "bad"))
        check_choice("unit", self.unit, ("days", "weeks", "months", "years"))
        check_choice("ascertainment", self.ascertainment, ("exact", "visits", "status"))
        check_choice(
            "estimand", self.estimand, ("treatment-policy", "while-untreated", "composite", "hypothetical", "")
        )
        made_of = (self.constructs,) if isinstance(self.constructs, str) else tuple(map(str, self.constructs))
        object.__setattr__(self, "constructs", made_of)
        horizons, _ = check_horizons(self.horizons)
        object.__setattr__(self, "horizons", tuple(float(h) for h in horizons))
        object.__setattr__(self, "causes", dict(self.causes))
        if sorted(self.causes.values()) != list(range(1, len(self.causes) + 1)):
            raise argument_error("causes", "named with codes 1, 2, … without gaps", dict(self.causes))
        main = float(self.main_horizon)
        if main not in self.horizons:
            raise argument_error("primary_horizon", f"one of the horizons {list(self.horizons)}", main)
        object.__setattr__(self, "primary_horizon", main)

    @property
    def main_horizon(self) -> float:
        """The main horizon: the declared one, else the first."""
        return self.horizons[0] if self.primary_horizon is None else self.primary_horizon

    @property
    def target(self) -> str:
        """Target of decisions: ``"no_event"`` for a good event, ``"event"`` for a bad one."""
        return "no_event" if self.polarity == "good" else "event"

    @property
    def competing(self) -> tuple[str, ...]:
        """Names of the competing events."""
        return tuple(name for name, code in self.causes.items() if code != 1)

    @property
    def treated_competing(self) -> tuple[str, ...]:
        """Competing events that are treatments, recognised by name."""
        return tuple(name for name in self.competing if any(word in name.lower() for word in _TREATMENTS))

    @property
    def doubts(self) -> tuple[Objection, ...]:
        """Objections to the definition: an estimand that is undeclared or contradicts the analysis.

        Codes ``estimand-not-declared``, ``estimand-against-competing`` and ``estimand-hypothetical``.
        """
        if not self.estimand:
            return (_UNDECLARED,)
        if self.estimand == "hypothetical":
            return (_HYPOTHETICAL,)
        treated = ", ".join(self.treated_competing)
        if treated and self.estimand == "treatment-policy":
            return (objection("estimand-against-competing", treatments=treated),)
        return ()

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as plain values."""
        return {
            **asdict(self),
            "horizons": list(self.horizons),
            "causes": dict(self.causes),
            "constructs": list(self.constructs),
        }

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> OutcomeSpec:
        """Return the definition from the output of `to_dict`."""
        return cls(
            **{**fields, "horizons": tuple(fields["horizons"]), "constructs": tuple(fields.get("constructs", ()))}
        )
