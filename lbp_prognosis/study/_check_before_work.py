"""``check_before_work``: checks of the protocol against the data before the first fit."""

from __future__ import annotations

from lbp_prognosis._base import argument_error, nearest
from lbp_prognosis.models import landmark
from lbp_prognosis.study._study import Study
from lbp_prognosis.study._study_data import StudyData
from lbp_prognosis.survival import measured_to_status, outcome_kind

__all__ = ["check_before_work"]


def check_before_work(study: Study, data: StudyData) -> None:
    """Refuse protocols that would fail or be meaningless after all fits.

    Parameters
    ----------
    study : Study
        The protocol.
    data : StudyData
        One row per patient.

    Raises
    ------
    ArgumentError
        If sites are to be left out but not named, a column of ``nominal`` is not a predictor, the column of
        ``page.table_one_by`` is absent, there are more folds than events, or a ledger of releases is named without a
        column of identifiers; if a model bears the name of one fitted to the strategy of ``[treatment]``, or times of
        starting or landmarks lie where no patient is followed.
    DataError
        If the ledger of releases is damaged, or courses of ``[treatment]`` can't be used.
    DisclosureError
        If earlier releases in the ledger forbid this one.
    """
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
    _check_courses(study, data)
    # a release that the ledger would refuse after the fits is refused before them
    ledger, gate = study.release_ledger(), study.gate()
    if ledger is not None and gate is not None:
        names = data.patient_ids(study.data.id) or ()
        ledger.check(names, gate.smallest_cell)
        ledger.layers(names)


def _check_courses(study: Study, data: StudyData) -> None:
    """Refuse what the judgement without treatment, and that at landmarks, would refuse after all fits."""
    if study.treatment is not None and data.treatment is not None:
        names = [plan.name for plan in study.models]
        twice = [name for name in names if f"{name} {study.treatment.label}" in names]
        if twice:
            words = f"no name that ends in {study.treatment.label!r}, which names the models fitted to the strategy"
            raise argument_error("model.name", words, repr(f"{twice[0]} {study.treatment.label}"))
        data.treatment.outcome(data.y, data.X.index).positivity(list(data.spec.horizons))
    if study.updates is not None:
        for at in study.updates.landmarks:
            landmark(data.y, data.X, at, study.updates.width)
