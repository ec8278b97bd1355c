"""``forbidden_words``: words a tier does not allow."""

from __future__ import annotations

import re

from lbp_prognosis.evidence._tier import Tier

__all__ = ["forbidden_words"]

_CAUSAL = (
    "cause",
    "causes",
    "caused",
    "because of",
    "due to",
    "lead to",
    "leads to",
    "reduces",
    "prevents",
    "effect of treatment",
)
_BENEFIT = (
    "improves outcomes",
    "improved outcomes",
    "benefits patients",
    "select treatment",
    "selects treatment",
    "guides therapy",
    "guides treatment",
    "should be treated",
)
_FUTURE = ("predicts", "prognostic", "foretells", "will recover", "prognosis")
_DETECTION = ("detects", "diagnoses", "diagnostic", "identifies the pain generator", "accuracy")
_WORDS: dict[Tier, tuple[str, ...]] = {
    Tier.TECHNICAL: (*_DETECTION, *_FUTURE, *_BENEFIT, *_CAUSAL),
    Tier.DIAGNOSTIC: (*_FUTURE, *_BENEFIT, *_CAUSAL, "identifies the pain generator"),
    Tier.PROGNOSTIC: (*_BENEFIT, *_CAUSAL),
    Tier.UTILITY: ("improves outcomes", "improved outcomes", "benefits patients", *_CAUSAL),
}


def forbidden_words(text: str, tier: str | Tier) -> tuple[str, ...]:
    """Return the words in a text that evidence of this tier does not allow.

    Parameters
    ----------
    text : str
        A sentence of a report.
    tier : {"technical", "diagnostic", "prognostic", "utility"}
        Tier of the evidence behind the sentence.

    Examples
    --------
    >>> from lbp_prognosis.evidence import forbidden_words
    >>> forbidden_words("Modic changes cause pain and hurt.", "prognostic")
    ('cause',)
    """
    lowered = text.lower()
    return tuple(dict.fromkeys(word for word in _WORDS[Tier(tier)] if re.search(rf"\b{re.escape(word)}\b", lowered)))
