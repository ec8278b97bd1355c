"""Categorical regression against closed forms, finite differences and statsmodels."""

from __future__ import annotations

import numpy as np
import pytest

from lbp_prognosis._kernels import categorical_fit, categorical_parts, categorical_probabilities


@pytest.fixture
def data():
    rng = np.random.default_rng(5)
    X = np.column_stack([np.ones(300), rng.normal(size=(300, 3))])
    eta = X @ np.array([[-0.5, 0.6, -0.3, 0.0], [-1.0, 0.0, 0.4, 0.2]]).T
    p = categorical_probabilities(eta, "logit")
    y = (rng.random(300)[:, None] > p.cumsum(axis=1)).sum(axis=1)
    return X, y, rng.integers(1, 4, 300).astype(float)


def test_one_binary_rate_is_the_mean():
    y = np.array([0, 0, 1, 1, 1])
    fit = categorical_fit(np.ones((5, 1)), y)
    assert fit.coef[0, 0] == pytest.approx(np.log(1.5), rel=1e-13)
    assert fit.information[0, 0] == pytest.approx(5 * 0.6 * 0.4, rel=1e-12)
    log_log = categorical_fit(np.ones((5, 1)), y, link="cloglog")
    assert -np.expm1(-np.exp(log_log.coef[0, 0])) == pytest.approx(0.6, rel=1e-12)


@pytest.mark.parametrize(("link", "categories"), [("logit", 1), ("logit", 2), ("cloglog", 1)])
def test_score_and_information_are_the_derivatives(link, categories):
    rng = np.random.default_rng(0)
    eta = rng.normal(scale=2, size=(50, categories))
    eta[0] = -12.0  # a tiny hazard, where the information cancels
    response = rng.integers(0, categories + 1, 50)
    _, score, information = categorical_parts(eta, response, link)
    h = 1e-5
    for j in range(categories):
        step = np.zeros_like(eta)
        step[:, j] = h
        up, down = categorical_parts(eta + step, response, link), categorical_parts(eta - step, response, link)
        np.testing.assert_allclose((up[0] - down[0]) / (2 * h), score[:, j], atol=1e-6, rtol=1e-6)
        np.testing.assert_allclose(-(up[1] - down[1]) / (2 * h), information[:, j], atol=1e-6, rtol=1e-6)


def test_weights_are_copies_and_offsets_and_ridge_work(data):
    X, y, w = data
    weighted = categorical_fit(X, y, categories=2, weights=w)
    copies = categorical_fit(np.repeat(X, w.astype(int), axis=0), np.repeat(y, w.astype(int)), categories=2)
    np.testing.assert_allclose(weighted.coef, copies.coef, atol=1e-11)
    np.testing.assert_allclose(weighted.information, copies.information, rtol=1e-10, atol=1e-9)
    moved = categorical_fit(X, y, categories=2, offset=X @ np.full((4, 2), 0.25))
    np.testing.assert_allclose(moved.coef + 0.25, categorical_fit(X, y, categories=2).coef, atol=1e-11)
    penalty = np.array([0.0, 5.0, 5.0, 5.0])
    ridge = categorical_fit(X, (y > 0).astype(int), penalty=penalty)
    gradient = X.T @ ((y > 0) - categorical_probabilities(X @ ridge.coef.T, "logit")[:, 1]) - penalty * ridge.coef[0]
    np.testing.assert_allclose(gradient, 0, atol=1e-10)


def test_agrees_with_statsmodels(data):
    import statsmodels.api as sm

    X, y, w = data
    binary = (y > 0).astype(int)
    theirs = sm.GLM(binary, X, family=sm.families.Binomial(), freq_weights=w).fit(tol=1e-14)
    ours = categorical_fit(X, binary, weights=w)
    np.testing.assert_allclose(ours.coef[0], theirs.params, atol=1e-10)
    np.testing.assert_allclose(np.linalg.inv(ours.information), theirs.cov_params(), atol=1e-9)
    assert ours.loglik == pytest.approx(theirs.llf, rel=1e-12)
    several = sm.MNLogit(y, X).fit(disp=0, method="newton", maxiter=50, tol=1e-14)
    np.testing.assert_allclose(categorical_fit(X, y, categories=2).coef, several.params.T, atol=1e-9)


def test_separation_does_not_converge():
    x = np.linspace(-1, 1, 20)
    fit = categorical_fit(np.column_stack([np.ones(20), x]), (x > 0).astype(int))
    assert not fit.converged


def test_impossible_categories_and_fixed_parameters():
    X = np.ones((6, 1))
    y = np.array([0, 1, 1, 0, 2, 0])
    offset = np.zeros((6, 2))
    offset[:4, 1] = -np.inf  # the first four rows cannot see category 2
    fit = categorical_fit(X, y, categories=2, offset=offset)
    assert fit.converged
    fixed = categorical_fit(
        X, np.minimum(y, 1), categories=2, free=np.array([[True], [False]]), offset=offset - [0, 1e9]
    )
    assert fixed.coef[0, 0] == pytest.approx(0, abs=1e-12)
    assert fixed.information.shape == (1, 1)
