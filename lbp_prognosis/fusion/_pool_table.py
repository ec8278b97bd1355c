"""Pooling of a long table of biomarkers that is in memory."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from lbp_prognosis._base import DataError, argument_error
from lbp_prognosis.schema import ColumnName, measures

__all__ = ["checked_biomarkers", "pool_table"]

_COUNT = re.compile(r"count\s*(>=|==|<=|≥|≤)\s*(-?\d+(?:\.\d+)?)\Z")
_SIMPLE = ("max", "min", "mean", "sum")
_SIGN = {">=": "ge", "≥": "ge", "<=": "le", "≤": "le", "==": "eq"}


def pool_table(
    table: pd.DataFrame,
    poolings: Mapping[str, str | Sequence[str]],
    names: Collection[str],
    order: pd.Index,
    *,
    part: bool = False,
) -> tuple[pd.DataFrame, dict[str, dict[str, Any]]]:
    """Return one row per patient, and the provenance of each predictor.

    Parameters
    ----------
    table : DataFrame
        Made by `checked_biomarkers`.
    poolings : mapping
        As for `pool_levels`.
    names : collection of str
        Measures whose numbers are names.
    order : Index
        Patients.
    part : bool, default False
        Whether these are only some of the patients, so that a measure may be absent.
    """
    columns: dict[str, pd.Series] = {}
    provenance: dict[str, dict[str, Any]] = {}
    for key, rules in poolings.items():
        column = ColumnName.parse(key)
        rows = table[table["measure"] == column.measure]
        if column.structure:
            rows = rows[rows["structure"] == column.structure]
        if rows.empty and part:
            continue
        if rows.empty:
            raise argument_error(
                "poolings",
                "rules for measures that occur",
                f"{key!r}, which does not",
                f"There are: {sorted(pd.unique(table['measure']))[:12]}.",
            )
        rows = _one_kind(rows, key)
        read = str(ColumnName(column.measure, column.structure, pooling="n_levels"))
        for rule in [rules] if isinstance(rules, str) else rules:
            made = _pooled(rows, column, str(rule), column.measure in names)
            for name, values in made.items():
                columns[name] = values.reindex(order)
                provenance[name] = {
                    "measure": column.measure,
                    "structure": column.structure,
                    "pooling": str(rule),
                    "level": ColumnName.parse(name).level,
                    "method_id": rows["method_id"].iloc[0],
                    "unit": rows["unit"].iloc[0],
                    "n_levels_column": read,
                }
        columns[read] = rows.groupby("patient_id")["level"].nunique().reindex(order, fill_value=0).astype(int)
    return pd.DataFrame(columns, index=order), provenance


def checked_biomarkers(biomarkers: pd.DataFrame, levels: Sequence[str] | None) -> pd.DataFrame:
    """Return the readings that count, with the columns that pooling needs."""
    needed = ["patient_id", "measure", "value", "method_id"]
    absent = [name for name in needed if name not in biomarkers.columns]
    if absent:
        raise argument_error(
            "biomarkers",
            f"a long table with the columns {needed}",
            f"one without {absent}",
            "A biomarker without `method_id` is refused: the same name by two methods is two variables.",
        )
    table = biomarkers.copy()
    for name in ("level", "side", "structure", "unit", "study_id"):
        if name not in table.columns:
            table[name] = ""
        table[name] = table[name].fillna("")
    table["value"] = pd.to_numeric(table["value"], errors="raise")
    if table["method_id"].isna().any() or (table["method_id"].astype(str).str.strip() == "").any():
        raise _data_error(
            table[table["method_id"].isna()], "method_id", "missing", "A biomarker without `method_id` is refused."
        )
    studies = table.groupby("patient_id")["study_id"].nunique()
    if (studies > 1).any():
        many = list(studies.index[studies > 1][:5])
        raise _data_error(
            table[table["patient_id"].isin(many)],
            "study_id",
            "several_studies",
            f"`biomarkers` must contain one study per patient; {many} have several. Choose the study by a "
            "look-back window before pooling.",
        )
    if levels is not None:
        table = table[table["level"].isin([*levels, ""])]
    return table.dropna(subset="value")


def _one_kind(rows: pd.DataFrame, key: str) -> pd.DataFrame:
    for name, reason in (("method_id", "mixed_method"), ("unit", "mixed_unit"), ("structure", "mixed_structure")):
        kinds = sorted(map(str, pd.unique(rows[name])))
        if len(kinds) > 1:
            raise _data_error(
                rows,
                name,
                reason,
                f"The measure {key!r} comes with several values of `{name}`: {kinds}. They are different variables: "
                + (
                    "name the structure in the key, e.g. 'multifidus__fat_fraction'."
                    if name == "structure"
                    else "convert one into the other first (`convert_methods`), or pool each under its own name."
                ),
            )
    twice = rows.duplicated(["patient_id", "level", "side"], keep=False)
    if twice.any():
        raise _data_error(
            rows[twice], "level", "duplicate_key", f"The measure {key!r} occurs twice for one patient, level and side."
        )
    return rows


def _data_error(rows: pd.DataFrame, field: str, reason: str, message: str) -> DataError:
    failures = pd.DataFrame(
        {
            "table": "biomarker",
            "row": rows.index,
            "field": field,
            "reason": reason,
            "value": rows[field].to_numpy() if field in rows else None,
            "message": message,
        }
    )
    return DataError(message, failures)


def _pooled(rows: pd.DataFrame, column: ColumnName, rule: str, nominal: bool) -> dict[str, pd.Series]:
    """Return the column(s) of one rule, by patient."""
    groups = rows.groupby("patient_id")["value"]

    def name(pooling: str) -> str:
        return str(ColumnName(column.measure, column.structure, pooling=pooling))

    compared = _COUNT.match(rule.replace("any", "count", 1).strip())
    if compared:
        sign, bound = compared.groups()
        if nominal and sign != "==":
            raise _nominal_error(column.measure, rule)
        flags = {"==": np.equal, ">=": np.greater_equal, "≥": np.greater_equal}.get(sign, np.less_equal)
        hit = pd.Series(flags(rows["value"].to_numpy(), float(bound)), index=rows.index).groupby(rows["patient_id"])
        word = bound.replace(".", "_").replace("-", "minus")
        if rule.strip().startswith("any"):
            return {name(f"any_{_SIGN[sign]}_{word}"): hit.any().astype(float)}
        return {name(f"count_{_SIGN[sign]}_{word}"): hit.sum().astype(float)}
    if rule == "each":
        if nominal:
            raise _nominal_error(column.measure, rule)
        columns = {}
        for (level, side), part in rows.groupby(["level", "side"], sort=True):
            each = ColumnName(column.measure, column.structure, level=str(level), side=str(side))
            columns[str(each)] = part.set_index("patient_id")["value"]
        return columns
    if nominal:
        raise _nominal_error(column.measure, rule)
    if rule == "only":
        if (groups.size() > 1).any():
            raise argument_error("poolings", f"a rule that says how the levels of {column.measure!r} become one", rule)
        return {str(ColumnName(column.measure, column.structure)): groups.first()}
    if rule == "worst":
        direction = measures().get(column.measure, {}).get("direction", "none")
        if direction not in ("higher_worse", "higher_better"):
            accepted = f"'max' or 'min' for {column.measure!r}, of which no end is declared worse"
            raise argument_error("poolings", accepted, "'worst'")
        return {name("worst"): groups.max() if direction == "higher_worse" else groups.min()}
    if rule in _SIMPLE:
        return {name(rule): groups.agg(rule)}
    raise argument_error(
        "poolings", "rules among 'max', 'min', 'mean', 'sum', 'worst', 'each', 'only', 'count>=k', 'any==k'", rule
    )


def _nominal_error(measure: str, rule: str) -> Exception:
    return argument_error(
        "poolings",
        f"'count==k' or 'any==k' for {measure!r}, whose numbers are names",
        repr(rule),
        "Its types have no order and no mean.",
    )
