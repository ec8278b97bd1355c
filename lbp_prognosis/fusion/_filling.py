"""Imputation of missing values: estimates from the predictors, and columns computed from others."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from lbp_prognosis.fusion._column_formula import column_formula
from lbp_prognosis.fusion._completions import Score
from lbp_prognosis.fusion._deployment_imputer import DeploymentImputer, Probes
from lbp_prognosis.fusion._encoding import Encoding

__all__ = ["Filling", "Passive"]

Passive = Callable[[pd.DataFrame], Any] | tuple[str, Sequence[str]] | str


@dataclass(frozen=True)
class Filling:
    """Conversion of codes to tables and back, with the ``passive`` and ``drop`` of a fitted `MultipleImputation`."""

    encoding: Encoding
    imputer: DeploymentImputer
    passive: Mapping[str, Passive]
    drop: Sequence[str]

    def finished(
        self, values: np.ndarray, frame: pd.DataFrame, row: np.ndarray, index: pd.Index, *, plain: bool | None = None
    ) -> pd.DataFrame:
        """Return the filled table with passive columns computed and columns used only for imputation dropped.

        ``plain`` is what `Encoding.is_plain` says of the frame, if that was asked before.
        """
        table = self.encoding.decode(values, frame, row, index, plain=plain)
        for name, rule in self.passive.items():
            if isinstance(rule, tuple):
                table[name] = getattr(table[list(rule[1])], rule[0])(axis=1)
            elif isinstance(rule, str):
                table[name] = column_formula(rule, table)
            else:
                table[name] = np.asarray(rule(table))
        dropped = [name for name in self.drop if name in table.columns]
        return table.drop(columns=dropped) if dropped else table

    def slope(self, matrix: np.ndarray, score: Score, probes: Callable[[np.ndarray], Probes]) -> np.ndarray:
        """Return the slope of the linear predictor per column, NaN if it is not linear in the column.

        ``probes`` returns the rows from which slopes in some columns are measured.
        """

        def scored(table: pd.DataFrame, row: np.ndarray) -> np.ndarray:
            if not self.passive and not self.drop:
                return score(table, row)
            # passive columns first: a linear predictor that depends on them non-linearly is not linear
            codes = self.encoding.encode(table)
            return score(self.finished(codes, table, np.arange(len(table)), table.index), row)

        rows = np.flatnonzero(np.isnan(matrix).any(axis=1))
        open_ = np.flatnonzero(np.isnan(matrix).any(axis=0) & (self.encoding.kinds == 0))
        slope = np.full(matrix.shape[1], np.nan)
        if not rows.size or not open_.size:
            return slope
        found = self.imputer.slope(probes(open_), scored)
        if found is None:  # non-linear in some column: keep the columns in which it is linear, separately and jointly
            straight = [j for j in open_ if self.imputer.slope(probes(np.array([j])), scored) is not None]
            open_ = np.array(straight, dtype=int)
            found = self.imputer.slope(probes(open_), scored) if straight else None
        if found is not None:
            slope[open_] = found
        return slope
