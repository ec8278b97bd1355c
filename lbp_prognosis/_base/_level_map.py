"""``LevelMap``: which column is which measure at which level of the spine."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from lbp_prognosis._base._errors import argument_error
from lbp_prognosis._base._feature_map import FeatureMap
from lbp_prognosis._base._spine_levels import level_of_column, level_rank
from lbp_prognosis._base.intake import is_number, takes_rows

__all__ = ["LevelMap"]


@dataclass(frozen=True)
class LevelMap(Mapping[str, tuple[str, str]]):
    """A read-only mapping ``column -> (level, measure)``: a wide table seen as patient × level × measure.

    Levels are spelt once, in the names of columns or their provenance; pooling, models of levels and explanations read
    them here.

    Attributes
    ----------
    cells : dict of str to (str, str)
        Level (``"l4"``, ``"l4l5"``) and measure of each column. Structure, side and pooling rule are part of the name
        of the measure, as ``"multifidus__fat_fraction__left"``.

    Examples
    --------
    >>> import pandas as pd
    >>> from lbp_prognosis.fusion import LevelMap
    >>> X = pd.DataFrame({"age": [50.0], "pfirrmann__l5s1": [4.0], "pfirrmann__l4l5": [3.0], "height__l4l5": [9.0]})
    >>> levels = LevelMap.of(X.columns)
    >>> levels.levels, levels.measures
    (('l4l5', 'l5s1'), ('pfirrmann', 'height'))
    >>> levels.cube(X).tolist()
    [[[3.0, 9.0], [4.0, nan]]]
    """

    cells: dict[str, tuple[str, str]]

    def __post_init__(self) -> None:
        clean = {str(column): (str(level), str(measure)) for column, (level, measure) in dict(self.cells).items()}
        for level, _ in clean.values():
            try:
                level_rank(level)
            except ValueError:
                raise argument_error(
                    "cells", "levels named as vertebrae (`l4`) or discs (`l4l5`)", repr(level)
                ) from None
        object.__setattr__(self, "cells", clean)

    @classmethod
    def of(cls, columns: Iterable[str], modalities: Mapping[str, Sequence[str]] | None = None) -> LevelMap:
        """Return the map of those columns that are of a level.

        Parameters
        ----------
        columns : iterable of str
            Names of columns; the level is a part of its own, ``disc_height__l4l5``.
        modalities : mapping of str to sequence of str, optional
            A `FeatureMap` whose provenance names level and measure of a column wins over the column's name.
        """
        known = modalities.provenance if isinstance(modalities, FeatureMap) else {}
        cells = {}
        for column in columns:
            own, found = known.get(column, {}), level_of_column(column)
            if own.get("level"):
                parts = [str(own.get(part) or "") for part in ("structure", "measure")]
                measure = found[1] if found is not None else "__".join(part for part in parts if part)
                cells[column] = (str(own["level"]), measure)
            elif found is not None:
                cells[column] = found
        return cls(cells)

    def __getitem__(self, column: str) -> tuple[str, str]:
        return self.cells[column]

    def __iter__(self) -> Any:
        return iter(self.cells)

    def __len__(self) -> int:
        return len(self.cells)

    @property
    def levels(self) -> tuple[str, ...]:
        """Levels from top to bottom."""
        return tuple(sorted({level for level, _ in self.cells.values()}, key=level_rank))

    @property
    def measures(self) -> tuple[str, ...]:
        """Measures in the order of their first columns."""
        return tuple(dict.fromkeys(measure for _, measure in self.cells.values()))

    def columns_of(self, *, level: str | None = None, measure: str | None = None) -> tuple[str, ...]:
        """Return the columns of a level, of a measure, or of both.

        Parameters
        ----------
        level, measure : str, optional
            Which; by default all.
        """
        return tuple(c for c, (one, name) in self.cells.items() if level in (None, one) and measure in (None, name))

    def gathered(self, numbers: Mapping[str, float]) -> pd.DataFrame:
        """Return values of columns by level and measure; where several columns are of one cell they are added up.

        Parameters
        ----------
        numbers : mapping of str to float
            A value for each column of the map; others are left out.

        Returns
        -------
        pandas.DataFrame
            ``level, measure, value``, levels from top to bottom, every measure at every level, NaN where there is no
            column.
        """
        full = pd.MultiIndex.from_product([self.levels, self.measures], names=["level", "measure"])
        sums: dict[tuple[str, str], float] = {}
        for column, cell in self.cells.items():
            if column in numbers:
                sums[cell] = sums.get(cell, 0.0) + float(numbers[column])
        return pd.DataFrame({"value": [sums.get(cell, np.nan) for cell in full]}, index=full).reset_index()

    @takes_rows()
    def cube(self, X: pd.DataFrame) -> np.ndarray:
        """Return the values of a table by patient, level and measure.

        Parameters
        ----------
        X : DataFrame of shape (n, p)
            One row per patient, with all columns of the map.

        Returns
        -------
        ndarray of shape (n, n_levels, n_measures)
            In the order of ``levels`` and ``measures``; NaN where a value is missing or a cell has no column.

        Raises
        ------
        ArgumentError
            If a column is absent or holds no numbers, or two columns are of one cell.
        """
        absent = [column for column in self.cells if column not in X.columns]
        if absent:
            raise argument_error(
                "X", f"a table with all {len(self.cells)} columns of the map", f"one without {absent[:5]}"
            )
        places = list(self.cells.values())
        twice = sorted({cell for cell in places if places.count(cell) > 1})
        if twice:
            columns = self.columns_of(level=twice[0][0], measure=twice[0][1])
            raise argument_error("cells", "one column per level and measure", f"{list(columns)} for {twice[0]}")
        level = {name: k for k, name in enumerate(self.levels)}
        measure = {name: k for k, name in enumerate(self.measures)}
        out = np.full((len(X), len(level), len(measure)), np.nan)
        for column, (one, name) in self.cells.items():
            values = X[column]
            if not is_number(values):
                raise argument_error("X", f"numbers in {column!r}", f"{values.dtype}", "A nominal grade has no cell.")
            out[:, level[one], measure[name]] = values.to_numpy(dtype=float, na_value=np.nan)
        return out

    @takes_rows()
    def to_long(self, X: pd.DataFrame) -> pd.DataFrame:
        """Return the values of a table as a long one, which `pool_levels` takes once ``method_id`` is added.

        Parameters
        ----------
        X : DataFrame of shape (n, p)
            One row per patient, with all columns of the map; its index names the patients.

        Returns
        -------
        pandas.DataFrame
            ``patient_id, level, measure, value``: a row per value that is not missing.

        Raises
        ------
        ArgumentError
            As `cube`.
        """
        cube = self.cube(X)
        row, level, measure = np.nonzero(~np.isnan(cube))
        return pd.DataFrame(
            {
                "patient_id": np.asarray(X.index)[row],
                "level": np.asarray(self.levels, dtype=object)[level],
                "measure": np.asarray(self.measures, dtype=object)[measure],
                "value": cube[row, level, measure],
            }
        )
