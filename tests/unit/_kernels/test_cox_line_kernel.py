"""The compiled one-column Cox fit against the general one."""

from __future__ import annotations

import numpy as np
import pytest

from lbp_prognosis._kernels import cox_data, cox_fit_prepared, cox_line


@pytest.mark.parametrize("ties", [1, 30])
@pytest.mark.parametrize("scale", [1e-3, 1.0, 40.0])
def test_slope_and_likelihoods_are_those_of_the_general_fit(ties, scale):
    rng = np.random.default_rng(ties)
    lp = scale * rng.normal(size=400) + 5
    time = np.ceil(rng.exponential(np.exp(-(lp - 5) / scale)) * 200 / ties) * ties
    event = rng.random(400) < 0.6
    data = cox_data(lp[:, None], time, event)
    fit, one = cox_fit_prepared(data), cox_fit_prepared(data, offset=lp, max_iter=1)
    converged, slope, loglik, null, fixed = cox_line(time, event, lp)
    assert converged
    want = [fit.coef[0], fit.loglik, fit.loglik_null, one.loglik_null]
    np.testing.assert_allclose([slope, loglik, null, fixed], want, rtol=1e-8)


def test_a_slope_that_runs_away_is_not_called_converged():
    time = np.arange(1.0, 21)
    converged, *_ = cox_line(time, np.ones(20, dtype=bool), -time)
    assert not converged
