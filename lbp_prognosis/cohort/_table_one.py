"""``TableOne``: the adapter to tableone, as a result."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import pandas as pd

from lbp_prognosis._base import Result, argument_error, plain_label, require

__all__ = ["TableOne", "make_table_one"]


@dataclass(frozen=True, repr=False)
class TableOne(Result):
    """Characteristics of the patients, overall and by group.

    Attributes
    ----------
    table : DataFrame
        ``variable, value, missing``, then one column a group and ``overall``, then the standardised mean difference:
        ``smd`` of two groups, ``smd (a,b)`` for each pair of more. Cells are text: mean (SD), median [quartiles] for
        skewed variables, or n (%).
    groups : dict of str to int
        Patients a group; empty without groups.
    n : int
        Patients in all.
    """

    table: pd.DataFrame
    groups: dict[str, int]
    n: int

    def to_frame(self) -> pd.DataFrame:
        """Return the table."""
        return self.table

    def _summary(self) -> str:
        by = ", ".join(f"{name} {n}" for name, n in self.groups.items())
        return f"{self.table['variable'].nunique()} variables, {self.n} patients" + (f" ({by})" if by else "")


def make_table_one(
    frame: pd.DataFrame, columns: list[str], by: pd.Series | None, by_name: str, skewed: tuple[str, ...] | None
) -> TableOne:
    """Return Table 1 of ``columns``; differences are standardised, never tested (a p-value here answers nothing)."""
    if frame.empty:
        raise argument_error("cohort", "a cohort with patients", "none")
    package = require("tableone", caller="Cohort.table_one", extra="report")
    data = frame[columns].copy()
    categorical = [c for c in columns if data[c].dtype == object or data[c].dropna().isin([0.0, 1.0]).all()]
    for column in categorical:
        words = data[column].map(lambda cell: f"{cell:g}" if isinstance(cell, float) and cell == cell else cell)
        data[column] = words.astype(object).where(data[column].notna(), None)
    used = [c for c in columns if data[c].notna().any()]
    if skewed is None:
        measured = data[[c for c in used if c not in categorical]].astype(float)
        skewed = tuple(measured.columns[measured.skew().abs() > 1])
    groups: dict[str, int] = {}
    options = {}
    if by is not None:
        data["_group"] = by.astype(object).map(plain_label).reindex(data.index)
        data = data[data["_group"].notna()]
        groups = {str(k): int(n) for k, n in data["_group"].astype(str).value_counts(sort=False).sort_index().items()}
        data["_group"] = data["_group"].astype(str)
        options = {"groupby": "_group", "smd": len(groups) > 1}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # tableone warns about its own use of pandas
        made = package.TableOne(
            data,
            columns=used,
            categorical=[c for c in categorical if c in used],
            nonnormal=[c for c in skewed if c in used and c not in categorical],
            pval=False,
            missing=True,
            label_suffix=True,
            display_all=True,
            decimals=1,
            **options,
        )
        table = made.tableone
    return TableOne(_flat(table), groups, len(data))


def _flat(table: pd.DataFrame) -> pd.DataFrame:
    """Return tableone's two-level frame as plain columns."""
    flat = table.copy()
    flat.columns = [str(c[-1] if isinstance(c, tuple) else c) for c in flat.columns]
    flat = flat.rename(columns={"Missing": "missing", "Overall": "overall"})
    pairs = [c for c in flat.columns if c.startswith("SMD")]
    flat = flat.rename(columns={c: "smd" if len(pairs) == 1 else c.replace("SMD", "smd") for c in pairs})
    flat = flat.reset_index()
    flat.columns = ["variable", "value", *flat.columns[2:]]
    flat["variable"], flat["value"] = flat["variable"].astype(str), flat["value"].astype(str)
    if "overall" in flat.columns:
        differences = [c for c in flat.columns if c.startswith("smd")]
        rest = [c for c in flat.columns if c not in ("variable", "value", "missing", "overall", *differences)]
        flat = flat[["variable", "value", "missing", *rest, "overall", *differences]]
    return flat.fillna("").astype(str)
