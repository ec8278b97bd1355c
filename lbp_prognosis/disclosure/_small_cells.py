"""``mask_counts``, ``mask_flow``, ``mask_table_one``: small counts and the counts that would disclose them."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pandas as pd

__all__ = ["count_text", "count_texts", "mask_counts", "mask_flow", "mask_table_one"]

_COUNT = re.compile(r"^\s*(\d[\d,]*)(?:\.0)?\s*(?:\(.*\))?\s*$")


def count_text(value: float, smallest: int) -> str:
    """Return a count as text; 1 to ``smallest − 1`` as ``< smallest``."""
    if value is None or pd.isna(value):
        return "–"
    return f"< {smallest}" if 0 < value < smallest else f"{value:,.0f}"


def count_texts(values: Any, smallest: int) -> list[str]:
    """Return the parts of a known total as texts; small parts, and parts that would disclose them, are masked."""
    counts = np.asarray(values, dtype=float)
    return _texts(counts, protected(counts, _small(counts, smallest), smallest), smallest)


def protected(counts: np.ndarray, hidden: np.ndarray, smallest: int) -> np.ndarray:
    """Return the mask, extended by further parts of a known total until no hidden part follows from the rest.

    A reader knows that a part shown as ``< k`` is 1 to k − 1, and that one shown as ``masked`` is k or more.
    """
    hidden = hidden.copy()
    while _follows(counts, hidden, smallest):
        others = ~hidden & (counts > 0)
        if not others.any():
            break
        hidden[int(np.where(others, counts, np.inf).argmin())] = True
    return hidden


def _follows(counts: np.ndarray, hidden: np.ndarray, smallest: int) -> bool:
    parts = counts[hidden]
    small = parts < smallest
    if parts.size == 1:  # the rest of the total, large or small: other lines may depend on it
        return True
    if smallest <= 2 or not small.any():  # below 2 there is only 1
        return False
    low, high = np.where(small, 1.0, smallest), np.where(small, smallest - 1.0, np.inf)
    total = parts.sum()
    least = np.maximum(low, total - np.array([np.delete(high, k).sum() for k in range(high.size)]))
    most = np.minimum(high, total - (low.sum() - low))
    return bool((small & (least >= most)).any())


def _small(counts: np.ndarray, smallest: int) -> np.ndarray:
    return (counts > 0) & (counts < smallest)


def _texts(counts: np.ndarray, hidden: np.ndarray, smallest: int) -> list[str]:
    return [
        "–" if n != n else f"< {smallest}" if hide and n < smallest else "masked" if hide else f"{n:,.0f}"
        for n, hide in zip(counts, hidden)
    ]


def mask_counts(frame: pd.DataFrame, columns: tuple[str, ...], smallest: int) -> pd.DataFrame:
    """Return a frame of numbers in which small counts are missing, for files that stay numeric.

    A row with a small ``n`` also loses its estimates, which are those of a few patients.
    """
    out = frame.copy()
    for column in columns:
        if column not in out.columns:
            continue
        counts = pd.to_numeric(out[column], errors="coerce")
        small = (counts > 0) & (counts < smallest)
        out[column] = out[column].mask(small)
        if column == "n" and small.any():
            for name in ("value", "se", "low", "high"):
                if name in out.columns:
                    out.loc[small.to_numpy(), name] = np.nan
    return out


def mask_flow(steps: pd.DataFrame, smallest: int) -> pd.DataFrame:
    """Return the steps with ``shown``, the count as text.

    Exclusions are the parts of the difference between start and end: more of them are masked until no small count
    follows, and also the start if there are no others. Patients with and without the outcome are the parts of the end.
    """
    out = steps.copy()
    counts = out["n"].to_numpy(dtype=float)
    hidden = _small(counts, smallest)
    left_out = np.flatnonzero(out["kind"].eq("excluded").to_numpy() & (counts > 0))
    hidden[left_out] = protected(counts[left_out], hidden[left_out], smallest)
    if _follows(counts[left_out], hidden[left_out], smallest):
        hidden |= out["kind"].eq("start").to_numpy()
    outcome = np.flatnonzero(out["kind"].isin(["missing", "observed"]).to_numpy() & (counts > 0))
    hidden[outcome] = protected(counts[outcome], hidden[outcome], smallest)
    out["shown"] = _texts(counts, hidden, smallest)
    return out


def mask_table_one(table: pd.DataFrame, smallest: int) -> pd.DataFrame:
    """Return Table 1 with small cells masked, and the cells that would disclose them.

    Groups of fewer than ``smallest`` patients are left out. If there is only one such group, the next smallest is left
    out too, because the numbers of the first would follow from the others and the overall column. Within a categorical
    variable the categories and the missing values are the parts of a group's size, and the groups those of the overall
    column: more of them are masked until nothing follows.
    """
    out = table.astype(object).copy()
    out = _without_small_groups(out, smallest)
    groups = [c for c in out.columns if c not in ("variable", "value", "missing") and not str(c).startswith("smd")]
    if "missing" in out.columns:
        numbers = pd.to_numeric(out["missing"], errors="coerce")
        out.loc[(numbers > 0) & (numbers < smallest), "missing"] = f"< {smallest}"
    sizes = _sizes(out, groups)
    for _, rows in out.groupby("variable", sort=False).groups.items():
        if str(out.loc[rows[0], "variable"]).endswith("n (%)"):
            _mask_variable(out, list(rows), groups, sizes, smallest)
    return out


def _sizes(table: pd.DataFrame, groups: list[str]) -> np.ndarray | None:
    rows = table.index[table["variable"].eq("n")]
    return np.array([_count(table.loc[rows[0], group]) for group in groups]) if len(rows) else None


def _without_small_groups(table: pd.DataFrame, smallest: int) -> pd.DataFrame:
    names = [
        c
        for c in table.columns
        if c not in ("variable", "value", "missing", "overall") and not str(c).startswith("smd")
    ]
    sizes = _sizes(table, names)
    if sizes is None or not names:
        return table
    gone = protected(sizes, _small(sizes, smallest), smallest)
    if not gone.any():
        return table
    left = [c for c in table.columns if str(c).startswith("smd")]  # of pairs, some of whom are gone
    return table.drop(columns=[*(name for name, out in zip(names, gone) if out), *left])


def _mask_variable(
    out: pd.DataFrame, rows: list[int], groups: list[str], sizes: np.ndarray | None, smallest: int
) -> None:
    counts = np.array([[_count(out.loc[row, group]) for group in groups] for row in rows])
    if sizes is not None:  # the missing values of each column are a part of its size
        counts = np.vstack([counts, sizes - counts.sum(axis=0)])
    hidden = _small(counts, smallest)
    if not hidden.any():
        return
    parts = [k for k, group in enumerate(groups) if group != "overall"]
    whole = [k for k, group in enumerate(groups) if group == "overall"]
    for _ in range(counts.size + 1):
        before = hidden.sum()
        for k in range(len(groups)):
            hidden[:, k] = protected(counts[:, k], hidden[:, k], smallest)
        for j in range(len(rows)) if parts and whole else ():
            if not hidden[j, whole[0]]:
                hidden[j, parts] = protected(counts[j, parts], hidden[j, parts], smallest)
                hidden[j, whole[0]] = _follows(counts[j, parts], hidden[j, parts], smallest)
            elif not hidden[j, parts].any() and (counts[j, parts] > 0).any():
                line = np.where(counts[j, parts] > 0, counts[j, parts], np.inf)
                hidden[j, parts[int(line.argmin())]] = True
        if hidden.sum() == before:
            break
    for i, row in enumerate(rows):
        for j, group in enumerate(groups):
            if hidden[i, j]:
                out.loc[row, group] = f"< {smallest}" if counts[i, j] < smallest else "masked"


def _count(cell: object) -> float:
    found = _COUNT.match(str(cell))
    return float(found.group(1).replace(",", "")) if found else np.nan
