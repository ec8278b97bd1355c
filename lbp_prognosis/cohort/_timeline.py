"""Every dated row of every table, in days since time zero."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from lbp_prognosis._base import DataError, argument_error
from lbp_prognosis.cohort._cohort_spec import CohortSpec

__all__ = ["Timeline", "build_timeline"]

# table -> (date column, day column)
_WHEN = {
    "visit": ("visit_date", "visit_day"),
    "examination": ("examined_on", "examined_day"),
    "motion": ("acquired_on", "acquired_day"),
    "imaging_study": ("acquired_on", "acquired_day"),
    "biomarker": ("acquired_on", "acquired_day"),
    "event": ("event_date", "event_day"),
    "treatment": ("start_date", "start_day"),
}


@dataclass(frozen=True)
class Timeline:
    """Tables whose rows carry ``day``: days since time zero of their patient.

    Attributes
    ----------
    patients : DataFrame
        Table ``patient`` indexed by ``patient_id``, only patients with a time zero.
    tables : dict of str to DataFrame
        visit, prom, examination, motion, imaging_study, biomarker, event, treatment, if present.
    end : Series
        Administrative end in days, infinite if there is none; indexed by patient.
    last_contact : Series
        Last day on which an exactly dated event would have been known; missing if unknown.
    entry : Series
        Delayed entry in days; 0 if there is none.
    n_without_index : int
        Patients left out because they have no time zero.
    """

    patients: pd.DataFrame
    tables: dict[str, pd.DataFrame]
    end: pd.Series
    last_contact: pd.Series
    entry: pd.Series
    n_without_index: int

    @property
    def visit(self) -> pd.DataFrame:
        """Visits; an empty frame if there are none."""
        return self.tables.get("visit", pd.DataFrame(columns=["patient_id", "visit_id", "attended", "day"]))

    @property
    def event(self) -> pd.DataFrame:
        """Events; an empty frame if there are none."""
        return self.tables.get("event", pd.DataFrame(columns=["patient_id", "event_type", "day", "end_day"]))

    def totals(self, instrument: str) -> pd.DataFrame:
        """Return observed totals of an instrument at attended visits: ``patient_id, visit_id, day, value``, by day."""
        prom = self.tables.get("prom")
        if prom is None:
            raise DataError("The outcome needs the table `prom`, which is not in the package.")
        held = prom[prom["instrument"].eq(instrument) & prom["item"].eq("total")].dropna(subset=["value", "day"])
        if held.empty:
            undated = self.undated(instrument)
            if len(undated):
                raise DataError(
                    f"No total of {instrument!r} has a date ({len(undated)} patients have totals without one): give "
                    "`visit_date` or `visit_day` of attended visits, or `completed_on` in `prom`."
                )
            known = sorted(prom.loc[prom["item"].eq("total"), "instrument"].dropna().unique())
            raise argument_error("instrument", f"one with totals in `prom`: {', '.join(known) or 'none'}", instrument)
        return held.sort_values(["patient_id", "day"], kind="stable")[["patient_id", "visit_id", "day", "value"]]

    def undated(self, instrument: str) -> pd.Index:
        """Return patients with a total of the instrument whose day is not known."""
        prom = self.tables["prom"]
        held = prom[prom["instrument"].eq(instrument) & prom["item"].eq("total") & prom["value"].notna()]
        return pd.Index(held.loc[held["day"].isna(), "patient_id"].unique())

    def first_event(self, types: tuple[str, ...]) -> pd.DataFrame:
        """Return the first of these events by patient: ``day, event_type``; ties go to death."""
        event = self.event
        held = event[event["event_type"].isin(types)].dropna(subset=["day"])
        last = held.assign(order=held["event_type"].eq("death").map({True: 0, False: 1}))
        first = last.sort_values(["patient_id", "day", "order"], kind="stable").drop_duplicates("patient_id")
        return first.set_index("patient_id")[["day", "event_type"]]


def build_timeline(tables: Mapping[str, pd.DataFrame], spec: CohortSpec) -> Timeline:
    """Resolve time zero for each patient and date every row from it."""
    patient = tables["patient"].set_index("patient_id", drop=True)
    patient.index = patient.index.astype(str)
    origin = patient["index_date"] if "index_date" in patient.columns else pd.Series(pd.NaT, index=patient.index)
    by_days = bool(origin.isna().all())
    if spec.index != "index_date":
        origin = origin.fillna(_rule_dates(tables, spec.index).reindex(patient.index))
    dated = {name: _dated(tables[name], name, origin) for name in _WHEN if name in tables}
    if "biomarker" in dated and "imaging_study" in dated:
        dated["biomarker"] = _days_of_study(dated["biomarker"], dated["imaging_study"])
    if "prom" in tables:
        dated["prom"] = _prom_days(tables["prom"], dated.get("visit"), origin)
    zero = _zero_days(dated, patient.index, origin, spec.index, by_days)
    known = zero.notna()
    zero = zero[known] + spec.landmark
    kept = patient[known.to_numpy()]
    for name, frame in dated.items():
        frame = frame[frame["patient_id"].isin(kept.index)].copy()
        shift = frame["patient_id"].map(zero).astype(float)
        for column in ("day", "end_day", "planned_day"):
            if column in frame.columns:
                frame[column] = frame[column] - shift
        dated[name] = frame.reset_index(drop=True)
    return Timeline(
        kept,
        dated,
        _end(spec, origin, zero),
        _last_contact(kept, dated, origin, zero),
        _entry(kept, origin, zero, spec),
        int((~known).sum()),
    )


def _days(dates: pd.Series, origin: pd.Series) -> pd.Series:
    return (dates - origin).dt.days.astype("float64")


def _dated(table: pd.DataFrame, name: str, origin: pd.Series) -> pd.DataFrame:
    """Return a copy with ``day`` from the date if present, else from the day column."""
    frame = table.copy()
    frame["patient_id"] = frame["patient_id"].astype(str)
    start = pd.to_datetime(frame["patient_id"].map(origin))
    date, day = _WHEN[name]
    frame["day"] = _from(frame, date, day, start)
    if name in ("event", "treatment"):
        frame["end_day"] = _from(frame, "end_date", "end_day", start)
    return frame


def _from(frame: pd.DataFrame, date: str, day: str, start: pd.Series) -> pd.Series:
    days = frame[day].astype("float64") if day in frame.columns else pd.Series(np.nan, index=frame.index)
    return _days(frame[date], start).fillna(days) if date in frame.columns else days


def _days_of_study(biomarker: pd.DataFrame, study: pd.DataFrame) -> pd.DataFrame:
    by_study = study.drop_duplicates(["patient_id", "study_id"]).set_index(["patient_id", "study_id"])["day"]
    keys = pd.MultiIndex.from_frame(biomarker[["patient_id", "study_id"]])
    found = pd.Series(by_study.reindex(keys).to_numpy(), index=biomarker.index)
    return biomarker.assign(day=biomarker["day"].fillna(found))


def _prom_days(prom: pd.DataFrame, visit: pd.DataFrame | None, origin: pd.Series) -> pd.DataFrame:
    """Date a questionnaire by its completion, else by its visit; at a missed visit it stays undated."""
    frame = prom.copy()
    frame["patient_id"] = frame["patient_id"].astype(str)
    start = pd.to_datetime(frame["patient_id"].map(origin))
    own = _from(frame, "completed_on", "completed_day", start)
    if visit is not None:
        came = visit[visit["attended"].fillna(False).astype(bool)]
        at = came.drop_duplicates(["patient_id", "visit_id"]).set_index(["patient_id", "visit_id"])["day"]
        keys = pd.MultiIndex.from_frame(frame[["patient_id", "visit_id"]])
        own = own.fillna(pd.Series(at.reindex(keys).to_numpy(), index=frame.index))
    return frame.assign(day=own)


def _rule_dates(tables: Mapping[str, pd.DataFrame], rule: str) -> pd.Series:
    name, column = {"first_visit": ("visit", "visit_date"), "first_imaging": ("imaging_study", "acquired_on")}.get(
        rule, ("event", "event_date")
    )
    frame = tables.get(name)
    if frame is None or column not in frame.columns:
        return pd.Series(pd.NaT, index=pd.Index([], dtype=object))
    if name == "event":
        frame = frame[frame["event_type"].eq(rule.removeprefix("first_event:"))]
    return frame.groupby(frame["patient_id"].astype(str))[column].min()


def _zero_days(
    dated: Mapping[str, pd.DataFrame], ids: pd.Index, origin: pd.Series, rule: str, by_days: bool
) -> pd.Series:
    """Return time zero in days since the origin; missing if the rule finds none."""
    if rule == "index_date":
        return pd.Series(0.0, index=ids) if by_days else origin.notna().map({True: 0.0, False: np.nan})
    name = {"first_visit": "visit", "first_imaging": "imaging_study"}.get(rule, "event")
    if name not in dated:
        raise DataError(f"The index rule {rule!r} needs the table `{name}`, which is not in the package.")
    frame = dated[name]
    if name == "visit":
        frame = frame[frame["attended"].fillna(False).astype(bool)]
    if name == "event":
        frame = frame[frame["event_type"].eq(rule.removeprefix("first_event:"))]
    return frame.groupby("patient_id")["day"].min().reindex(ids)


def _end(spec: CohortSpec, origin: pd.Series, zero: pd.Series) -> pd.Series:
    if spec.end is None:
        return pd.Series(np.inf, index=zero.index)
    if isinstance(spec.end, str):
        date = pd.to_datetime(spec.end, format="%Y-%m-%d", errors="coerce")
        if pd.isna(date):
            raise argument_error("end", "a date YYYY-MM-DD or days since time zero", spec.end)
        days = _days(pd.Series(date, index=zero.index), origin.reindex(zero.index)) - zero
        if days.isna().any():
            raise argument_error("end", "days since time zero where the package has no calendar dates", spec.end)
        return days
    return pd.Series(float(spec.end), index=zero.index)


def _own_days(patients: pd.DataFrame, stem: str, origin: pd.Series, zero: pd.Series) -> pd.Series:
    return _from(patients, f"{stem}_date", f"{stem}_day", origin.reindex(patients.index)) - zero


def _last_contact(
    patients: pd.DataFrame, dated: Mapping[str, pd.DataFrame], origin: pd.Series, zero: pd.Series
) -> pd.Series:
    """The declared last contact; where it is missing, the last attended visit or dated event."""
    declared = _own_days(patients, "last_contact", origin, zero)
    seen = []
    if "visit" in dated:
        came = dated["visit"][dated["visit"]["attended"].fillna(False).astype(bool)]
        seen.append(came.groupby("patient_id")["day"].max())
    if "event" in dated:
        seen.append(dated["event"].groupby("patient_id")["day"].max())
    if not seen:
        return declared
    return declared.fillna(pd.concat(seen, axis=1).max(axis=1).reindex(patients.index))


def _entry(patients: pd.DataFrame, origin: pd.Series, zero: pd.Series, spec: CohortSpec) -> pd.Series:
    if not spec.delayed_entry:
        return pd.Series(0.0, index=patients.index)
    entry = _own_days(patients, "entry", origin, zero)
    if entry.isna().all():
        raise DataError("`delayed_entry` needs `entry_date` or `entry_day` in the table `patient`.")
    return entry.fillna(0.0).clip(lower=0.0)
