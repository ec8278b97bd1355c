"""``tripod_ai``: the items of TRIPOD+AI with the answers of a run; the others are for the authors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lbp_prognosis._base import Document
from lbp_prognosis.evidence import tripod_ai_items
from lbp_prognosis.report._imputation_of import completed_tables, is_complete
from lbp_prognosis.report._manuscript_text import page_of
from lbp_prognosis.report._methods_sentences import methods_sentences
from lbp_prognosis.report._page import Page
from lbp_prognosis.report._probast_ai import probast_ai
from lbp_prognosis.report._reporting_form import ReportingForm, banners
from lbp_prognosis.report._results_sentences import results_sentences

__all__ = ["TripodForm", "tripod_ai"]

_NOTE = (
    "Items of TRIPOD+AI (Collins et al. 2024, doi:10.1136/bmj-2023-078378), summarised: consult the statement. Answers "
    "come from the run; every other item is for the authors, and a filled item may need more than the run contains."
)
# item to headings of Methods and of Results whose paragraphs answer it
_METHODS = {
    "8a": ("Outcome",),
    "9b": ("Predictors",),
    "11": ("Missing data",),
    "12a": ("Validation",),
    "12b": ("Predictors", "Models"),
    "12c": ("Models", "Validation"),
    "12e": ("Measures",),
    "12g": ("Validation",),
    "18c": ("Software and protocol",),
}
_RESULTS = {
    "20a": ("Patients",),
    "21": ("Patients",),
    "23a": ("Discrimination and overall performance", "Calibration", "Added value", "Net benefit"),
    "23b": ("Sites left out",),
    "26": ("Limitations",),
}
_FACTS = {"7": "2.2", "10": "4.1", "13": "4.4", "20b": "4.3"}  # of development in PROBAST+AI


@dataclass(frozen=True, repr=False)
class TripodForm(ReportingForm):
    """Items of TRIPOD+AI with the answers of a run.

    Attributes
    ----------
    title : str
        Title of the study.
    table : DataFrame
        ``item, section, text, answer, filled``; an answer is empty if the authors have to write it.
    released : bool
        Whether all numbers passed the disclosure gate, so that the form may be released.
    synthetic : bool
        Whether the data were simulated.
    """

    def document(self) -> Document:
        """Return the form, a table per section."""
        parts: list[Any] = [_NOTE]
        for section, rows in self.table.groupby("section", sort=False):
            cells = [["item", "what to report", "answer"]]
            cells += [[r["item"], r["text"], r["answer"] or "for the authors"] for r in rows.to_dict("records")]
            parts += [(1, str(section).capitalize()), cells]
        top = banners(released=self.released, synthetic=self.synthetic)
        return Document(f"TRIPOD+AI: {self.title}", tuple(parts), top)

    def _summary(self) -> str:
        return f"{self.title!r}, {int(self.table['filled'].sum())} of {len(self.table)} items have an answer"


def tripod_ai(result: Any) -> TripodForm:
    """Return the items of TRIPOD+AI with the answers of a study.

    Parameters
    ----------
    result : StudyResult or Page
        Result of a study, or its page. If the page is released, the form contains only numbers of that page.

    Returns
    -------
    TripodForm
        ``to_frame``, ``to_html``, ``to_markdown``, ``to_word``.

    See Also
    --------
    tripod_ai_answers : The same from single results, without a study.

    References
    ----------
    Collins GS, Moons KGM, Dhiman P, et al. TRIPOD+AI statement. BMJ 2024;385:e078378. doi:10.1136/bmj-2023-078378
    """
    page = page_of(result)
    answers = _answers(page)
    items = tripod_ai_items()
    items["answer"] = [answers.get(item, "") for item in items["item"]]
    items["filled"] = items["answer"] != ""
    table = items[["item", "section", "text", "answer", "filled"]]
    return TripodForm(page.title, table, page.release is not None, page.synthetic)


def _answers(page: Page) -> dict[str, str]:
    if page.release is not None and page.release.insufficient:
        return {}
    out: dict[str, str] = {}
    for headings, text in ((_METHODS, methods_sentences(page)), (_RESULTS, results_sentences(page))):
        for item, wanted in headings.items():
            said = [text.paragraphs[heading] for heading in wanted if heading in text.paragraphs]
            out[item] = " ".join(said)
    facts = probast_ai(page).to_frame().set_index(["part", "item"])["fact"]
    out |= {item: str(facts["development", question]) for item, question in _FACTS.items()}
    study: Mapping[str, Any] = page.provenance.get("study", {})
    if page.sites is not None:
        out["12d"] = "Each centre was predicted by models fitted without it; performance was pooled by random effects."
    if page.outcome is not None and page.outcome.estimand:
        out["6c"] = f"Treatment during follow-up is handled by the estimand {page.outcome.estimand!r}."
    if page.outcome is not None:
        out["15"] = f"The output is the probability of {page.outcome.name} by each horizon, between 0 and 1."
        t = page.thresholds
        if t is not None:
            told = f"Thresholds {t.low:g} to {t.high:g}, main {t.primary:g}: {t.rationale.rstrip('.')}."
            out["15"] = f"{out['15']} {told}"
    imputing = [plan for plan in study.get("models", ()) if plan["kind"] != "null" and completed_tables(plan) != {0}]
    if imputing and not is_complete(page):
        out["27a"] = "Missing predictors of a new patient are imputed from the others, without the outcome."
    return out
