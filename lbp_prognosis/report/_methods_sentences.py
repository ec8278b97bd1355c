"""``methods_sentences``: paragraphs for Methods, from the protocol that ran."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from lbp_prognosis._base import time_words
from lbp_prognosis.report._imputation_of import completed_tables, inner_models, is_complete, uses_outcome
from lbp_prognosis.report._manuscript_text import ManuscriptText, page_of, text_of
from lbp_prognosis.report._page import Page
from lbp_prognosis.report._wording import joined, readable, spoken

__all__ = ["methods_sentences"]

_KINDS = {
    "null": "a null model without predictors",
    "cox": "a Cox proportional hazards model",
    "cause_specific_cox": "cause-specific Cox models combined into a cumulative incidence",
    "fine_gray": "a Fine–Gray subdistribution hazards model",
    "discrete_time_hazard": "a discrete-time hazard model",
    "logistic": "a logistic regression model",
    "boosted_cox": "gradient-boosted trees with a Cox partial likelihood",
    "boosted_aft": "gradient-boosted trees with an accelerated failure time likelihood",
    "boosted_hazard": "gradient-boosted trees for the discrete-time hazard",
    "elastic_net_cox": "a Cox model with an elastic net penalty",
    "royston_parmar": "a Royston–Parmar flexible parametric model",
    "parametric_aft": "a parametric accelerated failure time model",
    "priority_cox": "Cox models fitted block by block in order of priority",
    "multimodal_net": "a neural network with one branch per modality",
    "average": "an average of models",
    "stacked": "a stack of models",
    "patterns": "one model per pattern of available modalities",
    "risk_stratifier": "a model with risk groups learned in the training data",
    "published": "a published model, applied as published",
    "ordinal_regression": "an ordinal regression model of the score",
    "linear_outcome": "a linear regression model of the score",
    "two_part_outcome": "a two-part model of the score (logistic at the floor, ordinal above it)",
    "boosted_outcome": "gradient-boosted trees of the distribution of the score",
    "longitudinal_outcome": "a model for repeated measures of the score at all visits",
}
_ASCERTAINED = {
    "exact": "Events were dated exactly.",
    "visits": "The state was known only at visits, so event times are interval-censored.",
    "status": "The state was recorded at one visit.",
}
_ESTIMANDS = {
    "treatment-policy": "Risks are those under the care given, whatever it was (treatment-policy estimand).",
    "while-untreated": "Treatment during follow-up ended the period at risk (while-untreated estimand).",
    "composite": "Treatment during follow-up counted as part of the event (composite estimand).",
    "hypothetical": "Risks are those if no patient were treated during follow-up (hypothetical estimand).",
}


def methods_sentences(result: Any) -> ManuscriptText:
    """Return paragraphs for Methods: outcome, predictors, models, missing data, validation, measures, software.

    Parameters
    ----------
    result : StudyResult or Page
        Result of a study, or its page. If the page is released, the text contains only what the page contains.

    Returns
    -------
    ManuscriptText
        ``text``, ``paragraphs``; the same result gives the same bytes. Authors must add items that the protocol does
        not state: setting, ethics, assessors of the outcome.
    """
    page = page_of(result)
    study: Mapping[str, Any] = page.provenance.get("study", {})
    paragraphs = {
        "Outcome": _outcome(page, study.get("score")),
        "Predictors": _predictors(page, study),
        "Models": _models(study),
        "Missing data": _missing(page, study),
        "Validation": _validation(page, study),
        "Measures": _measures(page, study),
        "Software and protocol": _software(page, study),
    }
    return text_of("Methods", page, paragraphs)


def _score(score: Mapping[str, Any], unit: str) -> str:
    """Return how a score was recorded, and that models were fitted to the score and not to the event."""
    cut = f"at most {score['at_most']:g}" if score["at_most"] is not None else f"at least {score['at_least']:g}"
    said = (
        f"A score from {score['lower']:g} to {score['upper']:g} was recorded at one visit; models predicted its "
        f"distribution, and the risk of the event, a score of {cut}, follows from it."
    )
    if score["earlier"]:
        times = joined([f"{float(time):g}" for time in score["earlier"]])
        said += f" Scores at {times} {unit} were used only to fit models of repeated measures."
    for key, words in (
        ("smallest_detectable", "smallest detectable change"),
        ("important", "minimal important change"),
    ):
        if score[key] is not None:
            said += f" The {words} was taken as {score[key]:g} points."
    return said


def _outcome(page: Page, score: Mapping[str, Any] | None) -> list[str]:
    spec = page.outcome
    if spec is None:
        return []
    definition = spoken(spec.definition.rstrip("."))
    definition = definition[:1].lower() + definition[1:] if definition[1:2].islower() else definition
    times = joined([f"{h:g}" for h in spec.horizons])
    said = [
        f"The outcome was {spec.name} ({definition}); time zero was the {spec.time_zero.removeprefix('the ')}.",
        f"Risks were predicted by {times} {spec.unit}; the main horizon was {page.time}."
        if len(spec.horizons) > 1
        else f"Risks were predicted by {time_words(spec.horizons, spec.unit)}.",
        _score(score, spec.unit) if score else _ASCERTAINED[spec.ascertainment],
    ]
    if spec.competing:
        said.append(f"{joined(list(spec.competing)).capitalize()} counted as competing.")
    said.append(_ESTIMANDS.get(spec.estimand, "How treatment during follow-up is handled was not declared."))
    return said


def _predictors(page: Page, study: Mapping[str, Any]) -> list[str]:
    groups = study.get("modalities") or {}
    said = []
    if groups:
        named = {name: [readable(column) for column in columns] for name, columns in groups.items()}
        parts = [
            f"{readable(name)} ({('; ' if any(',' in one for one in columns) else ', ').join(columns)})"
            for name, columns in named.items()
        ]
        said.append(f"Predictors were {joined(parts)}.")
    words = {"log1p": "The logarithm of 1 plus the value", "log": "The logarithm", "sqrt": "The square root"}
    said += [
        f"{words[how]} was used for {joined([readable(c) for c in columns])}."
        for how, columns in (study.get("transform") or {}).items()
    ]
    if retest := study.get("retest"):
        judged = joined([readable(column) for column in retest["columns"]]) or "Each predictor measured repeatedly"
        source = "other patients" if retest["external"] else "the patients of each training set"
        said.append(
            f"{judged[:1].upper()}{judged[1:]} remained in a model if the lower {retest['confidence']:.0%} confidence "
            f"limit of the intraclass correlation ({retest['form']}) of {len(retest['tables'])} measurements in "
            f"{source} was at least {retest['minimum']:g}."
        )
        if page.association is not None:
            said.append("The test of association kept all of them.")
    return said


def _models(study: Mapping[str, Any]) -> list[str]:
    said = []
    for plan in study.get("models", ()):
        text = f"Model “{plan['name']}” was {_KINDS[plan['kind']]}"
        if plan["modalities"]:
            text += f" of {joined([readable(name) for name in plan['modalities']])} predictors"
        inner = inner_models(plan)
        options = [f"{key.replace('_', ' ')} {value}" for key, value in plan["options"].items() if key not in inner]
        if options:
            text += f" ({', '.join(options)})"
        if plan["splines"]:
            splines = [f"{readable(column)} ({knots} knots)" for column, knots in plan["splines"].items()]
            text += f", with restricted cubic splines of {joined(splines)}"
        if plan.get("formula"):
            text += f", with the terms {plan['formula']}"
        if plan.get("combat"):
            text += f", after harmonisation of {readable(plan['combat'].get('batch', 'site'))} by ComBat"
        said.append(text + ".")
    return said


def _missing(page: Page, study: Mapping[str, Any]) -> list[str]:
    plans = [plan for plan in study.get("models", ()) if plan["kind"] != "null"]
    if not plans:
        return []
    if is_complete(page):
        return ["No predictor had missing values."]
    made = {plan["name"]: completed_tables(plan) for plan in plans}
    counts = sorted({count for found in made.values() for count in found if count != 0})
    bare = [f"“{name}”" for name, found in made.items() if found == {0}]
    said = []
    if counts:
        many = "a number of completed tables that followed the share of incomplete rows"
        tables = joined([many if count < 0 else f"{count} completed tables" for count in counts])
        said.append(
            f"Missing values of predictors were imputed by chained equations ({tables}) inside every fold, "
            f"{_with_outcome(plans)}."
        )
    if bare:
        said.append(f"{joined(bare)} used missing values without imputation.")
    return said


def _with_outcome(plans: Sequence[Mapping[str, Any]]) -> str:
    """Say in which rows the outcome was used to impute."""
    used = {str(plan["name"]): uses_outcome(plan) for plan in plans}
    blind = [name for name, found in used.items() if False in found]
    if not any(True in found for found in used.values()):
        return "without the outcome, in training as at prediction"
    but = [f"“{name}”" if used[name] == {False} else f"some learners of “{name}”" for name in blind]
    told = f" (without it for {joined(but)})" if but else ""
    return f"with the outcome in training{told} and without it at prediction"


def _validation(page: Page, study: Mapping[str, Any]) -> list[str]:
    plan = study.get("validation")
    if not plan:
        return [page.how]
    times = {1: "", 2: ", repeated twice"}.get(plan["repeats"], f", repeated {plan['repeats']} times")
    said = [
        f"All models were validated on the same folds of a {plan['folds']}-fold cross-validation{times}; every step, "
        "from imputation to fit, was repeated in each fold.",
        "Each patient's risk was predicted by models fitted without that patient.",
    ]
    if page.sites is not None:
        said.append(
            "Each centre was also predicted by models fitted without it, and performance was pooled over centres by "
            "random effects (REML, Hartung–Knapp intervals)."
        )
    return said


def _measures(page: Page, study: Mapping[str, Any]) -> list[str]:
    said = [
        "Discrimination was measured by the area under the time-dependent ROC curve (AUC), overall performance by the "
        "index of prediction accuracy (IPA), calibration by the ratio of observed to expected events (O/E) and the "
        "calibration slope, with 95 % intervals.",
        "Intervals are conditional on the fitted models.",
    ]
    if study.get("score"):
        said[:1] = [
            "The predicted distributions of the score were assessed by the continuous ranked probability score (CRPS), "
            "the concordance of predicted and observed scores, R², the mean absolute error, and intercept and slope "
            "of observed on predicted mean scores.",
            "The risk of the event was assessed by the area under the ROC curve (AUC), the index of prediction "
            "accuracy (IPA), the ratio of observed to expected events (O/E) and the calibration slope, with 95 % "
            "intervals.",
        ]
    t = page.thresholds
    if t is not None:
        said.append(
            f"Net benefit was assessed at thresholds from {t.low:g} to {t.high:g}, primarily {t.primary:g}: "
            f"{t.rationale.rstrip('.')}."
        )
    if study.get("prespecified"):
        said.append("Horizons, thresholds and criteria were declared before the data were seen.")
    return said


def _software(page: Page, study: Mapping[str, Any]) -> list[str]:
    versions = page.provenance.get("versions", {})
    said = []
    if versions.get("lbp_prognosis"):
        said.append(
            f"Analyses used lbp_prognosis {versions['lbp_prognosis']} with Python {versions.get('python', '')}."
        )
    if page.provenance.get("spec_sha256"):
        digest = page.provenance["spec_sha256"]
        said.append(f"The protocol has the SHA-256 {digest}; the seed was {page.provenance.get('seed')}.")
    if page.release is not None:
        said.append("Numbers passed a disclosure gate: small counts are merged, and estimates are rounded.")
    return said
