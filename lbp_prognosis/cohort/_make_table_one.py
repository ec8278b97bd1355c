"""``make_table_one``: counts of columns by group."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

from lbp_prognosis._base import argument_error, describe
from lbp_prognosis._kernels import standardised_difference
from lbp_prognosis.cohort._shown_column import ShownColumn, shown_column
from lbp_prognosis.cohort._table_one import TableOne

__all__ = ["make_table_one"]

_FIXED = ("variable", "value", "missing", "overall", "smd", "not recorded")


def make_table_one(
    frame: pd.DataFrame,
    columns: Sequence[str],
    by: pd.Series | None,
    *,
    skewed: Sequence[str] | None = None,
    kinds: Mapping[str, str] | None = None,
    value_labels: Mapping[str, Mapping[Any, str]] | None = None,
    labels: Mapping[str, str] | None = None,
    by_name: str = "group",
) -> TableOne:
    """Return Table 1 of ``columns``; differences are standardised, not tested (a p-value here answers no question)."""
    if frame.empty:
        raise argument_error("cohort", "a cohort with patients", "none")
    for name, given in (("skewed", skewed), ("kinds", kinds)):
        strange = [c for c in given or () if c not in columns]
        if strange or isinstance(given, str):
            raise argument_error(name, "about columns of the table", repr(given if isinstance(given, str) else strange))
    for name, mapping in (("kinds", kinds), ("value_labels", value_labels), ("labels", labels)):
        if mapping is not None and not isinstance(mapping, Mapping):
            raise argument_error(name, "a mapping from columns of the table", describe(mapping))
    words, told = value_labels or {}, labels or {}
    shown = [shown_column(c, frame[c], (kinds or {}).get(c), words.get(c)) for c in columns]
    groups = {} if by is None else _groups(by, words.get(by_name))
    members = {**groups, "overall": np.ones(len(frame), dtype=bool)}
    compared = [name for name in groups if name != "not recorded"]
    rows = [{"variable": "n", **{name: f"{int(mask.sum())}" for name, mask in members.items()}}]
    differences = []
    for column in shown:
        made = _rows(column, members, skewed)
        for first, second in combinations(compared, 2):
            gap = _difference(column, groups[first], groups[second])
            if made:
                made[0][_pair(first, second, len(compared))] = _rounded(gap)
            differences.append((column.name, first, second, gap))
        rows += made
    order = ["variable", "value", "missing", *groups, "overall"]
    order += [_pair(*pair, len(compared)) for pair in combinations(compared, 2)]
    return TableOne(
        pd.DataFrame(rows, columns=order).fillna("").astype(str),
        {name: int(mask.sum()) for name, mask in groups.items()},
        len(frame),
        pd.DataFrame(differences, columns=["variable", "first", "second", "difference"]),
        {column.name: column.kind for column in shown},
        bool(frame.attrs.get("synthetic", False)),
        {c: label.strip() for c, label in told.items() if c in columns and isinstance(label, str) and label.strip()},
    )


def _pair(first: str, second: str, count: int) -> str:
    return "smd" if count == 2 else f"smd ({first},{second})"


def _groups(by: pd.Series, labels: Mapping[Any, str] | None) -> dict[str, np.ndarray]:
    """Return the rows of each group, rows without a group last."""
    found = shown_column("by", by, "category", labels)
    named = [f"{word} (group)" if word in _FIXED else word for word in found.categories]
    out = {word: found.values == k for k, word in enumerate(named)}
    gone = ~found.known
    return {**out, "not recorded": gone} if gone.any() else out


def _rows(column: ShownColumn, members: Mapping[str, np.ndarray], skewed: Sequence[str] | None) -> list[dict[str, str]]:
    """Return the rows of a variable: its mean or median, or its categories; then its missing values, if any."""
    n_missing = int((~column.known).sum())
    rows: list[dict[str, str]] = []
    if column.known.any():
        if column.kind in ("number", "date"):
            rows = [_number_row(column, members, skewed)]
        elif column.kind == "text":
            distinct = {name: len(set(column.values[mask & column.known])) for name, mask in members.items()}
            rows = [{"variable": f"{column.name}, different values", **{k: f"{n}" for k, n in distinct.items()}}]
        else:
            rows = _category_rows(column, members)
        rows[0]["missing"] = str(n_missing)
    if n_missing:
        rows.append(_missing_row(column, members))
        rows[0].setdefault("missing", str(n_missing))
    return rows


def _number_row(column: ShownColumn, members: Mapping[str, np.ndarray], skewed: Sequence[str] | None) -> dict[str, str]:
    known = column.values[column.known]
    if column.kind == "date" or (column.name in skewed if skewed is not None else _is_skewed(known)):
        cell, words = _median, "median [Q1,Q3]"
    else:
        cell, words = _mean, "mean (SD)"
    row = {"variable": f"{column.name}, {words}", "value": column.unit}
    digits = _digits(known)
    for name, mask in members.items():
        row[name] = cell(column.values[mask & column.known], digits, column.kind == "date")
    return row


def _is_skewed(values: np.ndarray) -> bool:
    """Return whether the sample skewness (adjusted, as in SPSS and SAS) is beyond ±1."""
    skewness: Any = pd.Series(values).skew()
    return bool(abs(skewness) > 1)


def _digits(values: np.ndarray) -> int:
    """Return the number of decimals that shows two digits of the SD, at least one."""
    sd = float(values.std(ddof=1)) if values.size > 1 else 0.0
    return 1 if sd >= 1 or sd == 0 else int(min(6, 1 - np.floor(np.log10(sd))))


def _mean(values: np.ndarray, digits: int, dated: bool) -> str:
    if not values.size:
        return ""
    sd = f"{values.std(ddof=1):.{digits}f}" if values.size > 1 else "–"
    return f"{values.mean():.{digits}f} ({sd})"


def _median(values: np.ndarray, digits: int, dated: bool) -> str:
    if not values.size:
        return ""
    low, middle, high = np.quantile(values, [0.25, 0.5, 0.75])
    if dated:
        low, middle, high = (f"{pd.Timestamp(0) + pd.Timedelta(days=float(v)):%Y-%m-%d}" for v in (low, middle, high))
        return f"{middle} [{low},{high}]"
    return f"{middle:.{digits}f} [{low:.{digits}f},{high:.{digits}f}]"


def _category_rows(column: ShownColumn, members: Mapping[str, np.ndarray]) -> list[dict[str, str]]:
    rows = []
    for k, word in enumerate(column.categories):
        row = {"variable": f"{column.name}, n (%)", "value": word}
        for name, mask in members.items():
            row[name] = _share(int((column.values[mask] == k).sum()), int((mask & column.known).sum()))
        rows.append(row)
    return rows


def _missing_row(column: ShownColumn, members: Mapping[str, np.ndarray]) -> dict[str, str]:
    # the missing values are a row among the categories, so that masking of small counts includes them
    row = {"variable": f"{column.name}, n (%)" if column.kind == "category" else f"{column.name}, missing, n (%)"}
    row["value"] = "missing, no value" if "missing" in column.categories else "missing"
    for name, mask in members.items():
        row[name] = _share(int((mask & ~column.known).sum()), int(mask.sum()))
    return row


def _share(count: int, of: int) -> str:
    return f"{count} ({100 * count / of:.1f})" if of else f"{count}"


def _difference(column: ShownColumn, first: np.ndarray, second: np.ndarray) -> float:
    if column.kind == "text":
        return float("nan")
    size = len(column.categories) if column.kind == "category" else 0
    return standardised_difference(column.values[first & column.known], column.values[second & column.known], size)


def _rounded(value: float) -> str:
    return "" if np.isnan(value) else f"{value:.3f}".replace("inf", "∞") if abs(value) >= 0.0005 else "0.000"
