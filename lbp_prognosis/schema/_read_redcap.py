"""``read_redcap``: an export and its dictionary become plain tables, with words for every code."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from lbp_prognosis._base import DataError, Result, argument_error
from lbp_prognosis.schema._read_table import read_table

__all__ = ["RedcapReading", "read_redcap"]

_NAME, _FORM, _TYPE = "Variable / Field Name", "Form Name", "Field Type"
_CHOICES, _LABEL = "Choices, Calculations, OR Slider Labels", "Field Label"
_LOW, _HIGH = "Text Validation Min", "Text Validation Max"
_SYSTEM = (
    "redcap_event_name",
    "redcap_repeat_instrument",
    "redcap_repeat_instance",
    "redcap_data_access_group",
    "redcap_survey_identifier",
)


@dataclass(frozen=True, repr=False)
class RedcapReading(Result):
    """A REDCap project as plain tables.

    Attributes
    ----------
    records : DataFrame
        One row a record and event, columns of forms that do not repeat: ``patient_id, visit_id``, then the fields.
        A checkbox is one 0/1 column a choice, ``<field>__<code>``.
    repeats : dict of str to DataFrame
        For each repeating form: ``patient_id, visit_id, instance``, then its fields.
    visits : DataFrame
        ``patient_id, visit_id, attended`` and, where asked for, ``visit_date`` and ``planned_day``.
    codebook : DataFrame
        One row a column: ``column, form, type, label, coding, minimum, maximum, n, n_missing, n_coded_missing``.
    notes : tuple of str
        What was noticed: columns that are not in the dictionary, fields without a column, codes outside the choices.
    """

    records: pd.DataFrame
    repeats: dict[str, pd.DataFrame]
    visits: pd.DataFrame
    codebook: pd.DataFrame
    notes: tuple[str, ...]

    def to_frame(self) -> pd.DataFrame:
        """Return the codebook."""
        return self.codebook

    def _summary(self) -> str:
        repeated = ", ".join(f"{name} {len(frame)}" for name, frame in self.repeats.items())
        return (
            f"{self.records['patient_id'].nunique()} records, {len(self.visits)} visits, repeats: {repeated or 'none'}"
        )


def read_redcap(
    export: str | os.PathLike[str],
    dictionary: str | os.PathLike[str],
    *,
    missing_codes: Mapping[str, str] | None = None,
    visit_date: str | None = None,
    event_days: Mapping[str, float] | None = None,
) -> RedcapReading:
    """Read a REDCap export (raw codes, not labels) with its data dictionary.

    Parameters
    ----------
    export : path
        CSV with raw values.
    dictionary : path
        CSV of the data dictionary.
    missing_codes : mapping of str to str, optional
        The project's missing-data codes and their words, e.g. ``{"-99": "refused"}``. They become missing, counted.
    visit_date : str, optional
        Field that holds the date of a visit. A visit counts as attended if it has one; without the field, if any
        field of a form that does not repeat is filled.
    event_days : mapping of str to float, optional
        Planned day of each event, in days since the index date.

    Raises
    ------
    DataError
        If a file is not what it claims, the record identifier is missing, or a row repeats a form that is unknown.
    """
    data = read_table(export, infer=False).frame
    fields = _dictionary(dictionary)
    key = fields.index[0]
    if key not in data.columns:
        raise DataError(f"The export has no column {key!r}, which the dictionary names as the record identifier.")
    codes = dict(missing_codes or {})
    data = data.replace("", None)
    coded = {column: int(data[column].isin(list(codes)).sum()) for column in data.columns}
    data = data.where(~data.isin(list(codes)), None) if codes else data
    columns, notes = _match(data, fields)
    data = data.rename(columns={old: new for old, (new, _) in columns.items()})
    data = data.rename(columns={key: "patient_id"})
    if data["patient_id"].isna().any():
        raise DataError(f"{int(data['patient_id'].isna().sum())} rows of the export have no {key!r}.")
    event = data["redcap_event_name"] if "redcap_event_name" in data.columns else None
    data["visit_id"] = "visit" if event is None else event.fillna("visit")
    of_form = {new: str(fields.loc[field, _FORM]) for new, field in columns.values() if field != key}
    single, repeats = _split(data, of_form, set(fields[_FORM]))
    notes += _outside(data, columns, fields)
    visits = _visits(single, of_form, visit_date, event_days)
    return RedcapReading(single, repeats, visits, _codebook(data, columns, fields, coded, key), tuple(notes))


def _dictionary(path: str | os.PathLike[str]) -> pd.DataFrame:
    frame = read_table(path, infer=False).frame
    absent = [name for name in (_NAME, _FORM, _TYPE, _CHOICES, _LABEL) if name not in frame.columns]
    if absent:
        raise DataError(f"The dictionary lacks the columns {', '.join(map(repr, absent))}: is it a REDCap dictionary?")
    for name in (_LOW, _HIGH):
        if name not in frame.columns:
            frame[name] = ""
    if frame.empty or frame[_NAME].duplicated().any():
        raise DataError("The dictionary must have rows, and name each field once.")
    return frame.set_index(_NAME)


def choices(text: str) -> dict[str, str]:
    """Return code to word from REDCap's ``1, Yes | 0, No``."""
    pairs = (part.split(",", 1) for part in text.split("|") if "," in part)
    return {code.strip(): word.strip() for code, word in pairs}


def _match(data: pd.DataFrame, fields: pd.DataFrame) -> tuple[dict[str, tuple[str, str]], list[str]]:
    """Return column -> (our name, field), and notes on what does not meet."""
    columns: dict[str, tuple[str, str]] = {}
    notes, unknown = [], []
    for column in data.columns:
        box = re.fullmatch(r"(.+?)___(.+)", column)
        if column in fields.index:
            columns[column] = (column, column)
        elif box and box[1] in fields.index and fields.loc[box[1], _TYPE] == "checkbox":
            columns[column] = (f"{box[1]}__{box[2]}", box[1])
        elif column not in _SYSTEM and not column.endswith("_complete") and not column.endswith("_timestamp"):
            unknown.append(column)
    if unknown:
        notes.append(f"not in the dictionary, kept as they are: {', '.join(unknown)}")
    seen = {field for _, field in columns.values()}
    absent = [f for f in fields.index if f not in seen and fields.loc[f, _TYPE] not in ("descriptive", "file")]
    if absent:
        notes.append(f"in the dictionary but not in the export: {', '.join(absent)}")
    return columns, notes


def _split(
    data: pd.DataFrame, of_form: Mapping[str, str], forms: set[str]
) -> tuple[pd.DataFrame, dict[str, pd.DataFrame]]:
    """Return rows of forms that do not repeat, and the rows of each repeating form."""
    head = ["patient_id", "visit_id"]
    named = (
        data["redcap_repeat_instrument"]
        if "redcap_repeat_instrument" in data.columns
        else pd.Series(None, index=data.index, dtype=object)
    )
    strange = sorted(set(named.dropna().unique()) - forms)
    if strange:
        raise DataError(f"The export repeats forms that are not in the dictionary: {', '.join(strange[:5])}.")
    repeating = set(named.dropna().unique())
    plain = [c for c in data.columns if c not in (*head, *_SYSTEM) and of_form.get(c) not in repeating]
    single = data.loc[named.isna(), [*head, *plain]].reset_index(drop=True)
    twice = single.duplicated(head)
    if twice.any():
        raise DataError(f"{int(twice.sum())} rows repeat a record and event without naming a repeating form.")
    repeats = {}
    for form in sorted(repeating):
        own = [c for c in data.columns if of_form.get(c) == form]
        rows = data.loc[named.eq(form)]
        table = rows[[*head, *own]].reset_index(drop=True)
        table.insert(2, "instance", pd.to_numeric(rows["redcap_repeat_instance"], errors="coerce").to_numpy())
        repeats[form] = table
    return single, repeats


def _visits(
    single: pd.DataFrame, of_form: Mapping[str, str], visit_date: str | None, event_days: Mapping[str, float] | None
) -> pd.DataFrame:
    visits = single[["patient_id", "visit_id"]].copy()
    if visit_date is not None:
        if visit_date not in single.columns:
            raise argument_error("visit_date", "a field of a form that does not repeat", repr(visit_date))
        visits["visit_date"] = single[visit_date]
        visits["attended"] = single[visit_date].notna()
    else:
        own = [c for c in single.columns if c in of_form]
        # an unticked checkbox is exported as 0 whether or not the form was opened
        boxes = [c for c in own if "__" in c]
        filled = single[[c for c in own if c not in boxes]].notna().any(axis=1)
        visits["attended"] = filled | (single[boxes] == "1").any(axis=1)
    if event_days is not None:
        strange = sorted(set(visits["visit_id"]) - set(event_days))
        if strange:
            raise argument_error("event_days", "a day for every event of the export", f"none for {strange[:5]}")
        visits["planned_day"] = visits["visit_id"].map(dict(event_days)).astype(float)
    return visits.reset_index(drop=True)


def _outside(data: pd.DataFrame, columns: Mapping[str, tuple[str, str]], fields: pd.DataFrame) -> list[str]:
    """Return notes on codes that the dictionary does not list."""
    notes = []
    for new, field in columns.values():
        if fields.loc[field, _TYPE] in ("radio", "dropdown") and new in data.columns:
            allowed = set(choices(str(fields.loc[field, _CHOICES])))
            strange = sorted(set(data[new].dropna().unique()) - allowed)
            if strange:
                notes.append(f"{new}: codes outside the choices: {', '.join(strange[:5])}")
    return notes


def _codebook(
    data: pd.DataFrame, columns: Mapping[str, tuple[str, str]], fields: pd.DataFrame, coded: Mapping[str, int], key: str
) -> pd.DataFrame:
    rows: list[dict[str, Any]] = []
    for old, (new, field) in columns.items():
        entry = fields.loc[field]
        name = "patient_id" if field == key else new
        words = choices(str(entry[_CHOICES])) if entry[_TYPE] in ("radio", "dropdown", "checkbox") else {}
        if entry[_TYPE] == "checkbox":
            code = new.removeprefix(f"{field}__")
            # REDCap writes a leading minus of a code as an underscore
            words = {"1": words.get(code, words.get(code.replace("_", "-"), "")), "0": "not ticked"}
        rows.append(
            {
                "column": name,
                "form": entry[_FORM],
                "type": entry[_TYPE],
                "label": entry[_LABEL],
                "coding": "; ".join(f"{code} = {word}" for code, word in words.items()),
                "minimum": _number(entry[_LOW]),
                "maximum": _number(entry[_HIGH]),
                "n": len(data),
                "n_missing": int(data[name].isna().sum()),
                "n_coded_missing": coded.get(old, 0),
            }
        )
    return pd.DataFrame(rows)


def _number(text: Any) -> float:
    try:
        return float(text)
    except (TypeError, ValueError):
        return float(np.nan)
