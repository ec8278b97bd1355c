"""Elastic-net path of a Cox model: minima of quadratics whose curvature is kept as long as it serves.

At each penalty the log-likelihood is replaced by a quadratic with the exact gradient and the exact information of an
earlier point of the path (on the columns that matter so far). The information changes slowly along the path, so a few
gradients a penalty are enough; where progress is slow it is computed afresh. Columns are discarded by the sequential
strong rule and the discarded ones are checked at every solution, so the answer is that of the full problem.

What a gradient costs is reading the columns. Single precision halves that, and its rounding (about 1e-7 of the largest
slope) is small beside the default tolerance; every few solutions it is compared with double precision, which takes over
where it is not small enough, and from the start where the tolerance is tight.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from lbp_prognosis._kernels._blas import one_thread
from lbp_prognosis._kernels._cox_curvature import CoxPass, Curvature
from lbp_prognosis._kernels._cox_data import CoxData
from lbp_prognosis._kernels._cox_quadratic import product, violations
from lbp_prognosis._kernels._cox_sums import TiedEvents, tied_events

__all__ = ["CoxPath", "cox_path", "elastic_net_penalty", "path_has_levelled", "saturated_of", "surely_falls"]

_EXPLAINED = 0.99  # share of the deviance at which a path of its own choice ends
_STILL = 1e-3  # or where four penalties added less than this share of what is explained
_SLOW = 0.3  # a quadratic that leaves more of the violation than this has a curvature out of date
_COLUMNS = 15  # columns in which a fresh curvature costs as much as one more step
_INEXACT = 0.02  # share of the violation to which a quadratic is solved
_SINGLE = 1e-6  # down to this tolerance products with the columns may be in single precision
_TREND = 1.0  # how far the last two steps' change of what the quadratic missed is carried on
_ROWS = 1024  # rows of one such product
_CONFIRM = 16  # solutions until one is looked at in double precision
_ROUNDING = 0.2  # share of the tolerance that single precision may take
_BETWEEN = 0.9  # a penalty that falls further than to this share of the one before is reached over others between
_BETWEEN_TALL = 0.4  # the same where rows are many, so that a quadratic tells most columns from each other
_BETWEEN_RIDGE = 0.1  # the same where all columns are active anyway
_DEEPEST = 1e-6  # share from which a penalty of 0 is one step away
_LOOSE = 0.05  # share of such a step to which the conditions hold on the way


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
    systems : int
        Linear systems solved for minima of quadratics.
    """

    lambdas: np.ndarray
    coef: np.ndarray
    loglik: np.ndarray
    loglik_null: float
    loglik_saturated: float
    converged: np.ndarray
    evaluations: int
    systems: int


@dataclass(frozen=True)
class _Stride:
    """Changes made by one step down the path."""

    step: float
    change: np.ndarray
    move: np.ndarray


def _transposed(X: np.ndarray, residual: np.ndarray) -> np.ndarray:
    """``Xᵀ r``; in single precision a block of rows at a time, so that rounding does not grow with the rows."""
    if X.dtype == np.float64:
        return X.T @ residual
    out, narrow = np.zeros(X.shape[1]), residual.astype(X.dtype)
    for low in range(0, narrow.size, _ROWS):
        out += X[low : low + _ROWS].T @ narrow[low : low + _ROWS]
    return out


class _Solver:
    """State of the walk down the path."""

    def __init__(
        self,
        data: CoxData,
        weights: np.ndarray,
        offset: np.ndarray | None,
        alpha: float,
        factors: np.ndarray,
        efron: bool,
        tol: float,
        max_iter: int,
        frequency: bool = False,
    ) -> None:
        n, p = data.X.shape
        self.exact, self.single = data.X, tol >= _SINGLE
        rows = replace(data, X=np.empty((n, 0)))
        self.state = CoxPass(rows, tied_events(rows, weights, frequency), efron)
        self.alpha, self.factors, self.tol, self.max_iter = alpha, factors, tol, max_iter
        self.total = float(weights.sum())
        squares = np.einsum("ij,ij->j", data.X, data.X)
        self.usable = squares > 0
        self.beta = np.zeros(p)
        self.offset = np.zeros(n) if offset is None else offset.astype(float)
        self.eta = self.offset.copy()
        self.evaluations = self.solved = 0
        self.curvature = Curvature(data.X, self.state, self.total, self.single)
        self.loglik = self.loglik_null = self._at(self.eta)
        self.gradient = np.zeros(p)
        self.whole = False  # whether the gradient of every column is that of the present coefficients
        self.exact_slopes()
        # where no column has a slope, as when all have the event at once, what is left of slopes is rounding
        room = float(np.sqrt(squares.max(initial=0.0)) * np.linalg.norm(self.state.tied.event_weights))
        rounding = 1e-12 * room / self.total
        self.scale = max(float(np.abs(self.gradient).max(initial=0.0)), rounding, 1e-300)
        self.trail: list[_Stride] = []
        self.excess = 0

    def _at(self, eta: np.ndarray) -> float:
        self.evaluations += 1
        self.whole = False
        return self.state.at(eta)

    def all_slopes(self) -> None:
        """Compute the gradient of every column."""
        if not self.whole:
            slopes = _transposed(self.curvature.values, self.state.residual)
            self.gradient[self.curvature.order] = slopes / self.total
            self.gradient[~self.usable] = 0.0
            self.whole = True

    def exact_slopes(self) -> None:
        """Compute the gradient of every column in double precision."""
        self.gradient = self.exact.T @ self.state.residual / self.total
        self.gradient[~self.usable] = 0.0
        self.whole = True

    def solve(self, lam: float, previous: float, tol: float = 0.0, sure: bool = False) -> bool:
        """Go to the solution at ``lam``; return whether the optimality conditions hold.

        ``tol`` may only widen the tolerance; ``sure`` asks for a check in double precision.
        """
        l1, l2 = lam * self.alpha * self.factors, lam * (1 - self.alpha) * self.factors
        slopes, bound, known = np.abs(self.gradient), self.alpha * self.factors, self.curvature.known
        strong = (slopes >= bound * (2 * lam - previous)) & self.usable
        if (strong & ~known).any():
            # one wide product is cheaper than many narrow ones: take what the next few penalties will ask for
            strong |= (slopes >= bound * (lam - 4 * (previous - lam))) & self.usable
            self.curvature.extend(np.flatnonzero(strong & ~known))
        tol = max(tol, self.tol * self.scale)
        tol -= _ROUNDING * tol * self.single
        slopes, beta = self.gradient.copy(), self.beta.copy()
        done = self._iterate(l1, l2, tol, previous - lam)
        self.solved += 1
        if done and self.single and (sure or self.solved % _CONFIRM == 0) and not self._confirmed(tol):
            done = self._iterate(l1, l2, self.tol * self.scale, 0.0)
        if not done:
            self.trail = []
        elif previous > lam:
            self.trail = [*self.trail[-1:], _Stride(previous - lam, self.gradient - slopes, self.beta - beta)]
        return done

    def _confirmed(self, tol: float) -> bool:
        """Compute everything here in double precision; where single did not do, stay with double."""
        told = self.gradient
        self.eta = self.exact @ self.beta + self.offset
        self.loglik = self._at(self.eta)
        self.exact_slopes()
        if float(np.abs(self.gradient - told).max(initial=0.0)) <= _ROUNDING * tol:
            return True
        self.single = False
        self.curvature.widen()
        return False

    def solve_unpenalised(self) -> bool:
        """Fit the columns without penalty alone, where the path begins."""
        free = np.flatnonzero((self.factors == 0) & self.usable)
        if free.size == 0:
            return True
        self.curvature.extend(free)
        l1 = np.where(self.factors == 0, 0.0, np.inf)
        return self._iterate(l1, np.zeros(l1.size), self.tol * self.scale, 0.0, check=False)

    def _iterate(self, l1: np.ndarray, l2: np.ndarray, tol: float, step: float, check: bool = True) -> bool:
        last, fresh, first = np.inf, False, True
        for _ in range(self.max_iter):
            columns = self.curvature.columns
            if columns.size:
                violation = violations(self.beta[columns], self.gradient[columns], l1[columns], l2[columns])
                if violation > tol:
                    self.excess += not first
                    if (violation > _SLOW * last or self.excess > 2 + columns.size / _COLUMNS) and not fresh:
                        self.curvature.refresh()
                        self.excess, fresh = 0, True
                    elif fresh and violation > _SLOW * last and self.curvature.precision != np.float64:
                        self.curvature.sharpen()
                    else:
                        fresh = False
                    last = violation
                    close = max(0.1 * tol, _INEXACT * violation)
                    guess = self._predicted(step) if first and step else 0.0
                    # a gradient wrongly predicted need not descend, the exact one must
                    if not self._step(l1[columns], l2[columns], close, guess) and not (
                        np.any(guess) and self._step(l1[columns], l2[columns], close, 0.0)
                    ):
                        return False
                    first = False
                    continue
            if not check:
                return True
            self.all_slopes()
            wrong = np.flatnonzero((np.abs(self.gradient) > l1 + tol) & ~self.curvature.known)
            if wrong.size == 0:
                return True
            self.curvature.extend(wrong)
            last = np.inf
        return False

    def _predicted(self, step: float) -> np.ndarray | float:
        """Predicted error of the gradient after this step, if it departs from the quadratic as in the steps before."""
        if not self.trail or not _alike(step, self.trail[-1].step):
            return 0.0
        rates = [self._departure(past) for past in self.trail]
        rate = rates[-1]
        if len(rates) == 2 and _alike(self.trail[0].step, self.trail[1].step):
            first, second = self.trail
            rate = rate + _TREND * (rate - rates[0]) * (second.step + step) / (first.step + second.step)
        return rate * step

    def _departure(self, past: _Stride) -> np.ndarray:
        """Error of the gradient per unit of penalty, had the present quadratic predicted a past step."""
        columns = self.curvature.columns
        predicted = np.zeros(columns.size)
        move = past.move[columns]
        moved = np.flatnonzero(move)
        product(self.curvature.matrix, moved, move[moved], predicted)
        return (past.change[columns] + predicted) / past.step

    def _step(self, l1: np.ndarray, l2: np.ndarray, tol: float, guess: np.ndarray | float) -> bool:
        """One quadratic; halve its step until the objective falls, by its value or by its slope."""
        columns, raw = self.curvature.columns, self.curvature.raw
        old = self.beta[columns]
        given = self.gradient[columns] + guess
        inside = np.where(np.isfinite(l1), l1, 0.0)
        target, _ = self.curvature.minimise(given, old, np.where(np.isfinite(l1), l1, 1e300), l2, tol)
        objective = -self.loglik / self.total + elastic_net_penalty(old, inside, l2)
        move, new, tries = target - old, target, 0
        along = raw @ move.astype(raw.dtype)
        while True:
            eta = self.eta + along
            loglik = self._at(eta)
            value = -loglik / self.total + elastic_net_penalty(new, inside, l2)
            rounding = (1e-12 if self.single else 1e-13) * (1 + abs(objective))
            slope = (self.state.residual, along, self.total, old, new, inside, l2)
            if value <= objective + rounding or (np.isfinite(value) and surely_falls(*slope)):
                break
            tries += 1
            if tries > 30:
                self._at(self.eta)
                return False
            move, along = move / 2, along / 2
            new = old + move
        self.beta[columns], self.eta, self.loglik = new, eta, loglik
        if 2 * columns.size > self.beta.size:  # the rest of the columns would be asked for in the end
            self.all_slopes()
        else:
            self.gradient[columns] = _transposed(raw, self.state.residual) / self.total
        return True


@dataclass(frozen=True)
class _RowSpace:
    """A ridge problem of more columns than rows, in as many columns as rows; ``back`` leads to the coefficients."""

    data: CoxData
    factors: np.ndarray
    back: np.ndarray


def _row_space(data: CoxData, factors: np.ndarray) -> _RowSpace:
    """Rotate penalised columns into the space of the rows, outside of which a ridge solution has no part.

    With ``X D^(−½) = Rᵀ Qᵀ`` (``D`` the factors, ``Q`` of orthonormal columns) the coefficients are ``D^(−½) Q θ``, the
    linear predictor is ``Rᵀ θ`` and the penalty ``|θ|²``. Columns without penalty stay as they are.
    """
    free, bound = np.flatnonzero(factors == 0), np.flatnonzero((factors > 0) & data.X.any(axis=0))
    root = 1 / np.sqrt(factors[bound])
    q, r = np.linalg.qr((data.X[:, bound] * root).T)
    back = np.zeros((factors.size, free.size + r.shape[0]))
    back[free, np.arange(free.size)] = 1.0
    back[bound, free.size :] = root[:, None] * q
    rows = replace(data, X=np.ascontiguousarray(np.column_stack([data.X[:, free], r.T])))
    return _RowSpace(rows, (np.arange(back.shape[1]) >= free.size).astype(float), back)


def _alike(one: float, other: float) -> bool:
    """Say whether one step tells of another."""
    return one <= 3 * other and other <= 3 * one


def elastic_net_penalty(beta: np.ndarray, l1: np.ndarray, l2: np.ndarray) -> float:
    """Return the penalty at some coefficients."""
    return float(l1 @ np.abs(beta) + 0.5 * (l2 @ beta**2))


def surely_falls(
    residual: np.ndarray,
    along: np.ndarray,
    total: float,
    old: np.ndarray,
    new: np.ndarray,
    l1: np.ndarray,
    l2: np.ndarray,
) -> bool:
    """Say whether the slope at the end of a step shows that the objective did not climb.

    The loss is convex, so it rises by at most its slope at the end times the step, ``−residual · along / total``. Near
    a solution the objective falls by the square of what is missing, which a sum over a million rows rounds away; the
    slope is of the first order and keeps its digits. (Hager and Zhang 2005, doi:10.1137/030601880, accept steps by
    slope for the same reason; with convexity no estimate of the rounding is needed.) Only where the objective is a
    number: of a step so long that a risk overflows or underflows the residuals are worth nothing.
    """
    penalty = l1 @ (np.abs(new) - np.abs(old)) + 0.5 * (l2 @ ((new - old) * (new + old)))
    return bool(penalty - residual @ along / total <= 0)


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
    frequency: bool = False,
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
    frequency : bool, default False
        Weights count identical rows, each a tied event of its own.
    tol : float, default 1e-6
        Largest violation of the optimality conditions, relative to the largest slope at zero.
    max_iter : int, default 200
        Quadratics per penalty.
    """
    n, p = data.X.shape
    w = np.ones(n) if weights is None else np.ascontiguousarray(data.sorted(weights), dtype=float)
    shift = None if offset is None else data.sorted(offset)
    f = np.ones(p) if factors is None else np.asarray(factors, dtype=float)
    penalised = f > 0
    few = _row_space(data, f) if alpha == 0 and int(penalised.sum()) > n else None
    with one_thread():
        if few is None:
            solver = _Solver(data, w, shift, alpha, f, ties == "efron", tol, max_iter, frequency)
        else:
            solver = _Solver(few.data, w, shift, alpha, few.factors, ties == "efron", tol, max_iter, frequency)
        start = solver.solve_unpenalised()
        solver.exact_slopes()
        given = lambdas is not None
        saturated = saturated_of(solver.state.tied, solver.state.efron)
        # ridge has no largest penalty: its path begins where a mixing of 0.001 would
        slopes = solver.gradient if few is None else data.X.T @ solver.state.residual / solver.total
        reach = np.abs(slopes[penalised]) / (f[penalised] * max(alpha, 1e-3))
        top = max(float(reach.max(initial=0.0)), 1e-12)
        if lambdas is None:
            lambdas = top * np.logspace(0, np.log10(min_ratio), n_lambdas)
        coefs, logliks, done = [], [], []
        previous = max(top, float(lambdas[0])) if lambdas.size else 0.0
        for lam in lambdas.tolist():
            previous = _walk(solver, previous, lam)
            done.append(solver.solve(lam, previous, sure=lam == lambdas[-1]) and start)
            coefs.append(solver.beta.copy() if few is None else few.back @ solver.beta)
            logliks.append(solver.loglik)
            previous = lam
            if not given and path_has_levelled(logliks, solver.loglik_null, saturated):
                break
    return CoxPath(
        lambdas[: len(coefs)],
        np.array(coefs).reshape(-1, p),
        np.array(logliks),
        solver.loglik_null,
        saturated,
        np.array(done),
        solver.evaluations,
        solver.curvature.quadratic.systems,
    )


def _walk(solver: _Solver, previous: float, lam: float) -> float:
    """Go down to where ``lam`` is one short step away, over penalties that were not asked for; return the last of them.

    A long step meets many columns at once, most of which would leave again, and a quadratic far from its reference.
    """
    share = _BETWEEN if solver.alpha > 0 else _BETWEEN_RIDGE
    if solver.alpha > 0 and solver.curvature.tall:
        share = _BETWEEN_TALL
    lowest = max(lam, _DEEPEST * previous)
    steps = int(np.ceil(np.log(lowest / previous) / np.log(share))) if 0 < lowest < share * previous else 1
    for between in previous * (lowest / previous) ** (np.arange(1, steps) / steps):
        solver.solve(float(between), previous, _LOOSE * max(solver.alpha, 1e-3) * (previous - float(between)))
        previous = float(between)
    return previous


def saturated_of(tied: TiedEvents, efron: bool) -> float:
    """Log-likelihood when at each time those with the event alone run any risk, all the same."""
    total = 0.0
    for count, mean in zip(tied.count.tolist(), tied.mean_weight.tolist()):
        below = np.arange(count) / count if efron and count else np.zeros(count)
        total -= mean * float(np.log(count * mean * (1 - below)).sum()) if count else 0.0
    return total


def path_has_levelled(logliks: list[float], null: float, saturated: float) -> bool:
    """Say whether four penalties added next to nothing to the explained deviance, or nearly all of it is explained."""
    if len(logliks) < 5:
        return False
    explained, gained = logliks[-1] - null, logliks[-1] - logliks[-5]
    return explained > 0 and (gained < _STILL * explained or explained > _EXPLAINED * (saturated - null))
