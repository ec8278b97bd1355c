"""``MotionSummary``: one value per session, and tables for the other rooms."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from lbp_prognosis._base import DataError, FeatureMap, Result, argument_error, check_choice, check_number
from lbp_prognosis.biomechanics._motion_trials import DATES
from lbp_prognosis.schema import ColumnName, failure_frame, table_schemas

__all__ = ["MotionColumns", "MotionSummary"]


class MotionColumns(NamedTuple):
    """One row per patient: ``X, modalities, errors = summary.wide()``.

    Attributes
    ----------
    X : DataFrame
        Indexed by patient: one column per measure (and side), and ``<column>__sd_error`` where the error is known.
    modalities : FeatureMap
        The measures under ``biomechanical``, with unit, method and error of each; the errors are not predictors.
    errors : dict of str to str
        For each column whose error is known for every value, the column with the error, as
        `fusion.RegressionCalibration` requires.
    """

    X: pd.DataFrame
    modalities: FeatureMap
    errors: dict[str, str]


@dataclass(frozen=True, repr=False)
class MotionSummary(Result):
    """Values of sessions, their errors, and unusable trials.

    Attributes
    ----------
    table : DataFrame
        One row per session, measure and side: ``patient_id, session_id, acquired_on`` or ``acquired_day, measure, side,
        value, unit, summary, method_id, mean, best, n_trials, sd_trials, sd_error``. ``method_id`` ends in the summary
        of the trials (``_mean``, ``_best``, ``_mean_of_sides``), because the summaries are different variables.
    errors : DataFrame
        One row per measure and method: ``measure, method_id, unit, n_sessions`` (with at least two trials), ``df,
        sd_trial, low, high, mdc, confidence``: the SD of single trials within a session with its χ² interval, and the
        difference that two single trials of one session exceed with probability 1 − confidence.
    failures : DataFrame
        Trials that could not be used: ``table, row, field, reason, value, message``.
    left_out : DataFrame
        Unused items that are not failures: ``source, item, reason``.
    trials : DataFrame
        The trials that were used.
    """

    table: pd.DataFrame
    errors: pd.DataFrame
    failures: pd.DataFrame
    left_out: pd.DataFrame
    trials: pd.DataFrame = field(repr=False)
    synthetic: bool = False

    def to_frame(self) -> pd.DataFrame:
        """Return the values."""
        return self.table.copy()

    def to_motion(self) -> pd.DataFrame:
        """Return the table ``motion`` of a data package."""
        known = [name for name in table_schemas()["motion"].fields if name in self.table.columns]
        out = self.table[known].copy()
        out["side"] = out["side"].where(out["side"].ne(""), None)
        out.attrs["synthetic"] = self.synthetic
        return out

    def wide(self, *, patients: Sequence[Any] | None = None) -> MotionColumns:
        """Return one row per patient.

        Parameters
        ----------
        patients : sequence, optional
            Patients to return, in this order; patients without a session get missing values. By default, all patients
            with a session.

        Raises
        ------
        DataError
            If a patient has several sessions of one measure (choose one by a look-back window first), or a measure was
            taken by two methods.
        """
        _one_each(self.table)
        order = pd.Index(pd.unique(self.table["patient_id"]) if patients is None else list(patients), name="patient_id")
        if order.has_duplicates:
            raise argument_error("patients", "free of duplicates", f"{list(order[order.duplicated()])[:3]} twice")
        columns: dict[str, pd.Series] = {}
        provenance: dict[str, dict[str, Any]] = {}
        errors: dict[str, str] = {}
        for (measure, side), part in self.table.groupby(["measure", "side"], observed=True, sort=True):
            own = part.set_index("patient_id")
            name, beside = (str(ColumnName(str(measure), side=str(side), pooling=rule)) for rule in ("", "sd_error"))
            columns[name] = own["value"].reindex(order)
            provenance[name] = {
                "measure": str(measure),
                "side": str(side),
                "unit": own["unit"].iloc[0],
                "method_id": own["method_id"].iloc[0],
            }
            if own["sd_error"].notna().any():
                columns[beside] = own["sd_error"].reindex(order)
                provenance[name]["sd_error_column"] = beside
                if own["sd_error"].notna().all():
                    errors[name] = beside
        X = pd.DataFrame(columns, index=order)
        X.attrs["synthetic"] = self.synthetic
        return MotionColumns(X, FeatureMap({"biomechanical": tuple(provenance)}, provenance), errors)

    def ratings(
        self,
        measure: str,
        *,
        side: str = "",
        between: str = "trials",
        n: int = 2,
        days: float | None = None,
        least: int = 2,
    ) -> pd.DataFrame:
        """Return repeated measurements of the same patients, as the technical tier requires them.

        Parameters
        ----------
        measure : str
            Name of the measure.
        side : {"", "left", "right"}, default ""
            Side of the measure.
        between : {"trials", "sessions"}, default "trials"
            Compared measurements: the trials of each patient's first session, or the values of sessions.
        n : int, default 2
            Measurements per patient; patients with fewer are left out.
        days : float, optional
            For sessions: largest number of days between the first and the last, so that patients have not changed in
            between.
        least : int, default 2
            Smallest number of patients in the result; with 0 the result may be empty.

        Returns
        -------
        DataFrame of shape (n_patients, n)
            Indexed by patient, without missing values; input of `evaluation.technical.icc` and `repeatability`.

        Raises
        ------
        DataError
            If fewer than ``least`` patients have ``n`` measurements.
        """
        check_choice("side", side, ("", "left", "right"))
        check_choice("between", between, ("trials", "sessions"))
        n = int(check_number("n", n, low=2, whole=True))
        fewest = int(check_number("least", least, low=0, whole=True))
        source = self.trials if between == "trials" else self.table
        held = source[source["measure"].eq(measure) & source["side"].eq(side)]
        if between == "sessions":
            if days is None:
                raise argument_error("days", "given for sessions: how far apart they may lie", "nothing")
            rows = _close_sessions(held, n, float(check_number("days", days, low=0)))
        else:
            if days is not None:
                raise argument_error("days", "left out for trials, which are of one session", days)
            rows = _first_session(held)
        rows = rows.assign(place=rows.groupby("patient_id", observed=True).cumcount() + 1)
        wide = rows[rows["place"] <= n].pivot(index="patient_id", columns="place", values="value")
        wide = wide.reindex(columns=range(1, n + 1)).dropna().rename_axis(columns=None)
        if len(wide) < fewest:
            where = f"{measure!r}" + (f", {side}" if side else "")
            raise DataError(f"Fewer than {'two' if fewest == 2 else fewest} patients have {n} {between} of {where}.")
        return wide

    def _summary(self) -> str:
        return (
            f"{len(self.table)} values of {self.table['patient_id'].nunique()} patients from {len(self.trials)} "
            f"trials, {len(self.failures)} failures"
        )


def _one_each(table: pd.DataFrame) -> None:
    """Refuse several sessions or methods of one measure."""
    again = table.duplicated(["patient_id", "measure", "side"], keep=False)
    methods = table.groupby("measure", observed=True)["method_id"].transform("nunique").gt(1)
    for wrong, field_, reason, words in (
        (methods, "method_id", "mixed_method", "One measure came by several methods, which are different variables"),
        (again, "session_id", "duplicate_key", "A patient has several sessions of one measure: choose one first"),
    ):
        if wrong.any():
            rows = table[wrong]
            raise DataError(
                f"{words}; the first: {rows['measure'].iloc[0]!r}.",
                failure_frame(
                    {
                        "table": "motion",
                        "row": int(row) + 1,
                        "field": field_,
                        "reason": reason,
                        "value": value,
                        "message": words,
                    }
                    for row, value in zip(np.flatnonzero(wrong), rows[field_])
                ),
            )


def _first_session(held: pd.DataFrame) -> pd.DataFrame:
    dated = [name for name in DATES if name in held.columns]
    rows = held.sort_values(["patient_id", *dated, "session_id", "trial"], kind="stable")
    first = rows.groupby("patient_id", observed=True)["session_id"].transform("first")
    return rows[rows["session_id"] == first]


def _close_sessions(held: pd.DataFrame, n: int, days: float) -> pd.DataFrame:
    """Return the first n sessions of each patient, if they lie within the given number of days."""
    dated = [name for name in DATES if name in held.columns and held[name].notna().any()]
    if not dated:
        raise DataError("Sessions without a date: how far apart they lie is not known.")
    column = held[dated[0]]
    number = column if dated[0] == "acquired_day" else (column - pd.Timestamp("1970-01-01")).dt.days
    rows = held.assign(when=number).dropna(subset="when")
    rows = rows.sort_values(["patient_id", "when", "session_id"], kind="stable")
    rows = rows[rows.groupby("patient_id", observed=True).cumcount() < n]
    when = rows.groupby("patient_id", observed=True)["when"]
    return rows[(when.transform("max") - when.transform("min")) <= days]
