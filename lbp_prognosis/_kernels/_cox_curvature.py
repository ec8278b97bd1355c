"""Quadratic model of a Cox log-likelihood on a growing set of columns, and its penalised minimum.

The information at a reference point is ``ZᵀZ − UᵀU``: ``Z`` holds the rows times the root of the hazard they have lived
through, ``U`` one or two rows an event time. Per tied group ``c0·S1S1ᵀ − c1·(S1D1ᵀ + D1S1ᵀ) + c2·D1D1ᵀ`` is a sum of
two squares, the second of which is there only with two tied events or more.
"""

from __future__ import annotations

from dataclasses import dataclass

import numba as nb
import numpy as np
from scipy.linalg import lapack

from lbp_prognosis._kernels._cox_data import CoxData
from lbp_prognosis._kernels._cox_sums import TiedEvents, _accumulate, _before, _group_terms, _lived

__all__ = ["CoxPass", "Curvature", "minimise_quadratic", "violations"]

_SWEEPS = 8
_TURNS = 100
_GROUND = (0.0, 1e-12, 1e-10, 1e-8, 1e-6)  # shares of the mean diagonal tried until a factor exists


@nb.njit(cache=True, nogil=True, error_model="numpy")
def _pass(
    eta, shift, weights, event, last, before, ends, count, mean_weight, efron, none,
    risk, s0, d0, hazard, own, c0, c1, c2, lived, residual,
):  # fmt: skip  # pragma: no cover - compiled
    n, m = eta.size, s0.size
    for i in range(n):
        risk[i] = np.exp(eta[i] - shift) * weights[i]
    for k in range(m):
        s0[k] = d0[k] = hazard[k] = own[k] = c0[k] = c1[k] = c2[k] = 0.0
    nothing = np.empty((1, 0))
    _accumulate(none, risk, event, last, before, ends, False, s0, nothing, d0, nothing)
    if before.size > 0:
        for k in range(m):
            s0[k] = max(s0[k], d0[k])  # differences of sums may fall a rounding short of the events themselves
    loglik = _group_terms(s0, d0, count, mean_weight, efron, hazard, own, c0, c1, c2)
    cumulative, correction = np.empty(m), np.empty(m)
    start = 0
    for end in ends:
        total = 0.0
        for k in range(start, end):
            total += hazard[k]
            cumulative[k] = total
            correction[k] = hazard[k] - own[k]
        start = end
    _lived(event, last, before, cumulative, correction, lived)
    for i in range(n):
        residual[i] = 0.0
        if lived[i] > 0.0:  # 0 · inf of a row that lived no hazard is 0
            lived[i] *= risk[i]
            residual[i] = -lived[i]
        if event[i]:
            residual[i] += weights[i]
            loglik += (eta[i] - shift) * weights[i]
    return loglik


class CoxPass:
    """Log-likelihood, martingale residuals and the scalars of the information at linear predictors; rows only."""

    def __init__(self, data: CoxData, tied: TiedEvents, efron: bool) -> None:
        n, m = data.last.size, data.times.size
        self.data, self.tied, self.efron = data, tied, efron
        self.none = np.empty((n, 0))
        self.risk, self.lived, self.residual = np.zeros((3, n))
        self.s0, self.d0, self.hazard, self.own, self.c0, self.c1, self.c2 = np.zeros((7, m))

    def at(self, eta: np.ndarray) -> float:
        """Move to ``eta``; return the log-likelihood there."""
        d, shift = self.data, float(eta.mean()) if eta.size else 0.0
        return _pass(
            eta, shift, self.tied.weights, d.event, d.last, _before(d), d.ends, self.tied.count, self.tied.mean_weight,
            self.efron, self.none, self.risk, self.s0, self.d0, self.hazard, self.own, self.c0, self.c1, self.c2,
            self.lived, self.residual,
        )  # fmt: skip


@nb.njit(cache=True, nogil=True)
def _scale_and_sum(
    raw, low, high, risk, root, event, last, before, ends, root0, share, root2, second, Z, U
):  # fmt: skip  # pragma: no cover - compiled
    """Fill columns ``low`` to ``high`` of ``Z`` and ``U``."""
    n, m = risk.size, root0.size
    delayed = before.size > 0
    s1, d1 = np.empty(m), np.empty(m)
    for j in range(low, high):
        s1[:] = 0.0
        d1[:] = 0.0
        for i in range(n):
            x = raw[i, j]
            Z[i, j] = x * root[i]
            k = last[i]
            a = risk[i] * x
            if k < 0 or a == 0.0:
                continue
            s1[k] += a
            if event[i]:
                d1[k] += a
            if delayed and before[i] >= 0:
                s1[before[i]] -= a
        start = 0
        for end in ends:
            for k in range(end - 2, start - 1, -1):
                s1[k] += s1[k + 1]
            start = end
        for k in range(m):
            U[k, j] = root0[k] * (s1[k] - share[k] * d1[k])
        for r in range(second.size):
            U[m + r, j] = root2[r] * d1[second[r]]


@nb.njit(cache=True, nogil=True, fastmath={"contract"})
def _sweeps(H, b, slope, l1, l2, tol, most):  # pragma: no cover - compiled
    """Cyclic coordinate descent in place: all columns, then the active ones until they rest, then all again.

    Returns whether every column rests.
    """
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
                row = H[j, :p]
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


@nb.njit(cache=True, nogil=True)
def violations(b, slope, l1, l2):  # pragma: no cover - compiled
    """Return the largest distance of a column from its optimality condition."""
    worst = 0.0
    for j in range(b.size):
        g = slope[j] - l2[j] * b[j]
        if b[j] > 0.0:
            gap = abs(g - l1[j])
        elif b[j] < 0.0:
            gap = abs(g + l1[j])
        else:
            gap = abs(g) - l1[j]
        worst = max(worst, gap)
    return worst


@dataclass
class _Factor:
    active: np.ndarray
    ridge: np.ndarray
    factor: np.ndarray


class Curvature:
    """Information, over ``total``, at a reference point on a growing set of columns.

    Attributes
    ----------
    columns : ndarray of shape (k,)
        The columns known so far.
    known : ndarray of bool of shape (p,)
        The same as a mask.
    raw : ndarray of shape (n, k)
        Their values side by side, so that gradients and linear predictors are products at BLAS speed.
    """

    def __init__(self, X: np.ndarray, state: CoxPass, total: float) -> None:
        self.X, self.state, self.total = X, state, total
        n, p = X.shape
        self.known = np.zeros(p, dtype=bool)
        self.columns = np.empty(0, dtype=np.int64)
        count = state.tied.count
        self.second = np.flatnonzero(count > 1) if state.efron else np.empty(0, dtype=np.int64)
        self.height = count.size + self.second.size
        self.room = 0
        self._raw = np.empty((n, 0), order="F")
        # the gradient is exact, so single precision does where the information is far from singular
        self.precision: np.dtype = np.dtype(np.float32 if n >= 4 * p else np.float64)
        self._Z, self._U = np.empty((n, 0), self.precision), np.empty((self.height, 0), self.precision)
        self._H = np.empty((0, 0))
        self.last_factor: _Factor | None = None
        self.ready = False

    @property
    def raw(self) -> np.ndarray:
        """Values of the known columns."""
        return self._raw[:, : self.columns.size]

    @property
    def matrix(self) -> np.ndarray:
        """The information, in the first rows and columns of a larger array."""
        return self._H

    def refresh(self) -> None:
        """Move the reference to where the state is."""
        s = self.state
        self.root, self.risk = np.sqrt(s.lived * (s.lived > 0)), s.risk.copy()
        self.root0 = np.sqrt(s.c0)
        self.share = np.divide(s.c1, s.c0, out=np.zeros_like(s.c0), where=s.c0 > 0)
        self.root2 = np.sqrt(np.maximum(s.c2 - self.share * s.c1, 0.0))[self.second]
        self.ready = True
        self._fill(0)

    def sharpen(self) -> None:
        """Compute the information in double precision from now on."""
        self.precision = np.dtype(np.float64)
        self._Z = np.empty(self._Z.shape, self.precision, order="F")
        self._U = np.empty(self._U.shape, self.precision, order="F")
        self.refresh()

    def extend(self, new: np.ndarray) -> None:
        """Add columns at the same reference; the first ones make the reference."""
        old, size = self.columns.size, self.columns.size + new.size
        if new.size == 0:
            return
        self._reserve(size)
        self._raw[:, old:size] = self.X[:, new]
        self.columns = np.concatenate([self.columns, new])
        self.known[new] = True
        if self.ready:
            self._fill(old)
        else:
            self.refresh()

    def _fill(self, old: int) -> None:
        size, d = self.columns.size, self.state.data
        self.last_factor = None
        if size == old:
            return
        _scale_and_sum(
            self._raw, old, size, self.risk, self.root, d.event, d.last, _before(d), d.ends, self.root0, self.share,
            self.root2, self.second, self._Z, self._U,
        )  # fmt: skip
        block = self._Z[:, :size].T @ self._Z[:, old:size]
        block -= self._U[:, :size].T @ self._U[:, old:size]
        self._H[:size, old:size] = block
        self._H[:size, old:size] /= self.total
        self._H[old:size, :old] = self._H[:old, old:size].T

    def _reserve(self, size: int) -> None:
        """Make room for ``size`` columns; buffers double, so that appending stays linear."""
        if size <= self.room:
            return
        old, self.room = self.columns.size, min(max(2 * size, 32), self.X.shape[1])
        H = np.empty((self.room, self.room))
        H[:old, :old] = self._H[:old, :old]
        self._raw, self._Z, self._U = (self._wider(buffer, old) for buffer in (self._raw, self._Z, self._U))
        self._H = H

    def _wider(self, buffer: np.ndarray, old: int) -> np.ndarray:
        out = np.empty((buffer.shape[0], self.room), buffer.dtype, order="F")
        out[:, :old] = buffer[:, :old]
        return out

    def factor(self, active: np.ndarray, ridge: np.ndarray) -> np.ndarray | None:
        """Cholesky factor of the information of the active columns plus a diagonal.

        Where columns can't be told apart the diagonal is raised a little: the step is shorter then, and repeated.
        """
        last = self.last_factor
        if last is not None and np.array_equal(last.active, active) and np.array_equal(last.ridge, ridge):
            return last.factor
        matrix = self._H[np.ix_(active, active)]
        matrix[np.diag_indices(active.size)] += ridge
        diagonal, ground = np.diag_indices(active.size), float(np.trace(matrix)) / active.size
        for share in _GROUND:
            # symmetric: its transpose is itself in the order LAPACK reads
            attempt = matrix.astype(self.precision)
            attempt[diagonal] += share * ground
            decompose = lapack.spotrf if self.precision == np.float32 else lapack.dpotrf
            factor, failed = decompose(attempt.T, lower=1, clean=0, overwrite_a=1)
            if not failed:
                self.last_factor = _Factor(active, ridge, factor)
                return factor
        return None


def minimise_quadratic(
    curvature: Curvature, gradient: np.ndarray, start: np.ndarray, l1: np.ndarray, l2: np.ndarray, tol: float
) -> tuple[np.ndarray, np.ndarray]:
    """Minimise ``−gᵀd + ½ dᵀHd + Σ l1|b| + ½ l2 b²`` over ``b = start + d``; return ``b`` and the slope there.

    A few sweeps find the active columns and their signs; given these the minimum is a linear system, which ends the
    slow crawl of coordinate descent between correlated columns.
    """
    H, b, slope = curvature.matrix, start.copy(), gradient.copy()
    for turn in range(_TURNS):
        _sweeps(H, b, slope, l1, l2, 0.5 * tol, _SWEEPS if turn == 0 else 2)
        if violations(b, slope, l1, l2) <= tol:
            break
        # columns only leave here, so this ends; the sweeps decide what comes back
        while _to_minimum_or_zero(curvature, b, slope, l1, l2):
            pass
        if violations(b, slope, l1, l2) <= tol:
            break
    return b, slope


def _to_minimum_or_zero(curvature: Curvature, b: np.ndarray, slope: np.ndarray, l1: np.ndarray, l2: np.ndarray) -> bool:
    """Move the active columns to their minimum, or as far as the first of them reaches zero; say whether one did."""
    H = curvature.matrix
    active = np.flatnonzero(b)
    factor = curvature.factor(active, l2[active]) if active.size else None
    if factor is None:
        return False
    values = b[active]
    rest = slope[active] - l2[active] * values - l1[active] * np.sign(values)
    solve = lapack.spotrs if factor.dtype == np.float32 else lapack.dpotrs
    move = solve(factor, rest, lower=1)[0].astype(float)
    crossing = values * (values + move) <= 0
    crosses = bool(crossing.any())
    if crosses:
        shares = np.where(crossing, -values / np.where(crossing, move, 1.0), np.inf)
        first = int(np.argmin(shares))
        move *= shares[first]
        move[first] = -values[first]
    slope -= move @ H[active, : b.size]
    b[active] = values + move
    if crosses:
        b[active[first]] = 0.0
    return crosses
