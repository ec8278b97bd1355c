"""Completion of the same new rows for several models; parts that do not depend on the model are computed once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from lbp_prognosis._kernels import normal_quadrature
from lbp_prognosis.fusion._absent_blocks import absent_blocks
from lbp_prognosis.fusion._completions import Completions, Score
from lbp_prognosis.fusion._deployment_imputer import Conditionals, Probes, missing_patterns
from lbp_prognosis.fusion._filling import Filling

__all__ = ["Completer"]


class _Layout(NamedTuple):
    """Positions of the completions of each row; all values except the quadrature nodes are filled in."""

    row: np.ndarray
    weight: np.ndarray
    exact: np.ndarray
    values: np.ndarray
    begins: np.ndarray


class Completer:
    """Completer of new rows by a fitted `MultipleImputation`, for a sequence of linear predictors.

    Draws and conditional means do not depend on the model; only the direction of the quadrature nodes does.
    """

    def __init__(
        self, filling: Filling, frame: pd.DataFrame, *, nodes: int, draws: int, blocks: Sequence[np.ndarray] = ()
    ) -> None:
        self.filling, self.draws = filling, draws
        self.frame = frame
        self.numbers = filling.encoding.is_plain(frame)
        self.matrix = filling.encoding.encode(frame)
        self.missing = np.isnan(self.matrix)
        self.patterns, which = missing_patterns(self.missing)
        self.absent = absent_blocks(np.where(self.patterns, np.nan, 0.0), blocks)
        self.scattered = np.asarray((self.patterns & ~self.absent).any(axis=1))
        order = np.argsort(which, kind="stable")
        ends = np.cumsum(np.bincount(which, minlength=len(self.patterns)))
        self.rows = np.split(order, ends[:-1]) if len(self.patterns) else []
        self.quadrature = normal_quadrature(nodes)
        self._layouts: dict[tuple[bytes, bytes], _Layout] = {}
        self._unmodelled: Completions | None = None
        self._ends: np.ndarray | None = None
        self._probes: dict[bytes, Probes] = {}
        self._regressions: Conditionals = {}
        self._conditionals: dict[int, tuple[np.ndarray, np.ndarray]] = {}

    def __call__(self, score: Score | None = None, nodes: np.ndarray | None = None) -> Completions:
        """Complete the rows for one linear predictor (see `MultipleImputation.completions`)."""
        z, weights = self.quadrature
        if nodes is not None:
            z, weights = np.asarray(nodes, dtype=float), np.full(len(nodes), 1 / len(nodes))
        slope = None if score is None else self.filling.slope(self.matrix, score, self._slope_rows)
        slopes = np.full(self.matrix.shape[1], np.nan) if slope is None else slope
        # draws if a block is absent: its contribution to the linear predictor is not part of the risk
        straight = self.scattered & ~self.absent.any(axis=1) & ~(self.patterns & np.isnan(slopes)).any(axis=1)
        if not straight.any() and self._unmodelled is not None:
            return self._unmodelled
        layout = self._layout(straight, z, weights)
        values = layout.values.copy()
        for k in map(int, np.flatnonzero(straight)):
            pattern, row = self.patterns[k], self.rows[k]
            if k not in self._conditionals:
                self._conditionals[k] = self.filling.imputer.conditional(self.matrix[row], pattern, self._regressions)
            centre, residual = self._conditionals[k]
            block = values[layout.begins[k] : layout.begins[k + 1]].reshape(row.size, z.size, -1)
            block[:, :, pattern] = self.filling.imputer.nodes(centre, residual, slopes[pattern], z)
        index = pd.RangeIndex(layout.row.size)
        table = self.filling.finished(values, self.frame, layout.row, index, plain=self.numbers)
        done = Completions(table, layout.row, layout.weight, layout.exact)
        if not straight.any():
            self._unmodelled = done
        return done

    def _slope_rows(self, columns: np.ndarray) -> Probes:
        """Return the rows from which slopes in some columns are measured: the same for all models."""
        key = columns.tobytes()
        if key not in self._probes:
            n = len(self.matrix)
            if self._ends is None:
                self._ends = self.filling.imputer.conditional_mean(
                    self.matrix[np.unique([0, n - 1])], self._regressions
                )
            self._probes[key] = self.filling.imputer.probes(self._ends, n, self.frame, columns)
        return self._probes[key]

    def _layout(self, straight: np.ndarray, z: np.ndarray, weights: np.ndarray) -> _Layout:
        key = (straight.tobytes(), z.tobytes())
        if key in self._layouts:
            return self._layouts[key]
        incomplete = self.scattered
        sizes = np.where(straight, z.size, np.where(incomplete, self.draws, 1))
        exact = np.ones(len(self.frame), dtype=bool)
        open_ = np.flatnonzero(incomplete & ~straight)
        drawn = np.empty((0, self.draws, self.matrix.shape[1]))
        if open_.size:
            row = np.concatenate([self.rows[k] for k in open_])
            exact[row] = False
            drawn = self.filling.imputer.draws(self.matrix[row])
        parts, shares, at = [self.matrix[:0]], [np.empty(0)], 0
        for k, row in enumerate(self.rows):
            if incomplete[k] and not straight[k]:
                filled = drawn[at : at + row.size].reshape(-1, self.matrix.shape[1])
                filled[:, self.absent[k]] = np.nan
                parts.append(filled)
                at += row.size
            else:
                parts.append(np.repeat(self.matrix[row], sizes[k], axis=0))
            shares.append(np.tile(weights if straight[k] else np.full(sizes[k], 1 / sizes[k]), row.size))
        row = np.concatenate([np.empty(0, dtype=int), *(np.repeat(row, size) for row, size in zip(self.rows, sizes))])
        begins = np.concatenate([[0], np.cumsum([row.size * size for row, size in zip(self.rows, sizes)])])
        self._layouts[key] = _Layout(row, np.concatenate(shares), exact, np.vstack(parts), begins)
        return self._layouts[key]
