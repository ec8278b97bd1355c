"""``facts_of_published``: facts for PROBAST+AI from a publication and an external validation of its model."""

from __future__ import annotations

from typing import Any

from lbp_prognosis.deployment import PublishedModel
from lbp_prognosis.disclosure import Gate
from lbp_prognosis.report._probast_checks import (
    LEAKS,
    OUTCOME_IN_PREDICTORS,
    alarm,
    enough_events,
    events_per_parameter,
    measures,
)
from lbp_prognosis.report._probast_form import Fact
from lbp_prognosis.validation import ExternalValidation

__all__ = ["facts_of_published", "facts_of_validation"]


def facts_of_published(model: PublishedModel) -> dict[tuple[str, str], Fact]:
    """Return facts on development by (part, item), from the registry's entry.

    Parameters
    ----------
    model : PublishedModel
        With ``provenance``.
    """
    entry: dict[str, Any] = model.provenance
    where = f"doi:{entry['doi']}" if entry.get("doi") else entry.get("source", "")
    told = {
        "1.1": f"Read from {where}: {entry['read']}.",
        "1.3": f"{entry['population'][:1].upper()}{entry['population'][1:]}; {_count(entry['n'])} patients.",
        "2.1": _predictors(entry),
        "3.1": f"{entry['outcome'][:1].upper()}{entry['outcome'][1:]}.",
        "3.4": f"Horizon {entry['horizon']:g} {entry['time_unit']}." if entry.get("horizon") else "",
    }
    out = {("development", item): Fact(text) for item, text in told.items() if text}
    out["development", "4.1"] = events_per_parameter(
        entry["events"], _parameters(entry) or None, "parameters of the final model", at_most=True
    )
    return out


def facts_of_validation(found: ExternalValidation, model: str, smallest_cell: int) -> dict[tuple[str, str], Fact]:
    """Return facts on evaluation by (part, item), from an external validation.

    Parameters
    ----------
    found : ExternalValidation
        Of the model.
    model : str
        Its name in it.
    smallest_cell : int
        Counts of fewer patients are not shown.
    """
    times = found.evaluation.horizons
    horizon = float(times[-1])
    keeps = Gate(smallest_cell=smallest_cell).keeps([found.n_events, found.n - found.n_events])
    kind = f"external, {found.kind}" if found.external else "a random split of the same patients"
    people = found.description or "not described"
    out = {
        "1.1": Fact(f"Evaluated patients: {people}."),
        "1.2": Fact(f"The evaluated patients are {kind}."),
        "1.3": Fact(f"{found.n} patients evaluated."),
        "2.4": Fact("Dates of predictors are not checked in an external validation."),
        "3.3": alarm(
            found.objections, OUTCOME_IN_PREDICTORS, "The search for leaks found no predictor that repeats the outcome."
        ),
        "3.4": Fact(f"Horizons {', '.join(f'{h:g}' for h in times)}."),
        "4.1": Fact(f"Evaluations: {kind}.", "yes"),
        "4.2": enough_events(found.n, found.n_events if keeps else None),
        "4.5": alarm(found.objections, LEAKS, "The model was not fitted to these patients; no alarm of a leak."),
        "4.7": measures(found.evaluation, model, horizon, f"At {horizon:g}, {kind}"),
    }
    if not found.external:
        out["4.5"] = Fact("A random split: the patients are those of development.")
    return {("evaluation", item): fact for item, fact in out.items()}


def _count(n: int | None) -> str:
    return "an unknown number of" if n is None else f"{n:,}"


def _parameters(entry: dict[str, Any]) -> int:
    return sum(len(p["levels"]) - 1 if "levels" in p else 1 for p in entry.get("predictors", ()))


def _predictors(entry: dict[str, Any]) -> str:
    found = entry.get("predictors", ())
    if not found:
        return ""
    coded = sum(bool(p["coding"] or p["unit"]) for p in found)
    return f"{len(found)} predictors; unit or coding is known of {coded}."
