"""Elastic-net path of a Cox model: coordinate descent on quadratics whose curvature is kept as long as it serves.

At each penalty the log-likelihood is replaced by a quadratic with the exact gradient and the exact information of an
earlier point of the path (on the columns that matter so far). The information changes slowly along the path, so a few
gradients a penalty are enough; where progress is slow it is computed afresh. Columns are discarded by the sequential
strong rule and the discarded ones are checked at every solution, so the answer is that of the full problem.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numba as nb
import numpy as np
from scipy.linalg import lapack

from lbp_prognosis._kernels._blas import one_thread
from lbp_prognosis._kernels._cox_data import CoxData
from lbp_prognosis._kernels._cox_sums import (
    GroupSums,
    TiedEvents,
    _accumulate,
    _before,
    group_sums,
    lived_hazard,
    tied_events,
)

__all__ = ["CoxPath", "cox_path"]

_SATURATED = 5 / 6


@dataclass(frozen=True)
class CoxPath:
    """Solutions along the path.

    Attributes
    ----------
    lambdas : ndarray of shape (k,)
        Penalties, decreasing.
    coef : ndarray of shape (k, p)
        Coefficients on the scale of the columns given.
    loglik : ndarray of shape (k,)
        Log partial likelihood, without penalty.
    loglik_null : float
        At zero coefficients.
    converged : ndarray of bool of shape (k,)
        Whether the optimality conditions hold within tolerance.
    evaluations : int
        Gradients computed.
    """

    lambdas: np.ndarray
    coef: np.ndarray
    loglik: np.ndarray
    loglik_null: float
    converged: np.ndarray
    evaluations: int


@nb.njit(cache=True, nogil=True, fastmath={"reassoc", "contract"})
def _dots(X, columns, residual, out):  # pragma: no cover - compiled
    n = residual.size
    for a in range(columns.size):
        column = X[:, columns[a]]
        total = 0.0
        for i in range(n):
            total += column[i] * residual[i]
        out[a] = total


@nb.njit(cache=True, nogil=True)
def _add_columns(X, columns, amount, eta):  # pragma: no cover - compiled
    for a in range(columns.size):
        d = amount[a]
        if d != 0.0:
            column = X[:, columns[a]]
            for i in range(eta.size):
                eta[i] += d * column[i]


@nb.njit(cache=True, nogil=True)
def _sweeps(H, b, slope, l1, l2, tol, most):  # pragma: no cover - compiled
    """Cyclic coordinate descent in place: all columns, then the active ones until they rest, then all again."""
    p = b.size
    everything = True
    for _ in range(most):
        largest = 0.0
        for j in range(p):
            if not everything and b[j] == 0.0:
                continue
            h = H[j, j]
            if h <= 0.0:
                continue
            z = slope[j] + h * b[j]
            if z > l1[j]:
                new = (z - l1[j]) / (h + l2[j])
            elif z < -l1[j]:
                new = (z + l1[j]) / (h + l2[j])
            else:
                new = 0.0
            d = new - b[j]
            if d != 0.0:
                b[j] = new
                row = H[j]
                for k in range(p):
                    slope[k] -= d * row[k]
                largest = max(largest, abs(d) * (h + l2[j]))
        if largest <= tol:
            if everything:
                return True
            everything = True
        else:
            everything = False
    return False


def _violation(b: np.ndarray, slope: np.ndarray, l1: np.ndarray, l2: np.ndarray) -> np.ndarray:
    """Distance of each column from its optimality condition."""
    g = slope - l2 * b
    return np.where(b != 0, np.abs(g - np.sign(b) * l1), np.maximum(np.abs(g) - l1, 0.0))


def _solve_quadratic(
    curvature: _Curvature, gradient: np.ndarray, start: np.ndarray, l1: np.ndarray, l2: np.ndarray, tol: float
) -> np.ndarray:
    """Minimise ``−gᵀd + ½ dᵀHd + Σ l1|b| + ½ l2 b²`` over ``b = start + d``.

    A few sweeps find the active columns and their signs; given these the minimum is a linear system, which ends the
    slow crawl of coordinate descent between correlated columns.
    """
    H, b, slope = curvature.matrix, start.copy(), gradient.copy()
    for _ in range(100):
        _sweeps(H, b, slope, l1, l2, tol, 12)
        active = np.flatnonzero(b)
        if active.size:
            rest = slope[active] - l2[active] * b[active] - l1[active] * np.sign(b[active])
            factor = curvature.factor(active, l2[active])
            if factor is None:
                if _sweeps(H, b, slope, l1, l2, 0.1 * tol, 20000):
                    return b
                continue
            move = lapack.dpotrs(factor, rest, lower=1)[0]
            crossing = b[active] * (b[active] + move) <= 0
            share = 1.0
            if crossing.any():
                share = float(np.min(-b[active][crossing] / move[crossing]))
            move *= share
            slope -= move @ H[active]
            b[active] += move
            if crossing.any():
                # the first to reach zero stops there; the sweeps decide whether it comes back
                gone = active[crossing][np.argmin(np.abs(b[active][crossing]))]
                slope += b[gone] * H[gone]
                b[gone] = 0.0
                continue
        if _violation(b, slope, l1, l2).max(initial=0.0) <= tol:
            return b
    return b


class _Curvature:
    """Information at a reference point on a growing set of columns."""

    def __init__(self, X: np.ndarray, data: CoxData, tied: TiedEvents, efron: bool, total: float) -> None:
        self.X, self.data, self.tied, self.efron, self.total = X, data, tied, efron, total
        self.columns = np.empty(0, dtype=np.int64)
        self.matrix = np.empty((0, 0))
        self.room = 0
        self.scaled = self.s1 = self.d1 = np.empty((0, 0))

    def refresh(self, eta: np.ndarray, columns: np.ndarray) -> None:
        """Move the reference to ``eta`` and start again with ``columns``."""
        sums = group_sums(self.data, self.tied, eta, self.efron)
        factor = lived_hazard(self.data, sums)
        np.multiply(factor, sums.risk, out=factor, where=factor > 0)
        factor = np.sqrt(np.maximum(factor, 0.0))
        self.sums, self.root = sums, factor
        self.columns = np.empty(0, dtype=np.int64)
        self.matrix = np.empty((0, 0))
        self.factor_of: tuple[np.ndarray, np.ndarray, np.ndarray] | None = None
        self.extend(columns)

    def _reserve(self, size: int) -> None:
        """Make room for ``size`` columns; buffers double, so that appending stays linear."""
        if size <= self.room:
            return
        old, self.room = self.columns.size, min(max(2 * size, 32), self.X.shape[1])
        kept = () if old == 0 else (self.scaled[:, :old], self.s1[:, :old], self.d1[:, :old])
        n, m = self.X.shape[0], self.data.times.size
        self.scaled = np.empty((n, self.room), order="F")
        self.s1 = np.empty((m, self.room), order="F")
        self.d1 = np.empty((m, self.room), order="F")
        for buffer, part in zip((self.scaled, self.s1, self.d1), kept):
            buffer[:, :old] = part

    def extend(self, new: np.ndarray) -> None:
        """Add columns at the same reference."""
        if new.size == 0:
            return
        old, size = self.columns.size, self.columns.size + new.size
        self._reserve(size)
        rows = np.ascontiguousarray(self.X[:, new])
        s1, d1 = _column_sums(self.data, self.tied, self.sums, rows, self.efron)
        self.scaled[:, old:size], self.s1[:, old:size], self.d1[:, old:size] = rows * self.root[:, None], s1, d1
        block = self.scaled[:, :size].T @ self.scaled[:, old:size]
        block -= self._groups(self.s1[:, :size], self.d1[:, :size], s1, d1)
        matrix = np.empty((size, size))
        matrix[:old, :old] = self.matrix
        matrix[:, old:] = block / self.total
        matrix[old:, :old] = matrix[:old, old:].T
        self.matrix = matrix
        self.columns = np.concatenate([self.columns, new])
        self.factor_of = None

    def _groups(self, s1: np.ndarray, d1: np.ndarray, new_s1: np.ndarray, new_d1: np.ndarray) -> np.ndarray:
        c0, c1, c2 = self.sums.c0[:, None], self.sums.c1[:, None], self.sums.c2[:, None]
        if not (self.efron and self.tied.ties):
            return s1.T @ (c0 * new_s1)
        return s1.T @ (c0 * new_s1 - c1 * new_d1) - d1.T @ (c1 * new_s1 - c2 * new_d1)

    def factor(self, active: np.ndarray, ridge: np.ndarray) -> np.ndarray | None:
        """Cholesky factor of the information of the active columns plus a diagonal, None if it is singular."""
        if self.factor_of is not None:
            known, added, factor = self.factor_of
            if np.array_equal(known, active) and np.array_equal(added, ridge):
                return factor
        matrix = self.matrix[np.ix_(active, active)]
        matrix[np.diag_indices(active.size)] += ridge
        factor, failed = lapack.dpotrf(matrix, lower=1, clean=0, overwrite_a=1)
        self.factor_of = None if failed else (active, ridge, factor)
        return None if failed else factor


def _column_sums(
    data: CoxData, tied: TiedEvents, sums: GroupSums, rows: np.ndarray, efron: bool
) -> tuple[np.ndarray, np.ndarray]:
    m, p = data.times.size, rows.shape[1]
    s1, d1 = np.zeros((m, p)), np.zeros((m, p))
    _accumulate(
        rows, sums.risk, data.event, data.last, _before(data), data.ends, efron and tied.ties, np.zeros(m), s1,
        np.zeros(m), d1,
    )  # fmt: skip
    return s1, d1


class _Solver:
    """State of the walk down the path."""

    def __init__(
        self, data: CoxData, weights: np.ndarray, offset: np.ndarray | None, alpha: float, factors: np.ndarray,
        efron: bool, tol: float, max_iter: int,
    ) -> None:  # fmt: skip
        self.X = np.asfortranarray(data.X)
        n, p = self.X.shape
        self.data = replace(data, X=np.empty((n, 0)))
        self.tied = tied_events(self.data, weights, False)
        self.efron, self.alpha, self.factors, self.tol, self.max_iter = efron, alpha, factors, tol, max_iter
        self.weights, self.total = weights, float(weights.sum())
        self.usable = np.einsum("ij,ij->j", data.X, data.X) > 0
        self.beta = np.zeros(p)
        self.eta = np.zeros(n) if offset is None else offset.astype(float).copy()
        self.evaluations = 0
        self.curvature = _Curvature(self.X, self.data, self.tied, efron, self.total)
        self.loglik, self.residual = self._at(self.eta)
        self.loglik_null = self.loglik
        self.gradient = self._slopes(np.arange(p))
        self.scale = max(float(np.abs(self.gradient).max(initial=0.0)), 1e-300)

    def _at(self, eta: np.ndarray) -> tuple[float, np.ndarray]:
        """Log-likelihood and martingale residuals (weighted) at linear predictors."""
        self.evaluations += 1
        sums = group_sums(self.data, self.tied, eta, self.efron)
        residual = lived_hazard(self.data, sums)
        np.multiply(residual, sums.risk, out=residual, where=residual > 0)  # 0 · inf of a row that lived no hazard is 0
        np.negative(residual, out=residual)
        event = self.data.event
        residual[event] += self.weights[event]
        loglik = sums.loglik + float(np.dot(eta[event] - sums.shift, self.weights[event]))
        return loglik, residual

    def _slopes(self, columns: np.ndarray) -> np.ndarray:
        out = np.empty(columns.size)
        _dots(self.X, columns, self.residual, out)
        out /= self.total
        out[~self.usable[columns]] = 0.0
        return out

    def _penalty(self, beta: np.ndarray, l1: np.ndarray, l2: np.ndarray) -> float:
        return float(l1 @ np.abs(beta) + 0.5 * (l2 @ beta**2))

    def solve(self, lam: float, previous: float) -> bool:
        """Go to the solution at ``lam``; return whether the optimality conditions hold."""
        l1, l2 = lam * self.alpha * self.factors, lam * (1 - self.alpha) * self.factors
        slopes, bound = np.abs(self.gradient), self.alpha * self.factors
        strong = (slopes >= bound * (2 * lam - previous)) | (self.beta != 0)
        known = self.curvature.columns
        if np.setdiff1d(np.flatnonzero(strong & self.usable), known).size:
            # one wide product is cheaper than many narrow ones: take what the next few penalties will ask for
            strong |= slopes >= bound * (lam - 4 * (previous - lam))
        self._include(np.flatnonzero(strong & self.usable))
        return self._iterate(l1, l2)

    def solve_unpenalised(self) -> bool:
        """Fit the columns without penalty alone, where the path begins."""
        free = np.flatnonzero((self.factors == 0) & self.usable)
        if free.size == 0:
            return True
        self._include(free)
        l1 = np.where(self.factors == 0, 0.0, np.inf)
        return self._iterate(l1, np.zeros(l1.size), check=False)

    def _include(self, columns: np.ndarray) -> None:
        if self.curvature.columns.size == 0:
            self.curvature.refresh(self.eta, columns)
        else:
            self.curvature.extend(np.setdiff1d(columns, self.curvature.columns))

    def _iterate(self, l1: np.ndarray, l2: np.ndarray, check: bool = True) -> bool:
        tol = self.tol * self.scale
        last, fresh = np.inf, False
        for _ in range(self.max_iter):
            columns = self.curvature.columns
            if columns.size:
                gap = _violation(self.beta[columns], self.gradient[columns], l1[columns], l2[columns])
                violation = float(gap.max())
                if violation > tol:
                    if violation > 0.3 * last and not fresh:
                        self.curvature.refresh(self.eta, columns)
                        columns, fresh = self.curvature.columns, True
                    else:
                        fresh = False
                    last = violation
                    if not self._step(columns, l1, l2, tol):
                        return False
                    continue
            if not check:
                return True
            others = np.setdiff1d(np.arange(self.beta.size), columns, assume_unique=True)
            self.gradient[others] = self._slopes(others)
            wrong = others[np.abs(self.gradient[others]) > l1[others] + tol]
            if wrong.size == 0:
                return True
            self.curvature.extend(wrong) if columns.size else self.curvature.refresh(self.eta, wrong)
            last = np.inf
        return False

    def _step(self, columns: np.ndarray, l1: np.ndarray, l2: np.ndarray, tol: float) -> bool:
        """One quadratic; halve its step as long as the objective does not fall."""
        a, b = l1[columns], l2[columns]
        old = self.beta[columns]
        finite = np.where(np.isfinite(a), a, 1e300)
        target = _solve_quadratic(self.curvature, self.gradient[columns], old, finite, b, 0.1 * tol)
        penalised = np.isfinite(a)
        objective = -self.loglik / self.total + self._penalty(old[penalised], a[penalised], b[penalised])
        move, tries = target - old, 0
        while True:
            eta = self.eta.copy()
            _add_columns(self.X, columns, move, eta)
            loglik, residual = self._at(eta)
            new = old + move
            value = -loglik / self.total + self._penalty(new[penalised], a[penalised], b[penalised])
            if value <= objective + 1e-13 * (1 + abs(objective)):
                break
            tries += 1
            if tries > 30:
                return False
            move = move / 2
        if tries == 0:
            new = target  # exact zeros stay zeros
        self.beta[columns], self.eta, self.loglik, self.residual = new, eta, loglik, residual
        self.gradient[columns] = self._slopes(columns)
        return True


def cox_path(
    data: CoxData,
    *,
    lambdas: np.ndarray | None = None,
    n_lambdas: int = 100,
    min_ratio: float = 1e-4,
    alpha: float = 1.0,
    factors: np.ndarray | None = None,
    weights: np.ndarray | None = None,
    offset: np.ndarray | None = None,
    ties: str = "breslow",
    tol: float = 1e-6,
    max_iter: int = 200,
) -> CoxPath:
    """Maximise ``loglik/Σw − λ Σ_j f_j (α|β_j| + (1−α)/2 β_j²)`` along decreasing ``λ``.

    Parameters
    ----------
    data : CoxData
        Risk sets made by `cox_data`, with columns already brought to the scale on which they are penalised.
    lambdas : ndarray of shape (k,), optional
        Decreasing penalties. By default ``n_lambdas`` of them, equally spaced in logarithm from the smallest at which
        all penalised coefficients are zero down to ``min_ratio`` times that; the path then ends early where the
        likelihood no longer changes, or five sixths of it are explained.
    alpha : float, default 1.0
        Share of the absolute penalty (1 lasso, 0 ridge).
    factors : ndarray of shape (p,), optional
        Penalty factors; 0 is unpenalised.
    weights, offset : ndarray of shape (n,), optional
        As for `cox_fit`, in the caller's order of rows.
    ties : {"breslow", "efron"}, default "breslow"
        Ties method.
    tol : float, default 1e-6
        Largest violation of the optimality conditions, relative to the largest slope at zero.
    max_iter : int, default 200
        Quadratics a penalty.
    """
    n, p = data.X.shape
    w = np.ones(n) if weights is None else np.ascontiguousarray(data.sorted(weights), dtype=float)
    shift = None if offset is None else data.sorted(offset)
    f = np.ones(p) if factors is None else np.asarray(factors, dtype=float)
    with one_thread():
        solver = _Solver(data, w, shift, alpha, f, ties == "efron", tol, max_iter)
        start = solver.solve_unpenalised()
        solver.gradient = solver._slopes(np.arange(p))
        given = lambdas is not None
        if lambdas is None:
            penalised = f > 0
            # ridge has no largest penalty: its path begins where a mixing of 0.001 would
            reach = np.abs(solver.gradient[penalised]) / (f[penalised] * max(alpha, 1e-3))
            top = max(float(reach.max(initial=0.0)), 1e-12)
            lambdas = top * np.logspace(0, np.log10(min_ratio), n_lambdas)
        coefs, logliks, done = [], [], []
        previous = float(lambdas[0]) if lambdas.size else 0.0
        for k, lam in enumerate(lambdas):
            done.append(solver.solve(float(lam), previous) and start)
            coefs.append(solver.beta.copy())
            logliks.append(solver.loglik)
            previous = float(lam)
            if not given and k >= 4 and _levelled(logliks, solver.loglik_null):
                break
    return CoxPath(
        lambdas[: len(coefs)], np.array(coefs).reshape(-1, p), np.array(logliks), solver.loglik_null, np.array(done),
        solver.evaluations,
    )  # fmt: skip


def _levelled(logliks: list[float], null: float) -> bool:
    """Say whether the last penalty moved the explained deviance by less than 1e-5 of itself, or little is left.

    A partial likelihood of which five sixths are explained belongs to more columns than patients; beyond that the
    columns can no longer be told apart and each penalty costs more than all before it.
    """
    explained = logliks[-1] - null
    return explained > 0 and ((logliks[-1] - logliks[-2]) < 1e-5 * explained or explained > -_SATURATED * null)
