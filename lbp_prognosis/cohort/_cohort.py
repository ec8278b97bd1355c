"""``Cohort``: one row per patient at time zero, the biomarkers known by then, and the outcome after it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from lbp_prognosis._base import DataError, FeatureMap, Objection, Result, argument_error, objection
from lbp_prognosis.cohort._baseline import baseline_biomarkers, baseline_frame, exposures
from lbp_prognosis.cohort._biomarker_doubts import biomarker_doubts
from lbp_prognosis.cohort._cohort_spec import CohortSpec
from lbp_prognosis.cohort._derived_outcome import OutcomeDefinition
from lbp_prognosis.cohort._flow import Flow, outcome_steps
from lbp_prognosis.cohort._make_table_one import make_table_one
from lbp_prognosis.cohort._table_one import TableOne
from lbp_prognosis.cohort._timeline import Timeline, build_timeline
from lbp_prognosis.cohort._treated_after import treated_after
from lbp_prognosis.schema import PackageReport, validate_package
from lbp_prognosis.survival import OutcomeSpec, outcome_kind

__all__ = ["Cohort"]


@dataclass(frozen=True, repr=False)
class Cohort(Result):
    """Patients with time zero, baseline values and follow-up; made by `Cohort.build`.

    Attributes
    ----------
    patients : DataFrame
        One row per patient, indexed by ``patient_id``: baseline variables other than imaging, ``site`` and ``arm``.
    biomarkers : DataFrame
        Long: ``patient_id, structure, measure, level, side, value, unit, method_id, …, day`` (days since time zero),
        only values of the look-back window; one value per place.
    outcome : ndarray
        Aligned with ``patients``; made by `Surv`, `Status` or `Measured`, in the unit of ``spec``.
    spec : OutcomeSpec
        What the outcome is.
    flow : Flow
        Selection steps from the package to the cohort.
    modalities : FeatureMap
        The clinical, patient-reported and biomechanical columns of ``patients``.
    observed : ndarray of bool
        Whether each patient was followed to the primary horizon or to an event.
    rules : CohortSpec
        The rules by which the cohort was built.
    dates : Series
        Calendar date of time zero, indexed by patient; missing where the package has none.
    objections : tuple of Objection
        Objections attached to results.
    synthetic : bool
        Whether the tables were simulated.
    earlier : DataFrame or None
        For `ScoreAtVisit` with ``earlier``: the score at visits before the horizon, with their times as columns; rows
        as in ``patients``.
    """

    patients: pd.DataFrame
    biomarkers: pd.DataFrame
    outcome: np.ndarray
    spec: OutcomeSpec
    flow: Flow
    modalities: FeatureMap
    observed: np.ndarray
    rules: CohortSpec
    dates: pd.Series
    objections: tuple[Objection, ...] = ()
    synthetic: bool = False
    earlier: pd.DataFrame | None = None

    @classmethod
    def build(
        cls,
        package: PackageReport | Mapping[str, pd.DataFrame],
        rules: CohortSpec,
        outcome: OutcomeDefinition,
        *,
        synthetic: bool = False,
    ) -> Cohort:
        """Build a cohort from a validated package.

        Parameters
        ----------
        package : PackageReport or mapping of str to DataFrame
            Result of `validate_package`; raw tables are validated first.
        rules : CohortSpec
            Time zero, eligibility, windows.
        outcome : outcome definition
            `PainRecovery`, `DisabilityRecovery`, `MCIDResponse`, `ChronicTransition`, `Recurrence`, `ReturnToWork`,
            `Surgery`, `ScoreAtVisit`, or any object with the same method ``derive``.
        synthetic : bool, default False
            Marks simulated data; such a cohort supports no claim. A package that states this itself needs no mark.

        Raises
        ------
        ArgumentError
            If tables of the package are read in blocks.
        DataError
            If the package is not valid, a measure was taken by several methods, or no patient is left.
        LeakageError
            If an exposure began after time zero.
        """
        report = package if isinstance(package, PackageReport) else validate_package(package)
        if report.blocks:
            raise argument_error(
                "package",
                "a package whose tables are in memory",
                f"one of which {', '.join(map(repr, report.blocks))} are read in blocks",
                "Validate it without `block_rows`, or leave that table out and add its columns from `pool_levels`.",
            )
        report.accept_methods(rules.methods).raise_if_failed()
        timeline = build_timeline(report.tables, rules)
        rows: list[dict[str, Any]] = [
            {"kind": "start", "step": "patients in the package", "n": len(report.tables["patient"])}
        ]
        _exclude(rows, "no time zero", timeline.n_without_index)
        counts: list[dict[str, Any]] = []
        frame, modalities, _ = baseline_frame(timeline, rules, _declared(report), counts)
        exposed = exposures(timeline, rules, frame.index)
        if len(exposed.columns):
            frame = frame.join(exposed)
            groups = dict(modalities.groups)
            groups["clinical"] = (*groups.get("clinical", ()), *exposed.columns)
            modalities = FeatureMap(groups, modalities.provenance)
        ids = _eligible(frame, rules, rows)
        if not len(ids):
            raise DataError("No patient is eligible. The steps: " + _steps(rows))
        derived = outcome.derive(timeline, ids)
        for words, n in derived.excluded:
            _exclude(rows, words, n)
        if not len(derived.ids):
            rows += [{"kind": "note", "step": words, "n": n} for words, n in derived.notes]
            raise DataError("No patient is left in the cohort. The steps: " + _steps(rows))
        rows.append({"kind": "end", "step": "patients in the cohort", "n": len(derived.ids)})
        rows += outcome_steps(derived.y, derived.spec.main_horizon, derived.spec.unit)
        rows += [{"kind": "note", "step": words, "n": n} for words, n in derived.notes]
        markers = baseline_biomarkers(timeline, rules, counts)
        markers = markers[markers["patient_id"].isin(derived.ids)].reset_index(drop=True)
        treated, ignored = treated_after(timeline, derived)
        rows += [{"kind": "note", "step": words, "n": n} for words, n in treated]
        doubts = derived.objections + derived.spec.doubts + ignored + (_LATE if rules.tolerance > 0 else ())
        doubts += biomarker_doubts(markers, len(derived.ids))
        flow = Flow(
            pd.DataFrame([*rows, *counts], columns=["kind", "step", "n", "patients"]).astype({"patients": "Int64"})
        )
        simulated = synthetic or report.synthetic
        patients = frame.loc[derived.ids]
        for made in (patients, markers):
            made.attrs["synthetic"] = simulated
        return cls(
            patients,
            markers,
            derived.y,
            derived.spec,
            flow,
            modalities,
            derived.observed,
            rules,
            _dates(timeline, derived.ids, rules),
            doubts,
            simulated,
            derived.earlier,
        )

    def __len__(self) -> int:
        return len(self.patients)

    @property
    def imaged(self) -> np.ndarray:
        """Whether each patient has any biomarker in the window."""
        return self.patients.index.isin(self.biomarkers["patient_id"])

    def to_frame(self) -> pd.DataFrame:
        """Return baseline variables and outcome in one table, one row per patient, indexed by ``patient_id``."""
        from lbp_prognosis.survival import to_frame

        after = to_frame(self.outcome).add_prefix("outcome_").set_index(self.patients.index)
        return self.patients.join(after)

    def by_modality(self) -> dict[str, pd.DataFrame]:
        """Return the predictors that are not imaging, one frame per modality, each indexed by ``patient_id``."""
        return {name: self.patients[list(columns)] for name, columns in self.modalities.items()}

    def table_one(
        self,
        by: str | None = None,
        *,
        columns: tuple[str, ...] | None = None,
        skewed: tuple[str, ...] | None = None,
        kinds: Mapping[str, str] | None = None,
        value_labels: Mapping[str, Mapping[Any, str]] | None = None,
    ) -> TableOne:
        """Return Table 1.

        Parameters
        ----------
        by : str, optional
            Column whose values define the groups.
        columns : tuple of str, optional
            Variables; all baseline variables if not given.
        skewed : tuple of str, optional
            Variables shown as median and quartiles; by default those with a sample skewness beyond ±1.
        kinds : mapping of str to {"number", "category", "date"}, optional
            Kind of single variables, instead of the inferred kind; see `table_one_of`.
        value_labels : mapping of str to mapping, optional
            Words for codes, by variable.
        """
        if by is not None and by not in self.patients.columns:
            raise argument_error("by", f"a column: {', '.join(self.patients.columns[:12])} …", by)
        group = None if by is None else self.patients[by]
        return self._table(group, columns, by, skewed=skewed, kinds=kinds, value_labels=value_labels)

    def imaged_vs_not(self, *, columns: tuple[str, ...] | None = None) -> TableOne:
        """Compare patients with and without imaging; with imaging by indication the groups differ."""
        words = np.where(self.imaged, "imaged", "not imaged")
        return self._table(pd.Series(words, index=self.patients.index), columns)

    def attended_vs_not(self, *, columns: tuple[str, ...] | None = None) -> TableOne:
        """Compare patients followed to the primary horizon (or to an earlier event) with the others."""
        words = np.where(self.observed, "followed", "not followed")
        return self._table(pd.Series(words, index=self.patients.index), columns)

    def _table(
        self, by: pd.Series | None, columns: tuple[str, ...] | None, exclude: str | None = None, **how: Any
    ) -> TableOne:
        chosen = list(columns) if columns is not None else [c for c in self.modalities.columns if c != exclude]
        unknown = [c for c in chosen if c not in self.patients.columns]
        if unknown:
            raise argument_error("columns", "columns of the cohort", unknown[0])
        return make_table_one(self.patients, chosen, by, by_name=exclude or "group", **how)

    def split_by(self, by: str, *, at: str | None = None) -> dict[str, Cohort]:
        """Split the cohort by site or another column, or by date of time zero.

        Parameters
        ----------
        by : str
            A column of ``patients``, or ``"date"``.
        at : str, optional
            For ``"date"``: the first date ``YYYY-MM-DD`` of the later part.

        Returns
        -------
        dict of str to Cohort
            One cohort per value of the column, or ``"before"`` and ``"from"``; patients without a value are refused.
        """
        if by == "date":
            cut = pd.to_datetime(at, format="%Y-%m-%d", errors="coerce") if at else pd.NaT
            if pd.isna(cut):
                raise argument_error("at", "a date YYYY-MM-DD", at)
            labels = pd.Series(np.where(self.dates >= cut, "from", "before"), index=self.patients.index)
            labels = labels.where(self.dates.notna())
        elif by in self.patients.columns:
            labels = self.patients[by]
        else:
            raise argument_error("by", f"'date' or a column: {', '.join(self.patients.columns[:12])} …", by)
        if labels.isna().any():
            raise argument_error("by", "known for every patient", f"{by!r}, missing in {int(labels.isna().sum())}")
        return {str(label): self._rows((labels == label).to_numpy()) for label in sorted(labels.unique(), key=str)}

    def _rows(self, mask: np.ndarray) -> Cohort:
        ids = self.patients.index[mask]
        return replace(
            self,
            patients=self.patients[mask],
            outcome=self.outcome[mask],
            observed=self.observed[mask],
            dates=self.dates[mask],
            biomarkers=self.biomarkers[self.biomarkers["patient_id"].isin(ids)].reset_index(drop=True),
            earlier=None if self.earlier is None else self.earlier[mask],
        )

    def _summary(self) -> str:
        kind = outcome_kind(self.outcome)
        if kind == "measured":
            seen = f"{self.spec.name} observed in {int(self.observed.sum())} ({kind})"
            return f"{len(self)} patients, {seen}, {int(self.imaged.sum())} imaged"
        column = "status" if kind == "status" else "event"
        events = int((self.outcome[column] == 1).sum())
        return f"{len(self)} patients, {self.spec.name} in {events} ({kind}), {int(self.imaged.sum())} imaged"


_LATE = (objection("values-after-time-zero"),)


def _declared(report: PackageReport) -> dict[str, set[str]]:
    codebook = report.tables.get("codebook")
    if codebook is None or not {"table", "name"} <= set(codebook.columns):
        return {}
    return {str(table): set(group["name"].dropna()) for table, group in codebook.groupby("table")}


def _exclude(rows: list[dict[str, Any]], words: str, n: int) -> None:
    rows.append({"kind": "excluded", "step": words, "n": int(n)})


def _eligible(frame: pd.DataFrame, rules: CohortSpec, rows: list[dict[str, Any]]) -> pd.Index:
    kept = np.ones(len(frame), dtype=bool)
    for criterion in rules.eligibility:
        held, missing = criterion.holds(frame)
        _exclude(rows, f"not {criterion}", int((kept & ~held & ~missing).sum()))
        if criterion.missing == "exclude" and (kept & ~held & missing).any():
            _exclude(rows, f"{criterion.field} missing", int((kept & ~held & missing).sum()))
        kept &= held
    return frame.index[kept]


def _steps(rows: list[dict[str, Any]]) -> str:
    return "; ".join(f"{row['step']}: {row['n']}" for row in rows if row["n"])


def _dates(timeline: Timeline, ids: pd.Index, rules: CohortSpec) -> pd.Series:
    if rules.index != "index_date" or "index_date" not in timeline.patients.columns:
        return pd.Series(pd.NaT, index=ids)
    return timeline.patients["index_date"].reindex(ids) + pd.Timedelta(days=rules.landmark)
