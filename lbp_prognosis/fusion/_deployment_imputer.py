"""Imputation of a new patient's missing values from the observed values of that patient, without outcome."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from lbp_prognosis._kernels import (
    ColumnModel,
    chained_draws,
    chained_equations,
    column_model,
    expand_columns,
    normal_conditional,
    normal_em,
)
from lbp_prognosis.fusion._completions import Score
from lbp_prognosis.fusion._encoding import Encoding

__all__ = ["Conditionals", "DeploymentImputer", "Probes", "missing_patterns"]

Conditionals = dict[bytes, tuple[np.ndarray, np.ndarray]]
"""Regressions of the missing expanded columns on the others (`normal_conditional`), by pattern of missing columns."""

CYCLES = 5  # number of sweeps over the columns before a chained draw is taken


class Probes(NamedTuple):
    """Rows that differ in some columns, the row of the table of each, and the size of their steps."""

    table: pd.DataFrame
    row: np.ndarray
    size: np.ndarray


def missing_patterns(missing: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the distinct rows of a boolean table, in the order of `numpy.unique`, and the index of each row.

    Eight columns are packed into one byte, so that a row is compared in one step; `numpy.unique` compares field by
    field.
    """
    if not missing.any():
        return missing[:1], np.zeros(len(missing), dtype=np.int64)
    packed = np.ascontiguousarray(np.packbits(missing, axis=1))
    _, first, which = np.unique(packed.view(f"V{packed.shape[1]}").ravel(), return_index=True, return_inverse=True)
    return missing[first], which


@dataclass(frozen=True)
class DeploymentImputer:
    """Imputer of new rows, fitted on the training predictors only.

    Attributes
    ----------
    encoding : Encoding
        Columns and kinds.
    mean, covariance : ndarray
        Mean and covariance of the expanded columns, by maximum likelihood under a multivariate normal distribution.
    shifts : ndarray of shape (n_rows,)
        Intercepts of the regressions of each column on all others, for chained draws; a nominal column has a row per
        category but the last, other columns have one.
    slopes : ndarray of shape (n_rows, n_expanded)
        Their slopes; zero at the column itself.
    sigma : ndarray of shape (n_columns,)
        Residual standard deviations of the continuous columns; 0 for others.
    start : ndarray
        Starting values of chained draws: means, or the commonest category.
    low, high : ndarray
        Range of the training values of each column.
    normals, uniforms : ndarray of shape (draws, CYCLES, n_columns)
        Fixed random numbers: the same for every patient, so that no prediction depends on other predicted patients.
    """

    encoding: Encoding
    mean: np.ndarray
    covariance: np.ndarray
    shifts: np.ndarray
    slopes: np.ndarray
    sigma: np.ndarray
    start: np.ndarray
    low: np.ndarray
    high: np.ndarray
    normals: np.ndarray
    uniforms: np.ndarray

    @classmethod
    def learn(
        cls, X: np.ndarray, encoding: Encoding, rng: np.random.Generator, *, draws: int, iterations: int, donors: int
    ) -> DeploymentImputer:
        """Fit on encoded training rows (NaN where missing)."""
        kinds, levels = encoding.kinds, encoding.levels
        filled = chained_equations(
            X, kinds, levels, rng, iterations=iterations, donors=donors, matching=encoding.matching
        )
        design, places = expand_columns(filled, kinds, levels)
        holes = np.hstack([np.repeat(np.isnan(X[:, [j]]), design[:, p].shape[1], axis=1) for j, p in enumerate(places)])
        mean, covariance, _ = normal_em(np.where(holes, np.nan, design), ddof=1, tol=1e-5)
        models, start = [], np.empty(len(kinds))
        for j, place in enumerate(places):
            seen = ~np.isnan(X[:, j])
            others = np.delete(design, np.arange(place.start, place.stop), axis=1)
            model = column_model(others[seen], X[seen, j], int(kinds[j]), int(levels[j]))
            models.append(model._replace(factor=np.empty(0)))  # a square for each column, which no draw uses
            start[j] = X[seen, j].mean() if kinds[j] == 0 else np.bincount(X[seen, j].astype(int)).argmax()
        shape = (draws, CYCLES, len(kinds))
        return cls(
            encoding,
            mean,
            covariance,
            *_one_block(models, places),
            start,
            np.nanmin(X, axis=0),
            np.nanmax(X, axis=0),
            rng.standard_normal(shape),
            rng.random((*shape, max(int(levels.max(initial=0)), 1))),
        )

    @cached_property
    def places(self) -> list[slice]:
        """Position of each column among the expanded columns."""
        widths = np.where(self.encoding.kinds == 2, np.maximum(self.encoding.levels - 1, 0), 1)
        ends = np.cumsum(widths).tolist()
        return [slice(end - width, end) for end, width in zip(ends, widths.tolist())]

    @classmethod
    def _of_earlier(cls, fields: Mapping[str, Any]) -> dict[str, Any]:
        """Return the fields of a file; files of earlier versions have a model of each column in place of one block."""
        if "models" not in fields:
            return dict(fields)
        kept = {name: value for name, value in fields.items() if name not in ("models", "places")}
        models, places, wide = fields["models"], fields["places"], fields["mean"].size
        if len(models) != len(places) or [p.start for p in places] != [0, *(p.stop for p in places)][:-1]:
            raise ValueError("the columns of an imputation do not follow each other")
        if not places or places[-1].stop != wide or fields["covariance"].shape != (wide, wide):
            raise ValueError("the columns of an imputation are not those of its means")
        for model, place in zip(models, places):
            width = place.stop - place.start
            rows = width if model.kind == 2 else 1
            others = wide - width
            if (width < 1 and model.kind != 2) or model.coef.shape != (rows, 1 + others):
                raise ValueError("the regressions of an imputation do not fit its columns")
            if not model.centre.shape == model.scale.shape == (others,):
                raise ValueError("the regressions of an imputation do not fit its columns")
        shifts, slopes, sigma = _one_block(models, places)
        return {**kept, "shifts": shifts, "slopes": slopes, "sigma": sigma}

    def conditional_mean(self, X: np.ndarray, known: Conditionals | None = None) -> np.ndarray:
        """Return rows with missing values replaced by the conditional mean or the most probable category."""
        done = X.copy()
        missing = np.isnan(X)
        patterns, which = missing_patterns(missing)
        for k, pattern in enumerate(patterns):
            if not pattern.any():
                continue
            rows = np.flatnonzero(which == k)
            filled, _ = self._normal(X[rows], pattern, known, keep=known is not None)
            for j in np.flatnonzero(pattern):
                part = filled[:, self.places[j]]
                if self.encoding.kinds[j] == 0:
                    done[rows, j] = part[:, 0]
                elif self.encoding.kinds[j] == 1:
                    done[rows, j] = part[:, 0] >= 0.5
                else:
                    first = 1 - part.sum(axis=1, keepdims=True)
                    done[rows, j] = np.hstack([first, part]).argmax(axis=1)
        return done

    def _normal(
        self, X: np.ndarray, pattern: np.ndarray, known: Conditionals | None = None, *, keep: bool = False
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return expanded rows with conditional means, and the conditional covariance of the missing columns.

        ``known`` gets what it lacked only if told to keep it: tables can have a pattern per row.
        """
        design, _ = expand_columns(np.where(np.isnan(X), 0.0, X), self.encoding.kinds, self.encoding.levels)
        absent = np.zeros(design.shape[1], dtype=bool)
        for j in np.flatnonzero(pattern):
            absent[self.places[j]] = True
        key = absent.tobytes()
        if known is not None and key in known:
            slope, residual = known[key]
        else:
            slope, residual = normal_conditional(self.covariance, absent)
            if known is not None and keep:
                known[key] = (slope, residual)
        design[:, absent] = self.mean[absent] + (design[:, ~absent] - self.mean[~absent]) @ slope.T
        return design, residual

    def probes(self, centre: np.ndarray, n: int, frame: pd.DataFrame, columns: np.ndarray) -> Probes:
        """Return the rows from which slopes in ``columns`` (continuous) are measured.

        They are the first and the last of n rows, whose conditional means are ``centre``, moved by one standard
        deviation in both directions, per column and jointly.
        """
        base = np.unique([0, n - 1])
        source = frame.iloc[base].copy()
        names = [self.encoding.columns[j] for j in columns]
        source[names] = np.nan  # so that all of them are filled from the changed values
        size = np.array([np.sqrt(self.covariance[self.places[j].start, self.places[j].start]) for j in columns])
        size = np.where(size > 0, size, 1.0)
        moves = np.vstack([np.zeros(columns.size), np.diag(size), -np.diag(size), size])
        table = np.repeat(centre, len(moves), axis=0)
        table[:, columns] += np.tile(moves, (base.size, 1))
        at = np.repeat(np.arange(base.size), len(moves))
        return Probes(self.encoding.decode(table, source, at, pd.RangeIndex(at.size)), base[at], size)

    @staticmethod
    def slope(probes: Probes, score: Score) -> np.ndarray | None:
        """Return the slope of a score in the columns of the probes, or None unless it is linear in them."""
        k = probes.size.size
        eta = score(probes.table, probes.row).reshape(-1, 2 * k + 2)
        up, down, together = eta[:, 1 : 1 + k] - eta[:, [0]], eta[:, [0]] - eta[:, 1 + k : -1], eta[:, -1] - eta[:, 0]
        tolerance = 1e-7 * (1 + np.abs(eta).max())
        gaps = (np.abs(up - down).max(), np.abs(together - up.sum(axis=1)).max(), np.abs(up - up[0]).max())
        return None if max(gaps) > tolerance else up[0] / probes.size

    def conditional(
        self, X: np.ndarray, pattern: np.ndarray, known: Conditionals | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return means (n, n_missing) and covariance of the missing continuous columns, for rows of one pattern."""
        design, residual = self._normal(X, pattern, known)
        return design[:, [self.places[j].start for j in np.flatnonzero(pattern)]], residual

    @staticmethod
    def nodes(centre: np.ndarray, residual: np.ndarray, slope: np.ndarray, z: np.ndarray) -> np.ndarray:
        """Return ``(n, len(z), n_missing)`` values along the linear predictor, for rows of one pattern.

        ``centre`` and ``residual`` are what `conditional` returns, ``slope`` the slopes of the missing columns. With
        x_M = x̂_M + z Σβ/s and s² = β'Σβ the linear predictor is η̄ + s z, so that an expectation over all missing
        values reduces to that over a single normal variable.
        """
        spread = float(np.sqrt(max(slope @ residual @ slope, 0.0)))
        step = residual @ slope / spread if spread > 0 else np.zeros(slope.size)
        return centre[:, None, :] + z[None, :, None] * step

    def draws(self, X: np.ndarray) -> np.ndarray:
        """Return ``(n, n_draws, n_columns)`` chained draws of rows with missing values."""
        kinds, levels = self.encoding.kinds, self.encoding.levels
        missing = np.isnan(X)
        begun = np.where(missing, self.start, X)
        design, _ = expand_columns(begun, kinds, levels)
        done = np.repeat(begun[:, None, :], self.normals.shape[0], axis=1)
        chained_draws(
            design,
            missing,
            kinds.astype(np.int64),
            np.array([0, *(place.stop for place in self.places)]),
            np.cumsum([0, *(place.stop - place.start if kind == 2 else 1 for place, kind in zip(self.places, kinds))]),
            self.shifts,
            self.slopes,
            self.sigma,
            self.low,
            self.high,
            self.normals,
            self.uniforms,
            done,
        )
        return done


def _one_block(models: Sequence[ColumnModel], places: Sequence[slice]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return intercepts, slopes and residual standard deviations of the columns' regressions on unscaled columns."""
    shifts, slopes = [], []
    wide = places[-1].stop
    for place, model in zip(places, models):
        slope = np.zeros((model.coef.shape[0], wide))
        keep = np.ones(wide, dtype=bool)
        keep[place] = False
        slope[:, keep] = model.coef[:, 1:] / model.scale
        slopes.append(slope)
        shifts.append(model.coef[:, 0] - slope[:, keep] @ model.centre)
    return np.concatenate(shifts), np.vstack(slopes), np.array([model.sigma for model in models])
