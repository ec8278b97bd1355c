"""Section Summary: one sentence and five numbers."""

from __future__ import annotations

from lbp_prognosis._base import DASH
from lbp_prognosis.evidence import Verdict
from lbp_prognosis.report._blocks import Block, Notice, Numbers, Section, Words
from lbp_prognosis.report._page import Page
from lbp_prognosis.report._section_ladder import claim_words
from lbp_prognosis.report._wording import number, signed

__all__ = ["section_answer"]


def section_answer(page: Page) -> Section:
    """Return the conclusion of the page, its limits, and the headline numbers."""
    blocks: list[Block] = []
    if page.release is not None and page.release.insufficient:
        words = (
            f"Nothing is released: {page.release.insufficient}. These numbers are only for those who may see the data."
        )
        return Section("answer", "In short", (Notice(words, "absent"),))
    items = []
    for row in page.headline.itertuples():
        difference = str(row.label).startswith("Δ")
        shown = signed if difference else number
        why = str(getattr(row, "reason", "") or "")
        between = f"{shown(row.low)} to {shown(row.high)}" if number(row.low) != DASH else why or "no interval"
        items.append((str(row.label), shown(row.value), between, page.sample))
    if items:
        blocks.append(Numbers(tuple(items)))
    for kind in ("adds_value", "predicts"):
        claims = [c for c in page.claims if c.kind == kind and c.strength == "development"]
        if claims:
            blocks.append(Words(_sentence(page.verdict(claims[-1]))))
            break
    blocks += [Notice(words, "absent") for words in page.absent]
    blocks.append(Words(page.how))
    return Section("answer", "", tuple(blocks))


def _sentence(verdict: Verdict) -> str:
    failed = [check.name for check in verdict.checks if check.passed is False]
    text = f"“{claim_words(verdict.claim)}” is {verdict.answer} by these data."
    if failed:
        text += " Not met: " + "; ".join(failed) + "."
    if verdict.missing:
        text += " Missing: " + "; ".join(verdict.missing) + "."
    return text
