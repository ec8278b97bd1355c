"""Repeated readings by column, and those of the patients of given rows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from lbp_prognosis._base import LeakageError, argument_error, numbers_in
from lbp_prognosis.fusion._patient_keys import kinds_of_keys

__all__ = ["columns_with_readings", "members_of", "readings_of"]

_ACCEPTED = "one table like `X` per occasion, or a mapping from column to a table with one column per reading"


def _checked(readings: Any) -> dict[Any, pd.DataFrame]:
    """Return the tables by occasion or by column."""
    if isinstance(readings, Mapping):
        tables = dict(readings)
    elif isinstance(readings, list | tuple):
        tables = dict(enumerate(readings))
    else:
        raise argument_error("readings", _ACCEPTED, readings)
    if len(tables) < (1 if isinstance(readings, Mapping) else 2):
        raise argument_error("readings", _ACCEPTED, f"{len(tables)} tables")
    for name, table in tables.items():
        where = f"readings[{name!r}]"
        if not isinstance(table, pd.DataFrame):
            raise argument_error(where, "a DataFrame with the labels of `X` as its index", table)
        if not table.index.is_unique:
            twice = table.index[table.index.duplicated()][:3].tolist()
            raise argument_error(where, "of one row per patient", f"{twice} several times")
        if not table.columns.is_unique:
            raise argument_error(where, "of columns with different names", f"{list(table.columns)[:6]}")
        if isinstance(readings, Mapping) and table.shape[1] < 2:
            raise argument_error(where, "of at least two columns, one per reading", f"{table.shape[1]}")
    return tables


def columns_with_readings(readings: Any) -> list[str]:
    """Return the columns that all occasions have, or the keys of the mapping."""
    tables = _checked(readings)
    if isinstance(readings, Mapping):
        return list(tables)
    first = list(tables[0].columns)
    for name, table in tables.items():
        different = sorted({*first} ^ {*table.columns}, key=str)
        if different:
            raise argument_error(
                f"readings[{name!r}]",
                "of the columns of `readings[0]`",
                f"{different[:5]} in one of them only",
                "Keep the columns that all occasions have, or name them with `columns`.",
            )
    return first


def readings_of(readings: Any, columns: list[str]) -> dict[str, pd.DataFrame]:
    """Return one table per column, with a column per reading."""
    tables = _checked(readings)
    made: dict[str, pd.DataFrame] = {}
    for column in columns:
        if isinstance(readings, Mapping):
            if column not in tables:
                raise argument_error("columns", f"among those with readings, {list(tables)[:6]}", repr(column))
            made[column] = tables[column]
            continue
        lacking = [name for name, table in tables.items() if column not in table.columns]
        if lacking:
            raise argument_error(f"readings[{lacking[0]}]", f"a table with {column!r}", "one without it")
        made[column] = pd.concat([table[column] for table in tables.values()], axis=1, keys=list(tables))
    return made


def members_of(labels: pd.Index, tables: Mapping[str, pd.DataFrame], *, external: bool) -> dict[str, np.ndarray]:
    """Return, by column, the readings (n, k) of the patients with these labels, or all if they are of other patients.

    Parameters
    ----------
    labels : Index
        Labels of the training rows.
    tables : mapping of str to DataFrame
        Readings by column, one row per patient.
    external : bool
        Whether the readings are declared to be of other patients.
    """
    kind = kinds_of_keys(labels)
    made: dict[str, np.ndarray] = {}
    theirs: pd.Index | None = None
    inside = np.empty(0, dtype=bool)
    for column, table in tables.items():
        if theirs is None or not table.index.identical(theirs):  # most columns have readings of the same patients
            theirs = table.index
            inside = _inside(labels, kind, theirs, external=external)
        made[column] = numbers_in(table, table.columns, f"readings[{column!r}]")[inside]
    return made


def _inside(labels: pd.Index, kind: str, theirs: pd.Index, *, external: bool) -> np.ndarray:
    """Return which rows of the readings are used."""
    why = _no_labels(labels, kind, theirs)
    if external:
        shared = 0 if why else int(theirs.isin(labels).sum())
        if shared:
            raise argument_error(
                "external",
                "False if patients of `readings` are in `X`",
                f"True, and {shared} of them are",
                "Their readings would be used in the folds that hold them out.",
                kind=LeakageError,
            )
        return np.ones(len(theirs), dtype=bool)
    if why:
        raise argument_error(
            "X",
            "labelled like `readings`, by patient",
            why,
            'Set both indexes to the patients, e.g. X.set_index("patient_id"); readings of other patients are declared '
            "with external=True.",
        )
    return np.asarray(theirs.isin(labels))


def _no_labels(labels: pd.Index, one: str, theirs: pd.Index) -> str:
    """Return why two indexes cannot be compared, "" if they can."""
    if labels.nlevels != theirs.nlevels:
        return f"an index of {labels.nlevels} levels, and readings with {theirs.nlevels}"
    if labels.nlevels > 1:
        return ""
    other = kinds_of_keys(theirs)
    if one and other and one != other:
        return f"labels that are {one}, and readings with labels that are {other}"
    if one == "whole numbers" and (labels.name is None or labels.name != theirs.name):
        return f"whole numbers as labels, named {labels.name!r} in `X` and {theirs.name!r} in `readings`"
    return ""
