"""Regression of a mean on a few columns: logistic, Poisson, and pseudo-values with a complementary log-log link."""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from typing import NamedTuple

import numpy as np
from scipy.special import expit

from lbp_prognosis._kernels._row_parts import PART, row_parts

__all__ = ["MeanFit", "cloglog_pseudo_fit", "logistic_fit", "poisson_fit"]

_LEVEL = 1e-10  # a mean that moves less with its linear predictor does not move
_FINE = 1e-13  # relative move of scoring after which estimates and standard errors stand to 12 digits
_LONG = 1 << 16  # rows from which a fit starts from that of a part of them
_EVERY = 16
_NEAR = 0.05  # of the linear predictor: smaller steps of scoring are replaced by those of the full derivative
_FEW = 4  # columns whose products are worked out one by one


class _State(NamedTuple):
    """State at a linear predictor: the criterion, and by row dμ/dη, the inverse working variance and y − μ.

    ``None`` stands for ones. ``bend`` is −d²μ/dη², where scoring leaves it out of the information.
    """

    value: float
    slope: np.ndarray | None
    weight: np.ndarray | None
    residual: np.ndarray
    bend: np.ndarray | None = None


class MeanFit(NamedTuple):
    """Solution of Σ w D (y − μ) = 0.

    ``covariance`` (p, p) is the inverse information (of a likelihood: its variance); ``influence`` (n, p) holds the
    derivative of the coefficients by the weight of each row, or nothing (0, p) if not asked for; ``squares`` (p, p) are
    the sums of its squares and products, the sandwich variance.
    """

    coef: np.ndarray
    covariance: np.ndarray
    influence: np.ndarray
    loglik: float
    converged: bool
    iterations: int
    squares: np.ndarray


def logistic_fit(
    X: np.ndarray,
    y: np.ndarray,
    *,
    offset: np.ndarray | None = None,
    weights: np.ndarray | None = None,
    start: np.ndarray | None = None,
    max_iter: int = 50,
    tol: float = 1e-11,
) -> MeanFit:
    """Maximise a logistic likelihood by Newton's method with step halving.

    Parameters
    ----------
    X : ndarray of shape (n, p)
        Columns, the intercept included if wanted.
    y : ndarray of shape (n,)
        0 or 1.
    offset, weights : ndarray of shape (n,), optional
        Fixed part of the linear predictor; row weights.
    start : ndarray of shape (p,), optional
        First coefficients, zeros by default.
    max_iter, tol
        Newton steps; converged when no linear predictor moves by more than ``tol`` (relative to its size). Separated
        data never do.
    """

    def state(rows: slice, eta: np.ndarray, w: np.ndarray) -> _State:
        mu, seen = expit(eta), y[rows]
        return _State(float(w @ (seen * eta - np.logaddexp(0, eta))), None, mu * (1 - mu), seen - mu)

    return _newton(X, state, offset, weights, start, max_iter, tol)


def cloglog_pseudo_fit(
    X: np.ndarray,
    y: np.ndarray,
    *,
    offset: np.ndarray | None = None,
    weights: np.ndarray | None = None,
    start: np.ndarray | None = None,
    max_iter: int = 100,
    tol: float = 1e-11,
    rowwise: bool = True,
) -> MeanFit:
    """Regress pseudo-values on columns: mean 1 − exp(−exp(η)), constant working variance, Fisher scoring.

    Arguments as for `logistic_fit`; ``y`` may lie outside [0, 1]; ``loglik`` is minus half the residual sum of squares.
    ``rowwise`` keeps the influence of each row and not only the sums of squares.
    """

    def state(rows: slice, eta: np.ndarray, w: np.ndarray) -> _State:
        hazard = np.exp(np.minimum(eta, 50.0, out=eta), out=eta)
        survival = np.exp(-hazard)
        residual = y[rows] - 1 + survival
        value, slope = -0.5 * float(w @ residual**2), hazard * survival
        hazard -= 1
        return _State(value, slope, None, residual, np.multiply(hazard, slope, out=hazard))

    # beyond these bounds the mean is 0 or 1 to the last digit, and has no slope to climb
    held = None if offset is None else np.clip(offset, -30, 3.5)
    if y.size >= _LONG:  # close to where every sixteenth row ends, each step leaves the square of what is missing
        some = slice(None, None, _EVERY)
        part_held, part_weights = (None if values is None else values[some] for values in (held, weights))

        def sampled(rows: slice, eta: np.ndarray, w: np.ndarray) -> _State:
            return state(slice(rows.start * _EVERY, min(rows.stop * _EVERY, y.size), _EVERY), eta, w)

        near = _newton(X[some], sampled, part_held, part_weights, start, max_iter, 1e-4, rowwise=False)
        # few or no patients with the event among those rows may send it far away, where means no longer move
        half = (-(-y.size // _EVERY) if part_weights is None else int((part_weights > 0).sum())) // 2
        if near.converged and _moves(_Table(X[some], part_held, part_weights), sampled, near.coef, half):
            fit = _newton(X, state, held, weights, near.coef, max_iter, tol, min(tol, _FINE), rowwise)
            if fit.converged and _moves(_Table(X, held, weights), state, fit.coef, X.shape[1]):
                return fit
    fit = _newton(X, state, held, weights, start, max_iter, tol, min(tol, _FINE), rowwise)
    # separated: with every mean at 0 or 1 the sum of squares is level, and any larger coefficient does as well
    determined = fit.converged and _moves(_Table(X, held, weights), state, fit.coef, X.shape[1])
    return fit._replace(converged=determined)


def _moves(table: _Table, at: Callable[[slice, np.ndarray, np.ndarray], _State], beta: np.ndarray, enough: int) -> bool:
    """Say whether the means of ``enough`` rows with weight move with their linear predictor."""
    found = 0
    for rows in row_parts(table.X.shape[0]):
        own = table.weight(rows)
        found += int(((at(rows, table.line(rows, beta), own).slope > _LEVEL) & (own > 0)).sum())  # type: ignore[operator]
        if found >= enough:
            return True
    return False


def poisson_fit(
    X: np.ndarray,
    y: np.ndarray,
    *,
    offset: np.ndarray | None = None,
    weights: np.ndarray | None = None,
    start: np.ndarray | None = None,
    max_iter: int = 50,
    tol: float = 1e-11,
) -> MeanFit:
    """Maximise a Poisson likelihood with log link by Newton's method; arguments as for `logistic_fit`."""

    def state(rows: slice, eta: np.ndarray, w: np.ndarray) -> _State:
        mu, seen = np.exp(np.minimum(eta, 700.0)), y[rows]
        return _State(float(w @ (seen * eta - mu)), None, mu, seen - mu)

    return _newton(X, state, offset, weights, start, max_iter, tol)


def _newton(
    X: np.ndarray,
    at: Callable[[slice, np.ndarray, np.ndarray], _State],
    offset: np.ndarray | None,
    weights: np.ndarray | None,
    start: np.ndarray | None,
    max_iter: int,
    tol: float,
    fine: float = np.inf,
    rowwise: bool = True,
) -> MeanFit:
    """Raise the criterion by Newton (Fisher) steps, halved while they lower it.

    Once converged to ``tol`` steps go on to ``fine``, as long as they get smaller: one of scoring leaves a share of
    what was missing before it, not the square.
    """
    table = _Table(X, offset, weights)
    beta = np.zeros(X.shape[1]) if start is None else np.asarray(start, dtype=float)
    now, converged, iterations = _sums(table, at, beta), False, 0
    inverse, previous = np.full((beta.size, beta.size), np.nan), np.inf
    while iterations < max_iter:
        iterations += 1
        try:
            inverse = np.linalg.inv(now.information)
        except np.linalg.LinAlgError:
            break
        step = inverse @ now.gradient
        largest = table.largest_move(step)
        if now.observed is not None and tol * (1 + now.largest) < largest < _NEAR:
            full = _definite_solution(now.observed, now.gradient)
            if full is not None:
                step, largest = full, table.largest_move(full)
        if not np.isfinite(largest) or (converged and largest >= previous):
            break
        size = 1 + now.largest
        if converged or largest <= tol * size:
            beta, converged, previous = beta + step, True, largest
            if largest <= fine * size:
                break
            now = _sums(table, at, beta)
            continue
        for _ in range(40):
            trial = beta + step
            new = _sums(table, at, trial)
            if new.value >= now.value - 1e-12 * (1 + abs(now.value)):
                break
            step = step / 2
        else:
            trial = beta + step
        beta, now = trial, new
    influence, value, squares = np.empty((X.shape[0] if rowwise else 0, beta.size)), 0.0, np.zeros((beta.size,) * 2)
    for rows in row_parts(X.shape[0]):
        last = at(rows, table.line(rows, beta), table.weight(rows))
        value += last.value
        part = table.times(rows, inverse, _product(last.slope, last.residual))
        squares += part.T @ part
        if rowwise:
            influence[rows] = part
    return MeanFit(beta, inverse, influence, value, converged, iterations, squares)


def _largest(values: np.ndarray) -> float:
    """Return max |v|, NaN if one is, without a table of absolute values."""
    return float(np.maximum(values.max(), -values.min())) if values.size else 0.0


def _ends_of_one(columns: np.ndarray) -> np.ndarray | None:
    """Return the columns (p, 2) where the one that varies is smallest and largest; None if several do."""
    ends = np.stack([columns.min(axis=1), columns.max(axis=1)], axis=1)
    return ends if (ends[:, 0] != ends[:, 1]).sum() <= 1 else None


class _Table:
    """Columns, and their rows' offsets and weights; few columns of many rows also lie one after the other."""

    def __init__(self, X: np.ndarray, offset: np.ndarray | None, weights: np.ndarray | None) -> None:
        self.X, self.offset, self.weights = X, offset, weights
        self.columns = np.ascontiguousarray(X.T) if X.shape[0] > PART and X.shape[1] <= _FEW else None
        self._ends = None if self.columns is None else _ends_of_one(self.columns)
        self._ones = np.ones(min(X.shape[0], PART))

    def weight(self, rows: slice) -> np.ndarray:
        """Return the weights of some rows; ones if there are none."""
        return self._ones[: rows.stop - rows.start] if self.weights is None else self.weights[rows]

    def move(self, rows: slice, beta: np.ndarray) -> np.ndarray:
        """Return Xβ of some rows."""
        return self.X[rows] @ beta if self.columns is None else beta @ self.columns[:, rows]

    def line(self, rows: slice, beta: np.ndarray) -> np.ndarray:
        """Return the linear predictor of some rows."""
        moved = self.move(rows, beta)
        return moved if self.offset is None else np.add(self.offset[rows], moved, out=moved)

    def largest_move(self, step: np.ndarray) -> float:
        """Return the largest |Xβ| of all rows."""
        if self._ends is not None:
            return _largest(step @ self._ends)
        return float(np.max([_largest(self.move(rows, step)) for rows in row_parts(self.X.shape[0])]))

    def times(self, rows: slice, inverse: np.ndarray, factor: np.ndarray) -> np.ndarray:
        """Return the rows, multiplied by a matrix and by their own factor."""
        if self.columns is None:
            return (self.X[rows] @ inverse) * factor[:, None]
        return (inverse.T @ (self.columns[:, rows] * factor)).T

    def information(self, rows: slice, weight: np.ndarray) -> np.ndarray:
        """Return X'WX of some rows."""
        if self.columns is None:
            columns = self.X[rows]
            return (columns * weight[:, None]).T @ columns
        columns = self.columns[:, rows]
        out = np.empty((columns.shape[0],) * 2)
        for j, column in enumerate(columns):
            weighted = weight * column
            for k in range(j + 1):
                out[j, k] = out[k, j] = weighted @ columns[k]
        return out

    def gradient(self, rows: slice, slope: np.ndarray) -> np.ndarray:
        """Return X'v of some rows."""
        return slope @ self.X[rows] if self.columns is None else self.columns[:, rows] @ slope


class _Sums(NamedTuple):
    """Criterion, information X'WX, gradient and largest linear predictor (of either sign) at coefficients.

    ``observed`` is the information with the bend of the mean, None for criteria that have none or for short tables.
    """

    value: float
    information: np.ndarray
    gradient: np.ndarray
    largest: float
    observed: np.ndarray | None


def _sums(table: _Table, at: Callable[[slice, np.ndarray, np.ndarray], _State], beta: np.ndarray) -> _Sums:
    p = beta.size
    value, information, gradient, largest, bent = 0.0, np.zeros((p, p)), np.zeros(p), 0.0, np.zeros((p, p))
    full = False
    for rows in row_parts(table.X.shape[0]):
        eta, own = table.line(rows, beta), None if table.weights is None else table.weights[rows]
        largest = float(np.maximum(largest, _largest(eta)))
        part = at(rows, eta, table.weight(rows))
        value += part.value
        weight = _product(own, part.weight, part.slope, part.slope)
        information += table.information(rows, weight)
        slope = _product(own, part.slope, part.residual)
        gradient += table.gradient(rows, slope)
        if part.bend is not None and table.X.shape[0] >= _LONG:
            bent += table.information(rows, _product(own, part.bend, part.residual))
            full = True
    return _Sums(value, information, gradient, largest, information + bent if full else None)


def _definite_solution(matrix: np.ndarray, values: np.ndarray) -> np.ndarray | None:
    """Solve for a symmetric matrix; None if it is not positive definite."""
    try:
        np.linalg.cholesky(matrix)
        return np.linalg.solve(matrix, values)
    except np.linalg.LinAlgError:
        return None


def _product(*factors: np.ndarray | None) -> np.ndarray:
    given = [factor for factor in factors if factor is not None]
    return reduce(np.multiply, given)
