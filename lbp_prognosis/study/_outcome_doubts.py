"""Objections to the outcome: its estimand, and predictors from the same measurement."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from lbp_prognosis._base import FeatureMap, Objection, objection
from lbp_prognosis.evidence import shared_constructs
from lbp_prognosis.instruments import same_construct
from lbp_prognosis.study._motion_doubts import motion_doubts
from lbp_prognosis.study._study import Study
from lbp_prognosis.survival import OutcomeSpec

__all__ = ["outcome_doubts"]


def outcome_doubts(
    study: Study, spec: OutcomeSpec, modalities: FeatureMap, known: Sequence[Objection] = ()
) -> tuple[Objection, ...]:
    """Return the objections of the cohort, and those of the outcome given the chosen predictors.

    The objection to a change score is raised here, because only here it is known whether the baseline is a predictor.
    """
    used = {plan.name: set(plan.columns(modalities)) if plan.kind != "null" else set[str]() for plan in study.models}
    added: set[str] = set()
    if study.comparison:
        without, extended = study.comparison
        added = used[extended] - used[without]
    # the presence of a value does not select patients by the value
    rules = [rule for rule in study.cohort.get("eligibility", ()) if rule.get("op") != "present"]
    entry = [str(rule["field"]) for rule in rules if "field" in rule]
    shared = shared_constructs(
        spec.constructs,
        [c for c in modalities.columns if any(c in columns for columns in used.values())],
        measures={name: same_construct(name) for name in spec.constructs},
        change=spec.change,
        entry=entry,
        added=added,
    )
    unadjusted = _without_baseline(study, used)
    before = [doubt for doubt in known if doubt.code != "change-from-baseline"]
    return tuple(dict.fromkeys((*before, *spec.doubts, *shared, *unadjusted, *motion_doubts(study, modalities))))


def _without_baseline(study: Study, used: Mapping[str, set[str]]) -> tuple[Objection, ...]:
    """Return an objection to models of a score without the score at time zero, if its column is known."""
    column = "" if study.score is None else study.score.baseline
    lacking = [name for name, columns in used.items() if column and column not in columns]
    return (objection("baseline-not-in-model", column=column, models=", ".join(lacking)),) if lacking else ()
