"""``score_eq5d``: EQ-5D by a value set that the user supplies and names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from lbp_prognosis._base import argument_error, check_choice
from lbp_prognosis.instruments._score import ScoreResult
from lbp_prognosis.schema import failure_frame

__all__ = ["EQ5D_DIMENSIONS", "ValueSet", "score_eq5d"]

EQ5D_DIMENSIONS: tuple[str, ...] = ("mobility", "self_care", "activities", "pain", "anxiety")
"""The five dimensions, in their order in a profile."""


@dataclass(frozen=True)
class ValueSet:
    """A country's values of EQ-5D health states.

    Attributes
    ----------
    name : str
        Country and year, e.g. ``"Canada 2016"``; required, and reported with the scores.
    version : {"5L", "3L"}
        The two are not interchangeable.
    profiles : mapping of str to float
        Value by profile (``"11111"`` …), complete or not; or empty, if ``decrements`` are given.
    decrements : mapping of (str, int) to float
        Decrement from 1 for each level of a dimension, for additive value sets; level 1 has none.
    """

    name: str
    version: str
    profiles: Mapping[str, float] = field(default_factory=dict)
    decrements: Mapping[tuple[str, int], float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_choice("version", self.version, ("5L", "3L"))
        if not isinstance(self.name, str) or not self.name.strip():
            raise argument_error("name", "the country and year of the value set", repr(self.name))
        if bool(self.profiles) == bool(self.decrements):
            raise argument_error("profiles", "given, or `decrements`, but not both", "both or neither")
        if self.decrements:
            wanted = {(name, level) for name in EQ5D_DIMENSIONS for level in range(2, self.levels + 1)}
            if not wanted <= set(self.decrements):
                absent = sorted(wanted - set(self.decrements))[:3]
                raise argument_error("decrements", "complete: each dimension and level from 2", f"none for {absent}")

    @property
    def levels(self) -> int:
        """Levels of a dimension: 5 or 3."""
        return int(self.version[0])


def score_eq5d(items: pd.DataFrame, value_set: ValueSet, *, columns: Mapping[str, str] | None = None) -> ScoreResult:
    """Score EQ-5D profiles by a named value set.

    Parameters
    ----------
    items : DataFrame
        Columns ``mobility, self_care, activities, pain, anxiety``: levels from 1.
    value_set : ValueSet
        Values of the country; none is shipped, and there is no default.
    columns : mapping of str to str, optional
        From dimension to your column.

    Returns
    -------
    ScoreResult
        Score ``eq5d5l`` or ``eq5d3l``; missing if any dimension is missing. ``missing_rule`` names the value set.

    Raises
    ------
    ArgumentError
        If dimensions are absent or a profile has no value in the set.
    """
    if not isinstance(value_set, ValueSet):
        raise argument_error("value_set", "a named ValueSet (there is no default country)", value_set)
    if not isinstance(items, pd.DataFrame):
        raise argument_error("items", f"a DataFrame with {', '.join(EQ5D_DIMENSIONS)}", items)
    frame = items.rename(columns={own: name for name, own in (columns or {}).items()})
    absent = [name for name in EQ5D_DIMENSIONS if name not in frame.columns]
    if absent:
        raise argument_error("items", f"columns {', '.join(EQ5D_DIMENSIONS)}", f"a table without {', '.join(absent)}")
    levels = frame[list(EQ5D_DIMENSIONS)].apply(pd.to_numeric, errors="coerce").astype(float)
    given = levels.to_numpy()
    with np.errstate(invalid="ignore"):
        bad = ~np.isnan(given) & ((given < 1) | (given > value_set.levels) | (given != np.floor(given)))
    rows = [
        {
            "table": "eq5d",
            "row": int(row) + 1,
            "field": EQ5D_DIMENSIONS[column],
            "reason": "range",
            "value": given[row, column],
            "message": f"levels are 1 to {value_set.levels} in {value_set.version}",
        }
        for row, column in zip(*np.nonzero(bad))
    ]
    levels = levels.mask(bad)
    whole = levels.notna().all(axis=1).to_numpy()
    name = f"eq5d{value_set.version.lower()}"
    values = np.full(len(levels), np.nan)
    values[whole] = [_value(value_set, row) for row in levels[whole].to_numpy().astype(int)]
    scores = pd.DataFrame({name: values}, index=frame.index)
    answered = levels.notna().sum(axis=1).to_frame(name)
    rule = f"every dimension must be answered; value set: {value_set.name} ({value_set.version})"
    empty = pd.DataFrame(columns=["score", "kind", "value", "source"])
    return ScoreResult(
        name, scores, answered, {name: rule}, pd.DataFrame({name: ""}, index=frame.index), failure_frame(rows), empty
    )


def _value(value_set: ValueSet, profile: Any) -> float:
    if value_set.decrements:
        return 1.0 - sum(
            value_set.decrements[name, int(level)] for name, level in zip(EQ5D_DIMENSIONS, profile) if level > 1
        )
    key = "".join(str(level) for level in profile)
    if key not in value_set.profiles:
        raise argument_error("value_set", "a set with a value for every profile in the data", f"none for {key}")
    return float(value_set.profiles[key])
