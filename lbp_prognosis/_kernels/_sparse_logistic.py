"""Ridge logistic regression on sparse columns: Newton steps by conjugate gradients, no matrix of columns by columns."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lbp_prognosis._kernels._sparse_columns import SparseColumns

__all__ = ["SparseLogisticFit", "sparse_logistic_fit"]

_INNER = 1000
_LEFT = 1e-13  # largest slope, over the sum of weights, at the maximum


@dataclass(frozen=True)
class SparseLogisticFit:
    """Maximum of the penalised likelihood.

    Attributes
    ----------
    intercept : float
        Log odds at the means of the columns.
    coef : ndarray of shape (p,)
        Coefficients of the scaled columns.
    loglik : float
        Log-likelihood without the penalty.
    iterations : int
        Newton steps.
    converged : bool
        Whether the slopes vanish.
    """

    intercept: float
    coef: np.ndarray
    loglik: float
    iterations: int
    converged: bool


class _Likelihood:
    def __init__(
        self, columns: SparseColumns, state: np.ndarray, weights: np.ndarray, offset: np.ndarray, penalty: np.ndarray
    ) -> None:
        self.columns, self.state, self.weights, self.offset = columns, state, weights, offset
        self.penalty = np.concatenate([[0.0], penalty])
        self.every = np.arange(penalty.size)
        self.level = columns.mean / columns.scale

    def times(self, theta: np.ndarray) -> np.ndarray:
        """Return ``[1 X] θ`` of centred and scaled columns."""
        out = np.full(self.state.size, float(theta[0] - self.level @ theta[1:]))
        self.columns.add(self.every, theta[1:], out)
        return out

    def transposed(self, row: np.ndarray) -> np.ndarray:
        """Return ``[1 X]ᵀ r``."""
        return np.concatenate([[float(row.sum())], self.columns.slopes(row, self.every)])

    def loglik(self, eta: np.ndarray) -> float:
        return float(self.weights @ (self.state * eta - np.logaddexp(0.0, eta)))

    def objective(self, theta: np.ndarray, eta: np.ndarray) -> float:
        return self.loglik(eta) - 0.5 * float(self.penalty @ theta**2)


def _newton_step(likelihood: _Likelihood, curvature: np.ndarray, slope: np.ndarray, left: float) -> np.ndarray:
    """Solve ``(XᵀDX + penalty) step = slope`` by conjugate gradients with a diagonal preconditioner."""
    c = likelihood.columns
    m = c.matrix
    squares = np.asarray(curvature @ m.power(2)) - 2 * c.mean * np.asarray(curvature @ m)
    diagonal = np.concatenate([[curvature.sum()], (squares + c.mean**2 * curvature.sum()) / c.scale**2])
    diagonal = diagonal + likelihood.penalty
    diagonal[diagonal <= 0] = 1.0
    step, rest = np.zeros(slope.size), slope.copy()
    scaled = rest / diagonal
    towards, size = scaled.copy(), float(rest @ scaled)
    for _ in range(_INNER):
        if float(np.abs(rest).max()) <= left:
            break
        product = likelihood.transposed(curvature * likelihood.times(towards)) + likelihood.penalty * towards
        length = size / float(towards @ product)
        step += length * towards
        rest -= length * product
        scaled = rest / diagonal
        size, last = float(rest @ scaled), size
        towards = scaled + size / last * towards
    return step


def sparse_logistic_fit(
    columns: SparseColumns,
    state: np.ndarray,
    *,
    penalty: np.ndarray,
    weights: np.ndarray | None = None,
    offset: np.ndarray | None = None,
    start: np.ndarray | None = None,
    max_iter: int = 100,
) -> SparseLogisticFit:
    """Maximise ``Σ w (y η − log(1 + e^η)) − ½ Σ_j penalty_j θ_j²`` over an intercept and scaled columns.

    Parameters
    ----------
    columns : SparseColumns
        Columns.
    state : ndarray of shape (n,)
        0 or 1.
    penalty : ndarray of shape (p,)
        Ridge penalty of each scaled column.
    weights, offset : ndarray of shape (n,), optional
        Row weights and fixed parts of the linear predictor.
    start : ndarray of shape (p + 1,), optional
        Intercept and coefficients to start from.
    max_iter : int, default 100
        Newton steps.
    """
    n, p = columns.shape
    w = np.ones(n) if weights is None else np.asarray(weights, dtype=float)
    shift = np.zeros(n) if offset is None else offset
    likelihood = _Likelihood(columns, state.astype(float), w, shift, penalty)
    theta = np.zeros(p + 1) if start is None else start.copy()
    eta = likelihood.times(theta) + shift
    value, total, done, steps = likelihood.objective(theta, eta), float(w.sum()), False, 0
    # a column far from 0 is not centred in memory: its slope is rounded in units of its mean
    far = float(np.abs(likelihood.level[columns.usable]).max(initial=0.0))
    least = max(_LEFT, float(np.finfo(float).eps) * far) * total
    while steps < max_iter:
        risk = 0.5 * (1 + np.tanh(0.5 * eta))
        slope = likelihood.transposed(w * (likelihood.state - risk)) - likelihood.penalty * theta
        slope[1:][~columns.usable] = 0.0
        size = float(np.abs(slope).max())
        if size <= least:
            done = True
            break
        near = max(size * min(0.1, size / total), 0.5 * least)
        step = _newton_step(likelihood, w * risk * (1 - risk), slope, near)
        improved = False
        for _ in range(30):
            trial = theta + step
            eta_new = likelihood.times(trial) + shift
            new = likelihood.objective(trial, eta_new)
            if new >= value - 1e-13 * (1 + abs(value)):
                improved = True
                break
            step = step / 2
        if not improved or not np.isfinite(new):
            break
        theta, eta, value, steps = trial, eta_new, new, steps + 1
    return SparseLogisticFit(float(theta[0]), theta[1:], likelihood.loglik(eta), steps, done)
