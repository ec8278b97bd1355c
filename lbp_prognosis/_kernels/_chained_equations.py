"""Chained equations: each incomplete column drawn in turn from its regression on all others.

Columns are of three kinds: 0 continuous, drawn by predictive mean matching or from the normal model; 1 binary, from a
logistic model; 2 nominal with codes 0 … K−1, category after category from logistic models of "this one rather than a
later one". Parameters are drawn from their approximate posterior before values are, so that imputations differ as
much as they should.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.special import expit

from lbp_prognosis._kernels._blas import one_thread
from lbp_prognosis._kernels._chained_sweeps import Visit, chained_sweeps

__all__ = ["ColumnModel", "categories", "chained_equations", "column_model", "expand_columns"]

RIDGE = 1e-5  # share of n added to the diagonal of standardised cross products, against collinear columns
PRIOR = 0.1  # precision of the normal prior of a logistic coefficient on the standardised scale, against separation


class ColumnModel(NamedTuple):
    """Regression of a column on all others.

    ``coef`` has a row per category (nominal, the last has none) or one row; ``factor`` holds, likewise, square roots of
    the coefficients' covariance (for continuous columns up to σ²); ``sigma`` and ``df`` are of the residuals.
    """

    kind: int
    centre: np.ndarray
    scale: np.ndarray
    coef: np.ndarray
    factor: np.ndarray
    sigma: float
    df: int
    fitted: np.ndarray
    observed: np.ndarray


def expand_columns(X: np.ndarray, kinds: np.ndarray, levels: np.ndarray) -> tuple[np.ndarray, list[slice]]:
    """Return the design with indicators for nominal columns, and the place of each column in it."""
    if (kinds != 2).all():
        return np.array(X, dtype=float, order="C"), [slice(j, j + 1) for j in range(X.shape[1])]
    parts, places, start = [], [], 0
    for j in range(X.shape[1]):
        part = (X[:, j][:, None] == np.arange(1, levels[j])).astype(float) if kinds[j] == 2 else X[:, j][:, None]
        parts.append(part)
        places.append(slice(start, start + part.shape[1]))
        start += part.shape[1]
    return np.hstack(parts), places


def _standardised(Z: np.ndarray, centre: np.ndarray, scale: np.ndarray) -> np.ndarray:
    return np.hstack([np.ones((Z.shape[0], 1)), (Z - centre) / scale])


def column_model(Z: np.ndarray, y: np.ndarray, kind: int, levels: int, start: ColumnModel | None = None) -> ColumnModel:
    """Fit one column on the rows where it was observed; ``Z`` are the other columns of these rows.

    ``start`` is an earlier fit of the column, from which Newton's steps begin.
    """
    centre, spread = Z.mean(axis=0), Z.std(axis=0)
    scale = np.where(spread > 0, spread, 1.0)
    W = _standardised(Z, centre, scale)
    if kind == 0:
        cross = W.T @ W
        cross[np.diag_indices_from(cross)] += RIDGE * y.size  # a constant column has a zero there
        root = np.linalg.cholesky(cross)
        coef = np.linalg.solve(cross, W.T @ y)
        fitted = W @ coef
        df = max(y.size - W.shape[1], 1)
        sigma = float(np.sqrt(((y - fitted) ** 2).sum() / df))
        factor = np.linalg.inv(root).T  # factor @ factor.T = cross⁻¹
        return ColumnModel(0, centre, scale, coef[None], factor[None], sigma, df, fitted, y)
    steps = 1 if kind == 1 else levels - 1
    coefs, factors = np.zeros((steps, W.shape[1])), np.zeros((steps, W.shape[1], W.shape[1]))
    for k in range(steps):
        rows = slice(None) if kind == 1 else y >= k
        hit = (y[rows] == (1 if kind == 1 else k)).astype(float)
        coefs[k], factors[k] = _logistic(W[rows], hit, None if start is None else start.coef[k])
    return ColumnModel(kind, centre, scale, coefs, factors, 0.0, 0, np.empty(0), y)


def _logistic(W: np.ndarray, hit: np.ndarray, start: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
    """Posterior mode and a root of its inverse curvature, with a weak normal prior on all but the intercept."""
    prior = np.full(W.shape[1], PRIOR)
    prior[0] = 1e-3
    coef = np.zeros(W.shape[1]) if start is None else start
    for _ in range(30):
        p = expit(W @ coef)
        curvature = (W * (p * (1 - p))[:, None]).T @ W + np.diag(prior)
        step = np.linalg.solve(curvature, W.T @ (hit - p) - prior * coef)
        size = np.abs(step).max(initial=0.0)
        coef = coef + (step if size <= 4 else step * (4 / size))
        if size < 1e-6:  # far below the posterior spread from which coefficients are drawn
            break
    return coef, np.linalg.inv(np.linalg.cholesky(curvature)).T


def categories(eta: np.ndarray, kind: int, uniform: np.ndarray) -> np.ndarray:
    """Turn logits (n, steps) and uniforms of the same shape into codes."""
    hit = uniform < expit(eta)
    if kind == 1:
        return hit[:, 0].astype(float)
    return np.where(hit.any(axis=1), hit.argmax(axis=1), eta.shape[1]).astype(float)


def chained_equations(
    X: np.ndarray,
    kinds: np.ndarray,
    levels: np.ndarray,
    rng: np.random.Generator,
    *,
    iterations: int = 10,
    donors: int = 5,
    matching: np.ndarray | None = None,
) -> np.ndarray:
    """Return one completed copy of ``X`` (NaN where missing); observed values are untouched.

    Columns are visited from the least to the most incomplete, ``iterations`` times, starting from values drawn from the
    observed ones. ``matching`` says which continuous columns are matched (by default all).
    """
    missing = np.isnan(X)
    done = X.copy()
    for j in np.flatnonzero(missing.any(axis=0)):
        seen = X[~missing[:, j], j]
        done[missing[:, j], j] = seen[rng.integers(seen.size, size=int(missing[:, j].sum()))]
    counts = missing.sum(axis=0)
    visits = np.array([j for j in np.argsort(counts, kind="stable") if counts[j]], dtype=np.int64)
    if not visits.size or not iterations:
        return done
    match = np.ones(X.shape[1], dtype=bool) if matching is None else np.asarray(matching, dtype=bool)
    design, slices = expand_columns(done, kinds, levels)
    places = np.array([1, *(place.stop + 1 for place in slices)])
    steps = np.where(kinds == 2, np.maximum(levels - 1, 0), 1).astype(np.int64)
    centre, scale = np.zeros(X.shape[1]), np.ones(X.shape[1])
    for j in np.flatnonzero(kinds == 0):  # sums of squares of columns far from zero would lose digits
        centre[j], spread = np.nanmean(X[:, j]), np.nanstd(X[:, j])
        scale[j] = spread if spread > 0 else 1.0
        design[:, slices[j].start] = (design[:, slices[j].start] - centre[j]) / scale[j]
    filled = np.ascontiguousarray(done.T)
    drawn = _random_numbers(
        rng, visits, kinds, steps, design.shape[1] + 1 - np.diff(places), counts, X.shape[0], match, iterations, donors
    )
    D = np.ascontiguousarray(np.vstack([np.ones(X.shape[0]), design.T]))

    def visit(j: int) -> Visit:
        first, last = int(places[j]), int(places[j + 1])
        used, holes = np.concatenate([np.arange(first), np.arange(last, D.shape[0])]), missing[:, j]
        return Visit(
            int(j),
            int(kinds[j]),
            int(steps[j]),
            np.flatnonzero(holes),
            np.flatnonzero(~holes),
            used,
            first,
            last,
            float(centre[j]),
            float(scale[j]),
            bool(match[j]),
        )

    with one_thread():
        chained_sweeps(filled, D, [visit(j) for j in visits], RIDGE, PRIOR, iterations, *drawn)
    return np.ascontiguousarray(filled.T)


def _random_numbers(
    rng: np.random.Generator,
    visits: np.ndarray,
    kinds: np.ndarray,
    steps: np.ndarray,
    others: np.ndarray,
    counts: np.ndarray,
    n: int,
    match: np.ndarray,
    iterations: int,
    donors: int,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return what the visits will need, visit after visit: normal deviates, χ² deviates, and numbers for the holes."""
    normals, chis, extras = [], [], []
    for _ in range(iterations):
        for j in visits:
            holes, seen = int(counts[j]), n - int(counts[j])
            normals.append(rng.standard_normal(int(steps[j] * others[j])))
            if kinds[j] != 0:
                extras.append(rng.random(holes * int(steps[j])))
                continue
            chis.append(rng.chisquare(max(seen - int(others[j]), 1)))
            drawn = rng.integers(min(donors, seen), size=holes) if match[j] else rng.standard_normal(holes)
            extras.append(drawn.astype(float))
    return np.concatenate(normals), np.array(chis, dtype=float), np.concatenate(extras)
