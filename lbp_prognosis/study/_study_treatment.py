"""``study_treatment``: models and performance of a study under a declared strategy of treatment."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import Any

import numpy as np

from lbp_prognosis._base import Objection, objection
from lbp_prognosis.report import PageTreatment
from lbp_prognosis.study._evaluate_out_of_fold import decision_grid
from lbp_prognosis.study._model_plan import COMBINED, ModelPlan
from lbp_prognosis.study._study import Study
from lbp_prognosis.study._study_data import StudyData
from lbp_prognosis.study._treatment_courses import FittedUntreated
from lbp_prognosis.study._treatment_plan import NEVER, TreatmentPlan
from lbp_prognosis.validation import CrossValidation, WithoutTreatment, cross_validate_risk

__all__ = ["study_treatment"]

_WEIGHTED = ("cox", "cause_specific_cox")
"""Kinds that take delayed entry, weights and clusters."""


def _takes_weights(plan: ModelPlan) -> bool:
    """Whether a model can be fitted under the strategy: a Cox model, or a combination of Cox models."""
    if plan.kind in _WEIGHTED:
        return True
    if plan.kind not in COMBINED or plan.options.get("meta") == "cox_nonneg":
        return False
    return all(_takes_weights(inside) for inside in plan.learners().values())


def study_treatment(
    study: Study,
    data: StudyData,
    models: dict[str, Any],
    folds: CrossValidation,
    *,
    n_jobs: int | None = None,
    checkpoint: str | os.PathLike[str] | None = None,
) -> PageTreatment | None:
    """Return out-of-fold performance under the strategy at the main horizon; None if the study names no treatment.

    Cox models and combinations of them are also fitted under the strategy, in the same folds, with weights from the
    training patients only; the risks of all models are those of the cross-validation.

    Parameters
    ----------
    study : Study
        The protocol.
    data : StudyData
        One row per patient.
    models : dict of str to estimator
        Unfitted pipelines.
    folds : CrossValidation
        Out-of-fold risks under the care that was given.
    n_jobs, checkpoint
        As in `cross_validate_risk`.
    """
    plan, courses = study.treatment, data.treatment
    if plan is None or courses is None:
        return None
    spec = data.spec
    main = spec.main_horizon
    place = int(np.flatnonzero(np.isclose(np.asarray(spec.horizons, dtype=float), main))[0])
    risks = {name: risk[:, place] for name, risk in folds.risks.items()}
    weighted = {one.name for one in study.models if _takes_weights(one)}
    untreated = {
        f"{name} {plan.label}": FittedUntreated(model, courses) for name, model in models.items() if name in weighted
    }
    doubts = folds.objections[:0]
    if untreated:
        again = cross_validate_risk(
            untreated,
            data.X,
            data.y,
            [main],
            n_splits=study.validation.folds,
            n_repeats=study.validation.repeats,
            random_state=study.seed,
            n_jobs=n_jobs,
            checkpoint=checkpoint,
        )
        risks |= {name: risk[:, 0] for name, risk in again.risks.items()}
        doubts = again.objections
        if plan.strategy == NEVER:
            doubts = (*doubts, *_without_starts(plan, again.folds, courses.started(data.y, data.X.index)))
    found = courses.outcome(data.y, data.X.index)
    known = found.status(main)
    grid = None if study.thresholds is None else decision_grid(study.thresholds, study.step)
    target = spec.target
    judged = found.evaluate(
        risks, main, grid, target=target, n_resamples=study.validation.resamples, random_state=study.seed
    )
    if judged.decision is not None:
        decision = replace(judged.decision, threshold_range=study.thresholds, synthetic=data.synthetic)
        judged = replace(judged, decision=decision)
    said = tuple(dict.fromkeys((*judged.objections, *doubts)))
    return PageTreatment(
        name=plan.name,
        columns=plan.columns,
        evaluation=replace(judged, objections=said, synthetic=data.synthetic),
        starts=found.table[["term", "hr", "low", "high", "p"]],
        positivity=found.positivity(sorted({*map(float, spec.horizons)})),
        n=found.n,
        n_treated=found.n_treated if isinstance(found, WithoutTreatment) else found.n_started,
        n_deviated=None if isinstance(found, WithoutTreatment) else found.n_deviated,
        n_lost=found.n_lost,
        strategy="" if plan.strategy == NEVER else plan.words,
        objections=tuple(o for o in said if o.code.startswith("treatment-")),
        treated=(found.treated if isinstance(found, WithoutTreatment) else found.deviated) & (found.y["time"] <= main),
        known=known.y["status"] >= 0,
        scores={name: risk if target == "event" else 1 - risk for name, risk in risks.items()},
    )


def _without_starts(plan: TreatmentPlan, folds: np.ndarray, started: np.ndarray) -> tuple[Objection, ...]:
    """Return an objection that names the folds (n_repeats, n) without which no patient started the treatment."""
    pairs = [(repeat, fold) for repeat, row in enumerate(folds) for fold in np.unique(row)]
    empty = [(repeat, fold) for repeat, fold in pairs if not started[folds[repeat] != fold].any()]
    if not empty:
        return ()
    named = ", ".join(f"fold {fold + 1} of repeat {repeat + 1}" for repeat, fold in empty[:5])
    named += ", …" if len(empty) > 5 else ""
    found = objection("treatment-fold-without-starts", treatment=plan.name, n=len(empty), fits=len(pairs), folds=named)
    return (found,)
