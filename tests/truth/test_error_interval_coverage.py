"""Intervals of standard errors of measurement cover the true ones, however much raters differ."""

from __future__ import annotations

import numpy as np
import pytest

from lbp_prognosis.evaluation.technical import icc

SETS = 1200
MONTE_CARLO = 3 * np.sqrt(0.95 * 0.05 / SETS)


@pytest.mark.slow
@pytest.mark.parametrize(("n", "k", "raters"), [(30, 2, 0.0), (30, 2, 0.5), (30, 2, 1.0), (30, 3, 0.3), (20, 5, 0.5)])
def test_coverage(n: int, k: int, raters: float) -> None:
    rng = np.random.default_rng([n, k, int(10 * raters)])
    truth = {"sem_agreement": np.sqrt(1 + raters**2), "sem_consistency": 1.0}
    hits = dict.fromkeys(truth, 0)
    for _ in range(SETS):
        x = rng.normal(0, 2, (n, 1)) + raters * rng.normal(size=(1, k)) + rng.normal(size=(n, k))
        limits = icc(x).limits
        for name, value in truth.items():
            hits[name] += limits[name][0] <= value <= limits[name][1]
    assert abs(hits["sem_consistency"] / SETS - 0.95) < MONTE_CARLO
    # where raters hardly differ, the interval of a sum of two variances covers a little more
    assert 0.95 - MONTE_CARLO < hits["sem_agreement"] / SETS < 0.985
