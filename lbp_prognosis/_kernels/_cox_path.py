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

from lbp_prognosis._kernels._blas import one_thread
from lbp_prognosis._kernels._cox_curvature import CoxPass, Curvature, minimise_quadratic, violations
from lbp_prognosis._kernels._cox_data import CoxData
from lbp_prognosis._kernels._cox_sums import TiedEvents, tied_events

__all__ = ["CoxPath", "cox_path"]

_EXPLAINED = 0.99  # share of the deviance at which a path of its own choice ends
_STILL = 1e-3  # or where four penalties added less than this share of what is explained
_SLOW = 0.3  # a quadratic that leaves more of the violation than this has a curvature out of date
_COLUMNS = 15  # columns in which a fresh curvature costs as much as one more step
_INEXACT = 0.02  # share of the violation to which a quadratic is solved


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
    loglik_saturated : float
        Its least upper bound over all linear predictors; below 0 where events are tied.
    converged : ndarray of bool of shape (k,)
        Whether the optimality conditions hold within tolerance.
    evaluations : int
        Gradients computed.
    """

    lambdas: np.ndarray
    coef: np.ndarray
    loglik: np.ndarray
    loglik_null: float
    loglik_saturated: float
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


class _Solver:
    """State of the walk down the path."""

    def __init__(
        self, data: CoxData, weights: np.ndarray, offset: np.ndarray | None, alpha: float, factors: np.ndarray,
        efron: bool, tol: float, max_iter: int,
    ) -> None:  # fmt: skip
        self.X = np.asfortranarray(data.X)
        n, p = self.X.shape
        rows = replace(data, X=np.empty((n, 0)))
        self.state = CoxPass(rows, tied_events(rows, weights, False), efron)
        self.alpha, self.factors, self.tol, self.max_iter = alpha, factors, tol, max_iter
        self.total = float(weights.sum())
        self.usable = np.einsum("ij,ij->j", data.X, data.X) > 0
        self.beta = np.zeros(p)
        self.eta = np.zeros(n) if offset is None else offset.astype(float).copy()
        self.evaluations = 0
        self.curvature = Curvature(self.X, self.state, self.total)
        self.loglik = self.loglik_null = self._at(self.eta)
        self.gradient = np.zeros(p)
        self.all_slopes()
        self.scale = max(float(np.abs(self.gradient).max(initial=0.0)), 1e-300)
        self.drift: np.ndarray | None = None
        self.step, self.excess = 0.0, 0

    def _at(self, eta: np.ndarray) -> float:
        self.evaluations += 1
        return self.state.at(eta)

    def all_slopes(self) -> None:
        """Compute the gradient of every column."""
        self._slopes(np.arange(self.beta.size))

    def _slopes(self, columns: np.ndarray) -> None:
        if 4 * columns.size > self.beta.size:  # one product over all columns runs faster than a loop over these
            out = (self.X.T @ self.state.residual)[columns]
        else:
            out = np.empty(columns.size)
            _dots(self.X, columns, self.state.residual, out)
        out /= self.total
        out[~self.usable[columns]] = 0.0
        self.gradient[columns] = out

    def solve(self, lam: float, previous: float) -> bool:
        """Go to the solution at ``lam``; return whether the optimality conditions hold."""
        l1, l2 = lam * self.alpha * self.factors, lam * (1 - self.alpha) * self.factors
        slopes, bound, known = np.abs(self.gradient), self.alpha * self.factors, self.curvature.known
        strong = (slopes >= bound * (2 * lam - previous)) & self.usable
        if (strong & ~known).any():
            # one wide product is cheaper than many narrow ones: take what the next few penalties will ask for
            strong |= (slopes >= bound * (lam - 4 * (previous - lam))) & self.usable
            self.curvature.extend(np.flatnonzero(strong & ~known))
        done = self._iterate(l1, l2, previous - lam)
        return done

    def solve_unpenalised(self) -> bool:
        """Fit the columns without penalty alone, where the path begins."""
        free = np.flatnonzero((self.factors == 0) & self.usable)
        if free.size == 0:
            return True
        self.curvature.extend(free)
        l1 = np.where(self.factors == 0, 0.0, np.inf)
        return self._iterate(l1, np.zeros(l1.size), 0.0, check=False)

    def _iterate(self, l1: np.ndarray, l2: np.ndarray, step: float, check: bool = True) -> bool:
        tol = self.tol * self.scale
        last, fresh, first = np.inf, False, True
        for _ in range(self.max_iter):
            columns = self.curvature.columns
            if columns.size:
                violation = violations(self.beta[columns], self.gradient[columns], l1[columns], l2[columns])
                if violation > tol:
                    self.excess += not first
                    if (violation > _SLOW * last or self.excess > 2 + columns.size / _COLUMNS) and not fresh:
                        self.curvature.refresh()
                        self.drift, self.excess, fresh = None, 0, True
                    elif fresh and violation > _SLOW * last and self.curvature.precision != np.float64:
                        self.curvature.sharpen()
                        self.drift = None
                    else:
                        fresh = False
                    last = violation
                    if not self._step(
                        l1[columns], l2[columns], max(0.1 * tol, _INEXACT * violation), step if first else 0.0
                    ):
                        return False
                    first = False
                    continue
            if not check:
                return True
            others = np.flatnonzero(~self.curvature.known)
            self._slopes(others)
            wrong = others[np.abs(self.gradient[others]) > l1[others] + tol]
            if wrong.size == 0:
                return True
            self.curvature.extend(wrong)
            last = np.inf
        return False

    def _predicted(self, step: float) -> np.ndarray | float:
        """What the gradient will lack after this step if it drifts from the quadratic as in the step before."""
        if self.drift is None or step == 0 or self.step == 0 or step > 3 * self.step:
            return 0.0
        out = np.zeros(self.curvature.columns.size)
        out[: self.drift.size] = self.drift * (step / self.step)
        return out

    def _step(self, l1: np.ndarray, l2: np.ndarray, tol: float, step: float) -> bool:
        """One quadratic; halve its step as long as the objective does not fall."""
        columns, raw = self.curvature.columns, self.curvature.raw
        old = self.beta[columns]
        given = self.gradient[columns] + self._predicted(step)
        inside = np.where(np.isfinite(l1), l1, 0.0)
        target, slope = minimise_quadratic(self.curvature, given, old, np.where(np.isfinite(l1), l1, 1e300), l2, tol)
        objective = -self.loglik / self.total + _penalty(old, inside, l2)
        move, new, tries = target - old, target, 0
        while True:
            eta = self.eta + raw @ move
            loglik = self._at(eta)
            value = -loglik / self.total + _penalty(new, inside, l2)
            if value <= objective + 1e-13 * (1 + abs(objective)):
                break
            tries += 1
            if tries > 30:
                self._at(self.eta)
                return False
            move = move / 2
            new = old + move
        self.beta[columns], self.eta, self.loglik = new, eta, loglik
        before = self.gradient[columns]
        after = raw.T @ self.state.residual / self.total
        self.gradient[columns] = after
        if step:
            # the quadratic expected the slope before plus what it changed
            self.drift = after - before - (slope - given) if tries == 0 else None
            self.step = step
        return True


def _penalty(beta: np.ndarray, l1: np.ndarray, l2: np.ndarray) -> float:
    return float(l1 @ np.abs(beta) + 0.5 * (l2 @ beta**2))


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
        explained deviance grows by less than a thousandth over four penalties, or exceeds 0.99 (the rule of glmnet).
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
        solver.all_slopes()
        given = lambdas is not None
        saturated = _saturated(solver.state.tied, solver.state.efron)
        if lambdas is None:
            penalised = f > 0
            # ridge has no largest penalty: its path begins where a mixing of 0.001 would
            reach = np.abs(solver.gradient[penalised]) / (f[penalised] * max(alpha, 1e-3))
            top = max(float(reach.max(initial=0.0)), 1e-12)
            lambdas = top * np.logspace(0, np.log10(min_ratio), n_lambdas)
        coefs, logliks, done = [], [], []
        previous = float(lambdas[0]) if lambdas.size else 0.0
        for lam in lambdas:
            done.append(solver.solve(float(lam), previous) and start)
            coefs.append(solver.beta.copy())
            logliks.append(solver.loglik)
            previous = float(lam)
            if not given and _levelled(logliks, solver.loglik_null, saturated):
                break
    return CoxPath(
        lambdas[: len(coefs)], np.array(coefs).reshape(-1, p), np.array(logliks), solver.loglik_null, saturated,
        np.array(done), solver.evaluations,
    )  # fmt: skip


def _saturated(tied: TiedEvents, efron: bool) -> float:
    """Log-likelihood when at each time those with the event alone run any risk, all the same."""
    total = 0.0
    for count, mean in zip(tied.count.tolist(), tied.mean_weight.tolist()):
        below = np.arange(count) / count if efron and count else np.zeros(count)
        total -= mean * float(np.log(count * mean * (1 - below)).sum()) if count else 0.0
    return total


def _levelled(logliks: list[float], null: float, saturated: float) -> bool:
    """Say whether four penalties added next to nothing to the explained deviance, or nearly all of it is explained."""
    if len(logliks) < 5:
        return False
    explained, gained = logliks[-1] - null, logliks[-1] - logliks[-5]
    return explained > 0 and (gained < _STILL * explained or explained > _EXPLAINED * (saturated - null))
