"""``plan_sections``: the protocol in the order of an analysis plan."""

from __future__ import annotations

from typing import Any

from lbp_prognosis._base import time_words
from lbp_prognosis.study._model_plan import ModelPlan
from lbp_prognosis.study._protocol_fields import protocol_fields, shown_value
from lbp_prognosis.study._score_plan import package_outcome
from lbp_prognosis.study._study import Study
from lbp_prognosis.study._technical_plan import TechnicalPlan
from lbp_prognosis.study._treatment_plan import NEVER
from lbp_prognosis.survival import OutcomeSpec

__all__ = ["declared_outcome", "model_words", "plan_sections", "unstated"]

_ASCERTAINED = {"exact": "dated exactly", "visits": "known at visits", "status": "a state at one visit"}
_CRITERIA = {
    "icc_low": "lower limit of the ICC of a measure, at least",
    "agreement_low": "lower limit of kappa with readers, at least",
    "diagnostic_auc_low": "lower limit of a diagnostic AUC, at least",
    "discrimination": "AUC or concordance of a model, at least",
    "slope_low": "calibration slope, at least",
    "slope_high": "calibration slope, at most",
    "ratio_low": "observed over expected, at least",
    "ratio_high": "observed over expected, at most",
    "events_development": "events in development, at least",
    "events_validation": "events in external validation, at least",
    "alpha": "level of a test of association",
}


def declared_outcome(study: Study) -> OutcomeSpec:
    """Return the outcome as the protocol declares it; no data are read.

    Parameters
    ----------
    study : Study
        The protocol.
    """
    if study.data.package:
        made: Any = package_outcome(study.outcome, study.score)
        spec: OutcomeSpec = made.spec
        return spec
    return study.wide_outcome()


def model_words(plan: ModelPlan) -> str:
    """Return a model of the protocol in words: kind, modalities, formula, options, splines, imputations.

    Parameters
    ----------
    plan : ModelPlan
        One of the study's.
    """
    words = plan.kind.replace("_", " ")
    if plan.modalities:
        words += " of " + ", ".join(name.replace("_", " ") for name in plan.modalities)
    if plan.formula:
        words += f", as {plan.formula}"
    if plan.options:
        words += "; " + ", ".join(f"{key} = {shown_value(value)}" for key, value in plan.options.items())
    if plan.splines:
        words += "; splines of " + ", ".join(f"{column} ({knots} knots)" for column, knots in plan.splines.items())
    if plan.combat:
        words += f"; ComBat of {plan.combat.get('batch', 'site')}"
    if not plan.impute_with_outcome:
        words += "; training rows imputed without the outcome, as new rows are"
    if plan.keep_blocks:
        words += f"; {', '.join(plan.keep_blocks)} missing as a whole stay missing"
    if plan.kind == "null":
        return words
    many = {0: "no imputation", -1: "as many imputations as the share of incomplete rows asks for"}
    return f"{words}; {many.get(plan.imputations, f'{plan.imputations} imputations')} where values are missing"


def plan_sections(study: Study) -> list[Any]:
    """Return headings, paragraphs and tables of the plan.

    Parameters
    ----------
    study : Study
        The protocol.
    """
    spec = declared_outcome(study)
    parts: list[Any] = [(1, "Aim"), _aim(study, spec)]
    parts += [(1, "Data and patients"), _table(_data(study))]
    parts += [(1, "Outcome"), _table(_outcome(study, spec))]
    parts += [(1, "Predictors"), *_predictors(study)]
    parts += [(1, "Models"), _table([(plan.name, model_words(plan)) for plan in study.models], ("model", "how"))]
    parts += [(1, "Validation"), _validation(study)]
    parts += [(1, "Measures"), _measures(study, spec)]
    if study.technical or study.diagnostic:
        parts += [(1, "Readings"), _table(_readings(study), ("measure", "how it is judged"))]
    criteria = [(_CRITERIA[key], shown_value(value)) for key, value in study.to_dict()["criteria"].items()]
    parts += [(1, "What a claim has to reach"), _table(criteria, ("criterion", "value"))]
    parts += [(1, "Release"), _release(study)]
    lacking = unstated(study, spec)
    parts += [(1, "Not stated in the protocol"), *(lacking or ["Nothing of what is looked for."])]
    parts += [(1, "For the authors"), _AUTHORS]
    fields = [(path, shown_value(value)) for path, value in protocol_fields(study.to_dict()).items()]
    return [*parts, (1, "Every field of the protocol"), _table(fields, ("field", "value"))]


_AUTHORS = (
    "This plan cannot say: the sample size and its reason (sample_size_development, sample_size_validation), the "
    "registration, ethics and consent, who assesses the outcome and whether blind to the predictors, and who may see "
    "the results before the analysis is complete."
)


def _table(rows: list[tuple[str, str]], head: tuple[str, str] = ("what", "how")) -> list[list[str]]:
    return [list(head), *(list(row) for row in rows)]


def _aim(study: Study, spec: OutcomeSpec) -> str:
    at = time_words(spec.main_horizon, spec.unit)
    text = f"To develop and internally validate models of the risk of {spec.name} by {at} after {spec.time_zero}."
    if study.comparison:
        first, second = study.comparison
        text += f" To estimate what {second!r} adds to {first!r}."
    return text


def _data(study: Study) -> list[tuple[str, str]]:
    source = f"data package {study.data.package}" if study.data.package else f"table {study.data.wide}"
    rows = [("source", source + (", simulated" if study.data.synthetic else ""))]
    chosen = study.cohort.get("eligibility", ()) or ()
    said = [one.get("label") or f"{one.get('field')} {one.get('op')} {shown_value(one.get('value'))}" for one in chosen]
    if study.data.where:
        said += [f"{column}: {shown_value(value)}" for column, value in study.data.where.items()]
    rows.append(("eligibility", "; ".join(said) or "all rows with an outcome"))
    return [*rows, ("centres", f"column {study.data.site}" if study.data.site else "not named")]


def _outcome(study: Study, spec: OutcomeSpec) -> list[tuple[str, str]]:
    wished = "favourable: decisions concern its absence" if spec.polarity == "good" else "unfavourable"
    schedule = study.outcome.get("schedule")
    return [
        ("name", spec.name),
        ("definition", spec.definition),
        ("kind of event", wished),
        ("time zero", spec.time_zero),
        ("horizons", time_words(spec.horizons, spec.unit)),
        ("main horizon", time_words(spec.main_horizon, spec.unit)),
        ("ascertainment", _ascertained(study, spec)),
        ("visits", f"{shown_value(list(schedule))} {spec.unit}" if schedule else "no schedule"),
        ("competing events", ", ".join(spec.competing) or "none"),
        ("treatment during follow-up", spec.estimand or "not declared"),
        *_strategy(study),
        *_updates(study),
        *_subgroups(study),
    ]


def _subgroups(study: Study) -> list[tuple[str, str]]:
    plan = study.subgroups
    if plan is None:
        return []
    named = [
        f"{name} (cut at {', '.join(f'{cut:g}' for cut in plan.bands[name])})" if name in plan.bands else name
        for name in plan.columns
    ]
    if plan.risk_groups:
        named.append(f"{plan.risk_groups} groups by the out-of-fold risk of {study.comparison[0]}")
    return [("compared by", f"{', '.join(named)}. A group needs {plan.min_events} events, and as many without.")]


def _updates(study: Study) -> list[tuple[str, str]]:
    plan = study.updates
    if plan is None:
        return []
    fixed = f", and {', '.join(plan.fixed)} at time zero" if plan.fixed else ""
    age = "" if plan.max_age is None else f", not older than {plan.max_age:g}"
    times = "once" if plan.imputations == 1 else f"{plan.imputations} times"
    filled = f" Values that are not known are imputed {times}." if plan.imputations else ""
    return [
        (
            "predicted again",
            f"at {', '.join(f'{at:g}' for at in plan.landmarks)}, in those still at risk, for the next {plan.width:g}, "
            f"from the last values of {', '.join(plan.columns)}{age}{fixed}.{filled} Table {plan.table}.",
        )
    ]


def _strategy(study: Study) -> list[tuple[str, str]]:
    plan = study.treatment
    if plan is None:
        return []
    others = "the same" if plan.losses == "history" else "nothing"
    if plan.strategy != NEVER:
        cut = "" if plan.truncate is None else f" Weights above the quantile {plan.truncate:g} are reduced to it."
        return [
            (
                "also judged",
                f"under the strategy “{plan.words}”: follow-up ends at the deviation, and patients are weighted by the "
                f"probability of their course of treatment under the strategy over that in the data, which depends on "
                f"{', '.join(plan.columns)}, and by the inverse of P(observed); other losses "
                f"depend on {others}.{cut} Table {plan.table}.",
            )
        ]
    return [
        (
            "also judged",
            f"as if no patient started {plan.name}: follow-up ends at its start, and patients are weighted by the "
            f"inverse of P(untreated and observed), which depends on {', '.join(plan.columns)}; other losses depend on "
            f"{others}. Table {plan.table}.",
        )
    ]


def _ascertained(study: Study, spec: OutcomeSpec) -> str:
    if study.score is None:
        return _ASCERTAINED[spec.ascertainment]
    visits: dict[float, str] = study.score.visits
    said = f"a score at one visit, column {study.data.score}: {study.score.words}"
    if study.data.package:
        made: Any = package_outcome(study.outcome, study.score)
        visits = dict.fromkeys(made.earlier, made.instrument)
        said = f"a score at one visit, total of {made.instrument}: {study.score.words}; of several totals within "
        said += f"{made.window:.0%} of the time of the visit: {made.choice}"
    earlier = "; ".join(f"{column} at {time_words(time, spec.unit)}" for time, column in visits.items())
    return said + (f"; earlier, for fits alone: {earlier}" if earlier else "")


def _predictors(study: Study) -> list[Any]:
    named = [(name.replace("_", " "), ", ".join(columns)) for name, columns in study.modalities.items()]
    parts: list[Any] = [_table(named, ("modality", "columns"))] if named else ["All columns of the cohort."]
    bent = "; ".join(f"{how} of {', '.join(columns)}" for how, columns in study.transform.items())
    parts.append(
        f"Transformations: {bent or 'none'}. Everything else that is learned from data is learned in the folds."
    )
    if study.retest is not None:
        parts.append(f"Predictors judged by repeated measurements: {study.retest.words}.")
        if study.comparison:
            parts.append("A test of association keeps all of them.")
    pool = study.imaging.get("pool", {})
    if pool:
        parts.append(f"Levels of the spine are pooled: {'; '.join(f'{k}: {shown_value(v)}' for k, v in pool.items())}.")
    if study.biomechanics:
        rules = "; ".join(f"{k}: {shown_value(v)}" for k, v in study.biomechanics.items())
        parts.append(f"Trials of movement become values of sessions by {rules}.")
    if study.clinical_minimum:
        minimum = "; ".join(f"{k.replace('_', ' ')}: {shown_value(v)}" for k, v in study.clinical_minimum.items())
        parts.append(f"Clinical minimum of the comparator: {minimum}.")
    return parts


def _validation(study: Study) -> str:
    plan = study.validation
    text = (
        f"All models are fitted on the same folds: {plan.folds}-fold cross-validation, repeats: {plan.repeats}. "
        "Imputation, coding, splines and tuning are repeated in every fold; a patient's risk is the mean of the "
        "predictions of models that were fitted without the patient."
    )
    if plan.sites:
        text += " Each centre is also predicted by models fitted without it, and performance is pooled over centres."
    return f"{text} Resamples for bands: {plan.resamples}. Seed: {study.seed}."


def _measures(study: Study, spec: OutcomeSpec) -> str:
    text = (
        "Discrimination (AUC, concordance), overall performance (Brier score, IPA), calibration (observed over "
        f"expected, slope, curve), at {time_words(spec.horizons, spec.unit)}, with 95 % intervals. "
        "Differences of models are paired."
    )
    if study.score is not None:
        text = (
            "Predicted distributions of the score: continuous ranked probability score, concordance of predicted and "
            "observed scores, R², mean absolute error, calibration of the mean (intercept, slope, curve), probability "
            f"integral transform. Of the event that the cut defines: {text}"
        )
    t = study.thresholds
    if t is not None:
        text += (
            f" Net benefit at thresholds from {t.low:g} to {t.high:g} in steps of {study.step:g}, main {t.primary:g}: "
            f"{t.rationale}"
        )
    return text


def _readings(study: Study) -> list[tuple[str, str]]:
    rows = [(one.name, f"repeatability of {_repeated(one)}") for one in study.technical]
    for plan in study.diagnostic:
        against = "the grades of readers" if plan.against == "readers" else "an independent standard"
        positive = shown_value(plan.positive)
        rows.append((plan.name, f"{plan.test} against {plan.reference} ({against}), positive from {positive}"))
    return rows


def _repeated(plan: TechnicalPlan) -> str:
    if plan.table == "reading":
        return f"the readings by {', '.join(plan.readers)}"
    apart = " of one session" if plan.days is None else f" within {plan.days:g} days"
    return f"{plan.repeats} {plan.between}{apart}"


def _release(study: Study) -> str:
    page = study.page
    if page["mode"] == "not-for-release" or not (page["mode"] or page["smallest_cell"] or page["release_ledger"]):
        return "The page is not for release."
    return f"The page is released after disclosure control, with the smallest cell {page['smallest_cell'] or 5}."


def unstated(study: Study, spec: OutcomeSpec) -> list[str]:
    """Return the items of a plan that this protocol does not state, one sentence per item.

    Parameters
    ----------
    study : Study
        The protocol.
    spec : OutcomeSpec
        Its outcome.
    """
    looked_for = {
        "Whether this was declared before the data were seen (prespecified).": study.prespecified,
        "How treatment during follow-up is handled (estimand).": bool(spec.estimand),
        "Thresholds of a decision and their reason, so that net benefit can be judged.": study.thresholds is not None,
        "Which columns measure the clinical minimum of the comparator.": bool(study.clinical_minimum)
        or not study.comparison,
        "Which comparison is the main one.": bool(study.comparison) or len(study.models) == 1,
        "Which column is the score at time zero (score.baseline).": study.score is None or bool(study.score.baseline),
    }
    return [words for words, said in looked_for.items() if not said]
