"""``ModalityBlocks``: columns by modality, and rows that lack some modalities as a whole."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from lbp_prognosis._base import DataError, EstimationError, FeatureMap, LevelMap, argument_error, rows_in_words
from lbp_prognosis.models._base import RiskEstimator
from lbp_prognosis.models._design import order_of_names
from lbp_prognosis.models._net_shape import LevelShape

__all__ = ["ModalityBlocks", "columns_made_of"]

_ONE = "all"


class ModalityBlocks(RiskEstimator):
    """Base of models that use each modality separately, and detect rows in which a modality is missing.

    Attributes
    ----------
    columns_ : dict of str to list of str
        Columns of each modality, in an order that no table's layout changes.
    centre_, spread_ : dict of str to ndarray
        Means and standard deviations of the columns, among training rows that have them; those of columns of levels are
        of the measure, at all levels.
    level_cells_ : dict of str to dict of str to list of str
        Level and measure of the columns of modalities that are read level by level.
    """

    modalities: Mapping[str, Sequence[str]] | None
    always: Sequence[str]
    levels: Sequence[str] = ()

    def _read_modalities(self) -> None:
        """Set the columns of each modality, in an order that no table's layout changes."""
        names = [str(name) for name in self._names()]
        named = {_ONE: names} if self.modalities is None else self.modalities
        given = FeatureMap(
            {name: (columns,) if isinstance(columns, str) else tuple(columns) for name, columns in named.items()}
        )
        groups: dict[str, list[str]] = {}
        for name, columns in given.items():
            made = [each for column in columns for each in columns_made_of(column, names)]
            if made:
                groups[name] = made
        left = sorted(set(names) - {column for columns in groups.values() for column in columns})
        if left:
            raise argument_error("modalities", "a mapping that contains every column of `X`", f"one without {left[:5]}")
        order = [sorted(groups)[k] for k in order_of_names(sorted(groups))]
        self.columns_ = {name: [groups[name][k] for k in order_of_names(groups[name])] for name in order}
        self._read_levels(given)

    def _read_levels(self, given: FeatureMap) -> None:
        """Set the level and measure of columns from their names or provenance."""
        named = [self.levels] if isinstance(self.levels, str) else list(self.levels)
        unknown = [name for name in named if name not in given]
        if unknown:
            raise argument_error("levels", f"among the modalities {list(given)}", unknown)
        self.level_cells_: dict[str, dict[str, list[str]]] = {}
        for name in (name for name in self.columns_ if name in named):
            cells = LevelMap.of(self.columns_[name], self.modalities)
            if not cells:
                raise argument_error(
                    "levels",
                    "modalities with columns of single levels (`disc_height__l4l5`)",
                    f"{name!r} with {self.columns_[name][:4]}",
                    "Leave it out of `levels`: pooled columns are read without.",
                )
            held = list(cells.values())
            twice = [column for column, cell in cells.items() if held.count(cell) > 1]
            if twice:
                raise argument_error("levels", "one column per level and measure", f"{twice[:4]} of one cell")
            self.level_cells_[name] = {column: list(cell) for column, cell in cells.items()}

    def _level_maps(self) -> dict[str, LevelMap]:
        cells = getattr(self, "level_cells_", {})  # models of files made before there were levels have none
        return {
            name: LevelMap({column: (level, measure) for column, (level, measure) in own.items()})
            for name, own in cells.items()
        }

    def _level_shapes(self) -> dict[str, LevelShape]:
        """Return the layout of the blocks of modalities with levels."""
        return {
            name: LevelShape(len(self.columns_[name]) - len(own), len(own.levels), len(own.measures))
            for name, own in self._level_maps().items()
        }

    def _places(self) -> dict[str, np.ndarray]:
        place = {str(name): j for j, name in enumerate(self._names())}
        return {name: np.array([place[column] for column in columns]) for name, columns in self.columns_.items()}

    def _needed(self) -> set[str]:
        """Modalities that every row must have."""
        return set(self.columns_) & ({_ONE} if self.modalities is None else set(self.always))

    def _check_blocks(self, X: np.ndarray, *, fitting: bool) -> None:
        known = {name: ~np.isnan(X[:, places]) for name, places in self._places().items()}
        maps = self._level_maps()
        for name, cells in known.items():
            of_levels: Mapping[str, tuple[str, str]] = maps.get(name, {})
            pooled = np.array([column not in of_levels for column in self.columns_[name]])
            some, every = cells.any(axis=1), cells[:, pooled].all(axis=1)
            if fitting and (some & ~every).any():
                told = [column for column in self.columns_[name] if column not in of_levels]
                self._tell(
                    f"have all columns of a modality or none, {told[:4]} of {name!r} among them",
                    some & ~every,
                    "Impute scattered cells in a RiskPipeline and leave absent modalities missing.",
                )
            if name in self._needed() and (~some).any():
                self._tell(f"have the modality {name!r}", ~some, "Impute it, or leave it out of `always`.")

    @staticmethod
    def _tell(accepted: str, rows: np.ndarray, remedy: str) -> None:
        failures = pd.DataFrame({"table": "X", "row": np.flatnonzero(rows)[:20], "reason": "missing"})
        raise DataError(f"Rows of `X` must {accepted}; got others at rows {rows_in_words(rows)}. {remedy}", failures)

    def _standardise(self, X: np.ndarray, weights: np.ndarray) -> None:
        self.centre_: dict[str, np.ndarray] = {}
        self.spread_: dict[str, np.ndarray] = {}
        maps = self._level_maps()
        for name, places in self._places().items():
            cells = X[:, places]
            known = ~np.isnan(cells)
            if not known.any():
                raise EstimationError(f"No training row has the modality {name!r}: leave it out.")
            own: Mapping[str, tuple[str, str]] = maps.get(name, {})
            units: dict[tuple[bool, str], list[int]] = {}
            for j, column in enumerate(self.columns_[name]):  # columns of one measure have one unit, at all levels
                units.setdefault((True, own[column][1]) if column in own else (False, column), []).append(j)
            centre, spread = np.zeros(places.size), np.ones(places.size)
            for mine in units.values():
                inside = known[:, mine]
                share = np.broadcast_to(weights[:, None], inside.shape)[inside]
                values = cells[:, mine][inside]
                if share.sum() > 0:
                    centre[mine] = middle = np.average(values, weights=share)
                    spread[mine] = np.sqrt(np.average((values - middle) ** 2, weights=share))
            floor = 1e-12 * (1 + np.abs(centre))  # a constant column has no unit
            self.centre_[name], self.spread_[name] = centre, np.where(spread > floor, spread, 1.0)

    def _blocks(self, X: np.ndarray) -> tuple[list[np.ndarray], np.ndarray]:
        """Return standardised columns of each modality (0 where missing), and which modalities a row has.

        Modalities with levels are arranged as in their `LevelShape`.
        """
        blocks, present = [], []
        maps = self._level_maps()
        for name, places in self._places().items():
            cells = (X[:, places] - self.centre_[name]) / self.spread_[name]
            present.append(~np.isnan(cells).all(axis=1))
            blocks.append(self._laid_out(name, cells, maps[name]) if name in maps else np.nan_to_num(cells, nan=0.0))
        return blocks, np.column_stack(present)

    def _laid_out(self, name: str, cells: np.ndarray, own: LevelMap) -> np.ndarray:
        """Return pooled columns, cells by level and measure, and which cells are known."""
        columns = self.columns_[name]
        place = [
            own.levels.index(level) * len(own.measures) + own.measures.index(measure) for level, measure in own.values()
        ]
        cube = np.full((len(cells), len(own.levels) * len(own.measures)), np.nan)
        cube[:, place] = cells[:, [columns.index(column) for column in own]]
        pooled = cells[:, [column not in own for column in columns]]
        return np.hstack([np.nan_to_num(pooled, nan=0.0), np.nan_to_num(cube, nan=0.0), ~np.isnan(cube)])


def columns_made_of(column: str, names: Sequence[str]) -> list[str]:
    """Return the columns of a table that are a named column or derived from it: indicators, terms of a spline.

    Parameters
    ----------
    column : str
        As it was named.
    names : sequence of str
        Columns of the table.
    """
    return [name for name in names if name == column or name.startswith(f"{column}=") or name.rstrip("'") == column]
