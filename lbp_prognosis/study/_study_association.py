"""``study_association``: joint test of the added predictors on the rows to which the models are fitted."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from lbp_prognosis._base import (
    LBPError,
    Objection,
    is_number,
    objection,
)
from lbp_prognosis.study._dated_at_visit import DatedAtVisit
from lbp_prognosis.study._model_plan import ModelPlan
from lbp_prognosis.study._motion_doubts import motion_doubts
from lbp_prognosis.study._study import Study
from lbp_prognosis.study._study_data import StudyData
from lbp_prognosis.survival import outcome_kind
from lbp_prognosis.validation import AssociationTest, association_test

__all__ = ["IMPUTATIONS", "study_association"]

IMPUTATIONS = 20  # smallest number of imputations for a test: its degrees of freedom grow with them
_WITH_RATIOS = (
    "cox",
    "cause_specific_cox",
    "fine_gray",
    "discrete_time_hazard",
    "logistic",
    "royston_parmar",
    "ordinal_regression",
)


def study_association(study: Study, data: StudyData) -> tuple[AssociationTest | None, tuple[Objection, ...]]:
    """Return the test of the comparison's added predictors, or the reason for its absence.

    The models are those of the study without their penalty and without ``[retest]`` (all added predictors are tested,
    those that the filter drops too), imputed with the outcome whatever serves predictions: without it associations are
    biased towards zero. The larger one has at least 20 imputations; of the smaller one the test then uses the names of
    its columns alone, and it has one.

    Parameters
    ----------
    study : Study
        The protocol.
    data : StudyData
        One row per patient.
    """
    if not study.comparison:
        return None, ()
    plans = {plan.name: plan for plan in study.models}
    pair = [plans[name] for name in study.comparison]
    other = [plan for plan in pair if plan.kind not in _WITH_RATIOS]
    if other:
        lacks = (
            "no ratios of odds: its coefficients are points" if other[0].kind == "linear_outcome" else "no likelihood"
        )
        words = f"{other[0].name} ({other[0].kind.replace('_', ' ')}) has {lacks}."
        return None, (objection("no-association-test", reason=words),)
    try:
        pooled = _is_incomplete(pair[1], data) and pair[1].imputations != 0
        without = _unpenalised(pair[0], study, data, 1 if pooled else IMPUTATIONS)
        with_ = _unpenalised(pair[1], study, data, IMPUTATIONS)
        columns = list(dict.fromkeys(c for plan in pair for c in plan.columns(data.modalities)))
        X = data.X[columns]
        X.attrs["synthetic"] = data.synthetic
        found = association_test(without, with_, X, data.y, names=(pair[0].name, pair[1].name))
    except LBPError as error:
        return None, (objection("no-association-test", reason=error),)
    return replace(found, objections=(*found.objections, *motion_doubts(study, data.modalities))), ()


def _is_incomplete(plan: ModelPlan, data: StudyData) -> bool:
    return bool(data.X[list(plan.columns(data.modalities))].isna().any().any())


def _unpenalised(plan: ModelPlan, study: Study, data: StudyData, fewest: int) -> Any:
    options = {key: value for key, value in plan.options.items() if key not in ("penalty", "penalty_factors")}
    imputations = plan.imputations
    if fewest == 1 and imputations != 0:
        imputations = 1
    elif imputations > 0:
        imputations = max(imputations, fewest)
    part = data.X[list(plan.columns(data.modalities))]
    model = replace(plan, options=options, imputations=imputations, impute_with_outcome=True).pipeline(
        data.modalities,
        incomplete=_is_incomplete(plan, data),
        visits=data.visits,
        nominal=not all(is_number(part[column]) for column in part.columns),
        random_state=study.seed,
    )
    exact = outcome_kind(data.y) == "interval" and not plan.at_visits
    return DatedAtVisit(model) if exact else model
