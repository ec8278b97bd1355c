"""``probast_ai``: the signalling questions of PROBAST+AI, answered from the run where they can be computed."""

from __future__ import annotations

from typing import Any

from lbp_prognosis._base import argument_error
from lbp_prognosis.deployment import PublishedModel
from lbp_prognosis.report._page import Page
from lbp_prognosis.report._probast_form import Fact, ProbastForm, form_of
from lbp_prognosis.report._probast_of_page import facts_of_page
from lbp_prognosis.report._probast_of_published import facts_of_published, facts_of_validation
from lbp_prognosis.report._released_page import released_page
from lbp_prognosis.validation import ExternalValidation

__all__ = ["probast_ai"]


def probast_ai(
    study: Any, *, model: str = "", validation: ExternalValidation | None = None, smallest_cell: int = 5
) -> ProbastForm:
    """Return the form of PROBAST+AI with computed facts, and "needs a reviewer" for all other questions.

    Parameters
    ----------
    study : StudyResult, Page or PublishedModel
        A study (or its page), or a published model. If the study's page is released, the form contains only numbers of
        that page.
    model : str, default ""
        Model of a study; by default the model with the addition, else the first.
    validation : ExternalValidation, optional
        Validation of a published model, for the evaluation part. Its numbers have not passed the disclosure gate, so
        the form is not for release.
    smallest_cell : int, default 5
        Counts of events in ``validation`` that single out fewer patients are not shown.

    Returns
    -------
    ProbastForm
        ``to_frame``, ``to_html``, ``to_markdown``, ``to_word``. The form rates no domain and has no summary judgement.

    Notes
    -----
    Suggested answers follow from arithmetic: events per candidate parameter (below 10 probably no, from 20 on probably
    yes) and 100 events in an evaluation, two rules of thumb that are not part of the tool; an upper limit of the
    out-of-fold calibration slope below 1, alarms of the search for leaks, and which measures were computed.

    References
    ----------
    Moons KGM, Damen JAA, Kaul T, et al. PROBAST+AI. BMJ 2025;388:e082505. doi:10.1136/bmj-2024-082505

    Examples
    --------
    >>> from lbp_prognosis.deployment import published_model
    >>> from lbp_prognosis.report import probast_ai
    >>> form = probast_ai(published_model("verwoerd_2024")).to_frame()
    >>> form.query("part == 'development' and item == '4.1'")[["fact", "suggested"]].values.tolist()
    [['62 events, 13 parameters of the final model: at most 4.8 events per parameter.', 'probably no']]
    """
    if validation is not None and not isinstance(validation, ExternalValidation):
        raise argument_error("validation", "the result of external_validate", validation)
    if isinstance(study, PublishedModel):
        return _of_published(study, model, validation, smallest_cell)
    page = study if isinstance(study, Page) else study.page() if hasattr(study, "page") else None
    if not isinstance(page, Page):
        raise argument_error("study", "the result of a study, a Page or a PublishedModel", study)
    if validation is not None:
        raise argument_error("validation", "left out for a study, which brings its own", validation)
    page = released_page(page)
    names = page.evaluation.models
    chosen = model or (page.comparison[1] if page.comparison else _first(page))
    if chosen not in names:
        raise argument_error("model", "one of " + ", ".join(map(repr, names)), repr(model))
    return form_of(
        f"{page.title} – {chosen}",
        facts_of_page(page, chosen),
        released=page.release is not None,
        synthetic=page.synthetic,
    )


def _first(page: Page) -> str:
    plans = page.provenance.get("study", {}).get("models", ())
    learned = [str(plan["name"]) for plan in plans if plan["kind"] != "null"]
    return learned[0] if learned else page.evaluation.models[0]


def _of_published(
    study: PublishedModel, model: str, validation: ExternalValidation | None, smallest_cell: int
) -> ProbastForm:
    facts = facts_of_published(study)
    if validation is None:
        facts["evaluation", "4.1"] = Fact("No evaluation was given.")
        return form_of(study.provenance["title"], facts, released=True)
    names = validation.evaluation.models
    chosen = model or (names[0] if len(names) == 1 else study.name)
    if chosen not in names:
        raise argument_error("model", "one of " + ", ".join(map(repr, names)), repr(chosen))
    facts |= facts_of_validation(validation, chosen, smallest_cell)
    return form_of(study.provenance["title"], facts, released=False, synthetic=validation.synthetic)
