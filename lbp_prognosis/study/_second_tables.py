"""Second tables of a study: treatment, visits and repeated measurements, added to its data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from lbp_prognosis._base import DataError, argument_error, missing_codes
from lbp_prognosis.disclosure import identifier_text
from lbp_prognosis.study._retest_plan import RetestPlan
from lbp_prognosis.study._retest_tables import read_retest
from lbp_prognosis.study._study import Study
from lbp_prognosis.study._study_data import StudyData
from lbp_prognosis.study._treatment_courses import read_treatment
from lbp_prognosis.study._treatment_plan import TreatmentPlan
from lbp_prognosis.study._updates_plan import UpdatesPlan
from lbp_prognosis.study._visits_table import read_visits
from lbp_prognosis.study._with_digest import with_digest
from lbp_prognosis.survival import outcome_kind

__all__ = ["path_of", "with_retest", "with_treatment", "with_visits"]


def path_of(study: Study, name: str, *, home: bool = False) -> Path:
    """Return the path of a file of the study.

    Parameters
    ----------
    study : Study
    name : str
        Path as declared.
    home : bool, default False
        Relative to the folder of the declaration rather than to that of the data.

    Raises
    ------
    DataError
        If the name contains a NUL character.
    """
    if "\x00" in name:
        raise DataError("A path of the study contains a NUL character.")
    return Path(study.home if home else study.folder) / name


def with_treatment(study: Study, plan: TreatmentPlan, data: StudyData) -> StudyData:
    """Add the courses of treatment to the data of a study, with the digest of their table.

    Parameters
    ----------
    study : Study
    plan : TreatmentPlan
        Section ``[treatment]``.
    data : StudyData
        Data of the main table.

    Raises
    ------
    ArgumentError
        If the outcome is not dated exactly from time zero, or the treatment is a competing event.
    DataError
        If the table cannot be read, or contains no patient of the study.
    """
    if outcome_kind(data.y) != "right" or "entry" in (data.y.dtype.names or ()):
        raise argument_error(
            "treatment", "left out where the outcome is not dated exactly from time zero", outcome_kind(data.y)
        )
    if plan.name in data.spec.competing:
        raise argument_error(
            "treatment.name",
            "no event of the outcome: under the strategy it does not happen",
            repr(plan.name),
            f"Leave {plan.name!r} out of `competing`, so that its patients are followed through it.",
        )
    path = path_of(study, plan.table)
    courses = read_treatment(plan, path, _missing(study, plan))
    _refuse_strangers(data, courses.history[plan.id], path.name)
    said = _codes_kept(courses.history[list(plan.columns)], path.name, "treatment")
    hashes = with_digest(data.hashes, plan.table, courses.digest)
    return replace(data, treatment=courses, hashes=hashes, notes=(*data.notes, *said))


def with_retest(study: Study, plan: RetestPlan, data: StudyData, gone: frozenset[str]) -> StudyData:
    """Add repeated measurements to the data of a study, with the digests of their tables.

    Parameters
    ----------
    study : Study
    plan : RetestPlan
        Section ``[retest]``.
    data : StudyData
        Data of the main table.
    gone : frozenset of str
        Identifiers of patients who withdrew consent, as text.

    Raises
    ------
    DataError
        If a table cannot be read.
    """
    changed = [column for columns in study.transform.values() for column in columns]
    step, digests = read_retest(
        plan, partial(path_of, study), data.X, _missing(study, plan), transformed=changed, gone=gone
    )
    hashes = data.hashes
    for name, digest in digests.items():
        hashes = with_digest(hashes, name, digest)
    return replace(data, retest=step, hashes=hashes)


def _refuse_strangers(data: StudyData, ids: pd.Series, name: str) -> None:
    """Refuse a second table without any patient of the study; identifiers are compared as text."""
    if not ids.isin([identifier_text(one) for one in data.X.index]).any():
        raise DataError(
            f"No patient of the study is in {name!r}: the identifiers in its column {ids.name!r} must be written as in "
            "the main table, leading zeros included."
        )


def _missing(study: Study, plan: TreatmentPlan | UpdatesPlan | RetestPlan) -> Any:
    """Return a second table's own codes for missing values, else those in all columns of the main table."""
    if plan.missing is not None:
        return plan.missing
    return None if isinstance(study.data.missing, Mapping) else study.data.missing


def with_visits(study: Study, plan: UpdatesPlan, data: StudyData) -> StudyData:
    """Add the visits of patients to the data of a study, with the digest of their table.

    Parameters
    ----------
    study : Study
    plan : UpdatesPlan
        Section ``[updates]``.
    data : StudyData
        Data of the main table.

    Raises
    ------
    ArgumentError
        If the outcome is not dated exactly, or a fixed column is no numeric predictor.
    DataError
        If the table cannot be read, contains no patient of the study, or no visit at which to update.
    """
    if outcome_kind(data.y) != "right":
        raise argument_error("updates", "left out where the outcome is not dated exactly", outcome_kind(data.y))
    path = path_of(study, plan.table)
    visits = read_visits(plan, path, _missing(study, plan))
    _refuse_strangers(data, visits.frame[plan.id], path.name)
    visits.known(data.X)  # refuses unknown columns before any fit
    first, last, times = plan.landmarks[0], plan.landmarks[-1], visits.frame[plan.time]
    if last > first and not ((times > first) & (times <= last)).any():
        raise DataError(
            f"No visit of {path.name!r} is after the first landmark, {first:g}, and by the last, {last:g}: nothing "
            f"would be updated. Is {plan.time!r} in {data.spec.unit}?"
        )
    said = _codes_kept(visits.frame[list(plan.columns)], path.name, "updates")
    hashes = with_digest(data.hashes, plan.table, visits.digest)
    return replace(data, visits_table=visits, hashes=hashes, notes=(*data.notes, *said))


def _codes_kept(values: pd.DataFrame, name: str, section: str) -> list[str]:
    """Return a note on each column of a second table with values that look like codes for missing."""
    notes = []
    for column in values.columns:
        found = ", ".join(f"{code:g}" for code in missing_codes(values[column]))
        if found:
            notes.append(
                f"{column} of {name}: {found} apart from all other values, kept as numbers: if missing, declare "
                f"missing = {{ {column} = [{found}] }} in [{section}]"
            )
    return notes
