"""LongitudinalOutcome against nlme: gls with a free covariance, lme with random intercept and slope."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import norm
from syn import park_miller, syn

from lbp_prognosis import Measured
from lbp_prognosis.models import LongitudinalOutcome

pytest.importorskip("statsmodels")
R = json.loads((Path(__file__).parent / "r" / "mixed_visits.json").read_text(encoding="utf-8"))
N = 240


def scores() -> tuple:
    """The data of ``mixed_visits.R``."""
    z = norm.ppf(park_miller(20240501, 15 * N).reshape(N, 15)[:, :10])
    X = syn(n=N)[["c1", "p1"]]
    c1, p1, own = X.c1.to_numpy(), X.p1.to_numpy(), z[:, 7]
    y = np.column_stack(
        [
            5 + 0.8 * c1 + 0.5 * p1 + 1.2 * own + z[:, 1],
            4.5 + 0.7 * c1 + 0.6 * p1 + 1.4 * own + 1.1 * z[:, 2],
            4 + 0.5 * c1 + 0.9 * p1 + 1.1 * own + 1.5 * z[:, 9],
        ]
    )
    row = np.arange(1, N + 1)
    gone = (row % 2 == 0) & (y[:, 0] > 6)
    y[gone, 1] = np.nan
    y[gone & (row % 4 == 0), 2] = np.nan
    y[row % 17 == 0, 0] = np.nan
    visits = {visit: y[:, k] for k, visit in enumerate((1.5, 3.0, 6.0))}
    return X, Measured.at_visits(visits, lower=-20, upper=30, kind="continuous", at_most=4)


@pytest.mark.parametrize("case", ["exchangeable", "slope", "unstructured", "common"])
def test_nlme(case):
    X, y = scores()
    structure = "exchangeable" if case == "common" else case
    model = LongitudinalOutcome(covariance=structure, by_visit=["c1"] if case == "common" else "all").fit(X, y)
    expected = R[case]
    se = np.sqrt(np.diag(model.covariance_)).reshape(3, 3)
    if case == "common":
        got = [model.intercept_, [model.coef_[0, 1]], model.coef_[:, 0]]
        errors = [se[:, 0], [se[0, 2]], se[:, 1]]
    else:
        got, errors = [model.intercept_, *model.coef_.T], se.T
    # gls stops 1e-5 before its maximum (a brute-force twin in the unit tests says where that is), lme 1e-6
    far = 10.0 if case == "unstructured" else 1.0
    np.testing.assert_allclose(np.concatenate(got), expected["coef"], atol=1e-6 * far)
    np.testing.assert_allclose(np.concatenate(list(errors)), expected["se"], rtol=1e-6 * far)
    np.testing.assert_allclose(model.visit_covariance_, expected["covariance"], rtol=1e-5 * far)
    np.testing.assert_allclose(model.log_likelihood_, expected["loglik"], rtol=1e-9)
    assert model.log_likelihood_ >= expected["loglik"] - 1e-7
