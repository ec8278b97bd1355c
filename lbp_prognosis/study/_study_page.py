"""``study_page``: the results of a study as a page."""

from __future__ import annotations

from typing import Any

import pandas as pd

from lbp_prognosis._base import Result, time_words
from lbp_prognosis.cohort import table_one_of
from lbp_prognosis.report import Page
from lbp_prognosis.schema import instrument_ranges, table_schemas
from lbp_prognosis.study._candidate_parameters import candidate_parameters
from lbp_prognosis.study._retest_plan import RetestPlan
from lbp_prognosis.study._study_findings import StudyFindings
from lbp_prognosis.study._study_scores import study_scores
from lbp_prognosis.survival import outcome_kind

__all__ = ["study_page"]

SAMPLE = "out of fold"


def study_page(result: StudyFindings) -> Page:
    """Return the page of a study.

    Parameters
    ----------
    result : StudyFindings
        Results of the study.
    """
    study, data = result.study, result.data
    absent = tuple(o.sentence for o in data.objections if o.code == "no-imaging")
    return Page(
        title=study.title,
        evaluation=result.evaluation,
        horizon=result.horizon,
        evidence=result.evidence,
        claims=result.claims,
        sample=SAMPLE,
        how=_how(result),
        outcome=data.spec,
        unit=data.spec.unit,
        comparison=study.comparison,
        addition=_addition(result),
        headline=result.headline(),
        thresholds=study.thresholds,
        flow=data.flow,
        table_ones=_table_ones(result),
        groups=result.groups,
        scores=study_scores(result),
        treatment=result.treatment,
        subgroups=result.subgroups,
        updates=result.updates,
        apparent=result.apparent,
        sites=result.sites,
        association=result.association,
        explanations=result.explanations,
        modalities=data.modalities,
        columns=_columns(result),
        parameters=candidate_parameters(result.models),
        protocol=_protocol(result),
        provenance=result.provenance,
        objections=result.objections,
        absent=absent,
        gate=study.gate(),
        ledger=study.release_ledger(),
        ids=data.patient_ids(study.data.id),
        rows=data.X if data.cohort is None else data.cohort.patients,
        patient_level=bool(study.page["patient_level"]),
        synthetic=result.synthetic,
    )


def _addition(result: StudyFindings) -> str:
    if not result.study.comparison:
        return "imaging"
    plans = {plan.name: plan for plan in result.study.models}
    first, second = (plans[name] for name in result.study.comparison)
    more = [name.replace("_", " ") for name in second.modalities if name not in first.modalities]
    return " and ".join(more) or second.name


def _how(result: StudyFindings) -> str:
    plan = result.study.validation
    one = plan.repeats == 1
    risk = "is predicted by a model" if one else f"is the mean of {plan.repeats} predictions by models"
    repeated = "" if one else f"repeated {plan.repeats} times, "
    return (
        f"Each patient's risk {risk} fitted without that patient "
        f"({plan.folds}-fold cross-validation, {repeated}the same folds for all models; "
        "imputation and all other preparation inside the folds). Intervals are 95% and conditional on these "
        "patients and models."
    )


def _table_ones(result: StudyFindings) -> dict[str, Result]:
    cohort, data = result.data.cohort, result.data
    if cohort is None:
        return {"Table 1. Patients at time zero.": _wide_table_one(result)}
    columns = tuple(c for c in data.modalities.columns if c in cohort.patients.columns)
    by = str(result.study.page["table_one_by"]) or None
    found: dict[str, Result] = {"Table 1. Patients at time zero.": cohort.table_one(by, columns=columns)}
    if data.modalities.get("imaging") and 0 < cohort.imaged.sum() < len(cohort):
        found["Who was imaged, and who was not."] = cohort.imaged_vs_not(columns=columns)
    if 0 < cohort.observed.sum() < len(cohort):
        found["Who was followed to the main horizon, and who was not."] = cohort.attended_vs_not(columns=columns)
    return found


def _wide_table_one(result: StudyFindings) -> Result:
    data = result.data
    labels: dict[str, dict[Any, str]] = {}
    for column, words in data.value_labels.items():
        # nominal codes of the study are words at this point
        labels[column] = {**words, **{f"{code:g}": w for code, w in words.items() if isinstance(code, int | float)}}
    kinds = {c: "category" for c in result.study.data.nominal if c in data.X.columns}
    return table_one_of(data.X, kinds=kinds, value_labels=labels, labels=data.labels)


def _columns(result: StudyFindings) -> pd.DataFrame:
    frame = result.data.to_frame()
    bent = {column: name for name, columns in result.study.transform.items() for column in columns}
    words = {"log1p": "log(1 + {})", "log": "log {}", "sqrt": "√ {}"}
    units = []
    for column in frame["column"]:
        unit = _unit(result, column)
        units.append(words[bent[column]].format(unit or "value") if column in bent else unit)
    return frame.assign(unit=units, label=[result.data.labels.get(column, "") for column in frame["column"]])


def _unit(result: StudyFindings, column: str) -> str:
    """Return the unit of a predictor from pooling, else from the schemas of the registry."""
    known = result.data.modalities.provenance.get(column, {})
    if str(column.rpartition("__")[2]).startswith("count"):
        return "levels"
    if known.get("unit"):
        return str(known["unit"])
    if result.data.cohort is None:
        return ""
    patient, instruments = table_schemas()["patient"].fields, instrument_ranges()
    return patient[column].unit if column in patient else str(instruments.get(column, {}).get("unit", ""))


def _updated(result: StudyFindings) -> str:
    plan = result.study.updates
    assert plan is not None
    at = ", ".join(f"{point:g}" for point in plan.landmarks)
    return f"at {at} {result.data.spec.unit}, for the next {plan.width:g}, by {', '.join(plan.columns)}"


def _judged(result: StudyFindings, plan: RetestPlan) -> str:
    return plan.words + ("; the test of association keeps all of them" if result.association is not None else "")


def _protocol(result: StudyFindings) -> tuple[tuple[str, str], ...]:
    study, data = result.study, result.data
    spec = data.spec
    kinds = {"right": "exactly dated", "interval": "seen at visits", "status": "a state at one visit"}
    if study.score is not None:
        kinds["measured"] = f"a score at one visit, {study.score.words}"
    lines = [
        ("outcome", f"{spec.name}: {spec.definition}"),
        ("recorded", kinds.get(outcome_kind(data.y), "")),
        ("time zero", spec.time_zero),
        ("horizons", time_words(spec.horizons, spec.unit)),
        ("competing events", ", ".join(spec.competing) or "none"),
        ("treatment during follow-up", spec.estimand or "not declared"),
        *([("judged too", study.treatment.condition)] if study.treatment is not None else []),
        *([("updated", _updated(result))] if study.updates is not None else []),
        *([("judged by repeated measurements", _judged(result, study.retest))] if study.retest is not None else []),
        ("transformed", "; ".join(f"{k} of {', '.join(v)}" for k, v in study.transform.items()) or "nothing"),
        ("declared before the data were seen", "yes" if study.prespecified else "not said"),
    ]
    for plan in study.models:
        words = plan.kind.replace("_", " ")
        if plan.modalities:
            words += " of " + ", ".join(name.replace("_", " ") for name in plan.modalities)
        if plan.options:
            words += "; " + ", ".join(f"{key} = {value}" for key, value in plan.options.items())
        if plan.splines:
            words += "; splines of " + ", ".join(f"{column} ({knots} knots)" for column, knots in plan.splines.items())
        if plan.combat:
            words += f"; ComBat of {plan.combat.get('batch', 'site')}"
        lines.append((f"model {plan.name}", words))
    return tuple(lines)
