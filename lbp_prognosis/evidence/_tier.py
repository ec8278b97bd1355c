"""``Tier`` and ``Strength``: the question that a number answers, and the strength of the answer."""

from __future__ import annotations

from enum import StrEnum

__all__ = ["Strength", "Tier"]


class Tier(StrEnum):
    """The four questions, in order; an answer to a lower question does not answer a higher one."""

    TECHNICAL = "technical"
    DIAGNOSTIC = "diagnostic"
    PROGNOSTIC = "prognostic"
    UTILITY = "utility"

    @property
    def question(self) -> str:
        """The question of the tier."""
        return {
            "technical": "Is the measurement repeatable?",
            "diagnostic": "Does it discriminate between patients now?",
            "prognostic": "Does it predict the outcome?",
            "utility": "Would decisions be better with it, under stated harms?",
        }[self.value]

    @property
    def never_claims(self) -> str:
        """Claims that no evidence of this tier supports."""
        return {
            "technical": "that it is clinically relevant",
            "diagnostic": "that it predicts",
            "prognostic": "that acting on it helps",
            "utility": "that outcomes improved, unless an impact trial shows it",
        }[self.value]


class Strength(StrEnum):
    """Rungs within the tiers."""

    REPEATABLE = "repeatable"
    AGREEMENT = "agreement"
    STANDARD = "standard"
    ASSOCIATION = "association"
    DEVELOPMENT = "development"
    VALIDATED = "validated"
    POTENTIAL = "potential"
    EFFECTIVE = "effective"

    @property
    def tier(self) -> Tier:
        """The tier of the rung."""
        tiers = {
            "repeatable": Tier.TECHNICAL,
            "agreement": Tier.DIAGNOSTIC,
            "standard": Tier.DIAGNOSTIC,
            "potential": Tier.UTILITY,
            "effective": Tier.UTILITY,
        }
        return tiers.get(self.value, Tier.PROGNOSTIC)
