"""Table 1 of several hospitals from sums and merged counts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from lbp_prognosis._base import (
    Result,
    argument_error,
    holds,
    is_number,
    numbers_of,
    read_frame,
    read_matrix,
    refused_kind,
    takes_rows,
)
from lbp_prognosis.disclosure import Budget, is_dominated, merged_levels
from lbp_prognosis.federation._canonical import significant
from lbp_prognosis.federation._policy import Policy
from lbp_prognosis.federation._probing import few_patients_behind

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["PooledTableOne", "TableOneSums", "pool_table_one", "table_one_sums"]

_MISSING = "missing"


@dataclass(frozen=True)
class TableOneSums:
    """A site's sums and counts of its patients' columns.

    Attributes
    ----------
    site : str
        Pseudonym.
    n : int
        Patients; 0 if the site withholds everything.
    numbers : dict of str to (int, float, float)
        For numeric columns: number of known values, their mean, and the sum of squares around it.
    levels : dict of str to dict of str to int
        Of columns of labels: patients of each level; levels of few patients are merged, joined by a vertical bar.
    withheld : dict of str to str
        Columns that are withheld, with the reason.
    """

    site: str
    n: int
    numbers: dict[str, tuple[int, float, float]]
    levels: dict[str, dict[str, int]]
    withheld: dict[str, str]


@takes_rows()
def table_one_sums(
    X: Any, columns: Sequence[str] | None = None, *, site: str, policy: Policy | None = None
) -> TableOneSums:
    """Return a site's part of a common Table 1.

    Parameters
    ----------
    X : DataFrame of shape (n, p)
        One row per patient.
    columns : sequence of str, optional
        Columns, in order of priority; all by default.
    site : str
        Pseudonym of the site.
    policy : Policy, optional
        Disclosure rules of the site.

    Returns
    -------
    TableOneSums
        Means and sums of squares of numbers, merged counts of labels, and withheld columns with reasons.
    """
    policy = Policy() if policy is None else policy
    frame = read_frame(X)
    if not isinstance(frame, pd.DataFrame):
        matrix = read_matrix(frame, allow_missing=True)
        frame = pd.DataFrame(matrix, columns=[f"x{j}" for j in range(matrix.shape[1])])
    names = list(frame.columns) if columns is None else list(columns)
    absent = [name for name in names if name not in frame.columns]
    if absent:
        raise argument_error("columns", "columns of `X`", f"{absent}")
    n = len(frame)
    if n < policy.min_n:
        return TableOneSums(
            str(site), 0, {}, {}, {"everything": "insufficient: fewer patients than the site's minimum"}
        )
    budget = Budget(int(policy.release_budget * n))
    budget.take("patients", 1)
    numbers: dict[str, tuple[int, float, float]] = {}
    levels: dict[str, dict[str, int]] = {}
    withheld: dict[str, str] = {}
    for name in names:
        column = frame[name]
        if holds(column) in ("date", "duration", "complex", "mixed"):
            raise refused_kind("X", holds(column), column=str(name))
        if is_number(column):
            told = _number(str(name), column, policy)
            if isinstance(told, str):
                withheld[str(name)] = told
            elif not budget.take(str(name), 3 if told[0] < n else 2):
                withheld[str(name)] = "beyond the release budget"
            else:
                numbers[str(name)] = told
            continue
        labels = column.astype(object).where(column.notna(), _MISSING).astype(str)
        counts = labels.value_counts().sort_index()
        parts = merged_levels(counts.to_numpy(), policy.min_cell)
        if parts is None:
            withheld[str(name)] = "few patients outside one level"
        elif not budget.take(str(name), max(len(parts) - 1, 1)):
            withheld[str(name)] = "beyond the release budget"
        else:
            known = counts.index.tolist()
            levels[str(name)] = {
                " | ".join(known[k] for k in part): int(sum(counts.iloc[k] for k in part)) for part in parts
            }
    return TableOneSums(str(site), n, numbers, levels, withheld)


def _number(name: str, column: pd.Series, policy: Policy) -> tuple[int, float, float] | str:
    values = numbers_of(column)
    known = values[np.isfinite(values)]
    missing = values.size - known.size
    if 0 < missing < policy.min_cell:
        return "missing for a few patients, whose number would follow"
    if known.size < policy.min_n:
        return "known for fewer patients than the site's minimum"
    if is_dominated(known) or few_patients_behind(known[:, None], [name], np.ones(known.size), policy):
        return "a few patients make up its spread"
    mean = float(known.mean())
    rounded = significant([mean, float(((known - mean) ** 2).sum())], policy.digits)
    return known.size, rounded[0], rounded[1]


@dataclass(frozen=True, repr=False)
class PooledTableOne(Result):
    """Table 1 of all sites.

    Attributes
    ----------
    table : DataFrame
        One row per numeric column, and one row per level of a column of labels: ``column, level, sites, n, known, mean,
        sd, count, share``.
    sites : tuple of str
        Whose patients they are.
    withheld : DataFrame
        ``site, column, reason``.
    n : int
        Patients.
    """

    table: pd.DataFrame
    sites: tuple[str, ...]
    withheld: pd.DataFrame = field(repr=False)
    n: int

    def to_frame(self) -> pd.DataFrame:
        """Return the table."""
        return self.table

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the shares of all levels.

        Parameters
        ----------
        ax : Axes, optional
            Axes to draw on; a new figure by default.
        """
        from lbp_prognosis._draw import draw_estimates

        rows = self.table[self.table["level"] != ""]
        if rows.empty:
            raise argument_error("table", "a table with a column of labels", "numbers alone")
        frame = pd.DataFrame({"label": rows["column"] + ": " + rows["level"], "value": rows["share"]})
        return draw_estimates(frame, axis="share of patients", digits=".2f", ax=ax)

    def _summary(self) -> str:
        return f"{self.n} patients of {len(self.sites)} sites, {self.table['column'].nunique()} columns"


def pool_table_one(parts: Sequence[TableOneSums]) -> PooledTableOne:
    """Return one Table 1; means, standard deviations and counts are those of all rows together.

    Parameters
    ----------
    parts : sequence of TableOneSums
        One per site. Levels that any site merged are merged for all; a column that a site withholds is that of the
        others (``sites`` is their number).
    """
    given = [part for part in parts if part.n]
    names = [part.site for part in parts]
    if not given or len(set(names)) != len(names):
        raise argument_error("parts", "of at least one site with enough patients, each site once", f"{names}")
    rows: list[dict[str, Any]] = []
    order = list(dict.fromkeys(name for part in given for name in (*part.numbers, *part.levels)))
    for name in order:
        own = [(part, part.numbers[name]) for part in given if name in part.numbers]
        if own:
            known = np.array([told[0] for _, told in own], dtype=float)
            means = np.array([told[1] for _, told in own])
            mean = float(known @ means / known.sum())
            squares = sum(told[2] for _, told in own) + float(known @ (means - mean) ** 2)
            rows.append(
                {
                    "column": name,
                    "level": "",
                    "sites": len(own),
                    "n": sum(part.n for part, _ in own),
                    "known": int(known.sum()),
                    "mean": mean,
                    "sd": float(np.sqrt(squares / (known.sum() - 1))),
                }
            )
        told_levels = [(part, part.levels[name]) for part in given if name in part.levels]
        total = sum(part.n for part, _ in told_levels)
        for level, count in _joined([levels for _, levels in told_levels]).items():
            share = {"count": count, "share": count / total, "n": total, "known": total, "sites": len(told_levels)}
            rows.append({"column": name, "level": level, **share})
    withheld = [(part.site, name, reason) for part in parts for name, reason in part.withheld.items()]
    columns = ["column", "level", "sites", "n", "known", "mean", "sd", "count", "share"]
    return PooledTableOne(
        table=pd.DataFrame(rows, columns=columns),
        sites=tuple(part.site for part in given),
        withheld=pd.DataFrame(withheld, columns=["site", "column", "reason"]),
        n=sum(part.n for part in given),
    )


def _joined(tables: Sequence[dict[str, int]]) -> dict[str, int]:
    """Add counts; levels merged at one site are merged at all."""
    groups: list[set[str]] = []
    for table in tables:
        for label in table:
            members = set(label.split(" | "))
            near = [group for group in groups if group & members]
            groups = [group for group in groups if not group & members] + [members.union(*near)]
    out: dict[str, int] = {}
    for group in sorted(groups, key=lambda members: sorted(members)):
        count = sum(n for table in tables for label, n in table.items() if set(label.split(" | ")) <= group)
        out[" | ".join(sorted(group))] = count
    return out
