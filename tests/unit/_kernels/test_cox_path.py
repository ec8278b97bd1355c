"""Elastic-net paths: long steps, single precision, and the quadratic against plain coordinate descent."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from lbp_prognosis._kernels import _cox_path, cox_data, cox_path
from lbp_prognosis._kernels._cox_gradient import cox_gradient
from lbp_prognosis._kernels._cox_quadratic import Quadratic, violations
from lbp_prognosis._kernels._cox_sums import tied_events


def draw(n: int, p: int, shared: float = 0.5, seed: int = 0):
    rng = np.random.default_rng(seed)
    X = np.sqrt(1 - shared) * rng.normal(size=(n, p)) + np.sqrt(shared) * rng.normal(size=(n, 1))
    beta = np.zeros(p)
    beta[:10] = np.linspace(-0.6, 0.6, min(p, 10))
    time = np.ceil(rng.exponential(300, n) / np.exp(X @ beta))
    leave = np.ceil(rng.exponential(500, n))
    return (X - X.mean(axis=0)) / X.std(axis=0), np.minimum(time, leave), time <= leave


def worst(data, X, path, *, alpha, weights=None, offset=None, ties="breslow", factors=None):
    """Largest violation of the optimality conditions on the path, in double precision, over the largest slope."""
    n, p = X.shape
    w = np.ones(n) if weights is None else weights
    f, shift = np.ones(p) if factors is None else factors, np.zeros(n) if offset is None else offset
    bare = replace(data, X=np.empty((n, 0)))
    tied = tied_events(bare, np.ascontiguousarray(data.sorted(w)), False)
    slope = lambda eta: X.T @ cox_gradient(bare, tied, eta, efron=ties == "efron")[1] / w.sum()  # noqa: E731
    gaps = []
    for lam, b in zip(path.lambdas, path.coef):
        g = slope(X @ b + shift) - lam * (1 - alpha) * f * b
        l1 = lam * alpha * f
        gaps.append(np.where(b != 0, np.abs(g - np.sign(b) * l1), np.abs(g) - l1).max())
    return max(gaps) / np.abs(slope(shift)).max()


@pytest.mark.parametrize(
    ("n", "p", "shared", "alpha", "share"),
    [
        (120, 600, 0.5, 0.5, 0.02),
        (120, 600, 0.5, 1.0, 0.01),
        (120, 600, 0.95, 1.0, 0.01),
        (300, 40, 0.999, 1.0, 1e-3),
        (300, 40, 0.5, 0.5, 1e-4),
        (100, 150, 0.5, 0.0, 1e-3),
    ],
)
def test_one_long_step_costs_little_and_ends_where_many_short_ones_do(n, p, shared, alpha, share):
    X, time, event = draw(n, p, shared)
    data = cox_data(X, time, event)
    top = cox_path(data, n_lambdas=1, alpha=alpha).lambdas[0]
    alone = cox_path(data, lambdas=np.array([share * top]), alpha=alpha, tol=1e-8)
    two = cox_path(data, n_lambdas=2, min_ratio=share, alpha=alpha, tol=1e-8)
    fine = cox_path(data, lambdas=top * np.geomspace(1, share, 120), alpha=alpha, tol=1e-8)
    for path in (alone, two, fine):
        assert path.converged.all()
        assert worst(data, X, path, alpha=alpha) < 1e-7
    # slopes agree to 1e-8; where columns are nearly the same coefficients agree less closely than what they predict
    for path in (alone, two):
        np.testing.assert_allclose(path.loglik[-1], fine.loglik[-1], rtol=1e-7)
        np.testing.assert_allclose(X @ path.coef[-1], X @ fine.coef[-1], atol=1e-4)
    # without penalties in between hundreds of columns enter at once and are sent away one system each
    for path in (alone, two):
        assert path.evaluations <= 150
        assert path.systems <= 500


def test_no_penalty_at_the_end_of_a_grid():
    X, time, event = draw(400, 8)
    data = cox_data(X, time, event)
    path = cox_path(data, lambdas=np.array([0.05, 0.0]), tol=1e-9)
    assert path.converged.all()
    assert worst(data, X, path, alpha=1.0) < 1e-8


@pytest.mark.parametrize("ties", ["efron", "breslow"])
def test_single_precision_keeps_the_tolerance(ties):
    X, time, event = draw(700, 60, seed=3)
    rng = np.random.default_rng(4)
    X = X * 10.0 ** rng.integers(-2, 3, 60)  # as where columns are not standardised
    strata, entry = rng.integers(0, 2, 700), np.where(rng.random(700) < 0.3, np.floor(0.3 * time), 0.0)
    weights, offset = rng.uniform(0.5, 2.0, 700), rng.normal(size=700)
    factors = np.where(np.arange(60) < 2, 0.0, rng.uniform(0.5, 2.0, 60))
    data = cox_data(X, time, event, entry=entry, strata=strata)
    given = {"alpha": 0.7, "weights": weights, "offset": offset, "ties": ties, "factors": factors}
    path = cox_path(data, n_lambdas=50, min_ratio=1e-3, **given)
    assert path.converged.all()
    assert worst(data, X, path, **given) < 1.05e-6


def test_double_precision_takes_over_where_single_does_not_do(monkeypatch):
    X, time, event = draw(400, 30, seed=5)
    data = cox_data(X, time, event)
    wanted = cox_path(data, n_lambdas=30, tol=1e-10)
    monkeypatch.setattr(_cox_path, "_ROUNDING", 1e-9)
    widened = []
    original = _cox_path.Curvature.widen
    monkeypatch.setattr(_cox_path.Curvature, "widen", lambda self: (widened.append(1), original(self)))
    path = cox_path(data, lambdas=wanted.lambdas, tol=1e-6)
    assert widened == [1]
    assert path.converged.all()
    assert worst(data, X, path, alpha=1.0) < 1.05e-6
    np.testing.assert_allclose(path.coef, wanted.coef, atol=1e-5)  # what slopes within 1e-6 leave open


def descend(H, g, l1, l2):
    """Plain coordinate descent from zero, until it rests."""
    b = np.zeros(g.size)
    for _ in range(20000):
        old = b.copy()
        for j in range(b.size):
            z = g[j] - H[j] @ b + H[j, j] * b[j]
            b[j] = np.sign(z) * max(abs(z) - l1[j], 0.0) / (H[j, j] + l2[j])
        if np.abs(b - old).max() < 1e-13:
            break
    return b


@pytest.mark.parametrize("single", [False, True])
def test_one_factor_serves_many_penalties(single):
    """Columns enter and leave and the ridge changes, while the factor of earlier penalties is used on."""
    rng = np.random.default_rng(6)
    p = 25
    Z = rng.normal(size=(80, p)) + 0.8 * rng.normal(size=(80, 1))
    H = np.ascontiguousarray(Z.T @ Z / 80, dtype=np.float32 if single else np.float64)
    g = Z.T @ (Z[:, :6] @ rng.normal(size=6) + rng.normal(size=80)) / 80
    quadratic, b, slope = Quadratic(), np.zeros(p), g.copy()
    active = []
    for lam in np.geomspace(np.abs(g).max(), 1e-3, 25):
        l1, l2 = np.full(p, 0.8 * lam), np.full(p, 0.2 * lam)
        b, slope = quadratic.minimise(H, slope, b, l1, l2, 1e-9)
        assert violations(b, slope, l1, l2) <= 1e-9
        np.testing.assert_allclose(b, descend(H.astype(float), g, l1, l2), atol=1e-7)
        active.append(set(np.flatnonzero(b).tolist()))
    assert any(before - after for before, after in pairwise(active)), "no column left: draw again"
    # the slope was carried along, not computed anew
    np.testing.assert_allclose(slope, g - H.astype(float) @ b, atol=1e-9)


def test_columns_that_change_sign_stop_at_zero():
    """From far away many columns cross zero; more leave at once than there are systems."""
    rng = np.random.default_rng(7)
    p = 200
    Z = rng.normal(size=(60, p))
    H = Z.T @ Z / 60
    start = rng.normal(size=p)
    g = Z.T @ rng.normal(size=60) / 60
    l1, l2 = np.full(p, 0.05), np.full(p, 0.01)
    quadratic = Quadratic()
    b, slope = quadratic.minimise(H, g - H @ start, start, l1, l2, 1e-9)
    assert violations(b, slope, l1, l2) <= 1e-9
    np.testing.assert_allclose(b, descend(H, g, l1, l2), atol=1e-6)
    assert quadratic.systems <= 40


def test_the_largest_penalty_does_not_depend_on_the_precision():
    X, time, event = draw(500, 20, seed=8)
    data = cox_data(X, time, event)
    single, double = (cox_path(data, n_lambdas=1, tol=tol).lambdas[0] for tol in (1e-6, 1e-9))
    assert single == double


@pytest.mark.parametrize("ties", ["efron", "breslow"])
def test_ridge_with_more_columns_than_rows_is_solved_among_the_rows(monkeypatch, ties):
    X, time, event = draw(80, 300, seed=3)
    rng = np.random.default_rng(3)
    X[:, 7] = 0.0  # a constant column
    factors = rng.choice([0.5, 1.0, 3.0], 300)
    factors[[0, 4]] = 0.0
    data = cox_data(X, time, event)
    given = {"factors": factors, "weights": rng.uniform(0.5, 2, 80), "offset": 0.3 * rng.normal(size=80), "ties": ties}
    few = cox_path(data, alpha=0.0, n_lambdas=15, min_ratio=0.01, **given)
    assert few.converged.all()
    assert worst(data, X, few, alpha=0.0, **given) < 1e-5
    monkeypatch.setattr(_cox_path, "_row_space", lambda data, factors: None)
    all_columns = cox_path(data, alpha=0.0, n_lambdas=15, min_ratio=0.01, tol=1e-9, **given)
    np.testing.assert_allclose(few.lambdas, all_columns.lambdas, rtol=1e-6)
    np.testing.assert_allclose(few.coef, all_columns.coef, atol=2e-5 * np.abs(all_columns.coef).max())
    np.testing.assert_allclose(few.loglik, all_columns.loglik, rtol=1e-6)
    assert (few.coef[:, 7] == 0).all()


def test_a_step_to_an_infinite_objective_is_halved(monkeypatch):
    """Of a patient far from all others one step is so long that the risks of the others vanish."""
    X = np.array([[210.0, -30.0], [-0.1, -1.3], [-0.3, -1.3], [-0.6, 0.6], [-0.8, -0.6]])
    step, reached = _cox_path._Solver._step, []

    def watched(self, *given):
        taken = step(self, *given)
        reached.append(self.loglik)
        return taken

    monkeypatch.setattr(_cox_path._Solver, "_step", watched)
    path = cox_path(cox_data(X, np.arange(1.0, 6.0), np.ones(5, dtype=bool)), n_lambdas=8, min_ratio=1e-4, tol=1e-9)
    assert np.isfinite(reached).all()
    assert path.converged[:5].all()
