"""``run_study``: data, models, validation, explanations and evidence of a study."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.base import clone
from threadpoolctl import threadpool_limits

from lbp_prognosis._base import (
    Objection,
    argument_error,
    parallel_map,
    processes_ready,
    time_words,
)
from lbp_prognosis.evidence import Claim, Evidence
from lbp_prognosis.study._build_models import build_models
from lbp_prognosis.study._check_before_work import check_before_work
from lbp_prognosis.study._dated_at_visit import DATED_AT_VISIT, unwrapped_model
from lbp_prognosis.study._evaluate_out_of_fold import evaluate_out_of_fold, groups_out_of_fold
from lbp_prognosis.study._explain_model import Found, explain_trees, explanation_tasks
from lbp_prognosis.study._judge_readings import ReadingResult, judge_repeats, judge_test
from lbp_prognosis.study._provenance import provenance
from lbp_prognosis.study._read_study_data import read_study_data
from lbp_prognosis.study._study import Study
from lbp_prognosis.study._study_association import study_association
from lbp_prognosis.study._study_data import StudyData
from lbp_prognosis.study._study_result import StudyResult
from lbp_prognosis.study._study_subgroups import study_subgroups
from lbp_prognosis.study._study_treatment import study_treatment
from lbp_prognosis.study._study_updates import study_updates
from lbp_prognosis.study._study_visits import visit_scores
from lbp_prognosis.survival import outcome_kind
from lbp_prognosis.validation import CrossValidation, InternalExternal, cross_validate_risk, internal_external

__all__ = ["run_study"]


def run_study(
    study: Study,
    *,
    n_jobs: int | None = None,
    checkpoint: str | os.PathLike[str] | None = None,
    progress: Callable[[str], None] | None = None,
    exclude_ids: Iterable[object] = (),
) -> StudyResult:
    """Run a study: data, cohort, models, out-of-fold risks, evaluation, explanations, evidence.

    Parameters
    ----------
    study : Study
        The protocol.
    n_jobs : int, optional
        Workers of the cross-validation; results do not depend on it.
    checkpoint : path, optional
        Folder of finished fits: a killed run resumes to the same numbers.
    progress : callable, optional
        Called with a sentence at each step.
    exclude_ids : iterable, optional
        Patients who withdrew; they are left out of every table. A page for release is checked against earlier releases
        in the study's ``release_ledger``.

    Returns
    -------
    StudyResult
        ``write(folder)`` makes the page.

    Raises
    ------
    DataError, OutcomeError
        If the data do not meet the requirements.
    EstimationError
        If a model cannot be fitted.

    See Also
    --------
    lbp_prognosis.study.Study : How is a protocol read?
    lbp_prognosis.report.write_page : How is the page written?

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import numpy as np, pandas as pd
    >>> from lbp_prognosis.study import Study, run_study
    >>> rng = np.random.default_rng(0)
    >>> age = rng.normal(50, 12, 200)
    >>> time, lost = rng.exponential(8 * np.exp(0.04 * (age - 50))), rng.uniform(8, 24, 200)
    >>> table = pd.DataFrame({"months": np.minimum(time, lost), "status": (time <= lost).astype(int), "age": age})
    >>> protocol = {
    ...     "title": "Recovery", "table": {"wide": "registry.csv", "time": "months", "event": "status"},
    ...     "outcome": {"name": "recovery", "definition": "Pain gone.", "polarity": "good", "time_zero": "visit",
    ...                 "unit": "months", "horizons": [6]},
    ...     "modalities": {"clinical": ["age"]},
    ...     "model": [{"name": "clinical", "kind": "cox", "modalities": ["clinical"]}],
    ...     "validation": {"folds": 2, "repeats": 1, "resamples": 0}}
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     table.to_csv(Path(folder, "registry.csv"), index=False)
    ...     result = run_study(Study.from_dict(protocol, folder=folder))
    >>> result.evaluation.models, result.evaluation.n
    (('clinical',), 200)
    """
    say = progress or (lambda words: None)
    # a checkpoint belongs to one cross-validation
    below = (lambda name: None) if checkpoint is None else Path(checkpoint).joinpath
    # one thread per computation on every machine: sums in another order differ in the last digit
    with (
        processes_ready(n_jobs, "lbp_prognosis.study"),
        threadpool_limits(1),
        warnings.catch_warnings(record=True) as caught,
    ):
        warnings.simplefilter("default")
        for kind in (DeprecationWarning, PendingDeprecationWarning):  # of libraries to their callers
            warnings.simplefilter("ignore", kind)
        say("Reading and checking the data")
        data = read_study_data(study, exclude_ids=exclude_ids)
        check_before_work(study, data)
        models = build_models(study, data)
        horizons = _horizons(data)
        # first, so that kernels are compiled once and workers find them in the cache
        say("Fitting the models to all patients")
        fitted = {name: clone(model).fit(data.X, data.y) for name, model in models.items()}
        say(
            f"Predicting {len(data.X):,} patients out of fold: {len(models)} models, {study.validation.folds} folds, "
            f"{study.validation.repeats} repeats"
        )
        folds = cross_validate_risk(
            models,
            data.X,
            data.y,
            horizons,
            n_splits=study.validation.folds,
            n_repeats=study.validation.repeats,
            random_state=study.seed,
            n_jobs=n_jobs,
            checkpoint=checkpoint,
        )
        found: dict[str, Any] = {}
        if study.validation.sites:
            say("Leaving one site out at a time")
        found["sites"] = _sites(study, data, models, n_jobs)
        if study.treatment is not None:
            say(f"Judging risks {study.treatment.condition}")
        found["treatment"] = study_treatment(study, data, models, folds, n_jobs=n_jobs, checkpoint=below("treatment"))
        found["subgroups"] = study_subgroups(study, data, folds)
        if study.updates is not None:
            say(f"Predicting again at {len(study.updates.landmarks)} landmarks")
        found["updates"] = study_updates(study, data)
        found["visits"] = visit_scores(study, data, models, n_jobs=n_jobs, checkpoint=below("visits"))
        say("Evaluating, testing the association, explaining what the model uses, judging readings")
        judged = partial(_judge, study, data, folds, fitted)
        tasks = [judged, partial(study_association, study, data), *_explanations(study, data, fitted)]
        judgement, (found["association"], untested), *explained = parallel_map(_called, tasks, n_jobs=n_jobs)
        found |= judgement
        found["readings"] = _readings(study, data)
    messages = tuple(dict.fromkeys(f"{item.category.__name__}: {item.message}" for item in caught))
    evidence = _evidence(study, data, found)
    return StudyResult(
        study=study,
        data=data,
        cross_validation=folds,
        explanations={name: result for results, _ in explained for name, result in results.items()},
        models=fitted,
        evidence=evidence,
        claims=_claims(study, data),
        provenance=provenance(study, data, messages),
        objections=_doubts(data, found, [*(o for _, doubts in explained for o in doubts), *untested]),
        synthetic=data.synthetic,
        **found,
    )


def _doubts(data: StudyData, found: dict[str, Any], of_explanations: list[Objection]) -> tuple[Objection, ...]:
    main = found["evaluation"].objections
    treatment, updates = found["treatment"], found["updates"]
    every = (
        *data.objections,
        *main,
        *(treatment.objections if treatment is not None else ()),
        *(updates.objections if updates is not None else ()),
        *_of_parts(data, found, {*data.objections, *main}),
        *of_explanations,
        *(found["association"].objections if found["association"] is not None else ()),
        *(o for result in found["readings"] for o in result.objections),
    )
    return tuple(dict.fromkeys(every))


def _of_parts(data: StudyData, found: dict[str, Any], known: set[Objection]) -> Iterator[Objection]:
    """Yield the objections to performance at landmarks, at earlier visits and in sites, said where they apply."""
    unit, updates, sites = data.spec.unit, found["updates"], found["sites"]
    landmarks = {} if updates is None else updates.evaluations
    parts = [(f"At landmark {time_words(at, unit)}", one) for at, one in landmarks.items()]
    parts += [(f"At the visit of {time_words(at, unit)}", one) for at, one in found["visits"].items()]
    parts += [] if sites is None else [("In sites left out", sites)]
    for where, part in parts:
        for one in part.objections:
            if one not in known:
                yield replace(one, sentence=f"{where}: {one.sentence}")


def _horizons(data: StudyData) -> Any:
    spec = data.spec
    at_one_visit = outcome_kind(data.y) in ("status", "measured")
    return [spec.main_horizon] if at_one_visit else list(spec.horizons)


def _judge(study: Study, data: StudyData, folds: CrossValidation, fitted: dict[str, Any]) -> dict[str, Any]:
    kind = outcome_kind(data.y)
    doubts: tuple[Objection, ...] = (*data.objections, *folds.objections)
    if kind == "interval" and any(not plan.at_visits for plan in study.models):
        doubts = (*doubts, DATED_AT_VISIT)
    shared: dict[str, Any] = {
        "spec": data.spec,
        "thresholds": study.thresholds,
        "step": study.step,
        "synthetic": data.synthetic,
        "seed": study.seed,
    }
    evaluation = evaluate_out_of_fold(
        data.y, folds.forecasts or folds.risks, resamples=study.validation.resamples, doubts=doubts, **shared
    )
    horizons = np.asarray(_horizons(data), dtype=float)
    seen: dict[str, Any] = {
        name: model.predict_forecast(data.X) if kind == "measured" else np.asarray(model.predict_risk(data.X, horizons))
        for name, model in fitted.items()
    }
    apparent = evaluate_out_of_fold(data.y, seen, resamples=0, **shared)
    place = int(np.flatnonzero(np.isclose(horizons, data.spec.main_horizon))[0])
    main = study.comparison[1] if study.comparison else study.main_model
    risk = folds.risks[main][:, place]
    groups = None
    if np.isfinite(risk).all() and np.ptp(risk) > 0:
        groups = groups_out_of_fold(data.y, risk, data.spec, study.thresholds, main, data.synthetic)
    return {"evaluation": evaluation, "apparent": apparent, "groups": groups}


def _sites(study: Study, data: StudyData, models: dict[str, Any], n_jobs: int | None) -> InternalExternal | None:
    """Predict each site by models fitted without it, at the main horizon."""
    if not study.validation.sites:
        return None
    if data.sites is None:
        raise argument_error("validation.sites", "false where the data name no site", "true")
    main = data.spec.main_horizon
    found = internal_external(
        models, data.X, data.y, data.sites, [main], target=data.spec.target, n_jobs=n_jobs, n_resamples=0
    )
    return replace(found, synthetic=data.synthetic)


def _explanations(study: Study, data: StudyData, fitted: dict[str, Any]) -> list[Callable[[], Found]]:
    """Return the models to explain: the larger model of the comparison, and the first boosted model."""
    plans = {plan.name: plan for plan in study.models}
    main = plans[study.comparison[1] if study.comparison else study.main_model]
    if main.kind == "null":
        return []
    part = data.modalities.restrict(*main.modalities)
    columns = data.X[list(part.columns)]
    horizon = data.spec.main_horizon
    tasks = explanation_tasks(unwrapped_model(fitted[main.name]), columns, part, horizon, study.seed, data.synthetic)
    boosted = next((plan for plan in study.models if plan.kind == "boosted_cox"), None)
    if boosted is not None:
        X = data.X[list(data.modalities.restrict(*boosted.modalities).columns)]
        tasks.append(partial(explain_trees, unwrapped_model(fitted[boosted.name]), X, study.seed, data.synthetic))
    return tasks


def _called(task: Callable[[], Any]) -> Any:
    return task()


def _readings(study: Study, data: StudyData) -> tuple[ReadingResult, ...]:
    repeats = tuple(
        judge_repeats(plan, data.readings, data.synthetic, rules=study.biomechanics) for plan in study.technical
    )
    return (*repeats, *(judge_test(plan, data.readings, data.synthetic) for plan in study.diagnostic))


def _evidence(study: Study, data: StudyData, found: dict[str, Any]) -> Evidence:
    columns = {plan.name: plan.columns(data.modalities) if plan.kind != "null" else () for plan in study.models}
    evidence = Evidence(
        models=columns,
        clinical_minimum=study.clinical_minimum,
        prespecified=study.prespecified,
        criteria=study.criteria,
        simulated=data.synthetic,
    )
    evidence = evidence.with_result(found["evaluation"], sample="internal")
    evidence = evidence.with_result(found["apparent"], sample="apparent")
    if found["association"] is not None:
        evidence = evidence.with_result(found["association"], sample="apparent")
    against = ("",) * len(study.technical) + tuple(plan.against for plan in study.diagnostic)
    for result, reference in zip(found["readings"], against):
        evidence = evidence.with_result(result, sample="apparent", against=reference)
    return evidence if found["sites"] is None else evidence.with_result(found["sites"], sample="internal-external")


def _claims(study: Study, data: StudyData) -> tuple[Claim, ...]:
    main = data.spec.main_horizon
    unit = data.spec.unit
    t = study.thresholds
    span = None if t is None else (t.low, t.primary, t.high)
    claims = [Claim.predicts(study.main_model, main, unit=unit)]
    subject = study.main_model
    if study.comparison:
        first, second = study.comparison
        subject = second
        claims += [
            Claim.is_associated(second, first),
            Claim.predicts(second, main, unit=unit),
            Claim.adds_value(second, first, main, unit=unit),
        ]
        if span is not None:
            claims.append(Claim.is_useful(second, main, span, first, unit=unit))
    elif span is not None:
        claims.append(Claim.is_useful(subject, main, span, unit=unit))
    claims += [Claim.predicts(subject, main, "validated", unit=unit), Claim.improves_outcomes(subject)]
    return (*_of_measures(study), *claims)


def _of_measures(study: Study) -> tuple[Claim, ...]:
    """Return the claims of the two lowest tiers, for the measures of the study, else for the addition."""
    strength = {"readers": "agreement", "standard": "standard"}
    repeats = tuple(Claim.repeats(plan.name) for plan in study.technical)
    detects = tuple(Claim.detects(plan.name, strength[plan.against]) for plan in study.diagnostic)
    if study.comparison:
        repeats, detects = repeats or (Claim.repeats("imaging"),), detects or (Claim.detects("imaging"),)
    return tuple(dict.fromkeys((*repeats, *detects)))
