"""Terms of an equation: the contribution of a predictor to the linear predictor."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from lbp_prognosis._base import argument_error, numbers_in, plain_label

__all__ = ["LevelTerm", "NumberTerm", "Term", "rounded", "same_level"]


@dataclass(frozen=True)
class NumberTerm:
    """``slope · x + Σ_k cubes[k] · max(x − knots[k], 0)³``.

    Attributes
    ----------
    name : str
        Column.
    slope : float
        Coefficient of the value itself.
    knots, cubes : tuple of float
        Of a restricted cubic spline, in the unnormalised form: beyond the last knot the cubes cancel to a line.
    unit : str
        Unit of the column, or empty.
    low, high : float
        Coarse range of the training rows; NaN if unknown.
    """

    name: str
    slope: float
    knots: tuple[float, ...] = ()
    cubes: tuple[float, ...] = ()
    unit: str = ""
    low: float = math.nan
    high: float = math.nan

    def __post_init__(self) -> None:
        for name in ("low", "high"):  # one NaN, so that equations without a range are equal
            value = float(getattr(self, name))
            object.__setattr__(self, name, value if math.isfinite(value) else math.nan)

    def values(self, x: np.ndarray) -> np.ndarray:
        """Return the contribution of each value; NaN stays NaN."""
        out = self.slope * x
        for knot, cube in zip(self.knots, self.cubes):
            beyond = np.maximum(x - knot, 0.0)
            out = out + cube * (beyond * beyond * beyond)
        return out

    def of(self, column: pd.Series) -> np.ndarray:
        """Return the contributions of a column of a table; words are refused, naming the column."""
        return self.values(self.numbers(column))

    def numbers(self, column: pd.Series) -> np.ndarray:
        """Return a column as numbers, NaN where missing."""
        if column.isna().all():
            return np.full(len(column), np.nan)
        return numbers_in(column.to_frame(self.name), [self.name])[:, 0]

    @property
    def linear(self) -> bool:
        """Whether the term is linear."""
        return not self.knots

    def grid(self, size: int = 201) -> np.ndarray:
        """Return values over the training range, including its bounds and the knots inside; empty without a range."""
        if not np.isfinite([self.low, self.high]).all():
            return np.empty(0)
        inside = [knot for knot in self.knots if self.low < knot < self.high]
        return np.unique(np.concatenate([np.linspace(self.low, self.high, size), inside]))


@dataclass(frozen=True)
class LevelTerm:
    """One number per category; the reference category adds 0.

    Attributes
    ----------
    name : str
        Column.
    levels : tuple
        Categories; the first is the reference of the fit.
    effects : tuple of float
        Contribution of each category.
    unit : str
        Empty, or a note about the coding.
    """

    name: str
    levels: tuple[Any, ...]
    effects: tuple[float, ...]
    unit: str = ""

    def of(self, column: pd.Series) -> np.ndarray:
        """Return the contributions of a column of a table; NaN for a missing or an unknown category."""
        out = np.full(len(column), np.nan)
        for level, effect in zip(self.levels, self.effects):
            out[same_level(column, level)] = effect
        return out


Term = NumberTerm | LevelTerm


def same_level(column: pd.Series, level: Any) -> np.ndarray:
    """Return the rows of a category, compared as stored, or as read if the types differ."""
    values = column.to_numpy(dtype=object)
    word = str(plain_label(level))
    return np.array(
        [not _missing(value) and (value == level or str(plain_label(value)) == word) for value in values], dtype=bool
    )


def _missing(value: Any) -> bool:
    return value is None or value is pd.NA or value != value


def significant(value: float, digits: int) -> float:
    """Round to significant digits."""
    return float(f"{value:.{digits}g}")


def rounded(term: Term, digits: int) -> Term:
    """Return the term with all coefficients at ``digits`` significant digits."""
    if isinstance(term, LevelTerm):
        return replace(term, effects=tuple(significant(effect, digits) for effect in term.effects))
    return replace(
        term,
        slope=significant(term.slope, digits),
        knots=tuple(significant(knot, max(digits, 12)) for knot in term.knots),
        cubes=tuple(significant(cube, digits) for cube in term.cubes),
    )


def term_from_dict(state: Mapping[str, Any]) -> Term:
    """Rebuild a term from the JSON of an equation."""
    kind = state.get("kind")
    unknown = set(state) - {"kind", "name", "slope", "knots", "cubes", "unit", "low", "high", "levels", "effects"}
    if kind not in ("number", "levels") or unknown or not isinstance(state.get("name"), str):
        raise argument_error("terms", "of kind 'number' or 'levels' with a name", f"{kind!r}, {sorted(unknown)}")
    if kind == "levels":
        levels, effects = tuple(state["levels"]), tuple(map(float, state["effects"]))
        if len(levels) != len(effects) or not levels or len(set(map(str, levels))) != len(levels):
            raise argument_error("terms", f"of distinct levels, one effect each, in {state['name']!r}", f"{levels}")
        return LevelTerm(state["name"], levels, effects, str(state.get("unit", "")))
    knots, cubes = tuple(map(float, state.get("knots", ()))), tuple(map(float, state.get("cubes", ())))
    if len(knots) != len(cubes):
        raise argument_error("terms", f"of one cube per knot in {state['name']!r}", f"{len(knots)} and {len(cubes)}")
    bounds = [math.nan if state.get(name) is None else float(state[name]) for name in ("low", "high")]
    return NumberTerm(state["name"], float(state["slope"]), knots, cubes, str(state.get("unit", "")), *bounds)


def term_to_dict(term: Term) -> dict[str, Any]:
    """Return a term in types of strict JSON."""
    if isinstance(term, LevelTerm):
        return {
            "kind": "levels",
            "name": term.name,
            "levels": [plain_label(level) for level in term.levels],
            "effects": list(term.effects),
            "unit": term.unit,
        }
    return {
        "kind": "number",
        "name": term.name,
        "slope": term.slope,
        "knots": list(term.knots),
        "cubes": list(term.cubes),
        "unit": term.unit,
        "low": term.low if np.isfinite(term.low) else None,
        "high": term.high if np.isfinite(term.high) else None,
    }
