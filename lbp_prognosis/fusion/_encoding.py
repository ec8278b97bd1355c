"""Conversion of frames to matrices of codes and back, for imputation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from lbp_prognosis._base import (
    argument_error,
    categories_of,
    holds,
    is_number,
    numbers_in,
    numbers_of,
    refused_kind,
)

__all__ = ["METHODS", "Encoding"]

METHODS = ("matching", "normal", "logistic", "nominal")


@dataclass(frozen=True)
class Encoding:
    """Encoding of columns as numbers.

    Attributes
    ----------
    columns : tuple of str
        Modelled columns.
    kinds : ndarray of int
        0 continuous, 1 binary (0/1), 2 nominal.
    levels : ndarray of int
        Categories of a nominal column; 0 otherwise.
    matching : ndarray of bool
        Continuous columns imputed by matching, not by a draw from the normal distribution.
    categories : dict of str to list
        Categories of each nominal column, in the order of their codes.
    dtypes : dict
        Types of the columns of the training frame.
    unknown : {"error", "reference"}
        A category absent from the training frame is refused, or counts as the first category.
    """

    columns: tuple[str, ...]
    kinds: np.ndarray
    levels: np.ndarray
    matching: np.ndarray
    categories: dict[str, list[Any]]
    dtypes: dict[str, Any]
    unknown: str = "error"

    @classmethod
    def of(cls, frame: pd.DataFrame, methods: Mapping[str, str], unknown: str = "error") -> Encoding:
        """Return the method per column: logistic for 0/1, matching for other numbers, nominal for the rest."""
        absent = [name for name in methods if name not in frame.columns]
        if absent or any(method not in METHODS for method in methods.values()):
            raise argument_error("methods", f"a mapping from columns of `X` to {METHODS}", dict(methods))
        kinds, levels, matching = [], [], []
        categories: dict[str, list[Any]] = {}
        for name in frame.columns:
            column = frame[name]
            if column.isna().all():
                raise argument_error(
                    "X",
                    "a table in which every column has a value",
                    f"{name!r} without any",
                    "Drop it: nothing can be learned of it.",
                )
            what = holds(column)
            if what in ("date", "duration", "complex", "mixed"):
                raise refused_kind("X", what, "numbers and categories", column=name)
            numeric = is_number(column)
            binary = numeric and set(np.unique(numbers_of(column.dropna()))) <= {0, 1}
            method = methods.get(name, "logistic" if binary else "matching" if numeric else "nominal")
            if method == "logistic" and not binary:
                raise argument_error("methods", f"'logistic' for 0/1 columns only, not {name!r}", "'logistic'")
            if method in ("matching", "normal") and not numeric:
                raise argument_error("methods", f"'nominal' for {name!r}, which contains no numbers", repr(method))
            if method == "nominal":
                categories[name] = categories_of(column)
            kinds.append({"matching": 0, "normal": 0, "logistic": 1, "nominal": 2}[method])
            levels.append(len(categories.get(name, ())))
            matching.append(method == "matching")
        return cls(
            tuple(frame.columns),
            np.array(kinds),
            np.array(levels),
            np.array(matching),
            categories,
            {name: frame[name].dtype for name in frame.columns},
            unknown,
        )

    def encode(self, frame: pd.DataFrame) -> np.ndarray:
        """Return codes as floats, NaN where missing."""
        out = np.empty((len(frame), len(self.columns)))
        numeric = self.kinds != 2
        if numeric.any():
            out[:, numeric] = numbers_in(frame, [name for name, kept in zip(self.columns, numeric) if kept])
        for j in map(int, np.flatnonzero(~numeric)):
            name = self.columns[j]
            column = frame[name]
            if (what := holds(column)) in ("date", "duration", "complex", "mixed"):
                raise refused_kind("X", what, "numbers and categories", column=name)
            place = {value: code for code, value in enumerate(self.categories[name])}
            codes = np.array(column.map(place).to_numpy(dtype=float, na_value=np.nan))
            strange = np.isnan(codes) & column.notna().to_numpy()
            if strange.any() and self.unknown == "error":
                raise argument_error(
                    "X",
                    f"of the categories of the fit in {name!r}: {self.categories[name][:6]}",
                    f"{sorted(map(str, column[strange].unique()))[:4]}",
                    "Merge rare categories and spell each word in one way before the fit, "
                    'or say unknown="reference" to count them as the first category.',
                )
            codes[strange] = 0
            out[:, j] = codes
        return out

    def is_plain(self, source: pd.DataFrame) -> bool:
        """Return whether a frame has the columns of the fit in their order, all of floats and none nominal."""
        floats = {np.dtype(float)}.issuperset(source.dtypes.to_numpy())
        return floats and bool((self.kinds != 2).all()) and tuple(source.columns) == self.columns

    def decode(
        self, values: np.ndarray, source: pd.DataFrame, row: np.ndarray, index: pd.Index, *, plain: bool | None = None
    ) -> pd.DataFrame:
        """Return a frame of rows ``row`` of ``source`` with its missing values filled from ``values``.

        ``values`` also contains the observed cells of those rows; ``plain`` is what `is_plain` says of ``source``, if
        that was asked before.
        """
        if self.is_plain(source) if plain is None else plain:
            return pd.DataFrame(values[:, : len(self.columns)], index=index, columns=source.columns, copy=True)
        floats = [dtype == np.float64 for dtype in source.dtypes.to_numpy()]
        parts: dict[str, Any] = {}
        place = {name: j for j, name in enumerate(self.columns)}
        for name, number in zip(source.columns, floats):
            taken = source[name].array.take(row)
            if name not in place:
                parts[name] = taken
                continue
            j = place[name]
            if number and self.kinds[j] != 2:
                cells = np.asarray(taken)
                parts[name] = np.where(np.isnan(cells), values[:, j], cells)
                continue
            holes = np.asarray(pd.isna(taken))
            if not holes.any():
                parts[name] = taken
            elif self.kinds[j] == 2:
                filled = pd.Series(taken, copy=True)
                # numeric codes stay numbers, because objects do not fit into a numeric column
                known = np.asarray(self.categories[name], dtype=None if is_number(filled) else object)
                filled[holes] = known[values[holes, j].astype(int)]
                parts[name] = filled.array
            else:
                parts[name] = np.where(holes, values[:, j], pd.Series(taken).to_numpy(dtype=float, na_value=np.nan))
        return pd.DataFrame(parts, index=index, columns=source.columns)
