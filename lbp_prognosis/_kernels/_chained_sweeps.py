"""Sweeps of chained equations, compiled: every visit regresses one column on the others and draws its holes.

All random numbers come in, so that the stream of the caller's generator does not depend on how the visits are computed.
The design is transposed: sums over rows then run along memory.
"""

from __future__ import annotations

from math import exp, sqrt

import numpy as np
from numba import njit

from lbp_prognosis._kernels._cholesky import factorise, solve_lower, solve_upper

__all__ = ["chained_sweeps"]

_FLAT = 1e-12  # share of a squared standard unit below which a column counts as constant


@njit(cache=True, fastmath={"reassoc", "contract", "nsz"})
def _weighted_sum(D, weight, out):
    for a in range(D.shape[0]):
        total = 0.0
        for i in range(D.shape[1]):
            total += weight[i] * D[a, i]
        out[a] = total


@njit(cache=True)
def _score(D, used, coef, centre, scale, out):
    """Linear score of all rows from coefficients on the standardised scale."""
    shift = coef[0]
    for a in range(1, used.size):
        shift -= coef[a] * centre[a] / scale[a]
    out[:] = shift
    for a in range(1, used.size):
        slope, column = coef[a] / scale[a], D[used[a]]
        for i in range(out.size):
            out[i] += slope * column[i]


@njit(cache=True)
def _standardised(C, used, centre, scale, S):
    """Cross products of the used columns, centred and scaled, into the lower triangle of ``S``."""
    for a in range(used.size):
        for b in range(a + 1):
            i, j = used[b], used[a]
            value = C[i, j] - centre[a] * C[0, i] - centre[b] * C[0, j] + centre[a] * centre[b] * C[0, 0]
            S[a, b] = value / (scale[a] * scale[b])


@njit(cache=True)
def _moments(C, used, centre, scale):
    centre[0], scale[0] = 0.0, 1.0
    for a in range(1, used.size):
        j = used[a]
        centre[a] = C[0, j] / C[0, 0]
        variance = C[j, j] / C[0, 0] - centre[a] ** 2
        scale[a] = sqrt(variance) if variance > _FLAT * (1.0 + centre[a] ** 2) else 1.0


@njit(cache=True)
def _logistic(D, used, rows, hit, centre, scale, prior, coef, C, S, eta):
    """Newton's steps to the posterior mode from ``coef``; the Cholesky root of the curvature is left in ``S``."""
    n, k = eta.size, used.size
    weight, residual, moved, step = np.empty(n), np.empty(n), np.empty(D.shape[0]), np.empty(k)
    for _ in range(30):
        _score(D, used, coef, centre, scale, eta)
        for i in range(n):
            p = 1.0 / (1.0 + exp(-eta[i]))
            weight[i] = p * (1.0 - p) if rows[i] else 0.0
            residual[i] = hit[i] - p if rows[i] else 0.0
        np.dot(D * weight, D.T, C)
        _weighted_sum(D, residual, moved)
        _standardised(C, used, centre, scale, S)
        for a in range(k):
            precision = prior if a else 1e-3
            S[a, a] += precision
            step[a] = (moved[used[a]] - centre[a] * moved[0]) / scale[a] - precision * coef[a]
        factorise(S)
        solve_lower(S, step)
        solve_upper(S, step)
        size = np.abs(step).max()
        coef += step if size <= 4 else step * (4 / size)
        if size < 1e-6:  # far below the posterior spread from which coefficients are drawn
            break


@njit(cache=True)
def _continuous(D, used, x, holes, ridge, match, normal, chi, extra, C, S, eta):
    """Draw a continuous column in place: ``extra`` holds the donor's rank (matching) or a standard normal deviate."""
    n, k = x.size, used.size
    m = n - holes.sum()
    seen = 1.0 - holes
    centre, scale = np.empty(k), np.empty(k)
    np.dot(D * seen, D.T, C)
    _moments(C, used, centre, scale)
    _standardised(C, used, centre, scale, S)
    target, moved, coef = np.zeros(n), np.empty(D.shape[0]), np.empty(k)
    for i in range(n):
        if not holes[i]:
            target[i] = x[i]
    _weighted_sum(D, target, moved)
    for a in range(k):
        S[a, a] += ridge * m
        coef[a] = (moved[used[a]] - centre[a] * moved[0]) / scale[a]
    factorise(S)
    solve_lower(S, coef)
    solve_upper(S, coef)
    _score(D, used, coef, centre, scale, eta)
    fitted, observed, squares, place = np.empty(m), np.empty(m), 0.0, 0
    for i in range(n):
        if not holes[i]:
            fitted[place], observed[place] = eta[i], x[i]
            squares += (x[i] - eta[i]) ** 2
            place += 1
    df = max(m - k, 1)
    sigma = sqrt(squares / df) * sqrt(df / chi)
    solve_upper(S, normal)
    _score(D, used, coef + sigma * normal, centre, scale, eta)
    if not match:
        hole = 0
        for i in range(n):
            if holes[i]:
                x[i] = eta[i] + sigma * extra[hole]
                hole += 1
        return
    order = np.argsort(fitted)
    grid = fitted[order]
    hole = 0
    for i in range(n):
        if holes[i]:
            high = np.searchsorted(grid, eta[i])
            low, taken = high - 1, 0
            for _ in range(int(extra[hole]) + 1):  # walk outwards, nearest first
                if high == m or (low >= 0 and eta[i] - grid[low] <= grid[high] - eta[i]):
                    taken, low = low, low - 1
                else:
                    taken, high = high, high + 1
            x[i] = observed[order[taken]]
            hole += 1


@njit(cache=True)
def _categorical(D, used, x, holes, binary, steps, prior, coefs, normal, uniform, C, S, eta):
    """Draw a 0/1 column (one step) or a nominal one (category after category) in place."""
    n, k = x.size, used.size
    centre, scale = np.empty(k), np.empty(k)
    rows, hit, drawn = np.empty(n, dtype=np.bool_), np.zeros(n), np.empty((steps, n))
    np.dot(D * (1.0 - holes), D.T, C)
    _moments(C, used, centre, scale)
    for step in range(steps):
        for i in range(n):
            rows[i] = not holes[i] and (binary or x[i] >= step)
            hit[i] = 1.0 if rows[i] and x[i] == (1 if binary else step) else 0.0
        _logistic(D, used, rows, hit, centre, scale, prior, coefs[step], C, S, eta)
        noise = normal[step].copy()
        solve_upper(S, noise)
        _score(D, used, coefs[step] + noise, centre, scale, drawn[step])
    hole = 0
    for i in range(n):
        if holes[i]:
            value = 0 if binary else steps
            for step in range(steps):
                if uniform[hole, step] < 1.0 / (1.0 + exp(-drawn[step, i])):
                    value = 1 if binary else step
                    break
            x[i] = value
            hole += 1


@njit(cache=True)
def chained_sweeps(
    X,
    D,
    holes,
    visits,
    kinds,
    steps,
    places,
    centres,
    scales,
    match,
    ridge,
    prior,
    iterations,
    normals,
    chis,
    extras,
):
    """Sweep ``iterations`` times over the columns ``visits`` of the filled ``X``; ``X`` and ``D`` change in place.

    ``X`` and ``holes`` are (columns, n), ``D`` the transposed design whose first row is one; column j has rows
    ``places[j]`` to ``places[j + 1]`` of it, standardised with ``centres`` and ``scales`` if continuous. ``normals``,
    ``chis`` and ``extras`` are read in the order of the visits: normal deviates of the coefficients, a χ² of a
    continuous column's residual degrees of freedom, and what a hole needs (see the drawing functions).
    """
    q, n = D.shape
    eta, C = np.empty(n), np.zeros((q, q))
    before = np.zeros((steps[visits].sum(), q))
    at_normal, at_chi, at_extra = 0, 0, 0
    for _ in range(iterations):
        at_before = 0
        for j in visits:
            first, last = places[j], places[j + 1]
            used = np.concatenate((np.arange(first), np.arange(last, q)))
            k, h = used.size, holes[j].sum()
            S = np.empty((k, k))
            noise = normals[at_normal : at_normal + steps[j] * k].reshape(steps[j], k).copy()
            at_normal += steps[j] * k
            if kinds[j] == 0:
                _continuous(D, used, X[j], holes[j], ridge, match[j], noise[0], chis[at_chi],
                            extras[at_extra : at_extra + h], C, S, eta)  # fmt: skip
                at_chi += 1
                at_extra += h
                for i in range(n):
                    if holes[j, i]:
                        D[first, i] = (X[j, i] - centres[j]) / scales[j]
                continue
            coefs = before[at_before : at_before + steps[j], :k]
            at_before += steps[j]
            uniform = extras[at_extra : at_extra + h * steps[j]].reshape(h, steps[j])
            at_extra += h * steps[j]
            _categorical(D, used, X[j], holes[j], kinds[j] == 1, steps[j], prior, coefs, noise, uniform, C, S, eta)
            for i in range(n):
                if holes[j, i]:
                    if kinds[j] == 1:
                        D[first, i] = X[j, i]
                    else:
                        for a in range(first, last):
                            D[a, i] = 1.0 if X[j, i] == a - first + 1 else 0.0
