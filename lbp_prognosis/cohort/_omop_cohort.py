"""``omop_cohort``: one row per person from OMOP tables: index date, covariates before it, outcome after it."""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from lbp_prognosis._base import DataError, argument_error, check_number
from lbp_prognosis.cohort._concept_set import ConceptSet
from lbp_prognosis.cohort._omop_tables import OmopTables, check_unit
from lbp_prognosis.survival import Surv

__all__ = ["OmopCohort", "omop_cohort"]

_RECORDS = ("condition_occurrence", "procedure_occurrence", "drug_exposure")
_SEX = {8507: "male", 8532: "female"}
_UNUSED = ["table", "set", "reason", "rows", "persons", "in_cohort"]


@dataclass(frozen=True)
class OmopCohort:
    """A cohort from OMOP tables.

    Attributes
    ----------
    table : DataFrame
        One row per person, index ``person_id``: ``index_date, age, sex``, a column for each set of records (0 or 1) and
        measure (number, NaN without a value), ``days`` from the index date and ``event`` (0 end of observation, 1 the
        outcome, 2 death).
    flow : DataFrame
        ``step, persons``: number of persons left after each step.
    unused : DataFrame
        ``table, set, reason, rows, persons, in_cohort``: rows that could not be used, because they have no date or a
        period ends before it begins; the persons who have them, and how many of those are in the cohort. A person whose
        records of the outcome all lack a date counts as without it. Empty if there are none.
    """

    table: pd.DataFrame
    flow: pd.DataFrame
    unused: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=_UNUSED))

    @property
    def X(self) -> pd.DataFrame:
        """Predictors: all columns except dates and outcome."""
        return self.table.drop(columns=["index_date", "days", "event"])

    @property
    def y(self) -> np.ndarray:
        """Outcome in days, death competing, with the labels of the persons."""
        return Surv.right(self.table["days"], self.table["event"], index=self.table.index)


def _first(events: pd.DataFrame) -> pd.Series:
    return events.groupby("person_id")["date"].min()


def omop_cohort(
    folder: str | os.PathLike[str],
    *,
    index: ConceptSet,
    outcome: ConceptSet,
    records: Mapping[str, ConceptSet] | None = None,
    measures: Mapping[str, ConceptSet] | None = None,
    observed_before: int = 365,
    look_back: int = 365,
    until: str | dt.date | None = None,
) -> OmopCohort:
    """Make a cohort from exports of the OMOP Common Data Model in Parquet or DuckDB.

    Parameters
    ----------
    folder : str or path
        Folder of Parquet files or DuckDB database, with ``person, observation_period``, the tables of records in use
        (``condition_occurrence, procedure_occurrence, drug_exposure, measurement``) and ``death``, empty if no deaths
        are known; ``concept_ancestor`` if a set includes descendants.
    index, outcome : ConceptSet
        Conditions, procedures or drugs.
    records : mapping of str to ConceptSet, optional
        Column: 1 with any record of a condition, procedure or drug in the look-back window, else 0.
    measures : mapping of str to ConceptSet, optional
        Column: latest ``value_as_number`` of a measurement in the window; the mean of several on that day.
    observed_before : int, default 365
        Days of observation required before the index date, so that a first record is new and covariates can be seen.
    look_back : int, default 365
        Length of the window, days.
    until : date, optional
        Last day that the data cover, such as that of the extraction. Observation ends then at the latest; required if a
        period of the cohort ends after today (some sources write 9999-12-31 for persons who are still observed).

    Returns
    -------
    OmopCohort
        Table, flow, and the number of rows that could not be used.

    Raises
    ------
    ArgumentError
        If a required table is absent, a column is named twice, descendants of a set cannot be resolved, or ``until`` is
        no day up to today.
    DataError
        If no person is left, a measure has several units (a missing unit counts as one), a column cannot be read, a
        death has no date, or observation ends after today without ``until``.

    Notes
    -----
    **Index date**: the first record of ``index`` in all of a person's data, if it lies in an observation period that
    began at least ``observed_before`` days earlier. **Predictors** are dated in ``[index − look_back, index)``: records
    of the index day are not used, since the order of records within a day is unknown. **Outcome**: the first record
    after the index date. A person with a record on or before it is left out. Follow-up ends at the outcome, at death,
    or at the end of the observation period, whichever is first; later records are not used. An outcome on the day of
    death counts as the outcome. ``age`` is the year of the index date minus the year of birth. **Observation periods**
    of one person that overlap are joined. **Rows without a date** are not used, and counted in ``unused``. A person
    without a year of birth, born after the year of the index date or dead before it is left out.
    """
    observed_before = int(check_number("observed_before", observed_before, low=0, whole=True))
    look_back = int(check_number("look_back", look_back, low=1, whole=True))
    last_day = None if until is None else _day(until)
    records, measures = dict(records or {}), dict(measures or {})
    for name, given in {"index": index, "outcome": outcome, **records, **measures}.items():
        if not isinstance(given, ConceptSet):
            raise argument_error(name, "a ConceptSet", given, "ConceptSet.read(path), or ConceptSet.of(name, ids).")
    taken = {"person_id", "index_date", "age", "sex", "days", "event"}
    twice = sorted((set(records) & set(measures)) | ((set(records) | set(measures)) & taken))
    if twice:
        raise argument_error("records", "columns of names of their own", f"{twice}, which exist already")
    tables = OmopTables(folder)
    ancestors = tables.ancestors()

    def events(concepts: ConceptSet) -> pd.DataFrame:
        return tables.events(_RECORDS, concepts.resolved(ancestors), concepts.name)

    observed = _observed(tables, last_day)
    rows, flow = _eligible(
        tables, observed, _first(events(index)), _first(events(outcome)), index, outcome, observed_before
    )
    out = rows[["index_date", "age", "sex"]].copy()
    for name, concepts in records.items():
        seen = _within(events(concepts), rows, look_back)
        out[name] = out.index.isin(seen["person_id"]).astype(int)
    for name, concepts in measures.items():
        out[name] = _latest(tables, concepts.resolved(ancestors), name, rows, look_back)
    last = rows[["end", "death"]].min(axis=1)
    happened = rows["outcome"].notna() & (rows["outcome"] <= last)
    out["days"] = (rows["outcome"].where(happened, last) - rows["index_date"]).dt.days.astype(int)
    out["event"] = np.where(happened, 1, np.where(rows["death"].notna() & (rows["death"] <= rows["end"]), 2, 0))
    unused = [(*row[:3], len(row[3]), row[3].nunique(), int(out.index.isin(row[3]).sum())) for row in tables.unused]
    return OmopCohort(out.sort_index(), flow, pd.DataFrame(unused, columns=_UNUSED))


def _day(until: str | dt.date) -> pd.Timestamp:
    try:
        day = pd.Timestamp(until if isinstance(until, dt.date) else dt.date.fromisoformat(until))
        right = day.tzinfo is None and day.normalize() <= pd.Timestamp.now()
    except (TypeError, ValueError):
        right = False
    if not right:
        raise argument_error("until", "a day up to today, such as '2024-12-31'", repr(until)) from None
    return day.normalize()


def _eligible(
    tables: OmopTables,
    observed: pd.DataFrame,
    first: pd.Series,
    happened: pd.Series,
    index: ConceptSet,
    outcome: ConceptSet,
    observed_before: int,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return persons with ``index_date, start, end, outcome, death, age, sex``, and persons left by step."""
    steps = [(f"record of {index.name}", len(first))]
    rows = observed.merge(first.rename("index_date").reset_index(), on="person_id").set_index("person_id")
    rows = rows[(rows["start"] <= rows["index_date"]) & (rows["index_date"] <= rows["end"])]
    steps.append(("first record within an observation period", len(rows)))
    rows = rows[(rows["index_date"] - rows["start"]).dt.days >= observed_before]
    steps.append((f"observed for {observed_before} days before", len(rows)))
    late = rows["end"] > pd.Timestamp.now()
    if late.any():
        raise DataError(
            f"Observation of {int(late.sum())} persons ends after today, the last on {rows['end'].max():%Y-%m-%d}. Set "
            "until (`--until`) to the last day that the data cover."
        )
    rows = rows.assign(outcome=happened.reindex(rows.index))
    rows = rows[~(rows["outcome"] <= rows["index_date"])]
    steps.append((f"no record of {outcome.name} on or before the index date", len(rows)))
    person = tables.read("person", ["person_id", "gender_concept_id", "year_of_birth"])
    if person["person_id"].duplicated().any():
        raise DataError("The table person has several rows of one person.")
    person = person.set_index("person_id").reindex(rows.index)
    dead = tables.read("death", ["person_id", "death_date"]).rename(columns={"death_date": "date"})
    undated = dead.loc[dead["date"].isna() & dead["person_id"].isin(rows.index), "person_id"]
    undated = undated[~undated.isin(dead.loc[dead["date"].notna(), "person_id"])]
    if len(undated):
        raise DataError(
            f"The table death has {undated.nunique()} persons of the cohort without a date, who would count as alive: "
            "date their deaths, or leave these persons out of the table person."
        )
    death = _first(dead)
    rows = rows.assign(
        death=death.reindex(rows.index),
        age=rows["index_date"].dt.year - person["year_of_birth"],
        sex=person["gender_concept_id"].map(_SEX).fillna("unknown"),
    )
    rows = rows[(rows["age"] >= 0) & ~(rows["death"] < rows["index_date"])].astype({"age": int})
    steps.append(("year of birth known; not born after or dead before the index date", len(rows)))
    if rows.empty:
        told = "; ".join(f"{step}: {count}" for step, count in steps)
        raise DataError(f"No person is left. {told}.")
    return rows, pd.DataFrame(steps, columns=["step", "persons"])


def _observed(tables: OmopTables, last_day: pd.Timestamp | None) -> pd.DataFrame:
    """Return ``person_id, start, end`` of observation periods; overlapping periods of a person are joined."""
    names = ["person_id", "observation_period_start_date", "observation_period_end_date"]
    periods = tables.read("observation_period", names).set_axis(["person_id", "start", "end"], axis=1)
    undated = periods[["start", "end"]].isna().any(axis=1)
    tables.leave_out("observation_period", "", "no date", periods.loc[undated, "person_id"])
    turned = periods.loc[periods["start"] > periods["end"], "person_id"]
    tables.leave_out("observation_period", "", "ends before it begins", turned)
    if last_day is not None:
        periods["end"] = periods["end"].where(periods["end"].isna() | (periods["end"] <= last_day), last_day)
    periods = periods[periods["start"] <= periods["end"]].sort_values(["person_id", "start"])
    before = periods.groupby("person_id")["end"].cummax().groupby(periods["person_id"]).shift()
    run = (before.isna() | (periods["start"] > before)).cumsum().rename("run")
    return periods.groupby(["person_id", run]).agg({"start": "min", "end": "max"}).reset_index("person_id")


def _within(events: pd.DataFrame, rows: pd.DataFrame, look_back: int) -> pd.DataFrame:
    """Return records dated before the index date, within the window."""
    joined = events.merge(rows["index_date"].reset_index(), on="person_id")
    gap = (joined["index_date"] - joined["date"]).dt.days
    return joined[(gap > 0) & (gap <= look_back)]


def _latest(tables: OmopTables, concepts: np.ndarray, name: str, rows: pd.DataFrame, look_back: int) -> pd.Series:
    """Return the mean of the values on the last day in the window that has a value."""
    events = tables.events(("measurement",), concepts, name, ("value_as_number", "unit_concept_id"))
    inside = _within(events[events["value_as_number"].notna()], rows, look_back)
    check_unit(inside, name)
    last = inside.groupby("person_id")["date"].transform("max")
    return inside[inside["date"] == last].groupby("person_id")["value_as_number"].mean().reindex(rows.index)
