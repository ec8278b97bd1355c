"""``read_study_data``: the tables of a study, read, mapped and checked, to one row per patient."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from lbp_prognosis._base import (
    MISSING_DECLARED,
    DataError,
    FeatureMap,
    Objection,
    argument_error,
    holds,
    is_number,
    is_written_date,
    numbers_of,
    objection,
)
from lbp_prognosis.cohort import Cohort, CohortSpec
from lbp_prognosis.disclosure import NOT_FOUND, identifier_text
from lbp_prognosis.fusion import one_row_per_patient, pool_levels
from lbp_prognosis.schema import ColumnName, PackageReport, map_tables, validate_package
from lbp_prognosis.study._check_minimum import check_minimum
from lbp_prognosis.study._motion_of_trials import motion_of_trials
from lbp_prognosis.study._outcome_doubts import outcome_doubts
from lbp_prognosis.study._score_plan import package_outcome
from lbp_prognosis.study._second_tables import path_of, with_retest, with_treatment, with_visits
from lbp_prognosis.study._study import Study
from lbp_prognosis.study._study_data import StudyData
from lbp_prognosis.study._values_of_study import values_of_study
from lbp_prognosis.study._wide_table import WideRows, read_wide
from lbp_prognosis.study._with_digest import digest_of_file, with_digest
from lbp_prognosis.study._withdrawn import of_withdrawn, withdrawn_ids
from lbp_prognosis.survival import OutcomeSpec, on_schedule, outcome_kind
from lbp_prognosis.validation import screen

__all__ = ["read_study_data"]

NO_IMAGING = objection("no-imaging")


def read_study_data(study: Study, *, exclude_ids: Iterable[object] = ()) -> StudyData:
    """Read, map and validate the data, build the cohort and pool levels to one row per patient.

    Parameters
    ----------
    study : Study
        The protocol.
    exclude_ids : iterable, optional
        Patients who withdrew; they are left out of every table before any other step.

    Raises
    ------
    DataError
        If the data do not meet the requirements; has the attribute ``failures``.
    ArgumentError
        If patients are to be left out of a wide table without a column of identifiers.
    """
    gone = withdrawn_ids(exclude_ids)
    data = _from_package(study, gone) if study.data.package else _from_wide(study, gone)
    if study.treatment is not None:
        data = with_treatment(study, study.treatment, data)
    if study.updates is not None:
        data = with_visits(study, study.updates, data)
    if study.retest is not None:
        data = with_retest(study, study.retest, data, gone)
    data = replace(data, X=values_of_study(data.X, study.data.values))
    horizons = None if outcome_kind(data.y) == "status" else list(data.spec.horizons)
    # of the first cause of the outcome, as in all parts of a study
    found = screen(data.X, data.y, horizons, polarity=data.spec.polarity)
    return replace(data, objections=tuple(dict.fromkeys((*data.objections, *found.objections))))


def _from_package(study: Study, gone: frozenset[str]) -> StudyData:
    folder = path_of(study, study.data.package)
    notes: list[str] = []
    if study.data.mapping:
        mapped = map_tables(path_of(study, study.data.mapping, home=True), folder)
        forgotten = mapped.unmapped.loc[~mapped.unmapped["ignored"].astype(bool), "column"].tolist()
        if forgotten:
            notes.append("Columns of the source that are not mapped: " + ", ".join(map(str, forgotten)) + ".")
        notes += [f"{note[:1].upper()}{note[1:]}." for note in mapped.notes if "matched no cell" in note]
        report = validate_package(mapped.tables)
    else:
        report = validate_package(folder)
    rules = CohortSpec.from_dict(study.cohort)
    report = report.accept_methods(rules.methods).raise_if_failed()
    if gone:
        if gone - {identifier_text(one) for one in report.tables["patient"]["patient_id"]}:
            notes.append(NOT_FOUND)
        report = replace(report, tables={name: _staying(table, gone) for name, table in report.tables.items()})
    report, said = motion_of_trials(report, study.biomechanics)
    notes += [f"{row['table']} {row['field']}: {row['note']}." for row in report.notes.to_dict("records")] + said
    synthetic = study.data.synthetic or _says_synthetic(folder)
    cohort = Cohort.build(report, rules, package_outcome(study.outcome, study.score), synthetic=synthetic)
    X, modalities = _predictors(study, cohort)
    y, visits, more = _scheduled(study, cohort.outcome, cohort.spec)
    column = study.data.site or "site"
    if study.data.site and column not in cohort.patients.columns:
        raise argument_error("data.site", "a column of the patient table", repr(column))
    sites = _labels(cohort.patients[column]) if column in cohort.patients.columns else None
    return StudyData(
        X,
        y,
        cohort.spec,
        modalities,
        sites,
        visits,
        cohort.flow,
        cohort,
        _hashes(study, report),
        (*notes, *more),
        outcome_doubts(study, cohort.spec, modalities, cohort.objections) + _without_imaging(modalities),
        synthetic,
        _read(study, report),
        baseline=_baseline(study, cohort),
        earlier=cohort.earlier,
    )


def _baseline(study: Study, cohort: Cohort) -> np.ndarray | None:
    """Return the score of a package at time zero, if the study names it."""
    if study.score is None or not study.score.baseline:
        return None
    column = study.score.baseline
    if column not in cohort.patients.columns:
        raise DataError(
            f"No total of {column!r} is in the look-back window of patient-reported values, so that no patient has "
            "a score at time zero (score.baseline)."
        )
    points = cohort.patients[column].to_numpy(dtype=float)
    if ((points < study.score.lower) | (points > study.score.upper)).any():
        raise DataError(
            f"Totals of {column!r} at time zero must be from {study.score.lower:g} to {study.score.upper:g}."
        )
    return points


def _staying(table: pd.DataFrame, gone: frozenset[str]) -> pd.DataFrame:
    """Return the rows of patients who did not withdraw."""
    if "patient_id" not in table.columns:
        return table
    return table[~of_withdrawn(table["patient_id"], gone)].reset_index(drop=True)


def _read(study: Study, report: PackageReport) -> dict[str, pd.DataFrame]:
    if not (study.technical or study.diagnostic):
        return {}
    kept = ("reading", "biomarker", "motion", "motion_trial")
    return {name: report.tables[name] for name in kept if name in report.tables}


def _predictors(study: Study, cohort: Cohort) -> tuple[pd.DataFrame, FeatureMap]:
    tables: dict[str, Any] = dict(cohort.by_modality())
    pool = study.imaging.get("pool", {})
    if pool:
        extra = sorted(set(study.imaging) - {"pool", "levels", "nominal"})
        if extra:
            raise argument_error("imaging", "a table of pool, levels, nominal", f"{extra}")
        _refuse_unknown_measures(cohort, pool)
        tables["imaging"] = pool_levels(
            cohort.biomarkers,
            pool,
            patients=list(cohort.patients.index),
            levels=study.imaging.get("levels"),
            nominal=tuple(study.imaging.get("nominal", ())),
        )
    if not tables:
        raise DataError("The package has no predictors known at time zero.")
    X, found = one_row_per_patient(tables, patients=cohort.patients.index)
    known = {column: entry for column, entry in cohort.modalities.provenance.items() if column in X.columns}
    provenance = {**found.provenance, **known}  # joining loses the table from which a column came
    if not study.modalities:
        return _typed(X[list(found.columns)], study), FeatureMap(dict(found), provenance)
    chosen = FeatureMap({str(name): tuple(columns) for name, columns in study.modalities.items()}, provenance)
    absent = [column for column in chosen.columns if column not in X.columns]
    if absent:
        raise argument_error("modalities", f"columns of the cohort: {', '.join(X.columns[:30])}", f"{absent}")
    return _typed(X[list(chosen.columns)], study), chosen


def _refuse_unknown_measures(cohort: Cohort, pool: Mapping[str, Any]) -> None:
    """Name the measures of ``[imaging.pool]`` without a value known at time zero, and why values were left out."""
    known = sorted(pd.unique(cohort.biomarkers["measure"].dropna()))
    absent = [str(key) for key in pool if ColumnName.parse(str(key)).measure not in known]
    if not absent:
        return
    flow = cohort.flow.to_frame()
    left = flow[flow["kind"].eq("values") & flow["step"].str.startswith("biomarker: ")]
    said = "; ".join(f"{row['step'].removeprefix('biomarker: ')}: {row['n']}" for row in left.to_dict("records"))
    remedy = f"There are: {', '.join(known[:12]) or 'none'}."
    if said:
        remedy += f" Values of the table `biomarker` that were left out: {said}."
    if left["step"].str.endswith("without a date").any():
        remedy += " Give `acquired_on` or `acquired_day` in `imaging_study` or `biomarker`."
    raise argument_error("imaging.pool", "rules for measures with values known at time zero", f"{absent}", remedy)


def _typed(X: pd.DataFrame, study: Study) -> pd.DataFrame:
    """Return predictors as numbers or words; nominal codes become words, so that they are never averaged."""
    out = X.copy()
    for column in out.columns:
        values = out[column]
        if column in study.data.nominal:
            words = values.map(lambda cell: f"{cell:g}" if isinstance(cell, int | float) and cell == cell else cell)
            out[column] = words.astype(object).where(values.notna(), None)
        elif is_number(values):
            out[column] = numbers_of(values)
        elif holds(values) == "date":
            raise argument_error(
                "modalities",
                "numbers or categories",
                f"{column!r}, which contains dates",
                "Make it a duration before time zero.",
            )
        else:
            out[column] = values.astype(object).where(values.notna(), None)
    return _transformed(out, study)


def _transformed(X: pd.DataFrame, study: Study) -> pd.DataFrame:
    for name, columns in study.transform.items():
        for column in columns:
            if column not in X.columns or not is_number(X[column]):
                raise argument_error("transform", "columns of numbers among the predictors", repr(column))
            least = 0.0 if name != "log" else np.nextafter(0, 1)
            if (X[column] < least).any():
                raise DataError(f"The column {column!r} has values that {name} cannot take: {X[column].min():g}.")
            X[column] = {"log1p": np.log1p, "log": np.log, "sqrt": np.sqrt}[name](X[column])
    return X


def _scheduled(study: Study, y: np.ndarray, spec: OutcomeSpec) -> tuple[np.ndarray, np.ndarray | None, list[str]]:
    schedule = study.outcome.get("schedule")
    if outcome_kind(y) != "interval":
        if schedule is not None:
            raise argument_error("outcome.schedule", "left out: this outcome is not seen at visits", schedule)
        return y, None, []
    if schedule is None:
        raise argument_error(
            "outcome.schedule",
            "given for an outcome seen at visits",
            "nothing",
            f"List the planned visits, in {spec.unit}, e.g. schedule = [3, 6, 12].",
        )
    planned = on_schedule(y, schedule)
    off = [h for h in spec.horizons if not np.isclose(planned.visits, h).any()]
    if off:
        raise argument_error("outcome.horizons", f"planned visits {planned.visits.tolist()}", f"{off}")
    words = (
        f"The outcome is known at visits. {planned.n_moved} ends of intervals were taken for the planned visit nearest "
        f"to them, moved by {planned.median_move:.2g} {spec.unit} (median), {planned.largest_move:.2g} at most."
    )
    return planned.y, planned.visits, [words]


def _from_wide(study: Study, gone: frozenset[str]) -> StudyData:
    spec = study.wide_outcome()
    predictors = [column for columns in study.modalities.values() for column in columns]
    rows: WideRows = read_wide(study.data, path_of(study, study.data.wide), spec, predictors, gone, study.score)
    if not study.modalities:
        raise argument_error(
            "modalities",
            "a table of columns by modality",
            "nothing",
            'Say which columns are of which kind, e.g. clinical = ["age", "pain"].',
        )
    modalities = FeatureMap({str(name): tuple(columns) for name, columns in study.modalities.items()})
    if absent := [column for column in modalities.columns if column not in rows.frame.columns]:
        shown = ", ".join(map(repr, rows.frame.columns[:30]))
        raise DataError(f"The table has no column {absent[0]!r}, which [modalities] names; it has {shown}.")
    check_minimum(study.clinical_minimum, rows.frame.columns)
    plan = study.data
    baseline = "" if study.score is None else study.score.baseline
    scores = () if study.score is None else tuple(study.score.visits.values())
    taken = {
        plan.id,
        plan.time,
        plan.start,
        plan.end,
        plan.event,
        plan.entry,
        plan.status,
        plan.score,
        plan.reason,
        *scores,
    }
    if inside := sorted(taken & set(modalities.columns)):
        raise argument_error("modalities", "without the columns of the outcome", f"{inside}")
    X = _typed(rows.frame[list(modalities.columns)], study)
    many = [c for c in X.columns if not is_number(X[c]) and X[c].nunique() > 20]
    if many and is_written_date(X[many[0]]):
        raise DataError(
            f"The column {many[0]!r} contains dates as text, which are no predictor: give the time between "
            "two dates as a number, e.g. the duration of pain at time zero, or leave the column out of [modalities]."
        )
    if many:
        raise DataError(
            f"The column {many[0]!r} contains {X[many[0]].nunique()} different words: text among numbers, or "
            "free text; a category may have at most 20."
        )
    y, visits, more = _scheduled(study, rows.y, spec)
    unused = [c for c in rows.frame.columns if c not in {*modalities.columns, *taken, plan.site, baseline}]
    notes = [*rows.notes, *more]
    if unused:
        notes.append("Columns that are not used: " + ", ".join(unused) + ".")
    sites = _labels(rows.frame[study.data.site]) if study.data.site else None
    X.attrs |= {"synthetic": study.data.synthetic, MISSING_DECLARED: rows.frame.attrs.get(MISSING_DECLARED, [])}
    return StudyData(
        X,
        y,
        spec,
        modalities,
        sites,
        visits,
        rows.flow,
        None,
        rows.hashes,
        tuple(notes),
        outcome_doubts(study, spec, modalities) + _without_imaging(modalities),
        study.data.synthetic,
        value_labels=rows.value_labels,
        labels={column: rows.labels[column] for column in X.columns if rows.labels.get(column)},
        baseline=rows.baseline,
        earlier=rows.earlier,
    )


def _labels(column: pd.Series) -> np.ndarray:
    if column.isna().any():
        raise DataError(f"The site {column.name!r} is missing for {int(column.isna().sum())} patients.")
    return column.astype(str).to_numpy()


def _without_imaging(modalities: FeatureMap) -> tuple[Objection, ...]:
    return () if modalities.get("imaging") else (NO_IMAGING,)


def _says_synthetic(folder: Path) -> bool:
    import json

    try:
        told = json.loads((folder / "datapackage.json").read_text(encoding="utf-8-sig"))
    except (OSError, ValueError):
        return False
    return bool(told.get("synthetic", False)) if isinstance(told, dict) else False


def _hashes(study: Study, report: PackageReport) -> dict[str, str]:
    folder = path_of(study, study.data.package)
    found: dict[str, str] = {}
    for path in sorted(path for path in folder.iterdir() if path.is_file()) if folder.is_dir() else []:
        found = with_digest(found, str(Path(study.data.package) / path.name), digest_of_file(path))
    if folder.is_file():  # a database
        found = with_digest(found, study.data.package, digest_of_file(folder))
    if study.data.mapping:
        found = with_digest(found, study.data.mapping, digest_of_file(path_of(study, study.data.mapping, home=True)))
    return found
