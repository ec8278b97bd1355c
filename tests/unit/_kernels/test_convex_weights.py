"""Weights on a simplex: certificates of the minimum, brute force, and what happens where it is not unique."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize

from lbp_prognosis._kernels import convex_minimum, cox_fit, cox_nonnegative, quadratic_minimum


def moments(seed: int, k: int, n: int = 40) -> tuple[np.ndarray, np.ndarray]:
    """A weighted least squares problem, some with copies and mixtures among the columns."""
    rng = np.random.default_rng(seed)
    F, w = rng.random((n, k)), rng.random(n) + 0.1
    if seed % 3 == 0:
        F[:, 1] = F[:, 0]
    if seed % 5 == 0 and k > 3:
        F[:, 2] = 0.5 * F[:, 0] + 0.5 * F[:, 3]
    y = (rng.random(n) < F[:, 0]).astype(float)
    return (F.T * w) @ F / n, F.T @ (w * y) / n


@pytest.mark.parametrize("seed", range(40))
def test_certificate_of_the_minimum(seed):
    """Slopes are equal where the weight is above 0 and not lower where it is 0; the same in any order."""
    k = 2 + seed % 7
    H, c = moments(seed, k)
    alpha = quadratic_minimum(H, c)
    assert alpha.min() >= 0
    np.testing.assert_allclose(alpha.sum(), 1, atol=1e-13)
    slope = H @ alpha - c
    level = slope[alpha > 0].mean()
    np.testing.assert_allclose(slope[alpha > 0], level, atol=1e-13)
    assert (slope >= level - 1e-13).all()
    value = 0.5 * alpha @ H @ alpha - c @ alpha
    assert value <= (0.5 * np.diag(H) - c).min() + 1e-15
    order = np.random.default_rng(seed).permutation(k)
    np.testing.assert_allclose(quadratic_minimum(H[np.ix_(order, order)], c[order]), alpha[order], atol=1e-9)


@pytest.mark.parametrize("seed", range(12))
def test_without_a_sum(seed):
    k = 2 + seed % 5
    H, c = moments(seed, k)
    free = np.arange(k) == 0
    x = quadratic_minimum(H, c - 0.3, total=None, free=free)
    slope = H @ x - (c - 0.3)
    assert x[1:].min() >= 0
    assert abs(slope[0]) < 1e-10
    assert np.abs(slope[1:][x[1:] > 0]).max(initial=0) < 1e-10
    assert slope.min() > -1e-10


def test_a_grid_finds_nothing_better():
    H, c = moments(1, 3)
    alpha = quadratic_minimum(H, c)
    best = 0.5 * alpha @ H @ alpha - c @ alpha
    for a in np.linspace(0, 1, 41):
        for b in np.linspace(0, 1 - a, 41):
            x = np.array([a, b, 1 - a - b])
            assert 0.5 * x @ H @ x - c @ x >= best - 1e-14


def test_copies_share_their_weight():
    F = np.array([[0.9, 0.9, 0.4], [0.4, 0.4, 0.5], [0.3, 0.3, 0.7], [0.6, 0.6, 0.5], [0.5, 0.5, 0.2], [0.1, 0.1, 0.4]])
    w, y = np.array([1, 0, 1.25, 1.25, 1.25, 1.25]), np.array([1, 0, 1, 1, 0, 0])
    alpha = quadratic_minimum((F.T * w) @ F, F.T @ (w * y))
    np.testing.assert_allclose(alpha, [0.418181818181818 / 2, 0.418181818181818 / 2, 0.581818181818182], atol=1e-10)
    one = quadratic_minimum(np.ones((2, 2)), np.ones(2))
    np.testing.assert_allclose(one, [0.5, 0.5], atol=1e-12)


def test_edges():
    assert quadratic_minimum(np.array([[2.0]]), np.array([5.0])).tolist() == [1.0]
    assert quadratic_minimum(np.eye(2), np.array([3.0, 3.0]), total=None).tolist() == [3.0, 3.0]
    assert quadratic_minimum(np.eye(2), np.array([-3.0, 3.0]), total=None).tolist() == [0.0, 3.0]
    assert quadratic_minimum(np.eye(2), np.array([1.0, 0.0])).tolist() == [1.0, 0.0]  # on the bound
    np.testing.assert_allclose(quadratic_minimum(np.eye(2), np.array([1.0, 1e-6])), [1 - 5e-7, 5e-7], rtol=1e-9)


def test_newton_on_the_simplex_agrees_with_another_optimiser():
    rng = np.random.default_rng(3)
    F = rng.uniform(0.05, 0.95, (80, 4))
    y = (rng.random(80) < 0.7 * F[:, 0] + 0.3 * F[:, 2]).astype(float)

    def at(a):
        p = F @ a
        bend = y / p**2 + (1 - y) / (1 - p) ** 2
        return (
            -float(np.mean(y * np.log(p) + (1 - y) * np.log1p(-p))),
            F.T @ ((p - y) / (p * (1 - p))) / 80,
            (F.T * bend) @ F / 80,
        )

    alpha, converged = convex_minimum(at, np.full(4, 0.25))
    assert converged
    slope = at(alpha)[1]
    level = slope[alpha > 0].mean()
    np.testing.assert_allclose(slope[alpha > 0], level, atol=1e-8)
    assert (slope >= level - 1e-8).all()
    other = minimize(
        lambda a: at(a)[0],
        np.full(4, 0.25),
        bounds=[(0, 1)] * 4,
        constraints={"type": "eq", "fun": lambda a: a.sum() - 1},
        method="SLSQP",
        options={"ftol": 1e-14},
    )
    np.testing.assert_allclose(alpha, other.x, atol=1e-5)  # the other stops by the value


def test_cox_with_coefficients_that_may_not_be_negative():
    """Where the free maximum is inside, it is Cox's; a column against the hazard gets 0, and the rest is refitted."""
    rng = np.random.default_rng(5)
    X = rng.normal(size=(150, 3))
    time = rng.exponential(np.exp(-X @ [0.8, 0.4, -0.5])).round(1) + 0.1
    event = rng.random(150) < 0.8
    inside, converged = cox_nonnegative(X[:, :2], time, event)
    assert converged
    np.testing.assert_allclose(inside, cox_fit(X[:, :2], time, event).coef, rtol=1e-9)
    bounded, _ = cox_nonnegative(X, time, event)
    assert bounded[2] == 0
    np.testing.assert_allclose(bounded[:2], inside, rtol=1e-9)
    free, _ = cox_nonnegative(X, time, event, free=np.array([False, False, True]))
    np.testing.assert_allclose(free, cox_fit(X, time, event).coef, rtol=1e-9)
    counts = rng.integers(0, 3, 150).astype(float)
    weighted, _ = cox_nonnegative(X[:, :2], time, event, weights=counts, frequency=True)
    np.testing.assert_allclose(weighted, cox_fit(X[:, :2], time, event, weights=counts, frequency=True).coef, rtol=1e-9)
