"""Derivatives of the partial likelihood in the linear predictors against finite differences."""

from __future__ import annotations

import numpy as np
import pytest

from lbp_prognosis._kernels import cox_data, cox_gradient, tied_events


@pytest.mark.parametrize("efron", [True, False])
@pytest.mark.parametrize("delayed", [True, False])
def test_gradient_and_expected_events(efron, delayed):
    rng = np.random.default_rng(2)
    n = 40
    time = rng.integers(2, 9, n).astype(float)
    entry = rng.integers(0, 2, n).astype(float) if delayed else None
    event = rng.random(n) < 0.6
    strata = rng.integers(0, 2, n)
    weights = rng.uniform(0.5, 2, n)
    data = cox_data(np.empty((n, 0)), time, event, entry=entry, strata=strata)
    tied = tied_events(data, data.sorted(weights), False)
    eta = rng.normal(size=n)
    _, gradient, expected = cox_gradient(data, tied, eta, efron=efron)
    h = 1e-5
    for i in range(n):
        step = np.zeros(n)
        step[i] = h
        up, down = (cox_gradient(data, tied, eta + sign * step, efron=efron) for sign in (1, -1))
        assert gradient[i] == pytest.approx((up[0] - down[0]) / (2 * h), abs=1e-7)
        assert expected[i] >= -(up[1][i] - down[1][i]) / (2 * h) - 1e-7  # bounds the curvature
    np.testing.assert_allclose(gradient + expected, weights * event, rtol=1e-12, atol=1e-14)
    assert gradient.sum() == pytest.approx(0, abs=1e-12)
