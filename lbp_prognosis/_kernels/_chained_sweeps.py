"""Sweeps of chained equations: every visit regresses one column on the others and draws its holes, compiled.

All random numbers come in, so that the stream of the caller's generator does not depend on how the visits are computed.
The design is transposed: sums over rows then run along memory. The kinds of column are compiled apart, so that a table
without the one does not wait for it on its first call, and loops are written out where an array expression is dear to
compile.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import exp, sqrt
from typing import NamedTuple

import numpy as np

from lbp_prognosis._kernels._cholesky import factorise, solve_lower, solve_upper
from lbp_prognosis._kernels._compiled import compiled, inner

__all__ = ["Visit", "chained_sweeps"]

_FLAT = 1e-12  # share of a squared standard unit below which a column counts as constant


class Visit(NamedTuple):
    """A column that has holes, and where it stands in the design.

    ``holes`` and ``seen`` are row numbers, ``used`` the rows of the transposed design that are not its own, which are
    ``first`` to ``last``. ``steps`` counts its regressions; ``centre`` and ``scale`` standardise a continuous one, and
    ``match`` says whether its holes take values of donors or are drawn from the normal model.
    """

    column: int
    kind: int
    steps: int
    holes: np.ndarray
    seen: np.ndarray
    used: np.ndarray
    first: int
    last: int
    centre: float
    scale: float
    match: bool


@inner()
def _cross(D, weight, W, C):
    """Weighted cross products of the design in ``C``; ``W`` is room for the weighted rows."""
    for a in range(D.shape[0]):
        for i in range(D.shape[1]):
            W[a, i] = D[a, i] * weight[i]
    np.dot(W, D.T, C)


@inner(fastmath={"reassoc", "contract", "nsz"})
def _weighted_sum(D, weight, out):
    for a in range(D.shape[0]):
        total = 0.0
        for i in range(D.shape[1]):
            total += weight[i] * D[a, i]
        out[a] = total


@inner()
def _score(D, used, coef, centre, scale, out):
    """Linear score of all rows from coefficients on the standardised scale."""
    shift = coef[0]
    for a in range(1, used.size):
        shift -= coef[a] * centre[a] / scale[a]
    for i in range(out.size):
        out[i] = shift
    for a in range(1, used.size):
        slope, j = coef[a] / scale[a], used[a]
        for i in range(out.size):
            out[i] += slope * D[j, i]


@inner()
def _standardised(C, used, centre, scale, S):
    """Cross products of the used columns, centred and scaled, into the lower triangle of ``S``."""
    for a in range(used.size):
        for b in range(a + 1):
            i, j = used[b], used[a]
            value = C[i, j] - centre[a] * C[0, i] - centre[b] * C[0, j] + centre[a] * centre[b] * C[0, 0]
            S[a, b] = value / (scale[a] * scale[b])


@compiled()
def _moments(D, used, known, C, W, centre, scale):
    """Leave cross products of the rows where ``known`` is 1 (else 0) in ``C``, and what standardises the columns."""
    _cross(D, known, W, C)
    centre[0], scale[0] = 0.0, 1.0
    for a in range(1, used.size):
        j = used[a]
        centre[a] = C[0, j] / C[0, 0]
        variance = C[j, j] / C[0, 0] - centre[a] ** 2
        scale[a] = sqrt(variance) if variance > _FLAT * (1.0 + centre[a] ** 2) else 1.0


@compiled()
def _logistic(D, used, x, known, code, least, centre, scale, prior, coef, C, S, W, eta):
    """Regress "``code``" against the others from ``least`` on; the Cholesky root of the curvature is left in ``S``.

    Newton's steps move ``coef`` to the posterior mode; ``centre`` and ``scale`` are those of `_moments`.
    """
    n, k = eta.size, used.size
    weight, residual, moved, step = np.empty(n), np.empty(n), np.empty(D.shape[0]), np.empty(k)
    for _ in range(30):
        _score(D, used, coef, centre, scale, eta)
        for i in range(n):
            weight[i], residual[i] = 0.0, 0.0
            if known[i] > 0.0 and x[i] >= least:
                p = 1.0 / (1.0 + exp(-eta[i]))
                weight[i] = p * (1.0 - p)
                residual[i] = (1.0 if x[i] == code else 0.0) - p
        _cross(D, weight, W, C)
        _weighted_sum(D, residual, moved)
        _standardised(C, used, centre, scale, S)
        for a in range(k):
            precision = prior if a else 1e-3
            S[a, a] += precision
            step[a] = (moved[used[a]] - centre[a] * moved[0]) / scale[a] - precision * coef[a]
        factorise(S)
        solve_lower(S, step)
        solve_upper(S, step)
        size = 0.0
        for a in range(k):
            size = max(size, abs(step[a]))
        for a in range(k):
            coef[a] += step[a] if size <= 4 else step[a] * (4 / size)
        if size < 1e-6:  # far below the posterior spread from which coefficients are drawn
            break


@compiled()
def _continuous(D, used, x, known, centre, scale, ridge, normal, chi, C, S, fitted, eta):
    """Fit a continuous column, its `_moments` known; return σ as drawn.

    Its means at the fitted coefficients are left in ``fitted``, at the drawn ones in ``eta``.
    """
    n, k = x.size, used.size
    _standardised(C, used, centre, scale, S)
    moved, coef, m = np.empty(D.shape[0]), np.empty(k), 0
    for i in range(n):
        eta[i] = known[i] * x[i]
        m += int(known[i])
    _weighted_sum(D, eta, moved)
    for a in range(k):
        S[a, a] += ridge * m
        coef[a] = (moved[used[a]] - centre[a] * moved[0]) / scale[a]
    factorise(S)
    solve_lower(S, coef)
    solve_upper(S, coef)
    _score(D, used, coef, centre, scale, fitted)
    squares = 0.0
    for i in range(n):
        squares += known[i] * (x[i] - fitted[i]) ** 2
    df = max(m - k, 1)
    sigma = sqrt(squares / df) * sqrt(df / chi)
    solve_upper(S, normal)
    for a in range(k):
        coef[a] += sigma * normal[a]
    _score(D, used, coef, centre, scale, eta)
    return sigma


@compiled()
def _match(x, holes, donors, grid, eta, ranks):
    """Fill holes by the ``ranks``-th nearest of the donors, who come in ascending order of their means ``grid``."""
    m = grid.size
    for hole in range(holes.size):
        value, low, high = eta[holes[hole]], 0, m
        while low < high:
            middle = (low + high) // 2
            if grid[middle] < value:
                low = middle + 1
            else:
                high = middle
        low, taken = high - 1, 0
        for _ in range(int(ranks[hole]) + 1):  # walk outwards, nearest first
            if high == m or (low >= 0 and value - grid[low] <= grid[high] - value):
                taken, low = low, low - 1
            else:
                taken, high = high, high + 1
        x[holes[hole]] = x[donors[taken]]


@compiled()
def _draw_logits(D, used, centre, scale, coef, noise, S, logit):
    """Logits at coefficients drawn around the posterior mode; ``noise``, standard normal deviates, is overwritten."""
    solve_upper(S, noise)
    for a in range(noise.size):
        noise[a] += coef[a]
    _score(D, used, noise, centre, scale, logit)


@compiled()
def _choose(x, holes, binary, drawn, uniform):
    """Turn logits and uniform deviates into codes in the holes."""
    for hole in range(holes.size):
        i = holes[hole]
        x[i] = 0 if binary else drawn.shape[0]
        for step in range(drawn.shape[0]):
            if uniform[hole, step] < 1.0 / (1.0 + exp(-drawn[step, i])):
                x[i] = 1 if binary else step
                break


def chained_sweeps(
    X: np.ndarray,
    D: np.ndarray,
    visits: Sequence[Visit],
    ridge: float,
    prior: float,
    iterations: int,
    normals: np.ndarray,
    chis: np.ndarray,
    extras: np.ndarray,
) -> None:
    """Sweep ``iterations`` times over the columns to visit; the filled ``X`` and the design ``D`` change in place.

    Parameters
    ----------
    X : ndarray of shape (columns, n)
        Filled table.
    D : ndarray of shape (q, n)
        Design whose first row is one.
    visits : sequence of Visit
        In their order.
    ridge, prior : float
        Share of the rows on the diagonal of a least-squares fit; precision of a logistic coefficient.
    iterations : int
        Sweeps.
    normals, chis, extras : ndarray
        Read in the order of the visits: normal deviates of the coefficients, a χ² of a continuous column's residual
        degrees of freedom, and for each hole the donor's rank, a normal deviate, or a uniform one per step.
    """
    q, n = D.shape
    fitted, eta, C, W = np.empty(n), np.empty(n), np.zeros((q, q)), np.empty((q, n))
    known = [np.ones(n) for _ in visits]
    for visit, mask in zip(visits, known):
        mask[visit.holes] = 0.0
    before = [np.zeros((visit.steps, visit.used.size)) for visit in visits]
    rooms = [np.empty((visit.used.size, visit.used.size)) for visit in visits]
    logits = [np.empty((visit.steps, n)) for visit in visits]
    at_normal, at_chi, at_extra = 0, 0, 0
    for _ in range(iterations):
        for place, (column, kind, steps, holes, seen, used, first, last, centre, scale, match) in enumerate(visits):
            x, mask, S, k = X[column], known[place], rooms[place], used.size
            middle, spread = np.empty(k), np.empty(k)
            _moments(D, used, mask, C, W, middle, spread)
            normal = normals[at_normal : at_normal + steps * k]
            extra = extras[at_extra : at_extra + holes.size * (steps if kind else 1)]
            at_normal, at_extra = at_normal + normal.size, at_extra + extra.size
            if kind:
                drawn, noise = logits[place], normal.reshape(steps, k).copy()
                for step in range(steps):  # category after category, or 1 against 0
                    (code, least), coef = (1, 0) if kind == 1 else (step, step), before[place][step]
                    _logistic(D, used, x, mask, code, least, middle, spread, prior, coef, C, S, W, drawn[step])
                    _draw_logits(D, used, middle, spread, coef, noise[step], S, drawn[step])
                _choose(x, holes, kind == 1, drawn, extra.reshape(holes.size, steps))
                values = x[holes]
                if kind == 1:
                    D[first, holes] = values
                else:
                    for a in range(first, last):
                        D[a, holes] = values == a - first + 1
                continue
            sigma = _continuous(D, used, x, mask, middle, spread, ridge, normal, chis[at_chi], C, S, fitted, eta)
            at_chi += 1
            if match:
                means = fitted[seen]
                order = np.argsort(means, kind="stable")
                _match(x, holes, seen[order], means[order], eta, extra)
            else:
                x[holes] = eta[holes] + sigma * extra
            D[first, holes] = (x[holes] - centre) / scale
