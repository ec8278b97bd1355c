"""Penalised minimum of a quadratic: a few sweeps of coordinate descent, then linear systems on the active columns.

Sweeps find which columns are active and with which sign; given these the minimum is a linear system, which ends the
slow crawl of coordinate descent between correlated columns. Where many columns would change their sign on the way, as
many of them stop at zero at once as the quadratic allows. One Cholesky factor serves many systems: columns that
become active are appended to it, the few that leave are held at zero by a Schur complement, and what a penalty that has
moved on since changes in its diagonal is made good by repeating the step with the exact slope.
"""

from __future__ import annotations

import numpy as np
from scipy.linalg import lapack

from lbp_prognosis._kernels._compiled import compiled

__all__ = ["Quadratic", "product", "violations"]

_FIRST_SWEEPS, _SWEEPS = 4, 2
_TURNS = 200
_SYSTEMS = 60  # linear systems in one turn
_LEFT = 32  # about one column in so many may have left before the factor is made anew
_REPEAT = 0.3  # a step on a factor that leaves more of the slope than this asks for a new one
_LOST = 1e30  # a coefficient, per standard deviation, of a quadratic that falls without end
_GROUND = (0.0, 1e-12, 1e-10, 1e-8, 1e-6)  # shares of the mean diagonal tried until a factor exists


@compiled(fastmath={"contract"})
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
        if not largest < _LOST:
            return False
        if largest <= tol:
            if everything:
                return True
            everything = True
        else:
            everything = False
    return False


@compiled()
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


@compiled()
def _triangle(H, columns, out):  # pragma: no cover - compiled
    """Copy the lower triangle of these rows and columns."""
    for i in range(columns.size):
        row = H[columns[i]]
        for j in range(i + 1):
            out[i, j] = row[columns[j]]


@compiled(fastmath={"reassoc", "contract"})
def _substitute(L, right, back):  # pragma: no cover - compiled
    """Solve ``L y = r`` in place for each column of ``right``, and with ``back`` also ``Lᵀ x = y``."""
    size, count = right.shape
    x = np.empty(size)
    for c in range(count):
        for i in range(size):
            row = L[i, :i]
            total = right[i, c]
            for j in range(i):
                total -= row[j] * x[j]
            x[i] = total / L[i, i]
        if back:
            for i in range(size - 1, -1, -1):
                x[i] /= L[i, i]
                value = x[i]
                row = L[i, :i]
                for j in range(i):
                    x[j] -= value * row[j]
        for i in range(size):
            right[i, c] = x[i]


@compiled(fastmath={"contract"})
def product(H, columns, move, out):  # pragma: no cover - compiled
    """Add ``H[:, columns] @ move``."""
    for a in range(columns.size):
        d = move[a]
        if d != 0.0:
            row = H[columns[a]]
            for k in range(out.size):
                out[k] += d * row[k]


class Quadratic:
    """``−gᵀd + ½ dᵀHd + Σ l1|b| + ½ l2 b²`` over ``b = start + d``; the factor is kept while ``H`` stays.

    ``H`` may grow: `minimise` reads as many of its first rows and columns as the vectors are long.

    Attributes
    ----------
    systems : int
        Linear systems solved so far.
    """

    def __init__(self) -> None:
        self._factor, self.systems = np.empty((0, 0)), 0
        self.forget()

    def forget(self) -> None:
        """Drop the factor, because ``H`` has changed."""
        self.inside = np.empty(0, dtype=np.int64)

    def minimise(
        self, H: np.ndarray, gradient: np.ndarray, start: np.ndarray, l1: np.ndarray, l2: np.ndarray, tol: float
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the minimum, to a violation of ``tol`` where it can be had, and the slope of ``H`` there."""
        b, slope = start.copy(), gradient.copy()
        for turn in range(_TURNS):
            _sweeps(H, b, slope, l1, l2, 0.5 * tol, _SWEEPS if turn else _FIRST_SWEEPS)
            if not np.abs(b).max(initial=0.0) < _LOST:
                # rounding has made H indefinite: it has no minimum, and the caller needs a better H
                return start.copy(), gradient.copy()
            if violations(b, slope, l1, l2) <= tol:
                break
            self._to_minimum(H, b, slope, l1, l2, 0.5 * tol)
            if violations(b, slope, l1, l2) <= tol:
                break
        return b, slope

    def _to_minimum(
        self, H: np.ndarray, b: np.ndarray, slope: np.ndarray, l1: np.ndarray, l2: np.ndarray, tol: float
    ) -> None:
        """Move the active columns to their minimum; those that reach zero on the way stay there.

        Columns only leave here, so this ends; the sweeps decide what comes back.
        """
        last, new = np.inf, False
        for _ in range(_SYSTEMS):
            active = np.flatnonzero(b)
            if active.size == 0:
                return
            values = b[active]
            signed = l1[active] * np.sign(values)
            rest = slope[active] - l2[active] * values - signed
            size = float(np.abs(rest).max())
            if size <= tol:
                return
            if size > _REPEAT * last:
                if new:
                    return
                self.forget()
                new = True
            move = self._solve(H, active, rest, l2)
            if move is None:
                return
            crossing = values * (values + move) <= 0
            if crossing.any():
                move = self._shorten(H, active, values, rest, move, crossing, l2)
                last = np.inf
            else:
                last = size
            change = np.zeros(b.size)
            product(H, active, move, change)
            slope -= change
            b[active] = values + move

    def _shorten(
        self,
        H: np.ndarray,
        active: np.ndarray,
        values: np.ndarray,
        rest: np.ndarray,
        move: np.ndarray,
        crossing: np.ndarray,
        l2: np.ndarray,
    ) -> np.ndarray:
        """Stop columns that would change their sign at zero and go on with the others, as far as that descends.

        Half as far, and half of that, is tried where it does not; short of the first crossing it always does.
        """
        shares = np.where(crossing, -values / np.where(crossing, move, 1.0), np.inf)
        first = int(np.argmin(shares))
        length, change = 1.0, np.empty(int(active.max()) + 1)
        while length > shares[first]:
            cut = np.where(shares <= length, -values, length * move)
            change[:] = 0.0
            product(H, active, cut, change)
            if float(-rest @ cut + 0.5 * (cut @ change[active] + (l2[active] * cut) @ cut)) < 0:
                return cut
            length /= 2
        move = move * shares[first]
        move[first] = -values[first]
        return move

    def _solve(self, H: np.ndarray, active: np.ndarray, rest: np.ndarray, l2: np.ndarray) -> np.ndarray | None:
        self.systems += 1
        place = self._places(H)
        fresh = active[place[active] < 0]
        left = self.inside.size + fresh.size - active.size
        if self.inside.size == 0 or left * _LEFT > active.size + 64 or 2 * fresh.size > active.size:
            if not self._decompose(H, active, l2):
                return None
        elif fresh.size and not self._append(H, fresh, l2) and not self._decompose(H, active, l2):
            return None
        mine, size = self._places(H)[active], self.inside.size
        right = np.zeros((size, 1))
        right[mine, 0] = rest
        _substitute(self._factor, right, True)
        held = np.ones(size, dtype=bool)
        held[mine] = False
        gone = np.flatnonzero(held)
        if gone.size:
            unit = np.zeros((size, gone.size))
            unit[gone, np.arange(gone.size)] = 1.0
            _substitute(self._factor, unit, True)
            right -= unit @ np.linalg.solve(unit[gone], right[gone])
        return right[mine, 0]

    def _places(self, H: np.ndarray) -> np.ndarray:
        """Place of each column in the factor, −1 outside."""
        out = np.full(H.shape[0], -1, dtype=np.int64)
        out[self.inside] = np.arange(self.inside.size)
        return out

    def _reserve(self, size: int, dtype: np.dtype) -> None:
        old = self._factor
        if old.dtype != dtype or old.shape[0] < size:
            self._factor = np.zeros((2 * size, 2 * size), dtype)
            kept = self.inside.size
            self._factor[:kept, :kept] = old[:kept, :kept]

    def _decompose(self, H: np.ndarray, active: np.ndarray, l2: np.ndarray) -> bool:
        """Factor the rows and columns of the active columns plus their ridge.

        Where columns are collinear the diagonal is raised a little: the step is shorter then, and repeated.
        """
        self.forget()
        size = active.size
        matrix = np.zeros((size, size), H.dtype)
        _triangle(H, active, matrix)
        diagonal = np.diag_indices(size)
        matrix[diagonal] += l2[active].astype(H.dtype)
        ground = float(np.trace(matrix)) / size
        decompose = lapack.spotrf if H.dtype == np.float32 else lapack.dpotrf
        for share in _GROUND:
            attempt = matrix.copy()
            attempt[diagonal] += H.dtype.type(share * ground)
            factor, failed = decompose(attempt.T, lower=0, clean=0, overwrite_a=1)
            if not failed:
                self._reserve(size, H.dtype)
                self.inside = active
                self._factor[:size, :size] = factor.T
                return True
        return False

    def _append(self, H: np.ndarray, fresh: np.ndarray, l2: np.ndarray) -> bool:
        """Add columns to the factor: ``[L 0; Yᵀ M]`` with ``L Y = H[inside, fresh]``."""
        old, size = self.inside.size, self.inside.size + fresh.size
        block = H[np.ix_(self.inside, fresh)].astype(float)
        _substitute(self._factor, block, False)
        corner = H[np.ix_(fresh, fresh)].astype(float) - block.T @ block
        corner[np.diag_indices(fresh.size)] += l2[fresh]
        own = np.diag(H)[fresh] + l2[fresh]
        if (np.diag(corner) <= (1e-5 if H.dtype == np.float32 else 1e-12) * own).any():
            return False
        last, failed = lapack.dpotrf(corner, lower=1)
        if failed:
            return False
        self._reserve(size, H.dtype)
        self._factor[old:size, :old] = block.T
        self._factor[old:size, old:size] = last
        self.inside = np.concatenate([self.inside, fresh])
        return True
