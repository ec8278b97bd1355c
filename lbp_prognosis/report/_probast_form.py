"""``ProbastForm``: the questions of PROBAST+AI with facts from the run, for a reviewer to answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from lbp_prognosis._base import Document
from lbp_prognosis.evidence import probast_ai_items
from lbp_prognosis.report._reporting_form import ReportingForm, banners

__all__ = ["REVIEWER", "SUGGESTED", "Fact", "ProbastForm", "form_of"]

REVIEWER = "needs a reviewer"
SUGGESTED = ("yes", "probably yes", "probably no", "no", "not applicable", REVIEWER)
_NOTE = (
    "Questions of PROBAST+AI (Moons et al. 2025, doi:10.1136/bmj-2024-082505), paraphrased: consult the tool itself. "
    "“Counted” is what the results say; an answer is suggested only where it follows from a number or a check, and "
    "every other question needs a reviewer. Suggested answers are for a reviewer to confirm or to replace."
)


class Fact(NamedTuple):
    """The fact for a question, and the answer that follows from it."""

    text: str
    suggested: str = REVIEWER


@dataclass(frozen=True, repr=False)
class ProbastForm(ReportingForm):
    """Facts for the signalling questions of PROBAST+AI; the judgement stays with a reviewer.

    Attributes
    ----------
    title : str
        Study and model.
    table : DataFrame
        ``part, domain, item, kind, question, fact, suggested``. ``suggested`` is ``yes``, ``probably yes``, ``probably
        no``, ``no`` or ``not applicable`` if it follows from arithmetic, else ``needs a reviewer``.
    released : bool
        Whether all numbers passed the disclosure gate, so that the form may be released.
    synthetic : bool
        Whether the data were simulated.
    """

    def document(self) -> Document:
        """Return the form with an empty column for the reviewer."""
        parts: list[object] = [_NOTE]
        words = {"development": "Development: quality", "evaluation": "Evaluation: risk of bias"}
        for part, rows in self.table.groupby("part", sort=False):
            parts.append((1, words[str(part)]))
            for domain, some in rows.groupby("domain", sort=False):
                cells = [["item", "question", "counted", "suggested answer", "reviewer"]]
                cells += [
                    [r["item"], r["question"], r["fact"] or "nothing", r["suggested"], ""]
                    for r in some.to_dict("records")
                ]
                parts += [(2, str(domain).capitalize()), cells]
        top = banners(released=self.released, synthetic=self.synthetic)
        return Document(f"PROBAST+AI: {self.title}", tuple(parts), top)  # type: ignore[arg-type]

    def _summary(self) -> str:
        asked = self.table[self.table["kind"] == "signalling"]
        open_ = int((asked["suggested"] == REVIEWER).sum())
        return f"{self.title!r}, {len(asked)} signalling questions, {open_} need a reviewer"


def form_of(
    title: str, facts: Mapping[tuple[str, str], Fact], *, released: bool, synthetic: bool = False
) -> ProbastForm:
    """Return the form with facts by (part, item); questions without a fact need a reviewer.

    Parameters
    ----------
    title : str
        Study and model.
    facts : mapping of (str, str) to Fact
        The facts.
    released, synthetic : bool
        See `ProbastForm`.
    """
    items = probast_ai_items()
    found = [facts.get((part, item), Fact("")) for part, item in zip(items["part"], items["item"])]
    table = items[["part", "domain", "item", "kind", "question"]].assign(
        fact=[fact.text for fact in found], suggested=[fact.suggested for fact in found]
    )
    return ProbastForm(title, table, released, synthetic)
