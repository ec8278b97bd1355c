"""EM for the multivariate normal: complete data, known truth, and the conditional of the notes."""

from __future__ import annotations

import numpy as np
import pytest
from syn import syn

from lbp_prognosis._kernels import normal_conditional, normal_em, normal_quadrature


def test_complete_data_give_the_sample_moments() -> None:
    X = np.random.default_rng(1).normal(size=(50, 3))
    mean, covariance, _ = normal_em(X, ddof=1)
    np.testing.assert_allclose(mean, X.mean(axis=0), atol=1e-12)
    np.testing.assert_allclose(covariance, np.cov(X.T), rtol=1e-8)


def test_the_conditional_of_imaging_given_the_rest() -> None:
    table = syn().iloc[:400]
    names = ["c1", "c2", "p1", "p2", "m1", "m2", "g1"]
    _, covariance, _ = normal_em(table[names].to_numpy(), ddof=1)
    slope, residual = normal_conditional(covariance, np.array([n in ("m1", "m2") for n in names]))
    assert slope[0, 1] == pytest.approx(0.24805202, abs=1e-7)
    assert np.all(np.linalg.eigvalsh(residual) > 0)


def test_monotone_missingness_has_a_closed_form() -> None:
    # with x complete and y missing at random, ML of E y is the regression estimate at the mean of all x
    rng = np.random.default_rng(2)
    x = rng.normal(size=200)
    y = 2 + x + rng.normal(size=200)
    y[x > 0.5] = np.nan
    seen = ~np.isnan(y)
    slope, intercept = np.polyfit(x[seen], y[seen], 1)
    mean, covariance, _ = normal_em(np.column_stack([x, y]), tol=1e-12, max_iter=5000)
    assert mean[1] == pytest.approx(intercept + slope * x.mean(), abs=1e-7)
    assert covariance[0, 1] / covariance[0, 0] == pytest.approx(slope, abs=1e-7)


def test_quadrature_is_exact_for_polynomials() -> None:
    z, w = normal_quadrature(20)
    assert (w * z**4).sum() == pytest.approx(3, abs=1e-10)
