"""``read_redcap``: plain tables from an export and its dictionary, with words for every code."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from lbp_prognosis._base import DataError, Result, argument_error
from lbp_prognosis.schema._missing_words import MissingWords
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
        One row per record and event, columns of forms that do not repeat: ``patient_id, visit_id``, then the fields.
        A checkbox is one 0/1 column per choice, ``<field>__<code>``; its boxes are missing if the form was never opened
        or the box of a missing code is ticked.
    repeats : dict of str to DataFrame
        For each repeating form: ``patient_id, visit_id, instance``, then its fields.
    visits : DataFrame
        ``patient_id, visit_id, attended`` and, if requested, ``visit_date`` and ``planned_day``.
    codebook : DataFrame
        One row per column: ``column, form, type, label, coding, minimum, maximum, n, n_missing, n_coded_missing``.
    notes : tuple of str
        Remarks: columns that are not in the dictionary, fields without a column, codes outside the choices.
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
    show_values: bool = False,
) -> RedcapReading:
    """Read a REDCap export (raw codes, not labels) with its data dictionary.

    Parameters
    ----------
    export : path
        CSV with raw values.
    dictionary : path
        CSV of the data dictionary.
    missing_codes : mapping of str to str, optional
        The project's missing-data codes and their words, e.g. ``{"-99": "refused"}``. They become missing and are
        counted.
    visit_date : str, optional
        Field that contains the date of a visit. A visit counts as attended if it has a date; without this argument, if
        any field of a non-repeating form is filled.
    event_days : mapping of str to float, optional
        Planned day of each event, in days since the index date.
    show_values : bool, default False
        Write values of patients into notes.

    Raises
    ------
    DataError
        If a file is not of the stated kind, the record identifier is missing, or a row repeats an unknown form.
    """
    data = read_table(export, infer=False).frame
    fields = _dictionary(dictionary)
    key = fields.index[0]
    if key not in data.columns:
        raise DataError(f"The export has no column {key!r}, which the dictionary names as the record identifier.")
    words = MissingWords(list(missing_codes or {}))
    data = data.replace("", None)
    data, coded = _without_codes(data, words)
    columns, notes = _match(data, fields)
    notes += words.unmatched()
    notes += _boxes(data, columns, fields, list(missing_codes or {}), coded)
    data = data.rename(columns={old: new for old, (new, _) in columns.items()})
    data = data.rename(columns={key: "patient_id"})
    if data["patient_id"].isna().any():
        raise DataError(f"{int(data['patient_id'].isna().sum())} rows of the export have no {key!r}.")
    event = data["redcap_event_name"] if "redcap_event_name" in data.columns else None
    data["visit_id"] = "visit" if event is None else event.fillna("visit")
    of_form = {new: str(fields.loc[field, _FORM]) for new, field in columns.values() if field != key}
    single, repeats = _split(data, of_form, set(fields[_FORM]))
    notes += _outside(data, columns, fields, show_values)
    visits = _visits(single, of_form, visit_date, event_days)
    return RedcapReading(single, repeats, visits, _codebook(data, columns, fields, coded, key), tuple(notes))


def _without_codes(data: pd.DataFrame, words: MissingWords) -> tuple[pd.DataFrame, dict[str, int]]:
    """Return the cells without the missing codes of the project, and the number of codes per column."""
    counts: dict[str, int] = {}
    columns = {}
    for column in data.columns:
        cells, distinct = pd.factorize(data[column])
        usual = np.zeros(len(distinct), dtype=bool)
        if words.declared:
            n = np.bincount(cells[cells >= 0], minlength=len(distinct))
            usual, _ = words.absent(distinct, column, n, usual=False)
        gone = np.append(usual, False)[cells]
        counts[column] = int(gone.sum())
        columns[column] = data[column].mask(gone, None) if gone.any() else data[column]
    return pd.DataFrame(columns, index=data.index), counts


def _boxes(
    data: pd.DataFrame,
    columns: Mapping[str, tuple[str, str]],
    fields: pd.DataFrame,
    missing_codes: list[Any],
    coded: dict[str, int],
) -> list[str]:
    """Set boxes to missing, in place, if no patient was asked; REDCap exports an unticked box as 0 in any case.

    No patient was asked if the form was never opened (its status 0 or empty, and no field filled) or if the box of a
    missing code is ticked, which then applies to the other boxes of the field.
    """
    notes: list[str] = []
    codes = {re.sub(r"[^a-z0-9]", "_", str(code).lower()) for code in missing_codes}
    form_of = fields[_FORM].astype(str)
    boxed = {field for field in fields.index if fields.loc[field, _TYPE] == "checkbox"}
    for form in dict.fromkeys(form_of[field] for field in boxed):
        own = [c for c, (_, field) in columns.items() if form_of[field] == form]
        boxes = [c for c in own if columns[c][1] in boxed]
        # the record identifier is in every row, whether or not its form was opened
        others = [c for c in own if c not in boxes and columns[c][1] != fields.index[0]]
        if not boxes:
            continue
        status = data.get(f"{form}_complete")
        if status is None:
            notes.append(
                f"no column {form}_complete: whether the form of {boxes[0]} was opened shows in its fields alone"
            )
        filled = data[others].notna().any(axis=1) | data[boxes].isin(["1"]).any(axis=1)
        shut = ~filled & (status.isin(["0"]) | status.isna() if status is not None else bool(others))
        asked = data[boxes].notna().any(axis=1) & shut
        if asked.any():
            data.loc[asked, boxes] = None
            notes.append(f"{form}: never opened in {int(asked.sum())} rows, its boxes are missing there")
        for field in dict.fromkeys(columns[c][1] for c in boxes):
            group = {c: c.removeprefix(f"{field}___") for c in boxes if columns[c][1] == field}
            marks = [c for c, code in group.items() if code in codes]
            rest = [c for c in group if c not in marks]
            told = data[marks].isin(["1"]).any(axis=1)
            if told.any():
                data.loc[told, rest] = None
                for c in rest:
                    coded[c] = coded.get(c, 0) + int(told.sum())
                notes.append(
                    f"{field}: a missing code is ticked in {int(told.sum())} rows, the other boxes are missing"
                )
    return notes


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
    """Return column -> (library name, field), and notes on columns and fields without a match."""
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
    """Return the rows of non-repeating forms, and the rows of each repeating form."""
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


def _outside(
    data: pd.DataFrame, columns: Mapping[str, tuple[str, str]], fields: pd.DataFrame, show_values: bool
) -> list[str]:
    """Return notes on codes that the dictionary does not list."""
    notes = []
    for new, field in columns.values():
        if fields.loc[field, _TYPE] in ("radio", "dropdown") and new in data.columns:
            allowed = set(choices(str(fields.loc[field, _CHOICES])))
            strange = sorted(set(data[new].dropna().unique()) - allowed)
            if strange:
                shown = (
                    f": {', '.join(strange[:5])}" if show_values else f" in {int(data[new].isin(strange).sum())} rows"
                )
                notes.append(f"{new}: codes outside the choices{shown}")
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
            # REDCap writes the leading minus sign of a code as an underscore
            known = {re.sub(r"[^a-z0-9]", "_", key.lower()): word for key, word in words.items()}
            words = {"1": words.get(code, known.get(code, "")), "0": "not ticked"}
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
