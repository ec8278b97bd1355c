"""``check_before_work``: checks of the protocol against the data before the first fit."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from lbp_prognosis._base import OutcomeError, argument_error, nearest
from lbp_prognosis.models import landmark
from lbp_prognosis.study._build_models import build_models, check_columns
from lbp_prognosis.study._model_plan import COMBINED, MODEL_KINDS, ModelPlan
from lbp_prognosis.study._study import Study
from lbp_prognosis.study._study_data import StudyData
from lbp_prognosis.study._study_subgroups import check_subgroups
from lbp_prognosis.survival import measured_to_status, outcome_kind

__all__ = ["check_before_work"]

_FOLLOWED = 10
"""Patients followed to the latest start of a strategy: with fewer, a training set may have none."""


def check_before_work(study: Study, data: StudyData) -> None:
    """Check a protocol against its data before the first fit.

    Parameters
    ----------
    study : Study
        The protocol.
    data : StudyData
        One row per patient.

    Raises
    ------
    OutcomeError
        If the data have competing events, and a model has one cause.
    ArgumentError
        If an option of a model has a value with which it can't be fitted, or names a column that the model lacks; if
        sites are to be left out but not named, a column of ``nominal`` is not a predictor, the column of
        ``page.table_one_by`` is absent, there are more folds than events, or a ledger of releases is named without a
        column of identifiers; if a model bears the name of one fitted to the strategy of ``[treatment]``, or times of
        starting or landmarks lie where no patient is followed.
    DataError, EstimationError
        If a scanner has too few rows to be harmonised, a column too few values for its knots, or a boosted model too
        few events; if the ledger of releases is damaged, or courses of ``[treatment]`` can't be used.
    DisclosureError
        If earlier releases in the ledger forbid this one.

    See Also
    --------
    lbp_prognosis.study.read_study_data : How are the data of a protocol read?
    lbp_prognosis.study.run_study : How is the study run?

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import numpy as np, pandas as pd
    >>> from lbp_prognosis.study import Study, check_before_work, read_study_data
    >>> table = pd.DataFrame({"months": np.arange(1.0, 61), "status": [0, 1, 2] * 20, "age": np.arange(60) % 7})
    >>> protocol = {
    ...     "title": "Recovery",
    ...     "table": {"wide": "registry.csv", "time": "months", "event": "status",
    ...               "causes": {"recovery": 1, "surgery": 2}},
    ...     "outcome": {"name": "recovery", "definition": "Pain gone.", "polarity": "good", "time_zero": "visit",
    ...                 "unit": "months", "horizons": [6]},
    ...     "modalities": {"clinical": ["age"]},
    ...     "model": [{"name": "clinical", "kind": "cox", "modalities": ["clinical"]}]}
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     table.to_csv(Path(folder, "registry.csv"), index=False)
    ...     study = Study.from_dict(protocol, folder=folder)
    ...     check_before_work(study, read_study_data(study))
    Traceback (most recent call last):
    lbp_prognosis._base._errors.OutcomeError: `model 'clinical'.kind` must be a kind for competing events, \
such as cause_specific_cox, fine_gray; got 'cox'. Of 20 events the cause is not 1; the risks of this kind of model \
would be too high.
    """
    for plan in study.models:
        plan.check_options()
    if study.validation.sites and data.sites is None:
        raise argument_error("validation.sites", "false where the data name no site", "true")
    for name in study.data.nominal:
        if name not in data.X.columns:
            words = f"columns of the predictors: {', '.join(map(str, data.X.columns[:12]))}"
            raise argument_error("nominal", words, repr(name), nearest(name, data.X.columns) or None)
    by = str(study.page["table_one_by"])
    known = () if data.cohort is None else tuple(data.cohort.patients.columns)
    if by and by not in known:
        words = "left out for a wide table" if data.cohort is None else "a column of the patients"
        raise argument_error("page.table_one_by", words, repr(by), nearest(by, known) or None)
    y = measured_to_status(data.y) if outcome_kind(data.y) == "measured" else data.y
    column = "status" if outcome_kind(y) == "status" else "event"
    events = int((y[column] == 1).sum())
    if study.validation.folds > events:
        raise argument_error("validation.folds", f"at most {events}, the number of events", str(study.validation.folds))
    _check_causes(study, y)
    check_columns(build_models(study, data), data)
    _check_courses(study, data)
    # a release that the ledger would refuse after the fits is refused before them
    ledger, gate = study.release_ledger(), study.gate()
    if ledger is not None and gate is not None:
        names = data.patient_ids(study.data.id) or ()
        ledger.check(names, gate.smallest_cell)
        ledger.layers(names)


def _check_causes(study: Study, y: np.ndarray) -> None:
    """Refuse models of one cause where events compete: they would be fitted, and refuse to predict."""
    others = int((y["event"] > 1).sum()) if "event" in (y.dtype.names or ()) else 0
    for name, kind in (pair for plan in study.models for pair in _kinds(plan) if others):
        if getattr(MODEL_KINDS[kind], "_single_cause", False):
            raise argument_error(
                f"model {name!r}.kind",
                "a kind for competing events, such as cause_specific_cox, fine_gray",
                repr(kind),
                f"Of {others} events the cause is not 1; the risks of this kind of model would be too high.",
                kind=OutcomeError,
            )


def _kinds(plan: ModelPlan) -> Iterator[tuple[str, str]]:
    yield plan.name, plan.kind
    for part in plan.learners().values() if plan.kind in COMBINED else ():
        yield from _kinds(part)


def _check_courses(study: Study, data: StudyData) -> None:
    """Refuse what the judgement without treatment, and that at landmarks, would refuse after all fits."""
    if study.treatment is not None and data.treatment is not None:
        names = [plan.name for plan in study.models]
        twice = [name for name in names if f"{name} {study.treatment.label}" in names]
        if twice:
            words = f"no name that ends in {study.treatment.label!r}, which names the models fitted to the strategy"
            raise argument_error("model.name", words, repr(f"{twice[0]} {study.treatment.label}"))
        data.treatment.outcome(data.y, data.X.index).positivity(list(data.spec.horizons))
        by = study.treatment.by
        followed = data.y.size if by is None else int((data.y["time"] >= by).sum())
        if by is not None and followed < _FOLLOWED:
            words = f"a time to which {_FOLLOWED} patients are followed, as each training set needs one"
            raise argument_error("treatment.by", words, f"{by:g}, to which {followed} are")
    check_subgroups(study, data)
    if study.updates is not None:
        for at in study.updates.landmarks:
            landmark(data.y, data.X, at, study.updates.width)
