"""``build_models`` and ``check_columns``: unfitted pipelines of a study, and whether their options suit the data."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import clone

from lbp_prognosis._base import LBPError, OutcomeError, argument_error, is_number
from lbp_prognosis.fusion import ComBat, MultipleImputation, OneHot, RestrictedCubicSpline, RiskPipeline
from lbp_prognosis.study._dated_at_visit import DatedAtVisit
from lbp_prognosis.study._model_plan import MODEL_KINDS
from lbp_prognosis.study._study import Study
from lbp_prognosis.study._study_data import StudyData
from lbp_prognosis.study._with_earlier_visits import EarlierScores, WithEarlierVisits
from lbp_prognosis.survival import Surv, outcome_kind

__all__ = ["build_models", "check_columns"]

_OUTCOMES = {
    "right": "times to an event",
    "interval": "events known at visits",
    "status": "a state at one time",
    "measured": "a score at one time",
}


def build_models(study: Study, data: StudyData) -> dict[str, Any]:
    """Return the unfitted pipelines by name; models of exact times use the dates of visits."""
    built = {}
    for k, plan in enumerate(study.models):
        columns = list(plan.columns(data.modalities)) if plan.kind != "null" else []
        part = data.X[columns]
        model = plan.by_constructs(study.clinical_minimum, data.modalities).pipeline(
            data.modalities,
            incomplete=bool(part.isna().any().any()),
            visits=data.visits,
            nominal=not all(is_number(part[column]) for column in part.columns),
            random_state=study.seed + k,
            horizon=data.spec.main_horizon,
            retest=data.retest,
        )
        exact = outcome_kind(data.y) == "interval" and not plan.at_visits
        built[plan.name] = DatedAtVisit(model) if exact else model
        if plan.kind == "longitudinal_outcome":
            assert data.earlier is not None
            built[plan.name] = WithEarlierVisits(model, EarlierScores(data.earlier))
    return built


def check_columns(models: dict[str, Any], data: StudyData) -> None:
    """Refuse options of models that name other columns than there are, or ask more of the outcome than it has.

    Parameters
    ----------
    models : dict of str to estimator
        Made by `build_models`.
    data : StudyData
        One row per patient.

    Raises
    ------
    ArgumentError, DataError, EstimationError, OutcomeError
        As the first fit would, with the name of the model in front.
    """
    for name, model in models.items():
        y = data.y
        if isinstance(model, DatedAtVisit):
            model, y = model.estimator, Surv.interval_to_right(y, at="visit")
        earlier = isinstance(model, WithEarlierVisits)
        for field, part in _parts(f"model {name!r}", model.estimator if earlier else model):
            if not earlier:  # which adds the scores of earlier visits to the outcome
                _check_outcome(field, part.model, y)
            _check_part(field, part, data.X, y)


def _parts(field: str, model: Any, around: frozenset[Any] | None = None) -> Iterator[tuple[str, RiskPipeline]]:
    """Yield the pipelines of which a model is made, each with its place in the protocol.

    ``around`` are the columns that the model around a part is given and passes on.
    """
    if not isinstance(model, RiskPipeline):
        return
    _check_batches(field, model, around)
    inner, given = model.model, _columns_of(model)
    learners = getattr(inner, "learners", None)
    parts = dict(learners) if isinstance(learners, dict) else {}
    within = f"{field}.options.learners" if parts else f"{field}.options"
    parts |= {
        key: part for key in ("estimator", "fallback", "model") if (part := getattr(inner, key, None)) is not None
    }
    for key, part in parts.items():
        yield from _parts(f"{within}.{key}", part, given)
    if not parts:
        yield field, model


def _columns_of(pipeline: RiskPipeline) -> frozenset[Any]:
    named = [column for columns in (pipeline.modalities or {}).values() for column in columns]
    return frozenset(named).union(*(getattr(step, "context_columns", ()) for step in pipeline.steps))


def _check_batches(field: str, pipeline: RiskPipeline, around: frozenset[Any] | None) -> None:
    """Refuse a part whose batch of harmonisation is not among the columns that the model around it passes on."""
    for step in pipeline.steps if around is not None else ():
        if isinstance(step, ComBat) and step.batch not in (around or ()):
            raise argument_error(
                f"{field}.combat.batch",
                "a column of the modalities of the model around it",
                repr(step.batch),
                "Add its modality to `modalities` of that model, and give each learner its own `modalities`.",
            )


def _check_outcome(field: str, model: Any, y: np.ndarray) -> None:
    """Refuse a model that takes other outcomes than that of the study."""
    kind = outcome_kind(y)
    if kind not in getattr(model, "_accepts", (kind,)):
        raise argument_error(
            f"{field}.kind",
            f"a kind for {_OUTCOMES[kind]}",
            repr(next(name for name, made in MODEL_KINDS.items() if made is type(model))),
            getattr(model, "_instead", "") or None,
            kind=OutcomeError,
        )


def _check_part(field: str, pipeline: RiskPipeline, X: pd.DataFrame, y: np.ndarray) -> None:
    """Try the steps that need no completed rows, then the options of the model by the names of its columns."""
    wanted = _columns_of(pipeline)
    frame = X[[column for column in X.columns if column in wanted]]
    for step in pipeline.steps:
        place = {ComBat: f"{field}.combat", RestrictedCubicSpline: f"{field}.splines"}.get(type(step), field)
        if isinstance(step, MultipleImputation):
            continue
        if not isinstance(step, ComBat | OneHot | RestrictedCubicSpline):
            return  # a formula names columns of its own
        bent = [column for column in step.columns if column in frame] if isinstance(step, RestrictedCubicSpline) else []
        if frame[bent].isna().any(axis=None):
            # knots are placed among completed values; the names are the same at any knots
            try:
                frame = _output(step, frame.fillna(frame[bent].median()), y)
            except (LBPError, TypeError, ValueError):
                return
            continue
        frame = _told(place, partial(_output, step, frame, y))
    names = [str(column) for column in frame.columns]
    check = getattr(pipeline.model, "_check_columns", None)
    if check is not None:
        _told(f"{field}.options", partial(check, names, y))


def _output(step: Any, frame: pd.DataFrame, y: np.ndarray) -> pd.DataFrame:
    return clone(step).fit(frame, y).transform(frame)


def _told(field: str, work: Callable[[], Any]) -> Any:
    """Do some work; what it refuses is said with its place in the protocol."""
    try:
        return work()
    except LBPError as error:
        words = str(error)
        said = f"`{field}.{words[1:]}" if words.startswith("`") else f"`{field}`: {words}"
        error.args = (said, *error.args[1:])
        raise
