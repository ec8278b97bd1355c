"""Sections Evidence and Objections: verdicts on claims by tier, and all objections."""

from __future__ import annotations

import re
from dataclasses import dataclass

from lbp_prognosis._base import Objection
from lbp_prognosis.evidence import Claim, Tier, Verdict
from lbp_prognosis.report._page import Page
from lbp_prognosis.report._wording import estimate

__all__ = ["Doubt", "Rung", "claim_words", "doubts", "ladder"]


@dataclass(frozen=True)
class Rung:
    """One tier with the verdicts on its claims."""

    tier: str
    question: str
    never: str
    verdicts: tuple[tuple[Verdict, str, tuple[tuple[str, str, str], ...]], ...]


@dataclass(frozen=True)
class Doubt:
    """Objections of one kind, once."""

    code: str
    sentences: tuple[str, ...]
    source: str


def ladder(page: Page) -> tuple[Rung, ...]:
    """Return the four tiers, from the lowest up; each check as (mark, requirement, number)."""
    verdicts = [page.verdict(claim) for claim in page.claims]
    rungs = []
    for tier in Tier:
        mine = [v for v in verdicts if v.claim.tier is tier]
        rungs.append(
            Rung(
                tier.value,
                tier.question,
                tier.never_claims,
                tuple((v, claim_words(v.claim), _checks(v)) for v in mine),
            )
        )
    return tuple(rungs)


def claim_words(claim: Claim) -> str:
    """Return the claim, its first letter a capital."""
    return claim.sentence[:1].upper() + claim.sentence[1:]


def _checks(verdict: Verdict) -> tuple[tuple[str, str, str], ...]:
    marks = {True: "met", False: "not met", None: "missing"}
    return tuple(
        (
            marks[check.passed],
            check.name,
            ""
            if check.metric in ("", "n_events") and check.value != check.value
            else f"{check.value:,.0f}"
            if check.metric == "n_events"
            else estimate(check.value, check.low, check.high),
        )
        for check in verdict.checks
    )


def doubts(objections: tuple[Objection, ...], models: tuple[str, ...]) -> tuple[Doubt, ...]:
    """Return objections by code; an objection to several models is listed once."""
    names = "|".join(re.escape(name) for name in sorted(models, key=len, reverse=True))
    found: dict[str, dict[str, None]] = {}
    sources: dict[str, str] = {}
    for objection in objections:
        sentence = re.sub(rf"^(?:{names}): ", "", objection.sentence) if names else objection.sentence
        found.setdefault(objection.code, {})[sentence] = None
        sources.setdefault(objection.code, objection.source)
    return tuple(Doubt(code, tuple(sentences), sources[code]) for code, sentences in found.items())
