"""Adapter to pandera: vectorised, lazy checks of single columns from the JSON schemas."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
import pandas as pd

from lbp_prognosis.schema._failures import column_failures
from lbp_prognosis.schema._table_schemas import Field, TableSchema

__all__ = ["column_checks"]


def column_checks(
    frame: pd.DataFrame, schema: TableSchema, extended: Mapping[str, Collection[str]]
) -> list[pd.DataFrame]:
    """Return the failures of the columns of a typed table: required, enum, pattern, minimum, maximum.

    Parameters
    ----------
    frame : DataFrame
        Made by ``coerce_table``, with a fresh index 0 … n−1.
    schema : TableSchema
        Schema of the table.
    extended : mapping of str to collection of str
        Values that a codebook adds, by extensible field.
    """
    import pandera.pandas as pa

    columns, words = {}, {}
    for name, field in schema.fields.items():
        if name not in frame.columns:
            continue
        rules = _rules(field, frame[name], extended.get(name, ()))
        words[name] = {reason: message for reason, _, message in rules}
        columns[name] = pa.Column(
            nullable=True,
            checks=[
                pa.Check(test, name=reason, error=reason, ignore_na=reason != "required") for reason, test, _ in rules
            ],
        )
    try:
        pa.DataFrameSchema(columns, strict=False).validate(frame, lazy=True)
    except pa.errors.SchemaErrors as error:
        cases = error.failure_cases
    else:
        return []
    found = dict(iter(cases.groupby(["column", "check"])["index"]))
    failures = []
    for column, reason in ((name, reason) for name, said in words.items() for reason in said):
        if (column, reason) not in found:
            continue
        bad = np.zeros(len(frame), dtype=bool)
        bad[found[column, reason].astype(int).to_numpy()] = True
        failures.append(column_failures(schema.name, column, reason, bad, frame[column], words[column][reason]))
    return failures


def _rules(field: Field, series: pd.Series, extra: Collection[str]) -> list[tuple[str, Any, str]]:
    """Return (reason, vectorised test, message) for each constraint of a field."""
    rules: list[tuple[str, Any, str]] = []
    if field.required:
        rules.append(("required", lambda values: values.notna(), "a value is required"))
    if field.enum:
        allowed = set(field.enum) | set(extra)
        if field.open_prefixes:
            allowed |= {text for text in series.dropna().unique() if text.startswith(field.open_prefixes)}
        shown = ", ".join(list(field.enum)[:8]) + (" …" if len(field.enum) > 8 else "")
        rules.append(("enum", lambda values: values.isin(allowed), f"one of: {shown}"))
    if field.pattern:
        rules.append(("pattern", lambda values: _matches(values, field.pattern), "of a plain form, without < or >"))
    if field.minimum is not None:
        rules.append(("minimum", lambda values: values >= field.minimum, f"at least {field.minimum:g} {field.unit}"))
    if field.maximum is not None:
        rules.append(("maximum", lambda values: values <= field.maximum, f"at most {field.maximum:g} {field.unit}"))
    return rules


def _matches(values: pd.Series, pattern: str) -> pd.Series:
    codes, distinct = pd.factorize(values)
    verdict = pd.Series(distinct, dtype="string").str.fullmatch(pattern).to_numpy(dtype=bool)
    return pd.Series(verdict[codes], index=values.index)
