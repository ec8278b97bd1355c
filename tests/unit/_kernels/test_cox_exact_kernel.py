"""The discrete likelihood against all subsets, and where its polynomials would leave double precision."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from scipy.special import gammaln

from lbp_prognosis import CoxPH, Surv
from lbp_prognosis._kernels import cox_fit


@pytest.mark.parametrize("spread", [0.1, 3.0, 60.0])
@pytest.mark.parametrize(("n", "d"), [(5, 1), (6, 3), (8, 7), (8, 8), (9, 4)])
def test_all_subsets(n, d, spread):
    rng = np.random.default_rng(n * d)
    X, offset = rng.normal(size=(n, 2)), rng.normal(size=n) * spread
    event = np.arange(n) < d
    # the likelihood is that of the coefficients before the last step, which is below 1e-7
    found = cox_fit(X, np.ones(n), event, offset=offset, ties="exact", penalty=np.full(2, 3.0))
    eta = X @ found.coef + offset
    chosen = [list(rows) for rows in combinations(range(n), d)]
    total = np.array([eta[rows].sum() for rows in chosen])
    share = np.exp(total - total.max())
    sums = np.array([X[rows].sum(axis=0) for rows in chosen])
    mean = share @ sums / share.sum()
    assert found.loglik == pytest.approx(eta[event].sum() - total.max() - np.log(share.sum()), abs=1e-6)
    np.testing.assert_allclose(found.gradient, X[event].sum(axis=0) - mean, atol=1e-6)
    spread_of_sums = (share[:, None] * (sums - mean)).T @ (sums - mean) / share.sum()
    np.testing.assert_allclose(found.information - 3 * np.eye(2), spread_of_sums, atol=1e-6)


def test_thousands_of_tied_events():
    """C(3000, 1500) is 1e901; a binary column has a closed form, by the hypergeometric distribution."""
    group = np.arange(3000) % 2
    event = np.where(group == 1, np.arange(3000) % 3000 < 1800, np.arange(3000) < 1200)
    model = CoxPH(ties="exact").fit(group[:, None].astype(float), Surv.right(np.ones(3000), event))
    d, ones = int(event.sum()), int((event & (group == 1)).sum())
    k = np.arange(max(0, d - 1500), min(d, 1500) + 1)
    log = 2 * gammaln(1501) - gammaln(k + 1) - gammaln(1501 - k) - gammaln(d - k + 1) - gammaln(1501 - d + k)
    log = log + k * model.coef_[0]
    share = np.exp(log - log.max())
    assert share @ k / share.sum() == pytest.approx(ones, rel=1e-9)
    assert model.log_likelihood_ == pytest.approx(ones * model.coef_[0] - log.max() - np.log(share.sum()), rel=1e-10)
