"""``mask_counts`` and ``mask_table_one``: no number on the page is of fewer than five patients."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd

__all__ = ["count_text", "mask_counts", "mask_flow", "mask_table_one"]

_COUNT = re.compile(r"^\s*(\d[\d,]*)(?:\.0)?\s*(?:\(.*\))?\s*$")


def count_text(value: float, smallest: int) -> str:
    """Return a count as text; 1 to ``smallest − 1`` as ``< smallest``."""
    if value is None or pd.isna(value):
        return "–"
    return f"< {smallest}" if 0 < value < smallest else f"{value:,.0f}"


def mask_counts(frame: pd.DataFrame, columns: tuple[str, ...], smallest: int) -> pd.DataFrame:
    """Return a frame of numbers in which small counts are missing, for files that stay numeric.

    A row whose ``n`` is small loses its estimates too: they are those of a handful of people.
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

    One small exclusion alone could be had by subtraction; then the next smallest is masked with it.
    """
    out = steps.copy()
    counts = out["n"].astype(float)
    hidden = (counts > 0) & (counts < smallest)
    left_out = out["kind"].eq("excluded") & (counts > 0)
    if (hidden & left_out).sum() == 1:
        rest = counts[left_out & ~hidden]
        if len(rest):
            hidden |= counts.index == rest.idxmin()
    out["shown"] = [f"< {smallest}" if hide and n < smallest else "masked" if hide else f"{n:,.0f}"
                    for n, hide in zip(counts, hidden)]  # fmt: skip
    return out


def mask_table_one(table: pd.DataFrame, smallest: int) -> pd.DataFrame:
    """Return Table 1 with small cells masked, and with them what would give them away.

    Within a categorical variable a single masked category follows from the others of its column, and a single masked
    group from the overall column: the smallest of the others is then masked too, until nothing follows. Counts of
    missing values that are small are masked alike.
    """
    out = table.astype(object).copy()
    groups = [c for c in out.columns if c not in ("variable", "value", "missing") and not str(c).startswith("smd")]
    if "missing" in out.columns:
        numbers = pd.to_numeric(out["missing"], errors="coerce")
        small = (numbers > 0) & (numbers < smallest)
        out.loc[small, "missing"] = f"< {smallest}"
    for _, rows in out.groupby("variable", sort=False).groups.items():
        if not str(out.loc[rows[0], "variable"]).endswith("n (%)"):
            continue
        _mask_variable(out, list(rows), groups, smallest)
    return out


def _mask_variable(out: pd.DataFrame, rows: list[int], groups: list[str], smallest: int) -> None:
    counts = np.array([[_count(out.loc[row, group]) for group in groups] for row in rows])
    hidden = (counts > 0) & (counts < smallest)
    if not hidden.any():
        return
    for _ in range(counts.size):
        before = hidden.sum()
        for axis_counts, axis_hidden in ((counts.T, hidden.T), (counts, hidden)):
            for line, mask in zip(axis_counts, axis_hidden):  # views: masks are written through
                if line.size > 1 and mask.sum() == 1:
                    others = np.where(mask | ~(line > 0), np.inf, line)
                    if np.isfinite(others.min()):
                        mask[int(others.argmin())] = True
        if hidden.sum() == before:
            break
    for i, row in enumerate(rows):
        for j, group in enumerate(groups):
            if hidden[i, j]:
                out.loc[row, group] = f"< {smallest}" if counts[i, j] < smallest else "masked"


def _count(cell: object) -> float:
    found = _COUNT.match(str(cell))
    return float(found.group(1).replace(",", "")) if found else np.nan
