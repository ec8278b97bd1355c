"""``Verdict``: checks of a claim, their results, and missing evidence."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from lbp_prognosis._base import Objection, Result
from lbp_prognosis.evidence._claim import Claim

__all__ = ["Check", "Verdict"]


@dataclass(frozen=True)
class Check:
    """One requirement of a claim.

    Attributes
    ----------
    name : str
        The requirement, in words.
    passed : bool or None
        Whether it is met; None if there is no evidence on it.
    metric : str
        The metric examined.
    value, low, high : float
        Its estimate and interval; NaN if there is none.
    n_events : int or None
        Events behind the estimate.
    required : str
        The value required, in words.
    """

    name: str
    passed: bool | None
    metric: str = ""
    value: float = float("nan")
    low: float = float("nan")
    high: float = float("nan")
    n_events: int | None = None
    required: str = ""


@dataclass(frozen=True, repr=False)
class Verdict(Result):
    """The answer to a claim.

    Attributes
    ----------
    claim : Claim
        The claim.
    answer : {"supported", "not supported", "not assessed"}
        ``"not assessed"``: nothing contradicts the claim, but required evidence is missing.
    checks : tuple of Check
        The requirements, with the values that were judged.
    missing : tuple of str
        Evidence that has to be added.
    objections : tuple of Objection
        Objections to the numbers.
    blocking : tuple of str
        Codes of the objections that prevent support of the claim.
    synthetic : bool
        Whether any part comes from simulated data.
    """

    claim: Claim
    answer: str
    checks: tuple[Check, ...]
    missing: tuple[str, ...] = ()
    objections: tuple[Objection, ...] = ()
    blocking: tuple[str, ...] = ()
    synthetic: bool = False

    def __bool__(self) -> bool:
        """Whether the claim is supported."""
        return self.answer == "supported"

    @property
    def sentence(self) -> str:
        """The answer in a sentence."""
        text = f"{self.answer.capitalize()}: {self.claim.sentence}"
        failed = [check.name for check in self.checks if check.passed is False]
        if failed:
            text += " Not met: " + "; ".join(failed) + "."
        if self.missing:
            text += " Missing: " + "; ".join(self.missing) + "."
        if self.blocking:
            words = [o.sentence for o in self.objections if o.code in self.blocking]
            text += " Doubt: " + " ".join(dict.fromkeys(words))
        return text

    def to_frame(self) -> pd.DataFrame:
        """Return one row per requirement: ``claim, tier, strength, answer, check, passed, metric, value, low, high,
        n_events, required``; ``passed`` is empty if nothing was found."""
        rows = [
            {
                "claim": self.claim.sentence,
                "tier": self.claim.tier.value,
                "strength": self.claim.strength.value,
                "answer": self.answer,
                "check": c.name,
                "passed": c.passed,
                "metric": c.metric,
                "value": c.value,
                "low": c.low,
                "high": c.high,
                "n_events": c.n_events,
                "required": c.required,
            }
            for c in self.checks
        ]
        frame = pd.DataFrame(
            rows,
            columns=[
                "claim",
                "tier",
                "strength",
                "answer",
                "check",
                "passed",
                "metric",
                "value",
                "low",
                "high",
                "n_events",
                "required",
            ],
        )
        return frame.astype({"passed": "boolean", "n_events": "Int64", "value": float, "low": float, "high": float})

    def _summary(self) -> str:
        return self.sentence if len(self.sentence) < 160 else self.sentence[:159] + "…"
