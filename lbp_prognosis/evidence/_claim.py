"""``Claim``: a statement about a measure or a model, which evidence supports or does not support."""

from __future__ import annotations

from dataclasses import dataclass

from lbp_prognosis._base import argument_error, check_choice, time_words
from lbp_prognosis.evidence._tier import Strength, Tier

__all__ = ["Claim"]

_KINDS: dict[str, tuple[Strength, ...]] = {
    "repeats": (Strength.REPEATABLE,),
    "detects": (Strength.AGREEMENT, Strength.STANDARD),
    "is_associated": (Strength.ASSOCIATION,),
    "predicts": (Strength.DEVELOPMENT, Strength.VALIDATED),
    "adds_value": (Strength.DEVELOPMENT, Strength.VALIDATED),
    "is_useful": (Strength.POTENTIAL,),
    "improves_outcomes": (Strength.EFFECTIVE,),
}


@dataclass(frozen=True)
class Claim:
    """A claim; build it by one of the constructors.

    Attributes
    ----------
    kind : str
        ``"repeats", "detects", "is_associated", "predicts", "adds_value", "is_useful"`` or ``"improves_outcomes"``.
    subject : str
        The measure or model, by its name in column ``model`` of the results.
    strength : Strength
        The claimed rung.
    comparator : str
        The comparator, if the claim compares models.
    horizon : float or None
        Prediction time of the claim.
    thresholds : tuple of float
        Lowest, primary and highest threshold of the decision, if the claim is about a decision.
    unit : str
        Unit of the horizon, for the sentence.
    """

    kind: str
    subject: str
    strength: Strength
    comparator: str = ""
    horizon: float | None = None
    thresholds: tuple[float, ...] = ()
    unit: str = ""

    def __post_init__(self) -> None:
        check_choice("kind", self.kind, tuple(_KINDS))
        strength = Strength(self.strength)
        object.__setattr__(self, "strength", strength)
        if strength not in _KINDS[self.kind]:
            raise argument_error(
                "strength", "one of " + ", ".join(repr(s.value) for s in _KINDS[self.kind]), repr(strength.value)
            )
        if self.kind in ("is_associated", "adds_value") and not self.comparator:
            raise argument_error("comparator", "the model without the addition", repr(self.comparator))
        if self.kind in ("predicts", "adds_value", "is_useful") and self.horizon is None:
            raise argument_error("horizon", "a prediction time: without one there is no decision", "None")
        if self.kind == "is_useful":
            t = self.thresholds
            if len(t) != 3 or not 0 < t[0] <= t[1] <= t[2] < 1:
                raise argument_error("thresholds", "(low, primary, high) with 0 < low ≤ primary ≤ high < 1", t)

    @property
    def tier(self) -> Tier:
        """The tier of the claim."""
        return self.strength.tier

    @property
    def sentence(self) -> str:
        """The claim in words that its tier allows."""
        at = "" if self.horizon is None else f" at {time_words(self.horizon, self.unit)}"
        return {
            "repeats": f"{self.subject} is measured repeatably.",
            "detects": f"{self.subject} agrees with readers."
            if self.strength is Strength.AGREEMENT
            else f"{self.subject} discriminates between patients against a reference standard.",
            "is_associated": f"{self.subject} is associated with the outcome beyond {self.comparator}.",
            "predicts": f"{self.subject} predicts the outcome{at} ({self.strength.value}).",
            "adds_value": f"{self.subject} predicts better than {self.comparator}{at} ({self.strength.value}).",
            "is_useful": f"Decisions{at} could be better with {self.subject} under the stated harms.",
            "improves_outcomes": f"Using {self.subject} improves outcomes.",
        }[self.kind]

    @classmethod
    def repeats(cls, measure: str) -> Claim:
        """The measurement repeats (technical)."""
        return cls("repeats", measure, Strength.REPEATABLE)

    @classmethod
    def detects(cls, model: str, strength: str = "agreement") -> Claim:
        """The measure classifies patients now: in agreement with readers, or against a ``"standard"`` (diagnostic)."""
        return cls("detects", model, Strength(strength))

    @classmethod
    def is_associated(cls, model: str, comparator: str) -> Claim:
        """The measure is associated with the outcome beyond the comparator (prognostic, association)."""
        return cls("is_associated", model, Strength.ASSOCIATION, comparator)

    @classmethod
    def predicts(cls, model: str, horizon: float, strength: str = "development", *, unit: str = "") -> Claim:
        """The model predicts, calibrated and out of sample (prognostic): ``"development"`` or ``"validated"``."""
        return cls("predicts", model, Strength(strength), horizon=float(horizon), unit=unit)

    @classmethod
    def adds_value(
        cls, model: str, comparator: str, horizon: float, strength: str = "development", *, unit: str = ""
    ) -> Claim:
        """The model with the addition predicts better than the comparator without it (prognostic)."""
        return cls("adds_value", model, Strength(strength), comparator, float(horizon), unit=unit)

    @classmethod
    def is_useful(
        cls, model: str, horizon: float, thresholds: tuple[float, float, float], comparator: str = "", *, unit: str = ""
    ) -> Claim:
        """Decisions could be better with the model (utility, potential).

        Parameters
        ----------
        model : str
            The model with the addition.
        horizon : float
            Prediction time.
        thresholds : tuple of float
            ``(low, primary, high)``, declared before the data were seen.
        comparator : str, default ""
            The clinical model, if the claim is about an addition to it.
        unit : str, default ""
            Unit of the horizon, for the sentence.
        """
        return cls(
            "is_useful", model, Strength.POTENTIAL, comparator, float(horizon), tuple(map(float, thresholds)), unit
        )

    @classmethod
    def improves_outcomes(cls, model: str) -> Claim:
        """Use of the model improves outcomes (utility, effective): only an impact trial can show this."""
        return cls("improves_outcomes", model, Strength.EFFECTIVE)
