"""``subgroup_labels``: the groups of each variable, in the order in which they are read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd

from lbp_prognosis._base import argument_error, as_labels, plain_label

__all__ = ["subgroup_labels"]

_UNKNOWN = "not recorded"


def subgroup_labels(
    groups: Mapping[str, Any] | pd.DataFrame, bands: Mapping[str, Sequence[float]], n: int
) -> dict[str, pd.Categorical[Any]]:
    """Return the groups of each variable in the order in which they are read: bands and categories as declared."""
    if not isinstance(groups, Mapping | pd.DataFrame):  # one variable
        groups = {str(getattr(groups, "name", None) or "group"): groups}
    named = {str(name): labels for name, labels in groups.items()}
    if not named:
        raise argument_error("groups", "at least one variable", groups)
    unknown = [name for name in bands if name not in named]
    if unknown:
        raise argument_error("bands", f"of the variables {list(named)}", f"{unknown}")
    out: dict[str, pd.Categorical[Any]] = {}
    for name, values in named.items():
        told = as_labels(f"groups[{name!r}]", values)
        if len(told) != n:
            raise argument_error(f"groups[{name!r}]", f"of length {n}", f"length {len(told)}")
        order = None
        if isinstance(told, pd.Categorical):
            # by code: the values of a cut with a gap no longer print as its categories do
            order = [plain_label(category) for category in told.categories]
            told = np.array([*order, None], dtype=object)[told.codes]
        column = pd.Series(told, dtype=object)
        missing = column.isna()
        if name in bands:
            numbers = pd.to_numeric(column, errors="coerce").astype(float)
            if (numbers.isna() & ~missing).any():
                raise argument_error(f"bands[{name!r}]", "cut points of a numeric variable", "one with words")
            column, order = _banded(numbers, [float(cut) for cut in bands[name]], name)
        elif column[~missing].map(lambda v: isinstance(v, float | int | np.number)).all() and column.nunique() > 10:
            raise argument_error(
                f"groups[{name!r}]",
                "labels, or a numeric variable with `bands`",
                f"{column.nunique()} different numbers",
                "Declare cut points: bands={…}.",
            )
        labels = np.where(missing, _UNKNOWN, column.map(lambda label: str(plain_label(label))))
        order = sorted(column[~missing].unique(), key=_rank) if order is None else order
        read = [str(plain_label(label)) for label in order]
        present = set(labels)
        names = [label for label in dict.fromkeys(read) if label in present]
        names += [_UNKNOWN] if _UNKNOWN in present and _UNKNOWN not in names else []
        out[name] = pd.Categorical(labels, categories=names)
    return out


def _rank(label: Any) -> tuple[bool, float, str]:
    """Numbers by size, then words by the alphabet."""
    number = isinstance(label, float | int | np.number)
    return (not number, float(label) if number else 0.0, str(label))


def _banded(values: pd.Series, cuts: list[float], name: str) -> tuple[pd.Series, list[str]]:
    if not cuts or any(b <= a for a, b in pairwise(cuts)):
        raise argument_error(f"bands[{name!r}]", "increasing cut points", cuts)
    words = [f"below {cuts[0]:g}", *(f"{a:g} to below {b:g}" for a, b in pairwise(cuts)), f"{cuts[-1]:g} or more"]
    banded = np.array(words, dtype=object)[np.searchsorted(cuts, values.fillna(cuts[0]), side="right")]
    return pd.Series(banded), words
