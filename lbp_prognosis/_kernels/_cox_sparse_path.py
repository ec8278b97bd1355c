"""Elastic-net path of a Cox model on sparse columns: coordinate descent in memory proportional to the non-zeros.

At linear predictors ``η`` with martingale residuals ``r`` and expected events ``d`` (weight times relative hazard times
the hazard lived through) the information in ``η`` is at most ``diag(d)`` less what one intercept takes of it,
``d dᵀ / Σd``: a variance within risk sets is at most that of all of them together, and so under Efron's ties. The
penalised minimum of the quadratic with the exact gradient and this bound is found column by column, each at the cost of
its non-zeros; gradient and bound are then computed anew, until the exact optimality conditions hold. The bound is near
wherever the means of risk sets move little, so a few rounds do.

No column is centred or scaled in memory: means enter by the intercept, scales by the penalties. Columns are discarded
by the sequential strong rule, and the discarded ones are checked at every solution.
"""

from __future__ import annotations

import numpy as np

from lbp_prognosis._kernels._compiled import compiled
from lbp_prognosis._kernels._cox_curvature import CoxPass
from lbp_prognosis._kernels._cox_data import CoxData
from lbp_prognosis._kernels._cox_path import CoxPath, elastic_net_penalty, path_has_levelled, saturated_of, surely_falls
from lbp_prognosis._kernels._cox_sums import tied_events
from lbp_prognosis._kernels._sparse_columns import SparseColumns

__all__ = ["sparse_cox_path"]

_SWEEPS = 1000  # of one quadratic
_INEXACT = 0.1  # share of the violation to which a quadratic is solved
_HALVINGS = 30


@compiled()
def _bounds(data, indices, indptr, columns, d, total, mean, h):  # pragma: no cover - compiled
    """Mean of each column weighted by ``d``, and its sum of squares about that mean."""
    for a in range(columns.size):
        j = columns[a]
        first, second = 0.0, 0.0
        for k in range(indptr[j], indptr[j + 1]):
            v = d[indices[k]] * data[k]
            first += v
            second += v * data[k]
        mean[a] = first / total
        h[a] = second - first * mean[a]


@compiled(fastmath={"contract"})
def _descend(
    data, indices, indptr, columns, d, total, mean, h, scale, q, b, l1, l2, tol, most
):  # pragma: no cover - compiled
    """Cyclic coordinate descent in place: all columns, then the active ones until they rest, then all again.

    ``q`` is the residual less ``d`` times the linear predictor of what has moved; the intercept follows each move.
    Returns whether every column rests.
    """
    shift = 0.0
    everything = True
    for _ in range(most):
        largest = 0.0
        for a in range(columns.size):
            if (not everything and b[a] == 0.0) or h[a] <= 0.0:
                continue
            j = columns[a]
            slope = shift * total * mean[a]
            for k in range(indptr[j], indptr[j + 1]):
                slope += data[k] * q[indices[k]]
            z = slope + h[a] * b[a]
            if z > l1[a]:
                new = (z - l1[a]) / (h[a] + l2[a])
            elif z < -l1[a]:
                new = (z + l1[a]) / (h[a] + l2[a])
            else:
                new = 0.0
            move = new - b[a]
            if move != 0.0:
                b[a] = new
                shift += move * mean[a]
                for k in range(indptr[j], indptr[j + 1]):
                    row = indices[k]
                    q[row] -= d[row] * move * data[k]
                largest = max(largest, abs(move) * (h[a] + l2[a]) / scale[a])
        if largest <= tol:
            if everything:
                return True
            everything = True
        else:
            everything = False
    return False


class _Walker:
    """State of the walk down the path; coefficients are those of the columns as stored, slopes those of scaled ones."""

    def __init__(
        self,
        data: CoxData,
        columns: SparseColumns,
        weights: np.ndarray,
        offset: np.ndarray | None,
        alpha: float,
        factors: np.ndarray,
        *,
        efron: bool,
        frequency: bool,
        tol: float,
        max_iter: int,
    ) -> None:
        n, p = columns.shape
        self.columns, self.alpha, self.factors, self.max_iter = columns, alpha, factors, max_iter
        self.state = CoxPass(data, tied_events(data, weights, frequency), efron)
        self.total = float(weights.sum())
        self.beta = np.zeros(p)  # of scaled columns
        self.eta = np.zeros(n) if offset is None else offset.astype(float)
        self.working = np.zeros(p, dtype=bool)
        self.evaluations = 0
        self.loglik = self.loglik_null = self._at(self.eta)
        self.gradient = self._all_slopes()
        room = float(np.sqrt(n) * np.linalg.norm(self.state.tied.event_weights))
        self.scale = max(float(np.abs(self.gradient).max(initial=0.0)), 1e-12 * room / self.total, 1e-300)
        self.tol = tol * self.scale
        # a sum over the rows is rounded: a step that seems to climb by less does not
        self.rounding = max(1e-13, 10 * float(np.finfo(float).eps) * np.sqrt(n))

    def _at(self, eta: np.ndarray) -> float:
        self.evaluations += 1
        return self.state.at(eta)

    def _all_slopes(self) -> np.ndarray:
        slopes = self.columns.slopes(self.state.residual, np.arange(self.factors.size)) / self.total
        slopes[~self.columns.usable] = 0.0
        return slopes

    def solve(self, lam: float, previous: float) -> bool:
        """Go to the solution at ``lam``; return whether the optimality conditions hold."""
        strong = np.abs(self.gradient) >= self.alpha * self.factors * (2 * lam - previous)
        self.working = (strong & self.columns.usable) | (self.beta != 0)
        return self._iterate(lam * self.alpha * self.factors, lam * (1 - self.alpha) * self.factors)

    def solve_unpenalised(self) -> bool:
        """Fit the columns without penalty alone, where the path begins."""
        free = (self.factors == 0) & self.columns.usable
        if not free.any():
            return True
        self.working |= free
        done = self._iterate(np.where(free, 0.0, np.inf), np.zeros(free.size))
        self.gradient = self._all_slopes()
        return done

    def _iterate(self, l1: np.ndarray, l2: np.ndarray) -> bool:
        for _ in range(self.max_iter):
            inside = np.flatnonzero(self.working)
            slopes = self.columns.slopes(self.state.residual, inside) / self.total
            worst = float(_violations(self.beta[inside], slopes, l1[inside], l2[inside]).max(initial=0.0))
            if worst <= self.tol:
                self.gradient = self._all_slopes()
                wrong = (np.abs(self.gradient) > l1 + self.tol) & ~self.working
                if not wrong.any():
                    return True
                self.working |= wrong
            elif not self._step(inside, l1[inside], l2[inside], max(_INEXACT * worst, 0.1 * self.tol)):
                return False
        return False

    def _step(self, inside: np.ndarray, l1: np.ndarray, l2: np.ndarray, tol: float) -> bool:
        """Minimise one quadratic; halve its step until the objective falls, by its value or by its slope."""
        m, scale = self.columns.matrix, self.columns.scale[inside]
        expected = np.maximum(self.state.lived, 0.0) / self.total
        total = float(expected.sum())
        if not np.isfinite(total) or total <= 0:
            return False
        mean, h = np.empty((2, inside.size))
        _bounds(m.data, m.indices, m.indptr, inside, expected, total, mean, h)
        old = self.beta[inside]
        b, q = old / scale, self.state.residual / self.total
        finite = np.where(np.isfinite(l1), l1, 1e300)
        _descend(
            m.data,
            m.indices,
            m.indptr,
            inside,
            expected,
            total,
            mean,
            h,
            scale,
            q,
            b,
            finite * scale,
            l2 * scale**2,
            0.5 * tol,
            _SWEEPS,
        )
        move, new = b * scale - old, b * scale
        along = np.zeros(self.eta.size)
        self.columns.add(inside, move, along)
        bound = np.where(np.isfinite(l1), l1, 0.0)
        objective = -self.loglik / self.total + elastic_net_penalty(old, bound, l2)
        for _ in range(_HALVINGS):
            eta = self.eta + along
            loglik = self._at(eta)
            value = -loglik / self.total + elastic_net_penalty(new, bound, l2)
            slope = (self.state.residual, along, self.total, old, new, bound, l2)
            if value <= objective + self.rounding * (1 + abs(objective)) or (
                np.isfinite(value) and surely_falls(*slope)
            ):
                self.beta[inside], self.eta, self.loglik = new, eta, loglik
                return True
            move, along = move / 2, along / 2
            new = old + move
        self._at(self.eta)
        return False


def _violations(beta: np.ndarray, slopes: np.ndarray, l1: np.ndarray, l2: np.ndarray) -> np.ndarray:
    """Return the distance of each column from its optimality condition."""
    rest = slopes - l2 * beta
    active = np.abs(rest - np.sign(beta) * np.where(np.isfinite(l1), l1, 0.0))
    return np.where(beta != 0, active, np.maximum(np.abs(rest) - l1, 0.0))


def sparse_cox_path(
    data: CoxData,
    columns: SparseColumns,
    *,
    lambdas: np.ndarray | None = None,
    n_lambdas: int = 100,
    min_ratio: float = 1e-4,
    alpha: float = 1.0,
    factors: np.ndarray | None = None,
    weights: np.ndarray | None = None,
    offset: np.ndarray | None = None,
    ties: str = "breslow",
    frequency: bool = False,
    tol: float = 1e-6,
    max_iter: int = 500,
) -> CoxPath:
    """Maximise what `cox_path` maximises, over sparse columns.

    Parameters
    ----------
    data : CoxData
        Risk sets made by `cox_data` of a table without columns, so that rows keep their order.
    columns : SparseColumns
        Columns on the scale on which they are penalised.
    lambdas, n_lambdas, min_ratio, alpha, factors, weights, offset, ties, frequency, tol
        As for `cox_path`; rules for the length of the path are the same.
    max_iter : int, default 500
        Quadratics per penalty.
    """
    n, p = columns.shape
    w = np.ones(n) if weights is None else np.ascontiguousarray(weights, dtype=float)
    f = np.ones(p) if factors is None else np.asarray(factors, dtype=float)
    walker = _Walker(
        data,
        columns,
        w,
        offset,
        alpha,
        f,
        efron=ties == "efron",
        frequency=frequency,
        tol=tol,
        max_iter=max_iter,
    )
    start = walker.solve_unpenalised()
    given, saturated, penalised = lambdas is not None, saturated_of(walker.state.tied, walker.state.efron), f > 0
    reach = np.abs(walker.gradient[penalised]) / (f[penalised] * max(alpha, 1e-3))
    top = max(float(reach.max(initial=0.0)), 1e-12)
    if lambdas is None:
        lambdas = top * np.logspace(0, np.log10(min_ratio), n_lambdas)
    coefs: list[np.ndarray] = []
    logliks: list[float] = []
    done: list[bool] = []
    previous = max(top, float(lambdas[0])) if lambdas.size else 0.0
    for lam in lambdas.tolist():
        done.append(walker.solve(lam, previous) and start)
        coefs.append(walker.beta.copy())
        logliks.append(walker.loglik)
        previous = lam
        if not given and path_has_levelled(logliks, walker.loglik_null, saturated):
            break
    return CoxPath(
        lambdas[: len(coefs)],
        np.array(coefs).reshape(-1, p),
        np.array(logliks),
        walker.loglik_null,
        saturated,
        np.array(done),
        walker.evaluations,
        0,
    )
