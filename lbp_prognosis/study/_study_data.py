"""``StudyData``: predictors and outcome of a study, with notes and objections from reading."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from lbp_prognosis._base import FeatureMap, Objection, Result, is_number
from lbp_prognosis.cohort import Cohort, Flow
from lbp_prognosis.disclosure import identifier_text
from lbp_prognosis.fusion import RepeatableColumns
from lbp_prognosis.study._treatment_courses import TreatmentCourses
from lbp_prognosis.study._visits_table import StudyVisits
from lbp_prognosis.survival import OutcomeSpec, outcome_kind

__all__ = ["StudyData"]


@dataclass(frozen=True, repr=False)
class StudyData(Result):
    """Data of a study: one row per patient.

    Attributes
    ----------
    X : DataFrame of shape (n, p)
        Predictors of all modalities.
    y : ndarray of shape (n,)
        Outcome.
    spec : OutcomeSpec
        What it is.
    modalities : FeatureMap
        Columns by modality.
    sites : ndarray of shape (n,) or None
        Centre of each patient.
    visits : ndarray or None
        Schedule, if the outcome is observed at visits.
    flow : Flow
        Patients at each step of the selection.
    cohort : Cohort or None
        Cohort of a registry.
    hashes : dict of str to str
        SHA-256 of each file read, by its path in the protocol.
    notes : tuple of str
        Units, codings, dialects, columns that were not used.
    value_labels : dict of str to dict
        Value labels of a wide table, as in its file.
    labels : dict of str to str
        Labels of predictors of a wide table, as in its file.
    baseline : ndarray of shape (n,) or None
        The score at time zero, if ``[score] baseline`` names its column; NaN if it was not observed.
    earlier : DataFrame of shape (n, n_visits) or None
        The score at visits before the horizon, with their times as columns.
    treatment : TreatmentCourses or None
        Times at which patients started the treatment of the study, and covariates measured before.
    visits_table : StudyVisits or None
        Values at visits, for updated risks.
    retest : RepeatableColumns or None
        Step that judges columns by repeated measurements, unfitted.
    readings : dict of str to DataFrame
        Tables ``reading, biomarker, motion, motion_trial`` of a registry, if the study uses them.
    """

    X: pd.DataFrame = field(repr=False)
    y: np.ndarray = field(repr=False)
    spec: OutcomeSpec
    modalities: FeatureMap
    sites: np.ndarray | None
    visits: np.ndarray | None
    flow: Flow
    cohort: Cohort | None
    hashes: dict[str, str]
    notes: tuple[str, ...] = ()
    objections: tuple[Objection, ...] = ()
    synthetic: bool = False
    readings: dict[str, pd.DataFrame] = field(default_factory=dict, repr=False)
    value_labels: dict[str, dict[Any, str]] = field(default_factory=dict, repr=False)
    labels: dict[str, str] = field(default_factory=dict, repr=False)
    baseline: np.ndarray | None = field(default=None, repr=False)
    earlier: pd.DataFrame | None = field(default=None, repr=False)
    treatment: TreatmentCourses | None = field(default=None, repr=False)
    visits_table: StudyVisits | None = field(default=None, repr=False)
    retest: RepeatableColumns | None = field(default=None, repr=False)

    def patient_ids(self, column: str) -> tuple[str, ...] | None:
        """Return the identifier of each row; None for a wide table without a column of identifiers.

        Parameters
        ----------
        column : str
            ``[table] id`` of the study.
        """
        if self.cohort is None and not column:
            return None
        return tuple(identifier_text(one) for one in self.X.index)

    def to_frame(self) -> pd.DataFrame:
        """Return one row per column: ``column, modality, type, n, n_missing, n_distinct, range`` (5 % to 95 %)."""
        rows = []
        for column in self.X.columns:
            values = self.X[column]
            numeric = is_number(values)
            if numeric and values.notna().any():
                # the central 90 %: extremes are single patients
                low, high = values.quantile([0.05, 0.95])
                shown = f"{low:.4g} to {high:.4g}"
            else:
                shown = ", ".join(map(str, sorted(values.dropna().unique().tolist())[:8]))
            modality = self.modalities.modality_of(column) if column in self.modalities.columns else ""
            rows.append(
                {
                    "column": column,
                    "modality": modality,
                    "type": "number" if numeric else "text",
                    "n": len(values),
                    "n_missing": int(values.isna().sum()),
                    "n_distinct": int(values.nunique()),
                    "range": shown,
                }
            )
        return pd.DataFrame(rows)

    def _summary(self) -> str:
        sizes = ", ".join(f"{name} {len(columns)}" for name, columns in self.modalities.items())
        return f"{len(self.X)} patients, {outcome_kind(self.y)}, columns: {sizes}"
