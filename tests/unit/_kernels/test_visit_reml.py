"""Restricted likelihood of visits against a brute-force twin on the dense covariance of all scores."""

from __future__ import annotations

import numpy as np
import pytest

from lbp_prognosis._kernels import visit_reml


def scores(n: int = 40, visits: int = 3, seed: int = 0) -> tuple[np.ndarray, ...]:
    rng = np.random.default_rng(seed)
    x, own = rng.normal(size=n), rng.normal(size=n)
    wide = 1 + 0.5 * x[:, None] + own[:, None] + rng.normal(size=(n, visits)) * np.arange(1, visits + 1)
    wide[rng.random((n, visits)) < 0.25] = np.nan
    patient, visit = np.nonzero(~np.isnan(wide))
    patient = np.unique(patient, return_inverse=True)[1]
    design = np.column_stack([np.ones(patient.size), x[np.nonzero(~np.isnan(wide))[0]], visit])
    return wide[~np.isnan(wide)], design, patient, visit


def dense(theta: np.ndarray, basis: np.ndarray, score, design, patient, visit) -> float:
    """Return the restricted log-likelihood, one matrix for all scores."""
    whole = np.tensordot(theta, basis, axes=1)
    V = np.where(patient[:, None] == patient[None, :], whole[np.ix_(visit, visit)], 0.0)
    inverse = np.linalg.inv(V)
    information = design.T @ inverse @ design
    residual = score - design @ np.linalg.solve(information, design.T @ inverse @ score)
    spare = score.size - design.shape[1]
    parts = np.linalg.slogdet(V)[1] + np.linalg.slogdet(information)[1] + residual @ inverse @ residual
    return -0.5 * (spare * np.log(2 * np.pi) + parts)


def free(visits: int) -> tuple[np.ndarray, np.ndarray]:
    basis, start = [], []
    for a in range(visits):
        for b in range(a + 1):
            one = np.zeros((visits, visits))
            one[a, b] = one[b, a] = 1.0
            basis.append(one)
            start.append(1.0 if a == b else 0.0)
    return np.array(basis), np.array(start)


EXCHANGEABLE = (np.array([np.ones((3, 3)), np.eye(3)]), np.array([0.5, 0.5]))


@pytest.mark.parametrize(("basis", "start"), [EXCHANGEABLE, free(3)])
def test_maximum_is_that_of_the_dense_likelihood(basis: np.ndarray, start: np.ndarray) -> None:
    data = scores()
    found = visit_reml(*data, basis, start)
    assert found is not None
    top = dense(found.parameters, basis, *data)
    assert found.log_likelihood == pytest.approx(top, abs=1e-10)
    for j in range(start.size):  # a central difference is 0 to its own error, and a step either way is lower
        step = np.zeros(start.size)
        step[j] = 1e-4
        up, down = (dense(found.parameters + sign * step, basis, *data) for sign in (1, -1))
        assert abs(up - down) / 2e-4 < 1e-4
        assert up < top
        assert down < top
    # means and their covariance are those of generalised least squares
    score, design, patient, visit = data
    V = np.where(patient[:, None] == patient[None, :], found.covariance[np.ix_(visit, visit)], 0.0)
    information = design.T @ np.linalg.solve(V, design)
    np.testing.assert_allclose(found.coef_covariance, np.linalg.inv(information), rtol=1e-9)
    np.testing.assert_allclose(
        found.coef, np.linalg.solve(information, design.T @ np.linalg.solve(V, score)), rtol=1e-9
    )


def test_start_does_not_matter_and_a_wrong_one_is_none() -> None:
    data, (basis, start) = scores(seed=3), free(3)
    first = visit_reml(*data, basis, start)
    other = visit_reml(*data, basis, 30 * start)
    assert first is not None
    assert other is not None
    # at a maximum a parameter is known to about the root of the rounding, which depends on the machine
    np.testing.assert_allclose(first.parameters, other.parameters, rtol=2e-6)
    assert visit_reml(*data, basis, -start) is None


def test_covariance_that_the_visits_do_not_determine_is_none() -> None:
    """Visits 0 and 2 are never attended by the same patient."""
    score, design, patient, visit = scores(seed=5)
    both = np.isin(patient, np.intersect1d(patient[visit == 0], patient[visit == 2])) & (visit == 2)
    kept = ~both
    basis, start = free(3)
    assert visit_reml(score[kept], design[kept], patient[kept], visit[kept], basis, start) is None


def test_negative_correlation_is_a_maximum_outside_the_random_effects() -> None:
    rng = np.random.default_rng(1)
    wide = rng.normal(size=(60, 3))
    wide -= 0.9 * wide.mean(axis=1, keepdims=True)
    patient, visit = np.nonzero(np.ones_like(wide, dtype=bool))
    found = visit_reml(wide.ravel(), np.ones((180, 1)), patient, visit, *EXCHANGEABLE)
    assert found is not None
    assert found.parameters[0] < 0
