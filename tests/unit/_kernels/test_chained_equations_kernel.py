"""Compiled sweeps of chained equations against plain regressions written out here, with the same random numbers."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit

from lbp_prognosis._kernels import categories, chained_equations, column_model, expand_columns


def draw(model, Z, rng, matching, donors):
    W = np.column_stack([np.ones(len(Z)), (Z - model.centre) / model.scale])
    noise = rng.standard_normal(model.coef.shape)
    if model.kind:
        coefs = model.coef + np.stack([f @ e for f, e in zip(model.factor, noise)]) if len(noise) else model.coef
        return categories(W @ coefs.T, model.kind, rng.random((len(W), len(coefs))))
    sigma = model.sigma * np.sqrt(model.df / rng.chisquare(model.df))
    mean = W @ (model.coef[0] + sigma * (model.factor[0] @ noise[0]))
    if not matching:
        return mean + sigma * rng.standard_normal(mean.size)
    rank = rng.integers(min(donors, model.fitted.size), size=mean.size)
    nearest = np.argsort(np.abs(model.fitted[None, :] - mean[:, None]), axis=1, kind="stable")
    return model.observed[nearest[np.arange(mean.size), rank]]


def plain(X, kinds, levels, rng, iterations, donors, matching):
    missing, done = np.isnan(X), X.copy()
    for j in np.flatnonzero(missing.any(axis=0)):
        seen = X[~missing[:, j], j]
        done[missing[:, j], j] = seen[rng.integers(seen.size, size=missing[:, j].sum())]
    before = {}
    for _ in range(iterations):
        for j in np.argsort(missing.sum(axis=0), kind="stable"):
            holes = missing[:, j]
            if not holes.any():
                continue
            design, places = expand_columns(done, kinds, levels)
            others = np.delete(design, np.arange(places[j].start, places[j].stop), axis=1)
            before[j] = column_model(others[~holes], X[~holes, j], int(kinds[j]), int(levels[j]), before.get(j))
            done[holes, j] = draw(before[j], others[holes], rng, matching[j], donors)
    return done


def table(n, seed):
    rng = np.random.default_rng(seed)
    z = rng.normal(size=n)
    X = np.column_stack(
        [
            2000 + z,
            5 * z + rng.normal(size=n),
            rng.random(n) < expit(z),
            np.digitize(z + rng.normal(size=n), [-0.5, 0.6]),
            np.exp(0.3 * z + 0.2 * rng.normal(size=n)),
            np.full(n, 3.0),
            rng.integers(2, size=n),
        ]
    ).astype(float)
    holes = rng.random(X.shape) < np.array([0, 0.2, 0.3, 0.25, 0.6, 0, 0.1])
    return np.where(holes, np.nan, X), np.array([0, 0, 1, 2, 0, 0, 2]), np.array([0, 0, 0, 3, 0, 0, 2])


@pytest.mark.parametrize("n", [60, 1500])
@pytest.mark.parametrize("seed", range(3))
def test_the_compiled_sweeps_are_the_plain_ones(n, seed):
    X, kinds, levels = table(n, seed)
    matching = np.array([True, True, True, True, seed == 1, True, True])
    arguments = {"iterations": 4, "donors": 5, "matching": matching}
    got = chained_equations(X, kinds, levels, np.random.default_rng(seed), **arguments)
    want = plain(X, kinds, levels, np.random.default_rng(seed), **arguments)
    np.testing.assert_allclose(got, want, rtol=1e-7)
    assert np.array_equal(got[~np.isnan(X)], X[~np.isnan(X)])


def test_a_nominal_column_of_one_category_and_few_donors():
    X = np.array([[1.0, 0], [2, np.nan], [3, 0], [np.nan, 0], [5, 0]])
    done = chained_equations(X, np.array([0, 2]), np.array([0, 1]), np.random.default_rng(0), iterations=2, donors=9)
    assert done[1, 1] == 0
    assert done[3, 0] in {1, 2, 3, 5}
