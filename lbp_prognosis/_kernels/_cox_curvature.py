"""Quadratic model of a Cox log-likelihood on a growing set of columns.

The information at a reference point is ``ZᵀZ − UᵀU``: ``Z`` holds the rows times the root of the hazard they have lived
through, ``U`` one or two rows per event time. Per tied group ``c0·S1S1ᵀ − c1·(S1D1ᵀ + D1S1ᵀ) + c2·D1D1ᵀ`` is a sum of
two squares, the second of which is there only with two tied events or more.
"""

from __future__ import annotations

import numpy as np

from lbp_prognosis._kernels import _cox_sums
from lbp_prognosis._kernels._compiled import compiled
from lbp_prognosis._kernels._cox_data import CoxData
from lbp_prognosis._kernels._cox_quadratic import Quadratic
from lbp_prognosis._kernels._cox_sums import TiedEvents, _before

__all__ = ["CoxPass", "Curvature"]

# inside a compiled kernel only compiled ones can be called
_accumulate = _cox_sums._accumulate.compiled
_group_terms = _cox_sums._group_terms.compiled
_lived = _cox_sums._lived.compiled


@compiled()
def _pass(
    eta,
    shift,
    weights,
    event,
    last,
    before,
    ends,
    count,
    mean_weight,
    efron,
    none,
    risk,
    s0,
    d0,
    hazard,
    own,
    c0,
    c1,
    c2,
    lived,
    residual,
):  # pragma: no cover - compiled
    n, m = eta.size, s0.size
    for i in range(n):
        risk[i] = np.exp(eta[i] - shift) * weights[i]
    for k in range(m):
        s0[k] = d0[k] = hazard[k] = own[k] = c0[k] = c1[k] = c2[k] = 0.0
    nothing = np.empty((1, 0))
    with_d = none.shape[1] > 0  # never; a constant would be a type of its own, and `_accumulate` compiled once more
    _accumulate(none, risk, event, last, before, ends, with_d, s0, nothing, d0, nothing)
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
            eta,
            shift,
            self.tied.weights,
            d.event,
            d.last,
            _before(d),
            d.ends,
            self.tied.count,
            self.tied.mean_weight,
            self.efron,
            self.none,
            self.risk,
            self.s0,
            self.d0,
            self.hazard,
            self.own,
            self.c0,
            self.c1,
            self.c2,
            self.lived,
            self.residual,
        )


@compiled()
def _scale_and_sum(
    raw, low, high, risk, root, event, last, before, ends, root0, share, root2, second, Z, U
):  # pragma: no cover - compiled
    """Fill columns ``low`` to ``high`` of ``Z`` and ``U``."""
    n, m = risk.size, root0.size
    delayed = before.size > 0
    s1, d1 = np.empty(m), np.empty(m)
    for j in range(low, high):
        for k in range(m):
            s1[k] = 0.0
            d1[k] = 0.0
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


@compiled()
def _by_columns(X, order, out):  # pragma: no cover - compiled
    """Copy a matrix kept by rows into one kept by columns, a few rows at a time so that both stay in the cache."""
    for low in range(0, X.shape[0], 32):
        high = min(low + 32, X.shape[0])
        for j in range(order.size):
            column = order[j]
            for i in range(low, high):
                out[i, j] = X[i, column]


@compiled()
def _bring_forward(values, order, place, first, columns):  # pragma: no cover - compiled
    """Exchange columns, here rows of halves of numbers, so that these follow the ``first`` ones."""
    for j in range(columns.size):
        here, there = first + j, place[columns[j]]
        if here == there:
            continue
        for i in range(values.shape[1]):
            values[here, i], values[there, i] = values[there, i], values[here, i]
        other = order[here]
        order[here], order[there] = order[there], other
        place[order[here]], place[other] = here, there


class Curvature:
    """Information, over ``total``, at a reference point on a growing set of columns.

    Attributes
    ----------
    values : ndarray of shape (n, p)
        All columns side by side in the order ``order``, those known so far in front: gradients and linear predictors
        are products at BLAS speed, and both read the same memory.
    order : ndarray of shape (p,)
        Column of the caller for each column there.
    known : ndarray of bool of shape (p,)
        Columns the information is of.
    matrix : ndarray
        The information, in the first rows and columns of a larger array.
    tall : bool
        Whether there are many rows per column.
    refreshed : int
        Times it was computed.
    """

    def __init__(self, X: np.ndarray, state: CoxPass, total: float, single: bool) -> None:
        self.X, self.state, self.total = X, state, total
        n, p = X.shape
        self.known = np.zeros(p, dtype=bool)
        self.order, self.place, self.size = np.arange(p), np.arange(p), 0
        self.values = np.empty((n, p), np.float32 if single else np.float64, order="F")
        _by_columns(X, self.order, self.values)
        count = state.tied.count
        self.second = np.flatnonzero(count > 1) if state.efron else np.empty(0, dtype=np.int64)
        self.height = count.size + self.second.size
        self.room = self.refreshed = 0
        self.tall = n >= 4 * p
        # the gradient is exact, so single precision does where the information is far from singular
        self.precision: np.dtype = np.dtype(np.float32 if single and self.tall else np.float64)
        self._Z, self._U = np.empty((n, 0), self.precision), np.empty((self.height, 0), self.precision)
        self.matrix = np.empty((0, 0), self.precision)
        self.quadratic = Quadratic()
        self.ready = False

    @property
    def columns(self) -> np.ndarray:
        """The columns known so far, shape (k,)."""
        return self.order[: self.size]

    @property
    def raw(self) -> np.ndarray:
        """Their values, shape (n, k)."""
        return self.values[:, : self.size]

    def refresh(self) -> None:
        """Move the reference to where the state is."""
        s = self.state
        self.root, self.risk = np.sqrt(s.lived * (s.lived > 0) / self.total), s.risk.copy()
        self.root0 = np.sqrt(s.c0 / self.total)
        self.share = np.divide(s.c1, s.c0, out=np.zeros_like(s.c0), where=s.c0 > 0)
        self.root2 = np.sqrt(np.maximum(s.c2 - self.share * s.c1, 0.0) / self.total)[self.second]
        self.ready = True
        self.refreshed += 1
        self._fill(0)

    def sharpen(self) -> None:
        """Compute the information in double precision from now on."""
        self.precision = np.dtype(np.float64)
        self._Z = np.empty(self._Z.shape, self.precision, order="F")
        self._U = np.empty(self._U.shape, self.precision, order="F")
        self.matrix = np.empty(self.matrix.shape, self.precision)
        self.refresh()

    def widen(self) -> None:
        """Hold the columns in double precision from now on."""
        self.values = np.empty(self.X.shape, order="F")
        _by_columns(self.X, self.order, self.values)

    def extend(self, new: np.ndarray) -> None:
        """Add columns at the same reference; the first ones make the reference."""
        if new.size == 0:
            return
        old = self.size
        self._reserve(old + new.size)
        halves = self.values.T.view(np.uint32)  # one type for both precisions, so that it is compiled once
        _bring_forward(halves, self.order, self.place, old, new)
        self.size += new.size
        self.known[new] = True
        if self.ready:
            self._fill(old)
        else:
            self.refresh()

    def minimise(
        self, gradient: np.ndarray, start: np.ndarray, l1: np.ndarray, l2: np.ndarray, tol: float
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the penalised minimum of the quadratic with this gradient at ``start``, and its slope there."""
        return self.quadratic.minimise(self.matrix, gradient, start, l1, l2, tol)

    def _fill(self, old: int) -> None:
        size, d = self.size, self.state.data
        if size == old:
            return
        if old == 0:
            self.quadratic.forget()
        _scale_and_sum(
            self.values,
            old,
            size,
            self.risk,
            self.root,
            d.event,
            d.last,
            _before(d),
            d.ends,
            self.root0,
            self.share,
            self.root2,
            self.second,
            self._Z,
            self._U,
        )
        block = self._Z[:, :size].T @ self._Z[:, old:size]
        block -= self._U[:, :size].T @ self._U[:, old:size]
        self.matrix[:size, old:size] = block
        self.matrix[old:size, :old] = block[:old].T

    def _reserve(self, size: int) -> None:
        """Make room for ``size`` columns; buffers double, so that appending stays linear."""
        if size <= self.room:
            return
        old, self.room = self.size, min(max(2 * size, 256), self.X.shape[1])
        matrix = np.empty((self.room, self.room), self.precision)
        matrix[:old, :old] = self.matrix[:old, :old]
        self._Z, self._U = self._wider(self._Z, old), self._wider(self._U, old)
        self.matrix = matrix

    def _wider(self, buffer: np.ndarray, old: int) -> np.ndarray:
        out = np.empty((buffer.shape[0], self.room), buffer.dtype, order="F")
        out[:, :old] = buffer[:, :old]
        return out
