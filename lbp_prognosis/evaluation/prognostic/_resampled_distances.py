"""Distances of a calibration curve in resamples of patients, for paired differences between two models."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from lbp_prognosis._kernels import BLOCKS, DRAWN_SINGLY, random_blocks
from lbp_prognosis.evaluation.prognostic._calibration_curve import (
    STATISTICS,
    CalibrationCurve,
    inverse_link,
    spline_design,
)
from lbp_prognosis.evaluation.prognostic._calibration_rows import CalibrationRows
from lbp_prognosis.evaluation.prognostic._setting import stable_order

__all__ = ["ResampledDistances"]

_CELLS = 200


@dataclass(frozen=True)
class ResampledDistances:
    """Mean, median, 90 % quantile and maximum of |observed − predicted| in each resample.

    A resample gives every patient (cluster) a random weight of mean and variance 1 (the Bayesian bootstrap). The
    weights change the coefficients of the curve through their influence values, and the distribution of the risks. They
    depend only on ``seed`` and the number of patients, so two models share the same resamples. Above 20,000 patients
    (clusters), 10,000 random blocks of patients are weighted instead of rows.
    """

    rows: CalibrationRows
    curve: CalibrationCurve
    n_draws: int
    seed: np.random.SeedSequence

    @cached_property
    def _units(self) -> tuple[np.ndarray, np.ndarray, int]:
        """Rows of ``y`` with copies listed separately, the resampling unit of each copy, and the number of units."""
        return self.rows.setting.kept("units", self._make_units)

    def _make_units(self) -> tuple[np.ndarray, np.ndarray, int]:
        setting = self.rows.setting
        used = np.flatnonzero(setting.row_weight > 0)
        row = np.repeat(used, setting.copies[used].astype(np.int64))
        unit = np.arange(row.size)
        if setting.clusters is not None:
            unit = np.unique(setting.clusters[row], return_inverse=True)[1]
        return row, unit, int(unit.max(initial=-1)) + 1

    @property
    def _singly(self) -> bool:
        """Whether each row is an unweighted unit."""
        return self.rows.setting.weights is None and self.rows.setting.clusters is None

    @cached_property
    def mark(self) -> str:
        """Settings that determine the resamples; two results share resamples if these are equal."""
        unit = self.rows.setting.kept("mark of units", lambda: zlib.crc32(self._units[1].tobytes()))
        return f"{self.seed.entropy}/{self.seed.spawn_key}/{self.n_draws}/{unit:x}"

    def _moves(self) -> tuple[np.ndarray, np.ndarray]:
        """Return changes of the coefficients (n_draws, p) and the weight of each cell (n_draws, n_cells)."""
        setting = self.rows.setting
        row, unit, units = self._units
        assert self.curve.influence is not None
        by_unit: Any = self.curve.influence
        if not self._singly:
            # the influence value of a row with copies is that of their mean; for clusters it is that of their sum
            counted = setting.frequency and setting.clusters is None
            split = np.sqrt(setting.copies[row]) if counted else setting.copies[row]
            by_unit = np.stack(
                [np.bincount(unit, weights=column[row] / split, minlength=units) for column in by_unit.T], axis=1
            )
        if units > DRAWN_SINGLY:
            return self._moves_of_blocks(by_unit)
        cell, copy, base, count = self._cells
        rng = np.random.default_rng(self.seed)
        by_unit = by_unit * (float(np.sqrt(units / (units - 1))) if units > 1 else np.nan) / setting.n
        moves = np.empty((self.n_draws, by_unit.shape[1]))
        mass = np.empty((self.n_draws, count))
        for b in range(self.n_draws):
            drawn = rng.standard_exponential(units)
            drawn *= units / drawn.sum()
            moves[b] = (drawn - 1) @ by_unit
            mass[b] = np.bincount(cell, weights=base * drawn[unit[copy]], minlength=count)
        return moves, mass

    def _moves_of_blocks(self, by_unit: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the result of `_moves`, with one weight per block of units."""
        setting, units = self.rows.setting, self._units[2]
        cell, copy, base, count = self._cells
        # shared by all models and horizons, which are compared in the same resamples
        block, drawn = setting.kept(f"blocks {self.mark}", lambda: _blocks(self.seed, units, self.n_draws))
        sums: Any = np.stack([np.bincount(block, weights=c, minlength=BLOCKS) for c in by_unit.T], axis=1)

        def mass() -> np.ndarray:
            place = block[copy if self._singly else self._units[1][copy]]
            place += cell * BLOCKS  # cell by cell, so that the counts of one stay in the cache
            table = np.bincount(place, weights=None if self._singly else base, minlength=BLOCKS * count)
            return np.asarray(drawn @ table.reshape(count, BLOCKS).T)

        moves = (drawn - 1) @ sums * (float(np.sqrt(BLOCKS / (BLOCKS - 1))) / setting.n)
        # risks at several horizons often share one order of the patients
        return moves, setting.kept(f"mass {self.mark}", mass, of=copy) if self._singly else mass()

    @cached_property
    def _cells(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, int]:
        """Cell of each copy in increasing order of risk, its position in `_units`, its weight; number of cells."""
        rows, row = self.rows, self._units[0]
        setting = rows.setting
        place = np.full(setting.n, -1)
        place[rows.index] = np.arange(rows.index.size)
        copy = np.flatnonzero(place[row] >= 0)
        order = stable_order(rows.x[place[row[copy]]])
        copy = order if copy.size == row.size else copy[order]
        count = min(copy.size, _CELLS)
        base = setting.kept(f"ones {copy.size}", lambda: np.ones(copy.size))
        if rows.weight is not None:
            here = place[row[copy]]
            base = rows.weight[here] / rows.copies[here]
        cell = setting.kept(f"cells {copy.size}", lambda: np.arange(copy.size) * count // copy.size)
        return cell, copy, base, count

    def column(self, statistic: str) -> tuple[str, np.ndarray]:
        """Return the resamples' key and one distance, ``"ici"``, ``"e50"``, ``"e90"`` or ``"emax"``, (n_draws,)."""
        return self.mark, self.values[:, STATISTICS.index(statistic)]

    @cached_property
    def values(self) -> np.ndarray:
        """Distances of shape (n_draws, 4)."""
        rows, curve = self.rows, self.curve
        cell, copy, _, count = self._cells
        if self._singly:
            x = rows.ascending_x
        else:
            x = np.empty(rows.setting.n)
            x[rows.index] = rows.x
            x = x[self._units[0][copy]]
        x = np.bincount(cell, weights=x, minlength=count) / np.bincount(cell, minlength=count)
        moves, mass = self._moves()
        del self.__dict__["_cells"]  # large, and not used again
        assert curve.coef is not None
        points = np.column_stack([np.ones(count), spline_design(x, curve.knots)])
        eta = points @ curve.coef
        gap = np.abs(inverse_link(eta + moves @ points.T, rows.link) - inverse_link(x, rows.link))
        mass = mass / mass.sum(axis=1, keepdims=True)
        order = np.argsort(gap, axis=1)
        sorted_gap, sorted_mass = np.take_along_axis(gap, order, 1), np.take_along_axis(mass, order, 1)
        reached = np.cumsum(sorted_mass, axis=1) + 1e-12
        quantiles = np.column_stack(
            [np.take_along_axis(sorted_gap, np.argmax(reached >= share, axis=1)[:, None], 1) for share in (0.5, 0.9)]
        )
        return np.column_stack([np.sum(gap * mass, axis=1), quantiles, sorted_gap[:, -1]])


def _blocks(seed: np.random.SeedSequence, units: int, n_draws: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the block of each unit, and the weights of the blocks in each resample, of mean 1."""
    rng = np.random.default_rng(seed)
    block = random_blocks(rng, units)
    drawn = rng.standard_exponential((n_draws, BLOCKS))
    drawn *= BLOCKS / drawn.sum(axis=1, keepdims=True)
    return block, drawn
