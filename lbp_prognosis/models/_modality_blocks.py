"""``ModalityBlocks``: columns by modality, and rows that lack some modalities as a whole."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from lbp_prognosis._base import DataError, EstimationError, FeatureMap, argument_error, rows_in_words
from lbp_prognosis.models._base import RiskEstimator
from lbp_prognosis.models._design import order_of_names

__all__ = ["ModalityBlocks"]

_ONE = "all"


class ModalityBlocks(RiskEstimator):
    """Base of models that read each modality by itself, and know when a row has nothing of it.

    Attributes
    ----------
    columns_ : dict of str to list of str
        Columns of each modality, in an order that no table's layout changes.
    centre_, spread_ : dict of str to ndarray
        Means and standard deviations of the columns, among training rows that have them.
    """

    modalities: Mapping[str, Sequence[str]] | None
    always: Sequence[str]

    def _read_modalities(self) -> None:
        """Set the columns of each modality, in an order that no table's layout changes."""
        names = [str(name) for name in self._names()]
        named = {_ONE: names} if self.modalities is None else self.modalities
        given = FeatureMap(
            {name: (columns,) if isinstance(columns, str) else tuple(columns) for name, columns in named.items()}
        )
        groups: dict[str, list[str]] = {}
        for name, columns in given.items():
            made = [each for column in columns for each in names if _made_of(each, column)]
            if made:
                groups[name] = made
        left = sorted(set(names) - {column for columns in groups.values() for column in columns})
        if left:
            raise argument_error("modalities", "a mapping that contains every column of `X`", f"one without {left[:5]}")
        order = [sorted(groups)[k] for k in order_of_names(sorted(groups))]
        self.columns_ = {name: [groups[name][k] for k in order_of_names(groups[name])] for name in order}

    def _places(self) -> dict[str, np.ndarray]:
        place = {str(name): j for j, name in enumerate(self._names())}
        return {name: np.array([place[column] for column in columns]) for name, columns in self.columns_.items()}

    def _needed(self) -> set[str]:
        """Modalities that every row must have."""
        return set(self.columns_) & ({_ONE} if self.modalities is None else set(self.always))

    def _check_blocks(self, X: np.ndarray, *, fitting: bool) -> None:
        known = {name: ~np.isnan(X[:, places]) for name, places in self._places().items()}
        for name, cells in known.items():
            some, every = cells.any(axis=1), cells.all(axis=1)
            if fitting and (some & ~every).any():
                self._tell(
                    f"have all columns of a modality or none, {self.columns_[name][:4]} of {name!r} among them",
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
        for name, places in self._places().items():
            cells = X[:, places]
            rows = ~np.isnan(cells).any(axis=1)
            if not rows.any():
                raise EstimationError(f"No training row has the modality {name!r}: leave it out.")
            centre = np.average(cells[rows], axis=0, weights=weights[rows])
            spread = np.sqrt(np.average((cells[rows] - centre) ** 2, axis=0, weights=weights[rows]))
            floor = 1e-12 * (1 + np.abs(centre))  # a constant column has no unit
            self.centre_[name], self.spread_[name] = centre, np.where(spread > floor, spread, 1.0)

    def _blocks(self, X: np.ndarray) -> tuple[list[np.ndarray], np.ndarray]:
        """Return standardised columns of each modality (0 where missing), and which modalities a row has."""
        blocks, present = [], []
        for name, places in self._places().items():
            cells = (X[:, places] - self.centre_[name]) / self.spread_[name]
            present.append(~np.isnan(cells).all(axis=1))
            blocks.append(np.nan_to_num(cells, nan=0.0))
        return blocks, np.column_stack(present)


def _made_of(name: str, column: str) -> bool:
    """Whether a column of the table is a named one, or what a step made of it: an indicator, a term of a spline."""
    return name == column or name.startswith(f"{column}=") or name.rstrip("'") == column
